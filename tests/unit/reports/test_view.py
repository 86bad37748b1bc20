import json
from pathlib import Path

import pytest
from run_parts import MOCK, MOCK_NOTE, describe_suite, make_completion, make_identity, make_record, write_run

from pytest_lleval.core.errors import RunDirectoryError
from pytest_lleval.core.records import Disclosure
from pytest_lleval.execution.rundir import JOURNAL
from pytest_lleval.reports.machine import encode_report
from pytest_lleval.reports.view import load_view


def test_a_view_is_computed_from_the_directory_alone(tmp_path: Path) -> None:
    records = [make_record("a", 1.0, group="y"), make_record("b", 0.0, group="z")]
    run = write_run(tmp_path / "run", records, suites=[describe_suite(metrics=["accuracy", "macro_accuracy"])])
    view = load_view(run)
    (summary,) = view.suites
    assert [(metric.name, metric.estimate.value) for metric in summary.metrics] == [
        ("accuracy", 0.5),
        ("macro_accuracy", 0.5),
    ]
    assert view.identities == [make_identity()]
    assert view.disclosures == ()
    assert view.datasets[0]["digest"] == "d" * 64
    assert view.directory == str(run)


def test_the_wall_time_is_that_of_all_sessions_without_the_pauses(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [], sessions=[(100.0, 107.0), (5000.0, 5003.5)])
    assert load_view(run).wall == 10.5


def test_disclosures_of_datasets_models_and_records_come_together(tmp_path: Path) -> None:
    subset = Disclosure(factor="D", severity="note", message="a subset", evidence={"of": 3})
    records = [make_record("a"), make_record("b", model="mock/fixed:A")]
    run = write_run(tmp_path / "run", records, identities=[MOCK, make_identity()], disclosures=[subset])
    found = load_view(run).disclosures
    assert MOCK_NOTE in found
    assert subset in found
    # the mock said it was fixed:A, the record says another model has answered
    assert [(item.factor, item.severity) for item in found] == [("F2", "critical"), ("F3", "critical"), ("D", "note")]


def test_only_the_latest_record_of_an_epoch_is_seen_by_numbers_and_disclosures(tmp_path: Path) -> None:
    wrong = make_record("a", 0.0, completion=make_completion(model="another"))
    view = load_view(write_run(tmp_path / "run", [wrong, make_record("a", 1.0)]))
    assert view.suites[0].metrics[0].estimate.value == 1.0
    assert view.disclosures == ()


def test_a_run_that_is_still_empty_has_a_view(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [], identities=[MOCK])
    (run / JOURNAL).unlink()
    view = load_view(run)
    assert view.suites == ()
    assert view.disclosures == (MOCK_NOTE,)


def test_a_directory_that_is_no_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"manifest\.json: cannot be read"):
        load_view(tmp_path)


def test_the_machine_readable_report_keeps_numbers_and_disclosures_together(tmp_path: Path) -> None:
    record = make_record("a", model=MOCK.spec, completion=make_completion(model="fixed:A", fingerprint=None))
    report = encode_report(load_view(write_run(tmp_path / "run", [record], identities=[MOCK])))
    assert json.loads(json.dumps(report)) == {**report, "suites": json.loads(json.dumps(report["suites"]))}
    assert report["suites"][0]["metrics"][0]["estimate"]["value"] == 1.0
    assert [found["factor"] for found in report["disclosures"]] == ["F3"]
    assert report["models"][0]["kind"] == "mock"
    assert report["wall_seconds"] == 2.0
