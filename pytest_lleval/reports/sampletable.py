"""The samples of a run as a table, one line an epoch, as wide as the terminal."""

from __future__ import annotations

from ..core.records import Record
from .fitting import fit_text

__all__ = ["SampleTable"]

_SCORE, _SECONDS, _FLAGS = 10, 8, 14
_NARROWEST = 72


class SampleTable:
    """Lays out records as lines whose columns are fixed before the first one is known.

    :param width: columns of the terminal
    :param by_case: name the case, with suite and model, instead of the sample
    :param epochs: how many each case has
    """

    def __init__(self, width: int, *, by_case: bool, epochs: int) -> None:
        free = max(_NARROWEST, width) - _SCORE - _SECONDS - _FLAGS - 10
        self._names = free // 2
        self._texts = (free - self._names) // 2
        self._by_case = by_case
        self._epochs = epochs

    def render_head(self) -> str:
        """Return the titles of the columns."""
        return self._join("case" if self._by_case else "sample", "score", "answer", "target", "seconds", "flags")

    def render_row(self, record: Record) -> str:
        """Return the line of a record: its score, or why it has none."""
        name = record.case if self._by_case else record.sample
        score = record.primary
        answer = (score.answer or "") if score else record.error
        seconds = f"{record.completion.timing.total:.3f}" if record.completion else ""
        return self._join(
            f"{name} #{record.epoch}" if self._epochs > 1 else name,
            f"{score.value:.4g}" if record.outcome == "scored" and score else record.cause or "unscored",
            answer,
            " | ".join(record.target),
            seconds,
            ", ".join(list_flags(record)),
        )

    def _join(self, name: str, score: str, answer: str, target: str, seconds: str, flags: str) -> str:
        parts = [
            fit_text(name, self._names),
            fit_text(score, _SCORE),
            fit_text(answer, self._texts),
            fit_text(target, self._texts),
            f"{seconds:>{_SECONDS}}",
            fit_text(flags, _FLAGS, pad=False),
        ]
        return "  ".join(parts).rstrip()


def list_flags(record: Record) -> list[str]:
    """Return the factors that a record makes doubtful, and what else sets it apart from others."""
    flags = list(record.flags)
    if record.completion is not None and record.completion.cached:
        flags.append("cached")
    if record.completion is not None and record.completion.stop_reason == "length":
        flags.append("cut")
    if record.failures:
        flags.append(f"retried {len(record.failures)}")
    return flags
