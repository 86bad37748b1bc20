"""Messages about failures are short, plain and hold no key."""

import json
import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.providers.failures import (
    Failure,
    clean_url,
    read_error_body,
    read_exception,
    read_status,
    redact_secrets,
    shorten_text,
)

KEYS = st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFG0123456789_-", min_size=8, max_size=60)


@settings(max_examples=50, deadline=None)
@given(KEYS, st.text(max_size=40), st.text(max_size=40))
def test_no_known_key_survives(key, before, after):
    assert key not in redact_secrets(before + key + after, [key])


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abc***********wxyz.",
        "Authorization: Bearer hunter2hunter2 was refused",
        "cannot reach https://user:hunter2hunter2@host/v1",
        "sk-ant-api03-hunter2hunter2",
    ],
)
def test_whatever_looks_like_a_key_is_cut_out(text):
    shown = redact_secrets(text)
    assert "hunter2" not in shown
    assert "wxyz" not in shown


def test_url_loses_credentials_and_query():
    assert clean_url("https://me:pw@host:8000/v1/?api-key=s#x") == "https://host:8000/v1"


def test_long_messages_are_cut_on_one_line():
    short = shorten_text("a\n b" * 500)
    assert len(short) == 300
    assert "\n" not in short


def test_failure_says_where_it_was_noticed():
    assert Failure(message="overloaded", status=529).describe() == "HTTP 529: overloaded"
    assert Failure(message="Connection refused").describe() == "no answer: Connection refused"
    assert Failure(message="no text", sent=False).describe() == "not sent: no text"


def test_error_carries_what_the_engine_needs():
    error = Failure(message="slow down", status=429, retryable=True, overloaded=True, wait=2.0).as_error("openai/m")
    assert str(error) == "openai/m: HTTP 429: slow down"
    assert (error.status, error.retryable, error.overloaded, error.wait) == (429, True, True, 2.0)


def test_reason_is_that_of_the_deepest_cause():
    error = RuntimeError("Connection error.")
    error.__cause__ = ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)")
    assert read_exception(error) == Failure(message="Connection refused", retryable=True)


def test_a_certificate_that_proves_nothing_is_not_tried_again():
    error = RuntimeError("Connection error.")
    error.__cause__ = ssl.SSLCertVerificationError("certificate verify failed")
    assert not read_exception(error).retryable


RETRYABLE = {408, 409, 429, 500, 501, 502, 503, 504, 529}


@pytest.mark.parametrize("status", [300, 304, 400, 401, 403, 404, 413, 422, *sorted(RETRYABLE)])
def test_status_decides_what_may_be_tried_again(status):
    failure = read_status(status, b'{"error": {"message": "why"}}', {})
    assert (failure.status, failure.message) == (status, "why")
    assert failure.retryable == (status in RETRYABLE)
    assert failure.overloaded == (status in (429, 503, 529))


@pytest.mark.parametrize(("status", "told", "expected"), [(400, "true", True), (500, "false", False), (500, "x", True)])
def test_server_may_say_whether_to_try_again(status, told, expected):
    assert read_status(status, b"", {"x-should-retry": told}).retryable == expected


@pytest.mark.parametrize("place", ["code", "type"])
def test_quota_that_is_used_up_is_not_asked_again(place):
    body = json.dumps({"error": {"message": "You exceeded your quota", place: "insufficient_quota"}}).encode()
    failure = read_status(429, body, {"x-should-retry": "true"})
    assert not failure.retryable
    assert not failure.overloaded


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"error": {"message": "inner"}}', "inner"),
        (b'{"error": "plain"}', "plain"),
        (b'{"detail": "fastapi"}', "fastapi"),
        (b'{"message": "flat"}', "flat"),
        (b"<h1>Bad Gateway</h1>", "<h1>Bad Gateway</h1>"),
        (b"", "Bad Gateway"),
        (b"[1, 2]", "[1, 2]"),
        (b"\xff", "\ufffd"),
        (b"[" * 100_000, "[" * 299 + "…"),
    ],
)
def test_message_is_what_the_server_said_in_whatever_form(content, expected):
    assert read_status(502, content, {}).message == expected


@pytest.mark.parametrize(
    ("error", "retryable", "overloaded"),
    [
        ({"message": "upstream failed"}, True, False),
        ({"message": "upstream failed", "code": 502}, True, False),
        ({"message": "slow down", "code": 429}, True, True),
        ({"message": "slow down", "code": "429"}, True, True),
        ({"message": "slow down", "status": 503}, True, True),
        ({"message": "bad", "code": 400}, False, False),
        ({"message": "bad", "code": "model_not_found"}, True, False),
        ({"message": "poor", "code": "insufficient_quota"}, False, False),
        ({"message": "late", "code": 408}, True, False),
        ("plain text", True, False),
        (["odd"], True, False),
    ],
)
def test_error_in_the_body_of_a_200_is_judged_by_its_code(error, retryable, overloaded):
    failure = read_error_body({"error": error}, {})
    assert (failure.status, failure.retryable, failure.overloaded) == (200, retryable, overloaded)
    assert failure.describe().startswith("HTTP 200: with an error in its body: ")
