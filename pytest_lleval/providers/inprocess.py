"""``callable/module:function``: a Python function of the user's answers."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import time
import traceback
import typing
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.errors import AttachError, CallError, UsageError
from ..core.records import BackendIdentity, Completion, Request, Timing, Trace
from ..core.settings import ModelSpec
from ..support.digest import digest_file
from ..support.witness import Witness, list_hidden, witness_calls
from .canary import describe_answer, is_proof, renew_probe
from .counting import APPROXIMATION, estimate_text, estimate_tokens
from .failures import redact_secrets, shorten_text

__all__ = ["CallableProvider", "find_question"]


def find_question(request: Request) -> str:
    """Return the text of the last user message, or the bare prompt."""
    asked = [message.content for message in request.messages if message.role == "user"]
    return asked[-1] if asked else request.prompt


class CallableProvider:
    """Calls a function, in a thread unless it is ``async``, with the last user text or the whole `Request`.

    The function takes one argument, the text, or a `Request` if it is annotated so; it returns a text or a
    `Completion`. It is imported with the current folder on ``sys.path``.

    :param spec: the model, ``module:function``
    :raises UsageError: when there is no such function, or it does not take one argument
    """

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        started = time.perf_counter()
        with witness_calls() as imported:
            self._function = _import_function(spec)
        self._imported = {
            "seconds": round(time.perf_counter() - started, 6),
            "opened": imported.opened,
            "processes": imported.processes,
            "hidden": list_hidden(),
        }
        self._takes_request = _check_parameter(self._function, spec)

    async def attach(self, probes: Sequence[Request]) -> BackendIdentity:
        """Call the function once per probe.

        :raises AttachError: when it fails or does not answer as asked
        """
        seen = []
        completion = Completion(text="", model=self._spec.model)
        for probe in probes:
            completion = await self._attach_probe(probe)
            seen.append(describe_answer(probe, completion))
            if not is_proof(seen[-1]):
                again = renew_probe(probe)
                seen.append(describe_answer(again, await self._attach_probe(again)))
        return replace(self._identify(completion), evidence={"probes": seen, "imported": self._imported})

    async def _attach_probe(self, probe: Request) -> Completion:
        try:
            completion = await self.complete(probe)
        except CallError as error:
            raise AttachError(f"{error}; this was the answer to a probe before the run") from error
        if probe.generation.top_logprobs and not completion.logprobs:
            raise AttachError(f"{self._spec.name}: returns no log probabilities; use method=generate")
        return completion

    async def complete(self, request: Request) -> Completion:
        """Answer one request.

        :raises CallError: when the function raises, or returns neither a text nor a `Completion`
        """
        started = time.perf_counter()
        waited: list[float] = []
        with witness_calls() as seen:
            result = await self._call(request if self._takes_request else find_question(request), seen, waited)
        total = time.perf_counter() - started
        if isinstance(result, str):
            result = Completion(text=result, model=self._spec.model, stop_reason="stop", timing=Timing(total=total))
        if isinstance(result, Completion) and isinstance(result.text, str):
            # what the function says of its time is kept for the engine to compare with its own clock
            return replace(result, trace=_trace_function(seen), timing=_complete_timing(result.timing, total, waited))
        raise CallError(
            f"{self._spec.name}: returned {type(result).__name__}, neither str nor Completion: {result!r:.80}"
        )

    async def count_tokens(self, request: Request) -> tuple[int, str]:
        """Estimate the input tokens of a request; also name the estimate."""
        return estimate_tokens(request)

    async def count_output(self, text: str) -> tuple[int, str]:
        """Estimate the tokens of an answer; also name the estimate."""
        return estimate_text(text), APPROXIMATION

    async def aclose(self) -> None:
        """Release nothing: the function is the user's."""

    async def _call(self, argument: str | Request, seen: Witness, waited: list[float]) -> object:
        try:
            if _is_async(self._function):
                return await self._function(argument)
            asked = time.perf_counter()
            result = await asyncio.to_thread(self._call_clocked, argument, seen, asked, waited)
            return await result if inspect.isawaitable(result) else result
        except CallError:
            raise
        except Exception as error:  # noqa: BLE001 - the user's function may raise anything
            failure = CallError(f"{self._spec.name}: raised {_describe_exception(error, self._function)}")
        raise failure

    def _call_clocked(self, argument: str | Request, seen: Witness, asked: float, waited: list[float]) -> object:
        waited.append(time.perf_counter() - asked)
        with seen.clock():
            return self._function(argument)

    def _identify(self, completion: Completion) -> BackendIdentity:
        source = _find_source(self._function)
        return BackendIdentity(
            spec=self._spec.name,
            provider="callable",
            kind="callable",
            requested_model=self._spec.model,
            served_model=completion.model,
            fingerprint=completion.fingerprint,
            details={"async": _is_async(self._function), "source_sha256": digest_file(source) if source else None},
        )


