"""What a set of answers shows of who made them: the same ones over and over, recorded ones, old ones."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.records import BackendIdentity, Disclosure
from .evidence import Evidence, warn

__all__ = ["find_constant", "find_fallback", "find_frame", "find_repeated", "find_stale"]

#: different prompts from which on equal answers say something
_FEWEST_PROMPTS = 8
#: characters from which on nobody answers different questions in the same words
_LONG = 24
#: answers of three wordings to at least so many prompts
_FEWEST_CANNED = 30
_CANNED = 3
#: share of answers whose id, time and text are all another's: some servers draw their ids from a thousand
_TWINS = 0.05
_FEWEST_TWINS = 3
#: clocks that nobody keeps together are seldom a minute apart
_STALE_SECONDS = 60.0
_DAY = 86400.0
#: share of one text from which on it may be somebody's way out, and of the time others take that it takes at most
_FALLBACK = 0.1
_QUICK = 0.5
#: share of answers that are as long as their question and a frame around it
_FRAMED = 0.9
_LEAST_SPREAD = 16.0


def find_constant(identity: BackendIdentity, rows: Evidence, *, reads_prompts: bool) -> Iterator[Disclosure]:
    """Find answers that do not depend on the question.

    :param identity: who answers
    :param rows: of that model, fresh ones
    :param reads_prompts: whether it has shown that it reads them: a weak model may then still choose one letter always
    """
    import numpy as np

    prompts = len(np.unique(rows["asked"]))
    texts = len(np.unique(rows["text"]))
    if prompts < _FEWEST_PROMPTS:
        return
    length = float(np.median(rows["said_characters"]))
    if texts == 1 and (length >= _LONG or not reads_prompts):
        message = f"{identity.spec}: all {prompts:,} prompts got the same answer: it does not depend on what is asked"
        yield warn("F3", message, {"prompts": prompts, "answers": 1})
    elif texts <= _CANNED and prompts >= _FEWEST_CANNED and length >= _LONG:
        message = (
            f"{identity.spec}: {prompts:,} prompts got {texts} answers of {length:.0f} characters: they are canned"
        )
        yield warn("F3", message, {"prompts": prompts, "answers": texts})


def find_fallback(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """Find one text that is given to many questions in much less time than other answers of its length take."""
    import numpy as np

    texts, counts = np.unique(rows["text"], return_counts=True)
    if not len(texts):
        return
    same = rows["text"] == texts[int(np.argmax(counts))]
    length, prompts = rows["said_characters"], len(np.unique(rows["asked"][same]))
    if prompts < max(_FEWEST_PROMPTS, _FALLBACK * len(rows)) or length[same][0] < _LONG:
        return
    others = ~same & (length >= 0.5 * length[same][0])
    if others.sum() < _FEWEST_PROMPTS:
        return
    spent = rows["total"] - np.nan_to_num(rows["connect"])
    took, usual = float(np.median(spent[same])), float(np.median(spent[others]))
    if took < _QUICK * usual:
        message = (
            f"{identity.spec}: {prompts:,} of {len(rows):,} prompts got the same answer of {length[same][0]:.0f} "
            f"characters, in {took * 1000:.0f} ms where others take {usual * 1000:.0f} ms: no model made it"
        )
        yield warn("F3", message, {"prompts": prompts, "seconds": took, "others": usual})


def find_frame(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """Find answers that are as long as their question and always the same more: an echo in a frame."""
    import numpy as np

    if len(np.unique(rows["asked"])) < _FEWEST_PROMPTS or rows["characters"].std() < _LEAST_SPREAD:
        return
    more = rows["said_characters"] - rows["characters"]
    frame = float(np.median(more))
    framed = int((more == frame).sum())
    if framed >= _FRAMED * len(rows):
        message = (
            f"{identity.spec}: {framed:,} of {len(rows):,} answers are as long as their question, and {frame:.0f} "
            "characters: an echo, not a model"
        )
        yield warn("F3", message, {"answers": framed, "frame": frame})


def find_repeated(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """Find answers that were recorded once and given several times: id, time and text are all the same."""
    import numpy as np

    known = rows.select(rows["response"] != 0)
    if not len(known) or len(np.unique(known["response"])) == 1:
        # a server that gives every answer the same id says nothing by it
        return
    keys = np.stack([known["response"], np.nan_to_num(known["created"]).astype(np.int64), known["text"]], axis=1)
    _, counts = np.unique(keys, axis=0, return_counts=True)
    twins = int(counts[counts > 1].sum())
    if twins >= _FEWEST_TWINS and twins > _TWINS * len(known):
        message = (
            f"{identity.spec}: {twins:,} of {len(known):,} answers carry the response id, time and text of another: "
            "they are replayed"
        )
        yield warn("F3", message, {"answers": twins, "of": len(known)})


def find_stale(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """Find answers that the server itself dates long before they were asked for."""
    import numpy as np

    known = rows.select(rows["created"] > 0)
    if not len(known):
        return
    asked = known["started"]
    answered = asked + np.nan_to_num(known["queued"]) + np.nan_to_num(known["total"])
    age = np.where(known["created"] < asked, asked - known["created"], np.maximum(0.0, known["created"] - answered))
    stale = age > _STALE_SECONDS
    old = int(stale.sum())
    if old:
        seconds = float(np.median(age[stale]))
        message = (
            f"{identity.spec}: {old:,} of {len(known):,} answers are dated {_tell_time(seconds)} off the time they "
            "were asked for: they are recorded, or the server's clock is wrong"
        )
        yield warn("F3", message, {"answers": old, "days": round(seconds / _DAY, 3)})


def _tell_time(seconds: float) -> str:
    return f"{seconds / _DAY:,.1f} days" if seconds >= 0.1 * _DAY else f"{seconds / 60:,.0f} minutes"
