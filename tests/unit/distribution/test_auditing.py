import queue
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from execnet import XSpec

from pytest_lleval.distribution.auditing import AuditedScheduling, choose_collection
from pytest_lleval.distribution.audits import AuditQueue, AuditTask, find_place
from pytest_lleval.distribution.exclusion import Exclusions
from pytest_lleval.distribution.stalls import find_stalled

from .test_scheduler import IDS, Evidence, Node


class Worker(Node):
    """A worker as the scheduler and the guard see it."""

    def __init__(self, name: str, spec: str = "popen") -> None:
        super().__init__(name)
        self.gateway = SimpleNamespace(id=name, spec=XSpec(spec), _io=SimpleNamespace(kill=lambda: None))
        self.audits: list[str] = []
        self.lleval.answered = 0.0
        self._down = False

    def _take(self, message: tuple[Any, ...]) -> None:
        if message[0] == "audit":
            self.audits.append(message[1])
        else:
            super()._take(message)


class Fleet:
    """A session with a scheduler, and what it is told."""

    def __init__(self, *nodes: Worker, ids: dict[str, Sequence[str]] | None = None, workers: int = 0) -> None:
        self.evidence = Evidence(IDS)
        self.selected: list[str] = []
        self.voided: list[str] = []
        self.given_up: list[str] = []
        self.tests: dict[str, int] = {}
        self.queue = AuditQueue()
        self.session = SimpleNamespace(queue=queue.Queue(), _active_nodes=set(), _session=None, sched=None)
        self.config: Any = SimpleNamespace(
            pluginmanager=SimpleNamespace(getplugin=lambda name: self.session if name == "dsession" else None),
            hook=SimpleNamespace(pytest_collectreport=lambda report: None),
        )
        self.exclusions = Exclusions(self.config, self)
        self.scheduler = AuditedScheduling(
            self.config,
            workers or len(nodes),
            self.evidence,
            select=self.selected.extend,
            exclusions=self.exclusions,
            audits=self,
        )
        for node in nodes:
            self.join(node, (ids or {}).get(node.gateway.id, IDS))
        if nodes and self.scheduler.collection_is_completed:
            self.scheduler.schedule()

    def join(self, node: Worker, ids: Sequence[str] = IDS) -> None:
        """Have a worker start and collect."""
        node.config = self.config  # type: ignore[attr-defined]
        self.session._active_nodes.add(node)
        self.exclusions.watch(node)
        self.scheduler.add_node(node)
        self.scheduler.note_ready(True, [])
        self.scheduler.add_node_collection(node, list(ids))

    def void(self, places: Sequence[Any], reason: str) -> list[str]:
        self.voided += [place.worker for place in places]
        lost = [name for name in IDS[:3] if name in self.evidence.complete]
        self.evidence.complete.difference_update(lost)
        return lost

    def note_tests(self, worker: str, tests: int) -> None:
        self.tests[worker] = tests

    def give_up(self, tasks: Sequence[AuditTask]) -> None:
        self.given_up += [task.ticket for task in tasks]

    def wake(self) -> None:
        self.scheduler.mark_test_complete(None, -1)

    def hear_ends(self) -> list[Worker]:
        """Do as xdist's loop does with workers that have ended."""
        ended = []
        while not self.session.queue.empty():
            name, event = self.session.queue.get()
            if name == "workerfinished":
                self.scheduler.note_gone(event["node"])
                self.scheduler.remove_node(event["node"])
                self.session._active_nodes.discard(event["node"])
                ended.append(event["node"])
        return ended

    def finish(self, *nodes: Worker) -> None:
        while any(node.asked for node in nodes):
            for node in nodes:
                if node.asked:
                    self.answer(node, node.asked[0])

    def answer(self, node: Worker, name: str) -> None:
        node.asked.remove(name)
        self.evidence.complete.add(name)
        self.scheduler.note_reported(node, name)


FAR = "popen//lleval_host=far"


def audit(node: Worker, ticket: str = "1") -> AuditTask:
    return AuditTask(ticket=ticket, text=ticket, known=(find_place(node),))


def test_an_audit_goes_to_another_worker_and_the_session_waits_for_it() -> None:
    first, second = Worker("gw0"), Worker("gw1")
    fleet = Fleet(first, second)
    fleet.queue.add([audit(first)])
    fleet.wake()
    assert (first.audits, second.audits) == ([], ["1"])
    fleet.finish(first, second)
    assert not fleet.scheduler.tests_finished
    fleet.queue.finish("gw1", "1")
    assert fleet.scheduler.tests_finished


