"""F1, the prompt: was it really the same one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..core.records import BackendIdentity, Disclosure, Verdict
from .additions import find_additions
from .evidence import Evidence, RunEvidence, list_omitted, warn
from .prompt_differences import describe_difference, name_cause
from .verdicts import make_verdict

if TYPE_CHECKING:
    import numpy as np

__all__ = ["judge_prompts"]

#: keeps epochs of one sample apart from other samples
_MIX = 1_000_003


def judge_prompts(run: RunEvidence, baseline: RunEvidence | None = None) -> Verdict:
    """Compare every prompt as it left the process with what the suite made, with other models', and with a baseline's.

    :param run: what was seen of the run
    :param baseline: what was seen of an earlier one
    """
    import numpy as np

    findings: list[Disclosure] = []
    unseen: list[str] = []
    seen = 0
    for identity in run.identities:
        rows = run.rows.of_model(identity.spec)
        findings += _find_altered(identity, rows)
        findings += find_additions(identity, rows, has_system=identity.spec in rows.conversing)
        known = int((rows["left"] != 0).sum())
        seen += known
        if known < len(rows) or not len(rows):
            unseen.append(f"{identity.spec} ({_explain_unseen(identity, rows)})")
    findings += _compare_epochs(run)
    findings += _compare_models(run)
    if baseline is not None:
        findings += _compare_baseline(run, baseline)
    prompts = len(np.unique(run.rows["asked"]))
    return make_verdict(
        "F1",
        findings,
        clean=f"all {seen:,} requests carried the prompts the suite made ({prompts:,} different)",
        unverified=f"nobody saw the prompts of {', '.join(unseen)}" if unseen else "",
        evidence={"requests_seen": seen, "prompts": prompts, "unseen": unseen},
    )


def _explain_unseen(identity: BackendIdentity, rows: Evidence) -> str:
    if not len(rows):
        return "no request of this run was answered by it"
    return "they leave inside a function" if identity.url is None else "its client does not show them"


def _find_altered(identity: BackendIdentity, rows: Evidence) -> Iterator[Disclosure]:
    altered = int((rows["altered"] > 0).sum())
    examples = [found for found in rows.altered if found.model == identity.spec]
    if altered and examples:
        first = examples[0]
        causes = sorted({name_cause(found.wanted, found.sent) for found in examples})
        message = (
            f"{identity.spec}: {altered:,} of {len(rows):,} prompts left the process otherwise than the suite made "
            f"them: {'; '.join(causes)} (first: {first.case})"
        )
        evidence = {"altered": altered, "first": {"case": first.case, **describe_difference(first.wanted, first.sent)}}
        yield warn("F1", message, evidence, "critical")
    parameters = {
        name: value
        for name, value in rows.parameters.get(identity.spec, {}).items()
        if name not in list_omitted(identity)
    }
    if parameters:
        names = ", ".join(f"{name} {value!r}" for name, value in sorted(parameters.items()))
        message = f"{identity.spec}: sampling parameters were sent otherwise than the run asked for: {names}"
        yield warn("F1", message, parameters)


def _read_digests(rows: Evidence) -> np.ndarray[Any, Any]:
    """Return the digest of each row's prompt: as it left, or as it was asked where nobody saw it."""
    import numpy as np

    return np.where(rows["left"] != 0, rows["left"], rows["asked"])


def _pair_rows(one: Evidence, two: Evidence) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the rows of the samples and epochs that both have."""
    import numpy as np

    keys = [rows["sample"] * _MIX + rows["epoch"].astype(np.int64) for rows in (one, two)]
    _, ours, theirs = np.intersect1d(*keys, return_indices=True)
    return ours, theirs


def _name_first(rows: Evidence, numbers: Iterable[int]) -> tuple[str, int]:
    """Return sample and epoch of the first of some rows by name."""
    return min((rows.name_sample(int(row)), int(rows["epoch"][int(row)])) for row in numbers)


def _compare_epochs(run: RunEvidence) -> Iterator[Disclosure]:
    import numpy as np

    for identity in run.identities:
        rows = run.rows.of_model(identity.spec, fresh=False)
        pairs = np.unique(np.stack([rows["sample"], _read_digests(rows)], axis=1), axis=0)[:, 0]
        changing = np.unique(pairs[1:][pairs[1:] == pairs[:-1]])
        if len(changing):
            found = np.flatnonzero(np.isin(rows["sample"], changing))
            names = sorted({rows.name_sample(int(row)) for row in found})
            message = (
                f"{identity.spec}: {len(names):,} samples were asked with another prompt in another epoch "
                f"(first: {names[0]})"
            )
            yield warn("F1", message, {"samples": names[:20]})


def _compare_models(run: RunEvidence) -> Iterator[Disclosure]:
    specs = [identity.spec for identity in run.identities]
    if len(specs) < 2:
        return
    first = run.rows.of_model(specs[0], fresh=False)
    for spec in specs[1:]:
        other = run.rows.of_model(spec, fresh=False)
        ours, theirs = _pair_rows(first, other)
        differing = ours[_read_digests(first)[ours] != _read_digests(other)[theirs]]
        if len(differing):
            message = f"{specs[0]} and {spec} were asked different prompts for {len(differing):,} of the same samples"
            place = _name_first(first, differing)
            one, two = (run.look_up(name, *place) for name in (specs[0], spec))
            yield _explain(message, place[0], one, two)


def _compare_baseline(run: RunEvidence, baseline: RunEvidence) -> Iterator[Disclosure]:
    known = {identity.spec for identity in baseline.identities}
    for number, identity in enumerate(run.identities):
        other = identity.spec if identity.spec in known else baseline.identities[min(number, len(known) - 1)].spec
        rows, before = run.rows.of_model(identity.spec, fresh=False), baseline.rows.of_model(other, fresh=False)
        ours, theirs = _pair_rows(rows, before)
        differing = ours[_read_digests(rows)[ours] != _read_digests(before)[theirs]]
        if len(differing):
            message = f"{identity.spec}: {len(differing):,} of {len(ours):,} prompts are others than in the baseline"
            place = _name_first(rows, differing)
            yield _explain(message, place[0], baseline.look_up(other, *place), run.look_up(identity.spec, *place))
        elif identity.spec == other:
            yield from _compare_counts(identity, rows, before)


def _compare_counts(identity: BackendIdentity, rows: Evidence, before: Evidence) -> Iterator[Disclosure]:
    """The same prompts must have the same number of tokens: else something between here and the model has changed."""
    import numpy as np

    ours, theirs = _pair_rows(rows, before)
    changes = rows["input_tokens"][ours] - before["input_tokens"][theirs]
    # what was asked otherwise, or not counted, says nothing
    same = (rows["asked"][ours] == before["asked"][theirs]) & np.isfinite(changes)
    changes = np.sort(changes[same & (changes != 0)])
    if len(changes):
        middle = float(changes[len(changes) // 2])
        message = (
            f"{identity.spec}: the server counted other numbers of tokens in {len(changes):,} of the same prompts than "
            f"in the baseline ({middle:+.0f} in the middle): its template or what it adds has changed"
        )
        yield warn("F1", message, {"changed": len(changes), "median_tokens": middle})


def _explain(message: str, sample: str, wanted: Mapping[str, Any] | None, sent: Mapping[str, Any] | None) -> Disclosure:
    if wanted is None or sent is None:
        return warn("F1", f"{message} (first: {sample})", {"first": {"sample": sample}})
    evidence = describe_difference(wanted, sent)
    return warn("F1", f"{message}: {evidence['cause']} (first: {sample})", {"first": {"sample": sample, **evidence}})
