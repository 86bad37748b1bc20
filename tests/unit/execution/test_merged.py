"""A run that was put together is described as the whole."""

from pathlib import Path
from typing import Any

import pytest
from shard_runs import write_shard

from pytest_lleval.core.gates import parse_threshold
from pytest_lleval.core.records import OTHERS
from pytest_lleval.core.settings import Settings
from pytest_lleval.execution.fresh import FreshRun
from pytest_lleval.execution.mergeable import read_parts
from pytest_lleval.execution.merged import describe_merged
from pytest_lleval.execution.merging import JournalMerger
from pytest_lleval.execution.rundir import read_manifest

PROBE: dict[str, Any] = {
    "kind": "chat",
    "repeated": True,
    "echoed": False,
    "empty": False,
    "input_tokens": 20,
    "seconds": 0.5,
    "opened": 1,
    "processes": None,
}
NOTE = {"factor": "F3", "severity": "critical", "message": "a mock answers", "evidence": {}}


def merge(folder: Path, *runs: Path) -> dict[str, Any]:
    parts = read_parts("lleval merge", runs)
    with FreshRun(folder, "here") as target:
        merger = JournalMerger(target)
        contents = [merger.take(part.origin) for part in parts]
        target.finish(describe_merged(parts, contents, merger, made=1.0))
    return read_manifest(folder)


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    names = ("q0 q3 q6", "q1 q4", "q2 q5")
    return [write_shard(tmp_path / f"{n}", words, f"{n}/3", run_dir="x") for n, words in enumerate(names, start=1)]


def test_nothing_says_any_more_that_it_is_a_shard(tmp_path: Path, shards: list[Path]) -> None:
    found = merge(tmp_path / "m", *shards)
    settings = Settings.decode(found["settings"])
    assert (settings.shard, settings.run_dir) == (None, None)
    assert [(suite["selected"], suite["whole"]["samples"]) for suite in found["suites"]] == [(7, 7)]
    assert [session["shard"] for session in found["sessions"]] == ["1/3", "2/3", "3/3"]


def test_it_says_where_it_comes_from_and_what_is_not_there(tmp_path: Path, shards: list[Path]) -> None:
    found = merge(tmp_path / "m", shards[0], shards[2])["merged"]
    assert (found["shards"], found["present"], found["absent"]) == (3, ["1/3", "3/3"], ["2/3"])
    assert [(run["run"], run["shard"], run["records"]) for run in found["runs"]] == [("1", "1/3", 3), ("3", "3/3", 2)]
    assert all(len(run["chain"]) == 64 for run in found["runs"])


def test_it_is_the_same_in_whatever_steps_it_was_put_together(tmp_path: Path, shards: list[Path]) -> None:
    whole = merge(tmp_path / "m", *shards)
    merge(tmp_path / "12", *shards[:2])
    merge(tmp_path / "23", *shards[1:])
    assert merge(tmp_path / "a", tmp_path / "12", shards[2]) == whole
    assert merge(tmp_path / "b", shards[0], tmp_path / "23") == whole
    assert merge(tmp_path / "c", tmp_path / "m", tmp_path / "m", *shards) == whole
    assert merge(tmp_path / "d", tmp_path / "12", tmp_path / "23") == whole


def test_what_was_found_in_one_shard_is_found_in_the_whole(tmp_path: Path) -> None:
    one = write_shard(tmp_path / "1", "q0", "1/2", manifest={"disclosures": [{**NOTE, "message": "half a dataset"}]})
    two = write_shard(tmp_path / "2", "q1", "2/2", manifest={"canaries": [{"message": "8 planted"}]})
    found = merge(tmp_path / "m", one, two, one)
    assert [note["message"] for note in found["disclosures"]] == ["half a dataset"]
    assert found["canaries"] == [{"message": "8 planted"}]


def test_excluded_workers_stay_known_though_their_lines_are_gone(tmp_path: Path) -> None:
    liar = {"worker": "gw1", "host": "", "reason": "it lied", "cases": 0, "tests": 0, "begin": 0, "end": 5}
    run = write_shard(tmp_path / "1", "q0", "1/2", session={"excluded": [liar]})
    (session,) = merge(tmp_path / "m", run)["sessions"]
    assert session["excluded"] == [{**liar, "end": 0}]


def test_rules_that_differ_are_named_and_those_of_the_first_run_count(tmp_path: Path) -> None:
    gates = (parse_threshold("-", "accuracy>=0.5"),)
    one = write_shard(tmp_path / "1", "q0", "1/2", gates=gates)
    two = write_shard(tmp_path / "2", "q1", "2/2", strict=True)
    found = merge(tmp_path / "m", one, two)
    assert [note["message"] for note in found["disclosures"]] == [
        "the runs that were put together differ in gates, strict: those of 1 count"
    ]
    assert Settings.decode(found["settings"]).gates == gates


def attach(tmp_path: Path, *evidence: dict[str, Any]) -> dict[str, Any]:
    count = len(evidence)
    runs = [
        write_shard(tmp_path / f"{n}", f"q{n}", f"{n}/{count}", identity={"evidence": found})
        for n, found in enumerate(evidence, start=1)
    ]
    (model,) = merge(tmp_path / "m", *runs)["models"]
    return model["evidence"]


def test_backends_that_have_shown_the_same_are_one(tmp_path: Path) -> None:
    fast = {**PROBE, "seconds": 0.1, "text": "1234"}
    found = attach(tmp_path, {"probes": [PROBE], "round_trip": 0.02}, {"probes": [fast], "round_trip": 0.01})
    # what is doubtful for being fast must not hide behind what is slower
    assert found == {"probes": [fast], "round_trip": 0.01}


def test_a_backend_that_has_shown_something_else_is_kept_beside_the_first(tmp_path: Path) -> None:
    echo = {**PROBE, "repeated": True, "echoed": True}
    found = attach(tmp_path, {"probes": [PROBE]}, {"probes": [echo]}, {"probes": [PROBE]})
    assert found == {"probes": [PROBE], OTHERS: [{"probes": [echo]}]}


def test_who_was_attached_is_told_of_by_every_shard(tmp_path: Path) -> None:
    one = write_shard(tmp_path / "1", "q0", "1/2")
    two = write_shard(tmp_path / "2", "q1", "2/2")
    manifest = read_manifest(two)
    models = [{**manifest["models"][0], "disclosures": [NOTE]}]
    write_shard(two, "q1", "2/2", manifest={"models": models})
    (model,) = merge(tmp_path / "m", one, two)["models"]
    assert model["disclosures"] == [NOTE]
