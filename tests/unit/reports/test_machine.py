import copy
import functools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matrix_runs import cross, write_matrix_run
from run_parts import describe_suite, make_record, write_run
from trust_parts import SERVER, alter, answer_all

from pytest_lleval.core.records import Disclosure
from pytest_lleval.execution.rundir import MANIFEST, read_manifest, write_json
from pytest_lleval.reports.machine import encode_report, is_intact
from pytest_lleval.reports.view import load_view

SUBSET = Disclosure(factor="D", severity="note", message="a subset of 3", evidence={"of": 3})


@functools.cache
def make_report() -> dict[str, Any]:
    """The report of a run with findings of all kinds, as it is read back from its file."""
    records = [alter(record, model="m-mini" if at % 9 == 0 else "m-2026") for at, record in enumerate(answer_all())]
    records[3] = alter(records[3], cached=True)
    suite = describe_suite(metrics=["accuracy", "macro_accuracy"])
    with tempfile.TemporaryDirectory() as folder:
        run = write_run(
            Path(folder) / "run",
            [*records, make_record("failed", None)],
            identities=[SERVER],
            suites=[suite],
            disclosures=[SUBSET],
        )
        write_json(run / MANIFEST, {**read_manifest(run), "settings": {"acknowledged": {"F2": "on purpose"}}})
        return json.loads(json.dumps(encode_report(load_view(run))))


def list_places(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything inside a report, except its digest."""
    if path and path != ("digest",):
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inside:
        yield from list_places(part, *path, name)


def find_holder(report: dict[str, Any], path: tuple[Any, ...]) -> Any:
    return functools.reduce(lambda holder, name: holder[name], path[:-1], report)


PLACES = st.deferred(lambda: st.sampled_from(list(list_places(make_report()))))
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just([]), st.just({}))


def test_a_report_that_was_read_back_is_intact() -> None:
    report = make_report()
    assert is_intact(report)
    assert is_intact(json.loads(json.dumps(report, indent=2, sort_keys=True)))
    assert len(report["digest"]) == 64


def test_a_report_holds_numbers_and_all_their_findings() -> None:
    report = make_report()
    assert report["trustworthy"] is False
    assert [verdict["factor"] for verdict in report["factors"]] == ["F1", "F2", "F3", "F4", "F5", "E"]
    assert {found["factor"] for found in report["disclosures"]} >= {"F2", "F3", "D"}
    assert report["acknowledged"] == {"F2": "on purpose"}
    assert report["baseline"] is None


def test_a_report_holds_the_size_matrix(tmp_path: Path) -> None:
    view = load_view(write_matrix_run(tmp_path / "run", cross()))
    report = json.loads(json.dumps(encode_report(view), allow_nan=False))
    assert view.matrix is not None
    assert report["matrix"]["crossovers"][0]["crossings"][0]["faster_above"] == "b"
    assert is_intact(report)
    assert make_report()["matrix"] is None


@given(path=PLACES)
@settings(max_examples=200, deadline=None)
def test_every_removal_breaks_the_digest(path: tuple[Any, ...]) -> None:
    report = copy.deepcopy(make_report())
    del find_holder(report, path)[path[-1]]
    assert not is_intact(report)


@given(path=PLACES, value=VALUES)
@settings(max_examples=200, deadline=None)
def test_every_change_breaks_the_digest(path: tuple[Any, ...], value: Any) -> None:
    report = copy.deepcopy(make_report())
    holder = find_holder(report, path)
    same = json.dumps(holder[path[-1]]) == json.dumps(value)
    holder[path[-1]] = value
    assert is_intact(report) == same


@pytest.mark.parametrize("place", ["disclosures", "factors"])
def test_findings_in_another_order_break_the_digest(place: str) -> None:
    report = copy.deepcopy(make_report())
    report[place].reverse()
    assert not is_intact(report)


@given(name=st.text(max_size=5), value=VALUES)
@settings(max_examples=50, deadline=None)
def test_what_is_added_breaks_the_digest(name: str, value: Any) -> None:
    report = make_report()
    assert name in report or not is_intact({**report, name: value})


@pytest.mark.parametrize("digest", [None, "", "0" * 64])
def test_a_digest_that_is_none_of_it_is_not_intact(digest: str | None) -> None:
    assert not is_intact({**make_report(), "digest": digest})
    assert not is_intact({name: value for name, value in make_report().items() if name != "digest"})
    assert not is_intact({})
