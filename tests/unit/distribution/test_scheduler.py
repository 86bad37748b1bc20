from collections.abc import Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.distribution.scheduler import CaseScheduling
from pytest_lleval.distribution.workerstate import WorkerState


class Node:
    """A worker as the scheduler sees it: what it was sent is kept."""

    def __init__(self, name: str, connections: int = 2) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.lleval = WorkerState(connections=connections, send=self._take)
        self.asked: list[str] = []
        self.turns: list[int] = []
        self.shutting_down = False

    def _take(self, message: tuple[Any, ...]) -> None:
        assert message[0] == "ask"
        self.asked += message[1].split("\n")

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self.turns += indices

    def shutdown(self) -> None:
        self.shutting_down = True


class Evidence:
    """Counts records as the ledger does."""

    def __init__(self, cases: Sequence[str], complete: Sequence[str] = ()) -> None:
        self.cases = set(cases)
        self.complete = set(complete)
        self.reported: list[str] = []
        self.aside: list[str] = []

    def is_case(self, node_id: str) -> bool:
        return node_id in self.cases

    def is_complete(self, node_id: str) -> bool:
        return node_id in self.complete

    def report_complete(self, node_id: str) -> None:
        self.reported.append(node_id)

    def set_aside(self, node_id: str, worker: str) -> None:
        self.aside.append(node_id)
        self.complete.add(node_id)


IDS = [f"s::{number}[m]" for number in range(40)]


def start(evidence: Evidence, nodes: Sequence[Node], ids: Sequence[str] = IDS, **config: Any) -> CaseScheduling:
    # a clock that counts how often it is read: what a property finds must not depend on the machine
    clock = count().__next__
    scheduler = CaseScheduling(SimpleNamespace(**config), len(nodes), evidence, clock)  # type: ignore[arg-type]
    for node in nodes:
        join(scheduler, node, ids)
    return scheduler


def join(scheduler: CaseScheduling, node: Node, ids: Sequence[str] = IDS) -> None:
    scheduler.add_node(node)
    scheduler.note_ready(True, [])
    scheduler.add_node_collection(node, list(ids))
    if scheduler.collection_is_completed:
        scheduler.schedule()


def answer(scheduler: CaseScheduling, evidence: Evidence, node: Node, name: str) -> None:
    node.asked.remove(name)
    if name not in evidence.complete:
        evidence.complete.add(name)
        evidence.reported.append(name)
        scheduler.note_reported(node, name)


def test_nothing_is_given_before_every_worker_has_collected() -> None:
    evidence, (first, second) = Evidence(IDS), (Node("gw0"), Node("gw1"))
    scheduler = CaseScheduling(SimpleNamespace(), 2, evidence)  # type: ignore[arg-type]
    join(scheduler, first)
    assert not first.asked
    join(scheduler, second)
    assert first.asked
    assert second.asked


@given(data=st.data(), workers=st.integers(1, 4), connections=st.integers(1, 5), inside=st.booleans())
def test_whatever_dies_and_whoever_is_late_each_case_is_reported_once(
    data: st.DataObject, workers: int, connections: int, inside: bool
) -> None:
    evidence = Evidence(IDS)
    nodes = [Node(f"gw{number}", connections) for number in range(workers)]
    scheduler = start(evidence, nodes)
    deaths = 0
    gone: list[Node] = []
    while not scheduler.tests_finished:
        busy = [node for node in nodes if node.asked]
        assert busy, "somebody must hold something while anything is left"
        node = data.draw(st.sampled_from(busy))
        late = [other for other in gone if other.asked]
        event = data.draw(st.sampled_from(["answer"] * 6 + ["die"] * (deaths < 12) + ["late"] * bool(late)))
        if event == "answer":
            name = data.draw(st.sampled_from(node.asked[:connections]))
            if inside:
                scheduler.note_marked(node, name)
            answer(scheduler, evidence, node, name)
        elif event == "late":
            ghost = data.draw(st.sampled_from(late))
            answer(scheduler, evidence, ghost, data.draw(st.sampled_from(ghost.asked)))
        else:
            deaths += 1
            if inside:
                for name in node.asked[:connections]:
                    scheduler.note_marked(node, name)
            assert scheduler.remove_node(node) is None
            nodes.remove(node)
            gone.append(node)
            nodes.append(Node(f"gw{workers + deaths}", connections))
            join(scheduler, nodes[-1])
    assert sorted(evidence.reported + evidence.aside) == sorted(IDS)


