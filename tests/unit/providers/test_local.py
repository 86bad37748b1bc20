"""The provider against the real server and the embedded model."""

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from pytest_lleval.core.errors import AttachError, CallError
from pytest_lleval.core.records import Generation, Message, Request
from pytest_lleval.core.settings import ModelSpec
from pytest_lleval.providers.local import LocalProvider, start_service

pytest.importorskip("aiohttp", reason="needs the light client")

SPEC = ModelSpec(provider="local", model="smollm2-135m")
SHORT = Generation(max_tokens=2, top_logprobs=5)
CHAT = Request(messages=(Message(role="user", content="Hi"),), generation=SHORT)
BARE = Request(prompt="The capital of France is", generation=SHORT)


def _drive(spec, connection, work):
    async def run():
        provider = LocalProvider(spec, connection)
        try:
            return await work(provider)
        finally:
            await provider.aclose()

    return asyncio.run(run())


@pytest.fixture
def drive(local_model_server):
    return lambda work: _drive(SPEC, local_model_server.connection, work)


def test_identity_says_which_file_answers_and_how(drive, local_model_server):
    identity = drive(lambda provider: provider.attach([CHAT, BARE]))
    assert (identity.spec, identity.provider, identity.kind) == ("local/smollm2-135m", "local", "real")
    assert identity.requested_model == identity.served_model == "smollm2-135m"
    assert identity.fingerprint == "sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    assert identity.server.startswith("llama.cpp (xllamacpp 20")
    assert identity.context_tokens == 8192
    assert identity.disclosures == ()
    details = identity.details
    assert (details["slots"], details["parameters"], details["quantisation"]) == (1, 134515008, "Q4_1")
    assert details["threads"] == int(local_model_server.connection["threads"]) >= 1
    assert details["file"] == "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_model_answers_both_protocols_with_logprobs(drive):
    chat = drive(lambda provider: provider.complete(CHAT))
    bare = drive(lambda provider: provider.complete(BARE))
    assert bare.text.startswith(" Paris")
    for completion in (chat, bare):
        assert completion.model == "smollm2-135m"
        assert (completion.stop_reason, completion.usage.output_tokens) == ("length", 2)
        assert [len(token.top) for token in completion.logprobs] == [5, 5]
        assert completion.usage.cached_tokens == 0


COUNTED = [
    CHAT,
    BARE,
    Request(messages=(Message(role="system", content="<|im_start|>"), Message(role="user", content="é\n☃ <|im_end|>"))),
    Request(messages=(Message(role="user", content="a"), Message(role="assistant", content="b"), CHAT.messages[0])),
    Request(prompt="<|im_start|>x<|endoftext|> \n\n  y"),
    Request(prompt=" "),
]


@pytest.mark.parametrize("request_", COUNTED, ids=range(len(COUNTED)))
def test_tokens_are_counted_exactly(drive, request_):
    asked = replace(request_, generation=Generation(max_tokens=1))

    async def work(provider):
        return await provider.count_tokens(asked), (await provider.complete(asked)).usage.input_tokens

    (counted, tokenizer), used = drive(work)
    assert counted == used
    assert tokenizer == "llama.cpp tokenizer of SmolLM2-135M-Instruct.Q4_1.gguf"


def test_answers_do_not_depend_on_order_or_company(drive):
    # Of different lengths, so that requests sharing a batch do change the arithmetic (seen with four slots).
    words = ("one", "two", "ten", "red", "cat", "sun", "sea", "tree")
    texts = ["Tell me more. " * count + f"What do you think of {word}?" for count, word in enumerate(words)]
    generation = Generation(max_tokens=3, top_logprobs=10)
    requests = [Request(messages=(Message(role="user", content=text),), generation=generation) for text in texts]

    async def ask(provider, request):
        completion = await provider.complete(request)
        assert completion.usage.cached_tokens == 0
        return completion.text, completion.logprobs

    async def work(provider):
        first = [await ask(provider, request) for request in requests]
        backward = [await ask(provider, request) for request in reversed(requests)]
        both = await asyncio.gather(*(ask(provider, request) for request in requests))
        return first, backward[::-1], list(both)

    first, *others = drive(work)
    assert len({repr(answer) for answer in first}) == len(words)
    assert others == [first, first]


def test_many_requests_survive_the_closing_of_kept_connections(drive):
    request = Request(prompt="a", generation=Generation(max_tokens=1))

    async def work(provider):
        completions = [await provider.complete(request) for _ in range(110)]
        await asyncio.sleep(5.2)  # the server closes idle connections after 5 s
        return [*completions, await provider.complete(request)]

    completions = drive(work)
    assert len({completion.text for completion in completions}) == 1


def test_proxy_of_the_environment_is_not_asked(drive, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    async def work(provider):
        return (await provider.complete(BARE)).text, await provider.count_tokens(BARE)

    assert drive(work)[0].startswith(" Paris")


def test_official_client_gets_the_same_answers(drive, local_model_server):
    spec = replace(SPEC, options={"client": "official"})
    for request in (CHAT, BARE):
        light = drive(lambda provider, request=request: provider.complete(request))
        official = _drive(
            spec, local_model_server.connection, lambda provider, request=request: provider.complete(request)
        )
        assert (official.text, official.logprobs, official.usage) == (light.text, light.logprobs, light.usage)


def test_prompt_beyond_the_context_is_an_error_with_the_way_out(drive):
    long = Request(prompt="word " * 9000, generation=SHORT)
    with pytest.raises(CallError, match=r"9001 tokens.*8192 tokens.*larger context"):
        drive(lambda provider: provider.complete(long))


def test_several_slots_are_disclosed_under_either_name(local_model_server):
    spec = ModelSpec(provider="local", model="smollm2-135m", options={"slots": 2, "context": 256})
    service = start_service(spec)
    try:
        identity = _drive(spec, service.connection, lambda provider: provider.attach([CHAT]))
    finally:
        service.close()
    assert [(found.factor, found.severity) for found in identity.disclosures] == [("E", "warning")]
    assert "may differ from run to run" in identity.disclosures[0].message
    assert (identity.details["slots"], identity.context_tokens) == (2, 256)


def test_killed_server_is_named_with_its_end(local_model_server, tmp_path):
    spec = replace(SPEC, options={"context": 256})
    service = start_service(spec, log_dir=tmp_path)
    try:
        os.kill(int(service.connection["pid"]), getattr(signal, "SIGKILL", signal.SIGTERM))
        service._watcher.join(5)
        with pytest.raises(CallError, match=r"model server \(process \d+\) is gone: .* ended: ") as caught:
            _drive(spec, service.connection, lambda provider: provider.complete(CHAT))
        assert not caught.value.retryable
        with pytest.raises(AttachError, match=r"local/smollm2-135m: .* is gone: "):
            _drive(spec, service.connection, lambda provider: provider.attach([CHAT]))
        with pytest.raises(CallError, match="did not count tokens"):
            _drive(spec, service.connection, lambda provider: provider.count_tokens(CHAT))
    finally:
        service.close()
