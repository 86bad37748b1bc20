import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.encoding import dump_record, encode_record
from pytest_lleval.core.errors import RunDirectoryError, ViolationError
from pytest_lleval.core.records import Record
from pytest_lleval.execution.ledger import Ledger, Source, make_entry, parse_line

from .conftest import make_case, make_record

CASES = [make_case(str(number)) for number in range(4)]
IDS = [case.id for case in CASES]


def make_ledger(epochs: int = 1) -> Ledger:
    ledger = Ledger(CASES, epochs)
    ledger.select(IDS)
    return ledger


def enter(ledger: Ledger, record: Record, source: Source | None = None) -> bool:
    return ledger.enter(encode_record(record), source) is not None


@given(order=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), max_size=40))
def test_each_epoch_counts_once_however_often_its_record_comes(order: list[tuple[int, int]]) -> None:
    ledger = make_ledger(epochs=3)
    kept = [pair for pair in order if enter(ledger, make_record(CASES[pair[0]], epoch=pair[1]))]
    assert sorted(kept) == sorted(set(order))
    assert ledger.repeated == len(order) - len(set(order))
    complete = {number for number in range(4) if {(number, epoch) for epoch in (1, 2, 3)} <= set(order)}
    assert {number for number in range(4) if ledger.is_complete(IDS[number])} == complete


def test_what_was_selected_and_not_reported_or_not_recorded_is_missing() -> None:
    ledger = make_ledger()
    for case in CASES[:2]:
        enter(ledger, make_record(case))
    for name in (IDS[1], IDS[2]):
        ledger.note_reported(name)
    ledger.excuse(IDS[3], "gw0")
    assert ledger.find_missing() == [IDS[0], IDS[2]]


def test_what_a_worker_says_was_skipped_is_missing_once_it_is_not_believed() -> None:
    ledger = make_ledger()
    ledger.excuse(IDS[3], "gw0")
    assert IDS[3] not in ledger.find_missing()
    assert IDS[3] in ledger.void("gw0")
    assert IDS[3] in ledger.find_missing()
    ledger.excuse(IDS[3], "gw0")
    assert IDS[3] in ledger.find_missing()


def test_a_session_that_collected_nothing_misses_everything() -> None:
    assert Ledger(CASES, 1).find_missing() == IDS


def test_items_of_others_are_no_cases() -> None:
    ledger = make_ledger()
    ledger.select(["tests/test_mine.py::test_mine", IDS[0]])
    assert ledger.selected == {IDS[0]}
    assert ledger.find_case("tests/test_mine.py::test_mine") is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"case": "s::other[m]"}, "which this session does not run"),
        ({"sample": "other"}, "names another sample or model"),
        ({"model": "openai/other"}, "names another sample or model"),
        ({"epoch": 2}, "epoch 2 of 's::0[m]', which has 1"),
        ({"epoch": 0}, "epoch 0"),
        ({"worker": "gw7"}, "in the name of 'gw7'"),
        ({"case": IDS[1], "sample": "1"}, "which it was never given"),
    ],
)
def test_a_record_that_cannot_be_is_not_counted_and_said(changes: dict[str, object], said: str) -> None:
    ledger = make_ledger()
    record = replace(make_record(CASES[0]), **{"worker": "gw1", **changes})
    with pytest.raises(ViolationError, match=re.escape(said)):
        enter(ledger, record, Source("gw1", {IDS[0]}))
    assert not any(ledger.is_complete(name) for name in IDS)


def test_a_record_of_a_case_that_is_not_run_fails_a_session_that_does_not_know_what_its_workers_were_given() -> None:
    ledger = make_ledger()
    assert not enter(ledger, replace(make_record(CASES[0]), case="s::other[m]", worker="gw1"))
    assert ledger.violations == ["worker 'gw1' sent a record of 's::other[m]', which this session does not run"]


def test_a_record_counts_once_and_a_worker_that_sends_it_on_and_on_is_no_honest_one() -> None:
    ledger, given = make_ledger(), set(IDS)
    record = replace(make_record(CASES[0]), worker="gw1")
    assert enter(ledger, record, Source("gw1", given))
    # of a worker that was given up, whose case another one was given
    assert not enter(ledger, replace(record, worker="gw0"), Source("gw0", given))
    assert ledger.repeated == 1
    for _ in range(100):
        assert not enter(ledger, record, Source("gw1", given))
    with pytest.raises(ViolationError, match="again, as it did with many before"):
        enter(ledger, record, Source("gw1", given))


def test_nothing_of_a_void_worker_counts_and_its_cases_are_open_again() -> None:
    ledger, given = make_ledger(epochs=2), set(IDS)
    ledger.enter_earlier(make_entry(replace(make_record(CASES[3]), worker="gw1")))
    for epoch in (1, 2):
        enter(ledger, replace(make_record(CASES[0], epoch=epoch), worker="gw1"), Source("gw1", given))
    enter(ledger, replace(make_record(CASES[1]), worker="gw0"), Source("gw0", given))
    enter(ledger, replace(make_record(CASES[1], epoch=2), worker="gw1"), Source("gw1", given))
    ledger.note_reported(IDS[0])
    assert ledger.void("gw1") == [IDS[0], IDS[1]]
    assert ledger.renewed == {IDS[0]}
    assert not ledger.is_complete(IDS[0])
    assert IDS[0] in ledger.find_missing()
    assert [entry.worker for entry in ledger.find(IDS[1])] == ["gw0"]
    # what a resumed run had is of another worker of that name
    assert ledger.find(IDS[3])
    assert not enter(ledger, replace(make_record(CASES[2]), worker="gw1"), Source("gw1", given))
    assert enter(ledger, replace(make_record(CASES[0]), worker="gw0"), Source("gw0", given))


def test_what_a_resumed_run_had_is_complete_and_not_fresh() -> None:
    ledger = make_ledger(epochs=2)
    ledger.enter_earlier(make_entry(make_record(CASES[0], epoch=1, value=0.5)))
    assert ledger.done == {(IDS[0], 1)}
    enter(ledger, make_record(CASES[0], epoch=2))
    assert ledger.is_complete(IDS[0])
    assert [entry.value for entry in ledger.find(IDS[0])] == [0.5, 1.0]
    assert ledger.count_fresh(IDS[0]) == 1


def test_an_entry_whose_record_could_not_be_kept_can_be_taken_back() -> None:
    ledger = make_ledger()
    entry = ledger.enter(encode_record(make_record(CASES[0])))
    assert entry is not None
    ledger.withdraw(entry)
    assert not ledger.is_complete(IDS[0])


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"schema": 1}', '{"schema": 3', "\ud800"])
def test_a_line_that_is_no_record_is_named(line: str) -> None:
    with pytest.raises(RunDirectoryError, match="not a record of schema 3"):
        parse_line(line)


def test_an_entry_reads_the_same_from_the_record_and_from_its_line() -> None:
    record = make_record(CASES[0], value=0.25)
    assert make_ledger().enter(parse_line(dump_record(record))) == make_entry(record)


def test_the_record_of_a_test_counts_once_and_leaves_the_plan_alone() -> None:
    ledger = make_ledger()
    test = make_record(make_case("of a test"), epoch=3)
    assert ledger.adopt(encode_record(test)) is not None
    assert ledger.adopt(encode_record(test)) is None
    assert ledger.repeated == 1
    assert not ledger.violations
    assert ledger.find_missing() == sorted(IDS)
    entry = ledger.adopt(encode_record(replace(test, epoch=4)))
    assert entry is not None
    ledger.withdraw(entry)
    assert ledger.adopt(encode_record(replace(test, epoch=4))) is not None
