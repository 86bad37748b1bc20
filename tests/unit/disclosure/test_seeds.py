from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_parts import make_record, make_request
from trust_parts import make_server, see

from pytest_lleval.core.records import Disclosure, Generation, Record, SeedCheck
from pytest_lleval.disclosure.seeds import find_seed_findings

SAME = SeedCheck(same_text=True)


def check(*checks: SeedCheck | None) -> list[Record]:
    return [make_record(str(number), seed_check=found) for number, found in enumerate(checks)]


def find(records: Sequence[Record], **changes: Any) -> list[Disclosure]:
    return find_seed_findings(see(records, **changes))


def sampled(temperature: float | None) -> list[Record]:
    return [make_record("a", request=make_request(generation=Generation(temperature=temperature)))]


def test_the_same_answers_to_the_same_seed_are_a_note() -> None:
    (found,) = find(check(SAME, None, SAME))
    assert (found.factor, found.severity) == ("S", "note")
    assert found.message == "openai/m: asked again with the same seed, 2 of 2 answers were the same"
    assert found.evidence == {"asked": 2, "same": 2, "logprob_difference": None}


def test_another_answer_to_the_same_seed_is_a_warning() -> None:
    (found,) = find(check(SAME, SeedCheck(same_text=False, text="B")))
    assert found.severity == "warning"
    assert "1 of 2 answers were the same" in found.message


@pytest.mark.parametrize(("difference", "severity"), [(0.0, "note"), (5e-5, "note"), (0.01, "warning")])
def test_log_probabilities_may_differ_by_rounding_alone(difference: float, severity: str) -> None:
    (found,) = find(check(SAME, SeedCheck(same_text=True, logprob_difference=difference)))
    assert found.severity == severity
    assert found.message.endswith(f"log probabilities differed by {difference:.2g} at most")


@pytest.mark.parametrize("temperature", [0.7, None])
def test_sampled_answers_nobody_checked_are_said_so(temperature: float | None) -> None:
    (found,) = find(sampled(temperature))
    assert (found.factor, found.severity) == ("S", "note")
    assert "--lleval-check-seed=N" in found.message


def test_answers_that_are_not_sampled_need_no_check() -> None:
    assert find(sampled(0.0)) == []
    assert find([]) == []


def test_each_model_has_its_own_check() -> None:
    records = [*check(SAME), *(replace(record, model="openai/n") for record in check(SeedCheck(same_text=False)))]
    found = find_seed_findings(see(records, [make_server(), make_server("openai/n")]))
    assert [(item.message.split(":")[0], item.severity) for item in found] == [
        ("openai/m", "note"),
        ("openai/n", "warning"),
    ]


def test_code_that_seeds_for_itself_is_named_and_counted_over_all_sessions() -> None:
    sessions = [{"reseeded": {"suite 's'": 2}}, {}, {"reseeded": {"suite 's'": 3, "suite 'a'": 1}}]
    one, two = find([], sessions=sessions)
    assert one.message.startswith("suite 'a' seeds a global random generator itself (1 times)")
    assert two.evidence == {"place": "suite 's'", "count": 5}
    assert {one.severity, two.severity} == {"warning"}


@given(st.permutations([SAME, None, SeedCheck(same_text=False), SeedCheck(same_text=True, logprob_difference=0.5)]))
@settings(max_examples=15, deadline=None)
def test_the_order_of_records_changes_nothing(checks: list[SeedCheck | None]) -> None:
    (found,) = find(check(*checks))
    assert found.evidence == {"asked": 3, "same": 2, "logprob_difference": 0.5}
