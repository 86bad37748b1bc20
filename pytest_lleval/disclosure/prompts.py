"""F1, the prompt: was it really the same one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.records import BackendIdentity, Disclosure, Verdict
from .additions import find_additions
from .evidence import Evidence, RunEvidence, list_omitted, warn
from .prompt_differences import describe_difference, name_cause
from .verdicts import make_verdict

__all__ = ["judge_prompts"]

Digests = dict[tuple[str, int], int]


def judge_prompts(run: RunEvidence, baseline: RunEvidence | None = None) -> Verdict:
    """Compare every prompt as it left the process with what the suite made, with other models', and with a baseline's.

    :param run: what was seen of the run
    :param baseline: what was seen of an earlier one
    """
    findings: list[Disclosure] = []
    unseen: list[str] = []
    seen = 0
    for identity in run.identities:
        rows = run.rows.of_model(identity.spec)
        findings += _find_altered(identity, rows)
        findings += find_additions(identity, rows, has_system=_has_system(run, rows, identity.spec))
        known = int((rows["left"] != 0).sum())
        seen += known
        if known < len(rows) or not len(rows):
            unseen.append(f"{identity.spec} ({_explain_unseen(identity, rows)})")
    findings += _compare_epochs(run)
    findings += _compare_models(run)
    if baseline is not None:
        findings += _compare_baseline(run, baseline)
    prompts = len({int(code) for code in run.rows["asked"]})
    return make_verdict(
        "F1",
        findings,
        clean=f"all {seen:,} requests carried the prompts the suite made ({prompts:,} different)",
        unverified=f"nobody saw the prompts of {', '.join(unseen)}" if unseen else "",
        evidence={"requests_seen": seen, "prompts": prompts, "unseen": unseen},
    )


def _has_system(run: RunEvidence, rows: Evidence, model: str) -> bool:
    """Tell whether prompts have a system prompt or several turns, by the first of them."""
    if not len(rows):
        return False
    first = run.look_up(model, rows.name("sample", 0), int(rows["epoch"][0]))
    return first is None or bool(first.get("system")) or len(first.get("turns", ())) > 1


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


def _read_digests(rows: Evidence) -> Digests:
    """Return the digest of each sample's and epoch's prompt: as it left, or as it was asked where nobody saw it."""
    words = rows.words["sample"]
    samples, epochs, left, asked = (rows[name].tolist() for name in ("sample", "epoch", "left", "asked"))
    return {
        (str(words[sample]), int(epoch)): digest or other
        for sample, epoch, digest, other in zip(samples, epochs, left, asked, strict=True)
    }


def _compare_epochs(run: RunEvidence) -> Iterator[Disclosure]:
    for identity in run.identities:
        prompts: dict[str, set[int]] = {}
        for (sample, _), digest in _read_digests(run.rows.of_model(identity.spec, fresh=False)).items():
            prompts.setdefault(sample, set()).add(digest)
        changing = sorted(sample for sample, digests in prompts.items() if len(digests) > 1)
        if changing:
            message = (
                f"{identity.spec}: {len(changing):,} samples were asked with another prompt in another epoch "
                f"(first: {changing[0]})"
            )
            yield warn("F1", message, {"samples": changing[:20]})


def _compare_models(run: RunEvidence) -> Iterator[Disclosure]:
    specs = [identity.spec for identity in run.identities]
    if len(specs) < 2:
        return
    first = _read_digests(run.rows.of_model(specs[0], fresh=False))
    for spec in specs[1:]:
        other = _read_digests(run.rows.of_model(spec, fresh=False))
        differing = sorted(key for key in first.keys() & other.keys() if first[key] != other[key])
        if differing:
            message = f"{specs[0]} and {spec} were asked different prompts for {len(differing):,} of the same samples"
            one, two = (run.look_up(name, *differing[0]) for name in (specs[0], spec))
            yield _explain(message, differing[0][0], one, two)


def _compare_baseline(run: RunEvidence, baseline: RunEvidence) -> Iterator[Disclosure]:
    known = {identity.spec for identity in baseline.identities}
    for number, identity in enumerate(run.identities):
        other = identity.spec if identity.spec in known else baseline.identities[min(number, len(known) - 1)].spec
        rows, before = run.rows.of_model(identity.spec, fresh=False), baseline.rows.of_model(other, fresh=False)
        ours, theirs = _read_digests(rows), _read_digests(before)
        shared = ours.keys() & theirs.keys()
        differing = sorted(key for key in shared if ours[key] != theirs[key])
        if differing:
            message = f"{identity.spec}: {len(differing):,} of {len(shared):,} prompts are others than in the baseline"
            one, two = baseline.look_up(other, *differing[0]), run.look_up(identity.spec, *differing[0])
            yield _explain(message, differing[0][0], one, two)
        elif identity.spec == other:
            yield from _compare_counts(identity, rows, before)


def _compare_counts(identity: BackendIdentity, rows: Evidence, before: Evidence) -> Iterator[Disclosure]:
    """The same prompts must have the same number of tokens: else something between here and the model has changed."""
    ours, theirs = _read_counts(rows), _read_counts(before)
    changes = [ours[key] - theirs[key] for key in ours.keys() & theirs.keys() if ours[key] != theirs[key]]
    if changes:
        changes.sort()
        middle = changes[len(changes) // 2]
        message = (
            f"{identity.spec}: the server counted other numbers of tokens in {len(changes):,} of the same prompts than "
            f"in the baseline ({middle:+.0f} in the middle): its template or what it adds has changed"
        )
        yield warn("F1", message, {"changed": len(changes), "median_tokens": middle})


def _read_counts(rows: Evidence) -> dict[tuple[int, str, int], float]:
    words = rows.words["sample"]
    columns = (rows[name].tolist() for name in ("asked", "sample", "epoch", "input_tokens"))
    return {
        (asked, str(words[sample]), int(epoch)): tokens
        for asked, sample, epoch, tokens in zip(*columns, strict=True)
        if tokens == tokens  # not a number: nothing was reported
    }


def _explain(message: str, sample: str, wanted: Mapping[str, Any] | None, sent: Mapping[str, Any] | None) -> Disclosure:
    if wanted is None or sent is None:
        return warn("F1", f"{message} (first: {sample})", {"first": {"sample": sample}})
    evidence = describe_difference(wanted, sent)
    return warn("F1", f"{message}: {evidence['cause']} (first: {sample})", {"first": {"sample": sample, **evidence}})
