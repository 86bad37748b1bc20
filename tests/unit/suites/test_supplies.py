import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.records import Disclosure, Sample
from pytest_lleval.scoring.scorers import exact
from pytest_lleval.suites import supplies
from pytest_lleval.suites.definition import Dataset, Suite
from pytest_lleval.suites.registry import ChosenSuite
from pytest_lleval.suites.sources import load_dataset

text = st.text(max_size=20)
values = st.recursive(st.none() | st.booleans() | st.integers() | text, lambda inner: st.lists(inner, max_size=3))
samples = st.builds(
    Sample,
    id=text,
    input=text,
    target=text | st.lists(text, min_size=1, max_size=3).map(tuple),
    choices=st.lists(text, max_size=4).map(tuple),
    group=text,
    metadata=st.dictionaries(text, values, max_size=3),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(supplies, "_folder", None)
    supplies.use_supplies(tmp_path)
    return tmp_path


def make_suite(dataset: object, **parameters: object) -> Suite:
    return Suite(name="own", version="1", dataset=dataset, scorers=[exact()], parameters=parameters)  # type: ignore[arg-type]


@given(rows=st.lists(samples, max_size=5), shots=st.dictionaries(text, st.lists(samples, max_size=2), max_size=2))
def test_a_dataset_comes_back_as_it_was(rows: list[Sample], shots: dict[str, list[Sample]]) -> None:
    found = (Disclosure(factor="D", severity="note", message="a cut"),)
    dataset = Dataset(name="own", edition="e", samples=rows, origin="o", fewshot=shots, disclosures=found)
    content = supplies.encode_supply(dataset)
    assert content is not None
    again = supplies._decode(json.loads(gzip.decompress(content)))
    assert again.digest == dataset.digest
    assert (list(again.samples), again.disclosures, again.edition) == (rows, found, "e")


def test_a_suite_takes_what_was_supplied_instead_of_loading(folder: Path) -> None:
    def load(_: object) -> Dataset:
        raise AssertionError("there is nothing to load on this machine")

    suite = make_suite(load, edition="auto")
    dataset = Dataset(name="own", edition="full", samples=(Sample(id="1", input="?"),), origin="elsewhere")
    content = supplies.encode_supply(dataset)
    assert content is not None
    (folder / supplies.name_supply(suite)).write_bytes(content)
    assert load_dataset(ChosenSuite(suite=suite, group=None, folder=None, source="test")).edition == "full"


def test_a_suite_with_other_parameters_takes_nothing(folder: Path) -> None:
    dataset = Dataset(name="own", edition="full", samples=(Sample(id="1", input="?"),))
    content = supplies.encode_supply(dataset)
    assert content is not None
    (folder / supplies.name_supply(make_suite([], edition="auto"))).write_bytes(content)
    assert supplies.find_supply(make_suite([], edition="other")) is None


def test_what_would_come_back_as_something_else_is_not_supplied() -> None:
    for value in (object(), (1, 2), float("nan"), {1: 2}):
        dataset = Dataset(name="own", edition="e", samples=(Sample(id="1", input="?", metadata={"x": value}),))
        assert supplies.encode_supply(dataset) is None
