"""What the response cache knows a question by: the request, who is asked, and which time it is."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Final

from ..core.encoding import encode_request
from ..core.records import BackendIdentity, Request
from ..providers.local_options import BATCHED, REPRODUCIBLE
from ..support.digest import encode_canonical
from .cache_place import CACHE_VERSION

__all__ = ["is_repeatable", "make_key", "name_model", "scope_of"]

#: Details that say nothing about the answers, and differ from run to run or with the name of a file.
_VOLATILE: Final = frozenset({"pid", "log", "port", "file", "response_id", "models_listed"})


def scope_of(identity: BackendIdentity) -> str | None:
    """Return what tells a backend from every other whose answers may differ, as canonical JSON.

    The server of a local model listens elsewhere in every run: its address says nothing, the digest of its file and
    its engine do.

    :returns: None where answers must not be cached: of mocks and Python functions, whose code changes unseen, and of
        backends that are never sent the temperature
    """
    omitted = _find_omitted(identity)
    if identity.kind != "real" or "temperature" in omitted:
        return None
    local = identity.provider in (REPRODUCIBLE, BATCHED)
    facts = {
        "provider": identity.provider,
        "requested_model": identity.requested_model,
        "served_model": identity.served_model,
        "fingerprint": identity.fingerprint,
        "context_tokens": identity.context_tokens,
        "details": {name: value for name, value in identity.details.items() if name not in _VOLATILE},
        "omitted": omitted,
        "server": identity.server if local else None,
        "url": None if local else identity.url,
    }
    return encode_canonical(facts).decode("ascii")


def _find_omitted(identity: BackendIdentity) -> list[str]:
    """Return the request parameters that are recorded but never sent, as the provider disclosed them."""
    lists = [found.evidence.get("omit") for found in identity.disclosures]
    return sorted({str(name) for names in lists if isinstance(names, (list, tuple)) for name in names})


@lru_cache(maxsize=64)
def name_model(scope: str) -> str:
    """Return the ``provider/model`` of a scope, for people and patterns."""
    facts = json.loads(scope)
    name = f"{facts['provider']}/{facts['requested_model']}"
    # an argument that is no UTF-8 has surrogates in it, which a database cannot hold
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def is_repeatable(request: Request) -> bool:
    """Tell whether the same answer may be given to the same request: at temperature 0 alone."""
    return request.generation.temperature == 0


def make_key(request: Request, scope: str, epoch: int) -> bytes:
    """Return the 32 bytes an answer is found by; the same in every process.

    :param request: what is asked, with all its parameters
    :param scope: as `scope_of` returns it
    :param epoch: which sampling run of the case it is
    """
    return hashlib.sha256(encode_canonical([CACHE_VERSION, scope, epoch, encode_request(request)])).digest()
