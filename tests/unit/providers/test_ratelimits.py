"""Servers say in many forms how long to leave them alone."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from pytest_lleval.providers.ratelimits import parse_duration, read_hold, read_wait

NOW = 1_800_000_000.0
SCALE = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("20ms", 0.02), ("1h2m3.5s", 3723.5), ("8.64s", 8.64), ("2", 2), ("0.5", 0.5)],
)
def test_documented_durations_are_read(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


AMOUNTS = st.one_of(st.integers(0, 99).map(str), st.decimals(0, 99, places=3, allow_nan=False).map(str))
PARTS = st.lists(st.tuples(AMOUNTS, st.sampled_from(list(SCALE))), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None)
@given(PARTS)
def test_any_sequence_of_parts_is_their_sum(parts):
    expected = sum(float(amount) * SCALE[unit] for amount, unit in parts)
    assert parse_duration("".join(amount + unit for amount, unit in parts)) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "soon", "1s or so", "1 s", "s", "nan", "inf", "1e400", "-1s", "1735689600000"])
def test_anything_else_is_no_duration(text):
    assert parse_duration(text) is None


HEADERS = ["retry-after", "retry-after-ms", "x-ratelimit-reset-requests", "anthropic-ratelimit-tokens-reset"]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(HEADERS), st.text(max_size=30)))
def test_no_header_breaks_the_reading(headers):
    used_up = {"x-ratelimit-remaining-requests": "0", "anthropic-ratelimit-tokens-remaining": "0"}
    wait = read_wait(429, headers | used_up, NOW)
    assert wait is None or 0 <= wait < math.inf
    assert 0 <= read_hold(headers | used_up, NOW) < math.inf


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.25"}, 0.25),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "7", "Retry-After-Ms": "1500"}, 1.5),
        ({"Retry-After": "7", "Retry-After-Ms": "soon"}, 7.0),
        ({"Retry-After": format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True)}, 90.0),
        ({"Retry-After": format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True)}, 0.0),
        ({"Retry-After": datetime.fromtimestamp(NOW + 90, UTC).strftime("%a, %d %b %Y %H:%M:%S -0000")}, 90.0),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "later"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_every_form(headers, seconds):
    assert read_wait(503, CIMultiDict(headers), NOW) == seconds


def test_reset_of_the_limit_that_is_used_up_counts():
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m30s",
        "x-ratelimit-remaining-tokens": "4000",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert read_wait(429, headers, NOW) == 90.0
    assert read_wait(429, headers | {"x-ratelimit-remaining-tokens": "0"}, NOW) == 360.0
    assert read_wait(429, headers | {"x-ratelimit-remaining-requests": "1"}, NOW) is None
    assert read_wait(429, headers | {"retry-after": "2"}, NOW) == 2.0
    assert read_wait(500, headers, NOW) is None
    assert read_hold(headers, NOW) == 90.0
    assert read_hold(headers | {"x-ratelimit-remaining-requests": "1"}, NOW) == 0.0


@pytest.mark.parametrize("kind", ["requests", "tokens", "input-tokens", "output-tokens"])
def test_times_of_anthropic_are_seconds_from_now(kind):
    reset = (datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=12)).strftime("%Y-%m-%dT%H:%M:%SZ")
    headers = {f"anthropic-ratelimit-{kind}-remaining": "0", f"anthropic-ratelimit-{kind}-reset": reset}
    assert read_wait(429, headers, NOW) == 12.0
    assert read_hold(headers, NOW) == 12.0


def test_a_time_of_no_zone_says_nothing():
    headers = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "2027-01-15T08:00:12"}
    assert read_wait(429, headers, NOW) is None
