"""The provider of OpenAI's protocol, by either client, against a real HTTP server."""

import time

import pytest
from provider_cases import attach_with, bare, chat, choice, make_spec, open_openai, run_with
from serving import Fault, ModelServer

from pytest_lleval.core.errors import CallError, RefusedError, UsageError
from pytest_lleval.core.records import TokenLogprob, Usage
from pytest_lleval.providers.openai import OpenAIProvider, read_logprobs

KEY = "sk-test-hunter2hunter2"


@pytest.fixture(params=["light", "official"])
def client(request):
    return request.param


# --- what is sent


def test_only_set_parameters_are_sent(server):
    run_with(open_openai(server), chat("hi", temperature=None))
    assert server.posts[0].body == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_every_parameter_of_a_chat_request_is_sent(server):
    request = chat("hi", system="be brief", temperature=0.0, top_p=0.5, max_tokens=7, seed=3, stop=("x",))
    run_with(open_openai(server), request)
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
    run_with(open_openai(server), bare("Q:", max_tokens=1, top_logprobs=3))
    assert server.posts[0].path == "/v1/completions"
    assert server.posts[0].body == {"model": "m", "prompt": "Q:", "temperature": 0.0, "max_tokens": 1, "logprobs": 3}


def test_omitted_parameters_are_never_sent_and_disclosed(server):
    provider = open_openai(server, omit="temperature, max_tokens")
    identity = attach_with(provider, chat("hi", temperature=0.0, max_tokens=4, seed=1))
    assert set(server.posts[0].body) == {"model", "messages", "seed"}
    (disclosure,) = identity.disclosures
    assert disclosure.evidence == {"omit": ["max_tokens", "temperature"]}


def test_openai_itself_is_sent_max_completion_tokens():
    provider = OpenAIProvider(make_spec("openai/m"), api_key=KEY)
    assert provider._build_chat(chat(max_tokens=5), provider._limit_name)["max_completion_tokens"] == 5


def test_a_server_that_wants_the_other_limit_gets_it_from_then_on(client):
    message = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    faults = lambda request: Fault(status=400, message=message) if "max_tokens" in (request.body or {}) else None  # noqa: E731
    with ModelServer(faults=faults, latency=0.05) as server:
        first, second = run_with(open_openai(server, client=client), chat(max_tokens=5), chat(max_tokens=6))
        sent = [set(post.body) & {"max_tokens", "max_completion_tokens"} for post in server.posts]
    assert sent == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}]
    # both requests of the first call are in its time
    assert first.timing.total >= first.timing.first_byte >= 0.1 > second.timing.total
    assert first.timing.connect > 0.0 == second.timing.connect


def test_the_key_of_the_environment_is_sent_and_a_placeholder_without(server, monkeypatch):
    run_with(open_openai(server), chat())
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    run_with(open_openai(server), chat())
    without, given = (post.headers["authorization"] for post in server.posts)
    assert without == "Bearer no-key-needed"
    assert given == f"Bearer {KEY}"


