"""What a session is held to, and what it is to write: gates, a baseline, planted answers, known failures, reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.gates import GateResult
from ..core.results import Baseline
from ..core.settings import Settings
from ..execution.canaries import check_canaries
from ..execution.known_failures import KnownFailures, encode_known_failures, load_known_failures
from ..execution.planning import RunPlan
from ..reports.holding import find_unmeasured
from .baselines import check_baseline, check_gates, check_target, find_baseline, save_baseline

if TYPE_CHECKING:
    from ..reports.view import RunView

__all__ = ["Rulebook"]


class Rulebook:
    """Refuses what cannot be judged before anything is asked; at the end says what keeps a session from ending well.

    :param settings: of the session
    :param root: what relative paths of evidence are relative to
    :param folder: where the session was started, to which reports are relative
    """

    def __init__(self, settings: Settings, root: Path, folder: Path) -> None:
        self._settings = settings
        self._reports = [folder / name for name in settings.reports]
        self._root = root
        #: the file or run that is compared with, and its results
        self.baseline: Path | None = None
        self.compared: Baseline | None = None
        self.known_failures = KnownFailures()
        self._planted: list[dict[str, Any]] = []
        #: the baseline file that was written, and why none was; one of them is empty where one was asked for
        self.saved = ""
        self.unsaved = ""

    def prepare(self, plan: RunPlan) -> None:
        """Read what is compared with, and refuse what does not fit.

        :param plan: of the run; without suites where tests alone are run
        :raises LlevalError: naming it
        """
        if self._settings.baseline is not None:
            from ..reports.view import load_baseline  # only where something is compared with

            self.baseline = find_baseline(self._root, self._settings.baseline)
            self.compared = load_baseline(self.baseline)
            check_baseline(self.compared, plan.describe())
        check_gates(self._settings, plan.plans)
        check_target(self._settings, self._root)
        if self._reports:
            from ..reports.writing import check_report_files  # only where reports are asked for

            check_report_files("--lleval-report", self._reports)
        self.known_failures = load_known_failures(self._root, self._settings.known_failures)
        if self._settings.canaries:
            self._planted = [table.encode() for table in check_canaries(plan)]

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says of it."""
        described: dict[str, Any] = {}
        if self.baseline is not None:
            described["baseline"] = str(self.baseline.resolve())
        if self._planted:
            described["canaries"] = self._planted
        if self.known_failures.entries:
            described["known_failures"] = encode_known_failures(self.known_failures)
        return described

    def conclude(self, run: Path, view: RunView) -> None:
        """Write the baseline and the reports that were asked for.

        :raises RunDirectoryError: when a report cannot be written
        """
        if self._settings.save_baseline is not None:
            self.saved, self.unsaved = save_baseline(self._settings, self._root, run, view)

        if self._reports:
            from ..reports.writing import write_reports

            write_reports(run, view, self._reports)

    def find_failed(self, view: RunView) -> list[GateResult]:
        """Return the gates that do not pass; none of a shard, whose gates are judged when the whole is put together."""
        return [found for found in view.gates if found.fails and self._settings.shard is None]

    def find_unmeasured(self, view: RunView) -> str:
        """Say why too little was scored; empty when enough was."""
        return find_unmeasured(view, self._settings.unscored_allowed)

    def holds(self, view: RunView) -> bool:
        """Tell whether a session may end well."""
        return not (self.find_failed(view) or self.find_unmeasured(view) or self.unsaved)
