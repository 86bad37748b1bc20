"""Every pytest hook that runs in any session; each delegates in a line.

This module is imported by every pytest run of every project that has the plugin installed: it imports nothing heavy,
and without ``--lleval-suite`` it stays at that.
"""

from __future__ import annotations

import pytest

from .fixtures import backend, lleval_seed, model
from .options import declare_options, is_asked

__all__ = ["backend", "lleval_seed", "model"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options: https://docs.pytest.org/en/stable/reference/reference.html#initialization-hooks."""
    declare_options(parser)


#: user properties that there is something to tell of
NOTED = ("lleval_model", "lleval_note")
MARKER = (
    "lleval(model=None, backend=None): which model the fixtures `model` and `backend` attach, e.g. "
    "'openai/gpt-4o-mini'; backend='real' refuses mocks"
)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Wake up when there is something to evaluate."""
    config.addinivalue_line("markers", MARKER)
    if is_asked(config):
        from .activation import activate_session  # inert sessions import nothing

        activate_session(config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell which models tests have asked, where any has."""
    told = [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "teardown" and any(name in NOTED for name, _ in report.user_properties)
    ]
    if told:
        from .notes import print_notes  # inert sessions import nothing

        print_notes(terminalreporter, told)
