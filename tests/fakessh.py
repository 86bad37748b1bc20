"""Commands named ``ssh`` for tests: one that runs on this machine what it should run on a host, and ones that fail."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

__all__ = ["put_interpreter", "put_ssh", "put_ssh_here"]


def put_ssh(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Make a shell script the ssh command of this process."""
    folder.mkdir(exist_ok=True)
    command = folder / "ssh"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def put_ssh_here(monkeypatch: pytest.MonkeyPatch, folder: Path, home: Path, before: str = "") -> None:
    """Make ssh run its last word by a shell of this machine.

    :param home: the login folder
    :param before: what the shell does at login
    """
    home.mkdir(exist_ok=True)
    script = (
        f'for last; do :; done\nHOME={shlex.quote(str(home))}; export HOME; cd "$HOME"\n{before}\nexec sh -c "$last"'
    )
    put_ssh(monkeypatch, folder, script)


def put_interpreter(path: Path, *, words: Sequence[str] = (), first: str = "", environment: str = "") -> str:
    """Write a command that is this interpreter with something changed, and return its path.

    :param words: options of the interpreter
    :param first: Python that runs before anything else
    :param environment: assignments of a shell
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    start = f"{environment} exec {shlex.quote(sys.executable)} {shlex.join(words)}"

    body = f'{start} -c "$0_first\n$2"' if first else f'{start} "$@"'
    path.write_text("#!/bin/sh\n" + body.replace("$0_first", first) + "\n")
    path.chmod(0o755)
    return str(path)
