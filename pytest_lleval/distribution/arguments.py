"""The words of the command line, for workers on hosts, and the paths of the settings they are handed.

They are the controller's, word for word, but for places on this machine's disk: a worker begins in a copy of the folder
in which the session was started, or in an empty one where nothing of the project is needed. No word is taken for a path
because something here is called like it: pytest has told which words it takes for places, and the rest are options.

pytest looks for its ini file from the working folder upwards, on a host up to the login folder of whoever is asked. So
that nothing of that has a say, workers are told root and ini file as the controller has found them.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..core.errors import UsageError
from ..core.settings import ModelSpec, Settings
from .origin import Origin, is_absolute
from .remote.place import CONFIG

__all__ = ["Whereabouts", "translate_arguments", "translate_settings"]

#: of the project on a host: sent by us, there at a place of its own, or not needed
Whereabouts = Literal["sent", "there", "absent"]

#: options with a value that concern the process alone that the user started
_DROPPED = (
    *("-n", "--numprocesses", "--maxprocesses", "--max-worker-restart", "--tx", "--px", "--rsyncdir", "--rsyncignore"),
    *("--basetemp", "--junitxml", "--junit-xml", "--log-file"),
    *("--lleval-hosts", "--lleval-report", "--lleval-run-dir", "--lleval-save-baseline"),
)
#: options that say where pytest's own places are
_ROOTS = ("-c", "--config-file", "--rootdir", "--confcutdir")
#: options that name what workers read, in the project
_READ = ("--confcutdir", "--lleval-suite", "--lleval-known-failures")
#: options whose values are read from the root, and not from where the session was started
_FROM_ROOT = ("--lleval-known-failures",)
#: options whose values are no places, whatever they look like
_TEXTS = ("-k", "-m", "-p", "-W", "--pythonwarnings", "--deselect")
_OVERRIDES = ("-o", "--override-ini")
_VALUED = frozenset({*_DROPPED, *_ROOTS, *_READ, *_TEXTS, *_OVERRIDES})
#: how deep files of arguments may name further ones
_DEEPEST = 10


@dataclass(frozen=True, kw_only=True)
class _Word:
    """One word of a command line, or two of which the second is the first's value."""

    #: empty for a word that is no option
    option: str = ""
    #: None for an option without one
    value: str | None = None
    #: how they are written: between option and value is nothing, ``=``, or they are two words
    between: Literal["", "=", " "] = ""

    def write(self) -> list[str]:
        if self.value is None:
            return [self.option]
        return [self.option, self.value] if self.between == " " else [f"{self.option}{self.between}{self.value}"]


def translate_arguments(words: Sequence[str], origin: Origin, project: Whereabouts) -> list[str]:
    """Return the words for a worker on a host.

    ``PYTEST_ADDOPTS``, ``PYTEST_PLUGINS`` and ``PYTEST_DISABLE_PLUGIN_AUTOLOAD`` of the controller become words, before
    all others, as pytest has them. So does the ini file's ``addopts`` where that file is not there.

    :param words: of the controller's command line
    :param project: where it is on the host
    :raises UsageError: for a path outside of the project, when that is sent
    """
    environment = shlex.split(origin.environment.get("PYTEST_ADDOPTS", ""))
    committed = origin.addopts if project == "absent" else ()
    given = [*committed, *environment, *words]
    expanded = [found for word in given for found in _expand(word, origin.started, _DEEPEST)]
    translated = (word for parsed in _parse(expanded) for word in _translate(parsed, origin, project))
    return [*_list_plugins(origin), *_name_roots(origin, project), *translated]


def translate_settings(settings: Settings, origin: Origin, project: Whereabouts) -> Settings:
    """Return the settings for a worker on a host: suite files of the project are named from where it begins.

    :raises UsageError: for a file outside of the project, when that is sent
    """
    if project == "sent":
        for spec in settings.models:
            _check_model(spec, origin)
    return replace(settings, suites=tuple(_move_suite(name, origin, project) for name in settings.suites))


def _list_plugins(origin: Origin) -> list[str]:
    """Return words that load the plugins the environment names, and no others where it says so."""
    names = [name for name in origin.environment.get("PYTEST_PLUGINS", "").split(",") if name]
    alone = ["--disable-plugin-autoload"] if origin.environment.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD") else []
    return [*alone, *(word for name in names for word in ("-p", name))]


def _name_roots(origin: Origin, project: Whereabouts) -> list[str]:
    """Return words that tell pytest its root and its ini file."""
    if project == "there":
        return []
    if project == "absent":
        return ["--rootdir=.", f"--config-file={CONFIG}"]
    root = origin.relate(origin.root, str(origin.root))
    if origin.ini is None or not origin.ini.is_file():
        return [f"--rootdir={root}", f"--config-file={posixpath.normpath(posixpath.join(root, CONFIG))}"]
    return [f"--rootdir={root}", f"--config-file={origin.relate(origin.ini, str(origin.ini))}"]


