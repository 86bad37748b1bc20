from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.distribution.arguments import Whereabouts, translate_arguments

ROOT = Path("/srv/project")


def translate(
    *words: str, started: Path = ROOT, project: Whereabouts = "sent", environment: dict[str, str] | None = None
) -> list[str]:
    return translate_arguments(words, root=ROOT, started=started, project=project, environment=environment or {})


def test_places_in_the_project_are_found_from_where_the_session_was_started() -> None:
    words = ("/srv/project/tests/test_a.py::test_b", "--rootdir=/srv/project", "-c", "/srv/project/my.ini")
    assert translate(*words) == ["tests/test_a.py::test_b", "--rootdir=.", "-c", "my.ini"]
    assert translate(*words, started=ROOT / "tests") == [
        "../tests/test_a.py::test_b",
        "--rootdir=../.",
        "-c",
        "../my.ini",
    ]


def test_what_is_outside_of_the_project_is_named_unless_hosts_have_their_own(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="outside of the project /srv/project"):
        translate(str(tmp_path))
    assert translate(str(tmp_path), project="there") == [str(tmp_path)]


def test_what_only_the_controller_writes_is_left_out() -> None:
    words = ("--junitxml=a.xml", "--log-file", "log.txt", "--lleval-hosts=h.toml", "--basetemp", "/tmp/x", "-x")
    assert translate(*words) == ["-x"]


def test_an_ini_file_is_left_out_where_the_project_is_not_needed() -> None:
    words = ("-c", "my.ini", "--rootdir=sub", "--lleval-suite=mmlu")
    assert translate(*words, project="absent") == ["--lleval-suite=mmlu"]
    assert translate(*words, project="there") == list(words)


def test_words_of_the_environment_and_of_files_are_handed_over(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("-k\ntwo words\n")
    found = translate_arguments(
        ["@words.txt"],
        root=tmp_path,
        started=tmp_path,
        project="sent",
        environment={"PYTEST_ADDOPTS": "-p 'no:random order'"},
    )
    assert found == ["-p", "no:random order", "-k", "two words"]


@given(
    words=st.lists(st.from_regex(r"(-k|-m|-x|--lleval-suite|math|tests|[a-z]{1,5}( and [a-z]{1,5})?)", fullmatch=True))
)
def test_words_that_are_no_places_stay_as_they_are(words: list[str]) -> None:
    assert translate(*words) == words
