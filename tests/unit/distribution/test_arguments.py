"""The words that workers on hosts are given."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.settings import Settings, parse_model
from pytest_lleval.distribution.arguments import Whereabouts, translate_arguments, translate_settings
from pytest_lleval.distribution.origin import Origin

COPY = ["--rootdir=.", "--config-file=.pytest-lleval.ini"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a test and folders that are called like suites and expressions."""
    root = tmp_path / "project"
    for name in ("tests", "math", "evals/deep"):
        (root / name).mkdir(parents=True)
    for name in ("tests/test_a.py", "evals/s.py", "my.ini"):
        (root / name).write_text("")
    (tmp_path / "outside.py").write_text("")
    return root


def translate(
    root: Path, *words: str, project: Whereabouts = "sent", places: tuple[str, ...] = (), **known: Any
) -> list[str]:
    origin = Origin(**{"root": root, "started": root, "places": frozenset(places), **known})
    return translate_arguments(words, origin, project)


def move(root: Path, *words: str, **known: Any) -> list[str]:
    """Translate words for a copy; leave root and ini file out."""
    return translate(root, *words, **known)[2:]


def test_places_are_found_from_where_the_session_was_started(root: Path) -> None:
    place = f"{root}/tests/test_a.py::test_b[a/../::c]"
    assert move(root, place, places=(place,)) == ["tests/test_a.py::test_b[a/../::c]"]
    assert move(root, place, places=(place,), started=root / "tests") == ["test_a.py::test_b[a/../::c]"]
    assert move(root, place, places=(place,), started=root / "evals/deep") == [
        "../../tests/test_a.py::test_b[a/../::c]"
    ]
    assert move(root, str(root), places=(str(root),), started=root / "tests") == [".."]
    for word in ("../tests", "./tests/", "..", "../my.ini"):
        assert move(root, word, places=(word,), started=root / "evals") == [word]


def test_a_session_that_was_started_beside_the_project_begins_at_its_root(root: Path) -> None:
    words = ("project/tests", "project/tests/test_a.py::test_b", "project")
    assert translate(root, *words, places=words, started=root.parent) == [
        *COPY,
        "tests",
        "tests/test_a.py::test_b",
        ".",
    ]


def test_a_project_that_is_reached_by_a_link_is_the_same_project(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    place = str(link / "tests")
    assert move(root, place, places=(place,)) == ["tests"]
    assert move(link, str(root / "tests"), places=(str(root / "tests"),), started=link) == ["tests"]


@pytest.mark.parametrize("word", ["../outside.py", "{above}/outside.py", "../outside.py::test_a"])
def test_a_place_outside_of_the_project_is_named_unless_hosts_have_their_own(root: Path, word: str) -> None:
    word = word.format(above=root.parent)
    with pytest.raises(UsageError, match=r"outside.py.*' is outside of the project .*/project, .* a chdir"):
        translate(root, word, places=(word,))
    assert translate(root, word, places=(word,), project="there") == [word]


@pytest.mark.parametrize("option", ["--lleval-suite=", "--lleval-suite ", "--confcutdir=", "--lleval-known-failures="])
def test_what_workers_read_outside_of_the_project_is_named(root: Path, option: str) -> None:
    words = f"{option}{root.parent}/outside.py".split()
    with pytest.raises(UsageError, match="outside of the project"):
        translate(root, *words)
    assert translate(root, *words, project="there") == words


@pytest.mark.parametrize("option", ["--lleval-suite", "-k", "-m", "-p", "--lleval-model", "--unknown"])
@pytest.mark.parametrize("value", ["math", "tests", "evals"])
def test_a_word_that_is_called_like_a_folder_ends_nothing(root: Path, option: str, value: str) -> None:
    for started in (root, root / "evals", root.parent):
        assert move(root, option, value, started=started) == [option, value]
        assert move(root, f"{option}={value}", started=started) == [f"{option}={value}"]


def test_a_case_is_no_place_even_where_a_folder_is_called_like_its_suite(root: Path) -> None:
    (root.parent / "math").mkdir()
    for started in (root, root.parent):
        assert move(root, "math::a/1[m]", places=("math::a/1[m]",), started=started) == ["math::a/1[m]"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--lleval-suite={root}/evals/s.py"], ["--lleval-suite=../evals/s.py"]),
        (["--lleval-suite", "{root}/evals/s.py::a/b,mmlu"], ["--lleval-suite", "../evals/s.py::a/b,mmlu"]),
        (["--lleval-suite=../evals/s.py"], ["--lleval-suite=../evals/s.py"]),
        (["--confcutdir={root}"], ["--confcutdir=.."]),
        (["--ignore={root}/evals"], ["--ignore=../evals"]),
        (["--ignore", "{root}/evals"], ["--ignore", "../evals"]),
        (["--deselect={root}/tests/test_a.py::x"], ["--deselect={root}/tests/test_a.py::x"]),
        (["--cov={root}/evals", "--cov-report=html"], ["--cov=../evals", "--cov-report=html"]),
        (["--html=/elsewhere/report.html"], ["--html=/elsewhere/report.html"]),
        # these two are read from the root
        (["--lleval-known-failures={root}/evals/k.toml"], ["--lleval-known-failures=evals/k.toml"]),
        (["-o", "cache_dir={root}/.cache"], ["-o", "cache_dir=.cache"]),
        (["-ocache_dir=/elsewhere", "-o", "xfail_strict=true"], ["-o", "xfail_strict=true"]),
        (["--override-ini=log_file=x.txt", "-o", "addopts=-x"], ["-o", "addopts=-x"]),
        (["-o", "pythonpath={root}/evals"], ["-o", "pythonpath=evals"]),
        (["-k", "{root}/tests", "-pno:randomly"], ["-k", "{root}/tests", "-pno:randomly"]),
        (["-W", "error", "--", "-n"], ["-W", "error", "--", "-n"]),
    ],
)  # fmt: skip
def test_values_of_options_come_out_right(root: Path, words: list[str], expected: list[str]) -> None:
    found = move(root, *(word.format(root=root) for word in words), started=root / "tests")
    assert found == [word.format(root=root) for word in expected]


