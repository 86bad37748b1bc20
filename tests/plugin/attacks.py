"""Workers that misbehave: the tested project's conftest makes one of them, by its name, do what a test says."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

#: in the tested project: `CULPRIT` does what the functions say
CONFTEST = """
import json, os, pytest, time
from dataclasses import replace
from pathlib import Path

CULPRIT = {culprit!r}

def at_start(line, events, session):
{at_start}

def lie(record, send):
{lie}

def tell(message):
{tell}

def report(name, kwargs, events):
{report}

def is_culprit(config):
    return hasattr(config, "workerinput") and config.workerinput["workerid"] == CULPRIT

def pytest_configure(config):
    if is_culprit(config):
        from pytest_lleval.plugin import outlets
        honest = outlets.LineOutlet.record
        outlets.LineOutlet.record = lambda self, record: lie(record, lambda other: honest(self, other))
        from pytest_lleval.distribution import lines
        say = lines.WorkerLine.send
        lines.WorkerLine.send = lambda self, message: say(self, tell(message))

def pytest_sessionstart(session):
    if is_culprit(session.config):
        from pytest_lleval.distribution.queue import find_interactor
        interactor = find_interactor(session.config)
        send, events = interactor.sendevent, interactor.channel
        def sendevent(name, **kwargs):
            report(name, kwargs, events)
            send(name, **kwargs)
        interactor.sendevent = sendevent

@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    if is_culprit(session.config):
        from pytest_lleval.distribution.queue import find_interactor
        at_start(session.config.workerinput["lleval_line"], find_interactor(session.config).channel, session)
"""
#: one worker here and one on a host of somebody else's, whose name is far
FAR = ("-d", "--tx=popen", "--tx=popen//lleval_host=far")


def write_attack(
    pytester: pytest.Pytester,
    *,
    at_start: str = "pass",
    lie: str = "send(record)",
    tell: str = "return message",
    report: str = "pass",
) -> None:
    """Make worker gw1 of the sessions to come misbehave.

    :param at_start: what it does when it has collected
    :param lie: what it does instead of sending a record
    :param tell: what it makes of a message on its line
    :param report: what it makes of an event of xdist's
    """
    parts = {"at_start": at_start, "lie": lie, "tell": tell, "report": report}
    code = {name: textwrap.indent(textwrap.dedent(text).strip(), "    ") for name, text in parts.items()}
    pytester.makeconftest(CONFTEST.format(culprit="gw1", **code))


def read_session(run: Path) -> dict[str, Any]:
    """Return what the manifest says of the last session of a run."""
    session: dict[str, Any] = json.loads((run / "manifest.json").read_text())["sessions"][-1]
    return session


def read_report(run: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((run / "report.json").read_text())
    return report
