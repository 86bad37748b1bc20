"""Every pytest hook that runs in any session; each delegates in a line.

This module is imported by every pytest run of every project that has the plugin installed: it imports nothing heavy,
and without ``--lleval-suite`` it stays at that.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from .fixtures import backend, grade, lleval_seed, model, sample
from .hostnames import uses_hosts
from .options import declare_options, is_asked, may_limit

__all__ = ["backend", "grade", "lleval_seed", "model", "sample"]

Collecting = Generator[None, pytest.CollectReport, pytest.CollectReport]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options: https://docs.pytest.org/en/stable/reference/reference.html#initialization-hooks."""
    declare_options(parser)


#: options of a session that is to be judged
JUDGED = ("lleval_gate", "lleval_compare_fail", "lleval_save_baseline")
#: user properties that there is something to tell of
NOTED = ("lleval_model", "lleval_note")
MARKER = (
    "lleval(dataset=None, model=None, backend=None, epochs=1, gate=None, tags=(), must_pass=False): an eval case for "
    "each row of a suite, a file, a list or a function, asked of the model that the fixtures `model` and `backend` "
    "attach; gate='pass_rate>=0.9' decides in place of single asserts; backend='real' refuses mocks"
)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Wake up when there is something to evaluate."""
    config.addinivalue_line("markers", MARKER)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(CaseListener(config), "lleval-listener")
    elif "lleval_host" in config.workerinput:
        from .handed import receive_handed  # inert sessions import nothing

        receive_handed(config)
    if is_asked(config):
        from .activation import activate_session  # inert sessions import nothing

        activate_session(config)
    elif config.getoption("lleval_shard"):
        raise pytest.UsageError("--lleval-shard is about suites, and there is none: name one by --lleval-suite=NAME")
    elif uses_hosts(config):
        from .testhosts import activate_hosts  # inert sessions import nothing

        activate_hosts(config)


class CaseListener:
    """Waits for eval cases and what they need, in the process the user started.

    :param config: of the session
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the record of an eval case before anybody shows its report."""
        if "lleval_line" in report.__dict__:
            from .keeping import keep_case  # inert sessions import nothing

            keep_case(self._config, report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Let the tests of one of xdist's workers ask for their calls, where there may be limits."""
        if may_limit(self._config):
            from .limits import open_tests_line  # inert sessions import nothing

            open_tests_line(self._config, node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hand on what the tests of a worker had that has ended."""
        if may_limit(self._config):
            from .limits import drop_worker  # inert sessions import nothing

            drop_worker(self._config, node)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a session that was to be judged and has measured nothing."""
        if any(self._config.getoption(name) for name in JUDGED):
            from .ending import fail_unmeasured  # inert sessions import nothing

            fail_unmeasured(session)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make eval cases of a marked test."""
    if metafunc.definition.get_closest_marker("lleval") is not None:
        from .cases import generate_cases  # inert sessions import nothing

        generate_cases(metafunc)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Collecting:
    """Refuse marks that make no eval case."""
    report = yield
    if _finds_marks(collector, report):
        from .strays import refuse_strays  # inert sessions import nothing

        refuse_strays(report)
    return report


def _finds_marks(collector: pytest.Collector, report: pytest.CollectReport) -> bool:
    items = [node for node in report.result or () if isinstance(node, pytest.Item)]
    if items and collector.get_closest_marker("lleval") is not None:
        return True
    return any(mark.name == "lleval" for item in items for mark in item.own_markers)


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
