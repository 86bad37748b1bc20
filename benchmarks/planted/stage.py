"""Where an arrangement is set up: its folder, its servers, and the sessions run against them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from .believable import Model
from .questions import write_suite
from .serving import Answer, Servers

__all__ = ["FACTORS", "Arrangement", "Found", "Stage", "arrange", "list_arrangements"]

FACTORS = ("F1", "F2", "F3", "F4", "F5", "E")
#: seconds after which a session hangs
_PATIENCE = 120.0
#: unless an arrangement has its own; few connections, so that a session takes a moment and sees its machine
_USUAL = ("--lleval-cache=off", "--lleval-max-connections=8")
_ENTRY_POINT = "[pytest_lleval.providers]\nplanted = planted_provider:make\n"
#: share of the machine that others may use before a clean verdict on it would be wrong
_DISTURBED = 0.1


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a run's report says.

    :param states: by factor
    :param messages: the verdicts' sentences by factor
    :param others: share of the machine that was used by neither the bench nor the session
    """

    states: Mapping[str, str]
    messages: Mapping[str, str]
    others: float = 0.0

    @property
    def disturbed(self) -> bool:
        """Whether the machine really was in use by others."""
        return self.others > _DISTURBED


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """One planted fault.

    :param set_up: sets the stage, with the fault or without, and returns what the last session's report says
    :param expected: the state of the factor
    """

    factor: str
    name: str
    title: str
    set_up: Callable[[Stage, bool], Found]
    expected: str = "flagged"


_ARRANGEMENTS: list[Arrangement] = []


def arrange(factor: str, title: str, expected: str = "flagged") -> Callable[..., Any]:
    """Register a function that sets up an arrangement."""

    def register(set_up: Callable[[Stage, bool], Found]) -> Callable[[Stage, bool], Found]:
        name = set_up.__name__
        _ARRANGEMENTS.append(Arrangement(factor=factor, name=name, title=title, set_up=set_up, expected=expected))
        return set_up

    return register


def list_arrangements() -> list[Arrangement]:
    """Return all arrangements in the order of their factors."""
    return sorted(_ARRANGEMENTS, key=lambda each: FACTORS.index(each.factor))


@dataclass(kw_only=True)
class Stage:
    """A folder, servers, and sessions."""

    folder: Path
    servers: Servers
    _runs: int = 0

    def serve(self, answer: Answer | None = None, **options: Any) -> str:
        """Start a server, a believable model by default, and return its base URL."""
        answer = answer or Model()
        names = (answer.name,) if isinstance(answer, Model) else ()
        return self.servers.serve(answer, **{"models": names, **options})

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def suite(self, kind: str = "plain", count: int = 40, **options: Any) -> None:
        """Write the suite that sessions run."""
        write_suite(self.folder, kind, count, **options)

    def provider(self, source: str) -> None:
        """Install a third-party provider called ``planted``: a function ``make`` of spec and connection."""
        self.write("planted_provider.py", source)
        self.write("planted-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
        self.write("planted-1.0.dist-info/entry_points.txt", _ENTRY_POINT)

    def run(
        self,
        *words: str,
        model: str = "",
        models: tuple[str, ...] = (),
        workers: int = 0,
        environment: Mapping[str, str] | None = None,
        beside: Callable[[subprocess.Popen[bytes], Path], None] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> Found:
        """Run a session to its end, and return what its report says.

        :param model: as for ``--lleval-model``
        :param workers: for ``-n``
        :param environment: of the session, besides this process's
        :param beside: does something while it runs, of process and run directory
        :param prefix: what starts the interpreter
        :raises RuntimeError: when there is no report
        """
        if not (self.folder / "suite.py").exists():
            self.suite()
        self._runs += 1
        run = self.folder / f"run{self._runs}"
        session = [*prefix, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "lleval"]
        session += ["-p", "xdist", f"-n{workers}"] if workers else []
        session += ["--lleval-suite=suite.py", f"--lleval-run-dir={run}"]
        session += [f"--lleval-model={name}" for name in (models or (model,))]
        session += [word for word in _USUAL if not any(other.startswith(word.split("=")[0]) for other in words)]
        with (self.folder / "output.txt").open("wb") as output:
            before, began = _read_cpu(), time.perf_counter()
            process = subprocess.Popen(
                [*session, *words],
                cwd=self.folder,
                env=self._make_environment(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                if beside is not None:
                    beside(process, run)
                process.wait(_PATIENCE)
            finally:
                process.kill()
                process.wait()
        others = _compare_cpu(before, _read_cpu(), time.perf_counter() - began)
        said = (self.folder / "output.txt").read_text(encoding="utf-8", errors="replace")
        return _read_report(run, others, said)

    @property
    def last_run(self) -> Path:
        """The directory of the last session's run."""
        return self.folder / f"run{self._runs}"

    def _make_environment(self, more: Mapping[str, str]) -> dict[str, str]:
        others = ("LLEVAL_MODEL", "OPENAI_", "PYTEST_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        return {
            **kept,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": os.pathsep.join([str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]),
            **more,
        }


def _read_report(run: Path, others: float, output: str) -> Found:
    try:
        report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    except OSError:
        raise RuntimeError(f"no report: {output[-1500:]}") from None
    factors = report["factors"]
    return Found(
        states={each["factor"]: each["state"] for each in factors},
        messages={each["factor"]: each["message"] for each in factors},
        others=others,
    )


def _read_cpu() -> tuple[float, float]:
    """Return CPU seconds of the machine, and of this process with the children it has waited for."""
    machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
    return sum(machine) - machine.idle - machine.iowait, sum(own[:4])


def _compare_cpu(before: tuple[float, float], after: tuple[float, float], seconds: float) -> float:
    spent = (after[0] - before[0]) - (after[1] - before[1])
    return max(0.0, spent / ((psutil.cpu_count() or 1) * seconds))
