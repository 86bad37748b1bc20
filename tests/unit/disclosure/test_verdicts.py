from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.records import Disclosure, Verdict
from pytest_lleval.disclosure.verdicts import (
    FACTOR_TITLES,
    GRAVITY,
    find_unacknowledged,
    is_trustworthy,
    make_verdict,
    sort_findings,
)

FINDINGS = st.lists(
    st.builds(
        Disclosure,
        factor=st.sampled_from(sorted(FACTOR_TITLES)),
        severity=st.sampled_from(sorted(GRAVITY)),
        message=st.sampled_from("abc"),
    ),
    max_size=6,
)


def find(severity: str, message: str = "x", factor: str = "F1") -> Disclosure:
    return Disclosure(factor=factor, severity=severity, message=message)


def say(factor: str, state: str) -> Verdict:
    return Verdict(factor=factor, state=state, message="")


@given(findings=FINDINGS, doubt=st.sampled_from(["", "nobody looked"]))
def test_no_factor_is_clean_with_a_finding_above_a_note_or_without_evidence(
    findings: Sequence[Disclosure], doubt: str
) -> None:
    verdict = make_verdict("F1", findings, clean="all well", unverified=doubt)
    grave = any(found.severity != "note" for found in findings)
    assert verdict.state == ("flagged" if grave else "unverified" if doubt else "clean")
    assert all(found in findings for found in verdict.disclosures)
    assert {(found.factor, found.message) for found in verdict.disclosures} == {
        (found.factor, found.message) for found in findings
    }


@given(findings=FINDINGS)
def test_findings_come_gravest_first_once_each(findings: Sequence[Disclosure]) -> None:
    found = sort_findings(findings)
    assert [GRAVITY[item.severity] for item in found] == sorted(GRAVITY[item.severity] for item in found)
    assert len({(item.factor, item.message) for item in found}) == len(found)
    assert sort_findings(found) == found


@given(findings=FINDINGS)
def test_of_findings_that_read_alike_the_gravest_is_kept(findings: Sequence[Disclosure]) -> None:
    for kept in sort_findings(findings):
        alike = [item for item in findings if (item.factor, item.message) == (kept.factor, kept.message)]
        assert GRAVITY[kept.severity] == min(GRAVITY[item.severity] for item in alike)


def test_a_verdict_says_its_gravest_finding_and_how_many_more_there_are() -> None:
    verdict = make_verdict("F1", [find("note", "a"), find("warning", "b"), find("critical", "c")], clean="")
    assert verdict.message == "c (and 1 more)"
    assert make_verdict("F1", [find("warning", "b"), find("note")], clean="").message == "b"


def test_a_note_leaves_a_factor_clean_and_is_kept() -> None:
    verdict = make_verdict("F1", [find("note")], clean="all well", evidence={"seen": 3})
    assert (verdict.state, verdict.message, verdict.disclosures) == ("clean", "all well", (find("note"),))
    assert verdict.evidence == {"seen": 3}


@given(
    states=st.fixed_dictionaries(
        {factor: st.sampled_from(["clean", "flagged", "unverified"]) for factor in FACTOR_TITLES}
    )
)
def test_numbers_are_trustworthy_when_all_six_factors_are_clean_and_never_else(states: dict[str, str]) -> None:
    verdicts = [say(factor, state) for factor, state in states.items()]
    assert is_trustworthy(verdicts) == (set(states.values()) == {"clean"})


@pytest.mark.parametrize("missing", sorted(FACTOR_TITLES))
def test_a_factor_that_has_not_spoken_makes_numbers_untrustworthy(missing: str) -> None:
    assert not is_trustworthy([say(factor, "clean") for factor in FACTOR_TITLES if factor != missing])


def test_a_reason_covers_the_findings_of_its_factor_alone() -> None:
    findings = [find("warning", "a", "F1"), find("critical", "b", "F2"), find("note", "c", "F3")]
    assert find_unacknowledged(findings, {}) == findings[:2]
    assert find_unacknowledged(findings, {"F2": "it is a proxy"}) == findings[:1]
    assert find_unacknowledged(findings, {"F1": "x", "F2": "y"}) == []
