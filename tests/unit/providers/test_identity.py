"""Who answers is read from the answers, not taken on trust."""

import pytest

from pytest_lleval.providers.identity import Listing, check_served, find_mock


def test_the_model_asked_for_needs_no_disclosure():
    assert check_served("gpt-4o", ["gpt-4o", "gpt-4o"]) == ()


@pytest.mark.parametrize(
    ("requested", "served"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("claude-sonnet-4", "claude-sonnet-4-20250514"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
        ("gpt-4", "gpt-4-0613"),
    ],
)
def test_a_dated_alias_is_a_note_that_names_the_version(requested, served):
    (disclosure,) = check_served(requested, [served])
    assert (disclosure.factor, disclosure.severity) == ("F2", "note")
    assert served in disclosure.message


@pytest.mark.parametrize(
    ("requested", "served"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o", "gpt-4o-mini-2024-07-18"),
        ("gpt-4", "gpt-4-turbo-2024-04-09"),
        ("any", "x"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
    ],
)
def test_another_model_is_a_warning(requested, served):
    (disclosure,) = check_served(requested, [served])
    assert (disclosure.factor, disclosure.severity) == ("F2", "warning")
    assert disclosure.evidence == {"requested": requested, "served": [served]}


def test_models_that_take_turns_are_a_warning():
    (disclosure,) = check_served("a", ["a", "b", "a"])
    assert disclosure.severity == "warning"
    assert disclosure.evidence["served"] == ["a", "b"]


def test_a_nameless_answer_is_a_warning():
    (disclosure,) = check_served("a", [""])
    assert "does not say which model" in disclosure.message


@pytest.mark.parametrize("word", ["mock", "MockServer/1.0", "my-mock-api", "mock-1"])
def test_a_declared_mock_is_critical(word):
    disclosure = find_mock({"Server header": [None, word]})
    assert (disclosure.factor, disclosure.severity) == ("F3", "critical")
    assert word in disclosure.message


@pytest.mark.parametrize("word", ["hammock", "uvicorn", "", None])
def test_other_words_are_no_mock(word):
    assert find_mock({"Server header": [word]}) is None


def test_listing_keeps_ids_owners_and_context():
    rows = [{"id": "a", "owned_by": "vllm", "max_model_len": 4096}, {"id": "b"}, "junk", {"id": 3}]
    listing = Listing.read({"data": rows})
    assert listing.ids == ("a", "b")
    assert listing.owners == ("vllm",)
    assert listing.find_context("a") == 4096
    assert listing.find_context("b") is None


@pytest.mark.parametrize("body", [None, [], {"data": "x"}, {"models": []}])
def test_anything_else_is_no_listing(body):
    assert Listing.read(body) is None