@pytest.mark.parametrize("project", ["sent", "there", "absent"])
@pytest.mark.parametrize(
    "option",
    [
        *("--junitxml", "--junit-xml", "--basetemp", "--log-file", "--tx", "--numprocesses", "--max-worker-restart"),
        *("--lleval-hosts", "--lleval-report", "--lleval-run-dir", "--lleval-save-baseline"),
    ],
)
def test_what_only_the_controller_writes_or_starts_is_left_out(root: Path, option: str, project: Whereabouts) -> None:
    rest = ["-x", "-v"]
    for words in ([option, "tests"], [f"{option}=a.xml"]):
        found = translate(root, "-x", *words, "-v", project=project)
        assert found[-2:] == rest
        assert not any("tests" in word or "a.xml" in word for word in found)
    assert translate(root, "-n4", "-n", "4", "-x", "-v", project=project)[-2:] == rest


def test_words_that_make_a_worker_evaluate_or_check_each_other_stay(root: Path) -> None:
    words = ["--lleval-resume", "--lleval-matrix", "--lleval-baseline=b.json", "--lleval-compare-fail=accuracy:2%"]
    assert move(root, *words) == words


def test_root_and_ini_file_are_those_of_the_controller(root: Path) -> None:
    words = ("-c", str(root / "my.ini"), "-cother.ini", "--config-file=x", f"--rootdir={root}", "-x")
    known: dict[str, Any] = {"ini": root / "my.ini", "started": root / "tests"}
    assert translate(root, *words, **known) == ["--rootdir=..", "--config-file=../my.ini", "-x"]
    assert translate(root, *words, project="absent", **known) == [*COPY, "-x"]
    assert translate(root, "-x", started=root / "tests") == [
        "--rootdir=..",
        "--config-file=../.pytest-lleval.ini",
        "-x",
    ]
    assert translate(root, "-x", ini=Path(os.devnull)) == [*COPY, "-x"]
    assert translate(root, "-c", "my.ini", project="there") == ["-c", "my.ini"]


def test_an_ini_file_outside_of_the_project_is_named(root: Path) -> None:
    (root.parent / "tox.ini").write_text("")
    with pytest.raises(UsageError, match=r"tox\.ini' is outside of the project"):
        translate(root, ini=root.parent / "tox.ini")


