"""What makes numbers doubtful stands beside them everywhere, fails when it is to, and can be explained, not hidden."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from rundirs import find_runs, read_records
from serving import Fault, ModelServer, SeenRequest

from pytest_lleval.cli.main import main

from .conftest import Run


def answer_letter(request: SeenRequest) -> str:
    return "ABCD"[sum(map(ord, request.question)) % 4]


def read_report(pytester: pytest.Pytester, number: int = -1) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((find_runs(pytester.path)[number] / "report.json").read_text())
    return report


def read_states(report: dict[str, Any]) -> dict[str, str]:
    return {verdict["factor"]: verdict["state"] for verdict in report["factors"]}


def test_every_place_with_numbers_has_the_flags(pytester: pytest.Pytester, run: Run, workers: list[str]) -> None:
    result = run(*workers, "--junitxml=out.xml")
    result.stdout.fnmatch_lines(
        ["accuracy *[[]F3[]]", "trustworthy: no (*F3 flagged*", "F3 backend      flagged    a mock*"]
    )
    report = read_report(pytester)
    assert read_states(report)["F3"] == "flagged"
    assert report["trustworthy"] is False
    assert {tuple(record["flags"]) for record in read_records(find_runs(pytester.path)[0])} == {("F3",)}
    properties = [(found.get("name"), found.get("value")) for found in ET.parse("out.xml").iter("property")]
    assert ("lleval_trustworthy", "no") in properties
    assert properties.count(("lleval_flags", "F3")) == 12
    assert any(name == "lleval_F3" and value.startswith("flagged: a mock answers") for name, value in properties)


def test_a_model_that_is_what_it_says_is_clean_but_for_the_machine(
    pytester: pytest.Pytester, run: Run, workers: list[str]
) -> None:
    with ModelServer(answer=answer_letter, latency=0.1) as server:
        result = run(*workers, "--lleval-epochs=2", model=f"openai/served-model@{server.url}")
    assert result.ret == 0
    states = read_states(read_report(pytester))
    # how busy the machine is while this test runs is not this test's to say
    assert {factor: state for factor, state in states.items() if factor != "E"} == dict.fromkeys(
        ("F1", "F2", "F3", "F4", "F5"), "clean"
    )
    assert not [record for record in read_records(find_runs(pytester.path)[0]) if "flags" in record]


def test_strict_fails_on_what_nobody_has_acknowledged(run: Run, workers: list[str]) -> None:
    assert run(*workers).ret == 0
    assert run(*workers, "--lleval-strict").ret == pytest.ExitCode.TESTS_FAILED
    acknowledged = run(
        *workers, "--lleval-strict", "--lleval-acknowledge=F3:a dry run", "--lleval-acknowledge=E:shared"
    )
    assert acknowledged.ret == 0
    acknowledged.stdout.fnmatch_lines(["F3 backend      flagged    a mock answers*", "*acknowledged: a dry run"])


def test_strict_says_why_it_failed(run: Run) -> None:
    run("--lleval-strict").stdout.fnmatch_lines(["*--lleval-strict: 1 finding*F3*"])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("F7:why", "*--lleval-acknowledge: no factor is called 'F7'*"),
        ("F2", "*--lleval-acknowledge: 'F2' has no reason*F2:REASON*"),
        ("F2: ", "*'F2: ' has no reason*"),
    ],
)
def test_an_acknowledgement_needs_a_factor_and_a_reason(run: Run, word: str, message: str) -> None:
    result = run(f"--lleval-acknowledge={word}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_a_baseline_with_another_prompt_and_model_is_told_apart(pytester: pytest.Pytester, run: Run) -> None:
    with ModelServer(answer=answer_letter) as server:
        name = f"openai/served-model@{server.url}"
        run("--lleval-run-dir=before", model=name)
        assert run("--lleval-run-dir=same", "--lleval-baseline=before", "--lleval-cache=off", model=name).ret == 0
        server.faults = lambda request: Fault(patch={"system_fingerprint": "fp-new"})
        changed = run(
            "--lleval-run-dir=after", "--lleval-baseline=before", "--lleval-system-prompt=Be brief.", model=name
        )
    same = json.loads((pytester.path / "same" / "report.json").read_text())
    assert (read_states(same)["F1"], read_states(same)["F2"]) == ("clean", "clean")
    changed.stdout.fnmatch_lines(
        [
            "F1 prompt       flagged *12 of 12 prompts are others than in the baseline: system prompt (one was added)*",
            "F2 model        flagged *fp-new, in the baseline it was fp-tests*",
            "baseline *before",
        ]
    )


def test_a_baseline_that_is_no_run_is_refused_before_anything_is_asked(run: Run) -> None:
    with ModelServer() as server:
        result = run("--lleval-baseline=nosuch", model=f"openai/served-model@{server.url}")
        assert not server.posts
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--lleval-baseline: 'nosuch' is neither a file nor a run*"])


def test_seeds_that_are_kept_and_those_that_are_not_are_told_apart(
    pytester: pytest.Pytester, run: Run, workers: list[str]
) -> None:
    number = [0]

    def drift(request: SeenRequest) -> str:
        number[0] += 1
        return f"answer {number[0]}"

    for answer, told in (
        (answer_letter, "note *4 of 4 answers were the same"),
        (drift, "warning *0 of 4 answers were*"),
    ):
        with ModelServer(answer=answer) as server:
            result = run(*workers, "--lleval-check-seed=4", model=f"openai/served-model@{server.url}")
            asked = [request for request in server.posts if request.question.endswith("?")]
        assert len(asked) == 16
        result.stdout.fnmatch_lines([f"S  seeds *{told}*"])
    checked = [record for record in read_records(find_runs(pytester.path)[-1]) if "seed_check" in record]
    assert [record["seed_check"]["same_text"] for record in checked] == [False] * 4


def test_a_report_whose_notes_were_removed_does_not_match_its_digest(
    pytester: pytest.Pytester, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    path = find_runs(pytester.path)[0]
    assert main(["verify", str(path)]) == 0
    assert "the journal gives the same report" in capsys.readouterr().out
    report = read_report(pytester)
    report["disclosures"] = []
    (path / "report.json").write_text(json.dumps(report))
    assert main(["verify", str(path / "report.json")]) == 1
    assert "does NOT match its digest" in capsys.readouterr().out


SHUFFLES = """
import random
from pytest_lleval import Message, Sample, Suite, exact

