"""Eval cases: ordinary tests with a mark, their datasets, their grades and what is kept of them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from serving import Fault, ModelServer

Session = Callable[..., pytest.RunResult]

TICKETS = [
    {"id": "refund", "question": "Money back?", "answer": "A", "category": "billing"},
    {"id": "crash", "question": "It crashes", "answer": "B", "category": "technical"},
    {"id": "invoice", "question": "Wrong sum", "answer": "A", "category": "billing"},
    {"id": "größe", "question": "Zu klein?", "answer": "A", "category": "sales"},
]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a dataset of four tickets."""
    lines = "\n".join(json.dumps(ticket, ensure_ascii=False) for ticket in TICKETS)
    (pytester.path / "tickets.jsonl").write_text(lines, encoding="utf-8")
    return pytester


@pytest.fixture
def session(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Run the project's tests with a mock that always answers A, unless told otherwise."""
    for name in ("LLEVAL_MODEL", "LLEVAL_LIVE", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def start(*words: str, model: str | None = "mock/fixed:A", plugins: tuple[str, ...] = ()) -> pytest.RunResult:
        loaded = [word for name in ("xdist", "lleval", *plugins) for word in ("-p", name)]
        named = [f"--lleval-model={model}"] if model else []
        return project.runpytest_inprocess(*loaded, *named, *words)

    return start


def find_runs(project: pytest.Pytester) -> list[Path]:
    return sorted((project.path / ".lleval" / "runs").glob("*"))


def read_records(project: pytest.Pytester) -> list[dict[str, Any]]:
    lines = (find_runs(project)[-1] / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda raw: raw["case"])


def read_manifest(project: pytest.Pytester) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((find_runs(project)[-1] / "manifest.json").read_text(encoding="utf-8"))
    return manifest


def read_scores(project: pytest.Pytester) -> dict[str, dict[str, float]]:
    return {raw["sample"]: {score["name"]: score["value"] for score in raw["scores"]} for raw in read_records(project)}


BOT = """
import pytest

@pytest.mark.lleval(dataset="tickets.jsonl", tags=["smoke"])
def test_routes(model, question, answer, grade):
    got = model(question)
    grade.exact(got, answer, name="routed")
    assert got.text == answer

@pytest.mark.lleval(dataset="tickets.jsonl", gate="pass_rate>=0.2", must_pass=["inv*"])
async def test_gated(sample, model, grade):
    got = await model(sample.input)
    grade(got.text == sample.target, name="routed")
    assert got.text == sample.target

def test_unit():
    assert True
"""


@pytest.mark.parametrize("spread", [[], ["-n0"], ["-n2"]])
def test_a_marked_test_is_a_case_for_each_row_of_its_dataset(
    project: pytest.Pytester, session: Session, spread: list[str]
) -> None:
    project.makepyfile(test_bot=BOT)
    result = session(*spread)
    result.assert_outcomes(passed=8, failed=1)
    records = read_records(project)
    assert len(records) == 8
    assert {raw["suite"] for raw in records} == {"test_bot.py::test_routes", "test_bot.py::test_gated"}
    for suite in ("test_routes", "test_gated"):
        found = {raw["sample"]: raw["scores"][0] for raw in records if raw["suite"].endswith(suite)}
        assert {name: score["value"] for name, score in found.items()} == {
            "refund": 1,
            "crash": 0,
            "invoice": 1,
            "größe": 1,
        }
        assert "assert 'A' == 'B'" in found["crash"]["explanation"]
        assert all(score["name"] == "pass" for score in found.values())
    first = records[0]
    assert first["group"] == "technical"
    assert first["target"] == ["B"]
    assert first["request"]["messages"][0]["content"] == "It crashes"
    assert first["completion"]["text"] == "A"
    result.stdout.fnmatch_lines(
        [
            "suite    test_bot.py::test_routes on mock/fixed:A",
            "dataset  tickets.jsonl, edition jsonl, *; 4 of 4 samples asked",
            "pass rate  *0.750*",
            "grade (routed) *0.750*",
            "gate     pass  *pass_rate>=0.2",
        ]
    )


def test_records_are_the_same_whoever_runs_the_cases(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(test_bot=BOT)
    found = []
    for words in ([], ["-n2"], ["-k", "not unit"]):
        session(*words)
        changing = {"worker": "", "started": 0, "chain": ""}
        records = [{**raw, **changing, "completion": raw["completion"]["text"]} for raw in read_records(project)]
        found.append((records, sorted(read_manifest(project)["suites"], key=lambda suite: suite["name"])))
    assert found[0] == found[1]
    assert found[0] == found[2]


def test_without_a_gate_a_failed_assert_is_a_failed_test_and_with_one_a_wrong_answer(
    project: pytest.Pytester, session: Session
) -> None:
    project.makepyfile(test_bot=BOT)
    result = session("-v", "-rA")
    text = result.stdout.str()
    result.stdout.fnmatch_lines(["test_bot.py::test_routes?crash? FAILED*", "test_bot.py::test_gated?crash? WRONG*"])
    assert "lleval: wrong, the gate decides" in text
    assert "AssertionError: assert 'A' == 'B'" in text
    assert result.ret == 1


def test_a_gate_that_fails_is_the_sessions_failure(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(test_bot=BOT.replace("pass_rate>=0.2", "pass_rate>=0.9"))
    result = session("-k", "gated")
    result.assert_outcomes(passed=4)
    assert result.ret == 1
    gates = read_manifest(project)["suites"][0]["gates"]
    assert [(gate["metric"], gate["value"], gate["suite"]) for gate in gates] == [
        ("pass_rate", 0.9, "test_bot.py::test_gated")
    ]


@pytest.mark.parametrize(
    ("mark", "failed"),
    [("must_pass=True", 1), ("must_pass='cr*'", 1), ("must_pass=['crash']", 1), ("must_pass=['refund']", 0)],
)
@pytest.mark.parametrize("body", ["assert model(question).text == answer", "grade(model(question).text == answer)"])
def test_a_case_that_must_pass_fails_whatever_the_gate_says(
    project: pytest.Pytester, session: Session, mark: str, failed: int, body: str
) -> None:
    project.makepyfile(
        f"""
        import pytest

        @pytest.mark.lleval(dataset="tickets.jsonl", gate="pass_rate>=0.1", {mark})
        def test_it(model, question, answer, grade):
            {body}
        """
    )
    result = session()
    result.assert_outcomes(passed=4 - failed, failed=failed)
    if failed and "grade" in body:
        result.stdout.fnmatch_lines(["*test_it?crash? must pass*graded wrong: grade*"])


def test_a_grade_that_says_no_leaves_the_test_passed_and_shown_as_wrong(
    project: pytest.Pytester, session: Session
) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.lleval
        def test_no(grade):
            grade(False, name="short", explanation="too long")

        @pytest.mark.lleval
        def test_partly(grade):
            grade(0.4, name="tone")

        @pytest.mark.lleval
        def test_below(grade):
            grade.similar("abc", "abd", threshold=0.9)
        """
    )
    result = session("-v", model=None)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*test_no WRONG*", "*test_partly PASSED*", "*test_below WRONG*"])
    scores = read_scores(project)
    assert scores["test_no"] == {"pass": 0, "short": 0}
    assert scores["test_partly"] == {"pass": 1, "tone": 0.4}
    assert scores["test_below"]["pass"] == 0
    assert {raw["model"] for raw in read_records(project)} == {"own code"}


def test_what_is_no_assertion_is_unscored_and_never_a_wrong_answer(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(
        """
        import pytest

        def check(text):
            assert text == "B", "the helper says so"

        @pytest.mark.lleval(gate="pass_rate>=0.1")
        def test_code(model):
            {}["missing"]

        @pytest.mark.lleval(gate="pass_rate>=0.1")
        def test_setup(model, broken):
            pass

        @pytest.mark.lleval(gate="pass_rate<=0.9")
        def test_helper(model):
            check(model("x").text)

        @pytest.mark.lleval(gate="pass_rate<=0.9")
        def test_fails(model):
            pytest.fail("not good enough")

        @pytest.mark.lleval
        def test_skips(model):
            pytest.skip("not today")

        @pytest.fixture
        def broken():
            assert False, "no database"
        """
    )
    result = session("-v")
    result.assert_outcomes(passed=2, errors=2, skipped=1)
    found = {raw["sample"]: raw for raw in read_records(project)}
    assert set(found) == {"test_code", "test_setup", "test_helper", "test_fails"}
    assert (found["test_code"]["outcome"], found["test_code"]["cause"]) == ("unscored", "error")
    assert found["test_code"]["error"] == "KeyError: 'missing'"
    assert "no database" in found["test_setup"]["error"]
    assert found["test_helper"]["scores"][0]["explanation"].startswith("the helper says so")
    assert found["test_fails"]["scores"][0] == {
        "name": "pass",
        "value": 0,
        "answer": None,
        "explanation": "not good enough",
    }
    result.stdout.fnmatch_lines(["*test_code UNSCORED*", "*test_helper WRONG*", "scored   0, unscored 1 (error 1)"])


def test_a_dead_server_leaves_errors_and_no_wrong_answers(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(test_bot=BOT)

    def refuse(request: Any) -> Fault | None:
        return Fault(status=400, message="no such thing") if "crashes" in request.question else None

    with ModelServer(answer="A", faults=refuse) as server:
        result = session("-k", "routes", model=f"openai/served-model@{server.url}")
    result.assert_outcomes(passed=3, errors=1)
    found = {raw["sample"]: raw for raw in read_records(project)}
    assert found["crash"]["outcome"] == "unscored"
    assert "no such thing" in found["crash"]["error"]
    assert result.ret == 1
    result.stdout.fnmatch_lines(["pass rate *1.000*", "scored   3, unscored 1 (error 1)"])


def test_failed_calls_that_are_allowed_do_not_fail_the_session(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(test_bot=BOT)

    def refuse(request: Any) -> Fault | None:
        return Fault(status=400, message="no such thing") if "crashes" in request.question else None

    with ModelServer(answer="A", faults=refuse) as server:
        result = session("-k", "routes", "--lleval-fail-on-unscored=1", model=f"openai/served-model@{server.url}")
    result.assert_outcomes(passed=3, skipped=1)
    assert result.ret == 0
    assert [raw["outcome"] for raw in read_records(project)].count("unscored") == 1


def test_every_call_of_a_case_is_kept(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.lleval
        def test_two_calls(model):
            first = model("one two three")
            second = model("four")
            assert second.text == "A"
        """
    )
    with ModelServer(answer="A") as server:
        result = session(model=f"openai/served-model@{server.url}")
    result.assert_outcomes(passed=1)
    (raw,) = read_records(project)
    assert raw["request"]["messages"][0]["content"] == "four"
    assert [call["request"]["messages"][0]["content"] for call in raw["earlier"]] == ["one two three"]
    result.stdout.fnmatch_lines(
        ["traffic  requests 2 (0 retried)*", "F1 prompt       clean      all 2 requests carried the prompts*"]
    )


def test_epochs_and_models_are_items_of_their_own(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.lleval(dataset=[("one", "A"), ("two", "B")], epochs=2)
        def test_it(model, input, target):
            assert model(input).text == target

        @pytest.mark.lleval(epochs=2)
        def test_alone():
            pass
        """
    )
    session("--lleval-model=mock/fixed:B").assert_outcomes(passed=6, failed=4)
    records = read_records(project)
    assert len(records) == 10
    assert "test_epochs_and_models_are_items_of_their_own.py::test_it[row-0-fixed:A-epoch2]" in {
        raw["case"] for raw in records
    }
    places = {(raw["sample"], raw["model"], raw["epoch"]): raw["scores"][0]["value"] for raw in records}
    assert places["row-0", "mock/fixed:A", 2] == 1
    assert places["row-0", "mock/fixed:B", 1] == 0
    assert places["test_alone", "own code", 2] == 1
    seeds = {(raw["sample"], raw["epoch"]): raw["request"]["seed"] for raw in records if "request" in raw}
    assert len(set(seeds.values())) == 4
    session("--lleval-epochs=3", "-k", "alone").assert_outcomes(passed=3)
    assert [raw["epoch"] for raw in read_records(project)] == [1, 2, 3]


def test_datasets_go_with_parameters_and_fixtures_of_the_project(project: pytest.Pytester, session: Session) -> None:
    project.makeconftest(
        """
        import pytest

        @pytest.fixture
        def prompt(sample):
            return f"Route: {sample.input}"

        @pytest.fixture
        def answer():
            return "of the project"
        """
    )
    project.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("language", ["en", "de"])
        @pytest.mark.lleval(dataset="tickets.jsonl")
        def test_it(model, prompt, language, answer, tmp_path):
            assert answer in "AB"
            model(f"{prompt} {language}")

        @pytest.mark.parametrize("question", ["mine"])
        @pytest.mark.lleval(dataset="tickets.jsonl")
        def test_given(question):
            assert question == "mine"
        """
    )
    session().assert_outcomes(passed=12)
    samples = {raw["sample"]: raw for raw in read_records(project)}
    assert samples["refund[de]"]["request"]["messages"][0]["content"] == "Route: Money back? de"
    assert "größe[mine]" in samples
    assert read_manifest(project)["suites"][0]["selected"] == 8


def test_marks_of_class_and_module_are_completed_by_nearer_ones(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(
        test_module="""
        import pytest

        pytestmark = pytest.mark.lleval(dataset="tickets.jsonl", tags=["all"])

        @pytest.mark.lleval(gate="pass_rate>=0.1")
        class TestBot:
            def test_one(self, model, answer):
                assert model("x").text == answer

            @pytest.mark.lleval(dataset=None, tags=["alone"])
            def test_two(self, model):
                assert model("x").text == "B"
        """
    )
    session().assert_outcomes(passed=5)
    suites = {suite["name"].rpartition("::")[2]: suite for suite in read_manifest(project)["suites"]}
    assert (suites["test_one"]["samples"], suites["test_one"]["tags"]) == (4, ["all"])
    assert (suites["test_two"]["dataset"], suites["test_two"]["tags"]) == ("none", ["alone"])
    assert all(suite["gates"] for suite in suites.values())


def test_pytests_own_selection_works(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(test_bot=BOT)
    session("-k", "smoke").assert_outcomes(passed=3, failed=1, deselected=5)
    assert read_manifest(project)["suites"][0]["selected"] == 4
    session("-m", "lleval and not slow").assert_outcomes(passed=7, failed=1, deselected=1)
    session("--lf", plugins=()).assert_outcomes(failed=1)
    assert [raw["sample"] for raw in read_records(project)] == ["crash"]
    session("test_bot.py::test_gated[refund]").assert_outcomes(passed=1)
    session("--lleval-sample-id=re*").assert_outcomes(passed=3)
    session("--lleval-limit=1").assert_outcomes(passed=3)
    count = len(find_runs(project))
    result = session("--collect-only", "-q")
    result.stdout.fnmatch_lines(["test_bot.py::test_routes?refund?", r"test_bot.py::test_routes?gr\xf6\xdfe?"])
    session("--lleval-dry-run").assert_outcomes(passed=1, skipped=8)
    assert len(find_runs(project)) == count


def test_samples_of_another_dataset_skip_the_test_and_say_so(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(test_bot=BOT)
    result = session("--lleval-sample-id=nobody", "-rs")
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED*--lleval-sample-id names none of its 4 samples"])


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("datset='tickets.jsonl'", "*::test_it: no keyword is called 'datset'; did you mean 'dataset'*"),
        ("'tickets.jsonl'", "*'tickets.jsonl' has no name; write dataset=*"),
        ("dataset='ticket.jsonl'", "*no file in * is called 'ticket.jsonl'; did you mean 'tickets.jsonl'?"),
        ("dataset='mmul'", "*'mmul' is neither a suite (did you mean 'mmlu'?) nor a file*"),
        ("dataset=[]", "*holds no rows*"),
        ("dataset=[{'id': 1}, {'id': 1}]", "*the id '1' was used at*"),
        ("dataset=lambda: 1 / 0", "*failed: ZeroDivisionError*"),
        ("dataset=3", "*a dataset is a suite, a file, a list of rows or a function*not int*"),
        ("epochs=0", "*epochs=0 is not a whole number of at least 1"),
        ("gate='pass_rate=1'", "*'pass_rate=1' is no gate*"),
        ("gate=0.9", "*gate=0.9 is not a text or a list of texts"),
        ("must_pass=1", "*must_pass=1 is not True, a text or a list of texts"),
        ("model=3", "*model=3 is not a text or a list of texts"),
    ],
)
def test_a_wrong_mark_is_one_line_at_collection(
    project: pytest.Pytester, session: Session, mark: str, message: str
) -> None:
    project.makepyfile(f"import pytest\n@pytest.mark.lleval({mark})\ndef test_it():\n    pass")
    result = session()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    assert "Traceback" not in result.stdout.str()
    assert not find_runs(project)


def test_a_row_without_a_column_that_is_asked_for_is_named(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.lleval(dataset=[{"id": "full", "hint": "x"}, {"id": "short"}])
        def test_it(hint):
            pass
        """
    )
    session().stdout.fnmatch_lines(["*row 'short': has no column 'hint', which *test_it asks for*"])


def test_a_column_called_request_is_no_argument(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.lleval(dataset=[{"request": "help", "model": "x"}])
        def test_it(request, sample, model):
            assert sample.metadata["request"] == "help"
            assert request.node.name == "test_it[row-0]"
            assert model(sample.metadata["request"]).text == "A"
        """
    )
    session().assert_outcomes(passed=1)


def test_datasets_come_from_csv_yaml_functions_and_suites(
    project: pytest.Pytester, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.path / "a.csv").write_text("id,question,answer\none,1?,A\ntwo,2?,A\n")
    (project.path / "b.yaml").write_text("- {id: x, input: hello, target: A}\n")
    project.makepyfile(
        """
        import pytest

        def rows():
            yield {"input": "made", "target": "A"}

        @pytest.mark.lleval(dataset="a.csv")
        def test_csv(model, question, answer):
            assert model(question).text == answer

        @pytest.mark.lleval(dataset="b.yaml")
        def test_yaml(model, sample):
            assert model(sample.input).text == sample.target

        @pytest.mark.lleval(dataset=rows)
        def test_function(model, sample):
            assert model(sample.input).text == sample.target
        """
    )
    session().assert_outcomes(passed=4)


def test_a_suite_is_a_dataset(project: pytest.Pytester, session: Session, data_dir: Path) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.lleval(dataset="mmlu/anatomy")
        def test_anatomy(model, input, choices, target):
            assert len(choices) == 4
            model(input)
        """
    )
    session("--lleval-limit=3").assert_outcomes(passed=3)
    (suite,) = read_manifest(project)["suites"]
    assert suite["dataset"] == "mmlu"
    assert suite["selected"] == 3
    assert all(raw["group"] == "anatomy" for raw in read_records(project))


def test_fixtures_without_a_mark_record_nothing(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(
        """
        def test_grades(grade, model):
            assert grade.exact(model("x"), "A")

        def test_sample(sample):
            pass
        """
    )
    result = session()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*test_sample asks for a sample and has no dataset*"])
    assert not find_runs(project)


def test_a_project_without_the_plugin_still_collects(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.lleval
        def test_it():
            pass
        """
    )
    result = project.runpytest_inprocess("-p", "no:lleval", "-W", "ignore::pytest.PytestUnknownMarkWarning")
    result.assert_outcomes(passed=1)
    session("--strict-markers", "--strict-config").assert_outcomes(passed=1)


def test_tests_and_suites_of_one_session_are_one_run(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(
        letters="""
        from pytest_lleval import Sample, Suite, exact

        letters = Suite(name="letters", version="1", dataset=[Sample(id="a", input="?", target="A")], scorers=[exact()])
        """,
        test_bot=BOT,
    )
    result = session("--lleval-suite=letters.py", "test_bot.py", "--lleval-epochs=2")
    result.assert_outcomes(passed=16, failed=2)
    assert len(find_runs(project)) == 1
    assert {raw["suite"] for raw in read_records(project)} == {
        "letters",
        "test_bot.py::test_routes",
        "test_bot.py::test_gated",
    }
    result.stdout.fnmatch_lines(["suite    test_bot.py::test_routes on *", "suite    letters on *"])


def test_a_run_of_tests_is_not_resumed(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(test_bot=BOT)
    session()
    result = session("--lleval-resume")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*holds eval cases of tests, e.g. 'test_bot.py::test_routes', and only suites*"])


def test_the_run_directory_is_the_one_that_was_named_and_only_once(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(test_bot=BOT)
    session("--lleval-run-dir=evidence").assert_outcomes(passed=8, failed=1)
    assert (project.path / "evidence" / "report.json").is_file()
    result = session("--lleval-run-dir=evidence")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "already holds a run" in result.stdout.str() + result.stderr.str()


def test_junit_has_the_scores_of_each_case(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(test_bot=BOT)
    session("--junitxml=out.xml", "-ojunit_family=xunit1", "-q", "-k", "routes")
    text = (project.path / "out.xml").read_text()
    assert text.count('name="lleval_pass"') == 4
    assert text.count('name="lleval_routed" value="0.0"') == 1
    assert 'name="lleval_trustworthy"' in text


@pytest.mark.parametrize("words", [["-p", "no:terminal"], ["-q"], ["-qq"], ["--no-header", "--no-summary"]])
def test_sessions_that_say_little_keep_everything(project: pytest.Pytester, session: Session, words: list[str]) -> None:
    project.makepyfile(test_bot=BOT)
    assert session(*words).ret == 1
    assert len(read_records(project)) == 8


SLOW = """
import pytest

@pytest.mark.lleval(dataset="tickets.jsonl")
async def test_it(model, question):
    await model(question)
"""


def test_ctrl_c_leaves_a_run_that_can_be_read(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(SLOW)

    def delay(request: Any) -> Fault | None:
        return Fault(delay=60) if "crashes" in request.question else None

    with ModelServer(answer="A", faults=delay) as server:
        words = ["-p", "lleval", "-p", "no:cacheprovider", f"--lleval-model=openai/served-model@{server.url}"]
        command = [sys.executable, "-m", "pytest", *words]
        process = subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, text=True)
        for _ in range(200):
            if any((run / "samples.jsonl").is_file() and read_records(project) for run in find_runs(project)):
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out = process.communicate(timeout=60)[0]
    assert process.returncode == pytest.ExitCode.INTERRUPTED, out
    assert [raw["sample"] for raw in read_records(project)] == ["refund"]
    assert (find_runs(project)[-1] / "report.json").is_file()
    assert "pass rate" in out


def test_a_worker_that_dies_takes_only_its_own_case_along(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(
        """
        import os
        import pytest

        @pytest.mark.lleval(dataset=[{"id": name} for name in "abcdefgh"])
        def test_it(sample):
            if sample.id == "c":
                os._exit(1)
        """
    )
    result = session("-n2")
    result.assert_outcomes(passed=7, failed=1)
    assert [raw["sample"] for raw in read_records(project)] == list("abdefgh")
    assert result.ret == 1


def test_an_expected_failure_is_measured(project: pytest.Pytester, session: Session) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.xfail
        @pytest.mark.lleval
        def test_marked(model):
            assert model("x").text == "B"

        @pytest.mark.lleval
        def test_called(model):
            pytest.xfail("not yet")
        """
    )
    session().assert_outcomes(xfailed=2)
    assert {raw["sample"]: raw["scores"][0]["value"] for raw in read_records(project)} == {"test_marked": 0}


def test_a_case_that_skips_itself_after_asking_does_not_hide_from_its_gate(pytester, session):
    pytester.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.lleval(dataset=[{"id": "one"}, {"id": "two"}], gate="pass_rate>=0.1")
        def test_hides(model, sample):
            if model("which?").text != "B":
                pytest.skip("not today")
        """
    )
    result = session()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["gate     UNMEASURED  pass_rate>=0.1"])


def test_names_that_must_pass_and_are_no_samples_are_refused(pytester, session):
    pytester.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.lleval(dataset=[{"id": "refund-1"}], must_pass=["refnud-*"])
        def test_it(sample):
            assert sample
        """
    )
    result = session()
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*must_pass: no sample of its dataset is called 'refnud-[*]'*"])
