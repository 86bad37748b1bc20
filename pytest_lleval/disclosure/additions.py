"""What a server's own token counts say of prompts that were changed on their way to the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.records import BackendIdentity, Disclosure
from ..providers.counting import estimate_text
from .attachments import list_attachments
from .evidence import Evidence, warn
from .groups import find_group

__all__ = ["find_additions"]

#: tokens that a template puts around each message, and once: a date in some
_TURN_TOKENS, _HEADER_TOKENS = 7, 32
#: a conversation has at least so much of its own tokens more than its last turn alone, which a template's own system
#: prompt of 30 tokens may have more
_KEPT = 0.75
_FEWEST_ROWS = 20
_FEWEST_CUT = 3
#: how much less than prompts grow counts may grow, and how far they may follow them: half is usual between languages
_GROWTH, _FOLLOWED = 0.35, 0.6
_GROWING = 24.0


def find_additions(identity: BackendIdentity, rows: Evidence, *, has_system: bool = True) -> Iterator[Disclosure]:
    """Find prompts that grew or shrank after they had left the process.

    :param identity: who answers, with the probes it has answered
    :param rows: of that model, fresh ones
    :param has_system: whether the run's own prompts have more than one turn, or a system prompt
    """
    for attached in list_attachments(identity):
        yield from _read_probes(attached, has_system)
    yield from _find_unequal(identity, rows)
    group = find_group(rows)
    if group is not None and not group.multiplies:
        message = (
            f"{identity.spec}: in {group.prompts:,} of {group.of:,} prompts the server counted about {group.more:.0f} "
            "tokens more than in others of their size: something on the way to the model adds to some of them"
        )
        yield warn("F1", message, {"prompts": group.prompts, "of": group.of, "tokens": round(group.more)})
    yield from (_find_ceiling(identity, rows) or _find_flat(identity, rows))


def _read_probes(identity: BackendIdentity, has_system: bool) -> Iterator[Disclosure]:
    """A conversation that leaves nothing to a template must be counted about as long as it is."""
    probes: Any = identity.evidence.get("probes", ())
    plain = next((probe for probe in probes if _is_chat(probe) and not probe["prompt"]["system"]), None)
    for probe in probes:
        counted = probe["input_tokens"]
        if counted is None or not _is_chat(probe) or not probe["prompt"]["system"]:
            continue
        *before, last = (estimate_text(text) for text in _list_texts(probe))
        own, turns = sum(before) + last, len(before) + 1
        if counted > own + _TURN_TOKENS * turns + _HEADER_TOKENS:
            message = (
                f"{identity.spec}: the server counted {counted:,} tokens in a prompt of about {own}: something on the "
                "way to the model adds to prompts, such as a system prompt"
            )
            yield warn("F1", message, {"counted": counted, "own": own})
        elif plain and plain["input_tokens"] and turns > 2 and counted - plain["input_tokens"] < _KEPT * sum(before):
            message = (
                f"{identity.spec}: a system prompt and a turn of about {sum(before)} tokens added "
                f"{counted - plain['input_tokens']} to the server's count: they are left out on the way to the model"
            )
            evidence = {"counted": counted, "without": plain["input_tokens"], "own": own}
            yield warn("F1", message, evidence, "warning" if has_system else "note")


def _is_chat(probe: Mapping[str, Any]) -> bool:
    return "turns" in probe["prompt"]


def _list_texts(probe: Mapping[str, Any]) -> list[str]:
    return [probe["prompt"]["system"], *(text for _, text in probe["prompt"]["turns"])]


def _find_unequal(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    """The same prompt must be counted the same, whenever it is asked."""
    import numpy as np

    known = rows.select(np.isfinite(rows["input_tokens"]))
    _, group = np.unique(known["asked"], return_inverse=True)
    if not len(known) or len(known) == group.max() + 1:
        return
    most, least = np.full(group.max() + 1, -np.inf), np.full(group.max() + 1, np.inf)
    np.maximum.at(most, group, known["input_tokens"])
    np.minimum.at(least, group, known["input_tokens"])
    unequal = int((most > least).sum())
    if unequal:
        message = (
            f"{identity.spec}: the server counted {unequal:,} prompts differently when they were asked again, by up to "
            f"{(most - least).max():,.0f} tokens: something on the way to the model adds to some of them"
        )
        yield warn("F1", message, {"prompts": unequal, "tokens": float((most - least).max())})


def _select(rows: Evidence) -> tuple[Any, Any]:
    """Return our estimates and the server's counts where there are both."""
    import numpy as np

    own, counted = rows["estimate"], rows["input_tokens"]
    keep = np.isfinite(own) & np.isfinite(counted) & (own > 0)
    return own[keep], counted[keep]


def _find_ceiling(identity: BackendIdentity, rows: Evidence) -> list[Disclosure]:
    """Counts that stop growing while prompts grow on: prompts are cut off."""
    import numpy as np

    own, counted = _select(rows)
    if len(own) < _FEWEST_ROWS or not counted.max():
        return []
    ceiling = counted.max()
    near = counted >= 0.98 * ceiling
    below = ~near
    if near.sum() < _FEWEST_CUT or below.sum() < _FEWEST_ROWS // 2:
        return []
    ratio = float(np.median(counted[below] / own[below]))
    # prompts that should have counted half as much again, all at the same number
    expected = ratio * own[near]
    if np.median(expected) <= 1.5 * ceiling or own[near].max() <= 1.3 * own[near].min():
        return []
    message = (
        f"{identity.spec}: {int(near.sum()):,} prompts were counted as about {ceiling:,.0f} tokens though the "
        f"longest has about {expected.max():,.0f}: they are cut off on the way to the model"
    )
    return [warn("F1", message, {"ceiling": float(ceiling), "expected": float(expected.max())})]


def _find_flat(identity: BackendIdentity, rows: Evidence) -> list[Disclosure]:
    """Counts of the longer half that hardly follow its size: prompts are cut, by another measure than tokens."""
    import numpy as np

    own, counted = _select(rows)
    if len(own) < _FEWEST_ROWS:
        return []
    longer = own >= np.median(own)
    own, counted = own[longer], counted[longer]
    if np.quantile(own, 0.9) - np.quantile(own, 0.1) < _GROWING or not counted.std():
        return []
    slope = float(np.polyfit(own, counted, 1)[0])
    followed = float(np.corrcoef(own, counted)[0, 1])
    if slope >= _GROWTH or followed >= _FOLLOWED or counted.max() > own.max():
        return []
    message = (
        f"{identity.spec}: the server counted about {np.median(counted):,.0f} tokens in prompts of {own.min():,.0f} to "
        f"{own.max():,.0f}, and no more in the longest: they are cut off on the way to the model"
    )
    return [warn("F1", message, {"slope": round(slope, 3), "longest": float(own.max())})]
