from collections.abc import Sequence

import pytest
from trust_parts import SERVER, STARTED, alter, answer_all, see

from pytest_lleval.core.records import Disclosure, Record
from pytest_lleval.disclosure.answers import find_constant, find_repeated, find_stale
from pytest_lleval.disclosure.evidence import Evidence


def rows(records: Sequence[Record]) -> Evidence:
    return see(records).rows


def say(texts: Sequence[str], count: int = 60) -> list[Record]:
    """The answers of a run, with these texts in turn."""
    return [alter(record, text=texts[at % len(texts)]) for at, record in enumerate(answer_all(count))]


def constant(records: Sequence[Record], *, reads_prompts: bool = True) -> list[Disclosure]:
    return list(find_constant(SERVER, rows(records), reads_prompts=reads_prompts))


LONG = "I am sorry, I cannot answer that question."


def test_one_long_answer_to_every_prompt_does_not_depend_on_it() -> None:
    (found,) = constant(say([LONG]))
    assert found.message == "openai/m: all 60 prompts got the same answer: it does not depend on what is asked"
    assert (found.factor, found.severity) == ("F3", "warning")


def test_one_letter_to_every_prompt_may_be_a_weak_model_that_has_shown_it_reads() -> None:
    assert constant(say(["A"])) == []
    assert len(constant(say(["A"]), reads_prompts=False)) == 1


@pytest.mark.parametrize("canned", [[LONG, LONG + " Really."], [LONG, LONG + "!", LONG + "?"]])
def test_a_few_long_answers_to_many_prompts_are_canned(canned: list[str]) -> None:
    (found,) = constant(say(canned))
    assert f"60 prompts got {len(canned)} answers" in found.message


@pytest.mark.parametrize("texts", [["A", "B", "C", "D"], ["yes", "no"], ["A", LONG, "B", LONG + "?"]])
def test_answers_that_vary_or_are_short_are_not_canned(texts: list[str]) -> None:
    assert constant(say(texts), reads_prompts=False) == []


def test_a_few_prompts_or_none_show_nothing() -> None:
    assert constant(say([LONG], 5), reads_prompts=False) == []
    assert constant([], reads_prompts=False) == []


def test_one_prompt_asked_many_times_may_have_one_answer() -> None:
    request = answer_all(1)[0].request
    records = [alter(record, text=LONG) for record in answer_all()]
    same = [type(record)(**{**_fields(record), "request": request}) for record in records]
    assert constant(same) == []


def _fields(record: Record) -> dict[str, object]:
    return {name: getattr(record, name) for name in type(record).__slots__}


def replay(records: Sequence[Record], first: int) -> list[Record]:
    """The records with one recorded answer in place of the first so many."""
    recorded = records[0].completion
    return [
        alter(record, text=recorded.text, response_id=recorded.response_id, trace={"created": STARTED})
        if at < first
        else record
        for at, record in enumerate(records)
    ]


def test_a_recorded_answer_that_is_given_again_is_found_by_its_id_time_and_text() -> None:
    (found,) = find_repeated(SERVER, rows(replay(answer_all(), 20)))
    assert found.message == (
        "openai/m: 20 of 60 answers carry the response id, time and text of another: they are replayed"
    )


def test_answers_with_ids_of_their_own_are_clean() -> None:
    assert list(find_repeated(SERVER, rows(answer_all()))) == []
    assert list(find_repeated(SERVER, rows([]))) == []


def test_ids_that_come_again_by_chance_are_no_replay() -> None:
    records = [alter(record, response_id=f"chatcmpl-{at % 7}") for at, record in enumerate(answer_all())]
    assert list(find_repeated(SERVER, rows(records))) == []
    assert list(find_repeated(SERVER, rows(replay(answer_all(), 2)))) == []


def test_answers_without_ids_are_not_compared() -> None:
    records = [alter(record, response_id=None) for record in replay(answer_all(), 30)]
    assert list(find_repeated(SERVER, rows(records))) == []


def test_a_server_that_gives_every_answer_the_same_id_says_nothing_by_it() -> None:
    records = [alter(record, response_id="cmpl-1", text="A", trace={"created": 5.0}) for record in answer_all()]
    assert list(find_repeated(SERVER, rows(records))) == []


def test_recorded_answers_without_a_time_are_found_too() -> None:
    records = [alter(record, trace={"created": None}) for record in replay(answer_all(), 30)]
    assert len(list(find_repeated(SERVER, rows(records)))) == 1


def date(records: Sequence[Record], *, off: float) -> list[Record]:
    return [alter(record, trace={"created": record.started + off}) for record in records]


@pytest.mark.parametrize("off", [-86400.0 * 30, 86400.0 * 30])
def test_answers_dated_long_before_or_after_they_were_asked_for_are_recorded(off: float) -> None:
    (found,) = find_stale(SERVER, rows(date(answer_all(), off=off)))
    assert "60 of 60 answers are dated 30.0 days off" in found.message
    assert found.evidence == {"answers": 60, "days": 30.0}


def test_one_old_answer_among_fresh_ones_is_found() -> None:
    records = answer_all()
    assert len(list(find_stale(SERVER, rows([*date(records[:1], off=-1e6), *records[1:]])))) == 1


@pytest.mark.parametrize("off", [-5.0, 30.0])
def test_clocks_that_are_a_little_apart_are_clean(off: float) -> None:
    assert list(find_stale(SERVER, rows(date(answer_all(), off=off)))) == []


@pytest.mark.parametrize("created", [None, 0.0, -1.0])
def test_a_server_that_dates_nothing_is_clean(created: float | None) -> None:
    records = [alter(record, trace={"created": created}) for record in answer_all()]
    assert list(find_stale(SERVER, rows(records))) == []


def test_any_date_a_server_gives_can_be_judged() -> None:
    records = [alter(record, trace={"created": 10.0**at}) for at, record in enumerate(answer_all(40))]
    assert len(list(find_stale(SERVER, rows(records)))) == 1
    assert list(find_repeated(SERVER, rows(records))) == []
