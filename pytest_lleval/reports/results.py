"""The results of a run, sample by sample, from what was read of its directory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..analysis.tally import CACHED, DECIDED, Tally
from ..core.records import Usage
from ..core.results import Results, SampleResult
from ..core.settings import ModelSpec
from ..disclosure.evidence import Evidence, RunEvidence
from ..execution.manifest import TESTS
from ..execution.prices import Price, find_price
from .parts import Part

__all__ = ["collect_results"]

_SETTINGS = ("seed", "epochs", "temperature", "top_p", "max_tokens", "system_prompt")


def collect_results(
    manifest: Mapping[str, Any], tallies: Sequence[Tally], seen: RunEvidence, only: Part | None
) -> tuple[Results, ...]:
    """Return the results of each suite and model.

    :param manifest: of the run
    :param tallies: its records
    :param seen: what was seen of it
    :param only: what part of a run it is; None of a whole one
    """
    words = only.message if only else ""
    found = [_collect(manifest, part, seen, words) for part in tallies]
    known = {(part.suite, part.model) for part in found}
    for suite in manifest["suites"]:
        # of tests nobody knows before whom they ask
        for model in manifest["models"] if suite.get("kind") != TESTS else ():
            if (suite["name"], model["spec"]) not in known:
                found += [_make_empty(suite, model["spec"], words)]
    return tuple(found)


def _make_empty(suite: Mapping[str, Any], model: str, lacking: str) -> Results:
    missing = int(suite["selected"])
    return Results(suite=suite["name"], model=model, facts={}, scorers=(), samples={}, missing=missing, part=lacking)


def _collect(manifest: Mapping[str, Any], part: Tally, seen: RunEvidence, lacking: str) -> Results:
    described: Mapping[str, Any] = next((suite for suite in manifest["suites"] if suite["name"] == part.suite), {})
    causes = [part.name("cause", int(code)) for code in part["cause"] if code]
    samples = _collect_samples(part, _find_prompts(part, seen.rows), _find_price(manifest, part.model))
    return Results(
        suite=part.suite,
        model=part.model,
        facts=_describe(manifest, described, part, seen),
        scorers=part.scorers,
        samples=samples,
        unscored={cause: causes.count(cause) for cause in sorted(set(causes) - {DECIDED})},
        missing=max(0, int(described.get("collected", described.get("selected", 0))) - len(set(part["sample"]))),
        part=lacking,
    )


def _describe(
    manifest: Mapping[str, Any], described: Mapping[str, Any], part: Tally, seen: RunEvidence
) -> dict[str, Any]:
    identity = next((found for found in seen.identities if found.spec == part.model), None)
    facts = {name: described.get(name) for name in ("version", "dataset", "edition", "digest", "parameters")}
    facts["settings"] = {name: manifest["settings"].get(name) for name in _SETTINGS}
    if identity is not None:
        facts |= {"served_model": identity.served_model, "kind": identity.kind, "fingerprint": identity.fingerprint}
    return facts


def _find_price(manifest: Mapping[str, Any], model: str) -> Price | None:
    for raw in manifest["settings"].get("models", ()):
        spec = ModelSpec(**raw)
        if spec.name == model:
            return find_price(spec)
    return None


def _find_prompts(part: Tally, rows: Evidence) -> dict[str, str]:
    """Return the digest of the prompt of each sample's first epoch: as it left, or as asked where nobody saw it."""
    prompts: dict[str, str] = {}
    words = rows.words["model"], rows.words["suite"]
    if part.model not in words[0] or part.suite not in words[1]:
        return prompts
    keep = (rows["model"] == words[0].index(part.model)) & (rows["suite"] == words[1].index(part.suite))
    keep &= rows["epoch"] == 1
    for sample, left, asked in zip(rows.samples[keep], rows["left"][keep], rows["asked"][keep], strict=True):
        prompts[sample] = f"{int(left) or int(asked):016x}"
    return prompts


def _collect_samples(part: Tally, prompts: Mapping[str, str], price: Price | None) -> dict[str, SampleResult]:
    rows: dict[str, list[int]] = {}
    for row, (sample, cause) in enumerate(zip(part["sample"], part["cause"], strict=True)):
        if not cause:
            rows.setdefault(sample, []).append(row)
    scores = [part.score(scorer) for scorer in part.scorers]
    return {
        sample: SampleResult(
            scores=tuple(_average(column[row] for row in found) for column in scores),
            epochs=len(found),
            group=part.name("group", int(part["group"][found[0]])),
            cluster=part.name("cluster", int(part["cluster"][found[0]])),
            prompt=prompts.get(sample, ""),
            seconds=_average(part["total"][row] for row in found if part["answered"][row] != CACHED),
            input_tokens=_average(part["input_tokens"][row] for row in found),
            output_tokens=_average(part["output_tokens"][row] for row in found),
            cost=_weigh(part, found, price),
        )
        for sample, found in rows.items()
    }


def _average(values: Any) -> float | None:
    known = [float(value) for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else None


def _weigh(part: Tally, rows: Sequence[int], price: Price | None) -> float | None:
    """Return what the epochs of a sample cost, in USD; None where a price or a count is not known."""
    total = 0.0
    for row in rows:
        used = float(part["input_tokens"][row]), float(part["output_tokens"][row])
        if price is None or any(map(math.isnan, used)):
            return None
        total += price.weigh(Usage(input_tokens=int(used[0]), output_tokens=int(used[1])))
    return total
