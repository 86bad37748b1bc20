"""Whether workers on hosts are believed where no suite is asked: what they say of tests cannot be asked again."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import pytest

from ..core.errors import ViolationError
from ..distribution.auditing import Audits
from ..distribution.audits import Place
from ..distribution.lines import Message
from ..reports.escaping import escape_text
from .carried import CARRIED, check_carried
from .keeping import find_controller

__all__ = ["TestJury"]

_NAME = "lleval-test-jury"


class TestJury:
    """Hears of workers that are not believed, and fails the session that has reports of theirs.

    :param config: of the controller
    """

    __test__ = False
    carried = CARRIED
    #: nothing is given out that would have to be answered
    patience = math.inf

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._reasons: list[str] = []
        config.pluginmanager.register(self, _NAME)

    def is_waiting(self, worker: str) -> bool:  # noqa: ARG002  # nobody is impatient
        """Tell whether a worker waits for the run's limits."""
        return False

    def clean(self, text: str) -> str:
        """Return a text that is safe to print."""
        return escape_text(text, keep="\n\t")

    def check_carried(self, worker: str, node_id: str, carried: Mapping[str, Any]) -> None:
        """Refuse what a worker's report of an item carries, if it cannot be of that item."""
        check_carried(worker, node_id, carried)

    def begin_audits(
        self,
        workers: int,  # noqa: ARG002  # there are no answers of ours
        *,
        convict: Callable[[str, str], None],  # noqa: ARG002
        wake: Callable[[], None],  # noqa: ARG002
    ) -> Audits | None:
        """Audit nothing: tests ask what they want."""
        return None

    def refuse_audits(self, reason: str) -> None:
        """Do nothing: there are none."""

    def audit(self, place: Place, message: Message) -> None:  # noqa: ARG002
        """Refuse: there are none.

        :raises ViolationError: always
        """
        raise ViolationError("an audit where nothing is audited")

    def void(self, workers: Sequence[Place], reason: str) -> list[str]:
        """Void the records of workers, where any are kept; there is nothing that can be asked again."""
        self._reasons.append(reason)
        controller = find_controller(self._config)
        if controller is not None:
            controller.void(workers, reason)
        return []

    def note_violation(self, text: str) -> None:
        """Hear of what no honest worker sends."""
        self._reasons.append(text)

    def note_tests(self, worker: str, tests: int) -> None:
        """Hear how many tests an excluded worker has reported."""
        controller = find_controller(self._config)
        if controller is not None:
            controller.inspection.note_tests(worker, tests)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Fail a session in which a worker was not to be believed, whatever its eval cases come to."""
        yield
        if self._reasons and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name those that were not."""
        for reason in self._reasons:
            terminalreporter.write_line(escape_text(f"not believed, run its tests again: {reason}"), red=True)
