"""Attaching a server of OpenAI's protocol: who answers where, and what is told of one that does not."""

import time

import pytest
from provider_cases import attach_with, bare, chat, choice, make_spec, open_openai
from serving import Fault, ModelServer, fail_first

from pytest_lleval.core.errors import AttachError
from pytest_lleval.providers.openai import OpenAIProvider

KEY = "sk-test-hunter2hunter2"


def test_identity_says_who_answers_where(server):
    identity = attach_with(open_openai(server), chat(max_tokens=1), bare(max_tokens=1, top_logprobs=2))
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
    identity = attach_with(open_openai(server, "gpt-x"), chat())
    (disclosure,) = identity.disclosures
    assert (disclosure.factor, disclosure.severity) == ("F2", "warning")
    assert disclosure.evidence == {"requested": "gpt-x", "served": ["m"]}


@pytest.mark.parametrize("where", ["header", "owner", "fingerprint"])
def test_a_server_that_declares_itself_a_mock_is_one(where):
    models = {"data": [{"id": "m", "owned_by": "mock"}]} if where == "owner" else None
    headers = {"Server": "mockserver/5"} if where == "header" else {}
    fault = Fault(patch={"system_fingerprint": "mock-1"}) if where == "fingerprint" else None
    with ModelServer(model="m", models=models, headers=headers, faults=lambda _: fault) as server:
        identity = attach_with(open_openai(server), chat())
    assert identity.kind == "mock"
    assert [disclosure.severity for disclosure in identity.disclosures] == ["critical"]


def test_no_server_is_told_at_once():
    provider = OpenAIProvider(make_spec("openai/any@http://127.0.0.1:9/v1"))
    started = time.perf_counter()
    with pytest.raises(AttachError) as caught:
        attach_with(provider, chat())
    assert time.perf_counter() - started < 2
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
        attach_with(open_openai(server), chat())
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_names_the_variable(status):
    fault = Fault(status=status, message=f"Incorrect API key provided: {KEY}")
    with ModelServer(faults=lambda _: fault) as server, pytest.raises(AttachError, match="OPENAI_API_KEY") as caught:
        attach_with(open_openai(server), chat())
    assert "hunter2" not in str(caught.value)
    assert f"HTTP {status}" in str(caught.value)


def test_a_missing_model_names_the_nearest_served_ones():
    fault = Fault(status=404, message="The model `smol` does not exist")
    with (
        ModelServer(model="smollm2", faults=lambda seen: fault if seen.method == "POST" else None) as server,
        pytest.raises(AttachError, match="does not serve a model called 'smol'; did you mean 'smollm2'"),
    ):
        attach_with(open_openai(server, "smol"), chat())


@pytest.mark.parametrize(("status", "message"), [(404, "no route"), (400, "This is a chat model")])
def test_a_server_without_bare_completions_says_style_chat(status, message):
    def faults(request):
        return Fault(status=status, message=message) if request.path == "/v1/completions" else None

    with ModelServer(model="m", faults=faults) as server, pytest.raises(AttachError, match="use style=chat"):
        attach_with(open_openai(server), chat(), bare())


def test_a_server_that_rejects_logprobs_says_method_generate():
    fault = Fault(status=400, message="logprobs is not supported by this model")
    with (
        ModelServer(model="m", faults=lambda seen: fault if "logprobs" in (seen.body or {}) else None) as server,
        pytest.raises(AttachError, match="use method=generate"),
    ):
        attach_with(open_openai(server), chat(top_logprobs=2))


def test_a_server_that_ignores_logprobs_says_method_generate():
    patch = choice(message={"content": "A"}, logprobs=None)
    with (
        ModelServer(model="m", faults=lambda _: Fault(patch=patch)) as server,
        pytest.raises(AttachError, match=r"without the log probabilities .* use method=generate"),
    ):
        attach_with(open_openai(server), chat(top_logprobs=2))


def test_a_model_that_takes_no_temperature_says_omit():
    fault = Fault(status=400, message="Unsupported value: 'temperature' does not support 0.0 with this model.")
    with (
        ModelServer(model="m", faults=lambda seen: fault if seen.body else None) as server,
        pytest.raises(AttachError, match='set omit = "temperature"'),
    ):
        attach_with(open_openai(server), chat())


def test_a_server_that_keeps_silent_is_given_up_in_time(server):
    server.faults = lambda seen: Fault(delay=30) if seen.method == "POST" else None
    started = time.perf_counter()
    with pytest.raises(AttachError, match=r"did not answer 1 small requests within 0\.5 s"):
        attach_with(open_openai(server, attach_timeout=0.5), chat())
    assert time.perf_counter() - started < 5


def test_a_server_without_a_list_of_models_attaches(server):
    server.models = False
    identity = attach_with(open_openai(server), chat())
    assert identity.details["models_listed"] is False


def test_a_probe_that_fails_in_passing_is_sent_again():
    with ModelServer(model="m", faults=fail_first(2, Fault(status=500, headers={"retry-after-ms": "1"}))) as server:
        assert attach_with(open_openai(server), chat()).kind == "real"
        # two probes are sent at once, and only the first one is sent again: it depends on whom the faults hit
        assert len(server.posts) in (3, 4)


@pytest.mark.parametrize(
    ("wait", "asked"),
    [
        # beside the tries of one probe the further probe, which is made once
        pytest.param({"retry-after-ms": "1"}, 5, id="tried again while there is time"),
        pytest.param({"retry-after": "60"}, 2, id="not waited for longer than an attachment may take"),
    ],
)
def test_a_probe_that_keeps_failing_is_told_with_the_last_answer(wait, asked):
    fault = Fault(status=429, message="slow down", headers=wait)
    with (
        ModelServer(model="m", faults=lambda seen: fault if seen.body else None) as server,
        pytest.raises(AttachError, match="HTTP 429: slow down; the rate or the quota of this key is used up"),
    ):
        attach_with(open_openai(server), chat())
    assert len(server.posts) == asked


def test_nothing_to_probe_with_proves_nothing(server):
    with pytest.raises(AttachError, match="nothing would be proven"):
        attach_with(open_openai(server))


def test_a_broken_probe_answer_stops_the_attachment():
    with (
        ModelServer(faults=lambda _: Fault(body={"choices": []})) as server,
        pytest.raises(AttachError, match=r"has no choices.*a probe before the run"),
    ):
        attach_with(open_openai(server), chat())
