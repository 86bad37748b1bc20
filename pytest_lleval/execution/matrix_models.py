"""The models of the size matrix, opened for one call at a time whose answer comes in pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.contracts import Provider, StreamingProvider
from ..core.encoding import decode_identity
from ..core.records import BackendIdentity, Completion, Request
from ..core.settings import ModelSpec
from ..providers.registry import is_built_in, open_provider
from .calling import Backend, Caller, Outlet
from .concurrency import AdaptiveLimiter
from .context import Attached, RunContext
from .limit_search import LimitSearch
from .matrix import MatrixModel
from .planning import label_models
from .sizing import SizedPrompts

__all__ = ["list_extra", "open_matrix_models"]

_LOCAL = ("local", "local-batched")


class _StreamingBackend:
    """Answers in pieces where its provider can; else as it does.

    :param provider: of the model
    :param extra: parameters to send along
    """

    def __init__(self, provider: Provider, extra: Mapping[str, object]) -> None:
        self._provider, self._extra = provider, extra

    async def attach(self, probes: Sequence[Request]) -> BackendIdentity:
        return await self._provider.attach(probes)

    async def complete(self, request: Request) -> Completion:
        if isinstance(self._provider, StreamingProvider):
            return await self._provider.stream(request, self._extra)
        return await self._provider.complete(request)

    async def count_tokens(self, request: Request) -> tuple[int, str]:
        return await self._provider.count_tokens(request)

    async def count_output(self, text: str) -> tuple[int, str]:
        return await self._provider.count_output(text)

    async def aclose(self) -> None:
        await self._provider.aclose()


def list_extra(spec: ModelSpec, *, shared_prefix: bool) -> dict[str, object]:
    """Return the parameters that a model is sent beside the usual ones.

    Only llama.cpp is known to take them: it neither stops before the last token that is allowed, so that all answers
    are equally long, nor begins with a prompt it has seen before, unless that is what is measured.
    """
    return {"ignore_eos": True, "cache_prompt": shared_prefix} if spec.provider in _LOCAL else {}


def open_matrix_models(
    context: RunContext, attached: Attached, outlet: Outlet, names: frozenset[str]
) -> dict[str, MatrixModel]:
    """Open the models that cells are measured of, by name.

    :param context: of a run with a matrix
    :param attached: what is known of its models
    :param outlet: hears what the run must know
    :param names: of the models
    """
    settings = context.settings
    identities = {identity.spec: identity for identity in map(decode_identity, attached.identities)}
    labels = label_models(settings.models)
    shared = settings.matrix is not None and settings.matrix.shared_prefix
    models = {}
    for spec in settings.models:
        if spec.name not in names:
            continue
        provider = open_provider(spec, context.connections.get(spec.name))
        backend = Backend(
            provider=_StreamingBackend(provider, list_extra(spec, shared_prefix=shared)),
            model=spec.name,
            limiter=AdaptiveLimiter(LimitSearch(1)),
            outlet=outlet,
            inside=spec.name in attached.inside,
            watched=not is_built_in(spec),
        )
        models[spec.name] = MatrixModel(
            label=labels[spec.name],
            caller=Caller(backend, settings.deadline),
            prompts=SizedPrompts(provider, settings),
            context=identities[spec.name].context_tokens if spec.name in identities else None,
        )
    return models
