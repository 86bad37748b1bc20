"""The scorers for suites: those that compare text are here, letters and numbers have modules of their own.

Every scorer is a pure function of sample and completion: no clock, no network, no state. No text a model can write
makes one raise; a sample that cannot be scored at all (no target, no such letter) raises `SuiteError`, because that is
the suite's fault and must not be counted as a wrong answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..core.contracts import Scorer
from ..core.errors import SuiteError
from ..core.records import Completion, Sample, Score
from .letters import choice, choice_logprob
from .numbers import number_flexible, number_strict

__all__ = ["choice", "choice_logprob", "exact", "includes", "number_flexible", "number_strict", "pattern"]


def exact(*, name: str = "exact", ignore_case: bool = True, strip: bool = True) -> Scorer:
    """Return a scorer that gives 1 when the whole text is one of the targets.

    :param name: the name its scores carry
    :param ignore_case: compare without regard to case
    :param strip: leave out white space around text and target
    """
    return _Exact(name=name, ignore_case=ignore_case, strip=strip)


def includes(*, name: str = "includes", ignore_case: bool = True) -> Scorer:
    """Return a scorer that gives 1 when one of the targets occurs anywhere in the text.

    :param name: the name its scores carry
    :param ignore_case: compare without regard to case
    :raises SuiteError: when scoring a sample whose targets are all empty, for an empty text occurs everywhere
    """
    return _Includes(name=name, ignore_case=ignore_case)


def pattern(regex: str, *, group: int | str | None = None, name: str = "pattern", ignore_case: bool = True) -> Scorer:
    """Return a scorer that compares what a regular expression captures with the targets.

    :param regex: searched for in the text; the first match counts
    :param group: number or name of the group that holds the answer; without it the first group, or the whole match
        where there is none
    :param name: the name its scores carry
    :param ignore_case: compare the captured text without regard to case (the expression itself is used as written)
    :raises SuiteError: when `regex` is no regular expression, or has no such group
    """
    try:
        compiled = re.compile(regex)
    except re.error as error:
        raise SuiteError(f"pattern({regex!r}): not a regular expression: {error}") from error
    chosen = (1 if compiled.groups else 0) if group is None else group
    if chosen not in {*range(compiled.groups + 1), *compiled.groupindex}:
        raise SuiteError(f"pattern({regex!r}): has no group {chosen!r}")
    return _Pattern(regex=compiled, group=chosen, name=name, ignore_case=ignore_case)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Exact:
    name: str
    ignore_case: bool
    strip: bool

    def __call__(self, sample: Sample, completion: Completion) -> Score:
        answer = self._normalize(completion.text)
        right = answer in {self._normalize(target) for target in sample.targets}
        return Score(
            name=self.name, value=float(right), answer=completion.text.strip() if self.strip else completion.text
        )

    def _normalize(self, text: str) -> str:
        return _fold(text.strip() if self.strip else text, self.ignore_case)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Includes:
    name: str
    ignore_case: bool

    def __call__(self, sample: Sample, completion: Completion) -> Score:
        targets = [target for target in sample.targets if target]
        if not targets:
            raise SuiteError(f"scorer {self.name!r}: sample {sample.id!r} has no target to look for")
        text = _fold(completion.text, self.ignore_case)
        found = next((target for target in targets if _fold(target, self.ignore_case) in text), None)
        explanation = "" if found is not None else f"none of {targets!r} occurs"
        return Score(name=self.name, value=float(found is not None), answer=found, explanation=explanation)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pattern:
    regex: re.Pattern[str]
    group: int | str
    name: str
    ignore_case: bool

    def __call__(self, sample: Sample, completion: Completion) -> Score:
        match = self.regex.search(completion.text)
        captured = match.group(self.group) if match else None
        if captured is None:
            return Score(name=self.name, value=0.0, explanation=f"nothing matches {self.regex.pattern!r}")
        answer = captured.strip()
        wanted = {_fold(target.strip(), self.ignore_case) for target in sample.targets}
        return Score(name=self.name, value=float(_fold(answer, self.ignore_case) in wanted), answer=answer)


def _fold(text: str, ignore_case: bool) -> str:
    return text.casefold() if ignore_case else text
