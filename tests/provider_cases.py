"""What the tests of the HTTP providers share: requests, and running one provider on one loop."""

import asyncio

from pytest_lleval.core.records import Generation, Message, Request
from pytest_lleval.core.settings import parse_model
from pytest_lleval.providers.openai import OpenAIProvider


def chat(text="Which?", *, system=None, **generation):
    turns = (Message(role="user", content=text),)
    if system:
        turns = (Message(role="system", content=system), *turns)
    return Request(messages=turns, generation=Generation(**generation))


def bare(text="Q:", **generation):
    return Request(prompt=text, generation=Generation(**generation))


def make_spec(name, **options):
    table = {"m": {"model": name, **options}} if options else None
    return parse_model("test", "m" if options else name, table)


def open_openai(server, model="m", **options):
    return OpenAIProvider(make_spec(f"openai/{model}@{server.url}", **options))


def choice(**parts):
    """Return what replaces the one choice of an answer of OpenAI's protocol."""
    return {"choices": [{"index": 0, "finish_reason": "stop", **parts}]}


def run_with(provider, *requests):
    """Complete the requests one after the other and return the completions."""

    async def run():
        try:
            return [await provider.complete(request) for request in requests]
        finally:
            await provider.aclose()

    return asyncio.run(run())


def stream_with(provider, *requests, extra=None):
    """Have the requests answered in pieces, one after the other, and return the completions."""

    async def run():
        try:
            return [await provider.stream(request, extra or {}) for request in requests]
        finally:
            await provider.aclose()

    return asyncio.run(run())


def attach_with(provider, *probes):
    async def run():
        try:
            return await provider.attach(probes)
        finally:
            await provider.aclose()

    return asyncio.run(run())
