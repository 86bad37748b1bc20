import queue
from types import SimpleNamespace
from typing import Any

import pytest
from execnet import XSpec

from pytest_lleval.core.errors import ViolationError
from pytest_lleval.distribution.events import EventRules, guard_events, is_far
from pytest_lleval.distribution.workerstate import find_state

IDS = ["test_x.py::test_a", "test_x.py::test_b"]
PLACE = ("test_x.py", 1, "test_a")
REPORT = {
    "$report_type": "TestReport",
    "nodeid": IDS[0],
    "location": PLACE,
    "keywords": {"test_a": 1},
    "outcome": "passed",
    "longrepr": None,
    "when": "call",
    "user_properties": [["a", 1]],
    "sections": [["Captured stdout call", "x"]],
    "duration": 0.1,
    "start": 1.0,
    "stop": 1.1,
    "item_index": 0,
    "worker_id": "gw1",
    "testrun_uid": "u",
}
INFO = {
    "version": "3",
    "version_info": (3, 12, 0, "final", 0),
    "sysplatform": "linux",
    "platform": "p",
    "executable": "e",
    "cwd": "/",
}


class Node:
    """xdist's controller of a worker, as the guard sees it; what is passed on is kept."""

    def __init__(self, config: Any, spec: str = "popen//lleval_host=far") -> None:
        self.config = config
        self.gateway = SimpleNamespace(id="gw1", spec=XSpec(spec), _io=SimpleNamespace(kill=lambda: None))
        self.passed: list[tuple[str, dict[str, Any]]] = []
        self.refused: list[str] = []
        self.believed: list[object] = []
        self.shutting_down = False
        self._down = False

    def process_from_remote(self, event: object) -> None:
        self.believed.append(event)

    def send_runtest_some(self, indices: list[int]) -> None:
        pass

    def notify_inproc(self, name: str, **kwargs: Any) -> None:
        self.passed.append((name, kwargs))


def check(worker: str, node_id: str, carried: Any) -> None:
    if carried.get("lleval_line") == "forged":
        raise ViolationError("a forged record")


@pytest.fixture
def config(request: pytest.FixtureRequest) -> Any:
    """A configuration with pytest's own hooks, and a queue that nobody reads."""
    session = SimpleNamespace(queue=queue.Queue())
    manager = SimpleNamespace(getplugin=lambda name: session)
    return SimpleNamespace(pluginmanager=manager, hook=request.config.hook, getvalue=lambda name: 0)


@pytest.fixture
def node(config: Any) -> Node:
    """A worker on a host that is ready, has collected and was given its first item."""
    found = Node(config)
    guard_events(found, make_rules(found))
    hear(found, "workerready", workerinfo=INFO)
    hear(found, "collectionfinish", topdir="/", ids=IDS)
    found.send_runtest_some([0])
    found.passed.clear()
    return found


def make_rules(node: Node) -> EventRules:
    return EventRules(
        refuse=lambda _, text: node.refused.append(text),
        clean=lambda text: text.replace("\x1b", "?"),
        check=check,
        carried=frozenset({"lleval_line"}),
    )


def hear(node: Node, name: str, **kwargs: Any) -> None:
    node.process_from_remote((name, kwargs))


def report(node: Node, **changes: Any) -> None:
    hear(node, "testreport", data={**REPORT, **changes})


def test_workers_of_this_machine_are_believed(config: Any) -> None:
    near = Node(config, "popen")
    assert not is_far(near)
    guard_events(near, make_rules(near))
    hear(near, "anything", x=1)
    assert near.believed == [("anything", {"x": 1})]


def test_an_item_that_was_given_is_reported_from_its_start_to_its_end(node: Node) -> None:
    hear(node, "logstart", nodeid=IDS[0], location=PLACE)
    for when in ("setup", "call", "teardown"):
        report(node, when=when)
    hear(node, "logfinish", nodeid=IDS[0], location=PLACE)
    hear(node, "runtest_protocol_complete", item_index=0, duration=0.1)
    assert not node.refused
    assert [name for name, _ in node.passed] == [
        *("logstart", "testreport", "testreport", "testreport", "logfinish", "runtest_protocol_complete")
    ]
    found = node.passed[2][1]["rep"]
    assert isinstance(found, pytest.TestReport)
    assert (found.nodeid, found.outcome, found.item_index) == (IDS[0], "passed", 0)
    # through with it: no more is heard of it
    report(node)
    assert "which it was not given" in node.refused[0]


