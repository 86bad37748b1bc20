"""Workers that lie about cases: each test is named after its line of docs/security.md."""

import json
import sys
from collections.abc import Callable

import pytest
from rundirs import find_runs, read_records

from pytest_lleval.reports.machine import encode_report
from pytest_lleval.reports.view import load_view

from .attacks import FAR, read_report, read_session, write_attack
from .conftest import Run as Start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends workers by signals")
WRONG = "send(replace(record, scores=tuple(replace(score, value=1.0) for score in record.scores)))"
INVENT = """
said = replace(record.completion, text=record.target[0])
scores = tuple(replace(score, value=1.0, answer=record.target[0]) for score in record.scores)
send(replace(record, completion=said, scores=scores))
"""
ALL = "--lleval-audit=100%"
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(run: Start) -> Start:
    """Few connections: each worker gets a part of the cases."""
    return lambda *words, **chosen: run("--lleval-max-connections=2", *words, **chosen)


def read_counted(pytester: pytest.Pytester) -> tuple[dict[str, object], dict[str, object]]:
    """Return the report and the session of the only run, whose numbers must be those of honest workers."""
    (run,) = find_runs(pytester.path)
    report = read_report(run)
    (suite,) = report["suites"]
    assert suite["scored"] == 12
    # a mock that always says A is right in one of four
    assert suite["metrics"][0]["estimate"]["value"] == 0.25
    return report, read_session(run)


def assert_excluded(pytester: pytest.Pytester, result: pytest.RunResult, reason: str) -> None:
    """Find gw1 named and excluded for a reason, its cases asked again, and the session judged by what is left."""
    assert result.ret == 0
    result.assert_outcomes(passed=12)
    result.stdout.fnmatch_lines([f"audit    excluded: worker gw1*{reason}*"])
    report, session = read_counted(pytester)
    (excluded,) = report["excluded"]
    assert excluded["worker"] == "gw1"
    (found,) = [finding for finding in report["disclosures"] if "it is excluded" in finding["message"]]
    assert (found["factor"], found["severity"]) == ("E", "critical")
    assert session["excluded"][0]["worker"] == "gw1"


def test_r1_a_worker_that_sends_wrong_scores_is_found_and_excluded(pytester: pytest.Pytester, run: Run) -> None:
    write_attack(pytester, lie=WRONG)
    result = run("-n3", ALL)
    assert_excluded(pytester, result, "scores an answer exact 1, which two other workers score exact 0")


def test_r2_a_worker_that_invents_completions_is_found_and_excluded(pytester: pytest.Pytester, run: Run) -> None:
    write_attack(pytester, lie=INVENT)
    result = run("-n3", ALL)
    assert_excluded(pytester, result, "says the answer is '?', and two other workers are told 'A'")


def test_r2_one_host_lies_and_this_machine_is_believed_when_it_says_so_twice(
    pytester: pytest.Pytester, run: Run
) -> None:
    write_attack(pytester, lie=INVENT)
    result = run(*FAR, ALL)
    assert_excluded(pytester, result, "on host far says the answer is '?', and two other workers are told 'A'")


FICKLE = """
import random
import time

def answer(question):
    # so that each worker has its part of the answers
    time.sleep(0.01)
    return random.SystemRandom().choice("AAAAAAAAAB")
"""
MANY = """
from pytest_lleval import Sample, Suite, exact

many = Suite(
    name="many",
    version="1",
    dataset=[Sample(id=str(row), input=f"{row}?", target="ABCD"[row % 4]) for row in range(240)],
    scorers=[exact()],
)
"""


def test_r3_a_worker_that_invents_answers_of_a_fickle_model_is_found_by_its_odds(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(fickle=FICKLE, many=MANY)
    write_attack(pytester, lie=INVENT)
    result = run("-n3", "--lleval-audit=40%", model="callable/fickle:answer", suite="many.py")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["audit    excluded: worker gw1 was alone with its answer in * disagreements*"])
    result.assert_outcomes(passed=240)


