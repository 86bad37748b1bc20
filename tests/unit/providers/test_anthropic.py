"""The real `anthropic` client against a real HTTP server."""

import warnings
from datetime import UTC, datetime, timedelta

import pytest
from provider_cases import attach_with, bare, chat, make_spec, run_with
from serving import Fault, ModelServer, fail_first

from pytest_lleval.core.errors import AttachError, CallError, RefusedError, UsageError
from pytest_lleval.core.records import Usage
from pytest_lleval.providers.anthropic import AnthropicProvider
from pytest_lleval.providers.openai import OpenAIProvider

KEY = "sk-ant-hunter2hunter2"


def open_provider(server, model="m", **options):
    return AnthropicProvider(make_spec(f"anthropic/{model}@{server.url}", **options))


def test_system_messages_and_parameters_go_where_the_protocol_wants_them(server):
    request = chat("hi", system="be brief", temperature=0.0, top_p=0.5, max_tokens=7, seed=3, stop=("x",))
    run_with(open_provider(server), request)
    assert server.posts[0].path == "/v1/messages"
    assert server.posts[0].body == {
        "model": "m",
        "system": "be brief",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 7,
        "stop_sequences": ["x"],
        "temperature": 0.0,
        "top_p": 0.5,
    }


def test_the_limit_the_protocol_demands_has_a_default(server):
    run_with(open_provider(server), chat("hi", temperature=None))
    assert server.posts[0].body == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1024}


def test_the_key_of_the_environment_is_sent(server, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    run_with(open_provider(server), chat())
    # which of the two headers carries it is the client's business
    headers = server.posts[0].headers
    assert KEY in (headers.get("x-api-key"), headers.get("authorization", "").removeprefix("Bearer "))


def test_completion_carries_everything_the_server_said():
    with ModelServer(answer="A b c", model="m", latency=0.05) as server:
        (completion,) = run_with(open_provider(server), chat("one two", max_tokens=2))
    assert completion.text == "A b"
    assert completion.model == "m"
    assert completion.response_id.startswith("msg-")
    assert completion.stop_reason == "length"
    assert completion.usage == Usage(input_tokens=4, output_tokens=2, cached_tokens=2)
    assert 0 < completion.timing.connect < completion.timing.first_byte <= completion.timing.total
    assert completion.timing.first_byte >= 0.05


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool"),
        ("pause_turn", "unknown"),
    ],
)
def test_stop_reasons_are_translated(reason, expected):
    with ModelServer(faults=lambda _: Fault(patch={"stop_reason": reason})) as server:
        (completion,) = run_with(open_provider(server), chat())
    assert completion.stop_reason == expected


def test_only_text_blocks_are_read():
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "A"}, {"type": "text", "text": "B"}]
    with ModelServer(faults=lambda _: Fault(patch={"content": blocks})) as server:
        (completion,) = run_with(open_provider(server), chat())
    assert completion.text == "AB"


def test_refusals_are_refused_errors():
    with ModelServer(faults=lambda _: Fault(patch={"stop_reason": "refusal"})) as server, pytest.raises(RefusedError):
        run_with(open_provider(server), chat())


def test_a_failed_attempt_is_left_to_the_engine():
    headers = {"retry-after": "3", "anthropic-ratelimit-requests-remaining": "0"}
    with ModelServer(faults=fail_first(1, Fault(status=529, headers=headers, message="Overloaded"))) as server:
        with pytest.raises(CallError, match=r"HTTP 529: Overloaded$") as caught:
            run_with(open_provider(server), chat())
        assert len(server.posts) == 1
    error = caught.value
    assert (error.status, error.retryable, error.overloaded, error.wait) == (529, True, True, 3.0)


def test_a_used_up_limit_tells_for_how_long():
    reset = (datetime.now(UTC) + timedelta(seconds=30)).isoformat().replace("+00:00", "Z")
    headers = {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": reset}
    with ModelServer(headers=headers) as server:
        (completion,) = run_with(open_provider(server), chat())
    assert 25 < completion.hold <= 30


def test_a_call_that_is_wrong_says_status_and_message_and_is_not_retryable():
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long"}}
    with (
        ModelServer(faults=lambda _: Fault(status=400, body=body)) as server,
        pytest.raises(CallError, match="HTTP 400: prompt is too long") as caught,
    ):
        run_with(open_provider(server), chat())
    assert not caught.value.retryable


def test_there_is_no_light_client_for_this_protocol():
    with pytest.raises(UsageError, match=r"client = 'light'; anthropic models have only \"official\""):
        AnthropicProvider(make_spec("anthropic/m", client="light"))
    assert AnthropicProvider(make_spec("anthropic/m", client="official")).url == "https://api.anthropic.com"


def test_an_answer_without_content_is_a_call_error():
    with (
        ModelServer(faults=lambda _: Fault(body={"id": "x"})) as server,
        pytest.raises(CallError, match="has no content"),
    ):
        run_with(open_provider(server), chat())


def test_identity_discloses_that_no_seed_is_taken(server):
    identity = attach_with(open_provider(server), chat())
    assert (identity.kind, identity.served_model, identity.url) == ("real", "m", server.url)
    (disclosure,) = identity.disclosures
    assert (disclosure.factor, disclosure.severity) == ("E", "note")
    assert "no seed" in disclosure.message


@pytest.mark.parametrize(("probe", "way_out"), [(bare(), "use style=chat"), (chat(top_logprobs=2), "method=generate")])
def test_what_the_protocol_cannot_do_is_said_before_anything_is_sent(server, probe, way_out):
    with pytest.raises(AttachError, match=way_out):
        attach_with(open_provider(server), probe)
    assert server.requests == []


def test_no_key_names_the_variable():
    with pytest.raises(AttachError, match="set ANTHROPIC_API_KEY"):
        attach_with(AnthropicProvider(make_spec("anthropic/claude")), chat())


def test_a_missing_model_names_the_nearest_served_ones():
    body = {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-sonet-5"}}

    def faults(request):
        return Fault(status=404, body=body) if request.method == "POST" else None

    with (
        ModelServer(model="claude-sonnet-5", faults=faults) as server,
        pytest.raises(AttachError, match="did you mean 'claude-sonnet-5'"),
    ):
        attach_with(open_provider(server, "claude-sonet-5"), chat())


def test_no_server_is_told():
    provider = AnthropicProvider(make_spec("anthropic/any@http://127.0.0.1:9"))
    with pytest.raises(AttachError, match=r"no answer from http://127.0.0.1:9 \(Connection refused\)"):
        attach_with(provider, chat())


def test_the_clients_own_warning_does_not_break_the_run_unnamed(server):
    from anthropic.resources.messages.messages import DEPRECATED_MODELS

    provider = open_provider(server, next(iter(DEPRECATED_MODELS)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(CallError, match="deprecated"):
            run_with(provider, chat())


def test_the_embedded_model_answers_as_over_openais_protocol(local_model_server):
    url = local_model_server.connection["url"]
    request = chat("Name a colour.", system="Answer in one word.", max_tokens=8)
    (here,) = run_with(AnthropicProvider(make_spec(f"anthropic/smollm2-135m@{url}")), request)
    (there,) = run_with(OpenAIProvider(make_spec(f"openai/smollm2-135m@{url}")), request)
    assert here.text == there.text != ""
    assert here.usage.input_tokens == there.usage.input_tokens
    assert here.model == "smollm2-135m"
