"""Make sure real answers can be had before anything is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from ..core.contracts import HostService, Progress, Provider
from ..core.errors import LlevalError
from ..core.records import BackendIdentity, Request
from ..core.settings import ModelSpec, Settings
from ..providers.canary import describe_answer
from ..providers.registry import (
    connection_limit,
    is_built_in,
    is_local,
    open_provider,
    read_max_retries,
    start_service,
)
from ..support.clock import read_time
from .cache import ResponseCache
from .calling import Backend, Caller, Outlet
from .concurrency import AdaptiveLimiter
from .context import Attached, RunContext
from .limit_search import LimitSearch
from .shared_limit import divide_first

__all__ = ["attach_models", "list_shared", "open_callers", "share_connections", "start_services"]

Connections = dict[str, dict[str, str]]


def start_services(models: Sequence[ModelSpec], stack: ExitStack, progress: Progress | None = None) -> Connections:
    """Start the model servers this host needs, one a model, and return how to reach them by model name.

    :param models: the models of the run
    :param stack: ends the servers when it closes
    :param progress: hears of downloads
    """
    connections: Connections = {}
    for spec in models:
        service: HostService | None = start_service(spec, log_dir=None, progress=progress)
        if service is not None:
            stack.callback(service.close)
            connections[spec.name] = dict(service.connection)
    return connections


def attach_models(
    models: Sequence[ModelSpec], connections: Connections, probes: Sequence[Request]
) -> tuple[BackendIdentity, ...]:
    """Attach every model and return who answers.

    :raises AttachError: for the first model that does not prove itself
    """
    return asyncio.run(_attach_all(models, connections, probes))


async def _attach_all(
    models: Sequence[ModelSpec], connections: Connections, probes: Sequence[Request]
) -> tuple[BackendIdentity, ...]:
    identities = []
    for spec in models:
        provider = open_provider(spec, connections.get(spec.name))
        try:
            identity = await provider.attach(probes)
            evidence = {**await _gather_evidence(provider, identity, probes), **identity.evidence}
            # records carry the model as the user named it; so does the identity they are compared with
            identities.append(replace(identity, spec=spec.name, evidence=evidence))
        finally:
            await provider.aclose()
    return tuple(identities)


async def _gather_evidence(
    provider: Provider, identity: BackendIdentity, probes: Sequence[Request]
) -> dict[str, object]:
    """Return what a provider that looks at nothing itself shows when it is asked, and who counts its tokens."""
    evidence: dict[str, object] = {}
    try:
        evidence["tokenizer"] = (await provider.count_tokens(probes[0]))[1] if probes else None
        if "probes" not in identity.evidence and identity.kind != "mock":
            evidence["probes"] = [describe_answer(probe, await provider.complete(probe)) for probe in probes]
    except LlevalError:
        # what it does not show is no evidence; that it answers, it has proven
        return evidence
    return evidence


def open_callers(
    context: RunContext, attached: Attached, share: Mapping[str, int], cache: ResponseCache | None, outlet: Outlet
) -> dict[str, Caller]:
    """Open this process's providers, by model name.

    :param context: of the run
    :param attached: what is known of its models
    :param share: how many requests this process may have in flight, by model name
    :param cache: of responses; None where it is not used
    :param outlet: hears what the run must know
    """
    callers = {}
    for spec in context.settings.models:
        backend = Backend(
            provider=open_provider(spec, context.connections.get(spec.name)),
            model=spec.name,
            limiter=_open_limiter(spec, share[spec.name], context, outlet),
            retries=read_max_retries(spec),
            outlet=outlet,
            cache=cache,
            scope=attached.scopes.get(spec.name),
            inside=spec.name in attached.inside,
            watched=not is_built_in(spec),
        )
        callers[spec.name] = Caller(backend, context.settings.deadline)
    return callers


def _open_limiter(spec: ModelSpec, connections: int, context: RunContext, outlet: Outlet) -> AdaptiveLimiter:
    """Return the gate of a model: its limit is searched for by all workers together, if they ask the same server."""

    def note(limit: int, cause: str) -> None:
        outlet.note_limit(spec.name, read_time(), limit, cause)

    share = None
    if context.workers > 1 and not is_local(spec):
        total = count_connections(context.settings, spec)
        # where there are more workers than places, they take turns
        most = connections if total >= context.workers else None
        share = outlet.share_limit(spec.name, divide_first(total, context.workers, outlet.number), most)
    if share is None:
        return AdaptiveLimiter(LimitSearch(connections, note, context.workers))
    limiter = AdaptiveLimiter(share)
    share.listen(limiter.follow)
    return limiter


def count_connections(settings: Settings, spec: ModelSpec) -> int:
    """Return how many requests a run may have in flight to a model."""
    return settings.max_connections or connection_limit(spec)


def list_shared(settings: Settings) -> dict[str, int]:
    """Return, by model name, how many requests may be in flight to models whose server all workers ask."""
    return {spec.name: count_connections(settings, spec) for spec in settings.models if not is_local(spec)}


def share_connections(
    settings: Settings, worker: int = 0, workers: int = 1, *, beside: int | None = None
) -> dict[str, int]:
    """Return one worker's share of the requests a run may have in flight, by model name; at least one each.

    :param worker: the worker's number, from 0; one that replaces another counts on and takes its turn again
    :param workers: how many there are
    :param beside: how many are on its machine and share its servers of local models; all if none
    """
    shares = {}
    for spec in settings.models:
        sharing = beside if beside and is_local(spec) and settings.max_connections is None else workers
        whole, rest = divmod(count_connections(settings, spec), sharing)
        shares[spec.name] = max(1, whole + (worker % sharing < rest))
    return shares
