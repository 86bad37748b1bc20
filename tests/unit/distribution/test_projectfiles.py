"""Which files of a project are sent."""

import os
import subprocess
from pathlib import Path

import pytest

from pytest_lleval.core.errors import UsageError
from pytest_lleval.distribution.projectfiles import ProjectFiles, choose_files


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "protocol.file.allow=always", *words], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=n", "-c", "user.email=e@invalid", "commit", "-q", "-m", "all")


def write(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def list_names(chosen: ProjectFiles) -> set[str]:
    return {*chosen.files, *chosen.links}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty project that git knows."""
    root = tmp_path / "root"
    root.mkdir()
    git(root, "init", "-q")
    return root


def test_what_git_knows_of_or_would_add_is_sent_as_it_is_now(root: Path) -> None:
    write(root, "evals/old.py", "gone.py", ".gitignore")
    commit(root)
    (root / ".gitignore").write_text(".env\n*.log\n")
    write(root, "evals/new.py", ".env", "a.log", ".lleval/runs/1/manifest.json", "evals/__pycache__/old.pyc")
    (root / "gone.py").unlink()
    assert list_names(choose_files(root, None)) == {".gitignore", "evals/old.py", "evals/new.py"}
    assert list_names(choose_files(root / "evals", None)) == {"old.py", "new.py"}


def test_submodules_are_sent_with_what_is_not_committed_and_those_not_there_are_named(root: Path) -> None:
    other = write(root.parent / "other", "lib.py")
    git(other, "init", "-q")
    commit(other)
    git(root, "submodule", "--quiet", "add", str(other), "sub/lib")
    commit(root)
    write(root, "sub/lib/fresh.py", "clone/it.py")
    git(root / "clone", "init", "-q")
    assert {"sub/lib/lib.py", "sub/lib/fresh.py", "clone/it.py"} <= list_names(choose_files(root, None))
    git(root, "submodule", "--quiet", "deinit", "-f", "sub/lib")
    chosen = choose_files(root, None)
    assert chosen.left_out == ("sub/lib",)
    assert "sub/lib/lib.py" not in list_names(chosen)


def test_the_repository_of_a_git_hook_that_runs_the_tests_is_not_asked(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, "it.py")
    monkeypatch.setenv("GIT_DIR", str(root.parent / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", "nowhere")
    assert list_names(choose_files(root, None)) == {"it.py"}


def test_links_to_what_is_sent_stay_links_and_others_are_named(root: Path) -> None:
    write(root, "data/big/a.jsonl", "docs/a.md", "secret/.env").joinpath(".gitignore").write_text("secret\n")
    for name, target in {
        "evals/data": "../data/big",
        "docs/b.md": "a.md",
        "docs/c.md": "b.md",
        "absolute": str(root / "docs"),
        "hidden": "secret/.env",
        "broken": "nowhere",
        "circle": "circle",
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(target)
    chosen = choose_files(root, None)
    assert chosen.links == {
        "evals/data": "../data/big",
        "docs/b.md": "a.md",
        "docs/c.md": "a.md",
        "absolute": "docs",
    }
    assert chosen.left_out == ("broken", "circle", "hidden")


@pytest.mark.parametrize("files", [None, ("*",)])
def test_a_link_that_leads_out_is_named(root: Path, files: tuple[str, ...] | None) -> None:
    write(root.parent, "outside")
    (root / "link").symlink_to(root.parent / "outside")
    with pytest.raises(UsageError, match=r"'link' leads out of the project .*; name the files to send"):
        choose_files(root, files)


def test_a_pattern_reaches_nothing_through_a_link_that_leads_out(root: Path) -> None:
    write(root.parent, "outside/a.py")
    (root / "link").symlink_to(root.parent / "outside")
    with pytest.raises(UsageError, match=r"'link/a\.py' leads out"):
        choose_files(root, ("link/*.py",))


def test_folders_and_two_stars_stand_for_all_that_is_in_them(root: Path) -> None:
    write(root, "evals/a.py", "evals/deep/b.py", "evals/deep/.hidden", "other/c.py", "top.py", "evals/.git/config")
    below = {"evals/a.py", "evals/deep/b.py", "evals/deep/.hidden"}
    assert list_names(choose_files(root, ("evals/**",))) == below
    assert list_names(choose_files(root, ("evals",))) == below
    assert list_names(choose_files(root, ("evals/*",))) == {"evals/a.py"}
    assert list_names(choose_files(root, ("**/*.py", "top.py"))) == {
        "evals/a.py",
        "evals/deep/b.py",
        "other/c.py",
        "top.py",
    }


def test_what_is_reached_by_a_link_and_by_its_place_is_sent_once(root: Path) -> None:
    write(root, "data/a.txt")
    (root / "link").symlink_to("data")
    chosen = choose_files(root, ("**/*", "link/*"))
    assert (set(chosen.files), dict(chosen.links)) == ({"data/a.txt"}, {"link": "data"})
    assert list_names(choose_files(root, ("link/*",))) == {"link/a.txt"}


def test_ignored_env_files_are_sent_only_when_they_are_named(root: Path) -> None:
    write(root, ".env", "a/.env.local", "a/.env.example", "a/b.py")
    (root / ".gitignore").write_text(".env\n.env.local\n")
    chosen = choose_files(root, ("**/*",))
    assert chosen.left_out == (".env", "a/.env.local")
    assert "a/.env.example" in list_names(chosen)
    assert ".env" in list_names(choose_files(root, ("**/*", ".env")))


def test_where_git_does_not_say_what_it_ignores_no_env_file_is_sent(tmp_path: Path) -> None:
    write(tmp_path, ".env", "b.py")
    chosen = choose_files(tmp_path, ("*",))
    assert (list_names(chosen), chosen.left_out) == ({"b.py"}, (".env",))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_is_named(root: Path) -> None:
    write(root, "a.py")
    os.mkfifo(root / "pipe")
    assert choose_files(root, ("*",)).left_out == ("pipe",)


def test_files_that_are_needed_are_added_when_they_are_in_the_project(root: Path) -> None:
    write(root, "evals/a.py", "pytest.ini", ".pytest_cache/v/lastfailed")
    write(root.parent, "outside.ini")
    also = [root / "pytest.ini", root / "none", root.parent / "outside.ini", root / ".pytest_cache/v/lastfailed"]
    names = {"evals/a.py", "pytest.ini", ".pytest_cache/v/lastfailed"}
    assert list_names(choose_files(root, ("evals",), also)) == names


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (None, r"root is no work tree of git \(fatal: .*\), whose files could be sent; name the files to send"),
        (("evil/*",), r"\[project\] files: 'evil/\*' finds nothing in the project"),
        (("../*",), r"\[project\] files: '\.\./\*' leads out of the project"),
        (("/etc/*",), r"\[project\] files: '/etc/\*' leads out of the project"),
    ],
)
def test_what_cannot_be_chosen_says_what_to_do(tmp_path: Path, files: tuple[str, ...] | None, said: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(UsageError, match=said):
        choose_files(root, files)


def test_an_empty_project_is_refused(root: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing to send to hosts: no file of .* is known to git; name the files"):
        choose_files(root, None)


def test_a_machine_without_git_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="there is no git command"):
        choose_files(root, None)
