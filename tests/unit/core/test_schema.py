import copy
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_parts import make_completion, make_record, make_request

from pytest_lleval.core.encoding import decode_record, dump_record, encode_record
from pytest_lleval.core.records import Exchange, FailedAttempt, SeedCheck, TokenLogprob, Trace
from pytest_lleval.core.schema import find_misfit, is_count, is_json, is_number

TRACE = Trace(
    prompt="a" * 64,
    altered={"prompt": {"system": "", "turns": [["user", "x"]]}, "sampling": {"top_p": 0.5}},
    peers=("10.0.0.1:80",),
    created=1.7e9,
    opened=1,
)
FULL = make_record(
    "x",
    completion=make_completion(trace=TRACE, logprobs=(TokenLogprob(token="A", logprob=-math.inf, top={"B": -1.5}),)),
    failures=(FailedAttempt(error="503", status=503, seconds=0.1, waited=1.0),),
    seed_check=SeedCheck(same_text=False, logprob_difference=0.1, text="B"),
    flags=("F1",),
    cluster="c",
    earlier=(Exchange(request=make_request(), completion=make_completion(), started=1.0),),
)
RAW: dict[str, Any] = json.loads(dump_record(FULL))


def list_places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Return where in JSON values something stands."""
    found = [path] if path else []
    if isinstance(value, dict):
        for name, part in value.items():
            found += list_places(part, (*path, name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            found += list_places(part, (*path, number))
    return found


def put(raw: dict[str, Any], path: tuple[Any, ...], value: object) -> dict[str, Any]:
    changed = copy.deepcopy(raw)
    place = changed
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    "record",
    [
        FULL,
        make_record("x"),
        make_record("x", None),
        make_record("x", completion=make_completion(cached=True, fingerprint=None, response_id=None)),
    ],
)
def test_what_is_written_fits_before_and_after_it_was_written(record: Any) -> None:
    assert find_misfit(encode_record(record)) == ""
    assert find_misfit(json.loads(dump_record(record))) == ""


NASTY = st.sampled_from(
    [None, True, -1, 0.5, math.nan, math.inf, 1e300, 10**400, "", "x", [], {}, [1], {"x": 1}, [None], {"<b>": []}]
)


@given(path=st.sampled_from(list_places(RAW)), value=NASTY)
def test_whatever_is_put_in_a_place_is_refused_or_can_be_read(path: tuple[object, ...], value: object) -> None:
    changed = put(RAW, path, value)
    if not find_misfit(changed):
        record = decode_record(changed)
        assert find_misfit(json.loads(dump_record(record))) == ""
        hash((record.case, record.suite, record.sample, record.model, record.worker, record.epoch, record.outcome))
        assert all(0 <= score.value <= 1 for score in record.scores)


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        (("schema",), 2, "schema"),
        (("schema",), True, "schema"),
        (("scores", 0, "value"), 1.5, "scores"),
        (("scores", 0, "value"), math.nan, "scores"),
        (("scores", 0, "more"), 1, "scores"),
        (("outcome",), "unscored", "cause"),
        (("cause",), "error", "cause"),
        (("completion", "usage", "input"), "7", "completion"),
        (("completion", "timing", "total"), math.inf, "completion"),
        (("completion", "trace", "altered"), {"more": 1}, "completion"),
        (("request", "seed"), 1 << 70, "request"),
        (("flags",), ["F9"], "flags"),
        (("epoch",), True, "epoch"),
        (("epoch",), -1, "epoch"),
        (("<script>",), 1, "<script>"),
    ],
)
def test_what_does_not_fit_is_named(path: tuple[object, ...], value: object, name: str) -> None:
    assert find_misfit(put(RAW, path, value)) == name


@pytest.mark.parametrize("name", [name for name in RAW if name not in ("cause", "error")])
def test_what_is_missing_is_named_or_was_never_needed(name: str) -> None:
    raw = {key: value for key, value in RAW.items() if key != name}
    found = find_misfit(raw)
    assert found in ("", name)
    if not found:
        decode_record(raw)


@pytest.mark.parametrize("raw", [None, [], "x", 7, {}])
def test_what_is_no_table_is_no_record(raw: object) -> None:
    assert find_misfit(raw)


def test_a_truth_value_is_no_number() -> None:
    assert not is_number(True)
    assert not is_count(False)
    assert is_number(1.5)
    assert not is_number(math.nan)


@given(depth=st.integers(0, 64))
def test_values_are_nested_so_deep_and_no_deeper(depth: int) -> None:
    value: object = 1
    for _ in range(depth):
        value = [value]
    assert is_json(value) == (depth <= 32)
