"""What a worker on a host may tell xdist: of the items it was given, once, in the shape xdist gives its events.

xdist believes its workers. It imports what a warning names and calls it, puts what a report brings onto an object, and
ends the session at an event it does not know. Workers on hosts are heard here first; what is let through is made anew.

Private names of xdist, guarded by ``tests/plugin/test_xdist_names.py``: a worker's controller has
``process_from_remote`` and ``send_runtest_some``, ``_down`` and ``_shutdown_sent``; ``workermanage.Marker``.
"""

from __future__ import annotations

import builtins
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from xdist.workermanage import Marker

from ..core.errors import ViolationError
from ..core.schema import is_number, is_text
from ..support.lastline import describe_fault, find_last_line
from .private import count_waiting, lose_worker, mark_down
from .reportchecks import check_location, clean_values, read_report
from .wire import explain_closed
from .workerstate import find_state

__all__ = ["EventRules", "guard_events", "is_far", "is_far_spec"]

#: reports of one item: setup, call and teardown, and again where a plugin runs it again
_MOST_REPORTS = 96
#: errors of collecting and warnings of one worker
_MOST_EXTRA = 5000
#: events that wait for the main thread; seconds a worker waits for it at most, well below what counts as silence
_MOST_WAITING, _MOST_WAIT, _PAUSE = 64, 5.0, 0.002
#: what comes before a worker is ready
_BEFORE = ("collectionstart", "internal_error", "warning_recorded")
_INFO = ("version", "sysplatform", "platform", "executable", "cwd")
_MOMENTS = ("config", "collect", "runtest")


@dataclass(frozen=True, kw_only=True)
class EventRules:
    """How workers on hosts are heard."""

    #: called with a worker and what it has sent that no honest worker sends; in the thread of its gateway
    refuse: Callable[[Any, str], None]
    #: makes a text safe to print
    clean: Callable[[str], str]
    #: refuses what a report carries beside pytest's own: the worker's name, the item's id, and what is carried by name
    check: Callable[[str, str, Mapping[str, Any]], None]
    #: the names of what reports carry that is not for printing
    carried: frozenset[str] = frozenset()


def is_far(node: Any) -> bool:
    """Tell whether a worker is on another machine, which somebody else may rule."""
    return is_far_spec(node.gateway.spec)


def is_far_spec(spec: Any) -> bool:
    """Tell the same of execnet's spec of a worker."""
    return bool(spec.lleval_host) or not spec.popen


def guard_events(node: Any, rules: EventRules) -> None:
    """Stand between a worker that is about to be configured and xdist."""
    listener, original = _Listener(node, rules), node.process_from_remote
    give = node.send_runtest_some

    def process(event: Any) -> None:
        if not is_far(node):
            original(event)
        elif event is Marker.END:
            listener.end(original)
        else:
            listener.hear(event)

    def send_runtest_some(indices: Sequence[int]) -> None:
        listener.given.update(indices)
        give(indices)

    node.process_from_remote, node.send_runtest_some = process, send_runtest_some


