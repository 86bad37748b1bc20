"""Nobody takes the numbers of a part for those of the whole."""

import json
from datetime import date
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from shard_runs import write_shard

from pytest_lleval.core.gates import parse_threshold
from pytest_lleval.execution.known_failures import KnownFailure, KnownFailures, encode_known_failures
from pytest_lleval.plugin.junit import annotate_junit
from pytest_lleval.reports.document import render_document
from pytest_lleval.reports.github import render_commands, render_step_summary
from pytest_lleval.reports.machine import encode_report
from pytest_lleval.reports.page.rendering import render_page
from pytest_lleval.reports.parts import find_part
from pytest_lleval.reports.terminal import render_run
from pytest_lleval.reports.view import load_view

MERGED = {
    "runs": [{"run": "1"}, {"run": "3"}],
    "shards": 3,
    "present": ["1/3", "3/3"],
    "absent": ["2/3"],
    "repeated": 0,
    "contradicted": 0,
    "first_contradicted": "",
}
GATES = (parse_threshold("-", "accuracy>=0.1"),)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    return write_shard(tmp_path / "run", "q0 q3 q6", "1/3", gates=GATES)


@pytest.fixture
def incomplete(tmp_path: Path) -> Path:
    return write_shard(tmp_path / "run", "q0 q3 q6", manifest={"merged": MERGED}, gates=GATES)


def read_texts(run: Path) -> dict[str, str]:
    view = load_view(run)
    return {
        "terminal": "\n".join(line.text for line in render_run(view)),
        "page": render_page(run, view),
        "document": render_document(run, view),
        "step summary": render_step_summary(view),
        "commands": "\n".join(render_commands(view)),
        "report": json.dumps(encode_report(view)),
    }


def test_every_report_of_a_shard_says_which_it_is(shard: Path) -> None:
    for form, text in read_texts(shard).items():
        assert "hard 1/3" in text, form


def test_every_report_of_what_is_incomplete_says_so_and_what_is_absent(incomplete: Path) -> None:
    for form, text in read_texts(incomplete).items():
        assert "ncomplete" in text, form
        assert "shard 2/3 is not among the runs" in text, form


def test_a_whole_run_has_no_part_and_a_complete_one_is_whole(tmp_path: Path) -> None:
    for name, manifest in (("plain", {}), ("merged", {"merged": {**MERGED, "absent": []}})):
        run = write_shard(tmp_path / name, "q0 q1 q2 q3 q4 q5 q6", manifest=manifest)
        assert load_view(run).part is None
        assert not any("hard 1/3" in text or "ncomplete" in text for text in read_texts(run).values())


def test_a_part_is_as_the_schema_describes_it(shard: Path) -> None:
    schema = json.loads(files("pytest_lleval.reports").joinpath("report.schema.json").read_text(encoding="utf-8"))
    report = json.loads(json.dumps(encode_report(load_view(shard))))
    jsonschema.Draft202012Validator(schema).validate(report)
    assert report["part"] == {
        "name": "shard 1/3",
        "message": "shard 1/3 of a run: 3 of the 7 samples that were chosen",
        "is_shard": True,
    }
    assert report["datasets"][0]["whole"]["samples"] == 7


def test_gates_of_a_shard_are_unmeasured_and_point_to_the_whole(shard: Path) -> None:
    (gate,) = load_view(shard).gates
    assert gate.answer == "unmeasured"
    assert gate.message.startswith("shard 1/3 of a run: 3 of the 7 samples that were chosen; a gate needs the whole: ")
    assert "`lleval merge` puts it together and judges it, `lleval gate` later" in gate.message


def test_gates_of_what_is_incomplete_are_unmeasured(incomplete: Path) -> None:
    view = load_view(incomplete)
    assert [gate.answer for gate in view.gates] == ["unmeasured"]
    assert [found.message for found in view.unacknowledged if found.factor == "D"] == [
        "incomplete: 4 of the 7 samples that were chosen have no record: shard 2/3 is not among the runs"
    ]


def test_a_gate_that_no_shard_can_judge_is_no_error_of_its_job(shard: Path, tmp_path: Path) -> None:
    view = load_view(shard)
    assert next(command.partition(" ")[0] for command in render_commands(view)) == "::notice"
    file = tmp_path / "junit.xml"
    file.write_text('<testsuites><testsuite name="pytest" errors="0" failures="0" skipped="0" tests="3"/></testsuites>')
    annotate_junit(file, view)
    (suite,) = ET.parse(file).getroot().iter("testsuite")
    assert [suite.get(name) for name in ("tests", "errors", "failures", "skipped")] == ["4", "0", "0", "1"]


def test_a_shard_without_samples_says_that_there_are_more_shards(tmp_path: Path) -> None:
    view = load_view(write_shard(tmp_path / "run", "", "8/9"))
    assert view.part is not None
    assert view.part.message.endswith("none of the 7 samples that were chosen, there are more shards than samples")


def test_what_was_known_to_fail_and_does_not_here_may_fail_in_another_shard(tmp_path: Path) -> None:
    known = KnownFailures(entries=(KnownFailure(sample="q*", reason="weak"),), today=date(2026, 1, 1))
    manifest = {"known_failures": encode_known_failures(known)}

    def tell(run: Path) -> list[str]:
        return [found.message for found in load_view(run).further if found.factor == "A"]

    assert "that do not fail any more" in tell(write_shard(tmp_path / "whole", "q0 q1", manifest=manifest))[0]
    assert tell(write_shard(tmp_path / "shard", "q0 q1", "1/3", manifest=manifest)) == []


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ", in runs that were interrupted"),
        (["3/8"], ": shard 3/8 is not among the runs"),
        (["3/8", "5/8"], ": shards 3/8 and 5/8 are not among the runs"),
        (["1/9", "2/9", "3/9"], ": shards 1/9, 2/9 and 3/9 are not among the runs"),
        ([f"{n}/99" for n in range(1, 9)], ": shards 1/99, 2/99, 3/99, 4/99, 5/99 and 3 more are not among the runs"),
    ],
)
def test_shards_are_named_and_the_rest_counted(names: list[str], text: str) -> None:
    manifest = {"settings": {}, "models": [], "merged": {"absent": names}, "suites": [{"name": "hard", "selected": 1}]}
    part = find_part(manifest, [])
    assert part is not None
    assert part.message == f"incomplete: 1 of the 1 samples that were chosen have no record{text}"
