"""Only parts of one run are put together."""

from pathlib import Path

import pytest
from shard_runs import write_shard

from pytest_lleval.core.errors import RunDirectoryError, UsageError
from pytest_lleval.core.matrix import MatrixSettings
from pytest_lleval.core.settings import Limit
from pytest_lleval.core.sizes import parse_sizes
from pytest_lleval.execution.mergeable import read_parts
from pytest_lleval.execution.rundir import MANIFEST


def refuse(*runs: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_parts("lleval merge", list(runs))
    return str(caught.value)


def test_shards_of_one_run_belong_together_in_any_order(tmp_path: Path) -> None:
    runs = [write_shard(tmp_path / f"{number}", "q0", f"{number}/3") for number in (2, 3, 1)]
    assert [str(part.shard) for part in read_parts("lleval merge", runs)] == ["2/3", "3/3", "1/3"]


def test_more_or_faster_is_no_other_experiment_but_more_epochs_are_another_choice(tmp_path: Path) -> None:
    one = write_shard(tmp_path / "1", "q0", "1/2")
    two = write_shard(tmp_path / "2", "q1", "2/2", max_connections=2, audit=0.1, rpm=6.0, run_dir="there")
    assert len(read_parts("lleval merge", [one, two])) == 2
    other = write_shard(tmp_path / "3", "q1", "2/2", epochs=2)
    assert "epochs: was 1, is 2" in refuse(one, other)


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"seed": 7}, "seed: was 0, is 7"),
        ({"temperature": 0.5}, "temperature: was None, is 0.5"),
        ({"max_tokens": 5}, "max_tokens: was None, is 5"),
        ({"system_prompt": "Hi"}, "system_prompt: was None, is 'Hi'"),
        ({"limit": Limit(start=0, stop=3)}, "limit: was None, is {'start': 0, 'stop': 3}"),
        ({"sample_ids": ("q*",)}, "sample_ids: was [], is ['q*']"),
        ({"suite": {"version": "2"}}, "s version: was '1', is '2'"),
        ({"suite": {"digest": "e" * 64}}, "s digest: was 'dddd"),
        ({"suite": {"parameters": {"shots": 5}}}, "s parameters: was {}, is {'shots': 5}"),
        ({"suite": {"name": "t"}}, "t version: was None, is '1'"),
        ({"suite": {"whole": {"samples": 9, "digest": "c" * 64}}}, "s samples chosen: was 7, is 9"),
        ({"suite": {"whole": {"samples": 7, "digest": "b" * 64}}}, "s digest chosen: was 'cccc"),
        ({"identity": {"served_model": "m-2027"}}, "openai/m served model: was 'm-2026', is 'm-2027'"),
        ({"identity": {"fingerprint": "fp2"}}, "openai/m fingerprint: was 'fp1', is 'fp2'"),
        ({"identity": {"spec": "openai/n"}}, "openai/n served model: was None, is 'm-2026'"),
    ],
)
def test_another_experiment_is_refused_with_each_difference(tmp_path: Path, changes: dict, difference: str) -> None:
    message = refuse(write_shard(tmp_path / "1", "q0", "1/2"), write_shard(tmp_path / "2", "q1", "2/2", **changes))
    assert message.startswith(f"lleval merge: {tmp_path / '2'} and {tmp_path / '1'} are no parts of one run (")
    assert difference in message


def test_all_differences_are_named_at_once(tmp_path: Path) -> None:
    one = write_shard(tmp_path / "1", "q0", "1/2")
    message = refuse(one, write_shard(tmp_path / "2", "q1", "2/3", seed=7, top_p=0.5))
    assert f"{one} is of 2 shards and {tmp_path / '2'} is of 3 shards; seed: was 0, is 7; top_p: was None" in message


def test_a_whole_run_is_no_part_of_one_that_was_divided(tmp_path: Path) -> None:
    message = refuse(write_shard(tmp_path / "1", "q0"), write_shard(tmp_path / "2", "q1", "1/2"))
    assert "1 is not divided into shards and" in message


def test_an_empty_shard_differs_in_nothing_it_did_not_ask(tmp_path: Path) -> None:
    empty, full = write_shard(tmp_path / "1", "", "1/2"), write_shard(tmp_path / "2", "q1", "2/2")
    # it knows no model to describe the whole by
    assert [part.run for part in read_parts("lleval merge", [empty, full])] == [full, empty]
    assert "seed: was 0, is 3" in refuse(full, write_shard(tmp_path / "3", "", "1/2", seed=3))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"suite": {"kind": "tests"}}, "holds eval cases of tests, e.g. 's', and only suites are put together"),
        ({"matrix": MatrixSettings(sizes=parse_sizes("-", "256"))}, "measured a size matrix"),
        ({"manifest": {"rescored_from": {}}}, "was scored again: put the runs together first"),
        ({"stop_decided": True}, "ended when its gates were decided"),
    ],
)
def test_what_is_a_part_of_nothing_is_refused_with_the_way_out(tmp_path: Path, changes: dict, problem: str) -> None:
    message = refuse(write_shard(tmp_path / "1", "q0", **changes))
    assert message.startswith(f"lleval merge: {tmp_path / '1'} {problem}")


def test_a_manifest_that_is_broken_is_refused(tmp_path: Path) -> None:
    run = write_shard(tmp_path / "1", "q0", "1/2")
    (run / MANIFEST).write_text("{", encoding="utf-8")
    with pytest.raises(RunDirectoryError, match=r"manifest\.json: cannot be read"):
        read_parts("lleval merge", [run])
