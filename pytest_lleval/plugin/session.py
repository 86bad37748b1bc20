"""The composition root of one process: a plain session, an xdist controller, or one of its workers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from ..core.encoding import dump_record
from ..core.errors import DatasetError, LlevalError
from ..core.records import Record
from ..core.settings import Settings
from ..execution.planning import RunPlan, plan_run
from ..execution.rundir import find_run, read_manifest
from ..reports.terminal import escape_text
from .collection import CaseItem, split_arguments
from .controller import Controller
from .downloads import DownloadProgress
from .options import overlay_settings, read_settings, runs_suites_alone
from .state import SESSION_KEY
from .worker import Worker

__all__ = ["RunSession", "open_session"]

WORKER_INPUT = "lleval"


def open_session(config: pytest.Config) -> RunSession:
    """Read the settings and put the process's session into the stash.

    :raises pytest.UsageError: for a setting that does not fit
    """
    try:
        session = RunSession(config)
    except LlevalError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[SESSION_KEY] = session
    config.add_cleanup(session.close)
    return session


class RunSession:
    """One process's part of a run: it plans, and it asks, records, or both."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        raw = getattr(config, "workerinput", {}).get(WORKER_INPUT)
        self.worker_input: dict[str, Any] | None = json.loads(raw) if raw else None
        self.stack = ExitStack()
        self.settings = self._read_settings()
        self.chosen_node_ids: list[str] = []
        self.controller: Controller | None = None
        self._worker: Worker | None = None
        self._plan: RunPlan | None = None
        self._workers = 1

    @property
    def is_worker(self) -> bool:
        """Whether this process is an xdist worker."""
        return hasattr(self.config, "workerinput")

    def _read_settings(self) -> Settings:
        if self.worker_input is not None:
            return Settings.decode(self.worker_input["settings"])
        settings = read_settings(self.config)
        if settings.resume is not None and not settings.suites:
            manifest = read_manifest(find_run(Path(self.config.rootpath), settings.resume))
            stored = Settings.decode({**manifest["settings"], "run_dir": None})
            return overlay_settings(self.config, stored)
        return settings

    def load_plan(self) -> RunPlan:
        """Return the plan of the run, loading suites and datasets the first time.

        :raises LlevalError: when one of them is not what it should be
        """
        if self._plan is None:
            plan = plan_run(self.settings, DownloadProgress(self.config))
            if self.worker_input is not None:
                _compare_digests(plan, self.worker_input["digests"])
            self._plan = plan
        return self._plan

    def prepare_arguments(self) -> None:
        """Keep node ids of cases for ourselves, and pytest's default paths out when suites were asked for alone."""
        try:
            suites: Iterable[str] = self.load_plan().plans
        except LlevalError:
            # collect_suites() meets the same error where it can be reported
            suites = ()
        if self.config.args_source is pytest.Config.ArgsSource.ARGS:
            self.chosen_node_ids, self.config.args = split_arguments(self.config.args, suites)
        elif runs_suites_alone(self.config):
            self.config.args = []

    def start(self, workers: int = 1) -> None:
        """Prepare the evidence and attach the models, once, unless this session only looks.

        :param workers: how many processes will share the run
        :raises pytest.UsageError: when a suite, a dataset, a model or the run directory is not what it should be
        """
        if self.is_worker or self.controller is not None:
            return
        self._workers = workers
        try:
            plan = self.load_plan()
            if self.config.option.collectonly or self.settings.dry_run:
                return
            self.controller = Controller(self.config, self.settings, plan, self.stack)
            self.controller.open()
        except LlevalError as error:
            # a server's own words are in what an attachment says
            raise pytest.UsageError(escape_text(str(error), keep="\n")) from error

    def select(self, node_ids: Iterable[str]) -> None:
        """Hear which items will run."""
        if self.controller is not None:
            self.controller.select(tuple(node_ids))

    def keep_left(self, lines: Sequence[str]) -> None:
        """Journal what a worker had been answered when it was stopped."""
        if self.controller is not None and lines:
            self.controller.append_lines(lines)

    def runs_only_cases(self) -> bool:
        """Tell whether the session will run nothing but cases."""
        if self.controller is None:
            return False
        return runs_suites_alone(self.config) and self.config.args == []

    def encode_worker_input(self) -> str:
        """Return what a worker needs to know, as JSON."""
        if self.controller is None:
            raise RuntimeError("workers are configured before the session has started")
        return json.dumps(
            {
                "settings": self.settings.encode(),
                "digests": {name: plan.dataset.digest for name, plan in self.load_plan().plans.items()},
                "connections": self.controller.connections,
                "done": sorted(self.controller.done),
                "workers": self._workers,
            }
        )

    @cached_property
    def worker(self) -> Worker:
        """The part that asks; opened when the first case's turn comes."""
        given = self.worker_input
        if given is None and self.controller is None:
            raise RuntimeError("a case was run before its session had started")
        worker = Worker(
            self.config,
            self.settings,
            self.load_plan(),
            connections=given["connections"] if given else self.controller.connections,  # type: ignore[union-attr]
            done=frozenset((case, epoch) for case, epoch in given["done"]) if given else self.controller.done,  # type: ignore[union-attr]
            workers=given["workers"] if given else 1,
        )
        self._worker = worker
        return worker

    def run_case(self, item: CaseItem) -> None:
        """Take the turn of one case."""
        self.worker.run_case(item)

    def finish(self, exitstatus: int) -> int:
        """End the asking, then decide; return the session's exit status."""
        left = self._stop_worker()
        if self.is_worker:
            self.config.workeroutput[WORKER_INPUT] = "\n".join(map(dump_record, left))  # type: ignore[attr-defined]
        if self.controller is None:
            return exitstatus
        return self.controller.finish(exitstatus, left)

    def _stop_worker(self) -> list[Record]:
        worker, self._worker = self._worker, None
        return worker.close() if worker else []

    def close(self) -> None:
        """Release everything; safe to call twice."""
        self._stop_worker()
        if self.controller is not None:
            self.controller.close()
        self.stack.close()


def _compare_digests(plan: RunPlan, expected: dict[str, str]) -> None:
    for name, digest in expected.items():
        found = plan.plans[name].dataset.digest
        if found != digest:
            raise DatasetError(
                f"suite {name!r}",
                f"this worker has another dataset (digest {found[:12]}) than the controller ({digest[:12]}); "
                "give both the same LLEVAL_DATA_DIR and cache",
            )
