"""From what became of an eval case to its report: the record and what belongs to it, and what pytest shows."""

from __future__ import annotations

import json
import os
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from ..core.encoding import encode_identity
from ..core.errors import CallError, LlevalError
from ..core.records import Score
from ..disclosure.fingerprint import capture_fingerprint
from ..disclosure.sampling import EnvironmentSampler
from ..execution.acceptance import write_line
from ..execution.known_failures import KnownFailures, load_known_failures
from ..scoring.grading import WHOLE
from .casebook import Casebook
from .caserun import CaseRun
from .state import SESSION_KEY, load_settings

__all__ = ["LINE", "NEWS", "VALUE", "CaseReporter"]

#: carried by the report of a case to whoever keeps the evidence: the record as a line of the journal; what that
#: process cannot know yet of suite, model and machine, as JSON; the value of the case, None where it has none
LINE, NEWS, VALUE = "lleval_line", "lleval_news", "lleval_passed"


class CaseReporter:
    """Completes the reports of a process's cases.

    :param config: of the session
    :param book: its cases
    """

    def __init__(self, config: pytest.Config, book: Casebook) -> None:
        self._config = config
        self._book = book
        self._told: set[str] = set()
        self._machine: deque[dict[str, Any]] = deque()
        self._sampler: EnvironmentSampler | None = None
        self._known = KnownFailures()

    def prepare(self) -> None:
        """Read the known failures.

        :raises pytest.UsageError: when the file is not what it should be
        """
        chosen = load_settings(self._config).known_failures
        try:
            self._known = load_known_failures(Path(self._config.rootpath), chosen)
        except LlevalError as error:
            # whoever started this worker reads the same file, and can say so
            if not hasattr(self._config, "workerinput"):
                raise pytest.UsageError(str(error)) from error

    def complete(self, run: CaseRun, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        """Make the record of a case, once, and put it on its report.

        :param run: the case
        :param call: what has happened
        :param report: as pytest and other plugins have made it
        """
        error = call.excinfo.value if call.excinfo else None
        if run.is_recorded or call.when == "teardown" or (call.when == "setup" and not report.failed):
            return
        if report.skipped and not _was_expected(report, error) and not _has_asked(run, call):
            return
        run.is_recorded = True
        if run.seconds is not None:
            report.duration = run.seconds
        passed = run.judge(error) if call.when == "call" else None
        if passed is not None:
            _adjust(run, passed, report)
            self._excuse(run, report)
        elif load_settings(self._config).unscored_allowed.value > 0 and isinstance(error, CallError):
            # not the test's fault; how many there are is looked at in the end
            report.outcome = "skipped"
            report.longrepr = (report.location[0], report.location[1] or 0, f"unscored: {error}")
        record = run.make_record(passed, error)
        report.__dict__[LINE] = write_line(record)
        report.__dict__[VALUE] = passed.value if passed else None
        if news := self._gather_news(run):
            report.__dict__[NEWS] = json.dumps(news, default=str)
        # listeners such as JUnit's read those of the teardown
        run.item.user_properties += [(f"lleval_{score.name}", score.value) for score in record.scores]

    def _excuse(self, run: CaseRun, report: pytest.TestReport) -> None:
        """Make a failure that was known an expected one; in the numbers it stays wrong."""
        place = run.place
        known = self._known.find(run.item.nodeid, place.suite.name, place.sample, run.model) if report.failed else None
        if known is not None:
            report.outcome, report.wasxfail = "skipped", f"known failure: {known.reason}"

    def _gather_news(self, run: CaseRun) -> dict[str, Any]:
        """Return what was not told yet of the suite, the model and the machine."""
        news: dict[str, Any] = {}
        suite, attached = run.place.suite, run.attached
        if self._is_new(f"suite {suite.name}"):
            news["suite"] = self._book.describe(suite)
        if attached is not None and self._is_new(f"model {attached.identity.spec}"):
            news["identity"] = encode_identity(attached.identity)
        # a session with suites looks at the machine itself
        if self._sampler is None and SESSION_KEY not in self._config.stash:
            self._sampler = EnvironmentSampler(self._note_sample, root_pid=_find_root(self._config))
            self._machine.append({"fingerprint": capture_fingerprint()})
            self._sampler.start()
        found = [self._machine.popleft() for _ in range(len(self._machine))]
        return {**news, "machine": found} if found else news

    def _note_sample(self, sample: dict[str, object]) -> None:
        self._machine.append({"sample": sample})

    def _is_new(self, word: str) -> bool:
        known = word in self._told
        self._told.add(word)
        return not known

    def close(self) -> None:
        """Look at the machine no more."""
        if self._sampler is not None:
            self._sampler.stop()


def _find_root(config: pytest.Config) -> int | None:
    """Return the process whose descendants are this run; a worker's parent is the controller."""
    return os.getppid() if hasattr(config, "workerinput") else None


def _has_asked(run: CaseRun, call: pytest.CallInfo[None]) -> bool:
    """Tell whether a case that must show something skips itself after it has asked: that hides what it was told."""
    demands = bool(run.place.suite.mark.gates) or run.must_pass
    return demands and call.when == "call" and run.attached is not None and bool(run.attached.exchanges)


def _was_expected(report: pytest.TestReport, error: BaseException | None) -> bool:
    """Tell whether a test that counts as skipped has run to its end: one that is marked to fail, and did."""
    return hasattr(report, "wasxfail") and not isinstance(error, pytest.xfail.Exception)


def _adjust(run: CaseRun, passed: Score, report: pytest.TestReport) -> None:
    """Let the gate decide where there is one, and fail a case that must pass and did not."""
    if passed.value or report.skipped:
        return
    if run.must_pass:
        if report.passed:
            report.outcome = "failed"
            report.longrepr = f"{run.item.nodeid} must pass ({WHOLE} 0): {passed.explanation}"
    elif run.place.suite.mark.gates and report.failed:
        report.sections.append(("lleval: wrong, the gate decides", str(report.longrepr)))
        report.outcome, report.longrepr = "passed", None