class _Listener:
    """Hears one worker, in the thread of its gateway."""

    def __init__(self, node: Any, rules: EventRules) -> None:
        self._node = node
        self._state = find_state(node)
        self._rules = rules
        self._ids: Sequence[str] = ()
        #: what has come, by event, and reports by index of item
        self._counts: Counter[str] = Counter()
        self._reports: Counter[int] = Counter()
        #: indices of the items it was given and is not through with
        self.given: set[int] = set()

    def end(self, original: Callable[[Any], None]) -> None:
        """Hear that the connection is closed, and say why where it was closed here."""
        reason = explain_closed(self._node.gateway)
        if reason:
            lose_worker(self._node, reason)
        original(Marker.END)

    def hear(self, event: object) -> None:
        """Hear an event, and pass on what an honest worker may say."""
        if self._state.refused:
            return
        try:
            self._wait_for_room()
            name, kwargs = _open_event(event)
            self._counts[name] += 1
            if not self._counts["workerready"] and name not in _BEFORE:
                raise ViolationError(f"an event {name!r:.40} before it was ready")
            getattr(self, f"_take_{name}", self._take_unknown)(kwargs)
        except ViolationError as error:
            self._rules.refuse(self._node, str(error))
        except Exception as error:  # noqa: BLE001  # what nobody thought of is no reason to believe it
            self._rules.refuse(self._node, f"an event that cannot be read ({describe_fault(error)})")

    def _wait_for_room(self) -> None:
        """Let a worker that sends more than the main thread can hear wait: its connection is read no further."""
        until = time.monotonic() + _MOST_WAIT
        while count_waiting(self._node.config) > _MOST_WAITING and time.monotonic() < until:
            time.sleep(_PAUSE)

    def _take_unknown(self, kwargs: Mapping[str, Any]) -> None:  # noqa: ARG002  # nothing of it is looked at
        raise ViolationError("an event that is not xdist's")

    def _pass_on(self, name: str, **kwargs: Any) -> None:
        self._node.notify_inproc(name, node=self._node, **kwargs)

    def _take_collectionstart(self, kwargs: Mapping[str, Any]) -> None:  # noqa: ARG002  # nothing is told by it
        self._bound("collectionstart", 1)

    def _bound(self, name: str, most: int) -> None:
        if self._counts[name] > most:
            raise ViolationError(f"more than {most} events {name!r}")

    def _take_workerready(self, kwargs: Mapping[str, Any]) -> None:
        self._bound("workerready", 1)
        info = kwargs["workerinfo"]
        found = {name: self._rules.clean(_expect_text(info[name])) for name in _INFO}
        numbers = tuple(info["version_info"])
        if len(numbers) != 5 or not all(type(part) in (int, str) for part in numbers):
            raise ViolationError("a version that is none")
        self._pass_on("workerready", workerinfo={**found, "version_info": numbers})

    def _take_internal_error(self, kwargs: Mapping[str, Any]) -> None:
        text = self._rules.clean(_expect_text(kwargs["formatted_error"]))
        self._lose(f"pytest has failed there: {find_last_line(text)[:200]}")

    def _take_workerfinished(self, kwargs: Mapping[str, Any]) -> None:
        self._bound("workerfinished", 1)
        status = kwargs["workeroutput"]["exitstatus"]
        if type(status) is not int:
            raise ViolationError("an exit status that is none")
        early = not self._node.shutting_down and not self._state.host and not self._state.gone
        if early or status == pytest.ExitCode.INTERRUPTED:
            self._lose(f"it has ended before it was told to (exit status {status})")
            return
        # as xdist does
        mark_down(self._node)
        # what other plugins hand over is no message of ours, and some write it to files
        self._node.workeroutput = {"exitstatus": status, "shouldfail": self._read_wish(kwargs), "shouldstop": False}
        self._pass_on("workerfinished")

    def _read_wish(self, kwargs: Mapping[str, Any]) -> str | bool:
        """Return why a worker wants the session to end, where that is the user's wish too: after so many failures."""
        wish = kwargs["workeroutput"]["shouldfail"]
        return self._rules.clean(_expect_text(wish)) if wish and self._node.config.getvalue("maxfail") else False

    def _lose(self, reason: str) -> None:
        lose_worker(self._node, reason)

    def _take_collectionfinish(self, kwargs: Mapping[str, Any]) -> None:
        self._bound("collectionfinish", 1)
        ids = kwargs["ids"]
        clean = self._rules.clean
        if type(ids) is not list or not all(is_text(name) and clean(name) == name and "\n" not in name for name in ids):
            raise ViolationError("items whose names are none")
        self._ids = ids
        self._pass_on("collectionfinish", ids=ids)

    def _take_logstart(self, kwargs: Mapping[str, Any]) -> None:
        self._pass_on("logstart", **self._read_place(kwargs))

    def _take_logfinish(self, kwargs: Mapping[str, Any]) -> None:
        self._pass_on("logfinish", **self._read_place(kwargs))

    def _read_place(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        name = _expect_text(kwargs["nodeid"])
        check_location(kwargs["location"])
        if not any(self._ids[index] == name for index in list(self.given)):
            raise ViolationError(f"word of {name!r:.200}, which it was not given")
        return {"nodeid": name, "location": clean_values(tuple(kwargs["location"]), self._rules.clean)}

    def _take_testreport(self, kwargs: Mapping[str, Any]) -> None:
        data, rules = kwargs["data"], self._rules
        index = data["item_index"]
        if type(index) is not int or index not in self.given or self._ids[index] != data["nodeid"]:
            raise ViolationError(f"a report of {data['nodeid']!r:.200}, which it was not given")
        self._reports[index] += 1
        if self._reports[index] > _MOST_REPORTS:
            raise ViolationError(f"more than {_MOST_REPORTS} reports of {data['nodeid']!r:.200}")
        carried = {name: data[name] for name in rules.carried & data.keys()}
        rules.check(self._node.gateway.id, data["nodeid"], carried)
        plain = {name: value for name, value in data.items() if name not in carried}
        cleaned = clean_values(plain, rules.clean) | {"nodeid": data["nodeid"]}
        report = read_report(self._node.config, cleaned, "TestReport")
        report.__dict__.update(carried)
        report.item_index = index
        self._pass_on("testreport", rep=report)

    def _take_collectreport(self, kwargs: Mapping[str, Any]) -> None:
        self._bound("collectreport", _MOST_EXTRA)
        report = read_report(self._node.config, clean_values(kwargs["data"], self._rules.clean), "CollectReport")
        if report.passed or self._ids:
            raise ViolationError("a report of collecting that is none")
        self._pass_on("collectreport", rep=report)

    def _take_runtest_protocol_complete(self, kwargs: Mapping[str, Any]) -> None:
        index, duration = kwargs["item_index"], kwargs["duration"]
        if type(index) is not int or index not in self.given or not is_number(duration):
            raise ViolationError("word that an item is done which it was not given")
        self.given.discard(index)
        self._pass_on("runtest_protocol_complete", item_index=index, duration=duration)

    def _take_warning_recorded(self, kwargs: Mapping[str, Any]) -> None:
        self._bound("warning_recorded", _MOST_EXTRA)
        told, clean = kwargs["warning_message_data"], self._rules.clean
        place, moment = kwargs["location"], kwargs["when"]
        if place is not None:
            check_location((place[0], place[1], place[2]))
            place = clean_values(tuple(place), clean)
        if moment not in _MOMENTS:
            raise ViolationError(f"a warning of the time {moment!r:.40}")
        line = told["lineno"]
        category = _find_warning(told["category_class_name"])
        message = warnings.WarningMessage(
            message=category(clean(_expect_text(told["message_str"]))),
            category=category,
            filename=clean(_expect_text(told["filename"])),
            lineno=line if type(line) is int else 0,
        )
        self._node.notify_inproc(
            "warning_recorded",
            warning_message=message,
            when=moment,
            nodeid=clean(_expect_text(kwargs["nodeid"])),
            location=place,
        )


def _open_event(event: object) -> tuple[str, Mapping[str, Any]]:
    match event:
        case (str(name), dict(kwargs)) if all(map(is_text, kwargs)):
            return name, kwargs
    raise ViolationError(f"what is no event: a {type(event).__name__}")


def _expect_text(value: object) -> str:
    if not isinstance(value, str):
        raise ViolationError(f"a {type(value).__name__} in place of a text")
    return value


def _find_warning(name: object) -> type[Warning]:
    """Return a warning of Python's own; of others nothing is imported because a host names it."""
    found = getattr(builtins, name, None) if isinstance(name, str) else None
    return found if isinstance(found, type) and issubclass(found, Warning) else UserWarning
