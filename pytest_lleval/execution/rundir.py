"""The run directory: where the evidence of a run is kept.

Layout: ``manifest.json`` (settings and identities), ``samples.jsonl`` (the journal), ``report.json``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.encoding import SCHEMA_VERSION
from ..core.errors import RunDirectoryError, UsageError
from ..support.locks import take_lock

__all__ = [
    "JOURNAL",
    "MANIFEST",
    "REPORT",
    "claim_run",
    "create_run",
    "find_run",
    "read_manifest",
    "write_json",
    "write_text",
]

MANIFEST, JOURNAL, REPORT, LOCK = "manifest.json", "samples.jsonl", "report.json", "session.lock"
_IGNORE = "# Created by pytest-lleval: evidence of runs, not source.\n*\n"


def create_run(base: Path, chosen: str | None) -> Path:
    """Create the directory of a new run.

    :param base: the folder that gets ``.lleval/runs/<time>-<id>`` when no directory is chosen
    :param chosen: a directory chosen by the user; it must be new or empty
    :raises RunDirectoryError: when it cannot be written, or already holds a run
    """
    try:
        if chosen is None:
            return _create_named(base / ".lleval")
        path = base / chosen
        if (path / MANIFEST).is_file() or _holds_lines(path / JOURNAL):
            raise RunDirectoryError(
                f"--lleval-run-dir: {str(path)!r} already holds a run; go on with it by --lleval-resume={path} "
                "or name another directory"
            )
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunDirectoryError(_explain(Path(error.filename or base), error)) from error
    return path


def _holds_lines(journal: Path) -> bool:
    # a session that was killed before its manifest was there leaves an empty one, and its job is started again
    return journal.is_file() and journal.stat().st_size > 0


@contextmanager
def claim_run(run: Path) -> Iterator[None]:
    """Keep other sessions out of a run directory; the operating system lets go when this process dies.

    :raises RunDirectoryError: when another session is writing to it
    """
    try:
        handle = take_lock(run / LOCK)
    except OSError as error:
        raise RunDirectoryError(_explain(run / LOCK, error)) from error
    if handle is None:
        raise RunDirectoryError(
            f"{run}: another session is writing to this run; wait for its end, or name another directory by "
            "--lleval-run-dir"
        )
    try:
        yield
    finally:
        os.close(handle)


def _create_named(home: Path) -> Path:
    """Create a directory named after the time, so that names sort as the runs began."""
    home.mkdir(parents=True, exist_ok=True)
    ignore = home / ".gitignore"
    if not ignore.exists():
        ignore.write_text(_IGNORE, encoding="utf-8")
    while True:
        now = time.time()
        path = home / "runs" / f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{int(now % 1 * 0x10000):04x}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if path.is_dir():
                continue  # of a session that began in the same 15 microseconds
            raise
        return path


def find_run(base: Path, name: str, place: str = "--lleval-resume") -> Path:
    """Find a run that was made before.

    :param base: the folder whose ``.lleval/runs`` holds the runs
    :param name: the path or name of a run; empty for the newest
    :param place: where the name was written, for messages
    :raises UsageError: when there is none
    """
    runs = base / ".lleval" / "runs"
    if name:
        for path in (base / name, runs / name):
            if (path / MANIFEST).is_file():
                return path
        raise UsageError(f"{place}: {name!r} is no run; looked for {MANIFEST} in {base / name} and {runs / name}")
    found = sorted(path.parent for path in runs.glob(f"*/{MANIFEST}"))
    if not found:
        raise UsageError(f"{place}: there is no run in {runs}")
    return found[-1]


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a run's manifest.

    :raises RunDirectoryError: when it is missing, broken, or of another schema
    """
    file = path / MANIFEST
    try:
        manifest: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunDirectoryError(f"{file}: cannot be read ({error})") from error
    if not isinstance(manifest, dict):
        raise RunDirectoryError(f"{file}: holds {type(manifest).__name__}, not the description of a run")
    if manifest.get("schema") != SCHEMA_VERSION:
        found = manifest.get("schema")
        raise RunDirectoryError(f"{file}: written with schema {found!r}, this version reads {SCHEMA_VERSION}")
    return manifest


def write_json(file: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all.

    :raises RunDirectoryError: when the disk or the directory does not take it
    """
    write_text(file, json.dumps(value, indent=1, sort_keys=True) + "\n")


def write_text(file: Path, text: str) -> None:
    """Write a file whole or not at all.

    :raises RunDirectoryError: when the disk or the directory does not take it
    """
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunDirectoryError(_explain(file, error)) from error


def _explain(path: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{path}: the evidence of the run cannot be written ({reason}); free space or choose --lleval-run-dir"