def test_r3_honest_workers_of_a_fickle_model_are_not_excluded(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(fickle=FICKLE, many=MANY)
    result = run("-n3", "--lleval-audit=40%", model="callable/fickle:answer", suite="many.py")
    assert result.ret == 0
    (path,) = find_runs(pytester.path)
    report = read_report(path)
    assert not report["excluded"]
    audit = report["audit"]
    assert audit["unlike"] + audit["contradicted"] > 0
    assert audit["agreed"] > audit["asked"] / 2
    assert [found["severity"] for found in report["disclosures"] if "asked again on another" in found["message"]] == [
        "warning"
    ]


def test_r4_a_worker_that_replays_the_answer_to_another_question_is_found_and_excluded(
    pytester: pytest.Pytester, run: Run
) -> None:
    replay = """
    first = globals().setdefault("FIRST", record)
    send(replace(record, request=first.request, completion=first.completion, scores=first.scores))
    """
    write_attack(pytester, lie=replay)
    result = run("-n3", ALL)
    assert_excluded(pytester, result, "says it has asked another question than two other workers are asked")


ALL_CASES = """
for group in ("red", "green", "blue"):
    for row in range(4):
        name = f"{group}/{row}"
        send(replace(record, case=f"letters::{name}[fixed:A]", sample=name, group=group))
"""


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (ALL_CASES, "which it was never given"),
        ("send(record); send(replace(record, case='letters::none[fixed:A]'))", "which this session does not run"),
    ],
    ids=["another's case", "no case"],
)
def test_r5_a_record_of_a_case_the_worker_was_not_given_is_refused(
    pytester: pytest.Pytester, run: Run, lie: str, reason: str
) -> None:
    write_attack(pytester, lie=lie)
    assert_excluded(pytester, run("-n2"), reason)


def test_r6_a_record_in_another_workers_name_is_refused(pytester: pytest.Pytester, run: Run) -> None:
    write_attack(pytester, lie="send(replace(record, worker='gw0'))")
    assert_excluded(pytester, run("-n2"), "in the name of 'gw0'")


def test_r7_a_record_that_comes_twice_counts_once(pytester: pytest.Pytester, run: Run) -> None:
    write_attack(pytester, lie="send(record); send(replace(record, scores=()))")
    result = run("-n2")
    assert result.ret == 0
    result.assert_outcomes(passed=12)
    result.stdout.fnmatch_lines(["answered twice and counted once: *"])
    read_counted(pytester)
    (path,) = find_runs(pytester.path)
    assert len(read_records(path)) == 12


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("raw['scores'][0]['value'] = float('nan')", "'scores'"),
        ("raw['completion']['text'] = ['x']", "'completion'"),
        ("raw['<script>'] = 1", "'<script>'"),
        ("raw['completion']['trace'] = {'altered': {'prompt': {'deep': deep(2000)}}}", "what is no JSON"),
    ],
)
def test_r8_a_record_that_does_not_fit_the_schema_is_refused(
    pytester: pytest.Pytester, run: Run, change: str, reason: str
) -> None:
    tell = f"""
    def deep(levels):
        value = 1
        for _ in range(levels):
            value = [value]
        return value

    if message[0] == "records":
        import sys
        sys.setrecursionlimit(10000)
        raw = json.loads(message[1].split("\\n")[0])
        {change}
        return ("records", json.dumps(raw, separators=(",", ":")))
    return message
    """
    write_attack(pytester, tell=tell)
    result = run("-n2")
    assert result.ret == 0
    result.assert_outcomes(passed=12)
    assert f"worker gw1 has sent what is no record, by its {reason}" in result.stdout.str() or reason in (
        "what is no JSON"
    )
    result.stdout.fnmatch_lines(["audit    excluded: worker gw1 has sent what is no *"])
    read_counted(pytester)


