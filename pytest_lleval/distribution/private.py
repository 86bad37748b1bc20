"""What is used of pytest-xdist's and execnet's private parts.

Three files have their own beside it: the worker's queue (`queue.py`), what stands between a worker's controller and
xdist (`events.py`), and what reads execnet's frames (`wire.py`).

``tests/plugin/test_xdist_names.py`` fails first when a release renames any of it.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from execnet import gateway_base, gateway_io
from xdist import workermanage

from ..support.lastline import find_last_line
from .counts import WITHHELD

__all__ = [
    "adopt_worker",
    "ask_interpreter",
    "await_reason",
    "count_collected",
    "count_waiting",
    "end_quietly",
    "find_end",
    "find_manager",
    "find_remote_error",
    "find_run_session",
    "is_down",
    "kill_connection",
    "list_active",
    "lose_worker",
    "mark_down",
    "replace_gateways",
    "skip_rsync",
    "start_ssh_with",
    "translate_by",
    "wake_main",
    "wake_scheduler",
]


_ending = threading.Lock()


def find_run_session(config: pytest.Config) -> Any:
    """Return xdist's session of the controller; None where there is none."""
    return config.pluginmanager.getplugin("dsession")


def find_manager(config: pytest.Config) -> Any:
    """Return what starts xdist's workers."""
    return find_run_session(config).nodemanager


def skip_rsync(config: pytest.Config) -> None:
    """Copy nothing to hosts, pytest's own packages included, which would stand before those installed there."""
    find_manager(config).roots = []


def translate_by(translate: Callable[[list[str]], list[str]]) -> Callable[[], None]:
    """Have workers on hosts given other words of the command line than xdist would; return what ends it.

    :param translate: from the controller's words
    """
    original = workermanage.make_reltoroot

    def replacement(roots: Sequence[Any], args: list[str]) -> list[str]:  # noqa: ARG001  # xdist's signature
        return translate(args)

    workermanage.make_reltoroot = replacement

    def restore() -> None:
        workermanage.make_reltoroot = original

    return restore


def replace_gateways(config: pytest.Config, make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Have xdist get its gateways from elsewhere; return what made them.

    :param make: from execnet's spec
    """
    group = find_manager(config).group
    original: Callable[[Any], Any] = group.makegateway
    group.makegateway = make
    return original


def start_ssh_with(environment: Mapping[str, str]) -> Callable[[], None]:
    """Have execnet start ssh commands with another environment than this process's; return what ends it."""
    original = gateway_io.create_io

    def create(spec: Any, execmodel: Any) -> Any:
        if not spec.ssh:
            return original(spec, execmodel)
        io = _SshPipes(gateway_io.ssh_args(spec), execmodel, environment)
        io.remoteaddress = spec.ssh
        return io

    gateway_io.create_io = create

    def restore() -> None:
        gateway_io.create_io = original

    return restore


class _SshPipes(gateway_io.Popen2IOMaster):
    """The pipes of an ssh command, as execnet makes them, with an environment of its own."""

    def __init__(self, words: list[str], execmodel: Any, environment: Mapping[str, str]) -> None:
        self.popen = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)  # noqa: S603
        gateway_base.Popen2IO.__init__(self, self.popen.stdin, self.popen.stdout, execmodel=execmodel)


def adopt_worker(config: pytest.Config, spec: Any) -> None:
    """Start a worker in a session that has begun; in the main thread."""
    session = find_run_session(config)
    node = session.nodemanager.setup_node(spec, session.queue.put)
    session._active_nodes.add(node)  # noqa: SLF001


def list_active(config: pytest.Config) -> list[Any]:
    """Return the workers xdist knows of that have not ended."""
    return list(find_run_session(config)._active_nodes)  # noqa: SLF001


def wake_main(config: pytest.Config) -> None:
    """Have xdist's loop call ``pytest_runtest_logfinish`` in the main thread, of no item; from any thread."""
    event = {"node": None, "nodeid": "", "location": ("", None, "")}
    find_run_session(config).queue.put(("logfinish", event))


def count_collected(config: pytest.Config, count: int) -> None:
    """Correct how many items pytest believes were collected; xdist goes by what the last worker says.

    :param count: of the items that the workers will run
    """
    session = find_run_session(config)._session  # noqa: SLF001
    if session is not None:
        session.testscollected = count + config.stash.get(WITHHELD, 0)


def count_waiting(config: pytest.Config) -> int:
    """Return how many events xdist's loop has not heard yet; from any thread."""
    found: int = find_run_session(config).queue.qsize()
    return found


def wake_scheduler(config: pytest.Config) -> None:
    """Have xdist's loop tell the scheduler, which must be ours, that there is news; from any thread."""
    event = {"node": None, "item_index": -1, "duration": 0.0}
    find_run_session(config).queue.put(("runtest_protocol_complete", event))


def kill_connection(gateway: Any) -> None:
    """End the process of this machine that a gateway talks through."""
    find_end(gateway).kill()


def ask_interpreter(gateway: Any) -> None:
    """Have execnet know a gateway's interpreter; xdist asks in the main thread, which must not wait for a host."""
    gateway._rinfo()  # noqa: SLF001


def find_end(gateway: Any) -> Any:
    """Return this machine's end of a gateway's connection."""
    return gateway._io  # noqa: SLF001


def find_remote_error(channel: Any) -> str:
    """Return the last line of what the other end of a channel has failed with; empty where it has not."""
    error = channel._getremoteerror()  # noqa: SLF001
    return find_last_line(str(error)) if error else ""


def is_down(node: Any) -> bool:
    """Tell whether xdist knows that a worker has ended."""
    return bool(node._down)  # noqa: SLF001


def mark_down(node: Any) -> bool:
    """Have xdist believe that it knows of a worker's end; False when it does already.

    Whoever gets True is the one to tell xdist: watches, keepers, gateways and the main thread may all find out at once.
    """
    with _ending:
        if node._down:  # noqa: SLF001
            return False
        node._down = True  # noqa: SLF001
        return True


def lose_worker(node: Any, reason: str) -> None:
    """End a worker that has gone silent, and tell xdist, which would wait for its connection to close."""
    if mark_down(node):
        kill_connection(node.gateway)
        node.notify_inproc("errordown", node=node, error=reason)


def await_reason(node: Any) -> bool:
    """Have xdist tell why a worker ends that says it has finished and was never told to; False where it was.

    Its collection has failed, or its options; what it has failed with comes when its channel closes.
    """
    told = node._shutdown_sent  # noqa: SLF001
    if told or node.workeroutput["shouldfail"] or node.workeroutput["shouldstop"]:
        return False
    node._down = False  # noqa: SLF001
    return True


def end_quietly(node: Any) -> tuple[str, dict[str, Any]]:
    """Return the event by which xdist lets a worker go without starting another one in its place."""
    node.workeroutput = {"exitstatus": 0, "shouldfail": False, "shouldstop": False}
    return "workerfinished", {"node": node}
