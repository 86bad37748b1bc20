"""Keeps an environment on each host that has exactly what is installed here."""

from __future__ import annotations

import platform
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..core.errors import HostError
from ..support.closure import find_closure
from .carrier import Carrier
from .fleetcheck import describe_here
from .hosts import Host
from .inventory import ROOT, UNSENT
from .ownwheel import check_wheel, make_wheel, read_metadata
from .probing import Probe, probe_hosts
from .wheelsource import WheelSource

__all__ = ["Outcome", "Plan", "bootstrap_hosts", "open_plan"]

_SECONDS = 1800.0
_PROBE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What every host gets."""

    wheel: Path
    #: versions of all else, by name
    pins: Mapping[str, str]
    source: WheelSource
    #: whether hosts ask their own index first
    index: bool


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a host."""

    #: one sentence with the way out; empty where its environment is as it should be
    problem: str = ""
    #: what was done
    text: str = ""


@contextmanager
def open_plan(wheel: Path | None = None, wheels: Path | None = None) -> Iterator[Plan]:
    """Find out what hosts get; wheels that are made for it are kept until the end.

    :param wheel: of this package; made of what is installed here by default
    :param wheels: a folder of wheels that hosts get instead of asking their index
    :raises UsageError: when there is no wheel, or one of other code than runs here
    """
    with tempfile.TemporaryDirectory(prefix="lleval-wheels-") as name:
        scratch, own = Path(name) / "all", Path(name) / "own"
        scratch.mkdir()
        own.mkdir()
        wheel = wheel or make_wheel(own)
        check_wheel(wheel, describe_here()["code"])
        pins = find_closure(read_metadata(wheel), without=UNSENT)
        del pins[ROOT]
        yield Plan(wheel=wheel, pins=pins, source=WheelSource(scratch, wheels), index=wheels is None)


def bootstrap_hosts(
    hosts: Sequence[Host], plan: Plan, tell: Callable[[str, str], None], seconds: float = _SECONDS
) -> dict[str, Outcome]:
    """Bring the environments of hosts up to date, all at the same time.

    :param tell: hears what is being done: a host's name, and words
    :param seconds: what each host gets
    :return: by the host's name
    """
    found: dict[str, Outcome] = {}

    def work(host: Host) -> None:
        try:
            found[host.name] = _bootstrap(host, plan, lambda text: tell(host.name, text), seconds)
        except HostError as error:
            found[host.name] = Outcome(problem=str(error))
        except Exception as error:  # noqa: BLE001  # the others go on
            found[host.name] = Outcome(problem=f"failed in a way nobody thought of: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(host,), name=f"lleval-{host.name}", daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {host.name: found[host.name] for host in hosts}


def _bootstrap(host: Host, plan: Plan, tell: Callable[[str], None], seconds: float) -> Outcome:
    if host.venv is None:
        raise HostError(
            f"python = {host.python!r} is in no environment that could be made: name its folder by venv = …, or leave "
            "python out"
        )
    probe = _look(host)
    if probe.kind in ("unreachable", "access"):
        raise HostError(probe.problem, kind=probe.kind)
    if not _list_faults(probe, plan):
        return Outcome(problem=probe.problem, text="up to date")
    began = time.monotonic()
    implementation, version = platform.python_implementation(), platform.python_version()
    minor = ".".join(version.split(".")[:2])
    with Carrier(host, minor, seconds) as carrier:
        survey = carrier.do("survey", implementation=implementation, version=version)
        if not survey["python"] and not survey["uv"]:
            raise HostError(f"it has no {implementation} {minor}, which this machine has: install one there, or uv")
        site = _Site(carrier, plan, survey, minor)
        interpreter = site.build(tell)
        built = _look(replace(host, python=interpreter))
        faults = _list_faults(built, plan)
        if faults:
            raise HostError(f"the environment made there is not as it should be: {'; '.join(faults)}")
        carrier.do("switch", wheels=sorted(site.sent))
    text = f"made {host.venv} with {len(plan.pins) + 1} packages, {site.origin}, in {time.monotonic() - began:.0f} s"
    return Outcome(problem=built.problem, text=text)


class _Site:
    """Makes one environment."""

    def __init__(self, carrier: Carrier, plan: Plan, survey: Mapping[str, Any], minor: str) -> None:
        self._carrier = carrier
        self._plan = plan
        self._survey = survey
        self._minor = minor
        self._pip = None if survey["uv"] else plan.source.rebuild("pip")
        #: where its packages came from
        self.origin = "from its index"
        #: names of the wheels that it has from here
        self.sent: set[str] = set()

    def build(self, tell: Callable[[str], None]) -> str:
        """Build it and return its interpreter; send all wheels when the host cannot get them."""
        if not self._plan.index:
            return self._build_offline(tell)
        tell("installs from its index")
        self._send(self._base())
        try:
            return self._order(index=True)
        except HostError as error:
            if error.kind == "unreachable":
                raise
            tell(f"cannot install from its index ({error})")
            try:
                return self._build_offline(tell)
            except HostError as second:
                if second.kind == "unreachable":
                    raise
                raise HostError(f"it cannot install from its index ({error}), nor from here: {second}") from second

    def _build_offline(self, tell: Callable[[str], None]) -> str:
        packaging = self._plan.source.rebuild("packaging")
        if packaging is None:
            raise HostError("what fits it cannot be told, because packaging was not installed from a wheel here")
        tell("gets wheels from here")
        self._send([*self._base(), packaging])
        tags = self._carrier.do("list_tags", python=self._survey["python"], packaging=packaging.name)
        wheels = self._plan.source.collect(self._plan.pins, tags, self._minor)
        size = self._send([*self._base(), packaging, *wheels])
        self.origin = f"sent from here ({size / 1e6:,.0f} MB)"
        tell(f"installs from {len(wheels)} wheels, {size / 1e6:,.0f} MB of which were sent")
        return self._order(index=False)

    def _order(self, *, index: bool) -> str:
        same = self._survey["system"] == platform.system()
        order = {
            "python": self._survey["python"],
            "uv": self._survey["uv"],
            "version": self._minor,
            "pins": [f"{name}=={version}" for name, version in self._plan.pins.items()],
            "wheel": self._plan.wheel.name,
            "index": index,
            # another system needs packages that are not installed here
            "exact": same,
            "pip": self._pip.name if self._pip is not None else None,
        }
        return str(self._carrier.do("build", order=order))

    def _base(self) -> list[Path]:
        return [self._plan.wheel, *([self._pip] if self._pip is not None else [])]

    def _send(self, files: Sequence[Path]) -> int:
        self.sent.update(path.name for path in files)
        return self._carrier.send({path.name: path for path in files})


def _look(host: Host) -> Probe:
    return probe_hosts([host], seconds=_PROBE_SECONDS)[host.name]


def _list_faults(probe: Probe, plan: Plan) -> list[str]:
    """Return what of an environment is not as planned."""
    if "code" not in probe.facts:
        return [probe.problem or "nothing is known of it"]
    faults = []
    if probe.facts["code"] != describe_here()["code"]:
        faults.append("its code of pytest-lleval is another")
    packages = probe.facts.get("packages", {})
    for name, version in plan.pins.items():
        if packages.get(name) != version:
            faults.append(f"{name} is {packages.get(name, 'absent')} instead of {version}")
    return faults
