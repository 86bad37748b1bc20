"""The hosts of a session: found fit, made ready, and turned into xdist's workers before xdist begins."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ..core.errors import LlevalError, UsageError
from ..core.settings import ModelSpec, Settings
from ..distribution.arguments import Whereabouts, translate_arguments, translate_settings
from ..distribution.fleetcheck import describe_differences, find_refusal
from ..distribution.hosthooks import HostHooks, HostTerms
from ..distribution.hosts import Host, HostFile, read_hosts
from ..distribution.keepers import Keepers
from ..distribution.opening import Errand
from ..distribution.origin import Origin
from ..distribution.private import start_ssh_with
from ..distribution.probing import Probe, probe_hosts
from ..distribution.shipping import Package, pack_project
from ..distribution.specs import list_local, list_remote, read_specs
from ..distribution.ssh import make_environment
from ..distribution.stocking import Stock
from ..execution.context import RunContext
from ..execution.planning import RunPlan
from ..providers.registry import is_local, list_assets, read_variables
from ..reports.escaping import escape_text
from ..reports.hostlines import tell_hosts
from ..suites.supplies import encode_supply, name_supply
from .needs import list_needed, needs_project
from .state import HOSTS_KEY

__all__ = ["HostCrew", "open_hosts"]

#: variables that say what is asked here; workers on hosts go by these and not by their host's
_SETTINGS = ("LLEVAL_MODEL", "LLEVAL_LIVE")
#: how much longer than the controller a worker waits for a sign of life
_LONGER = 10.0


def open_hosts(config: pytest.Config, settings: Settings, plan: Callable[[], RunPlan] | None = None) -> None:
    """Make the hosts ready that the session names, have xdist start its workers there, and put the crew in the stash.

    :param plan: loads the plan of the run; None where tests alone are run
    :raises pytest.UsageError: when they cannot be used as they are
    """
    stack = ExitStack()
    config.add_cleanup(stack.close)
    try:
        crew = HostCrew(config, settings, stack, plan)
        crew.open()
    except LlevalError as error:
        raise pytest.UsageError(escape_text(str(error), keep="\n")) from error
    config.stash[HOSTS_KEY] = crew


class HostCrew:
    """The hosts that take part in a session.

    :param config: of the controller
    :param settings: of the session
    :param stack: ends what runs on hosts when it closes
    :param plan: loads the plan of the run; None where tests alone are run
    """

    def __init__(
        self, config: pytest.Config, settings: Settings, stack: ExitStack, plan: Callable[[], RunPlan] | None
    ) -> None:
        self._config = config
        self._settings = settings
        self._stack = stack
        #: tests choose their models themselves
        self._models = settings.models if plan is not None else ()
        self._plan = plan
        self._origin = Origin.of(config)
        #: the project as hosts are sent it; None where they are sent none
        self._package: Package | None = None
        self._file = _read_file(config, settings)
        self._probes: Mapping[str, Probe] = {}
        self._keepers: Keepers | None = None
        #: what happened to hosts: moment, host, worker (or none) and words
        self.events: list[dict[str, Any]] = []
        self._began = time.time()
        #: by host, why it takes no part
        self.absent: dict[str, str] = {}

    def open(self) -> None:
        """Look at all hosts, make those ready that can be used, and tell xdist of them.

        :raises LlevalError: when none can be used, or one must not be
        """
        self._refuse_scheduler()
        hosts = self._file.hosts
        self._refuse_models(self._models)
        variables = {name for spec in self._models for name in read_variables(spec)}
        names = variables | {name for host in hosts for name in host.env}
        self._probes = probe_hosts(hosts, names=sorted(names))
        usable = [host for host in hosts if self._is_usable(host)]
        for host in usable:
            self._require_variables(host, variables)
        self._stack.callback(start_ssh_with(make_environment({name for host in hosts for name in host.env})))
        self._keepers = Keepers(usable, self._make_errand(usable))
        self._stack.callback(self._keepers.close)
        for name, problem in self._keepers.open().items():
            self._leave_out(name, problem)
            del self._keepers.by_name[name]
        if not self._keepers.by_name and not self._config.option.tx:
            raise UsageError("\n".join(f"host {name!r}: {problem}" for name, problem in self.absent.items()))
        self._set_workers()

    def _refuse_scheduler(self) -> None:
        chosen = self._config.option.dist
        if chosen not in ("no", "load"):
            raise UsageError(
                f"--dist={chosen}: xdist's own schedulers lose what a host held that is gone; leave --dist out when "
                "workers are on hosts"
            )

    def _refuse_models(self, models: Sequence[ModelSpec]) -> None:
        for spec in filter(is_local, models):
            for host in self._file.hosts:
                if not host.local_model:
                    raise UsageError(
                        f"{self._file.place}: [hosts.{host.name}] is asked to run {spec.name}; say local_model = true, "
                        "which starts a server of it there, or leave the host out"
                    )

    def _is_usable(self, host: Host) -> bool:
        probe = self._probes[host.name]
        if not probe.problem:
            refusal = find_refusal(probe)
            if refusal:
                raise UsageError(f"host {host.name!r}: {refusal}")
            return True
        if probe.kind == "unfit":
            raise UsageError(f"host {host.name!r}: {probe.problem}")
        self._leave_out(host.name, probe.problem)
        return False

    def _leave_out(self, name: str, problem: str) -> None:
        if self._settings.require_hosts:
            raise UsageError(f"--lleval-require-hosts: host {name!r}: {problem}")
        self.absent[name] = problem
        self.tell(name, "", f"takes no part: {problem}")

    def _require_variables(self, host: Host, variables: Sequence[str] | set[str]) -> None:
        there = self._probes[host.name].facts.get("variables", {})
        for name in sorted(variables):
            if name in os.environ and name not in host.env and not there.get(name):
                raise UsageError(
                    f"{self._file.place}: [hosts.{host.name}] has no {name}, which the model needs; add it to its "
                    "env, which hands the value over inside the connection, or set it on the host"
                )
        for name in host.env:
            if name not in os.environ and not there.get(name):
                raise UsageError(f"{self._file.place}: [hosts.{host.name}] env names {name!r}, which is not set here")

    def _make_errand(self, usable: Sequence[Host]) -> Errand:
        config, settings = self._config, self._settings
        root, started = Path(config.rootpath), config.invocation_params.dir
        package = None
        if any(host.chdir is None for host in usable) and needs_project(config, settings, self._plan):
            package = self._package = pack_project(root, self._file.files, list_needed(config))
        for host in usable:
            # what hosts cannot be told is said before any of them is made ready
            self._translate(host, [str(word) for word in config.invocation_params.args])
            translate_settings(settings, self._origin, self._locate(host))
        served = [spec for spec in self._models if is_local(spec)]
        below = started.relative_to(root).as_posix() if package is not None and started.is_relative_to(root) else ""
        return Errand(
            run=f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}",
            package=package,
            below="" if below == "." else below,
            settings=json.dumps(replace(settings, models=tuple(served)).encode()) if served else "",
            servers=_list_servers(self._models),
            datasets=self._list_datasets(),
            assets=tuple(Stock(name=name, sha256=digest, source=path) for name, digest, path in list_assets(served)),
            environment={host.name: self._read_environment(host) for host in usable},
            patience=settings.host_timeout + _LONGER,
        )

    def _list_datasets(self) -> tuple[Stock, ...]:
        """Return the datasets of the suites that can be sent as they are; hosts load the others themselves."""
        if self._plan is None:
            return ()
        contents = {name_supply(plan.suite): encode_supply(plan.dataset) for plan in self._plan().plans.values()}
        return tuple(Stock.of(name, content) for name, content in contents.items() if content is not None)

    def _read_environment(self, host: Host) -> dict[str, str]:
        handed = {name: os.environ[name] for name in host.env if name in os.environ}
        return handed | {name: os.environ.get(name, "") for name in _SETTINGS}

    def _set_workers(self) -> None:
        config, settings = self._config, self._settings
        keepers = self._require_keepers().by_name.values()
        remote = [keeper.make_spec() for keeper in keepers for _ in range(keeper.host.workers)]
        config.option.tx = [*list_local(config.option.tx), *remote]
        config.option.dist = "load"
        if config.option.maxworkerrestart is None:
            # with --tx xdist sets no limit
            config.option.maxworkerrestart = str(4 * len(config.option.tx))
        terms = HostTerms(
            silence=settings.host_timeout,
            patience=settings.host_timeout + _LONGER,
            required=settings.require_hosts,
            translate=self._translate,
            hand=self._hand,
            tell=self.tell,
        )
        config.pluginmanager.register(HostHooks(config, self._require_keepers(), terms), "lleval-hosts")

    def _hand(self, name: str) -> dict[str, Any]:
        keeper = self._require_keepers().by_name[name]
        return {
            "environment": self._read_environment(keeper.host),
            "offset": -self._probes[name].clock_offset,
            "data": keeper.last.data,
        }

    def _require_keepers(self) -> Keepers:
        if self._keepers is None:
            raise RuntimeError("a host was asked of before any was open")
        return self._keepers

    def _locate(self, host: Host) -> Whereabouts:
        if host.chdir is not None:
            return "there"
        return "sent" if self._package is not None else "absent"

    def _translate(self, host: Host, words: list[str]) -> list[str]:
        return translate_arguments(words, self._origin, self._locate(host))

    def tell(self, host: str, worker: str, text: str) -> None:
        """Note what happened to a host; from any thread."""
        event = {"at": round(time.time(), 3), "host": host, "text": text}
        self.events.append(event | ({"worker": worker} if worker else {}))

    def tell_events(self) -> list[str]:
        """Return lines that say what happened to hosts."""
        return [escape_text(line) for line in tell_hosts(self.events, self._began)]

    def count_workers(self, host: str, workers: int) -> int:
        """Return how many workers share the model servers of a machine.

        :param host: its name; empty for this machine
        :param workers: of the whole session
        """
        keepers = self._require_keepers().by_name
        if host:
            return keepers[host].host.workers
        return max(1, workers - sum(keeper.host.workers for keeper in keepers.values()))

    def adapt_context(self, context: RunContext, host: str) -> RunContext:
        """Return what a process on a host must know: its own model servers, and no process of this machine."""
        keeper = self._require_keepers().by_name[host]
        settings = translate_settings(context.settings, self._origin, self._locate(keeper.host))
        connections = {**context.connections, **keeper.last.connections}
        return replace(context, settings=settings, connections=connections, root=0, host=host)

    def read_computed(self) -> dict[str, int]:
        """Return how many tokens the hosts' servers have computed, of the models that all hosts can say it of."""
        found = [keeper.count_computed() for keeper in self._require_keepers().by_name.values()]
        computed: dict[str, int] = {}
        for spec in filter(is_local, self._models):
            numbers = [known for each in found if (known := each.get(spec.name)) is not None]
            if len(numbers) == len(found):
                computed[spec.name] = sum(numbers)
        return computed

    def describe(self) -> list[dict[str, Any]]:
        """Return which hosts were named and what they are, for the manifest."""
        return [self._describe(host) for host in self._file.hosts]

    def _describe(self, host: Host) -> dict[str, Any]:
        probe = self._probes[host.name]
        described: dict[str, Any] = {"name": host.name, "workers": host.workers}
        if host.name in self.absent:
            return described | {"absent": self.absent[host.name]}
        return described | {
            "round_trip": probe.round_trip,
            "clock_offset": probe.clock_offset,
            "differences": describe_differences(probe),
        }

    def list_lines(self) -> list[str]:
        """Return lines for pytest's header."""
        parts = []
        for host in self._file.hosts:
            if host.name in self.absent:
                parts.append(f"{host.name} (takes no part: {self.absent[host.name]})")
            else:
                trip = 1000 * self._probes[host.name].round_trip
                parts.append(f"{host.name} ({_count(host.workers)}, {trip:.1f} ms away)")
        return ["lleval hosts: " + ", ".join(parts), *self._tell_sent()]

    def _tell_sent(self) -> list[str]:
        package = self._package
        if package is None:
            return []
        sent = f"{package.files} files, {package.size / 1e6:,.1f} MB, sha256 {package.digest[:12]}"
        left = f"; left out: {', '.join(package.left_out)}" if package.left_out else ""
        return [escape_text(f"lleval project: sent to hosts ({sent}){left}")]


def _list_servers(models: Sequence[ModelSpec]) -> dict[str, tuple[str, int]]:
    """Return host and port of the servers that the models name, by address as it was written."""
    found = {}
    for spec in models:
        parts = urlsplit(spec.base_url or "")
        if parts.hostname:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            found[f"{parts.scheme}://{parts.hostname}:{port}"] = (parts.hostname, port)
    return found


def _read_file(config: pytest.Config, settings: Settings) -> HostFile:
    remote = list_remote(config.option.tx)
    if settings.hosts is None:
        return read_specs(remote)
    if remote:
        raise UsageError("--lleval-hosts and --tx ssh=… both name hosts: leave one of them out")
    return read_hosts(config.invocation_params.dir / settings.hosts)


def _count(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"
