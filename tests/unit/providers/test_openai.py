"""The real `openai` client against a real HTTP server."""

import time
from dataclasses import replace

import pytest
from provider_cases import attach_with, bare, chat, make_spec, run_with
from serving import Fault, ModelServer, fail_first

from pytest_lleval.core.errors import AttachError, CallError, RefusedError, UsageError
from pytest_lleval.core.records import TokenLogprob, Usage
from pytest_lleval.providers.openai import OpenAIProvider, read_logprobs

KEY = "sk-test-hunter2hunter2"


@pytest.fixture
def server():
    with ModelServer(answer="A b c", model="m") as server:
        yield server


def open_provider(server, model="m", **options):
    return OpenAIProvider(make_spec(f"openai/{model}@{server.url}", **options))


def choice(**parts):
    return {"choices": [{"index": 0, "finish_reason": "stop", **parts}]}


# --- what is sent


def test_only_set_parameters_are_sent(server):
    run_with(open_provider(server), chat("hi", temperature=None))
    assert server.posts[0].body == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_every_parameter_of_a_chat_request_is_sent(server):
    request = chat("hi", system="be brief", temperature=0.0, top_p=0.5, max_tokens=7, seed=3, stop=("x",))
    run_with(open_provider(server), request)
    assert server.posts[0].body == {
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        "temperature": 0.0,
        "top_p": 0.5,
        "max_tokens": 7,
        "seed": 3,
        "stop": ["x"],
    }


def test_bare_prompts_use_the_completions_protocol(server):
    run_with(open_provider(server), bare("Q:", max_tokens=1, top_logprobs=3))
    assert server.posts[0].path == "/v1/completions"
    assert server.posts[0].body == {"model": "m", "prompt": "Q:", "temperature": 0.0, "max_tokens": 1, "logprobs": 3}


def test_omitted_parameters_are_never_sent_and_disclosed(server):
    provider = open_provider(server, omit="temperature, max_tokens")
    identity = attach_with(provider, chat("hi", temperature=0.0, max_tokens=4, seed=1))
    assert set(server.posts[0].body) == {"model", "messages", "seed"}
    (disclosure,) = identity.disclosures
    assert disclosure.evidence == {"omit": ["max_tokens", "temperature"]}


def test_openai_itself_is_sent_max_completion_tokens():
    provider = OpenAIProvider(make_spec("openai/m"), api_key=KEY)
    assert provider._build_chat(chat(max_tokens=5), provider._guess_limit_name())["max_completion_tokens"] == 5


def test_a_server_that_wants_the_other_limit_gets_it_from_then_on():
    message = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    faults = lambda request: Fault(status=400, message=message) if "max_tokens" in (request.body or {}) else None  # noqa: E731
    with ModelServer(faults=faults) as server:
        first, second = run_with(open_provider(server), chat(max_tokens=5), chat(max_tokens=6))
        sent = [set(post.body) & {"max_tokens", "max_completion_tokens"} for post in server.posts]
    assert sent == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}]
    assert (first.attempts, second.attempts) == (2, 1)


def test_the_key_of_the_environment_is_sent_and_a_placeholder_without(server, monkeypatch):
    run_with(open_provider(server), chat())
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    run_with(open_provider(server), chat())
    without, given = (post.headers["authorization"] for post in server.posts)
    assert without == "Bearer no-key-needed"
    assert given == f"Bearer {KEY}"


def test_base_url_of_the_environment_counts_where_the_spec_has_none(server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    run_with(OpenAIProvider(make_spec("openai/m")), chat())
    assert len(server.posts) == 1


# --- what comes back


def test_completion_carries_everything_the_server_said(server):
    (completion,) = run_with(open_provider(server), chat("one two", max_tokens=2))
    assert completion.text == "A b"
    assert completion.model == "m"
    assert completion.fingerprint == "fp-tests"
    assert completion.response_id.startswith("id-")
    assert completion.stop_reason == "length"
    assert completion.usage == Usage(input_tokens=2, output_tokens=2, cached_tokens=1)
    assert completion.attempts == 1


def test_timing_is_measured_on_the_wire():
    with ModelServer(latency=0.1) as server:
        first, second = run_with(open_provider(server), chat(), chat())
    assert 0 < first.timing.connect < first.timing.first_byte <= first.timing.total
    assert second.timing.connect == 0.0
    assert second.timing.first_byte >= 0.1


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("stop", "stop"), ("length", "length"), ("tool_calls", "tool"), ("function_call", "tool"), (None, "unknown")],
)
def test_stop_reasons_are_translated(reason, expected):
    patch = choice(message={"role": "assistant", "content": None}, finish_reason=reason)
    with ModelServer(faults=lambda _: Fault(patch=patch)) as server:
        (completion,) = run_with(open_provider(server), chat())
    assert completion.stop_reason == expected
    assert completion.text == ""


