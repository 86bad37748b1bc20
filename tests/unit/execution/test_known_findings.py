from collections.abc import Iterable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.execution.known_failures import KnownFailure, KnownFailures
from pytest_lleval.execution.known_findings import (
    Happened,
    KnownFindings,
    disclose_known_failures,
    examine_known_failures,
)

TODAY = date(2026, 12, 1)
OLD = date(2026, 11, 30)


def happen(sample: str, value: float | None, suite: str = "mmlu", model: str = "local/m") -> Happened:
    return Happened(case=f"{suite}::{sample}[m]", suite=suite, sample=sample, model=model, value=value)


def make_known(*samples: str, expires: date | None = None, model: str = "*") -> KnownFailures:
    entries = tuple(
        KnownFailure(sample=sample, reason=f"why {number}", expires=expires, model=model, number=number)
        for number, sample in enumerate(samples, start=1)
    )
    return KnownFailures(entries=entries, file="k.toml", today=TODAY)


def examine(known: KnownFailures, rows: Iterable[Happened], *, full: bool = False) -> KnownFindings:
    return examine_known_failures(known, rows, full=full)


def numbers(entries: Iterable[KnownFailure]) -> list[int]:
    return [entry.number for entry in entries]


def test_what_failed_as_known_is_told_apart() -> None:
    found = examine(make_known("a", "b*"), [happen("a", 0.0), happen("b1", 0.5), happen("b2", 1.0), happen("c", 0.0)])
    assert [(case, entry.number) for case, entry in found.failed] == [("mmlu::a[m]", 1), ("mmlu::b1[m]", 2)]
    assert found.mended == found.expired == found.unmatched == ()


@pytest.mark.parametrize(
    ("values", "mended"),
    [([1.0, 1.0], [1]), ([1.0, 0.0], []), ([1.0, None], []), ([None], []), ([0.99], []), ([], [])],
)
def test_a_failure_is_mended_when_all_its_samples_were_right(values: list[float | None], mended: list[int]) -> None:
    rows = [happen(f"a{row}", value) for row, value in enumerate(values)]
    assert numbers(examine(make_known("a*"), rows, full=True).mended) == mended


def test_one_epoch_that_fails_is_enough_to_be_not_mended() -> None:
    found = examine(make_known("a"), [happen("a", 1.0), happen("a", 0.0), happen("a", 0.0)])
    assert numbers(found.mended) == []
    assert len(found.failed) == 1


def test_an_expired_failure_excuses_nothing_and_is_no_more_than_expired() -> None:
    found = examine(make_known("a", "gone", expires=OLD), [happen("a", 0.0)], full=True)
    assert numbers(found.expired) == [1, 2]
    assert (found.failed, found.mended, found.unmatched) == ((), (), ())


def test_only_a_full_run_says_that_nothing_matches() -> None:
    known = make_known("gone", "mmlu::gone")
    assert numbers(examine(known, [happen("a", 1.0)]).unmatched) == []
    assert numbers(examine(known, [happen("a", 1.0)], full=True).unmatched) == [1, 2]


def test_a_failure_of_another_suite_or_model_may_match_nothing() -> None:
    known = make_known("gsm8k::a", "tests/test_bot.py::test_it[*]", model="*")
    assert numbers(examine(known, [happen("a", 1.0)], full=True).unmatched) == []
    assert numbers(examine(make_known("gone", model="openai/*"), [happen("a", 1.0)], full=True).unmatched) == []


def test_a_failure_of_a_test_that_ran_must_match() -> None:
    rows = [happen("row-1", 1.0, suite="tests/test_bot.py::test_it")]
    found = examine(make_known("tests/test_bot.py::test_is[*]", "tests/test_bot.py::test_it::row-1"), rows, full=True)
    assert (numbers(found.unmatched), numbers(found.mended)) == ([1], [2])


@given(
    values=st.lists(st.sampled_from([0.0, 0.5, 1.0, None]), max_size=8),
    patterns=st.lists(st.sampled_from(["*", "0", "1", "s?", "mmlu::*", "none"]), max_size=4),
    expired=st.booleans(),
)
def test_an_entry_is_one_thing_at_most_and_only_failures_are_excused(
    values: list[float | None], patterns: list[str], expired: bool
) -> None:
    rows = [happen(f"{row}", value) for row, value in enumerate(values)]
    found = examine(make_known(*patterns, expires=OLD if expired else TODAY), rows, full=True)
    kinds = [*numbers(found.expired), *numbers(found.mended), *numbers(found.unmatched)]
    assert len(kinds) == len(set(kinds))
    assert {case for case, _ in found.failed} <= {row.case for row in rows if row.value is not None and row.value < 1}
    assert not {entry.number for _, entry in found.failed} & set(kinds)


def test_findings_are_disclosed_as_warnings_where_the_file_must_be_changed() -> None:
    entries = tuple(
        KnownFailure(sample=sample, reason="why", number=number, expires=OLD if number == 1 else None)
        for number, sample in enumerate(("old", "right", "none", "wrong"), start=1)
    )
    known = KnownFailures(entries=entries, file="k.toml", today=TODAY)
    found = disclose_known_failures(
        examine(known, [happen("right", 1.0), happen("wrong", 0.0), happen("old", 0.0)], full=True)
    )
    assert {item.factor for item in found} == {"A"}
    assert [(item.severity, item.message) for item in found] == [
        (
            "warning",
            "known failures that have expired and excuse nothing (1 in k.toml): failure 1 (old: why, until 2026-11-30);"
            " mend what fails, or set a later day",
        ),
        (
            "warning",
            "known failures that do not fail any more (1 in k.toml): failure 2 (right: why); take them out of the file",
        ),
        (
            "note",
            "known failures that match no sample of this run (1 in k.toml): failure 3 (none: why); correct their names",
        ),
        ("note", "cases that failed as known and count as wrong (1): mmlu::wrong[m] (why)"),
    ]
    assert found[0].evidence == {
        "failures": [{"number": 1, "sample": "old", "model": "*", "reason": "why", "expires": "2026-11-30"}]
    }
    assert found[3].evidence == {"cases": {"mmlu::wrong[m]": "why"}}


def test_many_are_counted_and_few_are_named() -> None:
    found = disclose_known_failures(examine(make_known("*"), [happen(f"{row:04}", 0.0) for row in range(1200)]))
    (note,) = found
    assert note.message.startswith("cases that failed as known and count as wrong (1,200): mmlu::0000[m] (why 1), ")
    assert note.message.endswith(" and 1,195 more")
    assert len(note.evidence["cases"]) == 1200


def test_without_known_failures_there_is_nothing_to_disclose() -> None:
    assert disclose_known_failures(examine(KnownFailures(), [happen("a", 0.0)], full=True)) == ()
