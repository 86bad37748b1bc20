"""A sample whose score is another in a second run, with both answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..analysis.contrast import Contrast
from ..core.records import Record
from .fitting import fit_text, show_first_line

__all__ = ["Flip", "encode_flip", "render_flip"]

_ANSWER = 16


class Flip(NamedTuple):
    """A sample whose score changed; its records are those of its first epoch, None where only a file is known."""

    contrast: Contrast
    sample: str
    was: float
    now: float
    before: Record | None = None
    after: Record | None = None

    def place(self, *, is_new: bool) -> tuple[str, str, str]:
        """Return suite, model and sample of one of the two runs."""
        part = self.contrast.new if is_new else self.contrast.base or self.contrast.new
        return part.suite, part.model, self.sample


def render_flip(flip: Flip, width: int) -> Iterator[str]:
    """Yield the sample with its target, and a line for each run: score, answer as read, first line of the text.

    :param width: columns of the terminal
    """
    record = flip.after or flip.before
    target = " | ".join(record.target) if record is not None else ""
    word = "fell" if flip.now < flip.was else "rose"
    head = f"{word}  {flip.contrast.new.suite}::{flip.sample}"
    yield fit_text(head + (f"  target {target}" if target else ""), max(40, width), pad=False)
    yield f"      base {flip.was:.3g}{_tell_answer(flip.before, width)}"
    yield f"      new  {flip.now:.3g}{_tell_answer(flip.after, width)}"


def _tell_answer(record: Record | None, width: int) -> str:
    if record is None:
        return ""
    text = record.completion.text if record.completion else ""
    answer = record.primary.answer if record.primary else None
    read = fit_text("no answer read" if answer is None else repr(answer), _ANSWER)
    return f"  {read}  {show_first_line(text, max(20, width - _ANSWER - 20))}"


def encode_flip(flip: Flip) -> dict[str, Any]:
    """Return the sample as JSON values."""
    records = {"base": flip.before, "new": flip.after}
    known = [record for record in records.values() if record is not None]
    return {
        "suite": flip.contrast.new.suite,
        "model": flip.contrast.new.model,
        "sample": flip.sample,
        "target": list(known[0].target) if known else None,
        "scores": {"base": flip.was, "new": flip.now},
        "answers": {name: found and found.primary and found.primary.answer for name, found in records.items()},
        "texts": {name: found and found.completion and found.completion.text for name, found in records.items()},
    }
