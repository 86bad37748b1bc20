"""The light client sends and reads what the official one does."""

import json
from dataclasses import replace

import pytest
from provider_cases import bare, chat, make_spec, run_with
from serving import Fault, ModelServer

from pytest_lleval.core.errors import CallError, RefusedError
from pytest_lleval.core.records import Message, Request, Timing
from pytest_lleval.providers.openai import OpenAIProvider

CLIENTS = ("light", "official")
SAME_HEADERS = ("authorization", "content-type", "accept", "openai-organization", "openai-project", "host")

REQUESTS = {
    "chat": (chat("Which letter?", max_tokens=5), {}),
    "bare": (bare("Q: 1+1? A:", max_tokens=1), {}),
    "bare-logprobs": (bare("Q:", max_tokens=1, top_logprobs=4), {}),
    "chat-logprobs": (chat("Q?", max_tokens=1, top_logprobs=5), {}),
    "stop": (chat("Q?", stop=("\n\n", "Q:")), {}),
    "seed": (chat("Q?", seed=2**62 + 1), {}),
    "sampling": (chat("Q?", temperature=0.7, top_p=0.95), {}),
    "system": (chat("Q?", system="Be brief."), {}),
    "turns": (Request(messages=tuple(Message(role=r, content=r) for r in ("user", "assistant", "user"))), {}),
    "unicode": (chat('é ☃ 𝄞 \u2028 \x7f \x00 "\\" \ufeff'), {}),
    "long": (chat("long " * 300_000), {}),
    "empty": (bare(""), {}),
    "server-defaults": (chat("Q?", temperature=None), {}),
    "omit": (chat("Q?", max_tokens=4, seed=1), {"omit": "temperature,seed"}),
}


@pytest.fixture(autouse=True)
def _account(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-hunter2hunter2")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")


def ask_both(server, request, **options):
    """Ask by each client; return their completions, and the failures of those that failed."""
    outcomes = []
    for client in CLIENTS:
        provider = OpenAIProvider(make_spec(f"openai/org/model-1@{server.url}", client=client, **options))
        try:
            (completion,) = run_with(provider, request)
            assert completion.trace is not None
            trace = replace(completion.trace, created=None)
            outcomes.append(replace(completion, timing=Timing(), response_id=None, trace=trace))
        except CallError as error:
            outcomes.append((type(error), str(error), error.status, error.retryable, error.overloaded, error.wait))
    return outcomes


@pytest.mark.parametrize("name", REQUESTS)
def test_both_clients_send_and_read_the_same(name):
    request, options = REQUESTS[name]
    with ModelServer(answer="B é\n c", echo_model=True) as server:
        light, official = ask_both(server, request, **options)
        mine, theirs = server.posts
    assert light == official
    assert light.model == "org/model-1"
    assert (mine.method, mine.path, mine.body) == (theirs.method, theirs.path, theirs.body)
    # values too: 1.0 and 1 are equal to Python, and not to every server
    assert json.dumps(mine.body, sort_keys=True) == json.dumps(theirs.body, sort_keys=True)
    assert [mine.headers.get(name) for name in SAME_HEADERS] == [theirs.headers.get(name) for name in SAME_HEADERS]
    assert mine.headers["content-length"] == theirs.headers["content-length"]
    assert mine.headers["openai-project"] == "proj-1"


def test_only_the_light_client_names_this_package():
    with ModelServer() as server:
        ask_both(server, chat())
        mine, theirs = server.posts
    assert mine.headers["user-agent"].startswith("pytest-lleval/")
    assert "OpenAI" in theirs.headers["user-agent"]


def test_both_clients_switch_to_the_limit_the_server_wants():
    message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    faults = lambda seen: Fault(status=400, message=message) if "max_tokens" in seen.body else None  # noqa: E731
    with ModelServer(faults=faults) as server:
        light, official = ask_both(server, chat(max_tokens=3))
        bodies = [post.body for post in server.posts]
    assert light == official
    assert bodies[:2] == bodies[2:]
    assert bodies[1]["max_completion_tokens"] == 3


@pytest.mark.parametrize("status", [300, 400, 401, 404, 408, 409, 413, 422, 429, 500, 503, 529, 599])
@pytest.mark.parametrize("body", [None, b"", b"<html>", {"error": {"message": "m", "code": "insufficient_quota"}}])
def test_both_clients_report_a_status_alike(status, body):
    fault = Fault(status=status, body=body, headers={"retry-after": "2"})
    with ModelServer(faults=lambda _: fault) as server:
        light, official = ask_both(server, chat())
        assert len(server.posts) == 2
    assert light == official
    assert light[:1] + light[2:3] == (CallError, status)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(body=b""),
        Fault(body=b"{"),
        Fault(body=[]),
        Fault(body={"error": {"message": "upstream", "code": 502}}),
        Fault(body={"choices": []}),
        Fault(status=400, headers={"x-should-retry": "true"}),
        Fault(status=500, headers={"x-should-retry": "false"}),
        Fault(status=304, body=b""),
    ],
)
def test_both_clients_report_a_broken_answer_alike(fault):
    with ModelServer(faults=lambda _: fault) as server:
        light, official = ask_both(server, chat())
    assert light == official
    assert light[0] is CallError


def test_both_clients_report_a_refusal_alike():
    body = {"choices": [{"message": {"content": None, "refusal": "no"}, "finish_reason": "stop"}]}
    with ModelServer(faults=lambda _: Fault(body=body)) as server:
        light, official = ask_both(server, chat())
    assert light == official
    assert light[0] is RefusedError


def test_both_clients_send_no_lone_surrogate():
    with ModelServer() as server:
        light, official = ask_both(server, chat("bad \ud800"))
        assert server.posts == []
    assert light[0] is official[0] is CallError
    assert light[2:] == official[2:] == (None, False, False, None)
    assert "surrogates not allowed" in light[1]
    assert "surrogates not allowed" in official[1]


def test_both_clients_send_the_password_of_the_address_instead_of_the_key(monkeypatch):
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url.replace("http://", "http://us%40er:p%3Aw@") + "/")
        for client in CLIENTS:
            run_with(OpenAIProvider(make_spec("openai/m", client=client)), chat())
        mine, theirs = server.posts
    assert mine.headers["authorization"] == theirs.headers["authorization"]
    assert mine.headers["authorization"].startswith("Basic ")
    assert mine.path == theirs.path


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_both_clients_follow_redirects_alike(status, elsewhere):
    with ModelServer() as target:

        def send_on(seen):
            if seen.path != "/v1/chat/completions":
                return None
            where = target.url if elsewhere else server.url
            return Fault(status=status, headers={"Location": f"{where}/completions?x=1"})

        with ModelServer(faults=send_on) as server:
            light, official = ask_both(server, chat())
            reached = target.requests if elsewhere else server.requests[1::2]
    mine, theirs = reached
    assert light == official
    assert (mine.method, mine.path, mine.body) == (theirs.method, theirs.path, theirs.body)
    # another port is another host
    assert ("authorization" in mine.headers) == ("authorization" in theirs.headers) == (not elsewhere)
