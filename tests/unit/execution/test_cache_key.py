import json
from typing import Any

import pytest
from cache_parts import SCOPE, make_identity, make_scope, question, run_child
from hypothesis import given
from hypothesis import strategies as st
from provider_cases import attach_with, chat, make_spec
from serving import ModelServer

from pytest_lleval.core.records import Disclosure, Generation, Message, Request
from pytest_lleval.execution.cache_key import make_key, name_model, scope_of
from pytest_lleval.providers.openai import OpenAIProvider

anything = st.text(st.characters(codec=None), max_size=5)
generations = st.builds(
    Generation,
    temperature=st.sampled_from([None, 0.0, 0.5]),
    top_p=st.sampled_from([None, 0.5, 1.0]),
    max_tokens=st.none() | st.integers(1, 3),
    stop=st.lists(anything, max_size=2).map(tuple),
    seed=st.none() | st.integers(0, 3),
    top_logprobs=st.integers(0, 2),
)
turns = st.lists(st.builds(Message, role=st.sampled_from(["system", "user"]), content=anything), min_size=1, max_size=2)
requests = st.builds(Request, messages=turns.map(tuple), generation=generations) | st.builds(
    Request, prompt=anything, generation=generations
)
keyed = st.tuples(requests, st.sampled_from([SCOPE, make_scope(url="http://other")]), st.integers(1, 2))
LOCAL: dict[str, Any] = {
    "spec": "local/m",
    "provider": "local",
    "url": "http://127.0.0.1:4321/v1",
    "fingerprint": "sha256:aa",
    "server": "llama.cpp (xllamacpp 1)",
    "context_tokens": 8192,
    "details": {"file": "m.gguf", "digest": "aa", "quantisation": "Q4", "slots": 1, "threads": 2, "system": "AVX2"},
}


@given(keyed, keyed)
def test_keys_are_equal_exactly_when_everything_asked_is(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert (make_key(*one) == make_key(*other)) == (one == other)


@pytest.mark.parametrize(
    "changed",
    [
        question(1),
        question(temperature=None),
        question(top_p=1.0),
        question(max_tokens=1),
        question(stop=("\n",)),
        question(seed=1),
        question(top_logprobs=1),
        Request(messages=(Message(role="system", content="Question 0?"),)),
        Request(messages=(*question().messages, Message(role="assistant", content=""))),
        Request(prompt="Question 0?"),
    ],
)
def test_any_difference_of_the_request_is_one_of_the_key(changed: Request) -> None:
    assert make_key(changed, SCOPE, 1) != make_key(question(), SCOPE, 1)


def test_keys_are_equal_in_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "from pytest_lleval.execution.cache_key import make_key\nprint(make_key(question(seed=3), SCOPE, 2).hex())"
    keys = set()
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        keys.add(run_child(script).strip())
    assert keys == {make_key(question(seed=3), SCOPE, 2).hex()}


@pytest.mark.parametrize("kind", ["mock", "callable"])
def test_what_may_change_unseen_has_no_scope(kind: str) -> None:
    assert scope_of(make_identity(kind=kind)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "anthropic"},
        {"requested_model": "n"},
        {"served_model": "m-2027"},
        {"url": "https://example.org/v1"},
        {"fingerprint": None},
        {"context_tokens": 4096},
        {"details": {"quantisation": "int8"}},
        {"disclosures": (Disclosure(factor="E", severity="warning", message="", evidence={"omit": ["seed"]}),)},
    ],
)
def test_any_difference_of_a_remote_backend_is_one_of_its_scope(change: dict[str, Any]) -> None:
    assert make_scope(**change) != SCOPE


def test_the_name_a_user_gives_a_backend_is_not_in_its_scope() -> None:
    note = Disclosure(factor="F2", severity="note", message="an alias")
    assert make_scope(spec="fast", server="nginx", disclosures=(note,)) == SCOPE
    assert make_scope(details={"response_id": True, "models_listed": False}) == SCOPE


def test_a_local_model_is_known_wherever_its_server_listens() -> None:
    moved = {**LOCAL, "url": "http://127.0.0.1:999/v1", "details": {**LOCAL["details"], "pid": 7, "log": "/tmp/x"}}
    assert make_scope(**moved) == make_scope(**LOCAL)
    assert make_scope(**{**LOCAL, "details": {**LOCAL["details"], "file": "copy.gguf"}}) == make_scope(**LOCAL)


@pytest.mark.parametrize(
    "change",
    [
        {"server": "llama.cpp (xllamacpp 2)"},
        {"fingerprint": "sha256:bb"},
        {"context_tokens": 2048},
        *({"details": {**LOCAL["details"], name: "other"}} for name in LOCAL["details"] if name != "file"),
        {"details": {**LOCAL["details"], "template_digest": "cc"}},
    ],
)
def test_what_changes_the_answers_of_a_local_model_is_in_its_scope(change: dict[str, Any]) -> None:
    assert make_scope(**{**LOCAL, **change}) != make_scope(**LOCAL)


@pytest.mark.parametrize(("omit", "cached"), [("seed", True), ("seed,temperature", False)])
def test_a_server_that_is_never_sent_the_temperature_is_not_cached(omit: str, cached: bool) -> None:
    with ModelServer(model="m") as server:
        identity = attach_with(OpenAIProvider(make_spec("openai/m", base_url=server.url, omit=omit)), chat())
    scope = scope_of(identity)
    assert (scope is not None) == cached
    if scope:
        assert json.loads(scope)["omitted"] == ["seed"]


def test_a_model_has_a_name_that_can_be_stored_and_read() -> None:
    assert name_model(SCOPE) == "openai/m"
    assert name_model(make_scope(requested_model="a\udcff漢")) == r"openai/a\udcff漢"
