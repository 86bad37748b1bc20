"""Nobody spends money by accident: which models tests ask, and which only when they are told to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from serving import ModelServer

Session = Callable[..., pytest.RunResult]

PAID = "openai/gpt-4o-mini"


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Run a project's tests; nothing can be reached under the paid model's address."""
    for name in ("LLEVAL_MODEL", "LLEVAL_LIVE", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def start(*words: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "xdist", "-p", "lleval", *words)

    return start


def write_test(pytester: pytest.Pytester, mark: str = "") -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.lleval({mark})\ndef test_it(model):\n    model('x')")


@pytest.mark.parametrize("model", [PAID, "anthropic/claude-haiku", "openai/x@https://gateway.example/v1"])
@pytest.mark.parametrize("place", ["mark", "ini", "addopts"])
def test_a_model_that_may_cost_money_is_not_asked_by_a_plain_session(
    pytester: pytest.Pytester, session: Session, model: str, place: str
) -> None:
    write_test(pytester, f"model={model!r}" if place == "mark" else "")
    if place == "ini":
        pytester.makeini(f"[pytest]\nlleval_model = {model}")
    if place == "addopts":
        pytester.makeini(f"[pytest]\naddopts = --lleval-model={model}")
    result = session("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"SKIPPED*.py:*{model} may cost money: ask it by --lleval-live, LLEVAL_LIVE=1, or*"])
    assert not (pytester.path / ".lleval").exists()


@pytest.mark.parametrize("wish", ["option", "environment", "live", "live environment"])
def test_a_model_is_asked_when_somebody_says_so(
    pytester: pytest.Pytester, session: Session, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    write_test(pytester, f"model={PAID!r}")
    # it is not there, which is found out by asking it
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://gateway.invalid/v1")
    monkeypatch.setenv("NO_PROXY", "*")
    words = {"option": [f"--lleval-model={PAID}"], "live": ["--lleval-live"]}.get(wish, [])
    if wish == "environment":
        monkeypatch.setenv("LLEVAL_MODEL", PAID)
    if wish == "live environment":
        monkeypatch.setenv("LLEVAL_LIVE", "1")
    session(*words, "--lleval-deadline=2").assert_outcomes(errors=1)


def test_models_on_this_machine_need_no_switch(
    pytester: pytest.Pytester, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(answer="A") as server:
        write_test(pytester, f"model=['mock/fixed:A', 'openai/served-model@{server.url}']")
        session().assert_outcomes(passed=2)
        write_test(pytester, "model='openai/served-model'")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        session().assert_outcomes(passed=1)


def test_a_model_named_for_the_session_replaces_that_of_the_mark(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makeini("[pytest]\nlleval_model = mock/fixed:ini")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.lleval(model="mock/fixed:mark")
        def test_it(model):
            print("said", model("x").text)

        def test_plain(model):
            print("said", model("x").text)
        """
    )

    def read_said(*words: str) -> list[str]:
        text = session("-s", *words).stdout.str()
        return [line.split()[-1] for line in text.replace(".said", "\nsaid").splitlines() if "said " in line]

    assert read_said() == ["mark", "ini"]
    assert read_said("--lleval-model=mock/fixed:typed") == ["typed", "typed"]


def test_a_test_without_a_mark_is_skipped_as_well(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makeini(f"[pytest]\nlleval_model = {PAID}")
    pytester.makepyfile("def test_it(model):\n    pass")
    session().assert_outcomes(skipped=1)


def test_skipping_is_the_same_on_workers(pytester: pytest.Pytester, session: Session) -> None:
    write_test(pytester, f"model={PAID!r}")
    session("-n1").assert_outcomes(skipped=1)


def test_a_budget_holds_for_tests_too(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.lleval(dataset=[f"word {number}" for number in range(20)])
        async def test_it(model, sample):
            await model(sample.input, max_tokens=1)
        """
    )
    with ModelServer(answer="A") as server:
        result = session("--lleval-max-tokens-total=30", f"--lleval-model=openai/served-model@{server.url}")
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] >= 5
    assert outcomes["errors"] >= 5
    result.stdout.fnmatch_lines(["scored *, unscored * (budget *)"])


def test_a_free_model_that_is_typed_wakes_no_paid_one_of_the_ini_file(pytester, session, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    pytester.makeini("[pytest]\naddopts = --lleval-model=openai/x@http://10.255.255.1/v1")
    pytester.makepyfile("import pytest\n\n@pytest.mark.lleval\ndef test_it(model):\n    assert model('q').text\n")
    result = session("--lleval-model=mock/fixed:A", "-rs")
    outcomes = result.parseoutcomes()
    assert outcomes.get("passed") == 1
    assert outcomes.get("skipped") == 1
    result.stdout.fnmatch_lines(["*openai/x@http://10.255.255.1/v1 may cost money*"])


@pytest.mark.parametrize("word", ["0", "false", "No", "off"])
def test_a_switch_of_the_environment_can_say_no(pytester, session, monkeypatch, word):
    monkeypatch.setenv("LLEVAL_LIVE", word)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    pytester.makepyfile(
        "import pytest\n\n@pytest.mark.lleval(model='openai/x@http://10.255.255.1/v1')\n"
        "def test_it(model):\n    assert model('q').text\n"
    )
    session().assert_outcomes(skipped=1)


LETTERS = """
from pytest_lleval import Sample, Suite, exact

letters = Suite(
    name="letters",
    version="1",
    dataset=[Sample(id=str(row), input=f"{row}?", target="A") for row in range(3)],
    scorers=[exact()],
)
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with a suite and an ordinary test; a paid model is not there, which is found out by asking it."""
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv("NO_PROXY", "*")
    pytester.makefile(".py", letters=LETTERS)
    pytester.makepyfile("def test_plain():\n    pass")
    return pytester


NOT_THERE = "openai/x@http://gateway.invalid/v1"


@pytest.mark.parametrize("spread", [[], ["-n1"]])
@pytest.mark.parametrize("place", ["ini", "addopts"])
def test_the_projects_suites_are_not_asked_of_a_paid_model_by_a_plain_session(project, session, place, spread):
    words = f"lleval_suite = letters.py\nlleval_model = {NOT_THERE}"
    if place == "addopts":
        words = f"addopts = --lleval-suite=letters.py --lleval-model={NOT_THERE}"
    project.makeini(f"[pytest]\n{words}")
    result = session(*spread)
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [f"lleval: the project's suites were not asked: {NOT_THERE} may cost money: ask it by --lleval-live, *"]
    )
    assert not (project.path / ".lleval").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--lleval-suite=letters.py"],
        [f"--lleval-model={NOT_THERE}"],
        ["--lleval-live"],
        ["letters::1"],
        ["--lleval-matrix=256"],
    ],
)
def test_the_projects_suites_are_asked_when_somebody_says_so(project, session, words):
    project.makeini(f"[pytest]\nlleval_suite = letters.py\nlleval_model = {NOT_THERE}")
    result = session(*words, "--lleval-deadline=2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {NOT_THERE}: no answer from http://gateway.invalid/v1*"])


