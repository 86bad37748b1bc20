"""Answers in pieces, against a real HTTP server that sends them so."""

import asyncio
import json
import time

import pytest
from provider_cases import chat, make_spec, stream_with
from serving import Fault, ModelServer

from pytest_lleval.core.contracts import StreamingProvider
from pytest_lleval.core.errors import CallError, RefusedError
from pytest_lleval.core.records import Timing, Trace, Usage
from pytest_lleval.providers.openai import OpenAIProvider
from pytest_lleval.providers.streaming import forgive_extra, join_events
from pytest_lleval.providers.wire import Reply

FIRST, GAP = 0.12, 0.03
TEXT = "one two three four five"


def stream(server, *requests, extra=None, **options):
    provider = OpenAIProvider(make_spec(f"openai/m@{server.url}", **options))
    return stream_with(provider, *requests, extra=extra)


@pytest.fixture(params=["light", "official"])
def client(request):
    """The ways of asking, which read the same."""
    return request.param


@pytest.fixture
def server():
    with ModelServer(answer=TEXT, model="m", pace=lambda _: (FIRST, GAP)) as server:
        yield server


def make_reply(content, arrivals=()):
    headers = {"content-type": "text/event-stream"}
    return Reply(status=200, content=content, headers=headers, timing=Timing(), arrivals=arrivals)


def test_a_streamed_answer_is_the_answer_in_one_piece(server, client):
    found = stream(server, chat("a b c", max_tokens=9), client=client)[0]
    assert found.text == TEXT
    assert found.stop_reason == "stop"
    assert found.usage == Usage(input_tokens=3, output_tokens=5, cached_tokens=1)
    assert found.model == "m"
    assert found.response_id == "id-1"


def test_the_first_and_the_last_token_have_the_times_at_which_they_came(server, client):
    found = stream(server, chat("hi"), chat("hi"), client=client)[1]
    first, last = found.timing.first_token, found.timing.last_token
    assert first >= FIRST
    # four gaps, of which a busy machine may take some off
    assert last - first >= 3 * GAP
    assert last <= found.timing.total


def test_what_is_sent_beside_the_request_is_no_altered_prompt(server, client):
    found = stream(server, chat("hi"), extra={"ignore_eos": True}, client=client)[0]
    assert server.posts[0].body["ignore_eos"] is True
    assert server.posts[0].body["stream_options"] == {"include_usage": True}
    assert found.trace.altered == {}


def test_what_nobody_asked_for_stays_altered():
    trace = Trace(altered={"sampling": {"top_k": 1, "ignore_eos": True}})
    assert forgive_extra(trace, {"ignore_eos": True}).altered == {"sampling": {"top_k": 1}}


def test_a_server_that_answers_in_one_piece_has_no_time_of_the_first_token(client):
    with ModelServer(answer=TEXT, model="m") as server:
        found = stream(server, chat("hi"), client=client)[0]
    assert found.text == TEXT
    assert found.timing.first_token is None


@pytest.mark.parametrize(
    ("fault", "said"), [(Fault(truncate=True), "the stream broke off"), (Fault(cut=True), "no answer: ")]
)
def test_a_stream_that_breaks_off_is_an_error_that_may_pass(server, client, fault, said):
    server.faults = lambda request: fault if request.method == "POST" else None
    with pytest.raises(CallError, match=said) as caught:
        stream(server, chat("hi"), client=client)
    assert caught.value.retryable


def test_a_refused_stream_is_the_servers_error(server, client):
    server.faults = lambda request: Fault(status=400, message="too long") if request.method == "POST" else None
    with pytest.raises(CallError, match="HTTP 400: too long") as caught:
        stream(server, chat("hi"), client=client)
    assert caught.value.status == 400


def test_an_error_within_a_stream_is_the_servers_error(server, client):
    server.faults = lambda _: Fault(event={"error": {"message": "overloaded", "code": 503}})
    with pytest.raises(CallError, match="with an error in its body: overloaded") as caught:
        stream(server, chat("hi"), client=client)
    assert (caught.value.retryable, caught.value.overloaded) == (True, True)


def test_no_connection_is_kept_that_llama_cpp_would_drop(server, client):
    stream(server, chat("hi"), chat("hi"), client=client)
    one, other = server.posts
    assert one.headers["connection"] == "close"
    assert one.client != other.client


def send_events(*events):
    """Return a fault that answers with these events and the end of the stream."""
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    body = "".join([*lines, "data: [DONE]\n\n"]).encode()
    return lambda _: Fault(body=body, headers={"Content-Type": "text/event-stream"})


def test_a_refusal_in_pieces_is_one(client):
    deltas = [{"content": ""}, {"refusal": "I will"}, {"refusal": " not"}]
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    ended = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    with (
        ModelServer(faults=send_events(*events, ended)) as server,
        pytest.raises(RefusedError, match="the model declined: I will not"),
    ):
        stream(server, chat("hi"), client=client)


@pytest.mark.parametrize("events", [(), ({"choices": [], "usage": {"prompt_tokens": 3}},)])
def test_a_stream_without_choices_is_no_empty_answer(events, client):
    with (
        ModelServer(faults=send_events(*events)) as server,
        pytest.raises(CallError, match="the answer has no choices") as caught,
    ):
        stream(server, chat("hi"), client=client)
    assert caught.value.retryable


def test_all_moments_of_a_call_count_from_the_same_beginning(server, client):
    took = 0.3

    class SlowlyMade(OpenAIProvider):
        def _open_wire(self):
            time.sleep(took)
            return super()._open_wire()

    provider = SlowlyMade(make_spec(f"openai/m@{server.url}", client=client))

    async def run():
        try:
            return await provider.stream(chat("hi"), {})
        finally:
            await provider.aclose()

    found = asyncio.run(run()).timing
    assert took < found.first_byte <= found.first_token <= found.last_token <= found.total
    assert found.first_token >= took + FIRST


def test_a_call_that_is_sent_twice_has_its_first_token_in_the_second(server, client):
    message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    took = 0.2
    server.faults = lambda request: (
        Fault(status=400, message=message, delay=took) if "max_tokens" in (request.body or {}) else None
    )
    found = stream(server, chat("hi", max_tokens=9), client=client)[0].timing
    assert took + FIRST <= found.first_token <= found.last_token <= found.total


def test_thoughts_count_as_tokens_and_are_no_answer():
    content = (
        b'data: {"choices": [{"delta": {"reasoning_content": "hm"}}]}\n\n'
        b'data: {"choices": [{"delta": {"content": "A"}, "finish_reason": "stop"}]}\n\n'
    )
    found = join_events(make_reply(content, ((60, 0.5), (len(content), 0.75))))
    assert found.body["choices"][0]["message"]["content"] == "A"
    assert (found.first_token, found.last_token) == (0.5, 0.75)


@pytest.mark.parametrize("content", [b"data: nonsense\n\n", b"data: [1]\n\n", b'data: {"choices": [1]}\n\n'])
def test_what_is_no_event_of_the_protocol_is_refused(content):
    with pytest.raises((AttributeError, TypeError, ValueError)):
        join_events(make_reply(content))


def test_only_providers_that_stream_are_said_to(server):
    assert isinstance(OpenAIProvider(make_spec(f"openai/m@{server.url}")), StreamingProvider)
