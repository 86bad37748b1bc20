"""What the layers ask of each other; implementations are handed down by the composition roots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from .records import BackendIdentity, Completion, Request, Sample, Score

__all__ = ["HostService", "Progress", "Provider", "Scorer", "StreamingProvider"]


class Progress(Protocol):
    """Told how far a slow step has come."""

    def __call__(self, label: str, done: int, total: int | None) -> None:
        """Report that `done` of `total` bytes of `label` are there; `total` is None where unknown."""


class Provider(Protocol):
    """Talks to one model. All methods run on one event loop."""

    async def attach(self, probes: Sequence[Request]) -> BackendIdentity:
        """Prove that the model answers each kind of request the run will send.

        :param probes: small requests, one of each kind
        :raises AttachError: with the place asked, what was tried and the way out
        """

    async def complete(self, request: Request) -> Completion:
        """Answer one request, in one attempt: when to try again is the engine's business.

        :raises RefusedError: when the model's filter declined
        :raises CallError: when the attempt failed, saying whether another may succeed
        """

    async def count_tokens(self, request: Request) -> tuple[int, str]:
        """Count the input tokens of a request without asking the model; also name the tokenizer used."""

    async def count_output(self, text: str) -> tuple[int, str]:
        """Count the tokens of an answer, with the same tokenizer."""

    async def aclose(self) -> None:
        """Release connections."""


@runtime_checkable
class StreamingProvider(Protocol):
    """A provider whose answers can come in pieces, so that the first and the last one have a time."""

    async def stream(self, request: Request, extra: Mapping[str, Any]) -> Completion:
        """Answer one chat request in pieces.

        :param extra: further parameters to send
        :raises RefusedError: when the model's filter declined
        :raises CallError: when the attempt failed, saying whether another may succeed
        """


class HostService(Protocol):
    """A process that serves a model to all workers of this host, ended with the run."""

    @property
    def connection(self) -> Mapping[str, str]:
        """What a worker needs to reach it; plain strings, safe to log."""

    def close(self) -> None:
        """End the process; safe to call twice."""


class Scorer(Protocol):
    """Judges one completion; pure, so that stored completions can be scored again."""

    @property
    def name(self) -> str:
        """The name its scores carry."""

    def __call__(self, sample: Sample, completion: Completion) -> Score:
        """Return the score of `completion` for `sample`."""