def _trace_function(seen: Witness) -> Trace:
    return Trace(
        opened=seen.opened,
        peers=tuple(sorted(seen.peers)),
        processes=seen.processes,
        files=seen.files,
        cpu=None if seen.cpu is None else round(seen.cpu, 6),
    )


def _complete_timing(claimed: Timing, total: float, waited: list[float]) -> Timing:
    """Return what a function claims with the wait for its thread, which it cannot know of."""
    return replace(claimed, total=claimed.total + sum(waited) if claimed.total > 0 else total)


def _import_function(spec: ModelSpec) -> Callable[..., Any]:
    module_name, colon, path = spec.model.partition(":")
    if not colon or not module_name or not path:
        raise UsageError(f"--lleval-model: {spec.name!r} is not of the form callable/module:function")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    found: Any = _import_module(module_name, spec)
    for name in path.split("."):
        if not hasattr(found, name):
            raise UsageError(f"--lleval-model: {spec.name!r}: module {module_name!r} has no {path!r}")
        found = getattr(found, name)
    if not callable(found):
        raise UsageError(f"--lleval-model: {spec.name!r} is {type(found).__name__}, nothing that can be called")
    return typing.cast("Callable[..., Any]", found)


def _import_module(name: str, spec: ModelSpec) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(missing + "."):
            message = f"no module is called {name!r}; it is looked for in {Path.cwd()} and on PYTHONPATH"
        else:
            message = f"module {name!r} needs {missing!r}, which is not installed"
    except Exception as error:  # noqa: BLE001 - the user's module may raise anything
        message = f"importing {name!r} raised {_describe_exception(error, None)}"
    raise UsageError(f"--lleval-model: {spec.name!r}: {message}")


def _check_parameter(function: Callable[..., Any], spec: ModelSpec) -> bool:
    """Return whether the function wants the whole request.

    :raises UsageError: when it cannot be called with one argument
    """
    try:
        signature = _read_signature(function)
        signature.bind("text")
    except TypeError:
        raise UsageError(
            f"--lleval-model: {spec.name!r} must take one argument, the text (or a Request if annotated so)"
        ) from None
    except ValueError:
        # Some functions written in C have no signature.
        return False
    first = next(iter(signature.parameters.values()), None)
    hints = _read_hints(function)
    annotation = hints.get(first.name, first.annotation) if first else None
    written = getattr(annotation, "__forward_arg__", annotation)
    return annotation is Request or (isinstance(written, str) and written.rpartition(".")[2] == "Request")


def _read_signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature without evaluating names that are imported for type checkers alone."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
    else:
        return inspect.signature(function)


def _read_hints(function: Callable[..., Any]) -> dict[str, Any]:
    target = function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__
    try:
        return typing.get_type_hints(target)
    except (NameError, TypeError, AttributeError):
        # Names imported for type checkers alone; the annotations stay texts.
        return {}


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _find_source(function: Callable[..., Any]) -> Path | None:
    try:
        name = inspect.getsourcefile(inspect.unwrap(function))
    except TypeError:
        return None
    return Path(name) if name and Path(name).is_file() else None


def _describe_exception(error: Exception, function: Callable[..., Any] | None) -> str:
    """Return type, message and place of an exception, the place in the function's own file where it has one."""
    frames = traceback.extract_tb(error.__traceback__)
    own = str(_find_source(function)) if function is not None else ""
    frame = next((frame for frame in reversed(frames) if frame.filename == own), frames[-1] if frames else None)
    where = f" at {Path(frame.filename).name}:{frame.lineno}" if frame else ""
    said = shorten_text(redact_secrets(str(error)))
    return type(error).__name__ + (f": {said}" if said else "") + where
