"""Starting the server of a local model, watching it and ending it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..core.contracts import Progress
from ..core.errors import AttachError, UsageError
from ..core.settings import ModelSpec
from ..support.digest import digest_json
from ..support.handover import copy_environment
from .local_log import ServerLog, describe_exit, open_log
from .local_models import ModelFile, find_model
from .local_options import LocalOptions, read_options
from .local_wire import ask_server

__all__ = ["LocalService", "start_service"]

_READY_SECONDS: Final = 120.0
_CLOSE_SECONDS: Final = 3.0
_MODULE: Final = "pytest_lleval.providers.local_server"


class LocalService:
    """A server process of one local model; it ends with `close` and with this process, however that ends."""

    def __init__(self, spec: ModelSpec, command: list[str], log: ServerLog) -> None:
        self._name = spec.name
        self._log = log
        self._owner = os.getpid()
        self._closing = False
        self._ready_line = b""
        self._connection: Mapping[str, str] = {}
        with log.path.open("ab") as stream:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                env=_make_environment(),
                **_detach_process(),
            )
        self._reader = threading.Thread(target=self._read_ready, name="lleval-local-ready", daemon=True)
        self._watcher = threading.Thread(target=self._watch_end, name="lleval-local-watch", daemon=True)
        self._reader.start()
        self._watcher.start()

    @property
    def connection(self) -> Mapping[str, str]:
        """What a worker needs to reach the server and to say who answers; plain strings, safe to log."""
        return self._connection

    @property
    def exit_code(self) -> int | None:
        """How the process ended, as `subprocess` counts; None while it runs."""
        return self._process.returncode

    def await_ready(self, seconds: float = _READY_SECONDS) -> dict[str, Any]:
        """Wait until the model is loaded and return what the server says of itself.

        :param seconds: how long to wait
        :raises AttachError: with the end of the log, when it ends or does not become ready
        """
        deadline = time.monotonic() + seconds
        while self._reader.is_alive() and time.monotonic() < deadline:
            self._reader.join(0.1)  # in slices, for Ctrl-C on Windows
        if self._reader.is_alive():
            problem = f"was not ready after {seconds:g} s"
        elif not self._ready_line:
            self._watcher.join(_CLOSE_SECONDS)
            problem = "ended before it was ready"
        else:
            ready: dict[str, Any] = json.loads(self._ready_line)
            return ready
        raise AttachError(
            f"{self._name}: the local model server {problem}: {self._log.read_tail()} "
            f"(try another file, or smaller context and slots in its model table)"
        )

    def publish(self, connection: Mapping[str, str]) -> None:
        """Set what workers need to reach the server."""
        self._connection = connection

    def close(self) -> None:
        """End the process; safe to call twice, and without effect in a forked copy of this one."""
        if self._closing or os.getpid() != self._owner:
            return
        self._closing = True
        with contextlib.suppress(OSError):
            self._stdin.close()
        self._watcher.join(_CLOSE_SECONDS)
        if self._watcher.is_alive():
            self._process.kill()
            self._watcher.join()
        self._reader.join()
        self._stdout.close()
        self._log.discard()

    def _watch_end(self) -> None:
        code = self._process.wait()
        if not self._closing:
            # workers read the log, and only this process learns the exit status
            self._log.append(f"the server process {self._process.pid} ended: {describe_exit(code)}")

    def _read_ready(self) -> None:
        self._ready_line = self._stdout.readline()

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    @property
    def _stdout(self) -> Any:
        return self._process.stdout


def start_service(spec: ModelSpec, *, log_dir: Path | None = None, progress: Progress | None = None) -> LocalService:
    """Start the server of a local model and wait until it answers.

    :param spec: a model of the provider ``local`` or ``local-batched``
    :param log_dir: where its log stays; None for a temporary file that goes with the server
    :param progress: hears how far the download of the model has come
    :raises UsageError: for a wrong name, file or option, or without xllamacpp
    :raises AssetError: when the model cannot be had
    :raises AttachError: when the server does not start; the message has the end of its log
    """
    options = read_options(spec)
    _require_engine(spec)
    model = find_model(spec, progress)
    log = open_log(f"{spec.provider}-server-{spec.label}", log_dir)
    service = LocalService(spec, _build_command(model, options, log), log)
    try:
        digest = model.compute_digest()
        ready = service.await_ready()
        service.publish(_describe_server(spec, model, options, {**ready, "digest": digest, "log": str(log.path)}))
    except BaseException:  # Ctrl-C included: nobody else knows of the process yet
        service.close()
        raise
    return service


def _require_engine(spec: ModelSpec) -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        raise UsageError(f"{spec.name}: needs xllamacpp, which is not installed: pip install 'pytest-lleval[local]'")


def _make_environment() -> dict[str, str]:
    # Warnings turned into errors for the user's own tests must not reach the server. Threads that spin while they
    # wait for each other lose half their speed where others use the processors too; on idle ones sleeping costs a
    # seventh. The user's own OMP_WAIT_POLICY counts.
    kept = {name: value for name, value in copy_environment().items() if name != "PYTHONWARNINGS"}
    return {"OMP_WAIT_POLICY": "passive", **kept}


def _detach_process() -> dict[str, Any]:
    # Ctrl-C in a terminal goes to the whole group of the foreground process; the server ends by its stdin alone.
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _build_command(model: ModelFile, options: LocalOptions, log: ServerLog) -> list[str]:
    # -P: a file of the working directory must not stand in for a module
    command = [sys.executable, "-P", "-m", _MODULE, "--model", str(model.path), "--alias", model.alias]
    command += ["--slots", str(options.slots), "--threads", str(options.threads), "--context", str(options.context)]
    if options.gpu_layers is not None:
        command += ["--gpu-layers", str(options.gpu_layers)]
    return [*command, "--discard", str(log.path)] if log.temporary else command


def _describe_server(
    spec: ModelSpec, model: ModelFile, options: LocalOptions, facts: Mapping[str, Any]
) -> dict[str, str]:
    props: Any = ask_server(f"{facts['url']}/props")
    listing: Any = ask_server(f"{facts['url']}/v1/models")
    context = int(props["default_generation_settings"]["n_ctx"])
    if options.context_asked and context < options.context:
        raise UsageError(
            f"{spec.name}: context = {options.context} is more than the {context} tokens {model.path.name} was made for"
        )
    values = {
        "url": f"{facts['url']}/v1",
        "model": model.alias,
        "file": model.path.name,
        "digest": facts["digest"],
        "bytes": model.size,
        "quantisation": props["model_ftype"],
        "parameters": listing["data"][0]["meta"]["n_params"],
        "template_digest": digest_json(props["chat_template"]),
        "slots": props["total_slots"],
        "threads": options.threads,
        "context": context,
        "gpu_layers": "automatic" if options.gpu_layers is None else options.gpu_layers,
        "devices": facts["devices"],
        "system": facts["system"],
        "engine": f"llama.cpp (xllamacpp {facts['engine']})",
        "pid": facts["pid"],
        "log": facts["log"],
    }
    return {key: str(value) for key, value in values.items()}
