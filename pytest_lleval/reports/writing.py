"""Writes a run's reports to the files that were asked for, each in the form its name ends in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ..core.errors import RunDirectoryError, UsageError
from .document import render_document
from .machine import encode_report
from .page.rendering import render_page
from .view import RunView

__all__ = ["check_report_files", "write_reports"]


def _render_json(_: Path, view: RunView) -> str:
    """Return the report as the run directory has it."""
    return json.dumps(encode_report(view), indent=1, sort_keys=True) + "\n"


_RENDERERS: Mapping[str, Callable[[Path, RunView], str]] = {
    ".html": render_page,
    ".json": _render_json,
    ".md": render_document,
}


def check_report_files(place: str, files: Sequence[Path]) -> None:
    """Make sure that each file names a form of report, before anything is asked.

    :param place: where they were written, for messages
    :param files: where reports shall go
    :raises UsageError: naming the file
    """
    for file in files:
        if file.suffix.lower() not in _RENDERERS:
            known = ", ".join(_RENDERERS)
            raise UsageError(f"{place}: {str(file)!r} is no report this can write; its name must end in one of {known}")
        if file.is_dir():
            raise UsageError(f"{place}: {str(file)!r} is a directory; name a file in it")


def write_reports(run: Path, view: RunView, files: Sequence[Path]) -> None:
    """Write reports, each whole or not at all; the same run and view give the same bytes at any time.

    :param run: the run directory
    :param view: of the run
    :param files: where to; folders are made
    :raises UsageError: when a file's name does not end as a report's
    :raises RunDirectoryError: when one cannot be written, or the run directory cannot be read
    """
    check_report_files("report", files)
    for file in files:
        _write(file, _RENDERERS[file.suffix.lower()](run, view))


def _write(file: Path, text: str) -> None:
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(text.encode("utf-8"))
        temporary.replace(file)
    except (OSError, ValueError) as error:
        with suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise RunDirectoryError(f"the report {str(file)!r} cannot be written ({reason}); name another file") from error
