"""Private names of pytest-xdist and execnet we use still exist; a release that renames them fails here first."""

import inspect

import execnet
from execnet import gateway_io
from xdist import dsession, remote, report, workermanage


def test_the_workers_queue_has_its_names() -> None:
    source = inspect.getsource(remote.WorkerInteractor)
    for name in ("self.torun", "self.nextitem_index", "self.item_index", "self.torun.lock()"):
        assert name in source


def test_the_controller_of_a_worker_has_its_names() -> None:
    source = inspect.getsource(workermanage.WorkerController)
    for name in ("def notify_inproc(self, eventname", "self._down = False", "def send_runtest_some", "shutting_down"):
        assert name in source
    assert hasattr(execnet.Gateway, "newchannel")
    assert hasattr(gateway_io.Popen2IOMaster, "kill")


def test_the_session_takes_the_events_we_give_it() -> None:
    for event, arguments in {
        "testreport": ["node", "rep"],
        "errordown": ["node", "error"],
        "logfinish": ["node", "nodeid", "location"],
        "internal_error": ["node", "formatted_error"],
    }.items():
        found = inspect.signature(getattr(dsession.DSession, f"worker_{event}"))
        assert list(found.parameters) == ["self", *arguments]


def test_differences_of_collections_are_described() -> None:
    assert "Different tests were collected" in (report.report_collection_diff(["a"], ["b"], "x", "y") or "")
