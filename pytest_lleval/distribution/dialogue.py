"""A Python on a host that answers line by line: plain ssh, without execnet, and bounded in time whatever happens."""

from __future__ import annotations

import inspect
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from ..core.errors import HostError
from .complaints import SSH_FAILED, describe_noise, explain_end, make_printable
from .hosts import Host
from .ssh import make_command, make_environment

__all__ = ["NEEDED_PYTHON", "START", "Dialogue"]

#: what `requires-python` says
NEEDED_PYTHON = (3, 11)
#: what follows an interpreter's name: the words of execnet, so that what is found out holds for it too
START = '-c "import sys;exec(eval(sys.stdin.readline()))"'
#: in the Python of any year: the module itself is compiled only where it can be
_GATE = """
import sys
if sys.version_info < {needed}:
    sys.stdout.write("{mark} %d.%d\\n" % sys.version_info[:2])
    sys.stdout.flush()
else:
    space = {{"__name__": "pytest_lleval_probe"}}
    exec(compile({source}, "<pytest-lleval>", "exec"), space)
    space["serve"]("{mark}")
"""
_CHUNK = 1 << 20
_LONGEST = 1 << 22
_MOST_LINES = 1000
_MOST_ERRORS = 1 << 16
#: for a child that was told to end
_GRACE = 1.0


class Dialogue:
    """Starts an interpreter on a host.

    :param host: whose interpreter
    :param seconds: for everything until it is closed
    :param start: for the host's shell; its own interpreter by default
    :param oldest: version that will do
    :raises HostError: with its kind, when there is no ssh command
    """

    def __init__(self, host: Host, seconds: float, *, start: str = "", oldest: tuple[int, int] = NEEDED_PYTHON) -> None:
        self._host = host
        self._oldest = oldest
        self._own = not start
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._mark = f"lleval-{uuid.uuid4().hex}"
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # `close` closes it
        try:
            self._child = self._start(start or f"{host.python} {START}")
        except OSError as error:
            self._errors.close()
            raise HostError(f"this machine has no ssh command that runs ({error})", kind="unfit") from error
        self._reader = threading.Thread(target=self._read, name=f"lleval-dialogue-{host.name}", daemon=True)
        self._reader.start()

    def run(self, module: ModuleType, within: float = float("inf")) -> None:
        """Wait until a module of ours runs there.

        :param module: of `distribution.remote`, with a function ``serve``
        :param within: seconds for this alone
        :raises HostError: with its kind, when it does not come to that
        """
        source = ascii(inspect.getsource(module))
        self._write(ascii(_GATE.format(needed=self._oldest, mark=self._mark, source=source)))
        self._await_mark(min(self._deadline, time.monotonic() + within))

    def ask(self, request: object, file: Path | None = None) -> Any:
        """Send one request and return its answer; both JSON.

        :param file: whose bytes follow the request
        :raises HostError: with its kind, when there is none in time
        """
        self._write(json.dumps(request))
        if file is not None:
            self._write_file(file)
        line = self._read_line()
        if line is None:
            raise self._explain(started=True)
        try:
            return json.loads(line)
        except ValueError as error:
            raise describe_noise(self._host, line) from error

    def close(self) -> None:
        """End the connection and what runs at this end of it; from any thread, safe to call twice."""
        if self._errors.closed:
            return
        with suppress(OSError):
            _get(self._child.stdin).close()
        for stop in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
            self._signal(stop)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(_GRACE)
                break
        self._reader.join(_GRACE)
        if not self._reader.is_alive():  # else something else that ssh started holds the pipe
            _get(self._child.stdout).close()
        self._errors.close()

    def _start(self, words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  # the words of a file of the user's
            make_command(self._host, words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=make_environment(self._host.env),
            stderr=self._errors,
            # what ssh starts on the way to a host ends with it; and no terminal is there to be asked on
            start_new_session=True,
        )

    def _signal(self, number: int) -> None:
        if self._child.poll() is not None:
            return
        with suppress(OSError):
            if sys.platform == "win32":
                self._child.kill()
            else:
                os.killpg(self._child.pid, number)

    def _await_mark(self, deadline: float) -> None:
        noise = ""
        while True:
            line = self._read_line(deadline)
            if line is None:
                status = self._find_status()
                # a shell that cannot be had says so on standard output
                raise (
                    describe_noise(self._host, noise)
                    if noise and status != SSH_FAILED
                    else self._explain(started=False)
                )
            before, mark, after = line.partition(self._mark)
            noise += before
            if not mark:
                continue
            if noise.strip():
                raise describe_noise(self._host, noise)
            if after.strip():
                needed = ".".join(map(str, self._oldest))
                raise HostError(
                    f"Python {make_printable(after)} at {self._host.python!r} is too old, {needed} is needed: name "
                    "another by python = … or venv = …",
                    kind="unfit",
                )
            return

    def _explain(self, *, started: bool) -> HostError:
        status = self._find_status()
        self._errors.seek(0)
        errors = self._errors.read(_MOST_ERRORS).decode("utf-8", "replace")
        found = explain_end(self._host, status, errors, self._seconds, own=self._own)
        if not started or found.kind == "unreachable":
            return found
        told = make_printable(errors[-200:]) or "without a word"
        if status == SSH_FAILED:
            return HostError(f"the connection was cut ({told})", kind="unreachable")
        return HostError(f"its Python ended, status {status} ({told})", kind="unfit")

    def _find_status(self) -> int | None:
        """Return ssh's status; None when it has to be ended."""
        with suppress(subprocess.TimeoutExpired):
            return self._child.wait(max(0.0, min(_GRACE, self._deadline - time.monotonic())))
        return None

    def _write(self, line: str) -> None:
        # a child that is gone is heard of by what it says, and by its silence
        with suppress(OSError):
            pipe = _get(self._child.stdin)
            pipe.write(line.encode("ascii") + b"\n")
            pipe.flush()

    def _write_file(self, file: Path) -> None:
        """Send a file; a host that takes nothing any more is given up when time is out."""
        timer = threading.Timer(max(0.0, self._deadline - time.monotonic()), self._signal, [signal.SIGTERM])
        timer.daemon = True
        timer.start()
        try:
            with suppress(BrokenPipeError), file.open("rb") as stream:
                shutil.copyfileobj(stream, _get(self._child.stdin), _CHUNK)
                _get(self._child.stdin).flush()
        finally:
            timer.cancel()

    def _read_line(self, deadline: float | None = None) -> str | None:
        """Return the next line; None when there is none in time, or ever.

        :param deadline: by ``time.monotonic``; of everything if none
        """
        with suppress(queue.Empty):
            return self._lines.get(timeout=max(0.0, (deadline or self._deadline) - time.monotonic()))
        return None

    def _read(self) -> None:
        pipe = _get(self._child.stdout)
        with suppress(OSError, ValueError):
            for _ in range(_MOST_LINES):
                line = pipe.readline(_LONGEST)
                if not line:
                    break
                self._lines.put(line.decode("utf-8", "replace"))
        self._lines.put(None)


def _get(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101  # for the type checker: all three are given
    return pipe