@pytest.mark.parametrize("form", ["{}.py::test_plain", "--pyargs {}::test_plain"])
def test_naming_an_ordinary_test_asks_no_suite_of_a_paid_model(project, session, monkeypatch, form):
    project.makeini(f"[pytest]\nlleval_suite = letters.py\nlleval_model = {NOT_THERE}")
    project.makepyfile(test_mine="def test_plain():\n    pass")
    monkeypatch.syspath_prepend(project.path)
    result = session(*form.format("test_mine").split())
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["lleval: the project's suites were not asked: *"])


def test_a_free_model_is_asked_for_itself(project, session):
    project.makeini(f"[pytest]\nlleval_suite = letters.py\nlleval_model =\n  {NOT_THERE}\n  mock/fixed:A")
    result = session()
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["suite    letters on mock/fixed:A", f"lleval: the project's suites*{NOT_THERE} may *"])


def test_listing_and_dry_runs_show_what_would_be_asked(project, session):
    project.makeini(f"[pytest]\nlleval_suite = letters.py\nlleval_model = {NOT_THERE}")
    for words in (["--collect-only", "-q"], ["--lleval-dry-run"]):
        text = session(*words).stdout.str()
        assert "letters" in text
        assert "were not asked" not in text


def test_a_model_in_a_file_of_arguments_of_the_ini_file_is_not_typed(pytester, session):
    write_test(pytester)
    pytester.makeini("[pytest]\naddopts = @args.txt")
    (pytester.path / "args.txt").write_text("@more.txt\n-rs\n", encoding="utf-8")
    (pytester.path / "more.txt").write_text(f"--lleval-model\n{PAID}\n", encoding="utf-8")
    session().assert_outcomes(skipped=1)


def test_a_model_in_a_file_of_arguments_that_was_typed_is(pytester, session, monkeypatch):
    write_test(pytester)
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv("NO_PROXY", "*")
    (pytester.path / "args.txt").write_text(f"--lleval-model={NOT_THERE}\n--lleval-deadline=2\n", encoding="utf-8")
    session("@args.txt").assert_outcomes(errors=1)


def test_a_model_that_is_typed_is_asked_though_the_ini_file_names_it_too(pytester, session, monkeypatch):
    write_test(pytester)
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv("NO_PROXY", "*")
    pytester.makeini(f"[pytest]\naddopts = --lleval-model={NOT_THERE}")
    session(f"--lleval-model={NOT_THERE}", "--lleval-deadline=2").assert_outcomes(errors=1)
