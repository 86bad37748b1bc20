"""What the providers behind HTTP share: the call, its clock, its errors, and the attachment."""

from __future__ import annotations

import asyncio
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from ..core.errors import AttachError, CallError, UsageError
from ..core.records import BackendIdentity, Completion, Disclosure, Request
from ..core.settings import ModelSpec
from .counting import count_request
from .failures import Failure, clean_url, read_failure, redact_secrets, shorten_text
from .identity import Listing, check_served, find_mock
from .probing import Target, explain_probe
from .tracing import watch_call

__all__ = ["CONNECT_SECONDS", "Answer", "RemoteProvider", "Reply", "read_count", "read_number", "read_string"]

CONNECT_SECONDS = 10.0
_ATTACH_SECONDS = 60.0
_CALL_SECONDS = 600.0
#: What a local server that checks no key is sent; the clients insist on one.
_PLACEHOLDER_KEY = "no-key-needed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An HTTP answer before it is understood."""

    content: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A completion with the headers it came with."""

    completion: Completion
    headers: Mapping[str, str]


class RemoteProvider(ABC):
    """A model behind HTTP, asked through the official client of its protocol.

    The client is made at the first call, so that counting tokens needs neither the client's package nor a key.

    :param spec: the model; options ``timeout`` (seconds without a byte until an attempt is given up, default 600),
        ``max_retries`` (default 2), ``attach_timeout`` (seconds for all probes, default 60) and ``omit`` (names of
        request parameters never to send, e.g. ``"temperature,seed"``) are read from its model table
    :param base_url: overrides the spec's, which overrides the environment's
    :param api_key: overrides the environment's; a key from the environment is sent to any `base_url`, which is how
        gateways work
    :param kind_details: further facts for `BackendIdentity.details`
    :raises UsageError: for a model option that is no number, or a base URL that is none
    """

    #: environment variables by the names the official client uses
    key_variable: ClassVar[str]
    url_variable: ClassVar[str]
    default_url: ClassVar[str]

    def __init__(
        self,
        spec: ModelSpec,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        kind_details: Mapping[str, object] | None = None,
    ) -> None:
        chosen = base_url or spec.base_url or os.environ.get(self.url_variable, "").strip()
        self._spec = spec
        self._base_url = _check_url(chosen or self.default_url, spec, self.url_variable)
        self._api_key = (api_key or os.environ.get(self.key_variable, "")).strip() or (
            _PLACEHOLDER_KEY if chosen else ""
        )
        self._details = dict(kind_details or {})
        self._omitted = frozenset(word.strip() for word in str(spec.options.get("omit", "")).split(",") if word.strip())
        self._timeout = read_number(spec, "timeout", _CALL_SECONDS)
        self._attach_timeout = read_number(spec, "attach_timeout", _ATTACH_SECONDS)
        self._max_retries = int(read_number(spec, "max_retries", 2))
        self._client: Any = None

    @property
    def url(self) -> str:
        """Where the model answers, without credentials."""
        return clean_url(self._base_url)

    @property
    def place(self) -> str:
        """The model as printed in messages, without credentials."""
        if self._spec.base_url:
            return self._spec.name.replace(self._spec.base_url, clean_url(self._spec.base_url))
        return self._spec.name

    @abstractmethod
    def _open_client(self) -> Any:
        """Return the official client, with `trace_request` hooked in."""

    @abstractmethod
    async def _post(self, request: Request) -> Reply:
        """Send one request through the client."""

    @abstractmethod
    async def _get_models(self) -> Reply:
        """Ask ``GET /models`` once, without retries and within `CONNECT_SECONDS`."""

    @abstractmethod
    def _read(self, body: Mapping[str, Any], request: Request) -> Completion:
        """Read a response body.

        :raises CallError: when it is not an answer
        """

    @abstractmethod
    def _refuse_probe(self, probe: Request) -> str | None:
        """Say why the protocol itself cannot carry `probe`, or None."""

    async def complete(self, request: Request) -> Completion:
        """Answer one request.

        :raises RefusedError: when the model or its filter declined
        :raises CallError: when the call failed for good
        """
        outcome = await self._ask(request)
        if isinstance(outcome, Failure):
            raise CallError(f"{self.place}: {outcome.describe()}", outcome.attempts)
        return outcome.completion

    async def attach(self, probes: Sequence[Request]) -> BackendIdentity:
        """Prove that the server is there and answers every kind of request the run will send.

        :raises AttachError: with the place asked, what was tried and the way out
        """
        if not probes:
            raise AttachError(f"{self.place}: nothing to probe with, so nothing would be proven")
        self._check_key()
        for probe in probes:
            if reason := self._refuse_probe(probe):
                raise AttachError(f"{self.place}: {reason}")
        try:
            async with asyncio.timeout(self._attach_timeout):
                listing = await self._list_models()
                answers = [await self._probe(probe, listing) for probe in probes]
        except TimeoutError:
            raise AttachError(
                f"{self.place}: {self.url} did not answer {len(probes)} small requests within "
                f"{self._attach_timeout:g} s; is the model loaded? A slow one needs attach_timeout in its model table"
            ) from None
        return self._identify(answers, listing)

    async def count_tokens(self, request: Request) -> tuple[int, str]:
        """Count the input tokens of a request without asking the server; also name the tokenizer used."""
        return await count_request(request, self._spec.model)

    async def aclose(self) -> None:
        """Release connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    def _use_client(self) -> Any:
        if self._client is None:
            self._client = self._open_client()
        return self._client

    async def _ask(self, request: Request) -> Answer | Failure:
        # Importing the client and reading certificates takes a second, which is no time of the model.
        self._use_client()
        with watch_call() as trace:
            reply = await self._try(self._post(request))
            timing = trace.read_timing()
        if isinstance(reply, Failure):
            return replace(reply, attempts=max(trace.attempts, 1))
        try:
            completion = self._read(self._parse(reply), request)
        except CallError as error:
            error.attempts = trace.attempts
            raise
        completion = replace(completion, timing=timing, attempts=max(trace.attempts, 1))
        return Answer(completion=completion, headers=reply.headers)

    async def _try(self, call: Awaitable[Reply]) -> Reply | Failure:
        """Turn the client's errors into a value, so that no traceback shows what the server echoed."""
        try:
            return await call
        except self._errors() as error:
            return read_failure(error, attempts=1, secrets=(self._api_key,))

    @abstractmethod
    def _errors(self) -> tuple[type[Exception], ...]:
        """Return what the client raises when a call fails."""

    def _parse(self, reply: Reply) -> Mapping[str, Any]:
        """Read the body of a successful answer as a JSON object that carries no error."""
        try:
            body = json.loads(reply.content)
        except ValueError:
            kind = reply.headers.get("content-type", "nothing known")
            raise CallError(f"{self.place}: the answer is not JSON but {kind}: {self._quote(reply.content)}") from None
        if not isinstance(body, dict):
            raise CallError(f"{self.place}: the answer is no JSON object: {self._quote(reply.content)}")
        if body.get("error"):
            said = shorten_text(redact_secrets(str(body["error"]), (self._api_key,)))
            raise CallError(f"{self.place}: HTTP 200 with an error in its body: {said}")
        return body

    def _quote(self, content: bytes) -> str:
        text = redact_secrets(content.decode("utf-8", "replace"), (self._api_key,))
        return repr(shorten_text(text))

    def _check_key(self) -> None:
        if not self._api_key:
            raise AttachError(
                f"{self.place}: no API key for {self.url}; set {self.key_variable}, or name a server that needs none "
                f"as {self._spec.provider}/{self._spec.model}@http://HOST:PORT/v1"
            )
        if not self._api_key.isascii() or not self._api_key.isprintable():
            raise AttachError(f"{self.place}: {self.key_variable} holds characters no key has; was it pasted wrongly?")

    async def _list_models(self) -> Listing | None:
        """Ask for the served models; only a server that cannot be reached is an error here."""
        reply = await self._try(self._get_models())
        if isinstance(reply, Failure):
            if not reply.connected:
                raise AttachError(explain_probe(reply, None, self._describe_target(None)))
            return None
        try:
            return Listing.read(json.loads(reply.content))
        except ValueError:
            return None

    async def _probe(self, probe: Request, listing: Listing | None) -> Answer:
        try:
            outcome = await self._ask(probe)
        except CallError as error:
            raise AttachError(f"{error}; this was the answer to a probe before the run") from None
        if isinstance(outcome, Failure):
            raise AttachError(explain_probe(outcome, probe, self._describe_target(listing)))
        if probe.generation.top_logprobs and outcome.completion.text and not outcome.completion.logprobs:
            raise AttachError(
                f"{self.place}: {self.url} answers {probe.kind} requests without the log probabilities it was asked "
                "for; use method=generate"
            )
        return outcome

    def _keep_sent(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out what is not set and what the model table says never to send."""
        return {name: value for name, value in parameters.items() if value is not None and name not in self._omitted}

    def _describe_target(self, listing: Listing | None) -> Target:
        return Target(
            place=self.place,
            url=self.url,
            model=self._spec.model,
            key_variable=self.key_variable,
            listing=listing,
        )

    def _identify(self, answers: Sequence[Answer], listing: Listing | None) -> BackendIdentity:
        completions = [answer.completion for answer in answers]
        last = completions[-1]
        server = answers[-1].headers.get("server")
        mock = find_mock(
            {
                "Server header": [server],
                "model owner": listing.owners if listing else (),
                "fingerprint": [completion.fingerprint for completion in completions],
            }
        )
        served = check_served(self._spec.model, [completion.model for completion in completions])
        return BackendIdentity(
            spec=self.place,
            provider=self._spec.provider,
            kind="mock" if mock else "real",
            requested_model=self._spec.model,
            served_model=last.model,
            url=self.url,
            fingerprint=last.fingerprint,
            server=server,
            context_tokens=listing.find_context(self._spec.model) if listing else None,
            details={
                "response_id": all(completion.response_id for completion in completions),
                "models_listed": listing is not None,
                **self._details,
            },
            disclosures=(*((mock,) if mock else ()), *served, *self._disclose_parameters()),
        )

    def _disclose_parameters(self) -> tuple[Disclosure, ...]:
        """Name the parameters that are set in the records but never sent."""
        if not self._omitted:
            return ()
        names = ", ".join(sorted(self._omitted))
        return (
            Disclosure(
                factor="E",
                severity="warning",
                message=f"never sent, as its model table asks: {names}; the server's own defaults apply",
                evidence={"omit": sorted(self._omitted)},
            ),
        )


def _check_url(url: str, spec: ModelSpec, variable: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        source = "its base URL" if spec.base_url else variable
        shown = redact_secrets(url)
        raise UsageError(f"{spec.name}: {source} {shown!r} is no address such as http://127.0.0.1:8000/v1")
    return url


def read_string(value: object) -> str | None:
    """Return `value` if it is a text that says something, else None."""
    return value if isinstance(value, str) and value else None


def read_count(holder: object, name: str) -> int | None:
    """Return the count called `name` of a JSON object, None where there is none."""
    value = holder.get(name) if isinstance(holder, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_number(spec: ModelSpec, name: str, default: float) -> float:
    """Return a number from 0 up out of a model's options.

    :raises UsageError: when the option is none
    """
    value = spec.options.get(name, default)
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if isinstance(value, bool) or number < 0:
        raise UsageError(
            f"[tool.pytest_lleval.models.{spec.alias or spec.name}]: {name} = {value!r} is not a number from 0 up"
        )
    return number
