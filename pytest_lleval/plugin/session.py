"""The composition root of one process: a plain session, an xdist controller, or one of its workers."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..core.errors import DatasetError, LlevalError
from ..core.matrix import MATRIX
from ..core.records import Case
from ..core.settings import Settings
from ..execution.aside import run_aside
from ..execution.audit import Task, decode_task
from ..execution.context import Attached, RunContext
from ..execution.planning import RunPlan, plan_run
from ..execution.rundir import find_run, read_manifest
from ..providers.registry import import_providers, preload_clients
from ..reports.escaping import escape_text
from .collection import CaseItem, split_arguments
from .downloads import DownloadProgress
from .ending import finish_run
from .matrix import MatrixItem, MatrixSession
from .onlookers import has_onlookers
from .options import overlay_settings, read_settings, runs_suites_alone
from .state import SESSION_KEY

if TYPE_CHECKING:
    from ..distribution.lines import WorkerLine
    from ..reports.matrix_cells import CellView
    from .controller import Controller
    from .outlets import LineOutlet
    from .worker import Worker

__all__ = ["RunSession", "open_session"]

WORKER_INPUT = "lleval"
#: how long a case's turn in a worker waits for the controller's word on the models; it comes before any turn does
_ATTACHED_SECONDS = 60.0


def open_session(config: pytest.Config, withheld: Collection[str] = ()) -> RunSession:
    """Read the settings and put the process's session into the stash.

    :param withheld: models that are not asked
    :raises pytest.UsageError: for a setting that does not fit
    """
    try:
        session = RunSession(config, withheld)
    except LlevalError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[SESSION_KEY] = session
    config.add_cleanup(session.close)
    return session


class RunSession:
    """One process's part of a run: it plans, and it asks, records, or both."""

    def __init__(self, config: pytest.Config, withheld: Collection[str] = ()) -> None:
        self.config = config
        raw = getattr(config, "workerinput", {}).get(WORKER_INPUT)
        #: what the controller has told this worker
        self.context = RunContext.decode(raw) if raw else None
        self.line = _find_line(config) if raw else None
        self.stack = ExitStack()
        self.settings = self._read_settings(withheld)
        if not self.config.option.collectonly:
            preloading = run_aside(lambda: preload_clients(self.settings.models))
            # nothing of a session may go on when it is over, be it refused before it has begun
            self.stack.callback(preloading.exception)
        self.chosen_node_ids: list[str] = []
        self.controller: Controller | None = None
        #: whether xdist's workers do the asking
        self.has_workers = False
        #: measures the size matrix; None where it is not asked for
        self.matrix = MatrixSession(self) if self.settings.matrix is not None else None
        self._worker: Worker | None = None
        self._outlet: LineOutlet | None = None
        self._attached: Future[str] = Future()
        self._plan: RunPlan | None = None
        self._is_settled = False

    @property
    def is_worker(self) -> bool:
        """Whether this process is an xdist worker."""
        return hasattr(self.config, "workerinput")

    def _read_settings(self, withheld: Collection[str]) -> Settings:
        if self.context is not None:
            return self.context.settings
        settings = read_settings(self.config)
        if settings.resume is not None and not settings.suites:
            manifest = read_manifest(find_run(Path(self.config.rootpath), settings.resume))
            return overlay_settings(self.config, Settings.decode(manifest["settings"]))
        return replace(settings, models=tuple(spec for spec in settings.models if spec.name not in withheld))

    def load_plan(self) -> RunPlan:
        """Return the plan of the run, loading suites and datasets the first time.

        :raises LlevalError: when one of them is not what it should be
        """
        if self._plan is None:
            plan = plan_run(self.settings, DownloadProgress(self.config))
            if self.context is not None:
                _compare_digests(plan, self.context.digests)
            self._plan = plan
        return self._plan

    def prepare_arguments(self) -> None:
        """Keep node ids of cases for ourselves, and pytest's default paths out when suites were asked for alone."""
        try:
            suites: Iterable[str] = self.load_plan().plans
        except LlevalError:
            # collect_suites() meets the same error where it can be reported
            suites = ()
        if self.settings.matrix is not None:
            suites = [*suites, MATRIX]
        if self.config.args_source is pytest.Config.ArgsSource.ARGS:
            self.chosen_node_ids, self.config.args = split_arguments(self.config.args, suites)
        elif runs_suites_alone(self.config):
            self.config.args = []

    def start(self) -> None:
        """Prepare the evidence and begin to attach the models, once, unless this session only looks.

        :raises pytest.UsageError: when a suite, a dataset or a model is not what it should be
        """
        if self.is_worker or self.controller is not None:
            return
        try:
            plan = self.load_plan()
            if self.config.option.collectonly or self.settings.dry_run:
                return
            from .controller import Controller  # workers have none

            self.controller = Controller(self.config, self.settings, plan, self.stack)
            self.controller.prepare()
        except LlevalError as error:
            raise pytest.UsageError(escape_text(str(error), keep="\n")) from error

    def open(self) -> None:
        """Wait until the models have proven themselves, and open the run directory, once.

        :raises pytest.UsageError: when a model or the run directory is not what it should be
        """
        if self.controller is None or self.controller.is_open:
            return
        try:
            self.controller.open()
        except LlevalError as error:
            # a server's own words are in what an attachment says
            raise pytest.UsageError(escape_text(str(error), keep="\n")) from error

    def select(self, node_ids: Iterable[str]) -> None:
        """Hear which items will run."""
        if self.controller is not None:
            self.controller.ledger.select(node_ids)

    def runs_only_cases(self) -> bool:
        """Tell whether the session will run nothing but cases."""
        if self.controller is None and self.context is None:
            return False
        return runs_suites_alone(self.config) and self.config.args == []

    @cached_property
    def worker(self) -> Worker:
        """The part that asks; opened when it is needed."""
        from .outlets import LocalOutlet  # a controller of workers asks nothing itself
        from .worker import Worker

        if self.context is not None:
            attached = self._hear_attached()
            worker = Worker(self.config, self.load_plan(), self.context, attached, self._open_outlet(self.context))
        elif self.controller is not None:
            context, outlet = self.controller.make_context(1), LocalOutlet(self.controller)
            worker = Worker(self.config, self.load_plan(), context, self.controller.attached, outlet)
            if self.controller.stopper is not None:
                self.controller.stopper.listen(worker.note_decided)
        else:
            raise RuntimeError("a case was run before its session had started")
        self._worker = worker
        self._settle()
        return worker

    def _settle(self) -> None:
        """Have the garbage collector pass over what stays to the end, where nobody's tests could notice.

        It would hold up all calls each time it looks at it, for as long as a tenth of what a server takes to answer.
        Not earlier: who looks for what refers to a module's parts while it is imported would find nothing.
        """
        if self.runs_only_cases():
            self._is_settled = True
            gc.freeze()

    def _open_outlet(self, context: RunContext) -> LineOutlet:
        from .outlets import LineOutlet

        if self.line is None:
            raise RuntimeError("this worker has no line to its controller")
        name: str = self.config.workerinput["workerid"]  # type: ignore[attr-defined]  # xdist sets it
        number = name.removeprefix("gw")
        self._outlet = LineOutlet(
            self.line,
            name,
            int(number) if number.isdigit() else 0,
            limited=context.settings.is_limited,
            far=bool(context.host),
        )
        return self._outlet

    def _hear_attached(self) -> Attached:
        """Return what the controller says of the models, before it gives any work."""
        return Attached.decode(self._attached.result(_ATTACHED_SECONDS))

    def open_line(self, items: Sequence[pytest.Item]) -> None:
        """Tell the controller, from a worker that has collected, which cases it can be asked directly.

        :param items: what the worker has collected
        """
        if self.line is None:
            return
        cases = {item.nodeid: item for item in items if isinstance(item, CaseItem)}
        turns = [name for name, item in cases.items() if item.own_markers]
        if cases:
            # takes a while, and the models are still proving themselves; cases come in another thread
            import_providers(self.settings.models)
            from . import outlets, worker  # noqa: F401  # for the thread that makes them

        def hear(message: tuple[Any, ...]) -> None:
            match message:
                case ("attached", str(text)):
                    self._attached.set_result(text)
                case ("end",):
                    # nobody would hear of an answer
                    if self._worker is not None:
                        self._worker.abandon()
                case ("decided", str(suite), str(model)):
                    self.worker.note_decided(suite, model)
                case ("ask", str(names)):
                    self.worker.ask_directly([cases[name].case for name in names.splitlines()])
                case ("audit", str(text)):
                    task = decode_task(text)
                    self._ask_again(task, cases[task.case].case)
                case _:
                    if self._outlet is not None:
                        self._outlet.hear(message)

        self.line.open(hear, direct=not has_onlookers(self.config), turns="\n".join(turns))

    def _ask_again(self, task: Task, case: Case) -> None:
        worker, outlet = self.worker, self._outlet
        if outlet is not None:
            worker.ask_again(case, task.epoch, task.answer, lambda again: outlet.audit(task.ticket, *again))

    def run_case(self, item: CaseItem) -> None:
        """Take the turn of one case."""
        self.worker.run_case(item)
        if self.controller is not None:
            self.controller.check()

    def measure_cell(self, item: MatrixItem) -> CellView:
        """Take the turn of one cell of the size matrix."""
        if self.matrix is None:
            raise RuntimeError("a cell was run in a session that asked for none")
        return self.matrix.measure_cell(item)

    def stop(self) -> None:
        """End the asking of this process."""
        self._stop_worker()
        if self.controller is not None:
            self.controller.stop()

    def finish(self, exitstatus: int) -> int:
        """Decide, when nobody asks any more; return the session's exit status."""
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self.load_plan().has_nothing:
            # such a shard is complete, and its run is put together with the others
            exitstatus = pytest.ExitCode.OK
        if self.controller is None:
            return exitstatus
        exitstatus = finish_run(self.config, self.controller, exitstatus)
        if self.matrix is not None and exitstatus == pytest.ExitCode.OK and not self.matrix.is_measured:
            return pytest.ExitCode.TESTS_FAILED
        return exitstatus

    def _stop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            problem = worker.close()
            if problem:
                warnings.warn(pytest.PytestWarning(problem), stacklevel=1)
        if self.line is not None:
            self.line.close()

    def close(self) -> None:
        """Release everything; safe to call twice."""
        if self._is_settled:
            gc.unfreeze()
        self._stop_worker()
        if self.controller is not None:
            self.controller.close()
        self.stack.close()


def _find_line(config: pytest.Config) -> WorkerLine | None:
    from ..distribution.lines import find_line  # only where xdist is at work

    return find_line(config)


def _compare_digests(plan: RunPlan, expected: Mapping[str, str]) -> None:
    for name, digest in expected.items():
        found = plan.plans[name].dataset.digest
        if found != digest:
            raise DatasetError(
                f"suite {name!r}",
                f"this worker has another dataset (digest {found[:12]}) than the controller ({digest[:12]}); "
                "give both the same LLEVAL_DATA_DIR and cache",
            )
