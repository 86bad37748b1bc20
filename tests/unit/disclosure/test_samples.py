from dataclasses import replace
from typing import Any

import pytest
from run_parts import make_completion, make_identity
from trust_parts import answer_all, make_server

from pytest_lleval.core.records import Completion, Disclosure, Timing, Trace, Usage
from pytest_lleval.disclosure.samples import Expected, flag_answer

ALTERED = Trace(altered={"prompt": {"prompt": "another"}})
WARMER = Trace(altered={"sampling": {"temperature": 1.0}})


def flag(completion: Completion, **evidence: Any) -> tuple[str, ...]:
    return flag_answer(completion, Expected.of(make_server(**evidence)))


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({}, ()),
        ({"trace": Trace()}, ()),
        ({"trace": ALTERED}, ("F1",)),
        ({"trace": WARMER}, ("F1",)),
        ({"model": "m-mini"}, ("F2",)),
        ({"cached": True}, ("F3",)),
        ({"timing": Timing(total=0.001)}, ("F3", "F5")),
        ({"timing": Timing(total=0.001, connect=0.001), "cached": True}, ("F3",)),
        ({"usage": Usage(output_tokens=100_000)}, ("F3",)),
        ({"usage": Usage()}, ()),
        ({"trace": Trace(claimed=0.1)}, ("F5",)),
        ({"trace": replace(ALTERED, claimed=0.1), "model": "x"}, ("F1", "F2", "F5")),
    ],
)
def test_an_answer_is_flagged_with_what_it_alone_makes_doubtful(
    changes: dict[str, Any], flags: tuple[str, ...]
) -> None:
    assert flag(make_completion(**changes)) == flags


def test_time_to_connect_is_no_time_of_the_answer() -> None:
    assert flag(make_completion(timing=Timing(total=0.025, connect=0.02))) == ("F3", "F5")
    assert flag(make_completion(timing=Timing(total=0.045, connect=0.02))) == ()


@pytest.mark.parametrize("trip", [None, 1e-4, "0.02"])
def test_without_a_round_trip_no_answer_is_too_soon(trip: object) -> None:
    assert flag(make_completion(timing=Timing(total=0.001)), round_trip=trip) == ()


def test_answers_of_a_mock_are_all_flagged() -> None:
    assert flag_answer(make_completion(), Expected.of(make_identity(kind="mock"))) == ("F3",)


def test_parameters_that_are_left_out_on_purpose_flag_no_answer() -> None:
    note = Disclosure(factor="E", severity="note", message="left out", evidence={"omit": ["temperature"]})
    expected = Expected.of(make_identity(disclosures=(note,)))
    assert flag_answer(make_completion(trace=WARMER), expected) == ()
    both = Trace(altered={"sampling": {"temperature": None, "top_p": 0.5}})
    assert flag_answer(make_completion(trace=both), expected) == ("F1",)


def test_no_answer_of_a_real_server_is_flagged() -> None:
    assert {flag(record.completion) for record in answer_all()} == {()}