def kill_by(scheduler: CaseScheduling, evidence: Evidence, nodes: list[Node], culprit: str, *, inside: bool) -> int:
    """Run to the end with a case that kills whoever has it in flight; return the number of deaths."""
    deaths = 0
    while not scheduler.tests_finished:
        for node in list(nodes):
            flying = node.asked[: node.lleval.connections]
            if inside:
                for name in flying:
                    scheduler.note_marked(node, name)
            if culprit in flying:
                deaths += 1
                assert deaths < 10, "the fleet goes down"
                scheduler.remove_node(node)
                nodes.remove(node)
                nodes.append(Node(f"gw{10 + deaths}", node.lleval.connections))
                join(scheduler, nodes[-1])
            elif flying:
                answer(scheduler, evidence, node, flying[0])
    return deaths


@pytest.mark.parametrize(("inside", "most"), [(True, 2), (False, 3)])
def test_a_case_that_kills_its_worker_is_set_aside_and_nothing_else_is(inside: bool, most: int) -> None:
    evidence, nodes = Evidence(IDS), [Node("gw0", 4), Node("gw1", 4)]
    deaths = kill_by(start(evidence, nodes), evidence, nodes, IDS[17], inside=inside)
    assert evidence.aside == [IDS[17]]
    assert deaths <= most
    assert sorted(evidence.reported) == sorted(set(IDS) - {IDS[17]})


def test_what_a_resumed_run_has_already_is_reported_and_not_asked() -> None:
    evidence, node = Evidence(IDS, complete=IDS[:39]), Node("gw0")
    scheduler = start(evidence, [node])
    assert evidence.reported == IDS[:39]
    assert node.asked == [IDS[39]]
    assert not scheduler.tests_finished


def test_other_tests_travel_on_xdists_queue_and_are_let_go_when_the_cases_are_done() -> None:
    ids = ["test_a", "test_b", "test_c", *IDS[:2]]
    evidence, node = Evidence(IDS), Node("gw0")
    scheduler = start(evidence, [node], ids)
    assert node.turns == [0, 1, 2]
    for name in list(node.asked):
        assert not node.shutting_down
        answer(scheduler, evidence, node, name)
    assert node.shutting_down
    for index in (0, 1, 2):
        scheduler.mark_test_complete(node, index)
    assert scheduler.tests_finished


def test_an_ordinary_test_that_takes_its_worker_down_is_named_to_xdist_and_the_rest_is_kept() -> None:
    ids = [f"test_{number}" for number in range(6)]
    first, second = Node("gw0"), Node("gw1")
    scheduler = start(Evidence([]), [first], ids)
    assert scheduler.remove_node(first) == "test_0"
    join(scheduler, second, ids)
    assert second.turns[:3] == [1, 2, 3]


def test_a_worker_that_has_collected_something_else_is_not_used() -> None:
    reports: list[pytest.CollectReport] = []
    hook = SimpleNamespace(pytest_collectreport=lambda report: reports.append(report))
    evidence, nodes = Evidence(IDS), [Node("gw0"), Node("gw1")]
    scheduler = CaseScheduling(SimpleNamespace(hook=hook), 2, evidence)  # type: ignore[arg-type]
    join(scheduler, nodes[0])
    join(scheduler, nodes[1], IDS[:-1])
    assert scheduler.tests_finished
    assert not nodes[0].asked
    assert "Different tests were collected" in str(reports[0].longrepr)


