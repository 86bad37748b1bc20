import json
from dataclasses import replace
from typing import Any

import pytest
from run_parts import make_completion, make_record, make_request

from pytest_lleval.core.encoding import dump_record
from pytest_lleval.core.errors import ViolationError
from pytest_lleval.core.records import Record, Score
from pytest_lleval.distribution.audits import Place
from pytest_lleval.plugin.auditing import Auditor, AuditTerms

PLACES = {name: Place(name, "") for name in ("gw0", "gw1", "gw2")}
FAR = Place("gw3", "far")


class Bench:
    """An auditor, and what it says."""

    def __init__(self, *, share: float = 1.0, exact: bool = True, cases: int = 200) -> None:
        self.convicted: list[tuple[str, str]] = []
        self.kept: list[str] = []
        self.auditor = Auditor(
            AuditTerms(
                share=share,
                workers=3,
                exact=frozenset({"openai/m"} if exact else ()),
                convict=lambda worker, reason: self.convicted.append((worker, reason)),
                keep=self.kept.append,
                wake=lambda: None,
            )
        )
        self.auditor.choose((f"s::{number}[m]", 1) for number in range(cases))

    def record(self, number: int, worker: str, text: str = "A", **changes: Any) -> Record:
        values: dict[str, Any] = {
            "case": f"s::{number}[m]",
            "worker": worker,
            "completion": make_completion(text=text),
            "request": make_request(f"question {number}"),
            "scores": (Score(name="exact", value=float(text == "A")),),
        }
        return replace(make_record("x"), **{**values, **changes})

    def take(self, number: int, place: Place = PLACES["gw0"], text: str = "A", **changes: Any) -> None:
        raw = json.loads(dump_record(self.record(number, place.worker, text, **changes)))
        self.auditor.take(raw, place.worker, place.machine)

    def ask(self, place: Place, number: int | None = None, text: str = "A", **changes: Any) -> bool:
        """Have a worker do the next audit, if it may; it scores an answer by whether it is A."""
        (task, *_) = self.auditor.queue.take(place, [place], 1) or [None]
        if task is None:
            return False
        told = json.loads(task.text)
        value = float(told["completion"]["text"] == "A")
        number = int(told["case"].partition("[")[0].removeprefix("s::")) if number is None else number
        line = dump_record(self.record(number, place.worker, text, **changes))
        self.auditor.hear(place, task.ticket, line, json.dumps([{"name": "exact", "value": value}]))
        return True

    def count(self, name: str) -> int:
        return int(self.auditor.describe().get(name, 0))


def test_two_that_say_the_same_agree_and_nobody_else_is_asked() -> None:
    bench = Bench()
    bench.take(1)
    assert bench.ask(PLACES["gw1"], 1)
    assert not bench.ask(PLACES["gw2"], 1)
    assert (bench.count("agreed"), bench.count("asked")) == (1, 1)
    assert json.loads(bench.kept[0])["audited"] == "gw0"
    assert not bench.auditor.queue


@pytest.mark.parametrize(
    ("first", "second", "third", "liar"),
    [
        ("B", "A", "A", "gw0"),
        ("A", "B", "A", "gw1"),
        ("A", "B", "C", None),
    ],
)
def test_of_three_the_one_that_is_alone_lies(first: str, second: str, third: str, liar: str | None) -> None:
    bench = Bench()
    bench.take(1, text=first)
    bench.ask(PLACES["gw1"], 1, second)
    assert not bench.convicted
    bench.ask(PLACES["gw2"], 1, third)
    assert [worker for worker, _ in bench.convicted] == ([liar] if liar else [])
    assert bench.count("lied" if liar else "unlike") == 1
    assert not bench.auditor.queue


def test_a_wrong_score_is_found_whatever_the_model_says_the_second_time() -> None:
    bench = Bench(exact=False)
    bench.take(1, text="B", scores=(Score(name="exact", value=1.0),))
    bench.ask(PLACES["gw1"], 1, "A")
    bench.ask(PLACES["gw2"], 1, "C")
    assert bench.convicted == [
        ("gw0", "worker gw0 scores an answer exact 1, which two other workers score exact 0 (s::1[m])")
    ]


def test_an_answer_to_another_question_is_found() -> None:
    bench = Bench(exact=False)
    bench.take(1, request=make_request("another"))
    bench.ask(PLACES["gw1"], 1)
    bench.ask(PLACES["gw2"], 1)
    assert "says it has asked another question" in bench.convicted[0][1]


def test_answers_of_a_model_that_changes_its_mind_are_alike_when_they_score_alike() -> None:
    bench = Bench(exact=False)
    bench.take(1, text="B")
    bench.ask(PLACES["gw1"], 1, "C")
    assert bench.count("same_score") == 1
    assert not bench.ask(PLACES["gw2"], 1)


