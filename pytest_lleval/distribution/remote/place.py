"""Makes the folder of a session on a host, and removes those of sessions that are gone."""

import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

#: in each folder that may be removed: the process it lives with
MARKER = ".pytest-lleval-run"
_STALE_SECONDS = 86400


def place(run: str) -> str:
    """Return a new folder.

    :param run: the session, for the folder's name
    """
    base = Path.home() / ".cache" / "pytest-lleval" / "runs"
    base.mkdir(parents=True, exist_ok=True)
    for folder in base.iterdir():
        with suppress(OSError, ValueError):
            if is_stale(json.loads((folder / MARKER).read_text(encoding="utf-8"))):
                shutil.rmtree(folder, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{run}-", dir=base))
    marked = {"pid": os.getpid(), "started": find_start(os.getpid()), "at": time.time()}
    (folder / MARKER).write_text(json.dumps(marked), encoding="utf-8")
    return str(folder)


def is_stale(marked: dict[str, Any]) -> bool:
    """Tell whether the process is gone that a folder lives with."""
    try:
        os.kill(marked["pid"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    started = find_start(marked["pid"])
    if started is None:
        # here nobody can tell whether another process has its number by now
        return bool(time.time() - marked["at"] > _STALE_SECONDS)
    return bool(started != marked["started"])


def find_start(pid: int) -> str | None:
    """Return when a process started, as the kernel counts (proc_pid_stat(5), field 22); None where it does not tell."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    return None


if __name__ == "__channelexec__":
    channel: Any
    (given,) = channel.receive()
    channel.send(("done", place(given)))