def test_what_the_ini_file_adds_is_a_word_where_the_file_is_not(root: Path) -> None:
    known: dict[str, Any] = {
        "addopts": ("-p", "no:randomly", "--junitxml=a.xml"),
        "environment": {"PYTEST_ADDOPTS": "-q"},
    }
    assert translate(root, "-x", project="absent", **known) == [*COPY, "-p", "no:randomly", "-q", "-x"]
    assert translate(root, "-x", **known) == [*COPY, "-q", "-x"]


def test_words_of_the_environment_and_of_files_are_handed_over(root: Path) -> None:
    (root / "words.txt").write_text("-k\ntwo words\n@more.txt\n")
    (root / "more.txt").write_text("-v\n--tx=popen\n")
    environment = {
        "PYTEST_ADDOPTS": "-p 'no:random order' @more.txt",
        "PYTEST_PLUGINS": "one,two.three",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    assert translate(root, "@words.txt", environment=environment) == [
        *("--disable-plugin-autoload", "-p", "one", "-p", "two.three"),
        *(*COPY, "-p", "no:random order", "-v", "-k", "two words", "-v"),
    ]
    with pytest.raises(UsageError, match=r"'@none\.txt': its words are for hosts too"):
        translate(root, "@none.txt")


word = st.from_regex(
    r"(-{0,2}[a-z]{1,6}(=[a-z./:]{0,9})?|[a-z./:]{1,9}|-k|-o|--tx|-c|-n2|--lleval-suite)", fullmatch=True
)
called = st.sampled_from(["tests", "tests/test_a.py::x", "math", "ROOT/tests", "--rootdir=ROOT", "-kx"])
words = st.lists(word | called)


@given(given_words=words, started=st.sampled_from([".", "tests", "evals/deep"]))
def test_what_is_translated_is_not_changed_by_being_translated_again(given_words: list[str], started: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name in ("tests", "math", "evals/deep"):
            (root / name).mkdir(parents=True)
        typed = [found.replace("ROOT", str(root)) for found in given_words]
        try:
            once = translate(root, *typed, started=root / started, places=tuple(typed))
        except UsageError:
            # a suite or a folder that leads out
            return
        assert translate(root, *once, started=root / started, places=tuple(once)) == once


known = st.sampled_from(["-k", "-m", "-x", "--lleval-suite", "--maxfail=2", "--lf", "-vv", "--tb", "--durations"])


@given(given_words=st.lists(known | st.from_regex(r"[a-z]{1,5}( and [a-z]{1,5})?", fullmatch=True)))
@pytest.mark.parametrize("project", ["sent", "there", "absent"])
def test_words_that_are_no_places_stay_as_they_are(given_words: list[str], project: Whereabouts) -> None:
    found = translate(Path("/srv/project"), *given_words, project=project)
    assert found[len(found) - len(given_words) :] == given_words


def test_suite_files_of_the_settings_are_named_from_where_workers_begin(root: Path) -> None:
    settings = Settings(suites=("mmlu", f"{root}/evals/s.py::a/b", "evals/s.py", "math"))
    origin = Origin(root=root, started=root)
    moved = translate_settings(settings, origin, "sent").suites
    assert moved == ("mmlu", "evals/s.py::a/b", "evals/s.py", "math")
    beside = translate_settings(
        Settings(suites=("project/evals/s.py",)), Origin(root=root, started=root.parent), "sent"
    )
    assert beside.suites == ("evals/s.py",)
    outside = Settings(suites=(f"{root.parent}/outside.py",))
    with pytest.raises(UsageError, match=r"outside\.py' is outside of the project"):
        translate_settings(outside, origin, "sent")
    assert translate_settings(outside, origin, "there") == outside


def test_a_mock_that_is_called_like_a_file_of_this_machine_is_refused(root: Path) -> None:
    def settle(model: str, project: Whereabouts = "sent", started: Path = root) -> Settings:
        settings = Settings(models=(parse_model("--lleval-model", model, {}),))
        return translate_settings(settings, Origin(root=root, started=started), project)

    assert settle("mock/file:evals/a.json").models[0].name == "mock/file:evals/a.json"
    with pytest.raises(UsageError, match="by where it is on this machine; hosts are sent the project, so name it from"):
        settle(f"mock/file:{root}/evals/a.json")
    with pytest.raises(UsageError, match="outside of the project"):
        settle("mock/file:../a.json")
    assert settle("mock/file:/srv/a.json", "there").models[0].name == "mock/file:/srv/a.json"
