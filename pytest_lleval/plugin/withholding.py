"""Models that the ini file's suites are not asked of, since nobody has said that they may cost money."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ..core.errors import LlevalError
from ..reports.escaping import escape_text
from .spending import list_withheld
from .state import load_settings

__all__ = ["withhold_models"]


def withhold_models(config: pytest.Config, told: str) -> frozenset[str] | None:
    """Return the models that suites and the matrix are not asked of in this session; None when none is left.

    :param config: of the session
    :param told: what a controller that asks puts into its workers' input
    :raises pytest.UsageError: for a setting that does not fit
    """
    if hasattr(config, "workerinput"):
        # the controller has decided
        return frozenset() if told in config.workerinput else None
    try:
        withheld, models = list_withheld(config), load_settings(config).models
    except LlevalError as error:
        raise pytest.UsageError(str(error)) from error
    if withheld:
        config.pluginmanager.register(WithheldNote(withheld), "lleval-withheld")
    return frozenset(withheld) if any(spec.name not in withheld for spec in models) else None


class WithheldNote:
    """Says at the end what was not asked, and how it would be.

    :param reasons: by model
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self._reasons = reasons

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print one line a model."""
        for reason in self._reasons.values():
            line = f"lleval: the project's suites were not asked: {reason}, or the suites by --lleval-suite"
            terminalreporter.write_line(escape_text(line), yellow=True)