def test_an_audit_of_a_worker_that_died_meanwhile_is_given_to_a_third() -> None:
    first, second, third = Worker("gw0"), Worker("gw1"), Worker("gw2")
    fleet = Fleet(first, second, third)
    fleet.queue.add([audit(first)])
    fleet.wake()
    (holder,) = [node for node in (second, third) if node.audits]
    fleet.scheduler.remove_node(holder)
    (other,) = [node for node in (second, third) if node is not holder]
    assert other.audits == ["1"]


def test_what_nobody_can_audit_does_not_keep_the_session() -> None:
    alone = Worker("gw0")
    fleet = Fleet(alone)
    fleet.queue.add([audit(alone)])
    fleet.wake()
    assert not fleet.given_up
    fleet.finish(alone)
    assert fleet.given_up == ["1"]
    assert fleet.scheduler.tests_finished


def test_cases_of_an_excluded_worker_are_asked_again_once_each() -> None:
    first, second = Worker("gw0"), Worker("gw1")
    fleet = Fleet(first, second)
    mine = [name for name in IDS[:3] if name in second.asked]
    for name in mine:
        fleet.answer(second, name)
    held = list(second.asked)
    fleet.exclusions.convict("gw1", "it lies")
    assert not fleet.scheduler.tests_finished
    fleet.wake()
    assert fleet.hear_ends() == [second]
    assert fleet.voided == ["gw1"]
    seen: list[str] = list(first.asked)
    while first.asked:
        before = set(first.asked)
        fleet.answer(first, first.asked[0])
        seen += [name for name in first.asked if name not in before]
    assert sorted(seen) == sorted(set(seen))
    assert set(held) | set(mine) <= set(seen)
    assert fleet.scheduler.tests_finished


def test_a_report_that_is_void_since_it_was_made_completes_nothing() -> None:
    first, second = Worker("gw0"), Worker("gw1")
    fleet = Fleet(first, second)
    name = first.asked[0]
    # it was complete when it was reported, and is not when the report is heard
    fleet.scheduler.note_reported(second, name)
    assert name in fleet.scheduler._held[first].cases


def test_all_workers_of_a_host_go_with_the_one_that_lies() -> None:
    here, far, also = Worker("gw0"), Worker("gw1", FAR), Worker("gw2", FAR)
    fleet = Fleet(here, far, also)
    fleet.exclusions.convict("gw2", "it lies")
    fleet.exclusions.convict("gw2", "it lies again")
    fleet.wake()
    assert fleet.voided == ["gw2", "gw1"]
    assert fleet.hear_ends() == [also, far]
    assert not here._down
    assert not fleet.exclusions


def test_where_nobody_is_left_the_session_ends() -> None:
    alone = Worker("gw0")
    fleet = Fleet(alone)
    fleet.exclusions.convict("gw0", "it lies")
    fleet.wake()
    assert not fleet.scheduler.tests_finished
    assert fleet.hear_ends() == [alone]
    assert fleet.scheduler.tests_finished
    assert not fleet.evidence.complete


def start_slowly(first: Worker, workers: int) -> Fleet:
    """Return a session of several workers, of which one has collected and the others are about to start."""
    fleet = Fleet(workers=workers)
    fleet.join(first)
    return fleet


def test_who_is_found_lying_before_the_others_have_started_leaves_the_session_to_them() -> None:
    liar, late = Worker("gw0"), Worker("gw1")
    fleet = start_slowly(liar, workers=2)
    fleet.exclusions.convict("gw0", "it lies")
    fleet.wake()
    assert fleet.hear_ends() == [liar]
    fleet.join(late)
    fleet.scheduler.schedule()
    fleet.finish(late)
    assert fleet.scheduler.tests_finished
    assert fleet.evidence.complete == set(IDS)


def test_where_nobody_is_left_before_the_beginning_the_session_says_why() -> None:
    fleet = start_slowly(Worker("gw0"), workers=1)
    fleet.exclusions.convict("gw0", "it lies")
    fleet.wake()
    with pytest.raises(pytest.exit.Exception, match="no worker is left that can be believed: it lies"):
        fleet.hear_ends()


def test_a_verdict_that_comes_with_the_last_words_of_a_worker_is_carried_out() -> None:
    alone = Worker("gw0")
    fleet = Fleet(alone)
    fleet.finish(alone)
    fleet.exclusions.convict("gw0", "it lies")
    # it has ended by itself before the verdict is heard
    alone._down = True
    fleet.session._active_nodes.discard(alone)
    fleet.scheduler.remove_node(alone)
    assert fleet.voided == ["gw0"]
    assert fleet.scheduler.tests_finished


