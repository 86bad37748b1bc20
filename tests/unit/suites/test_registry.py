import sys
from importlib.metadata import EntryPoint
from typing import Literal

import pytest

from pytest_lleval.core.errors import SuiteError, UnknownNameError, UsageError
from pytest_lleval.suites import registry
from pytest_lleval.suites.parameters import coerce_arguments, describe_parameters
from pytest_lleval.suites.registry import find_suites, list_suites
from pytest_lleval.suites.sources import load_dataset

HEAD = "from __future__ import annotations\nfrom pytest_lleval.suites.definition import Suite\n"
TWO = (
    HEAD
    + """
from pytest_lleval.core.records import Sample
from pytest_lleval.suites.registry import suite
from pytest_lleval.suites.mmlu import mmlu

first = Suite(name="one", version="1", dataset=[Sample(id="a", input="q", group="g")], scorers=())
alias = first
_private = Suite(name="private", version="1", dataset=[], scorers=())

@suite
def second(size: int = 3) -> Suite:
    '''The second suite.'''
    return Suite(name="second", version="1", dataset="data.jsonl", scorers=(), parameters={"size": size})
"""
)


@pytest.fixture
def write(tmp_path):
    def write_text(text, name="mine.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    yield write_text
    for name in [name for name in sys.modules if name.startswith("lleval_suite_file_")]:
        del sys.modules[name]


@pytest.fixture
def entries(monkeypatch):
    def register(*found):
        monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint(*pair, group) for pair in found])

    return register


def names(chosen):
    return [(entry.suite.name, entry.group) for entry in chosen]


def test_built_in_suites_are_found_by_name_and_group():
    chosen = find_suites(["mmlu", "gsm8k"], {})
    assert names(chosen) == [("mmlu", None), ("gsm8k", None)]
    assert chosen[0].source.startswith("pytest_lleval.suites.mmlu:mmlu")


def test_groups_of_one_suite_share_it():
    chosen = find_suites(["mmlu/anatomy", "mmlu/virology", "mmlu/anatomy"], {})
    assert names(chosen) == [("mmlu", "anatomy"), ("mmlu", "virology")]
    assert chosen[0].suite is chosen[1].suite


def test_a_suite_chosen_whole_and_by_group_is_taken_whole():
    assert names(find_suites(["mmlu/anatomy", "mmlu"], {})) == [("mmlu", None)]


def test_an_unknown_suite_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="--lleval-suite: no suite is called 'mmul'; did you mean 'mmlu'"):
        find_suites(["mmul"], {})


def test_a_slash_without_a_group_is_refused():
    with pytest.raises(UsageError, match="'mmlu/' names no group"):
        find_suites(["mmlu/"], {})


def test_arguments_reach_the_suites_that_have_them():
    chosen = find_suites(["mmlu", "gsm8k"], {"method": "logprobs", "num_fewshot": "5"})
    assert chosen[0].suite.parameters["method"] == "logprobs"
    assert [entry.suite.parameters["num_fewshot"] for entry in chosen] == [5, 5]


def test_an_argument_no_suite_has_is_refused():
    with pytest.raises(UnknownNameError, match="no parameter of mmlu, gsm8k is called 'num_fewshots'; did you mean"):
        find_suites(["mmlu", "gsm8k"], {"num_fewshots": "5"})


def test_a_file_gives_all_its_suites_once(write):
    path = write(TWO)
    chosen = find_suites([str(path)], {"size": "7"})
    assert names(chosen) == [("one", None), ("second", None)]
    assert chosen[1].suite.parameters == {"size": 7}
    assert {entry.folder for entry in chosen} == {path.parent}


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("::first", ("one", None)),
        ("::one", ("one", None)),
        ("::second", ("second", None)),
        ("::first/g", ("one", "g")),
        ("::first/g/h", ("one", "g/h")),
    ],
)
def test_one_suite_of_a_file_is_found_by_name(write, word, found):
    assert names(find_suites([f"{write(TWO)}{word}"], {})) == [found]


def test_an_unknown_name_in_a_file_is_refused(write):
    with pytest.raises(UnknownNameError, match="is called 'secon'; did you mean 'second'"):
        find_suites([f"{write(TWO)}::secon"], {})


def test_a_relative_path_starts_from_the_current_folder(write, tmp_path, monkeypatch):
    write(TWO)
    monkeypatch.chdir(tmp_path)
    assert find_suites(["mine.py::first"], {})[0].folder == tmp_path


@pytest.mark.parametrize("word", [r"C:\evals\mine.py", r"C:\evals\mine.py::first/g", "D:/evals/mine.PY"])
def test_a_windows_path_is_a_path(word):
    with pytest.raises(UsageError, match="there is no file"):
        find_suites([word], {})


def test_files_of_the_same_name_do_not_meet(write, tmp_path):
    (tmp_path / "other").mkdir()
    text = HEAD + "{0} = Suite(name='{0}', version='1', dataset=[], scorers=())"
    paths = [write(text.format("left")), write(text.format("right"), "other/mine.py")]
    assert names(find_suites([str(path) for path in paths], {})) == [("left", None), ("right", None)]


