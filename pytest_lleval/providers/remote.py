"""What the providers behind HTTP share: the call, its clock, its errors, and the attachment."""

from __future__ import annotations

import asyncio
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from ..core.errors import AttachError, CallError
from ..core.records import BackendIdentity, Completion, Disclosure, Request
from ..core.settings import ModelSpec
from .canary import add_system, describe_answer, is_proof, renew_probe
from .counting import count_request, count_text
from .failures import Failure, clean_url, read_error_body, read_status, redact_secrets, shorten_text
from .identity import Listing, check_listed, check_served, find_mock
from .network import measure_round_trip
from .options import check_url, read_seconds
from .probing import Target, explain_probe
from .retrying import make_retrying
from .sent import trace_reply
from .streaming import Streamed, forgive_extra, is_stream
from .wire import Reply, Wire, start_earlier

__all__ = ["Answer", "RemoteProvider"]

_ATTACH_SECONDS = 60.0
_CALL_SECONDS = 600.0
_PROBE_ATTEMPTS = 4
_NO_TIME = 0.001
#: What a local server that checks no key is sent; the clients insist on one.
_PLACEHOLDER_KEY = "no-key-needed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A completion with the headers it came with."""

    completion: Completion
    headers: Mapping[str, str]


class RemoteProvider(ABC):
    """A model behind HTTP.

    The client is made at the first call, so that counting tokens needs neither the client's package nor a key.

    :param spec: the model; options ``timeout`` (seconds without a byte until an attempt is given up, default 600),
        ``attach_timeout`` (seconds for all probes, default 60) and ``omit`` (names of request parameters never to send,
        e.g. ``"temperature,seed"``) are read from its model table
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
    #: whether anybody between here and the model may add to a prompt
    has_strange_template: ClassVar[bool] = True

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
        self._base_url = check_url(chosen or self.default_url, spec, self.url_variable)
        self._api_key = (api_key or os.environ.get(self.key_variable, "")).strip() or (
            _PLACEHOLDER_KEY if chosen else ""
        )
        self._details = dict(kind_details or {})
        self._omitted = frozenset(word.strip() for word in str(spec.options.get("omit", "")).split(",") if word.strip())
        self._timeout = read_seconds(spec, "timeout", _CALL_SECONDS)
        self._attach_timeout = read_seconds(spec, "attach_timeout", _ATTACH_SECONDS)
        self._wire: Wire | None = None

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

    @property
    def _closes_streams(self) -> bool:
        """Whether each answer in pieces has a connection of its own, which without TLS costs a round trip.

        llama.cpp drops it afterwards without saying so, and a request that follows at once would fail.
        """
        return urlsplit(self._base_url).scheme == "http"

    @abstractmethod
    def _open_wire(self) -> Wire:
        """Return what sends the requests; called on the event loop."""

    @abstractmethod
    async def _post(self, wire: Wire, request: Request) -> Reply | Failure:
        """Send one request."""

    @abstractmethod
    def _read(self, body: Mapping[str, Any], request: Request, reply: Reply) -> Completion:
        """Read the body of a successful answer.

        :raises CallError: when it is no answer
        """

    @abstractmethod
    def _join(self, reply: Reply) -> Streamed:
        """Put the events of a stream together.

        :raises AttributeError, TypeError, ValueError: when they are not of this protocol
        """

    @abstractmethod
    def _refuse_probe(self, probe: Request) -> str | None:
        """Say why the protocol itself cannot carry `probe`, or None."""

    async def complete(self, request: Request) -> Completion:
        """Answer one request, in one attempt.

        :raises RefusedError: when the model or its filter declined
        :raises CallError: when the attempt failed, saying whether another may succeed
        """
        outcome = await self._ask(request)
        if isinstance(outcome, Failure):
            raise outcome.as_error(self.place)
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
                answers, beside, round_trip = await asyncio.gather(
                    asyncio.gather(*(self._probe(probe, listing) for probe in probes)),
                    asyncio.gather(*(self._probe_again(probe) for probe in self._list_further(probes))),
                    measure_round_trip(self._base_url),
                )
                seen: list[dict[str, Any] | None] = [
                    describe_answer(probe, answer.completion) for probe, answer in zip(probes, answers, strict=True)
                ]
                seen += [
                    await self._probe_again(renew_probe(probe))
                    for probe, found in zip(probes, seen, strict=True)
                    if found is not None and not is_proof(found) and not any(beside)
                ]
        except TimeoutError:
            raise AttachError(
                f"{self.place}: {self.url} did not answer {len(probes)} small requests within "
                f"{self._attach_timeout:g} s; is the model loaded? A slow one needs attach_timeout in its model table"
            ) from None
        evidence = {"probes": [found for found in (*seen, *beside) if found], "round_trip": round_trip}
        return replace(self._identify(answers, listing), evidence=evidence)

    async def count_tokens(self, request: Request) -> tuple[int, str]:
        """Count the input tokens of a request without asking the server; also name the tokenizer used."""
        return await count_request(request, self._spec.model)

    async def count_output(self, text: str) -> tuple[int, str]:
        """Count the tokens of an answer, likewise."""
        return await count_text(text, self._spec.model)

    async def aclose(self) -> None:
        """Release connections."""
        if self._wire is not None:
            wire, self._wire = self._wire, None
            await wire.aclose()

    def _use_wire(self) -> Wire:
        if self._wire is None:
            self._check_key()
            self._wire = self._open_wire()
        return self._wire

    async def _send(self, post: Callable[[Wire], Awaitable[Reply | Failure]]) -> Reply | Failure:
        """Send a request; the first one waits for the client to be made, and its time says so."""
        began = time.perf_counter()
        wire = self._use_wire()
        opening = time.perf_counter() - began
        reply = await post(wire)
        if isinstance(reply, Failure) or opening < _NO_TIME:
            return reply
        return start_earlier(reply, opening)

    async def _ask(self, request: Request) -> Answer | Failure:
        reply = await self._send(lambda wire: self._post(wire, request))
        if isinstance(reply, Failure):
            return reply
        if not 200 <= reply.status < 300:
            return read_status(reply.status, reply.content, reply.headers, (self._api_key,))
        body = self._parse(reply)
        if body.get("error"):
            return read_error_body(body, reply.headers, (self._api_key,))
        completion = replace(self._read(body, request, reply), trace=trace_reply(request, reply, body))
        return Answer(completion=completion, headers=reply.headers)

    def _read_stream(self, reply: Reply | Failure, request: Request, asked: Mapping[str, Any]) -> Completion:
        """Read an answer that may have come in pieces.

        :param asked: what was sent beside the request's own parameters
        :raises RefusedError, CallError: as `complete`
        """
        if isinstance(reply, Failure):
            raise reply.as_error(self.place)
        if not 200 <= reply.status < 300:
            raise read_status(reply.status, reply.content, reply.headers, (self._api_key,)).as_error(self.place)
        if is_stream(reply):
            body, reply = self._put_together(reply)
        else:
            body = self._parse(reply)
        if body.get("error"):
            raise read_error_body(body, reply.headers, (self._api_key,)).as_error(self.place)
        trace = forgive_extra(trace_reply(request, reply, body), asked)
        return replace(self._read(body, request, reply), trace=trace)

    def _put_together(self, reply: Reply) -> tuple[Mapping[str, Any], Reply]:
        try:
            streamed = self._join(reply)
        except (AttributeError, RecursionError, TypeError, ValueError):
            raise self._broken(f"the stream is not of this protocol: {self._quote(reply.content)}") from None
        if not streamed.whole:
            raise self._broken(f"the stream broke off: {self._quote(reply.content[-300:])}")
        timing = replace(reply.timing, first_token=streamed.first_token, last_token=streamed.last_token)
        return streamed.body, replace(reply, timing=timing)

    def _parse(self, reply: Reply) -> Mapping[str, Any]:
        """Read the body of a successful answer as a JSON object."""
        try:
            body = json.loads(reply.content)
        except (ValueError, RecursionError):
            kind = reply.headers.get("content-type", "nothing known")
            quoted = self._quote(reply.content)
            problem = f"the answer is not JSON but {kind}: {quoted}" if reply.content.strip() else "the answer is empty"
            raise self._broken(problem, reply.status) from None
        if not isinstance(body, dict):
            raise self._broken(f"the answer is no JSON object: {self._quote(reply.content)}", reply.status)
        return body

    def _broken(self, problem: str, status: int = 200) -> CallError:
        """Return the error of an answer that is damaged, and may be whole the next time."""
        return CallError(f"{self.place}: {problem}", status=status, retryable=True)

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
        reply = await self._use_wire().get_models()
        if isinstance(reply, Failure):
            if not reply.connected:
                raise AttachError(explain_probe(reply, None, self._describe_target(None)))
            return None
        if not 200 <= reply.status < 300:
            return None
        try:
            return Listing.read(json.loads(reply.content))
        except (ValueError, RecursionError):
            return None

    async def _probe(self, probe: Request, listing: Listing | None) -> Answer:
        failures: list[Failure] = []

        async def attempt() -> Answer:
            failures.clear()
            outcome = await self._ask(probe)
            if isinstance(outcome, Failure):
                failures.append(outcome)
                raise outcome.as_error(self.place)
            return outcome

        try:
            # no wait is so long that the others would not fit beside it
            most_wait = self._attach_timeout / _PROBE_ATTEMPTS
            answer: Answer = await make_retrying(attempts=_PROBE_ATTEMPTS, most_wait=most_wait)(attempt)
        except CallError as error:
            if failures:
                raise AttachError(explain_probe(failures[-1], probe, self._describe_target(listing))) from None
            raise AttachError(f"{error}; this was the answer to a probe before the run") from None
        if probe.generation.top_logprobs and answer.completion.text and not answer.completion.logprobs:
            raise AttachError(
                f"{self.place}: {self.url} answers {probe.kind} requests without the log probabilities it was asked "
                "for; use method=generate"
            )
        return answer

    def _list_further(self, probes: Sequence[Request]) -> list[Request]:
        """Return a probe that leaves nothing to the server's template, where somebody may add to prompts."""
        chats = [probe for probe in probes if probe.kind == "chat"]
        return [add_system(renew_probe(chats[0]))] if chats and self.has_strange_template else []

    async def _probe_again(self, probe: Request) -> dict[str, Any] | None:
        """Return what a further probe shows; one that fails is no evidence, and no error."""
        try:
            outcome = await self._ask(probe)
        except CallError:
            return None
        return None if isinstance(outcome, Failure) else describe_answer(probe, outcome.completion)

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
        served += check_listed(self._spec.model, last.model, listing.ids if listing else ())
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