def test_whoever_is_alone_again_and_again_is_audited_more_and_found() -> None:
    bench = Bench(exact=False, share=0.01)
    for number in range(200):
        # it is right whenever it should not be
        bench.take(number, text="A")
    begun = bench.count("chosen")
    assert begun == 2
    while bench.auditor.queue and not bench.convicted:
        bench.ask(PLACES["gw1"], text="B")
        bench.ask(PLACES["gw2"], text="B")
    assert [worker for worker, _ in bench.convicted] == ["gw0"]
    assert "was alone with its answer in" in bench.convicted[0][1]
    assert 12 <= bench.count("contradicted") <= 20


def test_what_is_contradicted_once_or_twice_is_no_lie_of_a_fickle_model() -> None:
    bench = Bench(exact=False, cases=2)
    for number in range(2):
        bench.take(number, text="B")
        bench.ask(PLACES["gw1"], number)
        bench.ask(PLACES["gw2"], number)
    assert not bench.convicted
    assert bench.auditor.describe()["workers"]["gw0"] == {"audited": 2, "contradicted": 2}


def test_an_old_answer_of_this_machines_cache_is_nobodys_lie() -> None:
    bench = Bench()
    bench.take(1, text="B", completion=make_completion(text="B", cached=True))
    bench.ask(PLACES["gw1"], 1)
    assert bench.count("stale") == 1
    assert not bench.convicted
    # of a host nobody knows what it calls its cache
    bench.take(2, FAR, completion=make_completion(text="B", cached=True), scores=(Score(name="exact", value=0.0),))
    bench.ask(PLACES["gw1"], 2)
    bench.ask(PLACES["gw2"], 2)
    assert [worker for worker, _ in bench.convicted] == ["gw3"]


def test_where_no_third_one_is_there_nobody_is_found_and_both_are_named() -> None:
    bench = Bench()
    bench.take(1, text="B")
    bench.ask(PLACES["gw1"], 1)
    bench.auditor.give_up(bench.auditor.queue.drop_unfit([PLACES["gw0"], PLACES["gw1"]]))
    assert bench.auditor.count_undecided() == 1
    assert bench.auditor.describe()["undecided_cases"] == [
        {"case": "s::1[m]", "epoch": 1, "workers": ["gw0", "gw1"], "about": "answer"}
    ]


def test_what_nobody_could_ask_again_is_counted() -> None:
    bench = Bench()
    bench.take(1)
    bench.auditor.give_up(bench.auditor.queue.drop_unfit([PLACES["gw0"]]))
    assert bench.count("unaudited") == 1


def test_a_second_answer_that_could_not_be_had_accuses_nobody() -> None:
    bench = Bench()
    bench.take(1)
    bench.ask(PLACES["gw1"], 1, completion=None, outcome="unscored", cause="error", scores=())
    assert bench.count("unanswered") == 1
    assert not bench.convicted


def test_what_could_not_be_scored_and_what_a_test_has_asked_is_not_audited() -> None:
    bench = Bench()
    bench.take(1, completion=None, outcome="unscored", cause="error", scores=())
    assert not bench.auditor.queue


def test_an_excluded_worker_is_no_witness_and_needs_no_audit() -> None:
    bench = Bench()
    bench.take(1)
    bench.ask(PLACES["gw1"], 1, "B")
    bench.take(2, PLACES["gw1"])
    bench.auditor.void(["gw1"])
    assert bench.count("void") == 1
    # what it has said of the first is forgotten, and another one asked
    assert bench.ask(PLACES["gw2"], 1)
    assert bench.count("agreed") == 1
    assert not bench.auditor.queue
    bench.take(3, PLACES["gw1"])
    assert not bench.auditor.queue


def test_only_who_was_asked_is_heard() -> None:
    bench = Bench()
    bench.take(1)
    (task,) = bench.auditor.queue.take(PLACES["gw1"], [PLACES["gw1"]], 1)
    line = dump_record(bench.record(1, "gw2"))
    with pytest.raises(ViolationError, match="which it was not given"):
        bench.auditor.hear(PLACES["gw2"], task.ticket, line, "null")
    with pytest.raises(ViolationError, match="in the name of 'gw2'"):
        bench.auditor.hear(PLACES["gw1"], task.ticket, line, "null")


def test_workers_of_one_host_that_audit_each_other_are_counted() -> None:
    bench = Bench()
    bench.take(1, FAR)
    bench.ask(Place("gw4", "far"), 1)
    assert bench.count("same_machine") == 1
