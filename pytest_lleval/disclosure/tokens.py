"""F4, the tokens: are the numbers tokens, whatever the language of the text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..core.matrix import MATRIX
from ..core.records import BackendIdentity, Disclosure, Verdict
from ..providers.counting import APPROXIMATION
from .evidence import Evidence, RunEvidence, warn
from .token_patterns import find_prompt_inside, find_rate, find_running_sum, find_step
from .verdicts import make_verdict

__all__ = ["judge_tokens"]

_FEWEST = 5
#: an estimate is within a factor of two or so of any tokenizer; what counts characters of prose is at four
_ROUGH = 2.6
#: a tokenizer of our own agrees to a few special tokens
_EXACT_SHARE = 0.02
_EXACT_TOKENS = 4.0
#: other units, against which the numbers of a server are held
_UNITS = {"characters": "characters", "bytes": "bytes", "words": "words"}


class _Side(NamedTuple):
    """Input or output: the columns that belong together."""

    name: str
    reported: str
    counted: str
    estimate: str
    #: column by unit
    units: dict[str, str]


_SIDES = (
    _Side("prompt", "input_tokens", "counted_input", "estimate", {unit: unit for unit in _UNITS}),
    _Side("answer", "output_tokens", "counted_output", "said_estimate", {unit: f"said_{unit}" for unit in _UNITS}),
)


def judge_tokens(run: RunEvidence) -> Verdict:
    """Hold the numbers of tokens that servers report against our own counts.

    :param run: what was seen of the run
    """
    findings: list[Disclosure] = []
    proofs: list[str] = []
    doubts: list[str] = []
    evidence: dict[str, Any] = {}
    for identity in run.identities:
        rows = run.rows.of_model(identity.spec)
        own = {side.name: _describe(rows, side) for side in _SIDES}
        tokenizer = str(identity.evidence.get("tokenizer") or APPROXIMATION)
        evidence[identity.spec] = {"tokenizer": tokenizer, **own}
        if identity.kind == "mock" or not len(rows):
            doubts.append(f"{identity.spec}: no tokens of this run to count")
            continue
        silent = [f"{side.name}s" for side in _SIDES if not own[side.name]["reported"]]
        if silent:
            doubts.append(f"{identity.spec} reports no tokens of its {' and '.join(silent)}")
        for side in _SIDES:
            findings += _judge_side(identity, rows, side, tokenizer)
        proofs.append(_describe_proof(identity, own, tokenizer))
    return make_verdict("F4", findings, clean="; ".join(proofs), unverified="; ".join(doubts), evidence=evidence)


def _describe(rows: Evidence, side: _Side) -> dict[str, Any]:
    import numpy as np

    reported, counted, estimate = (rows[name] for name in (side.reported, side.counted, side.estimate))
    both = np.isfinite(reported) & np.isfinite(counted)
    rough = np.isfinite(reported) & np.isfinite(estimate)
    return {
        "reported": int(np.isfinite(reported).sum()),
        "counted": int(both.sum()),
        "difference": float((reported[both] - counted[both]).sum()) if both.any() else None,
        "ratio_to_estimate": round(float(reported[rough].sum() / max(1.0, estimate[rough].sum())), 3)
        if rough.any()
        else None,
    }


def _describe_proof(identity: BackendIdentity, own: dict[str, dict[str, Any]], tokenizer: str) -> str:
    if all(found["counted"] for found in own.values()):
        many = own["prompt"]["counted"]
        return f"{identity.spec}: reported tokens agree with {many:,} own counts by the {tokenizer}"
    ratios = ", ".join(f"{name}s {found['ratio_to_estimate']}" for name, found in own.items())
    return f"{identity.spec}: reported tokens are what text of this size has ({ratios} times the {tokenizer})"


def _judge_side(identity: BackendIdentity, rows: Evidence, side: _Side, tokenizer: str) -> Iterator[Disclosure]:
    import numpy as np

    reported = rows[side.reported]
    known = np.isfinite(reported)
    if not known.any():
        return
    name = f"{identity.spec}: the tokens it reports of {side.name}s"
    if (reported[known] < 0).any():
        yield warn("F4", f"{name} are negative", {"least": float(reported[known].min())})
        return
    if not reported[known].any() and float(np.nansum(rows[side.units["characters"]])):
        yield warn("F4", f"{name} are 0 for every text", {"texts": int(known.sum())})
        return
    other = _find_unit(rows, side)
    if other:
        unit, share = other
        message = f"{name} are its {unit}: {reported[known].sum():,.0f} {unit} are {_tell_tokens(rows, side)}"
        yield warn("F4", message, {"unit": unit, "share": share}, "critical")
    elif number := _find_constant(rows, side):
        yield warn("F4", f"{name} are {number:,.0f} for texts of every size", {"tokens": number})
    else:
        found = [*_compare_counts(rows, side, name, tokenizer), *_compare_estimate(rows, side, name)]
        yield from found
        if all(finding.severity == "note" for finding in found) and (pattern := _find_pattern(rows, side)):
            said, evidence = pattern
            yield warn("F4", f"{name} {said}", evidence)
    if side.name == "prompt" and (rows["cached_tokens"] > rows["input_tokens"]).any():
        yield warn("F4", f"{identity.spec}: it reports more tokens from its prompt cache than prompts have")


def _tell_tokens(rows: Evidence, side: _Side) -> str:
    """Return our own count of the same texts, with its name where it is an estimate."""
    import numpy as np

    estimate = rows[side.estimate]
    known = np.isfinite(estimate)
    return f"about {estimate[known].sum() * len(rows) / max(1, known.sum()):,.0f} tokens by our own estimate"


def _find_unit(rows: Evidence, side: _Side) -> tuple[str, float] | None:
    """Find another unit that the numbers follow exactly, up to a constant, where it is not that of tokens."""
    import numpy as np

    reported, estimate = rows[side.reported], rows[side.estimate]
    for unit, column in side.units.items():
        size = rows[column]
        keep = np.isfinite(reported) & np.isfinite(size) & np.isfinite(estimate) & (size > 0)
        if keep.sum() < _FEWEST or len(np.unique(size[keep])) < 3:
            continue
        rest, apart = reported[keep] - size[keep], np.abs(size[keep] - estimate[keep])
        same = float((rest == np.median(rest)).mean())
        # short words have as many tokens as words, and a text of signs as many as signs
        if (
            same >= 0.8
            and apart.sum() > 0.15 * estimate[keep].sum()
            and abs(np.median(rest)) <= 0.5 * np.median(size[keep]) + 32
        ):
            return unit, round(same, 3)
    return None


def _find_constant(rows: Evidence, side: _Side) -> float | None:
    """Return the number that is reported for every text though their sizes differ by a factor of two."""
    import numpy as np

    if side.name == "answer" and (rows["cut"] > 0).all():
        # all of them were cut at the same limit
        return None
    reported, size = rows[side.reported], rows[side.units["characters"]]
    keep = np.isfinite(reported) & (size > 0)
    if keep.sum() < _FEWEST or len(np.unique(reported[keep])) > 1:
        return None
    return float(reported[keep][0]) if size[keep].max() > 2 * size[keep].min() + 16 else None


def _find_pattern(rows: Evidence, side: _Side) -> tuple[str, dict[str, Any]] | None:
    """Return in words, and as evidence, how the numbers were computed from something else than tokens."""
    import numpy as np

    columns = [rows[name] for name in (side.reported, side.estimate, *side.units.values(), "input_tokens")]
    known = np.isfinite(np.stack(columns)).all(axis=0)
    if not known.any():
        return None
    reported, own = rows[side.reported][known], rows[side.estimate][known]
    for unit, column in side.units.items():
        rate = find_rate(reported, rows[column][known], own, words=unit == "words")
        if rate is not None:
            return f"follow its {unit}: one of {rate:.3g} each", {"unit": unit, "rate": rate}
    # prompts of the size matrix were made to have round numbers of tokens
    free = ~_find_fitted(rows)[known] if side.name == "prompt" else np.ones(len(own), dtype=bool)
    if step := find_step(reported[free], own[free]):
        return f"come in steps of {step:,}: they are rounded, or multiplied", {"step": step}
    came = (rows["started"] + np.nan_to_num(rows["queued"]) + rows["total"])[known]
    if find_running_sum(reported, came, own):
        return "grow from call to call, whatever the text: they are a sum of the run", {"last": float(reported.max())}
    if side.name == "answer" and find_prompt_inside(reported, rows["input_tokens"][known], own):
        return "have those of its prompts in them", {"reported": float(reported.sum()), "own": float(own.sum())}
    return None


def _find_fitted(rows: Evidence) -> Any:
    """Return a mask of the rows whose prompts were fitted to a number of tokens."""
    suites = rows.words["suite"]
    return rows["suite"] == (suites.index(MATRIX) if MATRIX in suites else -1)


def _compare_counts(rows: Evidence, side: _Side, name: str, tokenizer: str) -> Iterator[Disclosure]:
    """Compare with our own counts, which there are of a few calls."""
    import numpy as np

    reported, counted = rows[side.reported], rows[side.counted]
    both = np.isfinite(reported) & np.isfinite(counted)
    rest = np.abs(reported[both] - counted[both])
    off = rest > np.maximum(_EXACT_TOKENS, _EXACT_SHARE * counted[both])
    if off.sum() > 0.1 * both.sum():
        # of those that are off most the longest, whichever came first
        at = int(np.lexsort((counted[both], rest))[-1])
        message = (
            f"{name} disagree with the {tokenizer} in {int(off.sum()):,} of {int(both.sum()):,}: "
            f"{reported[both][at]:,.0f} against {counted[both][at]:,.0f}"
        )
        yield warn("F4", message, {"off": int(off.sum()), "of": int(both.sum())})


def _count_fallback(rows: Evidence, side: _Side, keep: Any) -> float:
    """Return what a tokenizer that does not know a script may have more: signs in bytes, one token each."""
    import numpy as np

    return float(np.nansum((rows[side.units["bytes"]] - rows[side.units["characters"]])[keep]))


def _compare_estimate(rows: Evidence, side: _Side, name: str) -> Iterator[Disclosure]:
    """Compare sums with a rough estimate, and the growth with size, which no template changes."""
    import numpy as np

    reported, estimate = rows[side.reported], rows[side.estimate]
    keep = np.isfinite(reported) & np.isfinite(estimate) & (estimate > 0)
    if keep.sum() < _FEWEST or estimate[keep].sum() < 40:
        return
    more, less = reported[keep].sum(), estimate[keep].sum()
    spare = 40.0 * keep.sum() if side.name == "prompt" else 2.0 * keep.sum()
    # answers may have thoughts that are not shown, prompts a template
    over = more - spare > _ROUGH * less + _count_fallback(rows, side, keep) and side.name == "prompt"
    if side.name == "answer" and more - spare > _ROUGH * less:
        message = (
            f"{name} are {more / less:.1f} times what their text has: thoughts that are not shown, or another unit"
        )
        yield warn("F4", message, {"reported": float(more), "estimate": float(less)}, "note")
    elif over or more * _ROUGH < less:
        message = (
            f"{name} are {more / less:.2f} times what text of this size has: {more:,.0f} against about {less:,.0f}"
        )
        yield warn("F4", message, {"reported": float(more), "estimate": float(less)})
