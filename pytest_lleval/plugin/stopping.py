"""Ends a suite when its gates are decided: watches the ledger and tells whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..analysis.stopping import GateWatch, SuiteWatch, check_decidable, share_alpha
from ..core.errors import UsageError
from ..core.gates import Comparison, Threshold
from ..core.records import Case
from ..core.results import Baseline
from ..core.settings import Settings
from ..execution.ledger import Entry, Ledger
from ..execution.planning import RunPlan

__all__ = ["Stopper"]

Part = tuple[str, str]


class Stopper:
    """Watches the gates of a session; records may come in any order and thread, one at a time.

    :param settings: of the session
    :param plan: of the run
    :param baseline: what it is compared with
    :param ledger: of the session
    :raises UsageError: for a gate that cannot be decided sample by sample
    """

    def __init__(self, settings: Settings, plan: RunPlan, baseline: Baseline | None, ledger: Ledger) -> None:
        self._ledger = ledger
        self._watches: dict[Part, SuiteWatch] = {}
        self._hearers: list[Callable[[str, str], None]] = []
        #: suites and models whose gates are all decided
        self.decided: list[Part] = []
        gates: list[Threshold | Comparison] = [*settings.gates, *settings.comparisons]
        check_decidable(gates)
        clustered = next((case for case in plan.cases if case.sample.cluster), None)
        if clustered is not None:
            raise UsageError(
                f"--lleval-stop=decided: the samples of {clustered.suite!r} come in clusters (e.g. "
                f"{clustered.sample.cluster!r}), and are no independent draws one by one: leave it out"
            )
        for part, order in _list_orders(plan.cases).items():
            watches = _watch_gates(part, gates, baseline)
            if watches:
                self._watches[part] = SuiteWatch(order, watches)

    def listen(self, hear: Callable[[str, str], None]) -> None:
        """Tell somebody of every suite and model that is decided, those included that are so already."""
        self._hearers.append(hear)
        for part in self.decided:
            hear(*part)

    def enter(self, case: Case) -> None:
        """Hear that every epoch of a case has its record."""
        part = case.suite, case.model
        watch = self._watches.get(part)
        if watch is None or part in self.decided:
            return
        watch.enter(case.sample.id, case.sample.group, _average(self._ledger.find(case.id)))
        if watch.decided:
            self.decided.append(part)
            for hear in self._hearers:
                hear(*part)


def _list_orders(cases: Sequence[Case]) -> dict[Part, list[str]]:
    orders: dict[Part, list[str]] = {}
    for case in cases:
        orders.setdefault((case.suite, case.model), []).append(case.sample.id)
    return orders


def _watch_gates(part: Part, gates: Sequence[Threshold | Comparison], baseline: Baseline | None) -> list[GateWatch]:
    base = baseline.find(*part) if baseline else None
    mine = [gate for gate in gates if gate.suite in (None, part[0])]
    compared = sum(isinstance(gate, Comparison) for gate in mine)
    return [GateWatch(gate, *part, base, alpha=share_alpha(gate, compared)) for gate in mine]


def _average(entries: Sequence[Entry]) -> dict[str, float]:
    """Return the mean of each scorer's values over the epochs that could be scored."""
    values: dict[str, list[float]] = {}
    for entry in entries:
        for name, value in entry.scores if entry.scored else ():
            values.setdefault(name, []).append(value)
    return {name: sum(found) / len(found) for name, found in values.items()}
