"""Reads the journal while it is being written, so that little is left to read when the session ends."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import RunDirectoryError

if TYPE_CHECKING:
    from ..reports.view import RunReader

__all__ = ["JournalFollower"]

_SECONDS = 0.5


class JournalFollower:
    """Follows a run's journal in a thread of its own.

    :param run: the run directory, with its manifest
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._reader: RunReader | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="lleval-reader", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        import numpy as np  # noqa: F401  # which the end would have to wait for

        from ..reports.view import RunReader

        try:
            self._reader = RunReader(self._run)
            while not self._ended.wait(_SECONDS):
                self._reader.advance()
        except RunDirectoryError:
            # whoever reads it at the end meets the same error, where it can be told
            self._reader = None

    def finish(self) -> RunReader | None:
        """Stop following; return what has read the journal so far, None when it could not be read."""
        self._ended.set()
        self._thread.join()
        return self._reader
