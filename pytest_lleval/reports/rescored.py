"""Old and new scores of the same answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..analysis.contrast import Contrast, contrast_runs
from ..analysis.tally import Tally, TallyBuilder
from ..core.records import Record
from ..core.results import Baseline, Results, SampleResult
from .fitting import fit_text, show_first_line

__all__ = ["RescoreTally", "render_changed"]

_SCORE = 10
_ANSWER = 16


class Changed(NamedTuple):
    """An epoch whose score is another than it was."""

    before: Record
    after: Record


class RescoreTally:
    """Takes records as they were stored and as they were scored again.

    :param shown: how many that have changed to keep; None for all
    """

    def __init__(self, shown: int | None) -> None:
        self._shown = shown
        self._before, self._after = TallyBuilder(), TallyBuilder()
        #: epochs that have another score, or another reason to have none; all, and those that are kept
        self.changes = 0
        self.changed: list[Changed] = []
        #: epochs whose scorer fails now
        self.failed = 0

    def add(self, before: Record, after: Record) -> None:
        """Take one epoch."""
        self._before.add(before)
        self._after.add(after)
        self.failed += after.outcome != "scored" and before.outcome == "scored"
        if _tell_value(before) != _tell_value(after):
            self.changes += 1
            if self._shown is None or len(self.changed) < self._shown:
                self.changed.append(Changed(before, after))

    def contrast(self) -> tuple[Contrast, ...]:
        """Return what has become of each suite's accuracy, over the samples that were scored both times."""
        base = Baseline(place="", results=[_collect(part) for part in self._before.finish()])
        return contrast_runs([_collect(part) for part in self._after.finish()], base)


def _collect(part: Tally) -> Results:
    causes = [part.name("cause", int(code)) for code in part["cause"] if code]
    scorers = part.scorers[:1]
    samples: dict[str, SampleResult] = {}
    for scorer in scorers:
        rows = part.means(scorer)
        columns = (rows[name].tolist() for name in ("sample", "value", "epochs", "group", "cluster"))
        for sample, value, epochs, group, cluster in zip(*columns, strict=True):
            samples[sample] = SampleResult(
                scores=(None if math.isnan(value) else value,),
                epochs=epochs,
                group=part.name("group", group),
                cluster=part.name("cluster", cluster),
            )
    return Results(
        suite=part.suite,
        model=part.model,
        facts={},
        scorers=scorers,
        samples=samples,
        unscored={cause: causes.count(cause) for cause in sorted(set(causes))},
    )


def _tell_value(record: Record) -> str:
    if record.outcome != "scored":
        return record.cause or "unscored"
    return f"{record.primary.value:.4g}" if record.primary else "no score"


def render_changed(changed: Sequence[Changed], width: int, *, epochs: int) -> Iterator[str]:
    """Yield the samples whose score has changed, with the answer that was read before and now.

    :param changed: the epochs
    :param width: columns of the terminal
    :param epochs: how many each case has
    """
    for before, after in changed:
        number = f" #{after.epoch}" if epochs > 1 else ""
        yield fit_text(f"{after.case}{number}  target {' | '.join(after.target)}", max(40, width), pad=False)
        for word, record in (("old", before), ("new", after)):
            answer = record.primary.answer if record.primary else None
            read = record.error or ("no answer read" if answer is None else repr(answer))
            shown = fit_text(read, max(_ANSWER, width - 30), pad=False)
            yield f"      {word} {fit_text(_tell_value(record), _SCORE)}  {shown}"
        text = after.completion.text if after.completion else ""
        yield f"      text {show_first_line(text, max(20, width - 12))}"
