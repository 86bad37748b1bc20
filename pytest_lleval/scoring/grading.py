"""Grades of one test case: what its author says of an answer, kept as scores."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from threading import Lock
from typing import Literal

from ..core.errors import UsageError
from ..core.records import Score
from .grade_inputs import HasText, read_answer, read_share, read_targets, show_value
from .text_checks import Check, check_contains, check_exact, check_pattern, check_similar, compile_pattern
from .value_checks import check_number, check_schema, read_numbers, read_tolerance

__all__ = ["WHOLE", "Grade", "Graded"]

#: the score of a whole case; no grade is called so
WHOLE = "pass"


class Graded(float):
    """A grade that was kept: a number from 0 to 1 that is true when it passes, so that it can be asserted.

    It passes when it is 1, or reaches the threshold it was made with; asking for less is a comparison, as in
    ``assert grade.similar(answer, target) >= 0.8``.
    """

    __slots__ = ("explanation", "name", "threshold")

    name: str
    explanation: str
    threshold: float

    def __new__(cls, value: float, name: str, explanation: str = "", threshold: float = 1.0) -> Graded:
        """Make a grade.

        :param value: from 0 to 1
        :param name: what was graded
        :param explanation: why the value is what it is
        :param threshold: the value from which it passes
        """
        graded = super().__new__(cls, value)
        graded.name, graded.explanation, graded.threshold = name, explanation, threshold
        return graded

    def __bool__(self) -> bool:
        return float(self) >= self.threshold

    def __repr__(self) -> str:
        limit = f", passes from {self.threshold:g}" if self.threshold != 1.0 or 0 < float(self) < 1 else ""
        reason = f": {self.explanation}" if self.explanation else ""
        # an explanation may quote a model, whose texts must not command the terminal
        shown = f"<{self.name} {self._show_number()}{limit}{reason}>"
        return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in shown)

    def _show_number(self) -> str:
        short = f"{float(self):.4g}"
        return short if (float(short) >= self.threshold) == bool(self) else float.__repr__(self)

    def __reduce__(self) -> tuple[type[Graded], tuple[float, str, str, float]]:
        return Graded, (float(self), self.name, self.explanation, self.threshold)


class Grade:
    """Collects what a test says of an answer; call it, or one of its checks, any number of times.

    Every grade has a name of its own in its case: the one given, else that of the check, counted from the second on
    (``exact``, ``exact_2``). Answers are texts or have one as their ``text``; where a target may be several, any of
    them is right. Each call returns the grade, which can be asserted, and need not be.

    :param case: the test's node id, for messages
    """

    def __init__(self, case: str = "") -> None:
        self._case = case
        self._scores: dict[str, Score] = {}
        self._failed: list[str] = []
        # a test may grade in a thread of its own
        self._lock = Lock()

    def __repr__(self) -> str:
        return "grade"

    @property
    def scores(self) -> tuple[Score, ...]:
        """All grades so far, in order."""
        with self._lock:
            return tuple(self._scores.values())

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the grades that say no: 0, or below the threshold they were made with.

        One between 0 and 1 without a threshold is a measurement, and says neither yes nor no.
        """
        with self._lock:
            return tuple(self._failed)

    def __call__(self, value: object, *, name: str | None = None, explanation: str = "") -> Graded:
        """Keep a grade of the test's own making.

        :param value: a bool, or a number from 0 to 1; those of numpy are accepted
        :param name: what was graded
        :param explanation: why the value is what it is
        :raises UsageError: when the value is anything else, or the name is taken
        """
        share = read_share(value, "a grade", self._place(None))
        return self._keep(Check(value=share, explanation=explanation), name, "grade")

    def exact(
        self,
        text: str | HasText,
        target: str | Collection[str],
        *,
        ignore_case: bool = False,
        strip: bool = True,
        name: str | None = None,
    ) -> Graded:
        """Give 1 when the whole text is the target.

        :param text: the answer
        :param target: what is right, one text or several
        :param ignore_case: compare without regard to case
        :param strip: leave out white space around text and target
        :param name: what was graded
        :raises UsageError: when text or target are no texts, or the name is taken
        """
        place = self._place("exact")
        answer, targets = read_answer(text, place), read_targets(target, "target", place)
        return self._keep(check_exact(answer, targets, ignore_case=ignore_case, strip=strip), name, "exact")

    def contains(
        self,
        text: str | HasText,
        needle: str | Collection[str],
        *,
        how: Literal["any", "all"] = "any",
        ignore_case: bool = False,
        name: str | None = None,
    ) -> Graded:
        """Give 1 when the needle occurs in the text.

        :param text: the answer
        :param needle: what to look for, one text or several
        :param how: whether any of several is enough, or all must occur
        :param ignore_case: compare without regard to case
        :param name: what was graded
        :raises UsageError: when text or needle are no texts, a needle is empty, or the name is taken
        """
        place = self._place("contains")
        answer, needles = read_answer(text, place), read_targets(needle, "needle", place)
        if not all(needles):
            raise UsageError(f"{place}: an empty needle occurs everywhere; give a text to look for")
        if how not in ("any", "all"):
            raise UsageError(f"{place}: how={how!r} is neither 'any' nor 'all'; write one of them")
        return self._keep(check_contains(answer, needles, how=how, ignore_case=ignore_case), name, "contains")

    def regex(
        self, text: str | HasText, pattern: str | re.Pattern[str], *, flags: int = 0, name: str | None = None
    ) -> Graded:
        """Give 1 when a regular expression matches anywhere in the text.

        :param text: the answer
        :param pattern: the expression, as a text or compiled
        :param flags: those of `re`, e.g. ``re.IGNORECASE``
        :param name: what was graded
        :raises UsageError: when it is no regular expression, the text is no text, or the name is taken
        """
        place = self._place("regex")
        answer, compiled = read_answer(text, place), compile_pattern(pattern, flags, place)
        return self._keep(check_pattern(answer, compiled), name, "regex")

    def numeric(
        self,
        text: str | HasText,
        target: str | float | Decimal | Collection[str | float | Decimal],
        *,
        tolerance: float | Decimal = 0,
        name: str | None = None,
    ) -> Graded:
        """Give 1 when the number of the text is the target.

        The number is what follows the first ``####``, the notation of GSM8K, else the last one of the text, read as
        `number_flexible` does. A number with an exponent is read where it is the whole text.

        :param text: the answer
        :param target: what is right, one number or several; texts such as ``1,450`` or ``… #### 18`` are read
        :param tolerance: how far they may be apart
        :param name: what was graded
        :raises UsageError: when the target is no number, the text is no text, or the name is taken
        """
        place = self._place("numeric")
        answer, targets = read_answer(text, place), read_numbers(target, place)
        return self._keep(check_number(answer, targets, read_tolerance(tolerance, place)), name, "numeric")

    def json_schema(
        self, text: str | HasText, schema: Mapping[str, object] | bool, *, name: str | None = None
    ) -> Graded:
        """Give 1 when the text is JSON that a JSON schema allows; it may stand in a fenced block, the last one counts.

        :param text: the answer
        :param schema: the schema, of draft 2020-12 unless its ``$schema`` says another
        :param name: what was graded
        :raises UsageError: when it is no schema, jsonschema is not installed, the text is no text, or the name is taken
        """
        place = self._place("json_schema")
        return self._keep(check_schema(read_answer(text, place), schema, place), name, "json_schema")

    def similar(
        self,
        text: str | HasText,
        target: str | Collection[str],
        *,
        threshold: float | None = None,
        name: str | None = None,
    ) -> Graded:
        """Give the share of characters the text has in common with the target, in order: rapidfuzz's ``ratio``.

        :param text: the answer
        :param target: what is right, one text or several, of which the nearest counts
        :param threshold: the value from which the grade passes; without it only 1 does
        :param name: what was graded
        :raises UsageError: when text or target are no texts, the threshold is not in 0..1, rapidfuzz is not installed,
            or the name is taken
        """
        place = self._place("similar")
        answer, targets = read_answer(text, place), read_targets(target, "target", place)
        limit = None if threshold is None else read_share(threshold, "a threshold", place)
        return self._keep(check_similar(answer, targets, place), name, "similar", limit)

    def _keep(self, check: Check, name: str | None, default: str, threshold: float | None = None) -> Graded:
        if name is not None and (not isinstance(name, str) or not name.strip()):
            raise UsageError(
                f"{self._place(None)}: the name {show_value(name)} is no name; give a text or leave it out"
            )
        if name == WHOLE:
            raise UsageError(f"{self._place(None)}: {name!r} is the score of the whole case; name the grade otherwise")
        limit = 1.0 if threshold is None else threshold
        with self._lock:
            chosen = self._find_free(default) if name is None else name
            if chosen in self._scores:
                raise UsageError(
                    f"{self._place(None)}: {chosen!r} was graded already; two values under one name would mix, "
                    f"give this one another, e.g. {self._find_free(chosen)!r}"
                )
            self._scores[chosen] = Score(
                name=chosen, value=check.value, answer=check.answer, explanation=check.explanation
            )
            if check.value == 0 or (threshold is not None and check.value < threshold):
                self._failed.append(chosen)
        return Graded(check.value, chosen, check.explanation, limit)

    def _find_free(self, name: str) -> str:
        free, number = name, 1
        while free in self._scores:
            number += 1
            free = f"{name}_{number}"
        return free

    def _place(self, check: str | None) -> str:
        return ("grade" if check is None else f"grade.{check}") + (f" in {self._case}" if self._case else "")
