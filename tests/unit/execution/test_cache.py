import itertools
import time
from pathlib import Path

import pytest
from cache_parts import SCOPE, answer, find_texts, keep_answers, question, use_cache
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.errors import CallError, UsageError
from pytest_lleval.core.records import Completion, Timing, TokenLogprob, Usage
from pytest_lleval.execution.cache import open_cache

anything = st.text(st.characters(codec=None), max_size=30)
seconds = st.none() | st.floats(0, 1e6)
counts = st.none() | st.integers(0, 10**9)
logprobs = st.floats(max_value=0, allow_nan=False)
tokens = st.builds(TokenLogprob, token=anything, logprob=logprobs, top=st.dictionaries(anything, logprobs, max_size=3))
completions = st.builds(
    Completion,
    text=anything,
    model=anything,
    fingerprint=st.none() | anything,
    response_id=st.none() | anything,
    stop_reason=st.sampled_from(["stop", "length", "refused", "tool", "unknown"]),
    usage=st.builds(Usage, input_tokens=counts, output_tokens=counts, cached_tokens=counts),
    timing=st.builds(Timing, queued=st.floats(0, 1e6), connect=seconds, first_byte=seconds, total=st.floats(0, 1e6)),
    logprobs=st.lists(tokens, max_size=3).map(tuple),
    hold=st.floats(0, 60),
)
numbers = itertools.count()


@given(completion=completions)
@settings(deadline=None, max_examples=50)
def test_an_answer_comes_back_as_it_was_but_for_its_time(completion: Completion) -> None:
    request = question(next(numbers))
    cache = use_cache()
    assert cache.find(request, SCOPE, 1) is None
    cache.keep(request, SCOPE, 1, completion)
    cache.close()
    again = use_cache()
    found = again.find(request, SCOPE, 1)
    again.close()
    assert cache.problem == again.problem == ""
    assert found is not None
    assert (found.cached, found.timing, found.hold) == (True, Timing(), 0.0)
    for name in ("text", "model", "fingerprint", "response_id", "stop_reason", "usage", "logprobs"):
        assert getattr(found, name) == getattr(completion, name)


def test_an_answer_is_found_by_its_own_epoch_and_backend_alone() -> None:
    keep_answers([1])
    cache = use_cache()
    assert cache.find(question(1), SCOPE, 1) is not None
    assert cache.find(question(1), SCOPE, 2) is None
    assert cache.find(question(1), SCOPE + " ", 1) is None
    assert cache.find(question(2), SCOPE, 1) is None
    cache.close()


@pytest.mark.parametrize("temperature", [0.7, 1e-9, None])
def test_answers_that_may_differ_are_not_kept(temperature: float | None, response_cache: Path) -> None:
    cache = use_cache()
    cache.keep(question(temperature=temperature), SCOPE, 1, answer())
    assert cache.find(question(temperature=temperature), SCOPE, 1) is None
    cache.close()
    assert not response_cache.exists()


def test_an_answer_from_a_cache_is_not_kept_again(response_cache: Path) -> None:
    cache = use_cache()
    cache.keep(question(), SCOPE, 1, answer(cached=True))
    cache.close()
    assert not response_cache.exists()


def test_off_is_no_cache_at_all() -> None:
    assert open_cache("off") is None


def test_refresh_asks_again_and_keeps_the_new_answer() -> None:
    keep_answers([1], "old")
    assert find_texts([1], mode="refresh") == [None]
    assert keep_answers([1], "new", mode="refresh") == ""
    assert find_texts([1]) == ["new"]


def test_only_finds_and_never_keeps() -> None:
    keep_answers([1])
    assert keep_answers([2], mode="only") == ""
    assert find_texts([1], mode="only") == ["A"]
    assert find_texts([2]) == [None]


@pytest.mark.parametrize("filled", [True, False])
def test_only_fails_a_call_that_was_not_kept(filled: bool, response_cache: Path) -> None:
    if filled:
        keep_answers([1])
    cache = use_cache("only")
    with pytest.raises(CallError, match=r"^not in the response cache; run with --lleval-cache=on$") as caught:
        cache.find(question(2), SCOPE, 1)
    cache.close()
    assert not caught.value.retryable
    assert cache.problem == ""
    assert response_cache.exists() == filled


def test_only_fails_a_call_that_could_not_have_been_kept() -> None:
    cache = use_cache("only")
    with pytest.raises(CallError, match=r"temperature 0\.5, and only 0 is in the response cache; run with --lleval-"):
        cache.find(question(temperature=0.5), SCOPE, 1)
    cache.close()


def wait_for(number: int, seconds: float) -> bool:
    """Wait until another cache finds the answer to a question."""
    other = use_cache()
    deadline = time.monotonic() + seconds
    while (found := other.find(question(number), SCOPE, 1)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    other.close()
    return found is not None


@pytest.mark.parametrize("count", [1, 200])
def test_an_answer_is_written_while_the_cache_is_still_open(count: int) -> None:
    cache = use_cache()
    for number in range(count):
        cache.keep(question(number), SCOPE, 1, answer())
    assert wait_for(count - 1, 20)
    assert cache.find(question(0), SCOPE, 1) is not None
    cache.close()


def test_a_closed_cache_neither_finds_nor_keeps() -> None:
    keep_answers([1])
    cache = use_cache()
    cache.close()
    cache.keep(question(2), SCOPE, 1, answer())
    assert cache.find(question(1), SCOPE, 1) is None
    cache.close()
    assert cache.problem == ""
    assert find_texts([1, 2]) == ["A", None]


def test_the_file_lies_below_the_cache_folder_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLEVAL_RESPONSE_CACHE")
    monkeypatch.setenv("LLEVAL_CACHE_DIR", str(tmp_path))
    keep_answers([1])
    assert [path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*.sqlite")] == ["responses"]
    assert find_texts([1]) == ["A"]


@pytest.mark.parametrize("size", ["much", "0", "-1", "nan", "inf"])
def test_a_size_that_is_none_is_refused(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLEVAL_RESPONSE_CACHE_MB", size)
    with pytest.raises(UsageError, match=f"LLEVAL_RESPONSE_CACHE_MB='{size}' is no size in MB above 0"):
        open_cache("on")
    assert open_cache("off") is None
