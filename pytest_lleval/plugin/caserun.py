"""One item's turn as an eval case: what it was given, what it has asked, and the record that is left of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from ..core.errors import BudgetError, RefusedError
from ..core.records import Cause, Exchange, Record, Score
from ..scoring.grading import WHOLE, Grade
from .casebook import CasePlace, find_place

if TYPE_CHECKING:
    from .models import AttachedModel

__all__ = ["NO_MODEL", "CaseRun", "asks_model", "find_run", "forget_run", "is_measured", "uses_ours"]

#: stands for the model of a test that asks none through our fixtures
NO_MODEL = "own code"
_LONGEST = 4000
_FIXTURES = f"{__package__}.fixtures"
#: of pytest-timeout: a case that was ended is no wrong answer
_TIMEOUT = "from pytest-timeout"


class CaseRun:
    """What becomes of an eval case while it runs.

    :param item: the case
    :param place: what it stands for
    """

    def __init__(self, item: pytest.Item, place: CasePlace) -> None:
        self.item = item
        self.place = place
        self.grade = Grade(item.nodeid)
        #: whom it asks; None until it is known
        self.attached: AttachedModel | None = None
        #: seconds since 1970; 0 until its body has begun
        self.began = 0.0
        #: of its body, where that did not run in its own turn
        self.seconds: float | None = None
        self.is_recorded = False

    @property
    def must_pass(self) -> bool:
        """Whether it must pass, whatever a gate says."""
        row = self.place.row
        return self.place.suite.mark.demands(row.sample.id if row else self.place.sample)

    def judge(self, error: BaseException | None) -> Score | None:
        """Return the score of the whole case; None when it could not be measured.

        :param error: what the test has raised
        """
        if error is None:
            wrong = ", ".join(self.grade.failed)
            return Score(name=WHOLE, value=0.0 if wrong else 1.0, explanation=f"graded wrong: {wrong}" if wrong else "")
        if is_measured(error):
            return Score(name=WHOLE, value=0.0, explanation=str(error)[:_LONGEST])
        return None

    def make_record(self, passed: Score | None, error: BaseException | None) -> Record:
        """Return the record of the case.

        :param passed: what `judge` has said
        :param error: what the test has raised
        """
        place, calls = self.place, self.attached.exchanges if self.attached else ()
        sample = place.row.sample if place.row else None
        last = calls[-1] if calls else None
        return Record(
            case=self.item.nodeid,
            suite=place.suite.name,
            sample=place.sample,
            group=sample.group if sample else "",
            cluster=sample.cluster if sample else "",
            target=sample.targets if sample else (),
            model=self.model,
            epoch=place.epoch,
            outcome="scored" if passed else "unscored",
            cause=None if passed else _find_cause(error),
            error="" if passed else _describe(error),
            scores=(passed, *self.grade.scores) if passed else (),
            request=last.request if last else None,
            completion=last.completion if last else None,
            failures=last.failures if last else (),
            earlier=tuple(calls[:-1]),
            flags=tuple(sorted(self.attached.flags)) if self.attached else (),
            worker=_name_worker(self.item.config),
            started=_find_start(last, self.began),
        )

    @property
    def model(self) -> str:
        """The model it is about, as the user named it."""
        if self.attached is not None:
            return self.attached.identity.spec
        return self.place.spec.name if asks_model(self.item) else NO_MODEL


_RUN_KEY: pytest.StashKey[CaseRun | None] = pytest.StashKey()


def uses_ours(item: pytest.Item, name: str) -> bool:
    """Tell whether a test uses a fixture of ours: projects have models and samples of their own, under these names."""
    # private, and the only way to know before pytest sets the test up; without it nothing is taken for ours
    known: dict[str, Any] = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    found = known.get(name, ())
    return bool(found) and getattr(found[-1].func, "__module__", "") == _FIXTURES


def asks_model(item: pytest.Item) -> bool:
    """Tell whether a test asks a model through our fixtures."""
    return uses_ours(item, "backend")


def find_run(item: pytest.Item) -> CaseRun | None:
    """Return an item's turn as a case, the same until it is forgotten; None for one that is no case."""
    if _RUN_KEY not in item.stash:
        place = find_place(item)
        item.stash[_RUN_KEY] = CaseRun(item, place) if place else None
    return item.stash[_RUN_KEY]


def forget_run(item: pytest.Item) -> None:
    """Let go of an item's turn, which a later one of the same item begins anew."""
    if _RUN_KEY in item.stash:
        del item.stash[_RUN_KEY]


def is_measured(error: BaseException) -> bool:
    """Tell whether what a test has raised says that the answer is wrong: a failed assertion, and nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_measured, error.exceptions))
    if isinstance(error, pytest.fail.Exception):
        return not isinstance(error, pytest.xfail.Exception) and _TIMEOUT not in str(error)
    return isinstance(error, AssertionError)


def _find_cause(error: BaseException | None) -> Cause:
    if isinstance(error, BudgetError):
        return "budget"
    return "refused" if isinstance(error, RefusedError) else "error"


def _describe(error: BaseException | None) -> str:
    if error is None:
        return "it did not run"
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return (str(error) if isinstance(error, pytest.fail.Exception) else text)[:_LONGEST]


def _find_start(last: Exchange | None, began: float) -> float:
    return last.started if last else began or time.time()


def _name_worker(config: pytest.Config) -> str:
    """Return the name of this process in records."""
    return str(getattr(config, "workerinput", {}).get("workerid", "main"))
