"""Wheels for hosts that cannot get them themselves: from a folder, from what is installed here, or from an index.

Each is made or fetched once for all hosts it fits.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.errors import HostError
from .complaints import make_printable
from .rebuilding import name_wheel, rebuild_wheel

__all__ = ["WheelSource"]

_DOWNLOAD_SECONDS = 900


class WheelSource:
    """Finds wheels that fit a host.

    :param scratch: an empty folder for those that are made or fetched
    :param given: a folder of the user's, asked first
    """

    def __init__(self, scratch: Path, given: Path | None = None) -> None:
        self._scratch = scratch
        self._given = given
        self._lock = threading.RLock()
        self._rebuilt: dict[str, Path | None] = {}

    def collect(self, pins: Mapping[str, str], tags: Sequence[str], minor: str) -> list[Path]:
        """Return a wheel for each distribution.

        :param pins: versions, by name
        :param tags: of the wheels that fit the host, the best first
        :param minor: the host's Python, e.g. 3.11
        :raises HostError: naming those that are nowhere to be had
        """
        with self._lock:
            found = {name: self._find(name, version, tags) for name, version in pins.items()}
            missing = {name: pins[name] for name, path in found.items() if path is None}
            reason = self._download(missing, tags, minor) if missing else ""
            for name, version in missing.items():
                found[name] = _search(self._scratch, name, version, tags)
        absent = [f"{name}=={pins[name]}" for name, path in found.items() if path is None]
        if absent:
            raise HostError(
                f"no wheel that fits it could be had of {', '.join(absent)} ({reason}): put wheels into a folder and "
                "name that by --wheels DIR"
            )
        return [path for path in found.values() if path is not None]

    def rebuild(self, name: str) -> Path | None:
        """Return a wheel of what is installed here; None where that cannot be made one."""
        with self._lock:
            if name not in self._rebuilt:
                try:
                    self._rebuilt[name] = rebuild_wheel(importlib.metadata.distribution(name), self._scratch)
                except (HostError, importlib.metadata.PackageNotFoundError):
                    self._rebuilt[name] = None
            return self._rebuilt[name]

    def _find(self, name: str, version: str, tags: Sequence[str]) -> Path | None:
        if self._given is not None and (path := _search(self._given, name, version, tags)):
            return path
        if path := _search(self._scratch, name, version, tags):
            return path
        try:
            fits = _fits(name_wheel(importlib.metadata.distribution(name)), tags)
        except (HostError, importlib.metadata.PackageNotFoundError):
            return None
        return self.rebuild(name) if fits else None

    def _download(self, pins: Mapping[str, str], tags: Sequence[str], minor: str) -> str:
        """Fetch wheels for the host from this machine's index; return why that failed."""
        if importlib.util.find_spec("pip") is None:
            return "what is installed here does not fit it, and there is no pip here to fetch others"
        parts = [tag.split("-") for tag in tags]
        words = [word for place in dict.fromkeys(part[2] for part in parts) for word in ("--platform", place)]
        words += [word for abi in dict.fromkeys(part[1] for part in parts) for word in ("--abi", abi)]
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"),
            *("--only-binary", ":all:", "--python-version", minor, "--implementation", "cp", *words),
            *("--dest", str(self._scratch), *(f"{name}=={version}" for name, version in pins.items())),
        ]
        try:
            done = subprocess.run(  # noqa: S603  # fixed words, names and versions
                command, capture_output=True, text=True, errors="replace", check=False, timeout=_DOWNLOAD_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return make_printable(str(error))
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        return "" if done.returncode == 0 else make_printable(lines[-1] if lines else f"status {done.returncode}")


def _search(folder: Path, name: str, version: str, tags: Sequence[str]) -> Path | None:
    """Return the wheel of a folder that fits best."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename
    from packaging.version import Version

    ranks = {tag: rank for rank, tag in enumerate(tags)}
    fit: list[tuple[int, Path]] = []
    for path in folder.glob("*.whl"):
        try:
            own, numbers, _, wheel_tags = parse_wheel_filename(path.name)
        except InvalidWheelFilename:
            continue
        if own == name and numbers == Version(version):
            fit += [(ranks[str(tag)], path) for tag in wheel_tags if str(tag) in ranks]
    return min(fit)[1] if fit else None


def _fits(wheel: str, tags: Sequence[str]) -> bool:
    from packaging.utils import parse_wheel_filename

    return not {str(tag) for tag in parse_wheel_filename(wheel)[3]}.isdisjoint(tags)
