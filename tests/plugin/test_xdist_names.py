"""Private names of pytest-xdist and execnet we use still exist; a release that renames them fails here first."""

import inspect
import re

import execnet
from execnet import gateway_base, gateway_io
from xdist import dsession, plugin, remote, report, workermanage

from pytest_lleval.distribution.events import _Listener


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


def test_the_session_can_be_found_and_asked_whether_it_stops() -> None:
    source = inspect.getsource(dsession.DSession)
    for name in ("self.shouldstop", "self._session", "def pytest_sessionstart"):
        assert name in source
    assert 'register(session, "dsession")' in inspect.getsource(plugin)


def test_connections_and_channels_have_their_names() -> None:
    assert "self._io" in inspect.getsource(gateway_base.BaseGateway.__init__)
    assert hasattr(gateway_base.Channel, "_getremoteerror")
    assert hasattr(gateway_base, "loads_internal")


def test_differences_of_collections_are_described() -> None:
    assert "Different tests were collected" in (report.report_collection_diff(["a"], ["b"], "x", "y") or "")


def test_the_session_starts_workers_as_we_have_it_do() -> None:
    session, manager = inspect.getsource(dsession.DSession), inspect.getsource(workermanage.NodeManager)
    for name in ("self.nodemanager = NodeManager", "self._active_nodes", "self.queue: Queue", "self.shuttingdown"):
        assert name in session
    assert list(inspect.signature(workermanage.NodeManager.setup_node).parameters) == ["self", "spec", "putevent"]
    # the specs that the hook gets are those that are started afterwards
    assert "pytest_xdist_setupnodes(config=self.config, specs=self.specs)" in manager
    assert "for spec in self.specs]" in manager
    assert "gw = self.group.makegateway(spec)" in manager
    assert "if self.roots:" in manager


def test_a_worker_that_is_let_go_is_not_replaced() -> None:
    source = inspect.getsource(dsession.DSession.worker_workerfinished)
    assert "_clone_node" not in source
    for name in ('node.workeroutput["exitstatus"] == 2', 'workeroutput["shouldfail"]', 'workeroutput["shouldstop"]'):
        assert name in source


def test_words_of_the_command_line_for_hosts_go_through_one_function() -> None:
    assert list(inspect.signature(workermanage.make_reltoroot).parameters) == ["roots", "args"]
    source = inspect.getsource(workermanage.WorkerController.setup)
    assert "args = make_reltoroot(self.nodemanager.roots, args)" in source
    assert "self.config.hook.pytest_configure_node(node=self)" in source
    assert "self.putevent = putevent" in inspect.getsource(workermanage.WorkerController.__init__)


def test_gateways_have_their_names() -> None:
    assert hasattr(execnet.Gateway, "_rinfo")
    assert "self._cache_rinfo" in inspect.getsource(execnet.Gateway._rinfo)
    assert execnet.XSpec("ssh=a//lleval_host=b").lleval_host == "b"
    assert execnet.XSpec("popen").lleval_host is None


def test_ssh_is_started_in_the_place_we_start_it_from() -> None:
    assert "io = gateway_io.create_io(spec, execmodel=self.execmodel)" in inspect.getsource(
        execnet.multi.Group.makegateway
    )
    source = inspect.getsource(gateway_io.Popen2IOMaster.__init__)
    assert "self.popen = p = execmodel.subprocess.Popen(args, stdout=PIPE, stdin=PIPE)" in source
    assert "super().__init__(p.stdin, p.stdout, execmodel=execmodel)" in source
    assert list(inspect.signature(gateway_io.ssh_args).parameters) == ["spec"]


def test_what_workers_say_is_heard_where_we_stand() -> None:
    controller = inspect.getsource(workermanage.WorkerController)
    # looked up when the worker is set up, after its configuration
    assert "self.channel.setcallback(self.process_from_remote, endmarker=Marker.END)" in controller
    assert "self._shutdown_sent = True" in controller
    assert list(inspect.signature(workermanage.WorkerController.send_runtest_some).parameters) == ["self", "indices"]
    source = inspect.getsource(workermanage.WorkerController.process_from_remote)
    events = set(re.findall(r'eventname == "(\w+)"', source))
    for several in re.findall(r"eventname in \((.*)\)", source):
        events.update(re.findall(r'"(\w+)"', several))
    known = {name.removeprefix("_take_") for name in dir(_Listener) if name.startswith("_take_")} - {"unknown"}
    # the others are those that xdist has no use for, and one that is not sent unless it is asked for
    assert events - known == {"teardownreport", "logwarning", "unscheduled"}
    assert known <= events


def test_the_scheduler_is_told_of_no_worker() -> None:
    source = inspect.getsource(dsession.DSession.worker_runtest_protocol_complete)
    assert "self.sched.mark_test_complete(node, item_index, duration)" in source
    assert "self._session.testscollected = len(ids)" in inspect.getsource(dsession.DSession.worker_collectionfinish)


def test_messages_of_execnet_are_read_in_one_place() -> None:
    assert "msg = Message.from_io(io)" in inspect.getsource(gateway_base.BaseGateway._thread_receiver)
    source = inspect.getsource(gateway_base.Message.from_io)
    for name in ("header = io.read(9)", 'struct.unpack("!bii", header)', "Message(msgtype, channel, io.read(payload))"):
        assert name in source
    # a host that sends code to be run is told that it may not
    assert 'channel.close("execution disallowed")' in inspect.getsource(gateway_base.BaseGateway._local_schedulexec)
