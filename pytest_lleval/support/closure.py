"""Which distributions a distribution needs, as they are installed here."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Collection, Iterator
from email.message import Message
from typing import Any

__all__ = ["find_closure", "find_version"]


def find_closure(
    metadata: Message | importlib.metadata.PackageMetadata, without: Collection[str] = ()
) -> dict[str, str]:
    """Return the versions of a distribution and of all it needs, by normalised name (PyPA's name normalization).

    What only an extra needs counts when all that extra needs is installed. What is not installed is left out.

    :param metadata: of the distribution, installed or of a wheel (PyPA's core metadata)
    :param without: extras of it that do not count
    """
    from packaging.utils import canonicalize_name

    root = str(canonicalize_name(str(metadata["Name"])))
    closure = _Closure(root, [str(text) for text in _get_all(metadata, "Requires-Dist")])
    offered = [str(extra) for extra in _get_all(metadata, "Provides-Extra") if extra not in without]
    waiting = [(root, "")] + [(root, extra) for extra in offered if closure.has_all(root, extra)]
    found = {root: str(metadata["Version"])}
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        for needed, extras in closure.list_needs(name, extra):
            version = found.get(needed) or find_version(needed)
            if version is None:
                continue
            found[needed] = version
            fresh = {(needed, wanted) for wanted in ("", *extras)} - seen
            seen |= fresh
            waiting.extend(fresh)
    return dict(sorted(found.items()))


def find_version(name: str) -> str | None:
    """Return the version of an installed distribution; None when there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


class _Closure:
    def __init__(self, root: str, requirements: Collection[str]) -> None:
        self._root = root
        self._requirements = requirements

    def has_all(self, name: str, extra: str, within: frozenset[tuple[str, str]] = frozenset()) -> bool:
        """Say whether all is installed that an extra needs, and the extras it names.

        :param within: extras that need this one, which are looked at already
        """
        if (name, extra) in within:
            return True
        above = within | {(name, extra)}
        return all(
            find_version(needed) is not None and all(self.has_all(needed, wanted, above) for wanted in extras)
            for needed, extras in self.list_needs(name, extra)
        )

    def list_needs(self, name: str, extra: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield what one extra of a distribution needs on this machine beside what it always needs, with extras."""
        from packaging.requirements import Requirement
        from packaging.utils import canonicalize_name

        for text in self._requirements if name == self._root else importlib.metadata.requires(name) or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None:
                wanted = not extra
            else:
                wanted = marker.evaluate({"extra": extra}) and not (extra and marker.evaluate({"extra": ""}))
            if wanted:
                yield str(canonicalize_name(requirement.name)), tuple(sorted(requirement.extras))


def _get_all(metadata: Any, key: str) -> list[Any]:
    return metadata.get_all(key) or []
