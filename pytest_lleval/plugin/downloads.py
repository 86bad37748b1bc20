"""Show downloads on the terminal: a line redrawn on a screen, one line each in a log."""

from __future__ import annotations

import time

import pytest

__all__ = ["DownloadProgress"]

_INTERVAL = 0.2
_BAR = 30


class DownloadProgress:
    """Hears how far downloads have come.

    :param config: whose terminal reporter shows them, where there is one
    """

    def __init__(self, config: pytest.Config) -> None:
        self._reporter = config.pluginmanager.get_plugin("terminalreporter")
        self._drawn = 0.0
        self._announced: set[str] = set()

    def __call__(self, label: str, done: int, total: int | None) -> None:
        """Show one step."""
        if self._reporter is None:
            return
        if label not in self._announced:
            self._announced.add(label)
            size = f" ({total / 1e6:,.0f} MB)" if total else ""
            self._reporter.write_line(f"lleval: fetching {label}{size}")
        finished = total is not None and done >= total
        if not self._reporter.isatty or (time.monotonic() - self._drawn < _INTERVAL and not finished):
            return
        self._drawn = time.monotonic()
        self._reporter.rewrite(_draw_bar(done, total), erase=True)
        if finished:
            self._reporter.rewrite("", erase=True)


def _draw_bar(done: int, total: int | None) -> str:
    if not total:
        return f"  {done / 1e6:,.1f} MB"
    filled = round(_BAR * min(done, total) / total)
    return f"  [{'#' * filled}{'.' * (_BAR - filled)}] {done / 1e6:,.1f} of {total / 1e6:,.1f} MB"
