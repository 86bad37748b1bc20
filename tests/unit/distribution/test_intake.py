import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import ViolationError
from pytest_lleval.disclosure.stability import judge_environment
from pytest_lleval.distribution.intake import MOST_MESSAGE, accept_machine, accept_message

#: one of each that a worker of ours says
HONEST: list[tuple[Any, ...]] = [
    ("ready", 4711, True, "s::1[m]\ns::2[m]"),
    ("beat",),
    ("records", "{}"),
    ("audited", "1", "{}", "null"),
    ("mark", "s::1[m]"),
    ("need", 1, "openai/m", 300, None),
    ("need", 1, "openai/m", 300, 16),
    ("spent", 1, 300, 16, 0),
    ("spent", 1, None, None, None),
    ("limit", "openai/m", 1.7e9, 4, "overload"),
    ("machine", "{}"),
]


@pytest.mark.parametrize("message", HONEST, ids=lambda message: message[0])
def test_what_honest_workers_say_is_taken(message: tuple[Any, ...]) -> None:
    assert accept_message(message) == message


@pytest.mark.parametrize(
    "message",
    [
        None,
        "records",
        [],
        (),
        (1,),
        ["beat"],
        {"a": 1},
        ("shout", "x"),
        ("records",),
        ("records", b"{}"),
        ("records", "x" * (MOST_MESSAGE + 1)),
        ("ready", 0, True, ""),
        ("ready", True, True, ""),
        ("ready", 1 << 40, True, ""),
        ("ready", 1, 1, ""),
        ("beat", 1),
        ("mark", "x" * 5000),
        ("need", -1, "m", 1, None),
        ("need", 1, "m", 1.5, None),
        ("need", 1, "m", 1, -1),
        ("spent", 1, math.nan, 0, 0),
        ("spent", 1, math.inf, 0, 0),
        ("spent", "1", 0, 0, 0),
        ("limit", "m", math.inf, 1, "x"),
        ("limit", "m", 1.0, -1, "x"),
        ("machine", "x" * 70_000),
        ("machine", {}),
        ("audited", "1", "{}"),
    ],
    ids=lambda message: f"{message!r:.40}",
)
def test_what_no_honest_worker_says_is_refused(message: object) -> None:
    with pytest.raises(ViolationError):
        accept_message(message)


def test_a_machine_is_read_as_it_was_told() -> None:
    found = {"fingerprint": {"cpu": "x", "gpus": [{"name": "y"}]}, "sample": {"at": 1.0, "load": 0.5}, "cpu": 2.0}
    assert accept_machine(json.dumps(found)) == found
    assert accept_machine('{"reseeded": {"suite x": 2}}') == {"reseeded": {"suite x": 2}}


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "7",
        "{",
        '{"fingerprint": 3}',
        '{"fingerprint": {"a": NaN}}',
        '{"sample": {}}',
        '{"sample": {"at": "now"}}',
        '{"sample": {"at": Infinity}}',
        '{"cpu": "much"}',
        '{"reseeded": {"x": -1}}',
        '{"<script>": 1}',
        '{"fingerprint": {"a": ' + "[" * 40 + "]" * 40 + "}}",
    ],
)
def test_what_is_nothing_of_a_machine_is_refused(text: str) -> None:
    with pytest.raises(ViolationError):
        accept_machine(text)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["cpu", "cpus", "packages", "gpus", "memory_bytes", "code", "reference_cpu_ms", "own_share"])


@given(fingerprint=st.dictionaries(NAMES, JSON), sample=st.dictionaries(NAMES, JSON))
def test_whatever_is_taken_can_be_judged(fingerprint: dict[str, Any], sample: dict[str, Any]) -> None:
    text = json.dumps({"fingerprint": fingerprint, "sample": {**sample, "at": 1.0}})
    try:
        found = accept_machine(text)
    except ViolationError:
        return
    honest = {"fingerprint": {"cpu": "x"}, "samples": [{"at": 0.0, "reference_cpu_ms": 1.0}]}
    judge_environment({"gw0": {"fingerprint": found["fingerprint"], "samples": [found["sample"]] * 3}, "gw1": honest})
