import pytest
from run_parts import MOCK, MOCK_NOTE, make_completion, make_evidence, make_identity, make_record

from pytest_lleval.core.records import BackendIdentity, Disclosure, FailedAttempt, Record, Score
from pytest_lleval.disclosure.factors import judge_run

NOTE = Disclosure(factor="D", severity="note", message="a subset")
WARNING = Disclosure(factor="F2", severity="warning", message="an alias")


def find_disclosures(
    records: list[Record], identities: list[BackendIdentity], known: list[Disclosure] | None = None
) -> tuple[Disclosure, ...]:
    return judge_run(make_evidence(records, identities), known or []).disclosures


def answer(sample: str, **changes: object) -> Record:
    return make_record(sample, completion=make_completion(**changes))


def cut_off(sample: str, found: str | None) -> Record:
    scores = (Score(name="exact", value=0.0, answer=found),)
    return make_record(sample, scores=scores, completion=make_completion(stop_reason="length"))


def test_clean_records_have_nothing_to_disclose() -> None:
    assert find_disclosures([answer("a"), answer("b"), make_record("c", None)], [make_identity()]) == ()


def test_a_run_that_asked_nothing_discloses_what_was_known_before() -> None:
    assert find_disclosures([], [MOCK], [NOTE]) == (MOCK_NOTE, NOTE)


def test_the_gravest_comes_first_and_repeats_are_dropped() -> None:
    identity = make_identity(disclosures=(WARNING, NOTE))
    assert find_disclosures([], [identity, MOCK], [NOTE, NOTE]) == (MOCK_NOTE, WARNING, NOTE)


def test_an_answer_of_another_model_is_critical() -> None:
    (found,) = find_disclosures(
        [answer("a"), answer("b", model="m-mini"), answer("c", model="m-mini")], [make_identity()]
    )
    assert (found.factor, found.severity) == ("F2", "critical")
    assert found.message == "openai/m: attached to 'm-2026', but answers came from 'm-mini' 2 times"
    assert found.evidence == {"m-2026": 1, "m-mini": 2}


def test_a_server_that_stops_naming_its_model_is_critical() -> None:
    (found,) = find_disclosures([answer("a", model="")], [make_identity()])
    assert (found.factor, found.severity) == ("F2", "critical")


def test_models_are_compared_with_their_own_identity_alone() -> None:
    identities = [make_identity(), make_identity(spec="openai/n", served_model="n-2026")]
    records = [answer("a"), make_record("b", model="openai/n", completion=make_completion(model="n-2026"))]
    assert find_disclosures(records, identities) == ()
    (found,) = find_disclosures([*records, answer("c", model="n-2026")], identities)
    assert found.message.startswith("openai/m: attached to 'm-2026'")


@pytest.mark.parametrize("other", ["fp2", None])
def test_a_fingerprint_that_changes_is_a_warning(other: str | None) -> None:
    (found,) = find_disclosures([answer("a"), answer("b", fingerprint=other)], [make_identity()])
    assert (found.factor, found.severity) == ("F2", "warning")
    assert "the fingerprint of the backend changed during the run (2 different)" in found.message
    assert found.evidence == {"fp1": 1, str(other): 1}


def test_answers_cut_off_before_they_answered_are_a_warning_of_their_own() -> None:
    records = [cut_off("a", None), cut_off("b", "B"), cut_off("c", None), answer("d")]
    (found,) = find_disclosures(records, [make_identity()])
    assert (found.factor, found.severity) == ("A", "warning")
    assert found.message.startswith("2 answers were cut off by the token limit")
    assert found.evidence == {"first": "a"}


def test_the_order_of_records_changes_no_finding() -> None:
    records = [answer("a"), answer("b", model="x"), answer("c", fingerprint="y"), answer("d", model="w")]
    forth, back = find_disclosures(records, [make_identity()]), find_disclosures(records[::-1], [make_identity()])
    assert [(found.message, found.evidence) for found in forth] == [(found.message, found.evidence) for found in back]


def test_a_mock_that_does_not_say_so_is_said_to_be_one() -> None:
    (found,) = find_disclosures([answer("a")], [make_identity(kind="mock")])
    assert (found.factor, found.severity) == ("F3", "critical")


def test_answers_out_of_the_cache_are_counted_and_said() -> None:
    records = [make_record("a", completion=make_completion(cached=True)), make_record("b"), make_record("c", None)]
    (found,) = [item for item in find_disclosures(records, [make_identity()]) if item.factor == "F3"]
    assert found.severity == "note"
    assert found.message.startswith("1 of 2 answers came from the response cache")
    assert not [item for item in find_disclosures(records[1:], [make_identity()]) if item.factor == "F3"]


def test_failed_attempts_are_counted_by_cause_with_the_time_they_took() -> None:
    failures = (
        FailedAttempt(error="busy", status=429, seconds=0.1, waited=1.0),
        FailedAttempt(error="gone", seconds=2.0),
    )
    records = [make_record("a", failures=failures), make_record("b", None, failures=failures[:1]), make_record("c")]
    (found,) = [item for item in find_disclosures(records, [make_identity()]) if item.factor == "F5"]
    assert found.message.startswith("3 requests failed (HTTP 429 2, no answer 1)")
    assert found.evidence == {"HTTP 429": 2, "no answer": 1, "seconds": 4.2}
