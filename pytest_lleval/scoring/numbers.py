"""Scorers that compare the final number of a text with the target, as lm-evaluation-harness does for GSM8K.

The two expressions are those of its task ``gsm8k`` (version 3.0), filters ``strict-match`` and ``flexible-extract``.
What they find is compared as a number, so 18 and 18.0 are the same; nothing is ever evaluated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from ..core.contracts import Scorer
from ..core.errors import SuiteError
from ..core.records import Completion, Sample, Score

__all__ = ["number_flexible", "number_strict", "parse_number"]

_STRICT = re.compile(r"#### (\-?[0-9\.\,]+)")
_FLEXIBLE = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")
_PLAIN = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
#: what a reader may be shown of a captured text, which a model can make as long as it likes
_SHOWN = 80


def number_strict(*, name: str = "strict") -> Scorer:
    """Return a scorer that reads the number after the first ``####``, the notation of GSM8K's own answers.

    :param name: the name its scores carry
    :raises SuiteError: when scoring a sample whose target is not a number
    """
    return _Number(name=name, mode="strict")


def number_flexible(*, name: str = "flexible") -> Scorer:
    """Return a scorer that reads the last number of the text.

    Two differences to lm-evaluation-harness: a run of dots, commas and dollar signs without a digit, such as a closing
    ``...``, is no number and is passed over; and all dots at the end of a number are left out, not only one.

    :param name: the name its scores carry
    :raises SuiteError: when scoring a sample whose target is not a number
    """
    return _Number(name=name, mode="flexible")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Number:
    name: str
    mode: Literal["strict", "flexible"]

    def __call__(self, sample: Sample, completion: Completion) -> Score:
        wanted = [_parse_target(target, sample.id, self.name) for target in sample.targets]
        text = _find_strict(completion.text) if self.mode == "strict" else _find_last(completion.text)
        if text is None:
            missing = "no '#### NUMBER' in the text" if self.mode == "strict" else "no number in the text"
            return Score(name=self.name, value=0.0, explanation=missing)
        number = parse_number(text)
        explanation = "" if number is not None else "what was found is not one number"
        shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
        return Score(name=self.name, value=float(number in wanted), answer=shown, explanation=explanation)


def parse_number(text: str) -> Decimal | None:
    """Read a number with optional thousands commas, dollar sign and trailing dots; `None` when it is none.

    :param text: e.g. ``-1,450,000``, ``$18.00`` or ``18.``
    """
    plain = text.strip().replace(",", "").replace("$", "").rstrip(".")
    return Decimal(plain) if _PLAIN.fullmatch(plain) else None


def _parse_target(target: str, sample: str, scorer: str) -> Decimal:
    number = parse_number(target)
    if number is None:
        raise SuiteError(f"scorer {scorer!r}: the target {target!r} of sample {sample!r} is not a number")
    return number


def _find_strict(text: str) -> str | None:
    match = _STRICT.search(text)
    return match.group(1) if match else None


def _find_last(text: str) -> str | None:
    found: str | None = None
    for match in _FLEXIBLE.finditer(text):
        if any(sign.isdecimal() for sign in match.group()):
            found = match.group()
    return found
