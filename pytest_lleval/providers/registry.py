"""Providers by name; each is imported only when a model asks for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.contracts import HostService, Progress, Provider
from ..core.errors import AttachError, UnknownNameError, UsageError
from ..core.settings import ModelSpec
from .options import read_client, read_max_retries

if TYPE_CHECKING:
    from .anthropic import AnthropicProvider
    from .openai import OpenAIProvider

__all__ = [
    "ENTRY_POINTS",
    "check_known",
    "connection_limit",
    "import_providers",
    "is_built_in",
    "is_local",
    "known_providers",
    "list_assets",
    "open_provider",
    "preload_clients",
    "read_computed",
    "read_max_retries",
    "read_variables",
    "start_service",
]

#: Group of third-party providers: callables of `ModelSpec` and connection (or None) that return a provider.
ENTRY_POINTS = "pytest_lleval.providers"
_BUILT_IN = ("anthropic", "callable", "local", "local-batched", "mock", "openai")
_LOCAL = ("local", "local-batched")
_REMOTE = ("anthropic", "openai")
_REMOTE_CONNECTIONS = 32


def known_providers() -> tuple[str, ...]:
    """Return the names of all providers, third-party ones included, in alphabetical order."""
    return tuple(sorted({*_BUILT_IN, *_find_foreign()}))


def open_provider(spec: ModelSpec, connection: Mapping[str, str] | None = None) -> Provider:
    """Return the provider of a model, not yet attached.

    :param spec: the model
    :param connection: what the model's `HostService` published, for local models
    :raises UnknownNameError: when nobody registered the provider
    :raises UsageError: when its client package is missing, or the model's name or options cannot be used
    """
    if spec.provider in _LOCAL:
        return _open_local(spec, connection)
    if spec.provider in _REMOTE:
        return _open_remote(spec)
    if spec.provider == "callable":
        from .inprocess import CallableProvider

        return CallableProvider(spec)
    if spec.provider == "mock":
        from .scripted import MockProvider

        return MockProvider(spec)
    return _open_foreign(spec, connection)


def start_service(spec: ModelSpec, *, log_dir: Path | None, progress: Progress | None) -> HostService | None:
    """Start the process that serves a model on this host; None for providers that need none.

    :param spec: the model
    :param log_dir: where the process writes its log; None for a temporary place
    :param progress: hears of downloads
    :raises UnknownNameError: when nobody registered the provider
    """
    if spec.provider not in _LOCAL:
        check_known(spec)
        return None
    _require_client("local", spec)
    from . import local

    return local.start_service(spec, log_dir=log_dir, progress=progress)


def is_built_in(spec: ModelSpec) -> bool:
    """Tell whether the provider of a model is one of ours, which shows what it does."""
    return spec.provider in _BUILT_IN


def is_local(spec: ModelSpec) -> bool:
    """Tell whether a model runs on a server of the machine that asks it."""
    return spec.provider in _LOCAL


def list_assets(specs: Iterable[ModelSpec]) -> Iterator[tuple[str, str, Path]]:
    """Yield the files of the catalogue that servers of these models load: name in the cache, sha256, and file."""
    from .local_models import CATALOGUE, find_model

    for spec in specs:
        asset = CATALOGUE.get(spec.model) if spec.provider in _LOCAL else None
        if asset is not None:
            yield asset.cache_name, asset.sha256, find_model(spec).path


def read_variables(spec: ModelSpec) -> tuple[str, ...]:
    """Return the variables of the environment that tell a model's built-in provider its key and its server."""
    if spec.provider not in _REMOTE:
        return ()
    provider = _import_remote(spec)
    return (provider.key_variable, *(() if spec.base_url else (provider.url_variable,)))


def read_computed(spec: ModelSpec, connection: Mapping[str, str] | None) -> int | None:
    """Return how many tokens of answers a model's server on this host has computed; None where none counts.

    :param connection: what the model's `HostService` published
    """
    if spec.provider not in _LOCAL or connection is None:
        return None
    from .local_wire import read_computed as read

    return read(connection["url"])


