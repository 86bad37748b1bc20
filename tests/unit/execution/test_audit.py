import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_parts import make_completion, make_record, make_request

from pytest_lleval.core.encoding import dump_record, encode_record, load_record
from pytest_lleval.core.errors import ViolationError
from pytest_lleval.core.records import Score
from pytest_lleval.execution.audit import (
    Choice,
    Claim,
    claim_first,
    decode_task,
    encode_scores,
    encode_task,
    find_difference,
    find_outvoted,
    journal_claim,
    read_claim,
)

KEYS = [(f"s::{number}[m]", 1) for number in range(100)]


def make_raw(worker: str = "gw0", **changes: Any) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(dump_record(replace(make_record("x"), worker=worker, **changes)))
    return raw


def say(worker: str, text: str = "A", value: float = 1.0, scored: float | None = 1.0, asked: str = "x") -> Claim:
    """Return what a worker says: its own answer and its value, and what it scores the audited one."""
    raw = make_raw(
        worker,
        completion=make_completion(text=text),
        request=make_request(asked),
        scores=(Score(name="exact", value=value),),
    )
    return Claim(worker=worker, raw=raw, scores=None if scored is None else (("exact", scored),))


@given(share=st.floats(0.001, 1), order=st.permutations(KEYS))
def test_the_same_answers_are_chosen_whatever_their_order(share: float, order: list[tuple[str, int]]) -> None:
    choice = Choice(share, order, b"secret")
    assert choice.chosen == Choice(share, KEYS, b"secret").chosen
    assert len(choice.chosen) - 1 < share * len(KEYS) <= len(choice.chosen)


def test_which_are_chosen_depends_on_a_key_that_is_drawn_anew() -> None:
    first, second = Choice(0.1, KEYS), Choice(0.1, KEYS)
    assert len(first.secret) == 16
    assert first.secret != second.secret
    assert first.chosen != second.chosen


def test_each_answer_is_chosen_about_as_often_as_the_share_says() -> None:
    counts = [sum(key in Choice(0.2, KEYS, bytes([number])).chosen for number in range(200)) for key in KEYS[:20]]
    assert min(counts) > 20
    assert max(counts) < 65


def test_what_another_worker_is_told_is_the_case_and_the_answer_to_be_scored() -> None:
    raw = make_raw()
    task = decode_task(encode_task("7", raw))
    assert (task.ticket, task.case, task.epoch) == ("7", raw["case"], 1)
    assert task.answer.text == raw["completion"]["text"]
    assert "target" not in json.loads(encode_task("7", raw))


def test_a_claim_is_read_as_it_was_written_and_kept_as_a_record() -> None:
    record = replace(make_record("x"), worker="gw1")
    claim = read_claim("gw1", dump_record(record), encode_scores(record.scores), (record.case, 1))
    assert claim == replace(claim_first(encode_record(record)), raw=claim.raw)
    kept = json.loads(journal_claim(claim, "gw0"))
    assert kept["audited"] == "gw0"
    assert load_record(journal_claim(claim, "gw0")) == record


@pytest.mark.parametrize("rescored", ["7", "[7]", '[{"name":1,"value":1}]', '[{"name":"a","value":"b"}]', "{}", "["])
def test_scores_that_are_none_are_refused(rescored: str) -> None:
    record = make_record("x")
    with pytest.raises(ViolationError):
        read_claim(record.worker, dump_record(record), rescored, (record.case, 1))


@pytest.mark.parametrize(("worker", "key"), [("gw5", ("s::x[m]", 1)), ("main", ("other", 1)), ("main", ("s::x[m]", 2))])
def test_a_claim_is_of_whoever_was_asked_and_of_what(worker: str, key: tuple[str, int]) -> None:
    record = replace(make_record("x"), case="s::x[m]")
    with pytest.raises(ViolationError, match="an audit of"):
        read_claim(worker, dump_record(record), "null", key)


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (say("b"), None),
        (say("b", scored=1.0 - 1e-12), None),
        (say("b", scored=None), None),
        (say("b", text="B"), "answer"),
        (say("b", scored=0.5), "scores"),
        (say("b", asked="y"), "request"),
        (say("b", asked="y", scored=0.5, text="B"), "request"),
    ],
)
def test_the_gravest_difference_is_found(second: Claim, found: str | None) -> None:
    assert find_difference(say("a"), second) == found


def test_who_says_nothing_does_not_differ() -> None:
    raw = make_raw("b", completion=None, request=None, outcome="unscored", cause="error", scores=())
    assert find_difference(say("a"), Claim(worker="b", raw=raw, scores=None)) is None


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ([say("a", "B"), say("b"), say("c")], [0]),
        ([say("a"), say("b", "B"), say("c")], [1]),
        ([say("a", "A"), say("b", "B"), say("c", "C")], []),
        ([say("a", "B"), say("b")], []),
        ([say("a"), say("b"), say("c")], []),
    ],
)
def test_who_is_contradicted_by_all_others_that_agree_is_outvoted(claims: list[Claim], found: list[int]) -> None:
    assert find_outvoted("answer", claims) == found


def test_answers_that_score_alike_are_alike_where_a_model_changes_its_mind() -> None:
    claims = [say("a", "x", 0.0), say("b", "y", 0.0), say("c", "z", 1.0)]
    assert find_outvoted("answer", claims, by_score=True) == [2]
    assert find_outvoted("answer", claims) == []
