"""What keeps a run from ending well, in the session that made it and when it is put together from others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..core.settings import Allowance, Settings

if TYPE_CHECKING:
    from .view import RunView

__all__ = ["find_doubted", "find_unmeasured", "list_failures"]


def find_unmeasured(view: RunView, allowed: Allowance) -> str:
    """Say why too little was scored; empty when enough was.

    :param allowed: answers that may be unscored
    """
    unscored = sum(sum(suite.unscored.values()) for suite in view.suites)
    scored = sum(suite.scored for suite in view.suites)
    if allowed.admits(unscored, scored + unscored) and (scored or not unscored):
        return ""
    return f"unmeasured: {unscored:,} of {scored + unscored:,} answers could not be scored, allowed are {allowed}"


def find_doubted(view: RunView) -> str:
    """Say what a strict session fails on; empty when it does not."""
    found = view.unacknowledged
    if not found:
        return ""
    factors = ", ".join(dict.fromkeys(finding.factor for finding in found))
    many = "finding is" if len(found) == 1 else "findings are"
    return (
        f"--lleval-strict: {len(found):,} {many} not acknowledged ({factors}); mend the cause, or say why it is "
        f"expected by --lleval-acknowledge={found[0].factor}:REASON"
    )


def list_failures(view: RunView, settings: Settings) -> Iterator[str]:
    """Yield what would have failed the session of a run that was put together, a sentence each.

    :param settings: of the run
    """
    failing = [gate for gate in view.gates if gate.fails]
    if failing:
        yield f"{len(failing):,} of {len(view.gates):,} gates do not pass"
    if view.part is not None:
        yield view.part.message
    if unmeasured := find_unmeasured(view, settings.unscored_allowed):
        yield unmeasured
    undecided = view.audit.counts["undecided"] if view.audit is not None else 0
    if undecided:
        yield f"workers contradict each other in {undecided:,} answers, and no third one could decide who lies"
    tests = sum(int(worker.entry["tests"]) for worker in view.excluded)
    if tests:
        yield f"{tests:,} tests were run by workers that are not believed: run them again"
    if settings.strict and (doubted := find_doubted(view)):
        yield doubted
