import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from matrix_runs import cross, write_matrix_run
from run_parts import make_identity, make_record, write_run

from pytest_lleval.core.gates import Answer, GateResult
from pytest_lleval.core.records import Disclosure
from pytest_lleval.reports.github import render_commands, render_step_summary, render_verdict
from pytest_lleval.reports.view import RunView, load_view

ROOT = Path(__file__).parents[3]
WORKFLOW = ROOT / ".github" / "workflows" / "gate-example.yml"
EVIL = "a|b`<b>@octocat #1\n::error::x\r\x1b[31m%,:"
NASTY = st.text(st.one_of(st.characters(codec=None), st.sampled_from("%\r\n:,|@\x1b")), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> RunView:
    """A run of two answers and one failure, whose factors are in doubt."""
    folder = tmp_path_factory.mktemp("github")
    records = [make_record("a", 1.0), make_record("b", 0.0), make_record("c", None)]
    return load_view(write_run(folder / "run", records))


def judge(answer: Answer, **changes: Any) -> GateResult:
    values = {"gate": "s:accuracy>=0.6", "suite": "s", "model": "openai/m", "message": "0.500 is below 0.6"}
    return GateResult(**{**values, "answer": answer, **changes})


def add(view: RunView, *gates: GateResult, further: tuple[Disclosure, ...] = (), **changes: Any) -> RunView:
    return view._replace(gates=gates, further=further, **changes)


def decode(text: str) -> str:
    for spelled, sign in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(spelled, sign)
    return text


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ([], "no gate was asked for"),
        (["pass"], "the gate passes"),
        (["pass", "pass"], "all 2 gates pass"),
        (["fail"], "of 1 gate 1 failed"),
        (["pass", "fail", "undecided", "unmeasured", "undecided"], "of 5 gates 1 failed, 2 undecided, 1 unmeasured"),
    ],
)
def test_a_verdict_counts_the_answers_of_the_gates(plain: RunView, answers: list[Answer], verdict: str) -> None:
    doubts = "not trustworthy (F1 unverified, F3 unverified, E unverified)"
    assert render_verdict(add(plain, *map(judge, answers))) == f"{verdict}; {doubts}"


def test_a_run_that_scored_nothing_says_so_first(tmp_path: Path) -> None:
    view = load_view(write_run(tmp_path / "run", [make_record("a", None)]))
    assert render_verdict(view).startswith("nothing was scored; no gate was asked for; ")


def test_only_clean_factors_are_called_trustworthy(plain: RunView) -> None:
    clean = [verdict.__class__(factor=verdict.factor, state="clean", message="") for verdict in plain.verdicts]
    assert render_verdict(add(plain, judge("pass"), verdicts=clean)) == "the gate passes; the numbers are trustworthy"


def test_a_page_has_verdict_numbers_gates_and_doubts(plain: RunView) -> None:
    further = (
        Disclosure(factor="D", severity="warning", message="half of it"),
        Disclosure(factor="S", severity="note", message="not shown"),
    )
    view = add(plain, judge("undecided"), further=further, acknowledged={"D": "on purpose"})
    assert render_step_summary(view._replace(directory="runs/x")).splitlines() == [
        "## lleval: of 1 gate 1 undecided; not trustworthy (F1 unverified, F3 unverified, E unverified)",
        "",
        "| suite | model | accuracy | 95 % interval | n | unscored | flagged |",
        "|---|---|---|---|---|---|---|",
        "| s | openai/m | 0.500 | 0.095 to 0.905 | 2 | 1 (error 1) | none |",
        "",
        "| gate | suite | model | answer | why |",
        "|---|---|---|---|---|",
        "| s&#58;accuracy&#62;=0.6 | s | openai/m | undecided | 0.500 is below 0.6 |",
        "",
        "- **D dataset&#58; warning** half of it (acknowledged&#58; on purpose)",
        "",
        "Every sample and call is in the run directory runs/x: upload it as an artifact of the job, and read it "
        "with `lleval report RUN`.",
        "",
    ]


