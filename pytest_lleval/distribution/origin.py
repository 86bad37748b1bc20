"""Where and how a session was started, and what its places are called in a copy of the project."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ..core.errors import UsageError

__all__ = ["Origin", "is_absolute"]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where and how a session was started."""

    #: of the project
    root: Path
    #: the folder the session was started in
    started: Path
    #: pytest's ini file; None where there is none
    ini: Path | None = None
    #: words that pytest takes for places, wherever they were written
    places: frozenset[str] = frozenset()
    #: what the ini file adds to every command line
    addopts: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, config: pytest.Config) -> Origin:
        """Return that of a session, in the process the user started."""
        return cls(
            root=Path(config.rootpath),
            started=Path(config.invocation_params.dir),
            ini=Path(config.inipath) if config.inipath else None,
            places=frozenset(map(str, config.getoption("file_or_dir") or ())),
            addopts=tuple(map(str, config.getini("addopts"))),
            environment=os.environ,
        )

    def move(self, place: str, word: str, *, base: Path | None = None) -> str:
        """Return a place of the project as a worker must name it.

        :param place: as the user named it
        :param word: it was named in, for the message
        :param base: the folder it is read from; if none, the one in which the session was started
        :raises UsageError: for a place outside of the project
        """
        path = (base or self.started) / place
        inside = self.started.is_relative_to(self.root)
        if inside and not is_absolute(place) and self._find(path) is not None:
            return place.replace(os.sep, "/")
        return self.relate(path, word, base=base)

    def relate(self, path: Path, word: str, *, base: Path | None = None) -> str:
        """Return where something of the project is in a copy of it, from where a worker begins.

        :param path: absolute
        :param word: that names it, for the message
        :param base: the folder it is to be read from instead
        :raises UsageError: for a path outside of the project
        """
        start = base or (self.started if self.started.is_relative_to(self.root) else self.root)
        found = self._find(path)
        if found is None:
            raise UsageError(
                f"{word!r} is outside of the project {self.root}, which is all that hosts are sent; move it there, or "
                "give the hosts a chdir where it is at the same path"
            )
        return posixpath.relpath(f"/{found}", f"/{start.relative_to(self.root).as_posix()}")

    def has(self, path: Path) -> bool:
        """Tell whether a path is one of the project's."""
        return self._find(path) is not None

    def _find(self, path: Path) -> str | None:
        """Return an absolute path from the root; None for one that is not below it, however it is written."""
        plain = Path(os.path.normpath(path))
        for found, root in ((plain, self.root), (plain.resolve(), self.root.resolve())):
            if found.is_relative_to(root):
                return found.relative_to(root).as_posix()
        return None


def is_absolute(place: str) -> bool:
    """Tell whether a place starts at the root of a disk, here or on a host."""
    return place.startswith("/") or Path(place).is_absolute()
