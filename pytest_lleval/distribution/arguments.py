"""The words of the command line, for workers on hosts.

They are the controller's, word for word, but for places on this machine's disk: a worker begins in a copy of the folder
in which the session was started, or in an empty one where nothing of the project is needed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from ..core.errors import UsageError

__all__ = ["Whereabouts", "translate_arguments"]

#: of the project on a host: sent by us, there at a place of its own, or not needed
Whereabouts = Literal["sent", "there", "absent"]

#: options of the process the user started, which write files there; with a value
_DROPPED = ("--log-file", "--basetemp", "--junitxml", "--junit-xml", "--lleval-hosts", "--lleval-report")
#: options that name what is in the project's folder
_OF_PROJECT = ("-c", "--config-file", "--rootdir", "--confcutdir")


def translate_arguments(
    words: Sequence[str], *, root: Path, started: Path, project: Whereabouts, environment: Mapping[str, str]
) -> list[str]:
    """Return the words for a worker on a host.

    :param words: of the controller's command line
    :param root: of the project
    :param started: the folder the session was started in
    :param project: where it is on the host
    :param environment: of the controller; its ``PYTEST_ADDOPTS`` come first
    :raises UsageError: for a path outside of the project
    """
    given = [*shlex.split(environment.get("PYTEST_ADDOPTS", "")), *_expand_files(words, started)]
    dropped = (*_DROPPED, *_OF_PROJECT) if project == "absent" else _DROPPED
    return [_translate(word, root, started, sent=project == "sent") for word in _drop(given, dropped)]


def _expand_files(words: Sequence[str], started: Path) -> Iterator[str]:
    """Replace ``@FILE`` by the lines of the file, as pytest does."""
    for word in words:
        if word.startswith("@") and (started / word[1:]).is_file():
            yield from (started / word[1:]).read_text(encoding="utf-8").splitlines()
        else:
            yield word


def _drop(words: Sequence[str], options: Sequence[str]) -> Iterator[str]:
    waiting = False
    for word in words:
        if waiting:
            waiting = False
        elif word in options:
            waiting = True
        elif not any(word.startswith(f"{option}=") for option in options if option.startswith("--")):
            yield word


def _translate(word: str, root: Path, started: Path, *, sent: bool) -> str:
    """Make an absolute path below the root relative to the folder the session was started in."""
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    place, colons, rest = (value if equals or not option else word).partition("::")
    if not place.startswith("/") and not Path(place).is_absolute():
        return word
    path = Path(place)
    try:
        relative = path.relative_to(root)
    except ValueError:
        if sent and path.exists():
            raise UsageError(
                f"{word!r} is outside of the project {root}, which is all that hosts are sent; move it there, or give "
                "the hosts a chdir where it is at the same path"
            ) from None
        return word
    up = "../" * len(started.relative_to(root).parts) if started.is_relative_to(root) else ""
    return f"{option}{equals}{up}{relative.as_posix()}{colons}{rest}"
