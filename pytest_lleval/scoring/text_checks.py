"""Checks of an answer's text: what they find, as a value in 0..1, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..core.errors import UsageError
from ..core.extras import import_extra

__all__ = ["Check", "check_contains", "check_exact", "check_pattern", "check_similar", "clip_text", "compile_pattern"]

#: of a text in an explanation, so that pytest shows all of it on one line
_SHOWN = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What a check has found: a value in 0..1, the answer it read, and why the value is what it is."""

    value: float
    answer: str | None = None
    explanation: str = ""


def check_exact(text: str, targets: Sequence[str], *, ignore_case: bool, strip: bool) -> Check:
    """Give 1 when the whole text is one of the targets."""
    got = text.strip() if strip else text
    wanted = [target.strip() if strip else target for target in targets]
    if got in wanted or (ignore_case and got.casefold() in {target.casefold() for target in wanted}):
        return Check(value=1.0, answer=got)
    explanation = _show_difference(got, wanted)
    if got.casefold() in {target.casefold() for target in wanted}:
        explanation += "; only the case differs"
    elif got.strip() in {target.strip() for target in wanted}:
        explanation += "; only the white space around it differs"
    return Check(value=0.0, answer=got, explanation=explanation)


def check_contains(text: str, needles: Sequence[str], *, how: Literal["any", "all"], ignore_case: bool) -> Check:
    """Give 1 when any, or all, of the needles occur in the text."""
    place = text.casefold() if ignore_case else text
    missing = [needle for needle in needles if (needle.casefold() if ignore_case else needle) not in place]
    found = [needle for needle in needles if needle not in missing]
    if found and (how == "any" or not missing):
        return Check(value=1.0, answer=found[0] if how == "any" else ", ".join(found))
    several = f"{len(found)} of {len(needles)} occur; " if how == "all" and found else ""
    explanation = f"{several}{_list_texts(missing, 'and')} not in {clip_text(text)}"
    if not ignore_case and all(needle.casefold() in text.casefold() for needle in missing):
        explanation += "; only the case differs"
    return Check(value=0.0, explanation=explanation)


def check_pattern(text: str, pattern: re.Pattern[str]) -> Check:
    """Give 1 when the regular expression matches anywhere in the text."""
    match = pattern.search(text)
    if match is None:
        return Check(value=0.0, explanation=f"nothing matches {clip_text(pattern.pattern)} in {clip_text(text)}")
    return Check(value=1.0, answer=match[0])


def check_similar(text: str, targets: Sequence[str], place: str) -> Check:
    """Give the similarity to the nearest target: 1 for equal texts, 0 for texts without a character in common.

    It is rapidfuzz's ``ratio``, the normalised Indel similarity: twice the length of the longest common subsequence
    over the sum of both lengths. White space around a text is left out; case counts.

    :raises UsageError: when rapidfuzz is not installed
    """
    fuzz = import_extra(place, "rapidfuzz.fuzz", "rapidfuzz", "cases")
    got = text.strip()
    ratios = [float(fuzz.ratio(got, target.strip())) / 100 for target in targets]
    best = max(range(len(targets)), key=ratios.__getitem__)
    nearest = targets[best].strip()
    explanation = "" if got == nearest else _show_difference(got, [nearest])
    return Check(value=ratios[best], answer=got, explanation=explanation)


def clip_text(text: str, start: int = 0, limit: int = _SHOWN) -> str:
    """Return a part of a text in quotes, with dots where something was left out."""
    part = text[start : start + limit]
    return ("…" if start else "") + repr(part) + ("…" if start + limit < len(text) else "")


def compile_pattern(pattern: str | re.Pattern[str], flags: int, place: str) -> re.Pattern[str]:
    """Compile a regular expression.

    :param place: where it was written, for the message
    :raises UsageError: when it is none
    """
    try:
        compiled = re.compile(pattern, flags)
    except (re.error, TypeError, ValueError) as error:
        raise UsageError(f"{place}: the pattern {pattern!r} is no regular expression: {error}") from None
    if not isinstance(compiled.pattern, str):
        raise UsageError(f"{place}: the pattern {pattern!r} is for bytes; write it as a str")
    return compiled


def _show_difference(got: str, wanted: Sequence[str]) -> str:
    if len(wanted) > 1:
        return f"got {clip_text(got)}, expected {_list_texts(wanted, 'or')}"
    if max(len(got), len(wanted[0])) <= _SHOWN:
        return f"got {got!r}, expected {wanted[0]!r}"
    pairs = enumerate(zip(got, wanted[0], strict=False))
    first = next((index for index, (ours, theirs) in pairs if ours != theirs), min(len(got), len(wanted[0])))
    start = max(0, first - _SHOWN // 3)
    shown = f"got {clip_text(got, start)}, expected {clip_text(wanted[0], start)}"
    return f"{shown}; they differ from character {first}"


def _list_texts(texts: Sequence[str], word: str) -> str:
    shown = [clip_text(text, limit=_SHOWN // 2) for text in texts[:3]]
    more = [f"{len(texts) - 3} more"] if len(texts) > 3 else []
    return f" {word} ".join([*shown, *more])