def ask(sample, dataset):
    {first}
    words = sample.input.split()
    random.shuffle(words)
    return [Message(role="user", content=" ".join(words) + "?")]

mine = Suite(
    name="mine", version="1", prompt=ask, scorers=[exact()],
    dataset=[Sample(id=str(row), input=f"one two three four five six {{row}}", target="A") for row in range(12)],
)
"""


def test_a_prompt_that_draws_is_the_same_however_the_run_is_spread(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(mine=SHUFFLES.format(first=""))
    asked = []
    for words in ([], ["-n2"], ["-n0", "-k", "not nothing"]):
        with ModelServer(answer=answer_letter) as server:
            run(*words, "--lleval-cache=off", suite="mine.py", model=f"openai/served-model@{server.url}")
            asked.append(sorted(request.question for request in server.posts if request.question.endswith("?")))
    assert len(set(asked[0])) == 12
    assert asked[0] == asked[1] == asked[2]


def test_a_suite_that_seeds_generators_itself_is_disclosed(
    run: Run, pytester: pytest.Pytester, workers: list[str]
) -> None:
    pytester.makepyfile(mine=SHUFFLES.format(first="random.seed(3)"))
    result = run(*workers, suite="mine.py")
    result.stdout.fnmatch_lines(["S  seeds *warning *suite 'mine' seeds a global random generator itself*"])