@pytest.mark.parametrize(
    ("text", "line", "error"),
    [
        ("\n\n1 / 0\n", 3, "ZeroDivisionError: division by zero"),
        ("x = 1\ndef broken(:\n", 2, "SyntaxError"),
        ("def fail():\n    raise ValueError('bad')\nfail()\n", 2, "ValueError: bad"),
        ("import absent_module_of_nobody\n", 1, "ModuleNotFoundError"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
    ],
)
def test_a_file_that_fails_is_quoted_with_its_line(write, text, line, error):
    path = write(text)
    with pytest.raises(UsageError, match=error) as caught:
        find_suites([str(path)], {})
    assert f"{path}:{line} cannot be imported" in str(caught.value)


def test_a_missing_file_and_one_without_suites_are_refused(write, tmp_path):
    with pytest.raises(UsageError, match=r"there is no file .*absent\.py"):
        find_suites([str(tmp_path / "absent.py")], {})
    with pytest.raises(UsageError, match="holds no suite"):
        find_suites([str(write("from pytest_lleval.suites.mmlu import mmlu\n"))], {})


def test_two_suites_of_one_name_are_refused(write):
    text = HEAD + "mine = Suite(name='mmlu', version='1', dataset=[], scorers=())"
    with pytest.raises(UsageError, match="two chosen suites are called 'mmlu'"):
        find_suites([str(write(text)), "mmlu"], {})


@pytest.mark.parametrize(
    ("body", "error"),
    [("return 3", "returned int, not a Suite"), ("raise ValueError('bad')", "ValueError: bad")],
)
def test_a_suite_function_that_fails_is_named(write, body, error):
    text = HEAD + f"from pytest_lleval.suites.registry import suite\n@suite\ndef mine() -> Suite:\n    {body}\n"
    with pytest.raises(SuiteError, match=rf"suite 'mine' \(.*mine\.py::mine\).*{error}"):
        find_suites([str(write(text))], {})


def test_an_entry_point_is_loaded_only_when_chosen(entries):
    entries(("mmlu", "pytest_lleval.suites.mmlu:mmlu"), ("broken", "absent_module_of_nobody:suite"))
    assert names(find_suites(["mmlu"], {})) == [("mmlu", None)]
    with pytest.raises(UsageError, match=r"suite 'broken' \(absent_module_of_nobody:suite .* cannot be imported"):
        find_suites(["broken"], {})


def test_an_entry_point_that_is_no_suite_is_refused(entries):
    entries(("mine", "json:dumps"))
    with pytest.raises(UsageError, match=r"json:dumps .* is neither a Suite nor a function marked with @suite"):
        find_suites(["mine"], {})


def test_two_entry_points_of_one_name_are_refused_unless_they_are_the_same(entries):
    entries(("a", "pytest_lleval.suites.mmlu:mmlu"), ("a", "pytest_lleval.suites.mmlu:mmlu"))
    assert names(find_suites(["a"], {})) == [("mmlu", None)]
    entries(("a", "pytest_lleval.suites.mmlu:mmlu"), ("a", "pytest_lleval.suites.gsm8k:gsm8k"))
    with pytest.raises(UsageError, match="two distributions register a suite 'a'"):
        find_suites(["a"], {})


def test_the_list_names_summary_and_parameters():
    found = {entry.name: entry for entry in list_suites()}
    assert found["mmlu"].summary.startswith("MMLU: ")
    assert "num_fewshot: int = 0" in found["mmlu"].parameters
    assert "num_fewshot: 0 | 5 | 8 = 0" in found["gsm8k"].parameters


def test_a_broken_entry_does_not_hide_the_others(entries):
    entries(("mmlu", "pytest_lleval.suites.mmlu:mmlu"), ("broken", "absent_module_of_nobody:suite"))
    broken, mmlu = list_suites()
    assert "cannot be imported" in broken.problem
    assert mmlu.problem == ""


def build(
    whole: int = 1,
    part: float = 0.5,
    flag: bool = False,
    word: str = "x",
    pick: Literal["a", 2] = "a",
    plain="y",
    strange: list[int] | None = None,
):
    """A suite of all types."""


def test_texts_become_values_of_the_annotated_types():
    given = {"whole": "-3", "part": "1e-2", "flag": "Yes", "word": "None", "pick": "2", "plain": "7", "other": "z"}
    assert coerce_arguments("mine", build, given) == {
        "whole": -3,
        "part": 0.01,
        "flag": True,
        "word": "None",
        "pick": 2,
        "plain": "7",
    }


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("whole", "1.5", "must be a whole number"),
        ("part", "half", "must be a number"),
        ("flag", "maybe", "must be true or false"),
        ("pick", "b", "must be one of a, 2"),
        ("strange", "1", "cannot be set on the command line"),
    ],
)
def test_a_wrong_value_names_value_parameter_and_suite(name, text, reason):
    with pytest.raises(UsageError, match=f"--lleval-arg: {name}='{text}' of mine {reason}"):
        coerce_arguments("mine", build, {name: text})


def test_a_parameter_without_default_must_be_given():
    def needy(path: str): ...

    with pytest.raises(UsageError, match="mine needs path, str; add --lleval-arg path=VALUE"):
        coerce_arguments("mine", needy, {})
    assert describe_parameters(needy) == ("path: str",)


@pytest.mark.parametrize("file", ["capitals.py", "arithmetic.py"])
def test_the_example_suites_load(request, file):
    path = request.config.rootpath / "example_suites" / file
    for chosen in find_suites([str(path)], {}):
        assert len(load_dataset(chosen).samples) >= 3
