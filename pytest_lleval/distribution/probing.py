"""Looks at all hosts at once: whether each can be used, what it is, how far away, and what its clock says."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import HostError
from .complaints import make_printable
from .dialogue import Dialogue
from .hosts import Host
from .inventory import list_packages
from .remote import probe

__all__ = ["Probe", "probe_hosts"]

_ROUNDS = 9
#: variables that say where a host's data is; a worker that is handed one looks there
_FOLDERS = ("LLEVAL_DATA_DIR", "LLEVAL_CACHE_DIR")


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What was found out about a host."""

    #: one sentence with the way out; empty where the host can be used
    problem: str = ""
    #: ``unreachable`` is a matter of the moment, ``access`` of keys, ``unfit`` of what is installed there
    kind: str = ""
    #: seconds of a small question and its answer over an open connection, their median
    round_trip: float = 0.0
    #: seconds by which its clock is ahead of this machine's
    clock_offset: float = 0.0
    #: as far as it came: what `distribution.remote.probe` gathers
    facts: Mapping[str, Any] = field(default_factory=dict)


def probe_hosts(hosts: Sequence[Host], *, names: Collection[str] = (), seconds: float = 20.0) -> dict[str, Probe]:
    """Look at hosts, all at the same time; whatever is wrong with one is in its record.

    :param names: of environment variables; whether they are set there is told, never their values
    :param seconds: what each gets
    :return: by the host's name
    """
    found: dict[str, Probe] = {}
    begun: list[Dialogue] = []

    def look(host: Host) -> None:
        found[host.name] = _probe(host, sorted(names), seconds, begun)

    threads = [
        threading.Thread(target=look, args=(host,), name=f"lleval-probe-{host.name}", daemon=True) for host in hosts
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        for dialogue in begun:
            dialogue.close()
        raise
    return {host.name: found[host.name] for host in hosts}


def _probe(host: Host, names: list[str], seconds: float, begun: list[Dialogue]) -> Probe:
    moments: list[tuple[float, float]] = []
    facts: dict[str, Any] = {}
    try:
        dialogue = Dialogue(host, seconds)
        begun.append(dialogue)
        try:
            dialogue.run(probe)
            moments.extend(_compare_clocks(dialogue) for _ in range(_ROUNDS))
            facts = dialogue.ask(_make_request(host, names))
        finally:
            dialogue.close()
        problem = _judge(host, facts)
    except HostError as error:
        return _make_record(str(error), error.kind, moments, facts)
    except Exception as error:  # noqa: BLE001  # one host's answers must not end the look at the others
        return _make_record(f"its answer makes no sense ({type(error).__name__}: {error})", "unfit", moments, {})
    return _make_record(problem, "unfit" if problem else "", moments, facts)


def _make_record(problem: str, kind: str, moments: Sequence[tuple[float, float]], facts: dict[str, Any]) -> Probe:
    if not moments:
        return Probe(problem=problem, kind=kind, facts=facts)
    # of all the round trips the shortest leaves the least room for an error (RFC 5905, section 10)
    _, offset = min(moments)
    round_trip = statistics.median(delay for delay, _ in moments)
    return Probe(problem=problem, kind=kind, round_trip=round_trip, clock_offset=offset, facts=facts)


def _compare_clocks(dialogue: Dialogue) -> tuple[float, float]:
    """Return the delay of one round trip, and by how much the host's clock was ahead in the middle of it."""
    began, start = time.time(), time.perf_counter()
    theirs = float(dialogue.ask("time"))
    delay = time.perf_counter() - start
    return delay, theirs - (began + delay / 2)


def _make_request(host: Host, names: list[str]) -> dict[str, Any]:
    handed = [name for name in _FOLDERS if name in host.env and name in os.environ]
    return {
        "names": names,
        "packages": list(list_packages()),
        "folder": host.chdir,
        "folders": {name: os.environ[name] for name in handed},
    }


def _judge(host: Host, facts: Mapping[str, Any]) -> str:
    """Return why a host that answers cannot be used all the same; empty if it can."""
    way = "run `lleval hosts bootstrap`" if host.bootstrap else "install what is missing, or say bootstrap = true"
    if missing := facts["missing"]:
        return f"{make_printable(', '.join(missing))} not found by {host.python!r} there: {way}"
    if broken := facts["broken"]:
        return f"pytest-lleval cannot be imported by {host.python!r} there ({make_printable(broken)}): {way}"
    if not facts["folder"]:
        return (
            f"its chdir = {host.chdir!r} is no folder there: put the project there, or leave chdir out to have it sent"
        )
    return ""
