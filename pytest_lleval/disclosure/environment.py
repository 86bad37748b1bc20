"""What machine, which software and which commit a run used."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .fingerprint import capture_fingerprint

__all__ = ["capture_environment"]

_GIT_SECONDS = 5


def capture_environment(root: Path) -> dict[str, object]:
    """Describe interpreter, machine, packages and the commit of the folder `root`, as JSON values.

    Nothing that names the user, the host or a folder is captured.

    :param root: a folder of the repository under test
    """
    return {**capture_fingerprint(), "git": _read_git(root)}


def _read_git(root: Path) -> dict[str, object] | None:
    """Return commit and dirty flag of the repository around `root`; None outside of one or without git."""
    git = shutil.which("git")
    commit = _run_git(git, root, "rev-parse", "HEAD") if git else None
    if git is None or commit is None:
        return None
    changes = _run_git(git, root, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _run_git(git: str, root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  # git's own path and fixed words
            [git, "-C", str(root), *words], capture_output=True, text=True, timeout=_GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