def test_a_size_matrix_is_a_table_and_the_verdict_of_a_run_of_nothing_else(tmp_path: Path) -> None:
    view = load_view(write_matrix_run(tmp_path / "run", cross()))
    lines = render_step_summary(view).splitlines()
    assert re.match("## lleval: From 2,0[0-9]+ tokens on b is faster than a; not trustworthy ", lines[0])
    assert "| median seconds | s 400 | m 1,600 | l 6,400 |" in lines
    judged = render_verdict(add(view, judge("pass")))
    assert "; the gate passes; not trustworthy" in judged


def test_names_and_messages_cannot_write_the_page(tmp_path: Path) -> None:
    records = [make_record("a", 1.0, suite=EVIL, model=EVIL)]
    view = load_view(write_run(tmp_path / "run", records, identities=[make_identity(spec=EVIL)]))
    further = (Disclosure(factor="D", severity="warning", message=EVIL),)
    page = render_step_summary(add(view, judge("fail", gate=EVIL, message=EVIL, suite=EVIL), further=further))
    assert not re.search(r"<b>|@o|\x1b|\r|a\|b|^::", page, re.MULTILINE)
    assert page.count("\n") == 14


def test_a_page_is_short_enough_however_much_there_is_to_say(plain: RunView) -> None:
    gates = [judge("fail", message="|" * 5000, gate="@" * 5000) for _ in range(300)]
    page = render_step_summary(add(plain, *gates))
    assert 30_000 < len(page) <= 60_000
    assert page.startswith("## lleval: of 300 gates 300 failed; ")
    assert re.search(r"\n\n\d+ more lines are left out: they are in the job's log\.\n$", page)


def test_each_gate_that_does_not_pass_is_an_error_and_each_grave_finding_a_warning(plain: RunView) -> None:
    further = (
        Disclosure(factor="D", severity="critical", message="half of it"),
        Disclosure(factor="S", severity="note", message="not shown"),
    )
    view = add(plain, judge("pass"), judge("fail"), judge("undecided"), judge("unmeasured", model=""), further=further)
    assert list(render_commands(view)) == [
        "::error title=lleval gate fail%3A s%3Aaccuracy>=0.6::s on openai/m: 0.500 is below 0.6",
        "::error title=lleval gate undecided%3A s%3Aaccuracy>=0.6::s on openai/m: 0.500 is below 0.6",
        "::error title=lleval gate unmeasured%3A s%3Aaccuracy>=0.6::s: 0.500 is below 0.6",
        "::warning title=lleval D dataset%3A critical::half of it",
    ]


@given(gate=NASTY, message=NASTY)
def test_a_command_is_one_line_that_reads_back_as_it_was(plain: RunView, gate: str, message: str) -> None:
    (command,) = render_commands(add(plain, judge("fail", gate=gate, message=message)))
    found = re.fullmatch(r"::error title=([^:,\r\n]*)::([^\r\n]*)", command)
    assert found is not None
    title, text = found.groups()
    assert not re.search(r"%(?!3A|2C|0D|0A|25)", title + text)
    assert len(command.splitlines()) == 1
    if gate.isprintable() and message.isprintable():
        assert decode(title) == f"lleval gate fail: {gate}"
        assert decode(text) == f"s on openai/m: {message}"


def read_workflow() -> dict[str, Any]:
    content = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key "on" as a truth value
    return {"on" if key is True else key: value for key, value in content.items()}


def test_the_example_workflow_is_started_by_hand_or_by_its_own_file() -> None:
    started = read_workflow()["on"]
    assert set(started) == {"workflow_dispatch", "push", "pull_request"}
    for event in ("push", "pull_request"):
        assert started[event]["paths"] == [".github/workflows/gate-example.yml"]


def test_the_example_workflow_saves_on_main_and_compares_elsewhere() -> None:
    workflow = read_workflow()
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = {step["run"]: step.get("if", "") for step in steps if "pytest --lleval" in step.get("run", "")}
    (save,) = [text for text in commands if "--lleval-save-baseline=baseline.json" in text]
    (gate,) = [text for text in commands if "--lleval-baseline=baseline.json" in text]
    assert "--lleval-compare-fail=accuracy:2%" in gate
    assert commands[save] == "github.ref == 'refs/heads/main'"
    assert commands[gate] == "github.ref != 'refs/heads/main'"
    assert workflow["permissions"] == {"contents": "read", "actions": "read"}
    # nothing an outsider can write is put into a shell
    assert not any("${{" in step.get("run", "") for step in steps)
