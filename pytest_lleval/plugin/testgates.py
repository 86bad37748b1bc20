"""Gates of tests, checked when it is known which tests there are."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from ..core.errors import UnknownNameError
from ..reports.escaping import escape_text
from .state import SESSION_KEY, load_settings
from .typed import list_typed

__all__ = ["check_typed_gates"]


def check_typed_gates(config: pytest.Config, tests: Collection[str]) -> None:
    """Refuse gates that were typed for a test which is not there, before anything is asked.

    Those of the ini file may be of tests that this session leaves out. xdist's workers, which alone know the tests of
    a spread session, have nobody to tell: there the gate is unmeasured when all is over.

    :param tests: the names of the tests that were collected as cases
    :raises pytest.UsageError: naming the gate
    """
    if hasattr(config, "workerinput"):
        return
    settings, session = load_settings(config), config.stash.get(SESSION_KEY, None)
    known = [*tests, *(session.load_plan().plans if session is not None else ())]
    for name, gates in (("gate", settings.gates), ("compare-fail", settings.comparisons)):
        typed = {text.strip() for text in list_typed(config, name)}
        for gate in gates:
            if gate.suite is not None and gate.suite not in known and gate.text in typed:
                error = UnknownNameError(f"--lleval-{name} {gate.text!r}", "eval case", gate.suite, known)
                raise pytest.UsageError(escape_text(str(error)))
