"""What ordinary tests have to disclose of the models and seeds they used, at the end of the session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from ..reports.escaping import escape_text
from .seeds import NOTES

__all__ = ["print_notes"]


def print_notes(reporter: pytest.TerminalReporter, reports: Iterable[pytest.TestReport]) -> None:
    """Print the models that tests asked, and every finding about them, once each with the number of tests.

    :param reporter: of the session
    :param reports: those that carry properties of ours
    """
    models: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    for report in reports:
        found = [(name, str(value)) for name, value in report.user_properties]
        # what is to say of the models of eval cases, their run says
        told = any(name == "lleval_pass" for name, _ in found)
        models.update({value for name, value in found if name == "lleval_model" and not told})
        notes.update({value for name, value in found if name == NOTES and (value.startswith("S ") or not told)})
    if not models and not notes:
        return
    reporter.section("lleval: models and seeds of tests")
    for name, count in models.items():
        reporter.write_line(escape_text(f"model    {name}, asked by {count:,} test{'s' if count > 1 else ''}"))
    for text, count in notes.items():
        factor, severity, message = text.split(" ", 2)
        grave = severity != "note"
        line = f"{factor:<3} {severity:<9} {message}" + (f" ({count:,} tests)" if count > 1 else "")
        reporter.write_line(escape_text(line), yellow=grave, red=severity == "critical")