def test_texts_are_made_safe_and_what_is_carried_is_left_alone(node: Node) -> None:
    report(
        node,
        outcome="failed",
        longrepr="\x1b[2J",
        sections=[["\x1b", "\x1b"]],
        user_properties=[["\x1b", ["\x1b"]]],
        lleval_line="\x1b",
        html_extras=[{"\x1b": "\x1b"}],
    )
    (found,) = [kwargs["rep"] for _, kwargs in node.passed]
    assert not node.refused
    assert found.longrepr == "?[2J"
    assert found.sections == [["?", "?"]]
    assert found.user_properties == [["?", ["?"]]]
    assert found.html_extras == [{"?": "?"}]
    assert found.lleval_line == "\x1b"


def test_errors_skips_and_expected_failures_pass(node: Node) -> None:
    error = {
        "reprcrash": {"path": "x.py", "lineno": 3, "message": "boom"},
        "reprtraceback": {
            "reprentries": [{"type": "ReprEntryNative", "data": {"lines": ["boom"]}}],
            "extraline": None,
            "style": "native",
        },
        "sections": [],
        "chain": None,
    }
    report(node, outcome="failed", longrepr=error)
    report(node, outcome="skipped", longrepr=("x.py", 3, "no"), when="setup")
    report(node, outcome="skipped", longrepr="boom", wasxfail="known")
    report(node, outcome="rerun", longrepr="boom")
    assert not node.refused
    assert "boom" in node.passed[0][1]["rep"].longreprtext


@pytest.mark.parametrize(
    "changes",
    [
        {"nodeid": IDS[1]},
        {"item_index": 1, "nodeid": IDS[1]},
        {"item_index": "0"},
        {"item_index": True},
        {"item_index": -1, "nodeid": IDS[1]},
        {"outcome": "splendid"},
        {"outcome": "skipped", "longrepr": "no place"},
        {"outcome": "skipped", "longrepr": ["x.py", 3, "no"]},
        {"outcome": "skipped", "wasxfail": 3},
        {"when": "never"},
        {"toterminal": "x"},
        {"longreprtext": "x"},
        {"head_line": "x"},
        {"passed": True},
        {"__class__": "x"},
        {"location": "x"},
        {"location": ("x", "1", "y")},
        {"sections": [["a", 7]]},
        {"sections": "x"},
        {"user_properties": [1]},
        {"user_properties": [[1, 2]]},
        {"duration": "long"},
        {"duration": -1.0},
        {"duration": float("nan")},
        {"keywords": 3},
        {"longrepr": 7},
        {"longrepr": {"reprcrash": 1, "reprtraceback": 2, "sections": 3, "chain": None}},
        {
            "longrepr": {
                "reprcrash": {"path": 1, "lineno": 3, "message": None},
                "reprtraceback": {"reprentries": [], "extraline": None, "style": "long"},
                "sections": [],
                "chain": None,
            }
        },
        {"$report_type": "CollectReport"},
        {"$report_type": "Other"},
        {"lleval_line": "forged"},
        {"_report_type": "SubTestReport"},
        {"html": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]},
    ],
    ids=lambda changes: " ".join(f"{name}={value!r:.20}" for name, value in changes.items()),
)
def test_a_report_that_is_not_of_the_item_or_could_not_be_shown_is_refused(node: Node, changes: dict[str, Any]) -> None:
    report(node, **changes)
    assert len(node.refused) == 1
    assert not node.passed


