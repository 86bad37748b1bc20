"""The log of a local server: where it lies, what its end says."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ServerLog", "describe_exit", "open_log", "read_tail"]

_TAIL_BYTES = 16384
_TAIL_LINES = 4
# llama.cpp's own prefix: minutes.seconds.milliseconds.microseconds, a letter for the level
_PREFIX = re.compile(r"^\d+\.\d\d\.\d{3}\.\d{3} (?P<level>[A-Z]) +")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerLog:
    """The file a server writes its log to; `start` is where this server's part begins."""

    path: Path
    start: int
    #: whether the file goes with the server
    temporary: bool

    def append(self, line: str) -> None:
        """Write one line of our own."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def read_tail(self) -> str:
        """Return the last lines this server wrote that say something, in one line."""
        return read_tail(self.path, self.start)

    def discard(self) -> None:
        """Remove the file if it was made for this server alone."""
        if self.temporary:
            self.path.unlink(missing_ok=True)


def open_log(name: str, log_dir: Path | None) -> ServerLog:
    """Choose the log file of a server and create it.

    :param name: the file's name without its suffix; characters a file name cannot have are replaced
    :param log_dir: where it stays; None for a temporary file
    """
    stem = re.sub(r"[^\w.-]+", "_", name)
    if log_dir is None:
        handle, made = tempfile.mkstemp(prefix=f"{stem}-", suffix=".log")
        os.close(handle)
        return ServerLog(path=Path(made), start=0, temporary=True)
    log_dir.mkdir(parents=True, exist_ok=True)
    path = log_dir / f"{stem}.log"
    path.touch()
    return ServerLog(path=path, start=path.stat().st_size, temporary=False)


def read_tail(path: Path, start: int = 0) -> str:
    """Return the last lines of a log that say something, errors first, in one line.

    :param start: the byte to begin at
    """
    try:
        with path.open("rb") as stream:
            stream.seek(max(start, path.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", errors="replace")
    except OSError as error:
        return f"its log {str(path)!r} cannot be read: {error.strerror}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if _read_level(line) in ("E", "")] or lines
    shown = dict.fromkeys(_PREFIX.sub("", line) for line in telling)
    return " | ".join(list(shown)[-_TAIL_LINES:]) or "its log is empty"


def _read_level(line: str) -> str:
    match = _PREFIX.match(line)
    return match.group("level") if match else ""


def describe_exit(code: int) -> str:
    """Name an exit status, e.g. ``killed by SIGKILL`` or ``exit status 1``."""
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit status {code}" if code < 256 else f"exit status {code:#x}"