def connection_limit(spec: ModelSpec) -> int:
    """Return how many requests a run may have in flight to a model unless the user says otherwise."""
    if spec.provider not in _LOCAL:
        return _REMOTE_CONNECTIONS
    from .local_options import read_options

    return read_options(spec).slots


def import_providers(specs: Iterable[ModelSpec]) -> None:
    """Import what the models' providers will need of ours; for pytest's own thread.

    pytest rewrites the modules of a plugin when they are imported, and Python 3.11 fails now and then when two threads
    do that at once (https://github.com/python/cpython/issues/106905).

    :param specs: the models; what is wrong with one is said when it is opened
    """
    for spec in specs:
        for name in _list_modules(spec):
            importlib.import_module(f".{name}", __package__)


def _list_modules(spec: ModelSpec) -> tuple[str, ...]:
    """Return our modules that a provider needs, as far as the packages they need are there."""
    if spec.provider in ("callable", "mock"):
        return ("inprocess",) if spec.provider == "callable" else ("scripted",)
    if spec.provider == "anthropic":
        return ("anthropic", "official", "tracing")
    if spec.provider not in ("openai", *_LOCAL):
        return ()
    light = ("light",) if importlib.util.find_spec("aiohttp") is not None else ()
    return ("openai", *(("local",) if spec.provider in _LOCAL else ()), *light, "official", "tracing")


def preload_clients(specs: Iterable[ModelSpec]) -> None:
    """Import the packages of others that the models' providers need, which takes a while; for any thread.

    :param specs: the models; what is missing is said when one is opened
    """
    for spec in specs:
        name = "anthropic" if spec.provider == "anthropic" else "aiohttp"
        if spec.provider in ("anthropic", "openai", *_LOCAL) and importlib.util.find_spec(name) is not None:
            importlib.import_module(name)


def _open_remote(spec: ModelSpec) -> Provider:
    if spec.provider == "anthropic":
        _require_package("anthropic", "anthropic", spec)
    else:
        _require_client("openai", spec)
    return _import_remote(spec)(spec)


def _import_remote(spec: ModelSpec) -> type[AnthropicProvider | OpenAIProvider]:
    if spec.provider == "anthropic":
        from .anthropic import AnthropicProvider

        return AnthropicProvider
    from .openai import OpenAIProvider

    return OpenAIProvider


def _open_local(spec: ModelSpec, connection: Mapping[str, str] | None) -> Provider:
    _require_client("local", spec)
    if connection is None:
        raise AttachError(f"{spec.name}: its server was not started in this run, so nobody can answer")
    from .local import LocalProvider

    return LocalProvider(spec, connection)


def _open_foreign(spec: ModelSpec, connection: Mapping[str, str] | None) -> Provider:
    check_known(spec)
    entry = _find_foreign()[spec.provider]
    try:
        factory = entry.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"--lleval-model: provider {spec.provider!r} ({entry.value}) cannot be loaded: {error}"
        ) from error
    provider: Provider = factory(spec, connection)
    return provider


def check_known(spec: ModelSpec) -> None:
    """Refuse a model whose provider nobody registered.

    :raises UnknownNameError: naming the nearest ones
    """
    names = known_providers()
    if spec.provider not in names:
        raise UnknownNameError("--lleval-model", "provider", spec.provider, names)


def _find_foreign() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS) if entry.name not in _BUILT_IN}


def _require_client(extra: str, spec: ModelSpec) -> None:
    _require_package("openai" if read_client(spec) == "official" else "aiohttp", extra, spec)


def _require_package(package: str, extra: str, spec: ModelSpec) -> None:
    if importlib.util.find_spec(package) is None:
        raise UsageError(
            f"--lleval-model: {spec.name!r} needs the package {package!r}; pip install 'pytest-lleval[{extra}]'"
        )
