import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.support.digest import digest_file, digest_json, digest_parts, encode_canonical

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(ANY_TEXT, VALUES, max_size=5), st.randoms())
def test_bytes_do_not_depend_on_key_order(value, random):
    items = list(value.items())
    random.shuffle(items)
    assert encode_canonical(dict(items)) == encode_canonical(value)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_bytes_hold_the_whole_value(value):
    assert json.loads(encode_canonical(value)) == value


def test_bytes_are_these():
    assert encode_canonical({"b": [1, 2.5, None], "a": "é"}) == b'{"a":"\\u00e9","b":[1,2.5,null]}'


def test_lone_surrogate_has_bytes():
    assert encode_canonical("\ud800") == b'"\\ud800"'
    assert digest_json("\ud800") != digest_json("\udfff")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_value_without_json_is_refused(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest_json(value)


def test_json_digest_is_the_sha256_of_the_bytes():
    assert digest_json({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


def test_parts_are_kept_apart():
    assert digest_parts(["ab", "c"]) != digest_parts(["a", "bc"])
    assert digest_parts([[1], 2]) != digest_parts([1, [2]])
    assert digest_parts(iter(["a", "b"])) == hashlib.sha256(b'"a"\n"b"\n').hexdigest()


def test_file_digest_spans_chunks(tmp_path):
    content = bytes(range(256)) * 5000
    path = tmp_path / "file.bin"
    path.write_bytes(content)
    assert digest_file(path) == hashlib.sha256(content).hexdigest()
