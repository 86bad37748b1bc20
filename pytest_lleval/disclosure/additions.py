"""What a server's own token counts say of prompts that were changed on their way to the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.records import BackendIdentity, Disclosure
from ..providers.counting import estimate_text
from .evidence import Evidence, warn

__all__ = ["find_additions"]

#: tokens that templates put around a system prompt and a question: up to 25, and a date in some
_TEMPLATE_TOKENS = 40
_FEWEST_ROWS = 20
_FEWEST_OUTLIERS = 3
_LEAST_ADDITION = 16.0
_MOST_SHARE = 0.5


def find_additions(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """Find prompts that grew or shrank after they had left the process.

    :param identity: who answers, with the probes it has answered
    :param rows: of that model, fresh ones
    """
    yield from _read_probes(identity)
    yield from _find_outliers(identity, rows)
    yield from _find_ceiling(identity, rows)


def _read_probes(identity: BackendIdentity) -> Iterator[Disclosure]:
    """A prompt that leaves nothing to a template must not be counted much longer than it is."""
    probes: Any = identity.evidence.get("probes", ())
    for probe in probes:
        prompt, counted = probe["prompt"], probe["input_tokens"]
        if not prompt.get("system") or counted is None:
            continue
        own = estimate_text(prompt["system"]) + sum(estimate_text(text) for _, text in prompt["turns"])
        if counted > own + _TEMPLATE_TOKENS:
            message = (
                f"{identity.spec}: the server counted {counted:,} tokens in a prompt of about {own}: something on the "
                "way to the model adds to prompts, such as a system prompt"
            )
            yield warn("F1", message, {"counted": counted, "own": own})


def _select(rows: Evidence) -> tuple[Any, Any]:
    """Return our estimates and the server's counts where there are both."""
    import numpy as np

    own, counted = rows["estimate"], rows["input_tokens"]
    keep = np.isfinite(own) & np.isfinite(counted) & (own > 0)
    return own[keep], counted[keep]


def _find_outliers(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """Something that is added to a few prompts makes a group of its own above all the others."""
    import numpy as np

    own, counted = _select(rows)
    if len(own) < _FEWEST_ROWS:
        return
    slope = float(np.median(counted / own))
    rest = counted - slope * own
    order = np.sort(rest)
    # only the upper half, and only groups large enough to be no accident
    start, stop = int(len(order) * _MOST_SHARE), len(order) - _FEWEST_OUTLIERS
    if stop < start:
        return
    gaps = np.diff(order)[start - 1 : stop]
    at = start + int(np.argmax(gaps))
    bulk, outliers = order[:at], order[at:]
    spread = 1.48 * float(np.median(np.abs(bulk - np.median(bulk)))) + 1.0
    gap, width = float(gaps.max()), float(outliers.max() - outliers.min())
    if gap < max(_LEAST_ADDITION, 4 * spread) or width > 6 * spread + 4 or (bulk.max() - bulk.min()) > 12 * spread + 8:
        return
    added = float(np.median(outliers) - np.median(bulk))
    message = (
        f"{identity.spec}: in {len(outliers):,} of {len(order):,} prompts the server counted about {added:.0f} tokens "
        "more than in others of their size: something on the way to the model adds to some of them"
    )
    yield warn("F1", message, {"prompts": len(outliers), "of": len(order), "tokens": round(added)})


def _find_ceiling(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """Counts that stop growing while prompts grow on: prompts are cut off."""
    import numpy as np

    own, counted = _select(rows)
    if len(own) < _FEWEST_ROWS or not counted.max():
        return
    ceiling = counted.max()
    near = counted >= 0.98 * ceiling
    below = ~near
    if near.sum() < _FEWEST_OUTLIERS or below.sum() < _FEWEST_ROWS // 2:
        return
    ratio = float(np.median(counted[below] / own[below]))
    # prompts that should have counted half as much again, all at the same number
    expected = ratio * own[near]
    if np.median(expected) > 1.5 * ceiling and own[near].max() > 1.3 * own[near].min():
        message = (
            f"{identity.spec}: {int(near.sum()):,} prompts were counted as about {ceiling:,.0f} tokens though the "
            f"longest has about {expected.max():,.0f}: they are cut off on the way to the model"
        )
        yield warn("F1", message, {"ceiling": float(ceiling), "expected": float(expected.max())})
