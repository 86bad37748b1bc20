"""Anthropic's answers in pieces, from a real HTTP server through the real client."""

import asyncio
import json

import pytest
from provider_cases import chat, make_spec, stream_with
from serving import Fault, ModelServer

from pytest_lleval.core.contracts import StreamingProvider
from pytest_lleval.core.errors import CallError, RefusedError
from pytest_lleval.core.records import Timing, Usage
from pytest_lleval.providers.anthropic import AnthropicProvider
from pytest_lleval.providers.message_streams import join_message
from pytest_lleval.providers.wire import Reply

FIRST, GAP = 0.12, 0.03
TEXT = "one two three four five"


def stream(server, *requests, extra=None):
    provider = AnthropicProvider(make_spec(f"anthropic/m@{server.url}"))
    return stream_with(provider, *requests, extra=extra)


@pytest.fixture
def server():
    with ModelServer(answer=TEXT, model="m", pace=lambda _: (FIRST, GAP)) as server:
        yield server


def join(*events, moments=True):
    """Join events that come a tenth of a second after each other."""
    content, arrivals = b"", []
    for number, event in enumerate(events, start=1):
        content += f"event: {event.get('type')}\ndata: {json.dumps(event)}\n\n".encode()
        arrivals.append((len(content), number / 10))
    headers = {"content-type": "text/event-stream"}
    arrived = tuple(arrivals) if moments else ()
    return join_message(Reply(status=200, content=content, headers=headers, timing=Timing(), arrivals=arrived))


def start(**message):
    return {"type": "message_start", "message": {"id": "msg-1", "model": "m", "content": [], **message}}


def say(text, index=0):
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}


STOP = {"type": "message_stop"}


def test_a_streamed_message_is_the_message_in_one_piece(server):
    found = stream(server, chat("a b c", max_tokens=3))[0]
    assert found.text == "one two three"
    assert found.stop_reason == "length"
    assert found.usage == Usage(input_tokens=3 + 2, output_tokens=3, cached_tokens=2)
    assert found.model == "m"
    assert found.response_id == "msg-1"


def test_the_first_and_the_last_token_have_the_times_at_which_they_came(server):
    found = stream(server, chat("hi"), chat("hi"))[1]
    first, last = found.timing.first_token, found.timing.last_token
    # the events before the text count for nothing
    assert first >= FIRST
    # four gaps, of which a busy machine may take some off
    assert last - first >= 3 * GAP
    assert found.timing.first_byte < first
    assert last <= found.timing.total


def test_what_is_sent_beside_the_request_is_no_altered_prompt(server):
    found = stream(server, chat("hi", temperature=0.5), extra={"ignore_eos": True})[0]
    assert server.posts[0].body["stream"] is True
    assert (server.posts[0].body["ignore_eos"], server.posts[0].body["temperature"]) == (True, 0.5)
    assert found.trace.altered == {}
    assert found.trace.prompt


def test_a_server_that_answers_in_one_piece_has_no_time_of_the_first_token():
    with ModelServer(answer=TEXT, model="m") as server:
        found = stream(server, chat("hi"))[0]
    assert found.text == TEXT
    assert found.timing.first_token is None


@pytest.mark.parametrize(
    ("fault", "said"), [(Fault(truncate=True), "the stream broke off"), (Fault(cut=True), "no answer: ")]
)
def test_a_stream_that_breaks_off_is_an_error_that_may_pass(server, fault, said):
    server.faults = lambda request: fault if request.method == "POST" else None
    with pytest.raises(CallError, match=said) as caught:
        stream(server, chat("hi"))
    assert caught.value.retryable


def test_an_error_within_a_stream_is_the_servers_error(server):
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    server.faults = lambda _: Fault(event=overloaded)
    with pytest.raises(CallError, match="with an error in its body: Overloaded") as caught:
        stream(server, chat("hi"))
    assert caught.value.retryable


def test_a_refused_stream_is_the_servers_error(server):
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long"}}
    server.faults = lambda request: Fault(status=400, body=body) if request.method == "POST" else None
    with pytest.raises(CallError, match="HTTP 400: prompt is too long") as caught:
        stream(server, chat("hi"))
    assert (caught.value.status, caught.value.retryable) == (400, False)


def test_a_model_that_declines_in_mid_stream_has_refused(server):
    server.faults = lambda _: Fault(patch={"stop_reason": "refusal"})
    with pytest.raises(RefusedError, match="the model declined: one two three four five"):
        stream(server, chat("hi"))


def test_thoughts_and_calls_of_tools_are_tokens_and_no_answer():
    thought = {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}
    signed = {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}}
    called = {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{}"}}
    found = join(start(), thought, signed, say("A", 1), say("B", 1), called, {"type": "ping"}, STOP)
    assert [block.get("text") for block in found.body["content"]] == [None, "AB", None]
    assert (found.first_token, found.last_token) == (0.2, 0.6)


def test_counts_of_the_end_replace_those_of_the_beginning_and_nothing_else():
    ended = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
    found = join(start(usage={"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": 3}), say("A"), ended)
    assert found.body["usage"] == {"input_tokens": 5, "output_tokens": 9, "cache_read_input_tokens": 3}
    assert found.body["stop_reason"] == "end_turn"
    assert found.whole


def test_events_of_a_later_version_are_passed_over():
    found = join(start(), {"type": "content_block_news", "index": 7}, say("A"), {"type": "weather"}, STOP)
    assert found.body["content"] == [{"type": "text", "text": "A"}]


def test_a_client_that_shows_no_arrivals_gives_no_times():
    found = join(start(), say("A"), STOP, moments=False)
    assert (found.first_token, found.last_token) == (None, None)


def test_an_answer_without_text_has_no_times_and_is_whole():
    found = join(start(), STOP)
    assert (found.body["content"], found.first_token, found.whole) == ([], None, True)


def test_a_stream_of_no_message_is_no_empty_answer():
    body = f"event: message_stop\ndata: {json.dumps(STOP)}\n\n".encode()
    fault = Fault(body=body, headers={"Content-Type": "text/event-stream"})
    with (
        ModelServer(faults=lambda _: fault) as server,
        pytest.raises(CallError, match="the answer has no content"),
    ):
        stream(server, chat("hi"))


@pytest.mark.parametrize(
    "content", [b"data: nonsense\n\n", b"data: [1]\n\n", b'data: {"type": "content_block_delta", "delta": 7}\n\n']
)
def test_a_stream_of_another_protocol_is_none(content):
    headers = {"content-type": "text/event-stream"}
    reply = Reply(status=200, content=content, headers=headers, timing=Timing())
    with pytest.raises((AttributeError, TypeError, ValueError)):
        join_message(reply)


def test_the_embedded_model_tells_when_its_first_token_came(local_model_server):
    provider = AnthropicProvider(make_spec(f"anthropic/smollm2-135m@{local_model_server.connection['url']}"))

    async def run():
        request = chat("Name a colour.", system="Answer in one word.", max_tokens=8, temperature=0.0)
        try:
            return await provider.complete(request), [await provider.stream(request, {}) for _ in range(3)]
        finally:
            await provider.aclose()

    whole, streamed = asyncio.run(run())
    for found in streamed:
        assert found.text == whole.text != ""
        assert found.usage.output_tokens == whole.usage.output_tokens
        assert 0 < found.timing.first_token < found.timing.last_token <= found.timing.total


def test_the_provider_is_said_to_stream(server):
    assert isinstance(AnthropicProvider(make_spec(f"anthropic/m@{server.url}")), StreamingProvider)
