from types import SimpleNamespace

import pytest
from execnet import XSpec
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.distribution.audits import AuditQueue, AuditTask, Place, find_place, rank_auditor

HERE, ALSO_HERE, FAR, ALSO_FAR, FARTHER = (
    Place("gw0", ""),
    Place("gw1", ""),
    Place("gw2", "far"),
    Place("gw3", "far"),
    Place("gw4", "farther"),
)


def task(*known: Place, ticket: str = "1") -> AuditTask:
    return AuditTask(ticket=ticket, text=f"text {ticket}", known=known)


@pytest.mark.parametrize(
    ("place", "known", "rank"),
    [
        (FARTHER, [FAR], 0),
        (HERE, [FAR], 0),
        (ALSO_FAR, [FAR], 1),
        (FAR, [FAR], None),
        (HERE, [HERE], None),
        (ALSO_HERE, [HERE], 1),
        # a third one: whoever rules one of the two machines is no judge
        (FARTHER, [FAR, HERE], 0),
        (ALSO_FAR, [FAR, HERE], None),
        (ALSO_FAR, [FAR, FARTHER], None),
        (ALSO_HERE, [FAR, HERE], 1),
        # this machine is believed against a host, and asked twice whether it is sure
        (HERE, [FAR, HERE], 2),
        (HERE, [HERE, FAR], 2),
        (HERE, [HERE, ALSO_HERE], None),
        (FAR, [FAR, HERE], None),
    ],
)
def test_who_may_ask_again_what_others_have_asked(place: Place, known: list[Place], rank: int | None) -> None:
    assert rank_auditor(place, known) == rank


@pytest.mark.parametrize(
    ("spec", "machine"),
    [("popen", ""), ("popen//lleval_host=far", "far"), ("ssh=a//lleval_host=far", "far"), ("socket=a:1", "socket=a:1")],
)
def test_a_workers_machine_is_its_host(spec: str, machine: str) -> None:
    node = SimpleNamespace(gateway=SimpleNamespace(id="gw7", spec=XSpec(spec)))
    assert find_place(node) == Place("gw7", machine)


def test_the_best_of_those_that_are_there_gets_a_task() -> None:
    audits = AuditQueue()
    audits.add([task(FAR)])
    ready = [FAR, ALSO_FAR, HERE]
    assert audits.take(FAR, ready, 4) == []
    assert audits.take(ALSO_FAR, ready, 4) == []
    assert audits.take(HERE, ready, 4) == [task(FAR)]
    assert audits.find("gw0", "1") == task(FAR)
    assert audits.find("gw1", "1") is None
    assert audits
    audits.finish("gw0", "1")
    assert not audits


def test_where_there_is_one_machine_its_other_workers_do_it() -> None:
    audits = AuditQueue()
    audits.add([task(FAR)])
    assert audits.take(ALSO_FAR, [FAR, ALSO_FAR], 4) == [task(FAR)]


def test_a_worker_holds_so_many_and_no_more() -> None:
    audits = AuditQueue()
    audits.add([task(FAR, ticket=str(number)) for number in range(5)])
    assert [found.ticket for found in audits.take(HERE, [HERE], 2)] == ["0", "1"]
    assert audits.take(HERE, [HERE], 2) == []
    audits.finish("gw0", "0")
    assert [found.ticket for found in audits.take(HERE, [HERE], 2)] == ["2"]


def test_what_a_worker_held_that_is_gone_another_one_does() -> None:
    audits = AuditQueue()
    audits.add([task(FAR)])
    audits.take(HERE, [HERE], 1)
    assert audits.holds("gw0")
    audits.give_back("gw0")
    assert not audits.holds("gw0")
    assert audits.take(FARTHER, [FARTHER], 1) == [task(FAR)]


def test_what_nobody_can_do_is_given_up() -> None:
    audits = AuditQueue()
    audits.add([task(FAR, ticket="1"), task(HERE, ticket="2")])
    assert audits.drop_unfit([FAR]) == [task(FAR, ticket="1")]
    assert audits.drop_unfit([]) == [task(HERE, ticket="2")]
    assert not audits


PLACES = [HERE, ALSO_HERE, FAR, ALSO_FAR, FARTHER]


@given(
    known=st.lists(st.sampled_from(PLACES), min_size=1, max_size=2, unique=True),
    events=st.lists(st.tuples(st.sampled_from(["take", "finish", "lose"]), st.sampled_from(PLACES)), max_size=30),
)
def test_a_task_is_waiting_held_by_one_or_done(known: list[Place], events: list[tuple[str, Place]]) -> None:
    audits, given_out = AuditQueue(), []
    audits.add([task(*known)])
    for event, place in events:
        if event == "take":
            given_out += [place.worker for _ in audits.take(place, PLACES, 1)]
        elif event == "finish":
            audits.finish(place.worker, "1")
        else:
            audits.give_back(place.worker)
        assert sum(audits.holds(each.worker) for each in PLACES) <= 1
    assert all(rank_auditor(place, known) is not None for place in PLACES if place.worker in given_out)
