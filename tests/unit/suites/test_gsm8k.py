import json
from collections import Counter

import pytest

from pytest_lleval.core.errors import AssetError, DatasetError, UsageError
from pytest_lleval.core.records import Completion
from pytest_lleval.core.settings import Settings
from pytest_lleval.suites import gsm8k_data
from pytest_lleval.suites.gsm8k import gsm8k
from pytest_lleval.suites.gsm8k_data import load_gsm8k
from pytest_lleval.suites.prompting import build_request


@pytest.fixture(scope="module")
def plain(data_dir):
    return load_gsm8k(0)


@pytest.fixture
def alone(monkeypatch, tmp_path):
    monkeypatch.delenv("LLEVAL_DATA_DIR", raising=False)
    monkeypatch.setenv("LLEVAL_CACHE_DIR", str(tmp_path / "cache"))


def read_rows(data_dir, split):
    text = (data_dir / "gsm8k" / f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.strip().split("\n")]


def ask(dataset, number=0, **parameters):
    return build_request(gsm8k(**parameters), dataset, dataset.samples[number], Settings(), 7)


def test_the_test_split_has_1319_problems_with_the_number_as_target(plain, data_dir):
    rows = read_rows(data_dir, "test")
    assert [sample.id for sample in plain.samples] == [f"test/{number}" for number in range(1319)]
    assert [sample.input for sample in plain.samples] == [row["question"] for row in rows]
    assert plain.samples[0].target == "18"
    assert plain.edition == "test split (1,319)"


def test_commas_and_signs_of_the_targets_survive_and_are_scored(plain):
    targets = [sample.target for sample in plain.samples]
    assert Counter("," in target for target in targets)[True] == 14
    assert Counter(target.startswith("-") for target in targets)[True] == 2
    for sample in plain.samples:
        bare = sample.target.replace(",", "")
        scores = [scorer(sample, Completion(text=f"So.\n#### {bare}", model="m")) for scorer in gsm8k().scorers]
        assert [(score.name, score.value) for score in scores] == [("flexible", 1), ("strict", 1)]


def test_the_worked_answer_is_not_in_the_sample(plain):
    assert not any(sample.metadata for sample in plain.samples)


def test_without_examples_the_notation_is_asked_for(plain):
    (message,) = ask(plain).messages
    assert "#### <number>" in message.content
    assert message.content.endswith(plain.samples[0].input)


def test_five_examples_are_the_first_of_the_train_split_verbatim(data_dir):
    rows = read_rows(data_dir, "train")[:5]
    dataset = load_gsm8k(5)
    prompt = ask(dataset, num_fewshot=5, style="original").prompt
    assert prompt == (
        "".join(f"Question: {row['question']}\nAnswer: {row['answer']}\n\n" for row in rows)
        + f"Question: {dataset.samples[0].input}\nAnswer:"
    )
    messages = ask(dataset, num_fewshot=5).messages
    assert [message.content for message in messages[1::2]] == [row["answer"] for row in rows]
    assert messages[-1].content == f"Question: {dataset.samples[0].input}\nAnswer:"


def test_eight_examples_are_those_of_wei_et_al_with_the_strict_ending(data_dir):
    yaml = pytest.importorskip("yaml")
    task = (data_dir / "lm_eval_tasks" / "gsm8k" / "gsm8k-cot.yaml").read_text(encoding="utf-8")
    published = yaml.safe_load(task)["fewshot_config"]["samples"]
    shots = load_gsm8k(8).fewshot[""]
    assert [shot.input for shot in shots] == [sample["question"] for sample in published]
    endings = [f" The answer is {shot.target}." for shot in shots]
    assert [
        shot.metadata["solution"].replace(f"\n#### {shot.target}", ending)
        for shot, ending in zip(shots, endings, strict=True)
    ] == [sample["target"] for sample in published]


@pytest.mark.parametrize("count", [5, 8])
def test_each_worked_example_scores_one_by_both_scorers(data_dir, count):
    for shot in load_gsm8k(count).fewshot[""]:
        answer = Completion(text=str(shot.metadata["solution"]), model="m")
        assert [scorer(shot, answer).value for scorer in gsm8k().scorers] == [1, 1]


def test_the_original_style_stops_where_the_harness_stops(plain):
    request = ask(plain, style="original")
    assert request.prompt == f"Question: {plain.samples[0].input}\nAnswer:"
    assert request.generation.stop == ("Question:", "</s>", "<|im_end|>")


@pytest.mark.parametrize("count", [-1, 1, 3, 9])
def test_another_number_of_examples_is_refused(count):
    with pytest.raises(UsageError, match=f"num_fewshot={count} of gsm8k must be 0, 5 or 8"):
        gsm8k(num_fewshot=count)


def test_without_data_and_hub_the_ways_are_named(alone, monkeypatch):
    monkeypatch.setattr(gsm8k_data, "can_read_hub", lambda: False)
    with pytest.raises(AssetError, match=r"pip install 'pytest-lleval\[hub\]'.*LLEVAL_DATA_DIR .*gsm8k/test\.jsonl"):
        load_gsm8k(0)


def test_a_hub_that_gives_nothing_is_quoted(alone, monkeypatch):
    def fail(place, progress=None):
        raise AssetError("no route to the hub")

    monkeypatch.setattr(gsm8k_data, "can_read_hub", lambda: True)
    monkeypatch.setattr(gsm8k_data, "fetch_hub_file", fail)
    with pytest.raises(AssetError, match=r"no route to the hub; make the hub reachable, or set LLEVAL_DATA_DIR"):
        load_gsm8k(0)


@pytest.fixture
def hub(data_dir, monkeypatch, tmp_path):
    """Both splits in the form of the hub."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def fetch(place, progress=None):
        split = place.path.removeprefix("main/").partition("-")[0]
        path = tmp_path / f"{split}.parquet"
        parquet.write_table(pyarrow.Table.from_pylist(read_rows(data_dir, split)), path)
        return path

    monkeypatch.setattr(gsm8k_data, "fetch_hub_file", fetch)


def test_the_tables_of_the_hub_give_the_same_content(plain, hub, alone):
    dataset = load_gsm8k(0)
    assert dataset.digest == plain.digest
    assert dataset.origin == "hub dataset openai/gsm8k@cc7b047b6e5b"
    assert [shot.id for shot in load_gsm8k(5).fewshot[""]] == [f"train/{number}" for number in range(5)]


def test_a_changed_file_is_refused(data_dir, monkeypatch, tmp_path):
    (tmp_path / "gsm8k").mkdir()
    content = (data_dir / "gsm8k" / "test.jsonl").read_bytes()
    (tmp_path / "gsm8k" / "test.jsonl").write_bytes(content.replace(b"#### 18", b"#### 19", 1))
    monkeypatch.setenv("LLEVAL_DATA_DIR", str(tmp_path))
    with pytest.raises(AssetError, match=r"is not asset 'gsm8k \(test split\)'"):
        load_gsm8k(0)


def test_a_changed_table_is_refused_by_its_content(hub, alone, monkeypatch):
    monkeypatch.setattr(gsm8k_data, "_TEST_DIGEST", "0" * 64)
    with pytest.raises(DatasetError, match=r"from hub dataset openai/gsm8k.*not 0{64}"):
        load_gsm8k(0)