@pytest.mark.parametrize(
    "line",
    [
        r'message[1].split("\n")[0][:-1] + ",\"worker\":\"gw1\"}"',
        r'message[1].split("\n")[0] + " "',
    ],
    ids=["a name twice", "a blank at the end"],
)
def test_r8_a_line_that_readers_of_the_journal_would_read_otherwise_is_refused(
    pytester: pytest.Pytester, run: Run, line: str
) -> None:
    write_attack(pytester, tell=f'return ("records", {line}) if message[0] == "records" else message')
    result = run("-n2")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["audit    excluded: worker gw1 has sent *"])
    read_counted(pytester)


@pytest.mark.parametrize(("size", "excluded"), [(1 << 20, False), (9 << 20, True)])
def test_r9_a_record_of_a_megabyte_is_taken_and_one_of_nine_is_not(
    pytester: pytest.Pytester, run: Run, size: int, excluded: bool
) -> None:
    long = f"""
    if message[0] == "records":
        raw = json.loads(message[1].split("\\n")[0])
        raw["completion"]["text"] = "A" * {size}
        rest = message[1].split("\\n")[1:]
        return ("records", "\\n".join([json.dumps(raw, separators=(",", ":")), *rest]))
    return message
    """
    write_attack(pytester, tell=long)
    result = run("-n2")
    assert result.ret == 0
    assert ("worker gw1 has sent a record of 9," in result.stdout.str()) == excluded
    read_counted(pytester)


@pytest.mark.parametrize("spread", ["-n0", "-n2"])
def test_r9_an_honest_worker_says_what_it_cannot_send(pytester: pytest.Pytester, run: Run, spread: str) -> None:
    pytester.makepyfile(long='def answer(question):\n    return "A" * (5 << 20 if "green 2" in question else 1)')
    result = run(spread, model="callable/long:answer")
    result.stdout.fnmatch_lines(["scored   11, unscored 1 (error 1)"])
    (path,) = find_runs(pytester.path)
    assert not read_report(path)["excluded"]
    (bad,) = [record for record in read_records(path) if record["outcome"] == "unscored"]
    assert "the record cannot be kept: it has 10," in bad["error"]


def test_r10_what_an_excluded_worker_sends_is_ignored(pytester: pytest.Pytester, run: Run) -> None:
    """It goes on sending records of cases that it holds, from a thread that nobody stops."""
    write_attack(pytester, lie="send(replace(record, worker='gw0')); send(record)")
    result = run("-n2")
    assert_excluded(pytester, result, "in the name of 'gw0'")
    (path,) = find_runs(pytester.path)
    void = read_session(path)["excluded"][0]
    # the journal is as it was: what is void in it is told by the manifest, and readers leave it out
    workers = {record["worker"] for record in read_records(path)}
    assert workers == {"gw0"}
    assert void["cases"] == 0


def test_r11_no_worker_is_told_which_answers_will_be_audited(pytester: pytest.Pytester, run: Run) -> None:
    write_attack(pytester, at_start="Path('told').write_text(repr(session.config.workerinput))")
    run("-n2", "--lleval-audit=20%")
    (path,) = find_runs(pytester.path)
    audit = read_session(path)["audit"]
    assert len(audit["key"]) == 32
    assert audit["key"] not in (pytester.path / "told").read_text()
    assert audit["chosen"] == 3


def test_r12_a_worker_that_accuses_honest_ones_is_found_itself(pytester: pytest.Pytester, run: Run) -> None:
    accuse = """
    if message[0] == "audited":
        return (*message[:3], '[{"name":"exact","value":0.5}]')
    return message
    """
    write_attack(pytester, tell=accuse)
    result = run("-n3", ALL)
    assert_excluded(pytester, result, "scores an answer exact 0.5, which two other workers score exact")


@pytest.mark.parametrize(
    "said",
    [
        "('audited', '999', message[2], message[3])",
        "('audited', message[1], message[2].replace('gw1', 'gw0'), message[3])",
    ],
)
def test_r12_an_audit_that_no_honest_worker_sends_is_refused(pytester: pytest.Pytester, run: Run, said: str) -> None:
    write_attack(pytester, tell=f"return {said} if message[0] == 'audited' else message")
    result = run("-n3", ALL)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["audit    excluded: worker gw1 has sent *"])
    read_counted(pytester)


