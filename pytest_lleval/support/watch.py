"""A download done by another program, watched through the bytes it leaves on disk."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .folders import guard_writes
from .places import PlaceError

__all__ = ["explain_failure", "run_watched"]

_POLL_SECONDS = 0.2
_REASON_LENGTH = 300
_FULL_DISK = re.compile(r"No space left on device|not enough space on the disk|Disk quota exceeded", re.IGNORECASE)
_ERROR = re.compile(r"^error:\s*", re.IGNORECASE)
_CAUSE = re.compile(r"\s+(?:cause|caused by):\s*", re.IGNORECASE)
_BROKEN = re.compile(r"connection broken by '(.*)': /")


def run_watched(
    command: Sequence[str],
    scratch: Path,
    report: Callable[[int], None],
    settings: Mapping[str, str],
    stall_seconds: float | None = None,
) -> None:
    """Run a program that downloads below ``scratch / "work"`` and end it, whatever happens, before returning.

    :param command: the program and its arguments
    :param scratch: a private folder; the program's temporary files go below it too
    :param report: told the bytes below the work folder, about five times a second
    :param settings: environment variables for the program, beside those of this process
    :param stall_seconds: end the program when it has brought nothing for so long
    :raises PlaceError: it cannot be started, stalls or fails, with the reason it gave
    :raises AssetError: it ran out of disk space
    """
    work, log = scratch / "work", scratch / "output.txt"
    with guard_writes():
        work.mkdir(exist_ok=True)
        stream = log.open("wb")
    with stream:
        try:
            process = subprocess.Popen(  # noqa: S603  the caller's own command, no shell
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=_build_environment(work, settings)
            )
        except OSError as error:
            raise PlaceError(f"{command[0]!r} could not be started ({error.strerror})") from error
        try:
            _await_end(process, work, report, stall_seconds)
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        _raise_failure(log.read_text(encoding="utf-8", errors="replace"), process.returncode)


def explain_failure(output: str) -> str:
    """Return in one line what a failed program had to say: its last error, and the network's if it met one.

    :param output: all it wrote, e.g. the output of pip or uv
    """
    lines = [line for raw in output.splitlines() if (line := _strip_drawing(raw))]
    if not lines:
        return "no reason given"
    starts = [index for index, line in enumerate(lines) if _ERROR.match(line)]
    block = lines[starts[-1] :] if starts else lines[-1:]
    if any(line.startswith("Traceback") for line in block):
        block = block[-1:]
    causes = _CAUSE.split(_ERROR.sub("", " ".join(block).partition(" hint: ")[0]))
    reason = causes[0] if len(causes) == 1 else f"{causes[0].rstrip(':')}: {causes[-1]}"
    if broken := _BROKEN.findall(output):
        reason += f" (after {broken[-1]})"
    # A package index may be configured with its password in the address.
    return re.sub(r"://[^/\s@]+@", "://****@", reason)[:_REASON_LENGTH]


def _strip_drawing(raw: str) -> str:
    """Return a line without the tree older versions of uv draw around an error and its causes."""
    line = raw.strip().lstrip("\u2502 ")
    if line.startswith("\u00d7"):
        return "error: " + line[1:].strip()
    if line.startswith(("\u2570\u2500\u25b6", "\u251c\u2500\u25b6")):
        return "cause: " + line[3:].strip()
    return line


def _build_environment(work: Path, settings: Mapping[str, str]) -> dict[str, str]:
    environment = dict(os.environ)
    # Warnings turned into errors for the user's own tests, or colours, must not reach the program.
    for name in ("PYTHONWARNINGS", "FORCE_COLOR", "CLICOLOR_FORCE"):
        environment.pop(name, None)
    environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(work))
    return environment | {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"} | dict(settings)


def _await_end(
    process: subprocess.Popen[bytes], work: Path, report: Callable[[int], None], stall_seconds: float | None
) -> None:
    seen, since = -1, time.monotonic()
    while True:
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        else:
            return
        size = _measure_folder(work)
        report(size)
        if size != seen:
            seen, since = size, time.monotonic()
        elif stall_seconds is not None and time.monotonic() - since > stall_seconds:
            raise PlaceError(f"nothing came for {stall_seconds:.0f} s")


def _measure_folder(folder: Path) -> int:
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(base, name).lstat().st_size
            except OSError:  # moved or removed since it was listed
                continue
    return total


def _raise_failure(output: str, status: int) -> None:
    if _FULL_DISK.search(output):
        with guard_writes():
            raise OSError(explain_failure(output))
    raise PlaceError(f"{explain_failure(output)} (exit status {status})")
