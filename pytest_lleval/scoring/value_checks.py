"""Checks of what an answer's text says: a number, or JSON of a schema."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from numbers import Real
from typing import Any, NoReturn

from ..core.errors import UsageError
from ..core.extras import import_extra
from ..core.records import Completion, Sample
from .grade_inputs import show_value
from .numbers import number_flexible, number_strict, parse_number
from .text_checks import Check, clip_text

__all__ = ["check_number", "check_schema", "read_numbers", "read_tolerance"]

#: a text that is a number with an exponent as a whole; three digits of it are more than a float can hold
_SCIENTIFIC = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]{1,3}")
_READERS = (number_strict(), number_flexible())
#: what the readers ask for besides the text; any target will do
_ANY = Sample(id="any", input="", target="0")
_FENCE = re.compile(r"^[ \t]*```[ \t]*(?:json|JSON)?[ \t]*\r?\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)


def check_number(text: str, targets: Sequence[Decimal], tolerance: Decimal) -> Check:
    """Give 1 when the number of the text is within the tolerance of one of the targets.

    It is the number after the first ``####`` where there is one, else the last number of the text.
    """
    shown, number = _find_number(text)
    wanted = " or ".join(f"{target:g}" for target in targets[:3]) + (" or another" if len(targets) > 3 else "")
    if shown is None:
        return Check(value=0.0, explanation=f"no number in {clip_text(text)}, expected {wanted}")
    if number is None:
        return Check(value=0.0, answer=shown, explanation=f"{clip_text(shown)} is not one number, expected {wanted}")
    if any(abs(number - target) <= tolerance for target in targets):
        return Check(value=1.0, answer=shown)
    within = f" within {tolerance:g}" if tolerance else ""
    return Check(value=0.0, answer=shown, explanation=f"got {shown}, expected {wanted}{within}")


def read_numbers(targets: object, place: str) -> list[Decimal]:
    """Return one number or several, written as numbers or as texts such as ``1,450`` or GSM8K's ``… #### 18``.

    :param place: where they were written, for the message
    :raises UsageError: when there is none, or one is no number
    """
    several = isinstance(targets, Collection) and not isinstance(targets, (str, bytes, Mapping))
    listed = list(targets) if several and isinstance(targets, Collection) else [targets]
    if not listed:
        raise UsageError(f"{place}: the list of targets is empty; give a number or a list of them")
    return [_read_number(target, "target", place) for target in listed]


def read_tolerance(tolerance: object, place: str) -> Decimal:
    """Return how far a number may be from its target.

    :param place: where it was written, for the message
    :raises UsageError: when it is no number, or below 0
    """
    number = _read_number(tolerance, "tolerance", place)
    if number < 0:
        raise UsageError(f"{place}: the tolerance {tolerance!r} is below 0; give 0 or a positive number")
    return number


def check_schema(text: str, schema: object, place: str) -> Check:
    """Give 1 when the text, or the fenced block in it, is JSON that the schema allows; ``$ref`` stays in the schema.

    :param place: where the schema was written, for the message
    :raises UsageError: when it is no JSON schema, or jsonschema is not installed
    """
    validator = _make_validator(schema, place)
    value, problem = _parse(text)
    if problem:
        return Check(value=0.0, explanation=f"not JSON: {problem} in {clip_text(text)}")
    jsonschema = import_extra(place, "jsonschema", "jsonschema", "cases")
    referencing = import_extra(place, "referencing.exceptions", "jsonschema", "cases")
    try:
        found = jsonschema.exceptions.best_match(validator.iter_errors(value))
        answer = json.dumps(value, ensure_ascii=False)
    except (RecursionError, OverflowError) as problem:
        return Check(value=0.0, explanation=f"too deep or too large to check ({problem}): {clip_text(text)}")
    except referencing.Unresolvable as error:
        raise UsageError(f"{place}: the schema refers to {error.ref!r}, which it does not hold; put it in") from None
    except re.error as error:
        raise UsageError(f"{place}: not a JSON schema: {error.pattern!r} is no regular expression: {error}") from None
    if found is None:
        return Check(value=1.0, answer=answer)
    message = found.message if len(found.message) <= 120 else found.message[:60] + "…" + found.message[-60:]
    return Check(value=0.0, answer=answer, explanation=f"at {found.json_path}: {message}")


def _find_number(text: str) -> tuple[str | None, Decimal | None]:
    if _SCIENTIFIC.fullmatch(text.strip()):
        return text.strip(), Decimal(text.strip())
    for reader in _READERS:
        score = reader(_ANY, Completion(text=text, model=""))
        if score.answer is not None:
            return score.answer, parse_number(score.answer)
    return None, None


def _read_number(value: object, what: str, place: str) -> Decimal:
    number: Decimal | None = None
    if isinstance(value, str):
        number = parse_number(value)
        if number is None and ("####" in value or _SCIENTIFIC.fullmatch(value.strip())):
            number = _find_number(value)[1]
    elif not isinstance(value, bool) and isinstance(value, (Real, Decimal)):
        try:
            # by its shortest text, so that 0.1 is the 0.1 of an answer and not its neighbour in binary
            number = Decimal(str(value))
        except InvalidOperation:
            number = None
    if number is None or not number.is_finite():
        raise UsageError(f"{place}: the {what} {show_value(value)} is not a number; give one, e.g. 18 or '1,450.5'")
    return number


def _make_validator(schema: object, place: str) -> Any:
    jsonschema = import_extra(place, "jsonschema", "jsonschema", "cases")
    referencing = import_extra(place, "referencing", "jsonschema", "cases")
    if not isinstance(schema, (Mapping, bool)):
        raise UsageError(f"{place}: {show_value(schema)} is no JSON schema; give a dict")
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise UsageError(f"{place}: not a JSON schema: at {error.json_path}: {error.message}") from None
    # with a registry of its own it asks no other machine for what a schema refers to
    return kind(schema, registry=referencing.Registry())


def _parse(text: str) -> tuple[Any, str]:
    """Return the JSON value of a text, or of the last fenced block in it, and what is wrong with it if anything is."""
    blocks = _FENCE.findall(text)
    problem = ""
    for part in (text, *blocks[-1:]):
        try:
            return json.loads(part, parse_constant=_refuse), ""
        except (ValueError, RecursionError) as error:
            problem = str(error)
    return None, problem


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
