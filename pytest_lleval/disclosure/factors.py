"""Findings that make a number doubtful, judged from evidence in the records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ..core.records import BackendIdentity, Disclosure, Record

__all__ = ["find_disclosures"]


def find_disclosures(
    records: Iterable[Record], identities: Sequence[BackendIdentity], datasets: Sequence[Disclosure] = ()
) -> tuple[Disclosure, ...]:
    """Collect the disclosures of a run, the gravest first.

    :param records: the run's journal
    :param identities: who was attached; their own disclosures are taken over
    :param datasets: disclosures of the datasets
    """
    found = [*datasets]
    for identity in identities:
        found += identity.disclosures
        if identity.kind == "mock" and not any(known.factor == "F3" for known in identity.disclosures):
            message = f"{identity.spec}: a mock answers, no model was asked"
            found.append(Disclosure(factor="F3", severity="critical", message=message))
    records = list(records)
    for identity in identities:
        found += _compare_served(identity, [record for record in records if record.model == identity.spec])
    found += _count_truncated(records)
    found += _count_cached(records)
    found += _count_repeated(records)
    order = {"critical": 0, "warning": 1, "note": 2}
    return tuple(sorted(_drop_repeats(found), key=lambda disclosure: order[disclosure.severity]))


def _drop_repeats(found: Iterable[Disclosure]) -> list[Disclosure]:
    unique: dict[tuple[str, str], Disclosure] = {}
    for disclosure in found:
        unique.setdefault((disclosure.factor, disclosure.message), disclosure)
    return list(unique.values())


def _compare_served(identity: BackendIdentity, records: Sequence[Record]) -> list[Disclosure]:
    """F2: every response must come from the model that was attached."""
    served = Counter(record.completion.model for record in records if record.completion)
    others = {model: count for model, count in served.items() if model != identity.served_model}
    prints = Counter(record.completion.fingerprint for record in records if record.completion)
    found = []
    if others:
        names = ", ".join(f"{model!r} {count} times" for model, count in sorted(others.items()))
        message = f"{identity.spec}: attached to {identity.served_model!r}, but answers came from {names}"
        found.append(Disclosure(factor="F2", severity="critical", message=message, evidence=dict(served)))
    if len(prints) > 1:
        message = f"{identity.spec}: the fingerprint of the backend changed during the run ({len(prints)} different)"
        evidence = {str(name): count for name, count in prints.items()}
        found.append(Disclosure(factor="F2", severity="warning", message=message, evidence=evidence))
    return found


def _count_cached(records: Sequence[Record]) -> list[Disclosure]:
    """F3: an answer out of the cache is no answer of this run's backend."""
    answered = [record for record in records if record.completion]
    cached = [record for record in answered if record.completion and record.completion.cached]
    if not cached:
        return []
    message = (
        f"{len(cached):,} of {len(answered):,} answers came from the response cache, of earlier runs; "
        "they are left out of times and speeds (--lleval-cache=refresh asks again)"
    )
    return [Disclosure(factor="F3", severity="note", message=message, evidence={"cached": len(cached)})]


def _count_repeated(records: Sequence[Record]) -> list[Disclosure]:
    """F5: attempts that failed took time and requests; both are counted, and said."""
    failures = [failure for record in records for failure in record.failures]
    if not failures:
        return []
    causes = Counter(f"HTTP {failure.status}" if failure.status else "no answer" for failure in failures)
    seconds = sum(failure.seconds + failure.waited for failure in failures)
    named = ", ".join(f"{cause} {count}" for cause, count in sorted(causes.items()))
    message = (
        f"{len(failures):,} requests failed ({named}); they and the waiting after them took {seconds:,.1f} s of calls, "
        "which are in the times"
    )
    evidence: dict[str, object] = {**causes, "seconds": round(seconds, 3)}
    return [Disclosure(factor="F5", severity="note", message=message, evidence=evidence)]


def _count_truncated(records: Sequence[Record]) -> list[Disclosure]:
    """Answers cut off by the token limit are scored as they stand, and said so when no answer was found in them."""
    cut = [
        record
        for record in records
        if record.completion
        and record.completion.stop_reason == "length"
        and record.primary
        and record.primary.answer is None
    ]
    if not cut:
        return []
    many = "1 answer was" if len(cut) == 1 else f"{len(cut)} answers were"
    message = f"{many} cut off by the token limit before an answer was found in it, and counted as wrong"
    return [Disclosure(factor="A", severity="warning", message=message, evidence={"first": cut[0].sample})]
