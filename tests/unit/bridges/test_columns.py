import pytest

from pytest_lleval.bridges.column_names import KEYS, read_meaning
from pytest_lleval.bridges.columns import choose_columns, parse_mapping
from pytest_lleval.core.errors import UsageError


@pytest.mark.parametrize(
    ("column", "key", "unit"),
    [
        ("latency", "latency", ""),
        ("latency_ms", "latency", "ms"),
        ("latencyMs", "latency", "ms"),
        ("Latency (ms)", "latency", "ms"),
        ("duration", "latency", ""),
        ("elapsed_s", "latency", "s"),
        ("time_ms", "latency", "ms"),
        ("response_time_us", "latency", "us"),
        ("total_time_s", "total", "s"),
        ("total_s", "total", "s"),
        ("ttft_ms", "first_byte", "ms"),
        ("startup_s", "startup", "s"),
        ("model_load_time", "startup", ""),
        ("prompt_tokens", "prompt_tokens", "tokens"),
        ("input_tokens", "prompt_tokens", "tokens"),
        ("usage.prompt_tokens", "prompt_tokens", "tokens"),
        ("prompt_chars", "prompt_chars", "chars"),
        ("n_ctx", "size", "tokens"),
        ("size", "size", ""),
        ("size_chars", "size", "chars"),
        ("prompt_words", "size", "words"),
        ("completion_tokens", "output_tokens", "tokens"),
        ("output_tokens", "output_tokens", "tokens"),
        ("output_length", "output_length", ""),
        ("response_chars", "output_chars", "chars"),
        ("status", "status", ""),
        ("error", "error", ""),
        ("model", "model", ""),
        ("response.model", "served", ""),
        ("request.model", "requested", ""),
        ("provider", "provider", ""),
        ("chars_per_sec", "rate", "chars"),
        ("tokens_per_sec", "rate", "tokens"),
        ("output tokens/s", "rate", "tokens"),
        ("tok/s", "rate", "tokens"),
        ("characters_per_second", "rate", "chars"),
        ("throughput", "rate", ""),
    ],
)
def test_usual_names_are_known_with_their_units(column: str, key: str, unit: str) -> None:
    meaning = read_meaning(column)
    assert meaning is not None
    assert (meaning.key, meaning.unit) == (key, unit)
    assert meaning.key in KEYS


@pytest.mark.parametrize(
    "column", ["", "score", "total", "load", "prompt_tokens_per_sec", "answer", "cost_usd", "miles_per_s"]
)
def test_other_names_mean_nothing(column: str) -> None:
    assert read_meaning(column) is None


def test_a_mapping_names_columns_and_units() -> None:
    mapping = parse_mapping(["latency=took[ms],size=a, b", "model=who=what", "output="])
    assert {key: (choice.column, choice.unit) for key, choice in mapping.items()} == {
        "latency": ("took", "ms"),
        "size": ("a, b", ""),
        "model": ("who=what", ""),
        "output": ("", ""),
    }


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("latency", "'latency' is not of the form KEY=COLUMN"),
        ("latncy=a", "no key is called 'latncy'; did you mean 'latency'?"),
        ("latency=a,latency=b", "'latency' is mapped twice"),
        ("latency=a[hours]", "'hours' is no unit of 'latency'; use one of s, ms, us, ns, min"),
        ("size=a[ms]", "'ms' is no unit of 'size'; use one of tokens, chars, words, bytes"),
    ],
)
def test_a_mapping_of_another_form_is_refused(word: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_mapping([word])
    assert str(caught.value).startswith(f"lleval audit --map={word}: ")
    assert message in str(caught.value)


def choose(columns: list[str], *words: str) -> dict[str, tuple[str, str]]:
    chosen = choose_columns(columns, parse_mapping(words), "f.csv")
    return {key: (column, meaning.unit) for key, (column, meaning) in chosen.items()}


def test_a_mapped_column_goes_before_a_known_name_and_is_taken_once() -> None:
    assert choose(["latency_ms", "took_s"], "latency=took_s") == {"latency": ("took_s", "s")}
    assert choose(["latency_ms", "n"], "size=n,latency=") == {"size": ("n", "")}
    assert choose(["latency", "prompt"], "latency=latency[ms]")["latency"] == ("latency", "ms")


def test_the_whole_name_goes_before_the_end_of_a_nested_one() -> None:
    assert choose(["grader.latency_ms", "latency_ms"])["latency"] == ("latency_ms", "ms")


def test_a_rate_in_tokens_goes_before_one_in_characters() -> None:
    assert choose(["chars_per_sec", "tokens_per_sec"])["rate"] == ("tokens_per_sec", "tokens")


@pytest.mark.parametrize(
    ("columns", "words", "message"),
    [
        (["latency_ms", "duration_s"], [], "f.csv: 'latency_ms' and 'duration_s' could each be the latency"),
        (["a", "b"], [], "f.csv: no column tells of prompts, answers, sizes or times by a usual name; it has 'a', 'b'"),
        (["took", "n"], ["latency=tok"], "no column is called 'tok'; did you mean 'took'?"),
    ],
)
def test_missing_and_ambiguous_columns_are_one_error_with_the_way_out(
    columns: list[str], words: list[str], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        choose(columns, *words)
    assert message in str(caught.value)
    assert "--map" in str(caught.value)
