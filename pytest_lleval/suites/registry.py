"""Which suites there are, and those a user chose: by name, by group, by file."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from ..core.errors import LlevalError, SuiteError, UnknownNameError, UsageError
from .definition import Suite
from .files import SuiteSource, is_suite_function, read_suite_file, suite
from .parameters import coerce_arguments, describe_parameters

__all__ = ["ENTRY_POINT_GROUP", "ChosenSuite", "SuiteListing", "find_suites", "list_names", "list_suites", "suite"]

#: where distributions register their suites
ENTRY_POINT_GROUP = "pytest_lleval.suites"

_PLACE = "--lleval-suite"
_FILE = re.compile(r"(?P<file>.+\.py)(?:::(?P<name>[^/]+)(?:/(?P<group>.+))?)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenSuite:
    """A suite the user chose.

    `group` is the one group asked for, or None for all; `folder` is where the suite's relative paths start from;
    `source` says where it was found, for messages and the record. Choices of several groups share one `suite`.
    """

    suite: Suite
    group: str | None
    folder: Path | None
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteListing:
    """One line of the list of suites: name, first line of its docstring, parameters such as ``num_fewshot: int = 0``.

    `problem` says why it cannot be used, and is empty when it can.
    """

    name: str
    source: str
    summary: str = ""
    parameters: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    source: SuiteSource
    group: str | None


def find_suites(names: Sequence[str], arguments: Mapping[str, str]) -> tuple[ChosenSuite, ...]:
    """Return the suites a user named, built with the arguments they have a parameter for.

    :param names: each ``NAME``, ``NAME/GROUP``, ``FILE.py`` (all its suites), ``FILE.py::NAME`` or
        ``FILE.py::NAME/GROUP``; a suite chosen whole and by group is taken whole
    :param arguments: values as texts by parameter name
    :raises UnknownNameError: for an unknown suite, or an argument that no chosen suite has
    :raises UsageError: for a file that is missing, fails or holds no suite, a wrong value, or two suites of one name
    """
    choices = [choice for name in names for choice in _resolve_name(name)]
    sources = list(dict.fromkeys(choice.source for choice in choices))
    _check_arguments(sources, arguments)
    built = {source: _build_suite(source, arguments) for source in sources}
    _check_names(built)
    whole = {choice.source for choice in choices if choice.group is None}
    kept = [choice for choice in dict.fromkeys(choices) if choice.group is None or choice.source not in whole]
    return tuple(
        ChosenSuite(
            suite=built[choice.source],
            group=choice.group,
            folder=choice.source.folder,
            source=choice.source.place,
        )
        for choice in kept
    )


def list_suites() -> list[SuiteListing]:
    """Return what is registered, in order of name; one that cannot be imported says so and does not hide the others."""
    return [_list_entry(entry) for _, entry in sorted(_find_entries().items())]


def list_names() -> list[str]:
    """Return the names of all registered suites, in alphabetical order, without importing any."""
    return sorted(_find_entries())


def _list_entry(entry: EntryPoint) -> SuiteListing:
    try:
        source = _load_entry(entry)
    except LlevalError as error:
        return SuiteListing(name=entry.name, source=_entry_place(entry), problem=str(error))
    if isinstance(source.target, Suite):
        return SuiteListing(name=entry.name, source=source.place, summary=f"version {source.target.version}")
    summary = (inspect.getdoc(source.target) or "").partition("\n")[0]
    parameters = describe_parameters(source.target)
    return SuiteListing(name=entry.name, source=source.place, summary=summary, parameters=parameters)


def _resolve_name(name: str) -> list[_Choice]:
    match = _FILE.fullmatch(name)
    if match:
        sources = read_suite_file(_PLACE, Path(match["file"]), match["name"])
        return [_Choice(source=source, group=match["group"]) for source in sources]
    word, slash, group = name.partition("/")
    if slash and not group:
        raise UsageError(f"{_PLACE}: {name!r} names no group after the slash; write {word!r} for all groups")
    entries = _find_entries()
    if word not in entries:
        raise UnknownNameError(_PLACE, "suite", word, entries)
    return [_Choice(source=_load_entry(entries[word]), group=group or None)]


def _find_entries() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise UsageError(
                f"{_PLACE}: two distributions register a suite {entry.name!r}: {_entry_place(other)} and "
                f"{_entry_place(entry)}; uninstall one of them"
            )
    return found


def _entry_place(entry: EntryPoint) -> str:
    owner = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed distribution"
    return f"{entry.value} of {owner}"


def _load_entry(entry: EntryPoint) -> SuiteSource:
    place = _entry_place(entry)
    try:
        target: object = entry.load()
    except Exception as error:  # an author's module may raise anything; the user must hear whose it is
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{_PLACE}: suite {entry.name!r} ({place}) cannot be imported: {reason}") from error
    if not isinstance(target, Suite) and not is_suite_function(target):
        raise UsageError(f"{_PLACE}: {place} is neither a Suite nor a function marked with @suite")
    file = inspect.getsourcefile(target) if inspect.isfunction(target) else None
    return SuiteSource(name=entry.name, target=target, folder=Path(file).parent if file else None, place=place)


def _check_arguments(sources: Sequence[SuiteSource], arguments: Mapping[str, str]) -> None:
    known = {name for source in sources for name in source.parameters}
    for name in arguments:
        if name not in known:
            owners = ", ".join(source.name for source in sources)
            raise UnknownNameError("--lleval-arg", f"parameter of {owners}", name, known)


def _build_suite(source: SuiteSource, arguments: Mapping[str, str]) -> Suite:
    if isinstance(source.target, Suite):
        return source.target
    values = coerce_arguments(source.name, source.target, arguments)
    try:
        built: object = source.target(**values)
    except LlevalError:
        raise
    except Exception as error:  # an author's function may raise anything; the user must hear which suite it was
        raise SuiteError(f"suite {source.name!r} ({source.place}): {type(error).__name__}: {error}") from error
    if not isinstance(built, Suite):
        raise SuiteError(f"suite {source.name!r} ({source.place}) returned {type(built).__name__}, not a Suite")
    return built


def _check_names(built: Mapping[SuiteSource, Suite]) -> None:
    owners: dict[str, SuiteSource] = {}
    for source, made in built.items():
        other = owners.setdefault(made.name, source)
        if other is not source:
            raise UsageError(
                f"{_PLACE}: two chosen suites are called {made.name!r}, {other.place} and {source.place}; "
                "choose one of them or rename the other"
            )
