"""Messages about failures are short, plain and hold no key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.providers.failures import Failure, clean_url, read_failure, redact_secrets, shorten_text

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


def test_failure_says_status_attempts_and_message():
    assert Failure(message="overloaded", status=529, attempts=3).describe() == "HTTP 529 after 3 attempts: overloaded"
    assert Failure(message="Connection refused").describe() == "no answer: Connection refused"


def test_reason_is_that_of_the_deepest_cause():
    error = RuntimeError("Connection error.")
    error.__cause__ = ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)")
    assert read_failure(error, attempts=2) == Failure(message="Connection refused", attempts=2)
