"""Makes the folder of a session on a host, removes it, and removes those of sessions that are gone.

Receives ``("place", session)`` or ``("remove", folder)``; sends ``("done", (folder, problem))``, one of them empty.
"""

import json
import os
import platform
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

#: in each folder that may be removed: the process it lives with, which touches it now and then
MARKER = ".pytest-lleval-run"
#: of the datasets, in the folder of a session
DATA = ".pytest-lleval-data"
#: for sessions without an ini file: pytest would take one of a folder above
CONFIG = ".pytest-lleval.ini"
_STALE_SECONDS = 86400


def place(run: str) -> str:
    """Return a new folder, which lives with this process.

    :param run: the session, for the folder's name
    """
    base = Path.home() / ".cache" / "pytest-lleval" / "runs"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in base.iterdir():
        if is_stale(folder):
            remove(folder)
    folder = Path(tempfile.mkdtemp(prefix=f"{run}-", dir=base))
    pid = os.getpid()
    try:
        marked = {"pid": pid, "started": find_start(pid), "machine": find_machine()}
        (folder / MARKER).write_text(json.dumps(marked), encoding="utf-8")
        (folder / CONFIG).touch()
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return str(folder)


def is_stale(folder: Path) -> bool:
    """Tell whether a folder is one of ours that nobody needs any more.

    Login folders may be shared: what runs on another machine, or in another container, nobody can see from here. There,
    and where the system does not tell processes of one number apart, a day without a touch must do.
    """
    marker = folder / MARKER
    if folder.is_symlink():
        return False
    try:
        if time.time() - marker.stat().st_mtime > _STALE_SECONDS:
            return True
        marked = json.loads(marker.read_text(encoding="utf-8"))
        return bool(marked["machine"] == find_machine() and not is_alive(marked["pid"], marked["started"]))
    except (OSError, ValueError, TypeError, KeyError):
        return False


def is_alive(pid: int, started: str | None) -> bool:
    """Tell whether a process of this machine lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is somebody else's
    return find_start(pid) == started


def find_start(pid: int) -> str | None:
    """Return when a process started, as the kernel counts (proc_pid_stat(5), field 22); None where it does not tell."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    return None


def find_machine() -> str:
    """Return what only processes share that see each other: a boot of a machine, and a namespace of numbers."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115  # it is no path
    return " ".join(parts)


def touch(folder: Path) -> None:
    """Show that a folder is needed."""
    with suppress(OSError):
        os.utime(folder / MARKER)


def remove(folder: Path) -> bool:
    """Remove a folder if it is one of ours; return whether it is gone. The marker goes last."""
    marker = folder / MARKER
    if folder.is_symlink() or not marker.is_file():
        return not folder.exists()
    for top, names, _ in os.walk(folder):
        # tests make folders that nobody may write
        for path in (Path(top, name) for name in names):
            if not path.is_symlink():
                with suppress(OSError):
                    path.chmod(0o700)
    for path in folder.iterdir():
        if path == marker:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
    if list(folder.iterdir()) == [marker]:
        shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def serve(action: str, word: str) -> tuple[str, str]:
    """Do what is asked for; return the folder, or what stands in the way."""
    try:
        if action == "place":
            return place(word), ""
        return "", "" if remove(Path(word)) else "not all of it can be removed, or it is none of a session"
    except OSError as error:
        return "", f"{error.strerror} ({error.filename or word})"


if __name__ == "__channelexec__":
    channel: Any
    channel.send(("done", serve(*channel.receive())))
