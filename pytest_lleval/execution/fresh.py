"""A run directory that is made of records which are there already."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from ..core.errors import RunDirectoryError, UsageError
from .journal import Journal
from .rundir import JOURNAL, MANIFEST, write_json

__all__ = ["FreshRun"]


class FreshRun(AbstractContextManager["FreshRun"]):
    """Writes a new run directory: its journals first, so that it is a run only when it is whole.

    :param folder: where to; new or empty
    :param place: the option it came from, for messages
    :raises UsageError: when there is something already
    :raises RunDirectoryError: when it cannot be written
    """

    def __init__(self, folder: Path, place: str) -> None:
        self.folder = folder
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{place}: {str(folder)!r} is there already and not empty; name a new directory")
        #: somebody else's stays, whatever becomes of the run
        self._is_new = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunDirectoryError(f"{place}: {folder} cannot be made ({error.strerror or error})") from error
        self._journals = {JOURNAL: Journal(folder)}

    def append(self, line: str, name: str = JOURNAL) -> None:
        """Add a line to a journal, with the next link of its chain.

        :param name: of the journal, which is made when it gets its first line
        """
        if name not in self._journals:
            self._journals[name] = Journal(self.folder, name)
        self._journals[name].append(line)

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, which makes a run of the directory."""
        self._close()
        write_json(self.folder / MANIFEST, manifest)

    def _close(self) -> None:
        for journal in self._journals.values():
            journal.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        if not (self.folder / MANIFEST).is_file():
            # half a journal is no evidence of anything
            for name in self._journals:
                (self.folder / name).unlink(missing_ok=True)
            if self._is_new:
                with suppress(OSError):
                    self.folder.rmdir()