@pytest.mark.parametrize(
    "event",
    [
        None,
        "x",
        ("x",),
        ("testreport", None),
        ("testreport", {}),
        ("testreport", {"data": None}),
        ("testreport", {1: 2}),
        ("unknown", {}),
        ("teardownreport", {"data": {}}),
        ("logwarning", {}),
        ("unscheduled", {"indices": [0]}),
        ("workerready", {"workerinfo": INFO}),
        ("collectionfinish", {"ids": IDS}),
        ("collectreport", {"data": {"$report_type": "CollectReport"}}),
        ("logstart", {"nodeid": IDS[1], "location": PLACE}),
        ("logstart", {"nodeid": 7, "location": PLACE}),
        ("logstart", {"nodeid": IDS[0], "location": 7}),
        ("logfinish", {}),
        ("runtest_protocol_complete", {"item_index": 1, "duration": 0.1}),
        ("runtest_protocol_complete", {"item_index": 0, "duration": "x"}),
        ("workerfinished", {"workeroutput": {}}),
        ("workerfinished", {"workeroutput": {"exitstatus": "x"}}),
        ("warning_recorded", {}),
        ("_listener", {}),
    ],
    ids=lambda event: f"{event!r:.60}",
)
def test_an_event_that_no_honest_worker_sends_is_refused(node: Node, event: object) -> None:
    node.process_from_remote(event)
    assert len(node.refused) == 1
    assert not node.passed


def test_nothing_is_heard_before_a_worker_is_ready(config: Any) -> None:
    node = Node(config)
    guard_events(node, make_rules(node))
    hear(node, "collectionfinish", ids=IDS)
    assert "before it was ready" in node.refused[0]


def test_nothing_is_heard_of_a_worker_that_was_refused(node: Node) -> None:
    find_state(node).refused = True
    hear(node, "unknown")
    report(node)
    assert not node.refused
    assert not node.passed


@pytest.mark.parametrize("ids", [[1], "x", ["\x1b"], ["a\nb"], None])
def test_items_whose_names_cannot_be_shown_are_refused(config: Any, ids: object) -> None:
    node = Node(config)
    guard_events(node, make_rules(node))
    hear(node, "workerready", workerinfo=INFO)
    node.passed.clear()
    hear(node, "collectionfinish", ids=ids)
    assert len(node.refused) == 1
    assert not node.passed


WARNING = {
    "message_str": "\x1bhello",
    "message_module": "subprocess",
    "message_class_name": "Popen",
    "message_args": (["false"],),
    "category_module": "nowhere",
    "category_class_name": "Popen",
    "filename": "x.py",
    "lineno": 3,
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Popen", UserWarning), ("DeprecationWarning", DeprecationWarning), ("exit", UserWarning), (7, UserWarning)],
)
def test_a_warning_is_made_anew_of_pythons_own_kinds(node: Node, name: object, kind: type) -> None:
    told = {**WARNING, "category_class_name": name}
    hear(node, "warning_recorded", warning_message_data=told, when="runtest", nodeid="x", location=None)
    (found,) = [kwargs["warning_message"] for _, kwargs in node.passed]
    assert found.category is kind
    assert str(found.message) == "?hello"


def test_what_other_plugins_hand_over_does_not_arrive(node: Node) -> None:
    node.shutting_down = True
    output = {"exitstatus": 1, "shouldfail": "stop", "shouldstop": "stop", "cov_worker_data": "x"}
    hear(node, "workerfinished", workeroutput=output)
    assert node.passed == [("workerfinished", {"node": node})]
    assert node.workeroutput == {"exitstatus": 1, "shouldfail": False, "shouldstop": False}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("told", "status"), [(False, 0), (True, 2)])
def test_a_worker_that_ends_by_itself_is_lost_and_ends_nothing_else(node: Node, told: bool, status: int) -> None:
    node.shutting_down = told
    hear(node, "workerfinished", workeroutput={"exitstatus": status, "shouldfail": False, "shouldstop": "x"})
    ((name, kwargs),) = node.passed
    assert name == "errordown"
    assert "before it was told to" in kwargs["error"]


def test_an_error_of_a_hosts_pytest_is_its_own(node: Node) -> None:
    hear(node, "internal_error", formatted_error="Traceback\nValueError: \x1bboom\n")
    ((name, kwargs),) = node.passed
    assert (name, kwargs["error"]) == ("errordown", "pytest has failed there: ValueError: ?boom")
