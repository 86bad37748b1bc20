"""What the control groups this process is in allow it, and how often they stopped it (Linux; psutil has none of it)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cgroup", "find_cgroup"]

_ROOT = Path("/sys/fs/cgroup")
_LISTING = Path("/proc/self/cgroup")
# Version 1 says "no limit" with the largest number of pages.
_UNLIMITED = 1 << 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Cgroup:
    """The folders of the groups around a process, the innermost first; empty where there are none."""

    cpu: tuple[Path, ...] = ()
    memory: tuple[Path, ...] = ()

    def read_quota(self) -> float | None:
        """Return how many CPUs' worth of time the group may use; None without a limit."""
        return min((quota for folder in self.cpu if (quota := _read_quota(folder)) is not None), default=None)

    def read_throttling(self) -> tuple[int, float] | None:
        """Return how often and for how many seconds (summed over CPUs) groups were stopped; None without groups."""
        stats = [stat for folder in self.cpu if "nr_throttled" in (stat := _read_pairs(folder / "cpu.stat"))]
        if not stats:
            return None
        count = sum(stat["nr_throttled"] for stat in stats)
        # microseconds in version 2, nanoseconds in version 1
        seconds = sum(stat.get("throttled_usec", 0) / 1e6 + stat.get("throttled_time", 0) / 1e9 for stat in stats)
        return count, seconds

    def read_memory_limit(self) -> int | None:
        """Return how many bytes of memory the group may use; None without a limit."""
        return min((limit for folder in self.memory if (limit := _read_limit(folder)) is not None), default=None)

    def read_memory_left(self) -> int | None:
        """Return how many bytes are left below the limit, files that can be dropped not counted as used."""
        left = [room for folder in self.memory if (room := _read_room(folder)) is not None]
        return min(left, default=None)


def find_cgroup(root: Path = _ROOT, listing: Path = _LISTING) -> Cgroup:
    """Return the groups this process is in, version 1 or 2.

    :param root: where the groups are mounted
    :param listing: the kernel's list of this process's groups
    """
    try:
        lines = [line.split(":", 2) for line in listing.read_text(encoding="utf-8").splitlines()]
        paths = {name: path for _, names, path in lines for name in names.split(",")}
    except (OSError, ValueError):
        return Cgroup()
    unified = (root / "cgroup.controllers").exists()
    found = {}
    for controller in ("cpu", "memory"):
        base, path = (root, paths.get("")) if unified else (root / controller, paths.get(controller))
        found[controller] = _list_folders(base, path) if path is not None else ()
    return Cgroup(**found)


def _list_folders(base: Path, path: str) -> tuple[Path, ...]:
    """Return a group's folder and its parents'; in a container the path may be the host's and mean nothing here."""
    folder = base / path.lstrip("/")
    if ".." in folder.parts or not folder.is_dir():
        folder = base
    return tuple(each for each in (folder, *folder.parents) if each == base or base in each.parents)


def _read_quota(folder: Path) -> float | None:
    words = _read_words(folder / "cpu.max")
    if len(words) != 2:  # version 1 has them in two files
        words = [*_read_words(folder / "cpu.cfs_quota_us"), *_read_words(folder / "cpu.cfs_period_us")]
    with suppress(ValueError, ZeroDivisionError):
        quota, period = (int(word) for word in words)  # "max" is no number: no limit
        return quota / period if quota > 0 else None
    return None


def _read_limit(folder: Path) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        with suppress(ValueError):
            (limit,) = (int(word) for word in _read_words(folder / name))
            return limit if limit < _UNLIMITED else None
    return None


def _read_room(folder: Path) -> int | None:
    limit = _read_limit(folder)
    if limit is None:
        return None
    for name in ("memory.current", "memory.usage_in_bytes"):
        with suppress(ValueError):
            (used,) = (int(word) for word in _read_words(folder / name))
            return max(0, limit - used + _read_pairs(folder / "memory.stat").get("inactive_file", 0))
    return None


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return []


def _read_pairs(path: Path) -> dict[str, int]:
    words = _read_words(path)
    return {name: int(value) for name, value in zip(words[::2], words[1::2], strict=False) if value.isdigit()}
