"""What belongs to every number that is shown apart from its report: whether it may be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..core.records import Disclosure, Verdict
from ..disclosure.verdicts import is_trustworthy

__all__ = ["describe_trust", "list_findings"]


def describe_trust(verdicts: Sequence[Verdict]) -> str:
    """Return ``yes``, or ``no`` with the factors that are not clean.

    :param verdicts: of the six factors
    """
    if is_trustworthy(verdicts):
        return "yes"
    return f"no ({', '.join(f'{found.factor} {found.state}' for found in verdicts if found.state != 'clean')})"


def list_findings(findings: Iterable[Disclosure], *, notes: bool = False) -> Iterator[str]:
    """Yield a line for each finding, those that are no more than notes left out unless wanted."""
    for found in findings:
        if notes or found.severity != "note":
            yield f"{found.factor:<3}{found.severity:<9} {found.message}"
