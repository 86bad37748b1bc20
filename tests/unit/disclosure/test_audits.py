from typing import Any

from pytest_lleval.disclosure.audits import find_audit_findings, list_excluded, read_audit

AUDIT = {"share": 0.02, "key": "00", "chosen": 10, "asked": 10, "agreed": 10, "workers": {"gw0": {"audited": 10}}}
LIAR = {"worker": "gw1", "host": "far", "reason": "worker gw1 on host far lies", "cases": 7, "tests": 0}


def tell(*sessions: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = find_audit_findings(read_audit(sessions), list_excluded(sessions))
    return [(each.factor, each.severity, each.message) for each in found]


def test_a_run_without_audits_says_nothing_of_them() -> None:
    assert tell({}) == []
    assert read_audit([{}]) is None


def test_answers_that_were_the_same_are_a_note_on_seeds() -> None:
    assert tell({"audit": AUDIT}) == [
        ("S", "note", "asked again on another worker, 10 of 10 answers were the same"),
    ]


def test_answers_that_score_otherwise_are_a_warning() -> None:
    audit = {**AUDIT, "agreed": 6, "same_score": 2, "unlike": 1, "contradicted": 1}
    assert tell({"audit": audit}) == [
        (
            "S",
            "warning",
            "asked again on another worker, 6 of 10 answers were the same, 2 others scored the same, "
            "2 scored otherwise",
        )
    ]


def test_an_excluded_worker_is_critical_and_its_lies_are_not_the_models() -> None:
    audit = {**AUDIT, "agreed": 9, "lied": 1}
    assert tell({"audit": audit, "excluded": [LIAR]}) == [
        (
            "E",
            "critical",
            "worker gw1 on host far lies: it is excluded; 7 cases of worker gw1 on host far are void and were asked "
            "again",
        ),
        ("S", "note", "asked again on another worker, 9 of 9 answers were the same"),
    ]
    (_, _, message), _ = tell({"audit": audit, "excluded": [{**LIAR, "tests": 3}]})
    assert message.endswith("; 3 tests it has run are not")


def test_two_that_contradict_each_other_are_both_named() -> None:
    told = {"case": "s::1[m]", "epoch": 1, "workers": ["gw0", "gw1"], "about": "scores"}
    (found, _) = tell({"audit": {**AUDIT, "agreed": 8, "undecided": 2, "undecided_cases": [told]}})
    assert found[:2] == ("E", "critical")
    assert found[2].startswith("workers gw0 and gw1 say different things of the scores of s::1[m] (and 1 more)")


def test_gaps_are_said() -> None:
    audit = {**AUDIT, "agreed": 5, "unaudited": 3, "unanswered": 2, "same_machine": 5, "stale": 1}
    assert [found[:2] for found in tell({"audit": audit})] == [
        ("E", "warning"),
        ("E", "note"),
        ("S", "note"),
        ("S", "warning"),
    ]
    assert tell({"audit": {"share": 0.02, "unavailable": "it is alone"}}) == [
        ("E", "warning", "no answer was audited: it is alone")
    ]


def test_sessions_are_added_up_and_workers_told_apart() -> None:
    audit = read_audit([{"audit": AUDIT}, {}, {"audit": AUDIT}])
    assert audit is not None
    assert (audit.audited, audit.alike, audit.counts["chosen"]) == (20, 20, 20)
    assert len(audit.workers) == 2
