"""What to tell a user whose backend did not answer a probe."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..core.records import Request
from ..support.nearest import suggest_names
from .failures import Failure
from .identity import Listing

__all__ = ["Target", "explain_probe"]

_REFUSING = frozenset({400, 404, 405, 415, 422, 501})
_MISSING_MODEL = re.compile(
    r"\bmodels?\b.*(not found|does not exist|doesn't exist|unknown|not available|invalid)|"
    r"(unknown|no such|invalid|not found).*\bmodel\b|^model: ",
    re.IGNORECASE | re.DOTALL,
)
_PARAMETERS = ("temperature", "top_p", "seed", "stop")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What was probed: the model as printed, its URL, its id, its key's variable and the served models if listed."""

    place: str
    url: str
    model: str
    key_variable: str
    listing: Listing | None = None


def explain_probe(failure: Failure, probe: Request | None, target: Target) -> str:
    """Return one message that names the place, what was tried and the way out.

    :param failure: what came back
    :param probe: the request that was sent; None for the look at the list of models
    :param target: what was probed
    """
    place, url = target.place, target.url
    if failure.status is None:
        return f"{place}: no answer from {url} ({failure.message}); is the server running, and is this its address?"
    said = f"{url} answered {failure.describe()}"
    if failure.status in (401, 403):
        return f"{place}: {said}; is {target.key_variable} set to a key that may use this model?"
    if failure.status == 429:
        return f"{place}: {said}; the rate or the quota of this key is used up"
    advice = _advise_refused(failure, probe, target) if failure.status in _REFUSING else None
    return f"{place}: {said}; {advice}" if advice else f"{place}: {said}"


def _advise_refused(failure: Failure, probe: Request | None, target: Target) -> str | None:
    message = failure.message.lower()
    if probe is not None and probe.generation.top_logprobs and "logprob" in message:
        return f"it gives no log probabilities for {probe.kind} requests: use method=generate"
    if _lacks_model(failure, target):
        ids = target.listing.ids if target.listing else ()
        offered = suggest_names(target.model, ids) if ids else "its /models names none"
        return f"it does not serve a model called {target.model!r}; {offered}"
    if probe is not None and probe.kind == "completion":
        return "it does not take bare prompts (completion requests) for this model: use style=chat"
    for name in _PARAMETERS:
        if name in message:
            return f'it does not take {name}: set omit = "{name}" in a [tool.pytest_lleval.models] table'
    if failure.status in (404, 405):
        return "is the base URL right? It usually ends in /v1"
    return None


def _lacks_model(failure: Failure, target: Target) -> bool:
    if failure.code == "model_not_found" or _MISSING_MODEL.search(failure.message):
        return True
    listing = target.listing
    return failure.status == 404 and listing is not None and bool(listing.ids) and target.model not in listing.ids
