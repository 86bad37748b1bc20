"""What a set of answers shows of who made them: the same ones over and over, recorded ones, old ones."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.records import BackendIdentity, Disclosure
from .evidence import Evidence, warn

__all__ = ["find_constant", "find_repeated", "find_stale"]

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
_STALE_SECONDS = 3600.0


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


def find_repeated(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """Find answers that were recorded once and given several times: id, time and text are all the same."""
    import numpy as np

    known = rows.select(rows["response"] != 0)
    if not len(known):
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
    age = known["started"] - known["created"]
    old = int((np.abs(age) > _STALE_SECONDS).sum())
    if old:
        days = float(np.median(np.abs(age[np.abs(age) > _STALE_SECONDS]))) / 86400
        message = (
            f"{identity.spec}: {old:,} of {len(known):,} answers are dated {days:,.1f} days off the time they were "
            "asked for: they are recorded, or the server's clock is wrong"
        )
        yield warn("F3", message, {"answers": old, "days": round(days, 3)})
