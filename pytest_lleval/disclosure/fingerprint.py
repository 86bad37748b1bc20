"""What of a machine and its software stays the same during a run."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from .cgroups import find_cgroup
from .gpus import describe_gpus

__all__ = ["capture_fingerprint", "digest_modules"]

_PACKAGES = (
    "pytest-lleval",
    "pytest",
    "pytest-xdist",
    "execnet",
    "numpy",
    "openai",
    "anthropic",
    "httpx2",
    "xllamacpp",
    "pyarrow",
    "huggingface-hub",
)
_CPU_FILE = Path("/proc/cpuinfo")
_GOVERNOR_FILE = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_INIT_FILE = Path("/proc/1/cgroup")
_CONTAINER_FILES = {"/.dockerenv": "docker", "/run/.containerenv": "podman"}
_CONTAINER_WORDS = {
    "kubepods": "kubernetes",
    "docker": "docker",
    "libpod": "podman",
    "podman": "podman",
    "lxc": "lxc",
    "nspawn": "systemd-nspawn",
    "containerd": "containerd",
}
_ROOT = Path(__file__).parents[1]


def capture_fingerprint() -> dict[str, object]:
    """Describe interpreter, processor, memory, limits, GPUs, packages and this package's own code, as JSON values.

    Nothing that names the user, the host or a folder is captured.
    """
    cgroup = find_cgroup()
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "cpu": _read_cpu_model(),
        "cpus": os.cpu_count(),
        "cpus_usable": _count_usable(),
        "cpu_quota": cgroup.read_quota(),
        "governor": _read_line(_GOVERNOR_FILE),
        "memory_bytes": _read_memory(),
        "memory_limit_bytes": cgroup.read_memory_limit(),
        "container": _find_container(),
        "gpus": describe_gpus(),
        "packages": _list_packages(),
        "code": _digest_code(),
    }


def _list_packages() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


# py-cpuinfo knows every machine's name, but takes 0.9 s of CPU time to find it, more than a worker's share of a run.
def _read_cpu_model() -> str:
    if sys.platform == "win32":
        return os.environ.get("PROCESSOR_IDENTIFIER") or platform.machine()
    known: dict[str, str] = {}
    with suppress(OSError), _CPU_FILE.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return " ".join(value.split())
            known.setdefault(name.strip(), value.strip())
    if "CPU part" in known:  # ARM has numbers instead of a name
        return f"{platform.machine()} implementer {known.get('CPU implementer')} part {known['CPU part']}"
    return known.get("cpu model") or known.get("cpu") or platform.machine()


def _count_usable() -> int | None:
    try:
        return len(psutil.Process().cpu_affinity())
    except (AttributeError, psutil.Error, OSError):  # macOS has no affinity
        return os.cpu_count()


def _read_memory() -> int | None:
    try:
        return int(psutil.virtual_memory().total)
    except (psutil.Error, OSError, ValueError, KeyError):
        return None


def _find_container() -> str | None:
    """Name what kind of container this process is in, from a fixed list of names."""
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    for place, kind in _CONTAINER_FILES.items():
        if Path(place).exists():
            return kind
    told = f"{os.environ.get('container', '')} {_read_text(_INIT_FILE)}"  # noqa: SIM112  systemd's name for it
    return next((kind for word, kind in _CONTAINER_WORDS.items() if word in told), None)


def digest_modules(modules: Iterable[tuple[str, bytes]]) -> str:
    """Return the sha256 over names and contents of modules, whatever their order, line ends aside.

    :param modules: paths below the package, with forward slashes, and their bytes
    """
    hasher = hashlib.sha256()
    for name, raw in sorted(modules):
        content = raw.replace(b"\r\n", b"\n")
        hasher.update(f"{name} {len(content)}\n".encode())
        hasher.update(content)
    return hasher.hexdigest()


@functools.cache
def _digest_code() -> str | None:
    """Return the digest of this package's modules; None without files."""
    try:
        modules = [(path.relative_to(_ROOT).as_posix(), path.read_bytes()) for path in _ROOT.rglob("*.py")]
    except OSError:
        return None
    return digest_modules(modules) if modules else None


def _read_line(path: Path) -> str | None:
    return _read_text(path).strip() or None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
