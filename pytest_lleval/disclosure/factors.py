"""All that makes a run's numbers doubtful: the verdicts of the six factors, and what else there is to disclose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..core.records import Disclosure, Verdict
from .backends import judge_backends
from .evidence import RunEvidence
from .incidents import Incidents
from .models import judge_models
from .prompts import judge_prompts
from .seeds import find_seed_findings
from .times import judge_times
from .tokens import judge_tokens
from .verdicts import is_trustworthy, make_verdict, sort_findings

__all__ = ["Judgement", "judge_run"]

_FACTORS = frozenset({"F1", "F2", "F3", "F4", "F5", "E"})


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the trust layer says of a run."""

    #: of the six factors, in their order
    verdicts: tuple[Verdict, ...]
    #: of seeds, datasets and answers
    further: tuple[Disclosure, ...]

    @property
    def disclosures(self) -> tuple[Disclosure, ...]:
        """All findings, the gravest first."""
        return sort_findings([*(found for verdict in self.verdicts for found in verdict.disclosures), *self.further])

    @property
    def trustworthy(self) -> bool:
        """Whether all six factors are clean."""
        return is_trustworthy(self.verdicts)


def judge_run(
    run: RunEvidence,
    known: Iterable[Disclosure] = (),
    baseline: RunEvidence | None = None,
    environment: Verdict | None = None,
) -> Judgement:
    """Judge a run.

    :param run: what was seen of it
    :param known: what was disclosed before it began, of datasets and settings
    :param baseline: what was seen of an earlier run
    :param environment: the verdict on the machine
    """
    verdicts = [
        judge_prompts(run, baseline),
        judge_models(run, baseline),
        judge_backends(run),
        judge_tokens(run),
        judge_times(run),
        *([environment] if environment else []),
    ]
    further = [*known, *_tell_cut(run.incidents), *_find_uniform(run), *find_seed_findings(run)]
    for identity in run.identities:
        further += [found for found in identity.disclosures if found.factor not in ("F2", "F3")]
    return Judgement(
        verdicts=tuple(_add_known(verdict, further) for verdict in verdicts),
        further=sort_findings(found for found in further if found.factor not in _FACTORS),
    )


def _add_known(verdict: Verdict, known: Iterable[Disclosure]) -> Verdict:
    """Add what was disclosed elsewhere to the verdict of its factor."""
    more = [found for found in known if found.factor == verdict.factor]
    if not more:
        return verdict
    return make_verdict(
        verdict.factor,
        [*verdict.disclosures, *more],
        clean=verdict.message,
        unverified=verdict.message if verdict.state == "unverified" else "",
        evidence=verdict.evidence,
    )


def _tell_cut(incidents: Incidents) -> list[Disclosure]:
    """Answers cut off by the token limit are scored as they stand, and said so when no answer was found in them."""
    if not incidents.cut:
        return []
    many = "1 answer was" if incidents.cut == 1 else f"{incidents.cut} answers were"
    message = f"{many} cut off by the token limit before an answer was found in it, and counted as wrong"
    return [Disclosure(factor="A", severity="warning", message=message, evidence={"first": incidents.first_cut})]


def _find_uniform(run: RunEvidence) -> list[Disclosure]:
    """A backend that reads prompts may be too weak for them: one answer to all is no measurement of anything else."""
    import numpy as np

    found = []
    for identity in run.identities:
        rows = run.rows.of_model(identity.spec)
        prompts = len(np.unique(rows["asked"]))
        if identity.kind != "mock" and prompts >= 8 and len(np.unique(rows["text"])) == 1:
            message = f"{identity.spec}: all {prompts:,} prompts got the same answer; the score is that answer's"
            found.append(Disclosure(factor="A", severity="warning", message=message, evidence={"prompts": prompts}))
    return found
