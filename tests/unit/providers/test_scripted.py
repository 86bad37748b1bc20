"""A mock answers from its script and never passes as a model."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider_cases import attach_with, bare, chat, make_spec, run_with

from pytest_lleval.core.errors import AttachError, CallError, UsageError
from pytest_lleval.core.records import Usage
from pytest_lleval.providers.scripted import MockProvider


def ask(model, request, **options):
    (completion,) = run_with(MockProvider(make_spec(f"mock/{model}", **options)), request)
    return completion


def test_fixed_and_echo_answer_as_they_say():
    assert ask("fixed:a/b: c", chat("q")).text == "a/b: c"
    assert ask("fixed:", chat("q")).text == ""
    assert ask("echo", chat("q", system="s")).text == "q"
    assert ask("echo", bare("p")).text == "p"


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_pick_depends_on_the_question_alone(question):
    first = ask("pick:A,B,C,D", chat(question))
    assert first.text in "ABCD"
    assert ask("pick:A,B,C,D", chat(question, system="other", seed=5)).text == first.text


def test_pick_reaches_every_word():
    assert {ask("pick:A,B,C,D", chat(f"question {number}")).text for number in range(60)} == set("ABCD")


def test_file_answers_by_the_first_rule_that_fits(tmp_path):
    path = tmp_path / "rules.json"
    rules = [{"contains": "sky", "answer": "blue"}, {"contains": "s", "answer": "second"}]
    path.write_text(json.dumps({"rules": rules, "default": "none"}), encoding="utf-8")
    assert ask(f"file:{path}", chat("the sky")).text == "blue"
    assert ask(f"file:{path}", chat("sea")).text == "second"
    assert ask(f"file:{path}", chat("?")).text == "none"


def test_no_rule_and_no_default_is_a_call_error(tmp_path):
    path = tmp_path / "rules.json"
    path.write_text('{"rules": []}', encoding="utf-8")
    with pytest.raises(CallError, match="no rule fits"):
        ask(f"file:{path}", chat("?"))


@pytest.mark.parametrize("text", ["{", "[]", '{"rules": [{"contains": 1}]}', '{"default": 3}', '{"rules": {}}'])
def test_a_broken_file_is_a_usage_error(tmp_path, text):
    path = tmp_path / "rules.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"rules\.json"):
        MockProvider(make_spec(f"mock/file:{path}"))


@pytest.mark.parametrize("model", ["nothing", "pick:", "echo:x", "fixed", "file:", "file:/no/such/file.json"])
def test_any_other_form_is_a_usage_error(model):
    with pytest.raises(UsageError, match="mock/"):
        MockProvider(make_spec(f"mock/{model}"))


def test_latency_is_waited_for_and_measured():
    assert ask("echo", chat(), latency_ms=50).timing.total >= 0.05


def test_a_mock_has_no_tokens():
    assert ask("echo", chat()).usage == Usage()


def test_identity_is_a_mock_with_a_critical_disclosure():
    identity = attach_with(MockProvider(make_spec("mock/echo")), chat())
    assert identity.kind == "mock"
    (disclosure,) = identity.disclosures
    assert (disclosure.factor, disclosure.severity) == ("F3", "critical")
    assert "a mock answers, no model was asked" in disclosure.message


def test_log_probabilities_are_not_made_up():
    with pytest.raises(AttachError, match="use method=generate"):
        attach_with(MockProvider(make_spec("mock/pick:A,B")), chat(), bare(top_logprobs=4))