def test_r13_lines_of_an_excluded_worker_stay_in_the_journal_and_are_in_no_number(
    pytester: pytest.Pytester, run: Run
) -> None:
    write_attack(pytester, lie=WRONG)
    assert run("-n3", ALL).ret == 0
    read_counted(pytester)
    (path,) = find_runs(pytester.path)
    records = read_records(path)
    assert {record["worker"] for record in records} == {"gw0", "gw1", "gw2"}
    assert len(records) > 12
    # the chain holds, and whoever reads it later comes to the same numbers
    again = encode_report(load_view(path))
    assert json.loads(json.dumps(again["suites"])) == read_report(path)["suites"]


def test_r13_a_run_that_goes_on_asks_what_is_void_again(pytester: pytest.Pytester, run: Run) -> None:
    """Both workers are on the host that sends what it should not: with it the session is at its end."""
    write_attack(pytester, lie="send(replace(record, worker='gw0'))")
    fleet = ("-d", "--tx=popen//lleval_host=far", "--tx=popen//lleval_host=far")
    result = run(*fleet)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["audit    excluded: worker gw1 on host far has sent*", "not run: * of the selected*"])
    (pytester.path / "conftest.py").unlink()
    result = run("--lleval-resume")
    assert result.ret == 0
    result.assert_outcomes(passed=12)
    read_counted(pytester)


def test_r14_where_nobody_can_tell_who_lies_the_session_fails_and_names_both(
    pytester: pytest.Pytester, run: Run
) -> None:
    write_attack(pytester, lie=WRONG)
    result = run("-n2", ALL)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["workers contradict each other in * answers, and no third one could decide who lies"])
    (path,) = find_runs(pytester.path)
    (found,) = [found for found in read_report(path)["disclosures"] if "say different things" in found["message"]]
    assert found["severity"] == "critical"
    assert all(name in found["message"] for name in ("gw0", "gw1"))


def test_r15_tests_of_an_excluded_worker_fail_the_session_for_they_are_not_run_again(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        test_mine="""
        import time
        import pytest

        @pytest.mark.parametrize("number", range(20))
        def test_mine(number):
            time.sleep(0.02)
        """
    )
    write_attack(pytester, lie="time.sleep(0.3); send(replace(record, worker='gw0'))")
    result = run("-n2", "test_mine.py")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["* tests were run by workers that are not believed: run them again"])


@pytest.mark.parametrize("words", [[], ["-n1"], ["-n2", "--dist=load"]])
def test_an_audit_that_cannot_be_done_is_said_to_be_none(pytester: pytest.Pytester, run: Run, words: list[str]) -> None:
    result = run(*words, "--lleval-audit=2%", "--lleval-strict", "--lleval-acknowledge=F3:a mock")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    reason = "leave --dist out" if len(words) > 1 else "needs a second worker"
    result.stdout.fnmatch_lines([f"audit    nothing was audited: *{reason}*"])


def test_audits_count_in_the_budget_and_in_no_number(pytester: pytest.Pytester, run: Run) -> None:
    result = run("-n2", ALL, "--lleval-max-tokens-total=1000000")
    assert result.ret == 0
    (path,) = find_runs(pytester.path)
    report, session = read_report(path), read_session(path)
    assert session["limits"]["granted"] == 24
    assert report["suites"][0]["traffic"]["requests"] == 12
    assert report["audit"]["asked"] == report["audit"]["agreed"] == 12


def test_second_looks_and_few_connections_do_not_wait_for_each_other(pytester: pytest.Pytester, run: Run) -> None:
    """One answer may be on its way: the second one to the same question must not wait for the first to be kept."""
    result = run("-n2", "--lleval-check-seed=12", ALL)
    assert result.ret == 0
    result.assert_outcomes(passed=12)
