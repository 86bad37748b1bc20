"""``local/NAME`` and ``local/PATH.gguf``: a model on this machine, served by llama.cpp.

``local-batched/…`` is the same model with several slots: faster on machines with cores to spare, not reproducible.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from psutil import pid_exists

from ..core.errors import AttachError, CallError, RefusedError
from ..core.records import BackendIdentity, Completion, Disclosure, Request
from ..core.settings import ModelSpec
from .local_log import read_tail
from .local_options import read_options
from .local_service import LocalService, start_service
from .local_wire import ask_server, find_root, is_answering
from .openai import OpenAIProvider

__all__ = ["LocalProvider", "LocalService", "slot_count", "start_service"]

_NUMBERS = ("bytes", "parameters", "slots", "threads", "context", "pid")
_DETAILS = (
    *("file", "digest", "bytes", "quantisation", "parameters", "template_digest"),
    *("slots", "threads", "gpu_layers", "devices", "system"),
)


def slot_count(spec: ModelSpec) -> int:
    """Return how many requests the server of a local model answers at once.

    :raises UsageError: for a wrong option
    """
    return read_options(spec).slots


class LocalProvider(OpenAIProvider):
    """Asks the server of a local model, which speaks OpenAI's protocol.

    :param spec: the model, of the provider ``local`` or ``local-batched``
    :param connection: what `start_service` published
    """

    # The server closes idle connections after 5 s; ours must be closed first, or a request may meet the closing.
    idle_seconds = 2.0
    # The server is on this machine: a proxy set in the environment must not be asked.
    trust_env = False
    has_strange_template = False

    def __init__(self, spec: ModelSpec, connection: Mapping[str, str]) -> None:
        self._connection = dict(connection)
        facts = {key: int(value) if key in _NUMBERS else value for key, value in connection.items()}
        super().__init__(
            # the server knows the model by its own name, messages and records by the user's
            replace(spec, model=connection["model"], alias=spec.name),
            base_url=connection["url"],
            api_key="local",
            kind_details={key: facts[key] for key in _DETAILS},
        )

    async def attach(self, probes: Sequence[Request]) -> BackendIdentity:
        """Prove that the server answers, and say which file answers with which settings.

        :raises AttachError: with what was tried, and the end of the server's log where it has ended
        """
        try:
            identity = await super().attach(probes)
        except AttachError as error:
            raise AttachError(await self._explain(str(error))) from None
        return replace(
            identity,
            server=self._connection["engine"],
            fingerprint=f"sha256:{self._connection['digest']}",
            context_tokens=int(self._connection["context"]),
            disclosures=(*identity.disclosures, *self._disclose_batching()),
        )

    async def complete(self, request: Request) -> Completion:
        """Answer one request, in one attempt.

        :raises RefusedError: never by the server itself
        :raises CallError: when the attempt failed; with the end of the server's log where it has ended
        """
        try:
            return await super().complete(request)
        except RefusedError:
            raise
        except CallError as error:
            raise await self._retell(error) from None

    async def stream(self, request: Request, extra: Mapping[str, Any]) -> Completion:
        """Answer one chat request in pieces.

        :raises RefusedError: never by the server itself
        :raises CallError: when the attempt failed; with the end of the server's log where it has ended
        """
        try:
            return await super().stream(request, extra)
        except RefusedError:
            raise
        except CallError as error:
            raise await self._retell(error) from None

    async def _retell(self, error: CallError) -> CallError:
        return CallError(
            await self._explain(str(error), answered=error.status is not None),
            status=error.status,
            retryable=error.retryable and pid_exists(int(self._connection["pid"])),
            overloaded=error.overloaded,
            wait=error.wait,
        )

    async def count_tokens(self, request: Request) -> tuple[int, str]:
        """Count the input tokens with the model's own chat template and tokenizer, exactly."""
        count = await asyncio.to_thread(self._count, request)
        return count, f"llama.cpp tokenizer of {self._connection['file']}"

    async def count_output(self, text: str) -> tuple[int, str]:
        """Count the tokens of an answer with the model's own tokenizer."""
        body = {"content": text, "add_special": False, "parse_special": False}
        return await asyncio.to_thread(self._tokenize, body), f"llama.cpp tokenizer of {self._connection['file']}"

    def _count(self, request: Request) -> int:
        text = request.prompt
        if request.kind == "chat":
            messages = [{"role": message.role, "content": message.content} for message in request.messages]
            text = str(self._ask_root("apply-template", {"messages": messages})["prompt"])
        return self._tokenize({"content": text, "add_special": True, "parse_special": True})

    def _tokenize(self, body: Mapping[str, object]) -> int:
        tokens: Any = self._ask_root("tokenize", body)["tokens"]
        return len(tokens)

    def _ask_root(self, path: str, body: Mapping[str, object]) -> dict[str, object]:
        try:
            return ask_server(f"{find_root(self._base_url)}/{path}", body)
        except OSError as error:
            raise CallError(f"{self.place}: the local model server did not count tokens: {error}") from error

    async def _explain(self, problem: str, *, answered: bool = False) -> str:
        if "exceeds the available context size" in problem:
            return f"{problem} by a larger context in a [tool.pytest_lleval.models] table, or shorten the prompt"
        if answered or await asyncio.to_thread(is_answering, self._base_url):
            return problem
        tail = await asyncio.to_thread(read_tail, Path(self._connection["log"]))
        return f"{problem}; the local model server (process {self._connection['pid']}) is gone: {tail}"

    def _disclose_batching(self) -> tuple[Disclosure, ...]:
        slots = int(self._connection["slots"])
        if slots == 1:
            return ()
        message = f"answers may differ from run to run, because up to {slots} requests share a batch"
        return (Disclosure(factor="E", severity="warning", message=message, evidence={"slots": slots}),)