def _expand(word: str, folder: Path, deep: int) -> Iterator[str]:
    """Yield the words of a file of arguments, one a line, which ``@FILE`` stands for, as argparse does."""
    if not word.startswith("@") or not deep:
        yield word
        return
    try:
        lines = (folder / word[1:]).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{word!r}: its words are for hosts too, and cannot be read ({error})") from error
    for line in lines:
        yield from _expand(line, folder, deep - 1)


def _parse(words: Sequence[str]) -> Iterator[_Word]:
    """Yield words, those together that are known to belong together."""
    rest = iter(words)
    for word in rest:
        if word == "--":
            yield _Word(option=word)
            yield from (_Word(value=place) for place in rest)
        elif not word.startswith("-"):
            yield _Word(value=word)
        elif word in _VALUED:
            yield _Word(option=word, value=next(rest, None), between=" ")
        elif word.startswith("--") and "=" in word:
            option, _, value = word.partition("=")
            yield _Word(option=option, value=value, between="=")
        elif not word.startswith("--") and word[:2] in _VALUED:
            yield _Word(option=word[:2], value=word[2:])
        else:
            yield _Word(option=word)


def _translate(word: _Word, origin: Origin, project: Whereabouts) -> list[str]:
    if _is_dropped(word.option, project):
        return []
    if word.value is None or word.option in _TEXTS:
        return word.write()
    if not word.option:
        return [_move_place(word.value, origin, project)]
    value = _move_value(word, word.value, origin, project)
    return replace(word, value=value).write() if value is not None else []


def _is_dropped(option: str, project: Whereabouts) -> bool:
    if project == "absent":
        return option in (*_DROPPED, *_ROOTS, *_FROM_ROOT)
    # of a copy root and ini file are told anew
    return option in _DROPPED or (project == "sent" and option in _ROOTS and option not in _READ)


def _move_place(word: str, origin: Origin, project: Whereabouts) -> str:
    """Translate a word that is no option: a place with or without what is in a file, an option's value, or a case."""
    place, colons, rest = word.partition("::")
    path = origin.started / place
    # what stands before `::` is a file, and never a folder: a case may have a suite in front that is called like one
    is_place = word in origin.places and _exists(path) and not (colons and path.is_dir())
    if project == "sent" and is_place:
        return origin.move(place, word) + colons + rest
    return _move_absolute(word, origin)


def _move_value(word: _Word, value: str, origin: Origin, project: Whereabouts) -> str | None:
    """Translate the value of an option; None for one that is not for workers."""
    if word.option in _OVERRIDES:
        return _move_override(value, origin, project)
    if word.option == "--lleval-suite":
        return ",".join(_move_suite(name, origin, project) for name in value.split(","))
    base = origin.root if word.option in _FROM_ROOT else None
    if project == "sent" and word.option in _READ:
        return origin.move(value, "".join(word.write()), base=base)
    return _move_absolute(value, origin, base)


def _move_absolute(value: str, origin: Origin, base: Path | None = None) -> str:
    """Make an absolute path below the root a relative one; anything else stays."""
    place, colons, rest = value.partition("::")
    if not is_absolute(place) or not origin.has(Path(place)):
        return value
    return origin.relate(Path(place), value, base=base) + colons + rest


def _move_override(text: str, origin: Origin, project: Whereabouts) -> str | None:
    """Translate ``NAME=VALUE`` of an ini file."""
    name, _, value = text.partition("=")
    if name == "log_file" or (name == "addopts" and project == "absent"):
        return None
    if not is_absolute(value):
        return text
    if not origin.has(Path(value)):
        return None if name == "cache_dir" else text
    from_root = origin.ini is None or not origin.has(origin.ini) or name == "cache_dir"
    base = origin.root if origin.ini is None or from_root else origin.ini.parent
    return f"{name}={origin.relate(Path(value), text, base=base)}"


def _move_suite(name: str, origin: Origin, project: Whereabouts) -> str:
    """Translate a suite as ``--lleval-suite`` names it: only files are places."""
    file, colons, rest = name.partition("::")
    if not file.lower().endswith(".py"):
        return name
    if project == "sent":
        return origin.move(file, name) + colons + rest
    return _move_absolute(name, origin)


def _check_model(spec: ModelSpec, origin: Origin) -> None:
    """Refuse a mock whose file cannot be found by its name on hosts: the name is what cases are called by."""
    scheme, colon, file = spec.model.partition(":")
    if spec.provider == "mock" and scheme == "file" and colon and origin.move(file, spec.name) != file:
        raise UsageError(
            f"--lleval-model: {spec.name!r} names a file by where it is on this machine; hosts are sent the project, "
            f"so name it from {origin.root}, and start the session there"
        )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        # a word need be no name that a file may have
        return False