def test_what_an_excluded_worker_held_when_the_others_were_through_is_not_run_and_fails() -> None:
    here, far = Worker("gw0"), Worker("gw1", FAR)
    tests = [*IDS, "test_x.py::test_a", "test_x.py::test_b"]
    fleet = Fleet(here, far, ids={"gw0": tests, "gw1": tests})
    failed: list[Any] = []
    fleet.config.hook.pytest_runtest_logreport = lambda report: failed.append(report)
    while here.asked or far.asked:
        fleet.finish(here, far)
    (holder,) = [node for node in (here, far) if node.turns]
    other = far if holder is here else here
    # it waits for the next item, and there is none: all are told
    assert holder.shutting_down
    other.shutting_down = True
    fleet.exclusions.convict(holder.gateway.id, "it lies")
    fleet.wake()
    assert fleet.hear_ends() == [holder]
    assert fleet.scheduler.tests_finished
    assert [(report.nodeid, report.outcome) for report in failed] == [
        ("test_x.py::test_a", "failed"),
        ("test_x.py::test_b", "failed"),
    ]
    assert failed[0].longrepr == "no worker is left that can be believed to run this: it lies"


def test_a_host_that_has_collected_anything_else_is_left_out() -> None:
    far, here = Worker("gw0", FAR), Worker("gw1")
    fleet = Fleet(far, here, ids={"gw0": IDS[:5]})
    assert fleet.selected == IDS
    assert not far.asked
    assert here.asked
    assert fleet.hear_ends() == [far]
    assert "it has collected other items" in far.lleval.reason
    fleet.finish(here)
    assert fleet.evidence.complete == set(IDS)


def test_a_host_that_joins_late_with_anything_else_is_left_out() -> None:
    here, late = Worker("gw0"), Worker("gw1", FAR)
    fleet = Fleet(here)
    late.config = fleet.config  # type: ignore[attr-defined]
    fleet.exclusions.watch(late)
    fleet.scheduler.add_node(late)
    fleet.scheduler.note_ready(False, ["x"])
    fleet.scheduler.add_node_collection(late, ["other"])
    fleet.scheduler.schedule()
    assert not late.asked
    assert fleet.hear_ends() == [late]
    # what a late one says of itself changes nothing for the others
    assert not fleet.scheduler.has_turn(IDS[0])


@pytest.mark.parametrize(
    ("collections", "chosen"),
    [
        ({"popen": ["a"]}, ["a"]),
        ({"popen": ["a"], FAR: ["b"], "ssh=x": ["b"]}, ["a"]),
        ({FAR: ["a"], "ssh=x": ["b"], "ssh=y": ["b"]}, ["b"]),
        ({FAR: ["a"], "ssh=x": ["b"]}, None),
    ],
)
def test_this_machine_decides_what_is_run_and_else_the_majority(
    collections: dict[str, list[str]], chosen: list[str] | None
) -> None:
    assert choose_collection({Worker(spec, spec): ids for spec, ids in collections.items()}) == chosen


def test_hosts_of_which_none_is_in_the_majority_do_not_begin() -> None:
    fleet = Fleet(Worker("gw0", FAR), Worker("gw1", "ssh=x"), ids={"gw0": IDS[:5]})
    assert fleet.scheduler.tests_finished
    assert not fleet.selected


def test_only_what_a_worker_holds_can_be_marked() -> None:
    first = Worker("gw0")
    fleet = Fleet(first)
    fleet.scheduler.note_marked(first, first.asked[0])
    fleet.scheduler.note_marked(first, "anything")
    assert fleet.scheduler._held[first].marked == {first.asked[0]}


def test_who_holds_something_and_has_answered_nothing_for_long_is_stalled() -> None:
    busy, idle, slow = Worker("gw0"), Worker("gw1"), Worker("gw2")
    busy.lleval.answered, slow.lleval.answered = 95.0, 10.0
    assert find_stalled([busy, slow], 100.0, 60.0) == [slow]
    assert find_stalled([], 100.0, 60.0) == []
    fleet = Fleet(busy, idle, slow)
    assert set(fleet.scheduler.list_holding()) == {node for node in (busy, idle, slow) if node.asked}
    assert all(node.lleval.answered > 100.0 for node in fleet.scheduler.list_holding())
