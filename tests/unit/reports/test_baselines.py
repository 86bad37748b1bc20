import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from result_parts import make_results

from pytest_lleval.core.errors import RunDirectoryError, UsageError
from pytest_lleval.core.results import Results, SampleResult
from pytest_lleval.reports.baselines import read_baseline, write_baseline

FACTS = {"created": 1.0, "disclosures": [{"factor": "E", "severity": "warning", "message": "busy"}]}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "base.json"


def test_what_is_written_is_read_back(file):
    results = make_results([1.0, 0.5, None], groups={0: "g"}, clusters={1: "c"}, costs={0: 0.25})
    write_baseline(file, [results], FACTS)
    found = read_baseline(file)
    assert list(found.results) == [results]
    assert found.disclosures[0].message == "busy"
    assert found.place == str(file)


def test_each_sample_is_one_line_and_an_unchanged_run_is_an_unchanged_file(file):
    write_baseline(file, [make_results([1.0, 0.0, 1.0])], FACTS)
    before = file.read_text(encoding="utf-8")
    assert sum('"q0000' in line for line in before.splitlines()) == 3
    write_baseline(file, [make_results([1.0, 1.0, 1.0])], FACTS)
    after = file.read_text(encoding="utf-8")
    changed = [pair for pair in zip(before.splitlines(), after.splitlines(), strict=True) if pair[0] != pair[1]]
    # the sample, the mean, the digest
    assert len(changed) == 3
    assert json.loads(after)["results"][0]["means"] == {"samples": 3, "exact": 1}


def test_a_file_that_was_changed_by_hand_is_refused(file):
    write_baseline(file, [make_results([1.0, 0.0])], FACTS)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"q00001": [0,', '"q00001": [1,'), encoding="utf-8")
    with pytest.raises(RunDirectoryError, match="does not match its digest"):
        read_baseline(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ("[]", "is no baseline; --lleval-save-baseline writes one"),
        ('{"format": "other"}', "is no baseline"),
        ('{"format": "lleval-baseline", "schema": 99}', "written with schema 99, this version reads 1"),
    ],
)
def test_other_files_are_refused_by_name(file, text, words):
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RunDirectoryError, match=words) as caught:
        read_baseline(file)
    assert str(file) in str(caught.value)


def test_a_missing_file_is_a_usage_error(file):
    with pytest.raises(UsageError, match="cannot be read"):
        read_baseline(file)


def test_a_folder_that_is_gone_is_named(tmp_path):
    with pytest.raises(RunDirectoryError, match="nowhere"):
        write_baseline(tmp_path / "nowhere" / "base.json", [make_results([1.0])], FACTS)


def test_a_baseline_gives_the_same_model_first_and_else_the_only_one(file):
    one, two = make_results([1.0], model="a"), make_results([0.0], model="b")
    write_baseline(file, [one, two], FACTS)
    found = read_baseline(file)
    assert found.find("s", "b").samples["q00000"].scores == (0.0,)
    assert found.find("s", "c") is None
    assert found.find("t", "a") is None
    write_baseline(file, [one], FACTS)
    assert read_baseline(file).find("s", "c").model == "a"


SCORES = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 1.0]))
ROWS = st.builds(
    SampleResult,
    st.tuples(SCORES, SCORES),
    epochs=st.integers(1, 9),
    group=st.text(max_size=5),
    seconds=st.one_of(st.none(), st.sampled_from([0.5, 12.0])),
    input_tokens=st.one_of(st.none(), st.just(7.0)),
    output_tokens=st.just(3.0),
    cost=st.one_of(st.none(), st.just(0.25)),
)


@given(samples=st.dictionaries(st.text(max_size=8), ROWS, max_size=6))
@settings(deadline=None)
def test_any_names_and_values_survive_the_file(tmp_path_factory, samples):
    file = tmp_path_factory.mktemp("b") / "base.json"
    results = Results(suite="s", model="m", facts={"version": "1"}, scorers=("x", "y"), samples=samples)
    write_baseline(file, [results], {"disclosures": []})
    assert read_baseline(file).results[0] == results