def test_base_url_of_the_environment_counts_where_the_spec_has_none(server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    run_with(OpenAIProvider(make_spec("openai/m")), chat())
    assert len(server.posts) == 1


# --- what comes back


def test_completion_carries_everything_the_server_said(server):
    (completion,) = run_with(open_openai(server), chat("one two", max_tokens=2))
    assert completion.text == "A b"
    assert completion.model == "m"
    assert completion.fingerprint == "fp-tests"
    assert completion.response_id.startswith("id-")
    assert completion.stop_reason == "length"
    assert completion.usage == Usage(input_tokens=2, output_tokens=2, cached_tokens=1)
    assert completion.hold == 0.0


def test_timing_is_measured_on_the_wire(client):
    with ModelServer(latency=0.1) as server:
        first, second = run_with(open_openai(server, client=client), chat(), chat())
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
        (completion,) = run_with(open_openai(server), chat())
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
        run_with(open_openai(server), chat())


@pytest.mark.parametrize("llama", [True, False])
def test_logprobs_of_bare_completions_are_read_in_both_forms(llama):
    with ModelServer(answer="B x", llama_logprobs=llama) as server:
        (completion,) = run_with(open_openai(server), bare(top_logprobs=3))
    assert completion.logprobs[0] == TokenLogprob(token="B", logprob=-0.25, top={"B": -0.25, "A": -2.0, "C": -3.0})
    assert [entry.token for entry in completion.logprobs] == ["B", " x"]


def test_logprobs_of_chat_answers_are_read(server):
    (completion,) = run_with(open_openai(server), chat(top_logprobs=2))
    assert server.posts[0].body["logprobs"] is True
    assert server.posts[0].body["top_logprobs"] == 2
    assert completion.logprobs[0].top == {"A": -0.25, "B": -2.0}


def test_tokens_that_read_alike_keep_the_likelier_value():
    alike = [{"token": "A", "logprob": -1.0}, {"token": "A", "logprob": -5.0}, {"token": "B", "logprob": float("-inf")}]
    (entry,) = read_logprobs({"content": [{"token": "A", "logprob": -1.0, "top_logprobs": alike}]})
    assert entry.top == {"A": -1.0}


# --- what goes wrong in a call


def fail(server, *requests, **options):
    """Return the error of a call, and see that it was one attempt."""
    with pytest.raises(CallError) as caught:
        run_with(open_openai(server, **options), *(requests or (chat(),)))
    assert len(server.posts) <= 1
    return caught.value


def test_a_failed_attempt_is_left_to_the_engine(client):
    fault = Fault(status=503, message="overloaded " * 100, headers={"retry-after-ms": "1500"})
    with ModelServer(faults=lambda _: fault) as server:
        error = fail(server, client=client)
    assert ": HTTP 503: overloaded overloaded" in str(error)
    assert len(str(error)) < 420
    assert (error.status, error.retryable, error.overloaded, error.wait) == (503, True, True, 1.5)


def test_what_the_server_rejects_is_not_retryable(client):
    with ModelServer(faults=lambda _: Fault(status=422, message="no such parameter")) as server:
        error = fail(server, client=client)
    assert (error.status, error.retryable, error.overloaded, error.wait) == (422, False, False, None)


def test_rate_limits_of_a_failure_and_of_an_answer_are_passed_on(client):
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m0.5s"}
    with ModelServer(headers=headers) as server:
        (completion,) = run_with(open_openai(server, client=client), chat())
        server.requests.clear()
        server.faults = lambda _: Fault(status=429)
        error = fail(server, client=client)
    assert completion.hold == 60.5
    assert (error.wait, error.overloaded) == (60.5, True)


def test_used_up_quota_is_not_retryable(client):
    body = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    with ModelServer(faults=lambda _: Fault(status=429, body=body)) as server:
        error = fail(server, client=client)
    assert (error.retryable, error.overloaded) == (False, False)


@pytest.mark.parametrize(
    ("fault", "expected", "retryable"),
    [
        (Fault(body=b'{"choices": [{"mess'), "not JSON but application/json", True),
        (Fault(body=b"<html>hi</html>", headers={"Content-Type": "text/html"}), "not JSON but text/html", True),
        (Fault(body=b"\xff\xfe"), "not JSON", True),
        (Fault(body=b"[" * 100_000), "not JSON", True),
        (Fault(body=b""), "the answer is empty", True),
        (Fault(body=b" \n"), "the answer is empty", True),
        (Fault(body=[1]), "no JSON object", True),
        (Fault(body={"choices": []}), "has no choices", True),
        (Fault(body={"choices": [{"finish_reason": "stop"}]}), "has no message", True),
        (Fault(body={"error": {"message": "out of credit"}}), "HTTP 200: with an error in its body: out of", True),
        (Fault(body={"error": {"message": "bad", "code": 400}}), "HTTP 200: with an error in its body: bad", False),
        (Fault(body={"choices": [{"message": {"content": ["x"]}}]}), "content is list", False),
        (Fault(patch=choice(message={"content": "A"}, logprobs={"content": [{}]})), "of no known form", False),
    ],
)
def test_broken_answers_are_call_errors_that_say_what_is_broken(client, fault, expected, retryable):
    with ModelServer(faults=lambda _: fault) as server:
        error = fail(server, client=client)
    assert expected in str(error)
    assert error.retryable == retryable
    assert not isinstance(error, RefusedError)


@pytest.mark.parametrize("fault", [Fault(close=True), Fault(truncate=True)])
def test_cut_connections_are_retryable(client, fault):
    with ModelServer(faults=lambda _: fault) as server:
        error = fail(server, client=client)
    assert ": no answer: " in str(error)
    assert (error.status, error.retryable, error.overloaded) == (None, True, False)


def test_no_server_is_retryable(client):
    with ModelServer() as server:
        url = server.url
    with pytest.raises(CallError, match="no answer: Connection refused") as caught:
        run_with(OpenAIProvider(make_spec("openai/m@" + url, client=client)), chat())
    assert caught.value.retryable


def test_slow_server_meets_the_timeout_option(client):
    with ModelServer(latency=5) as server:
        started = time.perf_counter()
        error = fail(server, client=client, timeout=0.2)
    assert "no answer in time" in str(error)
    assert error.retryable
    assert time.perf_counter() - started < 3


def test_text_that_utf8_cannot_carry_is_a_call_error_that_stays(server, client):
    error = fail(server, chat("bad \ud800"), client=client)
    assert "not sent: " in str(error)
    assert "surrogates not allowed" in str(error)
    assert not error.retryable
    assert server.posts == []


@pytest.mark.parametrize("status", [200, 400])
def test_no_traceback_holds_the_key_a_server_echoes(monkeypatch, client, status):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    fault = Fault(status=status, body={"error": {"message": f"Incorrect API key provided: {KEY}"}})
    with ModelServer(faults=lambda _: fault) as server:
        error = fail(server, client=client)
    assert KEY not in str(error)
    assert error.__context__ is None


@pytest.mark.parametrize("options", [{"timeout": "soon"}, {"timeout": 0}, {"timeout": True}, {"client": "mine"}])
def test_wrong_options_are_usage_errors(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        OpenAIProvider(make_spec("openai/m", **options))


@pytest.mark.parametrize("url", ["localhost:8000/v1", "http://", "http://[bad/v1", "http://host:port/v1", "ftp://host"])
def test_an_address_that_is_none_is_a_usage_error(monkeypatch, url):
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(UsageError, match="OPENAI_BASE_URL"):
        OpenAIProvider(make_spec("openai/m"))


def test_an_address_with_a_query_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://host.example/v1?api-key=hunter2")
    with pytest.raises(UsageError, match="without a query") as caught:
        OpenAIProvider(make_spec("openai/m"))
    assert "hunter2" not in str(caught.value)


def test_making_the_client_is_in_the_time_of_the_first_call_which_waits_for_it():
    class SlowlyMade(OpenAIProvider):
        def _open_wire(self):
            time.sleep(0.5)
            return super()._open_wire()

    with ModelServer() as server:
        first, second = run_with(SlowlyMade(make_spec(f"openai/m@{server.url}")), chat(), chat())
    # else the engine, whose clock runs around the call, would find that something was left out
    assert 0.5 <= first.timing.first_byte <= first.timing.total
    assert second.timing.total < 0.5


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
