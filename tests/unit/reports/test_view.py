import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from environment_parts import make_worker
from run_parts import (
    MOCK,
    MOCK_NOTE,
    describe_suite,
    make_completion,
    make_identity,
    make_record,
    make_request,
    write_run,
)
from trust_parts import SERVER, alter, answer_all

from pytest_lleval.core.canonical import canonical_prompt, digest_prompt
from pytest_lleval.core.errors import RunDirectoryError
from pytest_lleval.core.records import Disclosure, Record
from pytest_lleval.execution.rundir import JOURNAL, MANIFEST, read_manifest, write_json
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


def write_trusted(run: Path, records: Sequence[Record] | None = None, **changes: Any) -> Path:
    """A run with a model server on a quiet machine; `changes` are laid over its manifest."""
    write_run(run, records if records is not None else answer_all(), identities=[SERVER])
    manifest = read_manifest(run)
    session = {"started": 0.0, "ended": 14.0, "steady": 14.0, "workers": {"main": make_worker()}}
    write_json(run / MANIFEST, {**manifest, "sessions": [session], **changes})
    return run


def test_a_run_in_which_nothing_is_wrong_is_trustworthy(tmp_path: Path) -> None:
    view = load_view(write_trusted(tmp_path / "run"))
    assert [(verdict.factor, verdict.state) for verdict in view.verdicts] == [
        (factor, "clean") for factor in ("F1", "F2", "F3", "F4", "F5", "E")
    ]
    assert view.trustworthy
    assert view.disclosures == ()
    assert view.unacknowledged == []


def test_a_finding_that_was_expected_stays_and_is_no_trust(tmp_path: Path) -> None:
    records = [alter(record, model="m-mini") for record in answer_all()]
    view = load_view(write_trusted(tmp_path / "run", records))
    assert [found.factor for found in view.unacknowledged] == ["F2"]
    settings = {"acknowledged": {"F2": "a smaller one on purpose"}}
    view = load_view(write_trusted(tmp_path / "other", records, settings=settings))
    assert view.unacknowledged == []
    assert [found.factor for found in view.disclosures] == ["F2"]
    assert not view.trustworthy


def test_the_workers_of_every_session_are_on_machines_of_their_own(tmp_path: Path) -> None:
    sessions = [{"started": 0.0, "ended": 14.0, "workers": {"gw0": make_worker()}} for _ in range(2)]
    view = load_view(write_trusted(tmp_path / "run", sessions=sessions))
    assert sorted(view.verdicts[-1].evidence) == ["gw0 of session 1", "gw0 of session 2"]


def ask_otherwise(record: Record) -> Record:
    request = make_request(record.request.messages[0].content + " Think.")
    return alter(replace(record, request=request), trace={"prompt": digest_prompt(canonical_prompt(request))})


def test_a_run_is_compared_with_its_baseline_or_with_the_one_that_is_named(tmp_path: Path) -> None:
    before = write_trusted(tmp_path / "before")
    other = write_trusted(tmp_path / "other", [ask_otherwise(record) for record in answer_all()])
    run = write_trusted(tmp_path / "run", baseline=str(before))
    assert load_view(run).baseline == str(before)
    assert load_view(run).trustworthy
    view = load_view(run, other)
    assert view.baseline == str(other)
    assert "60 of 60 prompts are others than in the baseline: truncation" in view.verdicts[0].message


def test_a_run_without_a_baseline_is_compared_with_nothing(tmp_path: Path) -> None:
    assert load_view(write_trusted(tmp_path / "run")).baseline is None


def remove_all(run: Path) -> None:
    shutil.rmtree(run)


def break_manifest(run: Path) -> None:
    (run / MANIFEST).write_text("{", encoding="utf-8")


def break_journal(run: Path) -> None:
    (run / JOURNAL).write_bytes(b"nonsense\n" + (run / JOURNAL).read_bytes())


@pytest.mark.parametrize(
    ("damage", "message"),
    [(remove_all, "is gone"), (break_manifest, "cannot be read"), (break_journal, "cannot be read")],
)
def test_a_baseline_that_is_lost_costs_the_comparison_and_not_the_report(
    tmp_path: Path, damage: Any, message: str
) -> None:
    before = write_trusted(tmp_path / "before")
    run = write_trusted(tmp_path / "run", baseline=str(before))
    damage(before)
    view = load_view(run)
    (found,) = view.further
    assert (found.factor, found.severity) == ("D", "warning")
    assert message in found.message
    assert "nothing was compared with it" in found.message
    assert view.baseline is None
    assert view.suites
    # whoever names it wants to compare with it
    with pytest.raises(RunDirectoryError):
        load_view(run, before)


def test_differences_are_explained_by_the_last_record_of_an_epoch(tmp_path: Path) -> None:
    before = write_trusted(tmp_path / "before", answer_all(2))
    first, second = answer_all(2)
    failed = replace(first, outcome="unscored", cause="error", completion=None, request=None, scores=())
    run = write_trusted(tmp_path / "run", [failed, first, ask_otherwise(first), second], baseline=str(before))
    found = next(item for item in load_view(run).disclosures if "baseline" in item.message)
    assert found.message == (
        "openai/m: 1 of 2 prompts are others than in the baseline: addition (7 characters) (first: s::q0)"
    )