@pytest.mark.parametrize(
    "answer",
    [
        choice(message={"content": "", "refusal": "I cannot help with that."}),
        choice(message={"content": None}, finish_reason="content_filter"),
    ],
)
def test_refusals_are_refused_errors(answer):
    with ModelServer(faults=lambda _: Fault(patch=answer)) as server, pytest.raises(RefusedError):
        run_with(open_provider(server), chat())


@pytest.mark.parametrize("llama", [True, False])
def test_logprobs_of_bare_completions_are_read_in_both_forms(llama):
    with ModelServer(answer="B x", llama_logprobs=llama) as server:
        (completion,) = run_with(open_provider(server), bare(top_logprobs=3))
    assert completion.logprobs[0] == TokenLogprob(token="B", logprob=-0.25, top={"B": -0.25, "A": -2.0, "C": -3.0})
    assert [entry.token for entry in completion.logprobs] == ["B", " x"]


def test_logprobs_of_chat_answers_are_read(server):
    (completion,) = run_with(open_provider(server), chat(top_logprobs=2))
    assert server.posts[0].body["logprobs"] is True
    assert server.posts[0].body["top_logprobs"] == 2
    assert completion.logprobs[0].top == {"A": -0.25, "B": -2.0}


def test_tokens_that_read_alike_keep_the_likelier_value():
    alike = [{"token": "A", "logprob": -1.0}, {"token": "A", "logprob": -5.0}, {"token": "B", "logprob": float("-inf")}]
    (entry,) = read_logprobs({"content": [{"token": "A", "logprob": -1.0, "top_logprobs": alike}]})
    assert entry.top == {"A": -1.0}


# --- what goes wrong in a call


def test_client_retries_and_the_attempts_are_counted():
    with ModelServer(faults=fail_first(2, Fault(status=500, headers={"retry-after-ms": "1"}))) as server:
        (completion,) = run_with(open_provider(server), chat())
    assert completion.attempts == 3


def test_call_that_failed_for_good_says_status_message_and_attempts():
    fault = Fault(status=503, message="overloaded " * 100, headers={"retry-after-ms": "1"})
    with ModelServer(faults=lambda _: fault) as server:
        with pytest.raises(CallError, match="HTTP 503 after 2 attempts: overloaded") as caught:
            run_with(open_provider(server, max_retries=1), chat())
        assert len(server.posts) == 2
    assert caught.value.attempts == 2
    assert len(str(caught.value)) < 420


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(body=b'{"choices": [{"mess'), "not JSON but application/json"),
        (Fault(body=b"<html>hi</html>", headers={"Content-Type": "text/html"}), "not JSON but text/html"),
        (Fault(body=[1]), "no JSON object"),
        (Fault(body={"error": {"message": "out of credit"}}), "out of credit"),
        (Fault(body={"choices": []}), "has no choices"),
        (Fault(body={"choices": [{"finish_reason": "stop"}]}), "has no message"),
        (Fault(body={"choices": [{"message": {"content": ["x"]}}]}), "content is list"),
        (Fault(patch=choice(message={"content": "A"}, logprobs={"content": [{}]})), "of no known form"),
    ],
)
def test_broken_answers_are_call_errors_that_say_what_is_broken(fault, expected):
    with ModelServer(faults=lambda _: fault) as server, pytest.raises(CallError, match=expected) as caught:
        run_with(open_provider(server), chat())
    assert caught.value.attempts == 1


@pytest.mark.parametrize("fault", [Fault(close=True), Fault(truncate=True)])
def test_cut_connections_are_retried_then_reported(fault):
    with (
        ModelServer(faults=lambda _: fault) as server,
        pytest.raises(CallError, match="no answer: ") as caught,
    ):
        run_with(open_provider(server, max_retries=0), chat())
    assert caught.value.attempts == 1


def test_slow_server_meets_the_timeout_option():
    with ModelServer(latency=5) as server:
        started = time.perf_counter()
        with pytest.raises(CallError, match="no answer in time"):
            run_with(open_provider(server, timeout=0.2, max_retries=0), chat())
    assert time.perf_counter() - started < 3