def test_a_replacement_that_has_collected_something_else_is_sent_home_and_the_rest_goes_on() -> None:
    reports: list[pytest.CollectReport] = []
    hook = SimpleNamespace(pytest_collectreport=lambda report: reports.append(report))
    evidence, nodes = Evidence(IDS), [Node("gw0"), Node("gw1")]
    scheduler = start(evidence, nodes, hook=hook)
    scheduler.remove_node(nodes[1])
    stranger = Node("gw2")
    join(scheduler, stranger, list(reversed(IDS)))
    assert stranger.shutting_down
    assert not stranger.asked
    while nodes[0].asked:
        answer(scheduler, evidence, nodes[0], nodes[0].asked[0])
    assert sorted(evidence.reported) == sorted(IDS)
    assert scheduler.tests_finished


def lose(scheduler: CaseScheduling, node: Node, fault: str) -> str | None:
    """Have a worker on a host end, as its hooks and xdist tell the scheduler."""
    node.lleval.gone, node.lleval.host_is_gone, node.lleval.host = True, fault == "host", "big"
    scheduler.note_gone(node)
    return scheduler.remove_node(node) if node in scheduler.nodes else None


def test_nothing_is_to_blame_that_was_in_flight_when_a_host_was_lost() -> None:
    evidence, nodes = Evidence(IDS), [Node(f"gw{number}") for number in range(4)]
    scheduler = start(evidence, nodes)
    for node in nodes[:3]:
        assert lose(scheduler, node, "host") is None
    while nodes[3].asked:
        answer(scheduler, evidence, nodes[3], nodes[3].asked[0])
    assert not evidence.aside
    assert sorted(evidence.reported) == sorted(IDS)
    assert scheduler.tests_finished


def test_workers_begin_when_the_host_is_lost_that_they_wait_for() -> None:
    for has_come_up in (False, True):
        evidence, (first, second) = Evidence(IDS), (Node("gw0"), Node("gw1"))
        scheduler = CaseScheduling(SimpleNamespace(), 2, evidence)  # type: ignore[arg-type]
        join(scheduler, first)
        if has_come_up:
            scheduler.add_node(second)
        assert not first.asked
        lose(scheduler, second, "host")
        assert first.asked


def test_a_worker_that_joins_later_gets_its_share() -> None:
    evidence, (first, second, third) = Evidence(IDS), (Node("gw0"), Node("gw1"), Node("gw2"))
    scheduler = start(evidence, [first, second])
    lose(scheduler, second, "host")
    join(scheduler, third)
    assert third.asked


def test_a_test_is_reported_as_crashed_when_its_worker_ends_on_a_host_that_lives() -> None:
    reports = []
    hook = SimpleNamespace(
        pytest_handlecrashitem=lambda **_: None, pytest_runtest_logreport=lambda report: reports.append(report)
    )
    evidence, nodes = Evidence([]), [Node("gw0"), Node("gw1")]
    scheduler = start(evidence, nodes, ["t.py::one", "t.py::two", "t.py::three"], hook=hook)
    assert lose(scheduler, nodes[0], "worker") is None
    assert [report.nodeid for report in reports] == ["t.py::one"]
    assert "host 'big'" in reports[0].longrepr
    assert scheduler.has_pending


def test_a_worker_whose_collection_fails_keeps_the_others_from_nothing() -> None:
    for empty_first in (True, False):
        evidence, (first, second, third) = Evidence(IDS), (Node("gw0"), Node("gw1"), Node("gw2"))
        scheduler = CaseScheduling(SimpleNamespace(), 3, evidence)  # type: ignore[arg-type]
        join(scheduler, first, [] if empty_first else IDS)
        join(scheduler, second, IDS if empty_first else [])
        lose(scheduler, first if empty_first else second, "worker")
        join(scheduler, third)
        assert third.asked
