"""What makes no eval case, or cannot be judged, is said at collection: once, and before anything is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Session = Callable[..., pytest.RunResult]

UNITTEST = """
import unittest

import pytest

class TestBot(unittest.TestCase):
    @pytest.mark.lleval(dataset=["a", "b"])
    def test_it(self):
        pass

    @pytest.mark.lleval
    def test_once(self):
        pass

    def test_plain(self):
        pass
"""

PLAIN = """
import unittest

import pytest

class TestPlain(unittest.TestCase):
    def test_it(self):
        pass

@pytest.mark.parametrize("word", ["a", pytest.param("b", marks=pytest.mark.skip)])
def test_words(word):
    pass

@pytest.mark.lleval
@pytest.mark.parametrize("word", ["a", pytest.param("b", marks=pytest.mark.skip, id="c")])
def test_case(word, model):
    model(word)
"""


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Run the project's tests with a mock."""
    for name in ("LLEVAL_MODEL", "LLEVAL_LIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def start(*words: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "xdist", "-p", "lleval", "--lleval-model=mock/fixed:A", *words)

    return start


@pytest.mark.parametrize("spread", [[], ["-n1"]])
def test_a_mark_on_methods_of_a_testcase_is_one_error_that_says_why(
    pytester: pytest.Pytester, session: Session, spread: list[str]
) -> None:
    pytester.makepyfile(test_bot=UNITTEST)
    result = session(*spread)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "test_bot.py::TestBot::test_it (and 1 more here): @pytest.mark.lleval makes no eval case of a method of "
            "unittest.TestCase, which pytest gives no arguments; write it as a function, or as a method of a class *"
        ]
    )
    assert result.ret != 0


@pytest.mark.parametrize("place", ["class", "module"])
def test_a_mark_that_reaches_a_testcase_from_above_is_an_error_too(
    pytester: pytest.Pytester, session: Session, place: str
) -> None:
    mark = {"class": "@pytest.mark.lleval\n", "module": ""}[place]
    above = {"class": "", "module": "pytestmark = pytest.mark.lleval\n"}[place]
    body = "class TestBot(unittest.TestCase):\n    def test_it(self):\n        pass\n"
    pytester.makepyfile(f"import unittest\nimport pytest\n{above}{mark}{body}")
    result = session()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*::TestBot::test_it: @pytest.mark.lleval makes no eval case of a method of unittest.*"]
    )


@pytest.mark.parametrize("own", ["", "@pytest.mark.lleval\n"])
def test_a_mark_of_a_parameter_comes_too_late_and_says_so(
    pytester: pytest.Pytester, session: Session, own: str
) -> None:
    """With a mark of the test's own as well: what the parameter's says would be lost."""
    values = "['a', pytest.param('b', marks=pytest.mark.lleval(must_pass=True))]"
    pytester.makepyfile(
        f"import pytest\n{own}@pytest.mark.parametrize('word', {values})\ndef test_it(word, model):\n    model(word)"
    )
    result = session()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*::test_it[[]b]: @pytest.mark.lleval in pytest.param(…) comes too late: *on the function*"]
    )


def test_other_marks_and_other_tests_are_left_alone(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(PLAIN)
    session().assert_outcomes(passed=3, skipped=2)


@pytest.mark.parametrize("spread", [[], ["-n1"]])
def test_an_option_that_does_not_fit_is_one_error_for_all_files(
    pytester: pytest.Pytester, session: Session, spread: list[str]
) -> None:
    case = "import pytest\n@pytest.mark.lleval\ndef test_it(model):\n    model('x')"
    pytester.makepyfile(test_one=case, test_two=case, test_three=case)
    result = session("--lleval-epochs=none", *spread)
    assert result.parseoutcomes()["errors"] == 1
    assert "passed" not in result.parseoutcomes()
    assert result.stdout.str().count("--lleval-epochs: 'none' is not a whole number of at least 1") <= 2
    assert result.ret != 0


@pytest.mark.parametrize("option", ["--lleval-gate={}:pass_rate>=0.5", "--lleval-compare-fail={}:pass_rate:2%"])
def test_a_gate_of_a_test_that_is_not_there_is_refused_before_anything_is_asked(
    pytester: pytest.Pytester, session: Session, option: str
) -> None:
    file = pytester.makepyfile("import pytest\n@pytest.mark.lleval\ndef test_it(model):\n    model('x')")
    words = ["--lleval-baseline=main.json"] if "compare" in option else []
    (pytester.path / "main.json").write_text("{}", encoding="utf-8")
    result = session(option.format(f"{file.name}::test_its"), *words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --lleval-* no eval case is called '{file.name}::test_its'; did you mean*"])
    assert not (pytester.path / ".lleval").exists()


def test_a_gate_of_the_ini_file_may_be_of_a_test_that_is_left_out(pytester: pytest.Pytester, session: Session) -> None:
    """It is not shown to hold, which is said when all is over."""
    pytester.makeini("[pytest]\nlleval_gate = test_other.py::test_it:pass_rate>=0.5")
    pytester.makepyfile("import pytest\n@pytest.mark.lleval\ndef test_it(model):\n    model('x')")
    result = session()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["gate     UNMEASURED  test_other.py::test_it:pass_rate>=0.5"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_gate_of_a_group_without_a_name_is_refused(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.lleval\ndef test_it(model):\n    model('x')")
    result = session("--lleval-gate=mmlu/:accuracy>=0.5")
    result.stdout.fnmatch_lines(["*--lleval-gate: 'mmlu/:accuracy>=0.5' names no group; write e.g. mmlu/anatomy:*"])
    assert result.ret != 0