def test_text_that_utf8_cannot_carry_is_a_call_error(server):
    with pytest.raises(CallError, match="surrogates not allowed"):
        run_with(open_provider(server), chat("bad \ud800"))


def test_no_traceback_holds_the_key_a_server_echoes(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    fault = Fault(status=400, message=f"Incorrect API key provided: {KEY}")
    with ModelServer(faults=lambda _: fault) as server, pytest.raises(CallError) as caught:
        run_with(open_provider(server), chat())
    assert KEY not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("options", [{"timeout": "soon"}, {"max_retries": -1}, {"timeout": True}])
def test_wrong_options_are_usage_errors(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        OpenAIProvider(make_spec("openai/m", **options))


@pytest.mark.parametrize("url", ["localhost:8000/v1", "http://", "http://[bad/v1", "http://host:port/v1", "ftp://host"])
def test_an_address_that_is_none_is_a_usage_error(monkeypatch, url):
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(UsageError, match="OPENAI_BASE_URL"):
        OpenAIProvider(make_spec("openai/m"))


def test_making_the_client_is_no_time_of_the_first_call():
    class SlowlyMade(OpenAIProvider):
        def _open_client(self):
            time.sleep(0.5)
            return super()._open_client()

    with ModelServer() as server:
        (completion,) = run_with(SlowlyMade(make_spec(f"openai/m@{server.url}")), chat())
    assert completion.timing.total < 0.5


# --- attachment


def test_identity_says_who_answers_where(server):
    identity = attach_with(open_provider(server), chat(max_tokens=1), bare(max_tokens=1, top_logprobs=2))
    assert (identity.kind, identity.provider) == ("real", "openai")
    assert (identity.requested_model, identity.served_model) == ("m", "m")
    assert identity.spec == f"openai/m@{server.url}"
    assert identity.url == server.url
    assert identity.server == "test-server/1.0"
    assert identity.fingerprint == "fp-tests"
    assert identity.details == {"response_id": True, "models_listed": True}
    assert identity.disclosures == ()


def test_identity_shows_no_credentials_of_the_address(server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", server.url.replace("http://", "http://user:hunter2@"))
    provider = OpenAIProvider(make_spec("openai/m"))
    identity = attach_with(provider, chat())
    assert "hunter2" not in repr(identity)
    assert identity.url == server.url
    assert server.posts[0].headers["authorization"].startswith("Basic ")


def test_another_served_model_is_disclosed(server):
    identity = attach_with(open_provider(server, "gpt-x"), chat())
    (disclosure,) = identity.disclosures
    assert (disclosure.factor, disclosure.severity) == ("F2", "warning")
    assert disclosure.evidence == {"requested": "gpt-x", "served": ["m"]}


@pytest.mark.parametrize("where", ["header", "owner", "fingerprint"])
def test_a_server_that_declares_itself_a_mock_is_one(where):
    models = {"data": [{"id": "m", "owned_by": "mock"}]} if where == "owner" else None
    headers = {"Server": "mockserver/5"} if where == "header" else {}
    fault = Fault(patch={"system_fingerprint": "mock-1"}) if where == "fingerprint" else None
    with ModelServer(model="m", models=models, headers=headers, faults=lambda _: fault) as server:
        identity = attach_with(open_provider(server), chat())
    assert identity.kind == "mock"
    assert [disclosure.severity for disclosure in identity.disclosures] == ["critical"]


def test_no_server_is_told_at_once():
    # with the client's own retries and their back-off this would take more than 10 s
    provider = OpenAIProvider(replace(make_spec("openai/any@http://127.0.0.1:9/v1"), options={"max_retries": 6}))
    started = time.perf_counter()
    with pytest.raises(AttachError) as caught:
        attach_with(provider, chat())
    assert time.perf_counter() - started < 5
    assert str(caught.value) == (
        "openai/any@http://127.0.0.1:9/v1: no answer from http://127.0.0.1:9/v1 (Connection refused); "
        "is the server running, and is this its address?"
    )


def test_no_key_names_the_variable():
    with pytest.raises(AttachError, match="set OPENAI_API_KEY"):
        attach_with(OpenAIProvider(make_spec("openai/gpt-4o-mini")), chat())


def test_a_broken_key_is_named_and_not_shown(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2-ключ")
    with pytest.raises(AttachError, match="OPENAI_API_KEY holds characters") as caught:
        attach_with(open_provider(server), chat())
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_names_the_variable(status):
    fault = Fault(status=status, message=f"Incorrect API key provided: {KEY}")
    with ModelServer(faults=lambda _: fault) as server, pytest.raises(AttachError, match="OPENAI_API_KEY") as caught:
        attach_with(open_provider(server), chat())
    assert "hunter2" not in str(caught.value)
    assert f"HTTP {status}" in str(caught.value)


def test_a_missing_model_names_the_nearest_served_ones():
    fault = Fault(status=404, message="The model `smol` does not exist")
    with (
        ModelServer(model="smollm2", faults=lambda seen: fault if seen.method == "POST" else None) as server,
        pytest.raises(AttachError, match="does not serve a model called 'smol'; did you mean 'smollm2'"),
    ):
        attach_with(open_provider(server, "smol"), chat())


@pytest.mark.parametrize(("status", "message"), [(404, "no route"), (400, "This is a chat model")])
def test_a_server_without_bare_completions_says_style_chat(status, message):
    def faults(request):
        return Fault(status=status, message=message) if request.path == "/v1/completions" else None

    with ModelServer(model="m", faults=faults) as server, pytest.raises(AttachError, match="use style=chat"):
        attach_with(open_provider(server), chat(), bare())


def test_a_server_that_rejects_logprobs_says_method_generate():
    fault = Fault(status=400, message="logprobs is not supported by this model")
    with (
        ModelServer(model="m", faults=lambda seen: fault if "logprobs" in (seen.body or {}) else None) as server,
        pytest.raises(AttachError, match="use method=generate"),
    ):
        attach_with(open_provider(server), chat(top_logprobs=2))


def test_a_server_that_ignores_logprobs_says_method_generate():
    patch = choice(message={"content": "A"}, logprobs=None)
    with (
        ModelServer(model="m", faults=lambda _: Fault(patch=patch)) as server,
        pytest.raises(AttachError, match=r"without the log probabilities .* use method=generate"),
    ):
        attach_with(open_provider(server), chat(top_logprobs=2))


def test_a_model_that_takes_no_temperature_says_omit():
    fault = Fault(status=400, message="Unsupported value: 'temperature' does not support 0.0 with this model.")
    with (
        ModelServer(model="m", faults=lambda seen: fault if seen.body else None) as server,
        pytest.raises(AttachError, match='set omit = "temperature"'),
    ):
        attach_with(open_provider(server), chat())


def test_a_server_that_keeps_silent_is_given_up_in_time(server):
    server.faults = lambda seen: Fault(delay=30) if seen.method == "POST" else None
    started = time.perf_counter()
    with pytest.raises(AttachError, match=r"did not answer 1 small requests within 0\.5 s"):
        attach_with(open_provider(server, attach_timeout=0.5), chat())
    assert time.perf_counter() - started < 5


def test_a_server_without_a_list_of_models_attaches(server):
    server.models = False
    identity = attach_with(open_provider(server), chat())
    assert identity.details["models_listed"] is False


def test_nothing_to_probe_with_proves_nothing(server):
    with pytest.raises(AttachError, match="nothing would be proven"):
        attach_with(open_provider(server))


def test_a_broken_probe_answer_stops_the_attachment():
    with (
        ModelServer(faults=lambda _: Fault(body={"choices": []})) as server,
        pytest.raises(AttachError, match=r"has no choices.*a probe before the run"),
    ):
        attach_with(open_provider(server), chat())


# --- a real model


def test_the_embedded_model_answers_in_both_protocols(local_model_server):
    provider = OpenAIProvider(make_spec(f"openai/smollm2-135m@{local_model_server.connection['url']}"))
    talk, letter = run_with(provider, chat("Name a colour.", max_tokens=4), bare("A B C", max_tokens=1, top_logprobs=5))
    assert talk.model == "smollm2-135m"
    assert talk.usage.output_tokens == 4
    assert talk.stop_reason == "length"
    assert talk.timing.connect < talk.timing.first_byte <= talk.timing.total
    (entry,) = letter.logprobs
    assert entry.token == letter.text
    assert len(entry.top) == 5
    assert max(entry.top.values()) == entry.logprob <= 0


def test_the_embedded_model_attaches_as_real(local_model_server):
    provider = OpenAIProvider(make_spec(f"openai/smollm2-135m@{local_model_server.connection['url']}"))
    identity = attach_with(provider, chat(max_tokens=1), bare(max_tokens=1, top_logprobs=2))
    assert (identity.kind, identity.served_model, identity.disclosures) == ("real", "smollm2-135m", ())
