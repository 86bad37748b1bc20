"""Suite cases as light pytest items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

from ..core.errors import LlevalError, UsageError
from ..core.matrix import MATRIX
from ..core.records import Case
from ..execution.ledger import Entry
from ..reports.escaping import escape_text
from .state import find_session

__all__ = ["CaseItem", "SuiteCollector", "UnscoredError", "collect_suites", "explain_unscored", "split_arguments"]


class UnscoredError(Exception):
    """A case could not be scored; its message is all there is to say, a traceback would say nothing more."""


class CaseItem(pytest.Item):
    """One sample asked of one model."""

    def __init__(self, *, case: Case, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.case = case

    def runtest(self) -> None:
        """Wait for the case's records; the calls of the cases behind it are in flight meanwhile.

        :raises UnscoredError: when an epoch could not be scored
        """
        find_session(self.config).run_case(self)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show an unscored case in its own words and anything else with its traceback."""
        if isinstance(excinfo.value, UnscoredError):
            return escape_text(str(excinfo.value), keep="\n")
        return super().repr_failure(excinfo, style)

    @property
    def location(self) -> tuple[str, int | None, str]:
        """Suite and case; there is no file and no line."""
        return self.case.suite, None, self.name

    def reportinfo(self) -> tuple[str, int, str]:
        """As `location`, with the line that pytest's report of a skip insists on."""
        return self.case.suite, 0, self.name


class SuiteCollector(pytest.Collector):
    """All cases of one suite."""

    def __init__(self, *, cases: Sequence[Case], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._cases = cases

    def collect(self) -> Iterator[CaseItem]:
        """Yield the cases in the order of the plan."""
        for case in self._cases:
            yield CaseItem.from_parent(self, name=case.id.partition("::")[2], nodeid=case.id, case=case)


class BrokenCollector(pytest.Collector):
    """Stands for suites that a worker could not load."""

    def __init__(self, *, problem: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._problem = problem

    def collect(self) -> Iterator[pytest.Item]:
        """Fail.

        :raises CollectError: always
        """
        raise self.CollectError(self._problem)


def collect_suites(session: pytest.Session) -> list[pytest.Item]:
    """Return the items of all suites, reduced to the node ids given on the command line, if any were.

    :raises UsageError: for a node id that names no case
    """
    run = find_session(session.config)
    try:
        plan = run.load_plan()
        chosen = [name for name in run.chosen_node_ids if not (run.settings.matrix and name.startswith(f"{MATRIX}::"))]
        what = f"this run, which is shard {run.settings.shard}" if run.settings.shard else "this run"
        cases = plan.cases if not run.chosen_node_ids else list(_pick_cases(plan.cases, chosen, what))
    except LlevalError as error:
        if run.is_worker:
            # the controller hears of a collector that failed, and of nothing else that goes wrong here
            return list(session.genitems(BrokenCollector.from_parent(session, name="lleval", problem=str(error))))
        raise pytest.UsageError(str(error)) from error
    items: list[pytest.Item] = []
    for name in plan.plans:
        collector = SuiteCollector.from_parent(
            session, name=name, nodeid=name, cases=[case for case in cases if case.suite == name]
        )
        items += session.genitems(collector)
    return items


def _pick_cases(cases: Sequence[Case], chosen: Sequence[str], what: str) -> Iterable[Case]:
    """Keep the cases a node id names: whole, without its model, or a suite's name alone."""
    found: set[str] = set()
    for case in cases:
        names = {case.id, case.id.rpartition("[")[0], f"{case.suite}::"}
        hits = names.intersection(chosen)
        found |= hits
        if hits:
            yield case
    for name in chosen:
        if name not in found:
            raise UsageError(f"not found: {name!r} names no case of {what}; `--collect-only -q` lists them")


def explain_unscored(failed: Sequence[Entry], epochs: int) -> str:
    """Say why a case could not be scored.

    :param failed: its epochs that could not
    :param epochs: how many were asked
    """
    first = failed[0]
    if first.cause == "decided":
        return first.error
    several = f" ({len(failed)} of {epochs} epochs)" if epochs > 1 else ""
    return f"unscored: {first.cause}{several}: {first.error}"


def split_arguments(arguments: Sequence[str], suites: Iterable[str]) -> tuple[list[str], list[str]]:
    """Split pytest's positional arguments into node ids of suite cases and everything else."""
    starts = tuple(f"{name}::" for name in suites)
    ours = [argument for argument in arguments if argument.startswith(starts)] if starts else []
    return ours, [argument for argument in arguments if argument not in ours]
