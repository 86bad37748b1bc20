"""The process that serves one GGUF file over HTTP, ended by the end of its standard input.

Run as ``python -m pytest_lleval.providers.local_server``. Prints one JSON line when it is ready; everything
else it and llama.cpp say goes to its standard error. Imports nothing of the package: it starts fast.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["main"]

# llama.cpp's level 2: errors and warnings, without several lines for each request
_VERBOSITY = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve a model until standard input ends.

    :param arguments: the command line, without the program's name
    """
    options = _parse_arguments(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_await_end, args=(options.discard,), name="end-of-input", daemon=True).start()
    # llama.cpp must not write between us and the reader of the ready line
    ready = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with _end_by_signal():
        server, facts = _start_server(options)
    with ready:
        ready.write(json.dumps({"url": server.listening_address, "pid": os.getpid(), **facts}) + "\n")
    threading.Event().wait()


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pytest_lleval.providers.local_server", description=__doc__)
    parser.add_argument("--model", required=True, help="path of the GGUF file")
    parser.add_argument("--alias", required=True, help="the name the model answers to")
    parser.add_argument("--slots", type=int, default=1, help="requests answered at once")
    parser.add_argument("--threads", type=int, required=True, help="threads that compute")
    parser.add_argument("--context", type=int, required=True, help="tokens of each slot")
    parser.add_argument("--gpu-layers", type=int, default=None, help="layers kept on a GPU")
    parser.add_argument("--discard", type=Path, default=None, help="a file to remove at the end: the log")
    return parser.parse_args(arguments)


@contextlib.contextmanager
def _end_by_signal() -> Iterator[None]:
    # Loading holds the interpreter lock, so the waiting thread would notice the end late; where the system can,
    # the end of the pipe raises SIGIO meanwhile, whose default action ends the process whatever Python is doing.
    with contextlib.suppress(ImportError, AttributeError, OSError):
        fcntl: Any = importlib.import_module("fcntl")
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | fcntl.FASYNC)
    yield
    if hasattr(signal, "SIGIO"):
        signal.signal(signal.SIGIO, signal.SIG_IGN)


def _await_end(discard: Path | None) -> None:
    while os.read(0, 4096):
        pass
    if discard is not None:
        # who started us may have been killed; Windows keeps a file that is open
        with contextlib.suppress(OSError):
            discard.unlink(missing_ok=True)
    os._exit(0)


def _start_server(options: argparse.Namespace) -> tuple[Any, dict[str, object]]:
    import xllamacpp

    devices = [f"{device['name']} {device['description']}" for device in xllamacpp.get_device_info()]
    server = xllamacpp.Server(_build_params(xllamacpp.CommonParams(), options))
    return server, {
        "engine": xllamacpp.__version__,
        "system": xllamacpp.get_system_info().strip(" |"),
        "devices": ", ".join(devices),
    }


def _build_params(params: Any, options: argparse.Namespace) -> Any:
    params.model.path = options.model
    params.model_alias = {options.alias}
    params.verbosity = _VERBOSITY
    params.n_parallel = options.slots
    params.n_ctx = options.context * options.slots
    params.kv_unified = False
    params.ctx_shift = False
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    if options.gpu_layers is not None:
        params.n_gpu_layers = options.gpu_layers
    _forget_requests(params)
    _close_doors(params)
    return params


def _forget_requests(params: Any) -> None:
    # A prompt cache makes an answer depend on what was asked before.
    params.cache_prompt = False
    params.cache_ram_mib = 0
    params.cache_idle_slots = False
    params.n_cache_reuse = 0
    params.n_ctx_checkpoints = 0
    params.slot_prompt_similarity = 0.0


def _close_doors(params: Any) -> None:
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.endpoint_slots = False
    params.endpoint_props = False
    params.endpoint_metrics = True
    # no page in the user's browser may read from it
    params.cors_origins = "http://127.0.0.1"
    params.cors_origins_explicit = True


if __name__ == "__main__":
    main(sys.argv[1:])
