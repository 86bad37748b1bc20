"""Gates decide how a session ends, before, during and after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rundirs import find_runs, read_records
from serving import Fault, ModelServer, SeenRequest

from pytest_lleval.cli.main import main

from .conftest import Run

#: what the mock and a busy machine are flagged for
KNOWN = ("--lleval-acknowledge=F2:m", "--lleval-acknowledge=F3:m", "--lleval-acknowledge=E:m")
MANY = """
from pytest_lleval import Sample, Suite, exact

many = Suite(
    name="many",
    version="{version}",
    dataset=[
        Sample(id=f"q{{row:04}}", input=f"{{row}}?", target="A" if row % 10 < 7 else "B") for row in range({rows})
    ],
    scorers=[exact()],
)
"""


def write_suite(pytester: pytest.Pytester, rows: int = 300, version: str = "1") -> str:
    return pytester.makefile(".py", many=MANY.format(rows=rows, version=version)).name


def read_gates(pytester: pytest.Pytester) -> list[dict[str, Any]]:
    gates: list[dict[str, Any]] = json.loads((find_runs(pytester.path)[-1] / "report.json").read_text())["gates"]
    return gates


@pytest.mark.parametrize(
    ("gate", "status", "word"),
    [
        ("many:accuracy>=0.6", 0, "gate     pass        many:accuracy>=0.6"),
        ("accuracy>=0.8", 1, "gate     FAIL        accuracy>=0.8"),
        ("accuracy>=0.7", 1, "gate     UNDECIDED   accuracy>=0.7"),
        ("point>=0.7", 0, "gate     pass        point>=0.7"),
    ],
)
def test_a_gate_ends_the_session_by_what_the_interval_shows(
    pytester: pytest.Pytester, run: Run, gate: str, status: int, word: str
) -> None:
    result = run(f"--lleval-gate={gate}", suite=write_suite(pytester))
    assert result.ret == status
    result.stdout.fnmatch_lines([word, "*accuracy 0.700 [[]0.6*, 0.7*[]], n=300*"])


def test_a_gate_says_the_same_however_the_session_is_spread_and_later(
    pytester: pytest.Pytester, run: Run, workers: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(*workers, "--lleval-gate=accuracy>=0.6", "--junitxml=out.xml", suite=write_suite(pytester))
    assert result.ret == 0
    (gate,) = read_gates(pytester)
    assert (gate["answer"], gate["suite"], gate["model"]) == ("pass", "many", "mock/fixed:A")
    assert gate["message"] == "accuracy 0.700 [0.646, 0.749], n=300: the lower bound is >= 0.600"
    (case,) = [one for one in ET.parse("out.xml").iter("testcase") if one.get("name") == "accuracy>=0.6"]
    assert list(case) == []
    capsys.readouterr()
    assert main(["report"]) == 0
    assert gate["message"] in capsys.readouterr().out


def test_junit_tells_a_loss_from_what_is_undecided_and_what_was_not_measured(
    pytester: pytest.Pytester, run: Run
) -> None:
    gates = [f"--lleval-gate={gate}" for gate in ("accuracy>=0.8", "accuracy>=0.7", "cost<=1e-9")]
    run(*gates, "--junitxml=out.xml", suite=write_suite(pytester, rows=100))
    suite = next(ET.parse("out.xml").iter("testsuite"))
    found = {
        case.get("name"): (case[0].tag, case[0].get("type"))
        for case in suite.iter("testcase")
        if str(case.get("classname")).startswith("lleval gate") and len(case)
    }
    assert found == {
        "accuracy>=0.8": ("failure", "regressed"),
        "accuracy>=0.7": ("failure", "undecided"),
        "cost<=1e-9": ("error", "unmeasured"),
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("103", "2", "1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lleval-gate=acc"], "*--lleval-gate: 'acc' is no gate; write*"),
        (["--lleval-gate=lettres:accuracy>=0.5"], "*no suite of this session is called 'lettres'*letters*"),
        (["--lleval-gate=accurcy>=0.5"], "*there is no metric 'accurcy'; metrics are accuracy,*(exact)*"),
        (["--lleval-gate=letters/violet:accuracy>=0.5"], "*no group of 'letters' is called 'violet'*blue*"),
        (["--lleval-compare-fail=accuracy:2%"], "*needs something to compare with: give --lleval-baseline=FILE too*"),
        (["--lleval-baseline=nowhere.json"], "*'nowhere.json' is neither a file nor a run; --lleval-save-baseline*"),
        (["--lleval-save-baseline=no/where.json"], "*--lleval-save-baseline: the folder *no does not exist*"),
        (["--lleval-save-baseline=."], "*--lleval-save-baseline: '.' is a folder; name a file in it*"),
        (["--lleval-stop=soon"], "*--lleval-stop: 'soon' is not 'decided'*"),
        (["--lleval-stop=decided"], "*needs gates to decide*"),
        (["--lleval-stop=decided", "--lleval-gate=point>=0.5"], "*'point>=0.5' cannot be decided sample by sample*"),
        (["--lleval-fail-on-unscored=few"], "*'few' is neither a number of samples such as 5 nor a share such as 1%*"),
    ],
)
def test_what_cannot_be_gated_is_refused_before_anything_is_asked(
    pytester: pytest.Pytester, run: Run, words: list[str], message: str
) -> None:
    result = run(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert find_runs(pytester.path) == []


def save(run: Run, suite: str, **changes: Any) -> None:
    assert run("--lleval-save-baseline=base.json", *KNOWN, suite=suite, **changes).ret == 0


def test_the_same_model_passes_against_its_own_baseline_and_a_worse_one_fails(
    pytester: pytest.Pytester, run: Run, workers: list[str]
) -> None:
    suite = write_suite(pytester)
    save(run, suite)
    rule = ["--lleval-baseline=base.json", "--lleval-compare-fail=accuracy:0.02"]
    same, worse = run(*workers, *rule, suite=suite), run(*workers, *rule, suite=suite, model="mock/fixed:B")
    assert (same.ret, worse.ret) == (0, 1)
    same.stdout.fnmatch_lines(["gate     pass        accuracy:0.02", "*0 fell and 0 rose*no worse than tolerated"])
    worse.stdout.fnmatch_lines(["gate     FAIL        accuracy:0.02", "*210 fell and 90 rose*worse, by more*"])


def test_few_samples_are_undecided_and_told_what_they_could_show(pytester: pytest.Pytester, run: Run) -> None:
    suite = write_suite(pytester)
    save(run, suite)
    result = run("--lleval-baseline=base.json", "--lleval-compare-fail=accuracy:0.02", "--lleval-limit=30", suite=suite)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "gate     UNDECIDED   accuracy:0.02",
            "*is not ruled out, and these 30 samples could show one from *would decide*",
        ]
    )
    result.stdout.fnmatch_lines(["D  dataset      note       many: 270 of the baseline's 300 samples were not in*"])


def test_a_run_is_a_baseline_too(pytester: pytest.Pytester, run: Run) -> None:
    suite = write_suite(pytester)
    run("--lleval-run-dir=before", suite=suite)
    result = run("--lleval-baseline=before", "--lleval-compare-fail=accuracy:0.02", suite=suite)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["gate     pass        accuracy:0.02"])


def test_a_baseline_of_another_task_is_refused_before_anything_is_asked(pytester: pytest.Pytester, run: Run) -> None:
    save(run, write_suite(pytester))
    result = run("--lleval-baseline=base.json", suite=write_suite(pytester, version="2"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*of another task version of many ('1', not '2')*save a new one*"])


def test_changed_prompts_and_settings_stand_beside_the_answer(pytester: pytest.Pytester, run: Run) -> None:
    suite = write_suite(pytester)
    save(run, suite)
    result = run(
        "--lleval-baseline=base.json",
        "--lleval-compare-fail=accuracy:0.02",
        "--lleval-system-prompt=Be bad",
        suite=suite,
    )
    result.stdout.fnmatch_lines(
        [
            "gate     pass        accuracy:0.02",
            "F1 prompt *300 of 300 prompts are others than in the baseline*",
            "D  dataset *many: settings differ from the baseline's: system_prompt was None, is 'Be bad'",
        ]
    )


def test_doubtful_numbers_become_no_baseline_unless_somebody_says_why(pytester: pytest.Pytester, run: Run) -> None:
    result = run("--lleval-save-baseline=base.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["--lleval-save-baseline: base.json was not written: the run is flagged (*F3*"])
    assert not Path("base.json").exists()
    assert run("--lleval-save-baseline=base.json", *KNOWN).ret == 0
    assert json.loads(Path("base.json").read_text())["acknowledged"]["F3"] == "m"


def fail_all(request: SeenRequest) -> Fault | None:
    """Answer the probes alone."""
    return Fault(status=400) if request.question.endswith("?") else None


def test_answers_that_could_not_be_scored_keep_a_baseline_from_being_saved(pytester: pytest.Pytester, run: Run) -> None:
    with ModelServer(faults=fail_all, latency=0.0) as server:
        result = run("--lleval-save-baseline=base.json", *KNOWN, model=f"openai/served-model@{server.url}")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*base.json was not written: nothing was scored"])
    assert not Path("base.json").exists()


def fail_some(request: SeenRequest) -> Fault | None:
    return Fault(status=400) if sum(map(ord, request.question)) % 5 == 0 and request.question.endswith("?") else None


@pytest.mark.parametrize(("allowed", "status"), [("0", 1), ("90%", 0), ("1", 1)])
def test_unscored_answers_fail_the_session_beyond_what_is_allowed(
    pytester: pytest.Pytester, run: Run, workers: list[str], allowed: str, status: int
) -> None:
    with ModelServer(faults=fail_some, latency=0.0) as server:
        result = run(*workers, f"--lleval-fail-on-unscored={allowed}", model=f"openai/served-model@{server.url}")
    records = read_records(find_runs(pytester.path)[-1])
    unscored = sum(record["outcome"] == "unscored" for record in records)
    assert 1 < unscored < 12
    assert result.ret == status
    if status:
        said = f"unmeasured: {unscored} of 12 answers could not be scored, allowed are {allowed}"
        result.stdout.fnmatch_lines([said])
    if allowed != "0":
        result.assert_outcomes(passed=12 - unscored, skipped=unscored)


def test_a_dead_server_is_unmeasured_and_never_green(pytester: pytest.Pytester, run: Run) -> None:
    with ModelServer(faults=fail_all, latency=0.0) as server:
        words = ["--lleval-gate=accuracy>=0", "--lleval-fail-on-unscored=100%", "--junitxml=out.xml"]
        result = run(*words, model=f"openai/served-model@{server.url}")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["gate     UNMEASURED  accuracy>=0", "*nothing was scored (error 12)"])
    assert read_gates(pytester)[0]["answer"] == "unmeasured"
    assert '<error type="unmeasured"' in Path("out.xml").read_text()


@pytest.mark.parametrize(("gate", "answer"), [("accuracy>=0.4", "pass"), ("accuracy>=0.95", "fail")])
def test_a_suite_ends_when_its_gates_are_decided(
    pytester: pytest.Pytester, run: Run, workers: list[str], gate: str, answer: str
) -> None:
    suite = write_suite(pytester, rows=2000)
    with ModelServer(answer=lambda _: "A", latency=0.01) as server:
        result = run(
            *workers,
            f"--lleval-gate={gate}",
            "--lleval-stop=decided",
            "--lleval-max-connections=8",
            "--lleval-cache=off",
            model=f"openai/served-model@{server.url}",
            suite=suite,
        )
        asked = len([seen for seen in server.requests if seen.question.endswith("?")])
    assert result.ret == (0 if answer == "pass" else 1)
    (found,) = read_gates(pytester)
    assert found["answer"] == answer
    decided = found["evidence"]["decided_after"]
    records = read_records(find_runs(pytester.path)[-1])
    scored = sum(record["outcome"] == "scored" for record in records)
    # one record of each case, whether it was asked or not
    assert len(records) == len({record["case"] for record in records}) == 2000
    assert decided <= scored < 600
    assert asked <= scored + 4
    result.assert_outcomes(passed=scored, skipped=2000 - scored)
    result.stdout.fnmatch_lines(["not run  *: decided (*% of the calls saved)"])


def test_the_order_and_so_the_decision_depend_on_the_seed_alone(pytester: pytest.Pytester, run: Run) -> None:
    words = ["--lleval-gate=accuracy>=0.5", "--lleval-stop=decided"]
    suite = write_suite(pytester, rows=1000)
    after = []
    for spread in ([], ["-n2"], ["--lleval-seed=1"]):
        run(*words, *spread, suite=suite)
        after.append(read_gates(pytester)[0]["evidence"]["decided_after"])
    assert after[0] == after[1] != after[2]


def test_a_part_of_a_suite_is_no_evidence_about_the_whole(pytester: pytest.Pytester, run: Run) -> None:
    """What is chosen by -k, or by --lf after a failure, is chosen by its outcome as likely as not."""
    result = run("-k", "red", "--lleval-gate=point>=0.1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["gate     UNMEASURED  point>=0.1", "*8 samples have no record, 4 were scored: *"])


def test_an_interrupted_run_is_not_judged_later_either(
    pytester: pytest.Pytester, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("-k", "red or green", "--lleval-gate=point>=0.1")
    capsys.readouterr()
    assert main(["gate"]) == 1
    assert "4 samples have no record" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lleval-gate=accuracy>=60"], "*'accuracy>=60': accuracy lies between 0 and 1; write e.g. 0.6, or 60%*"),
        (["--lleval-gate=accuracy>=-1"], "*'accuracy>=-1': accuracy lies between 0 and 1*"),
        (["--lleval-baseline=", "--lleval-compare-fail=accuracy:2%"], "*--lleval-baseline: it names nothing; *"),
        (["--lleval-gate=pass@3>=0.5"], "*is about 3 epochs of a sample, and each has 1; give --lleval-epochs=3*"),
        (["--lleval-baseline=b.json", "--lleval-compare-fail=accuracy:60"], "*'accuracy:60' tolerates any loss*"),
    ],
)
def test_gates_that_could_only_pass_or_only_fail_are_refused(
    pytester: pytest.Pytester, run: Run, words: list[str], message: str
) -> None:
    result = run(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    assert find_runs(pytester.path) == []


def test_samples_in_clusters_are_not_watched_one_by_one(pytester: pytest.Pytester, run: Run) -> None:
    text = MANY.format(rows=20, version="1").replace('id=f"q', 'metadata={"cluster": "text"}, id=f"q')
    suite = pytester.makepyfile(many=text).name
    result = run("--lleval-gate=accuracy>=0.5", "--lleval-stop=decided", suite=suite)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the samples of 'many' come in clusters (e.g. 'text')*leave it out*"])


def test_an_answer_that_could_not_be_scored_does_not_keep_a_suite_from_ending(
    pytester: pytest.Pytester, run: Run
) -> None:
    suite = write_suite(pytester, rows=400)
    words = ["--lleval-gate=accuracy>=0.3", "--lleval-stop=decided", "--lleval-fail-on-unscored=50%"]
    with ModelServer(answer="A", faults=fail_some, latency=0.01) as server:
        result = run(*words, "--lleval-max-connections=4", model=f"openai/served-model@{server.url}", suite=suite)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["not run  *: decided (*% of the calls saved)"])


def test_a_session_that_was_to_be_judged_and_ran_no_case_is_not_green(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_plain="def test_plain(): pass")
    result = run("--lleval-gate=accuracy>=0.1", suite="", model=None)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["lleval: unmeasured: no eval case has run*"])
    assert run(suite="", model=None).ret == 0
