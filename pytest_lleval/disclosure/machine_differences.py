"""Where the fingerprints of a run's workers differ from each other, and from those of a baseline."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..core.records import Disclosure, Severity

__all__ = ["compare_baseline", "compare_machines", "compare_workers"]

#: what is compared, its name in messages, and how grave a difference is
_FIELDS: Mapping[str, tuple[str, Severity]] = {
    "code": ("the code of pytest-lleval", "critical"),
    "python": ("Python", "warning"),
    "implementation": ("the Python implementation", "warning"),
    "system": ("the operating system", "warning"),
    "release": ("the kernel", "note"),
    "machine": ("the architecture", "warning"),
    "cpu": ("the processor", "warning"),
    "cpus": ("the number of CPUs", "warning"),
    "cpus_usable": ("the number of usable CPUs", "warning"),
    "cpu_quota": ("the CPU limit of the control group", "warning"),
    "governor": ("the frequency governor", "warning"),
    "memory_bytes": ("the memory", "note"),
    "memory_limit_bytes": ("the memory limit of the control group", "note"),
    "container": ("the kind of container", "note"),
    "gpus": ("the GPUs", "warning"),
    "git": ("the commit", "note"),
}
_PACKAGE = "packages."
_GIGABYTE = 1_000_000_000
_DIGITS = 12
_NAMED = 3


def compare_workers(fingerprints: Mapping[str, Mapping[str, Any]]) -> list[Disclosure]:
    """Find what differs between workers, with each value and whose it is.

    :param fingerprints: by worker; empty of one that was given nothing to do
    """
    found = []
    fingerprints = {worker: fingerprint for worker, fingerprint in fingerprints.items() if fingerprint}
    for key, (words, severity) in _list_fields(fingerprints.values()).items():
        holders: dict[str, list[str]] = {}
        for worker, fingerprint in fingerprints.items():
            if key != "git" or "git" in fingerprint:  # the process that keeps the evidence alone may have asked git
                holders.setdefault(_read_value(fingerprint, key), []).append(worker)
        if len(holders) > 1:
            ranked = sorted(holders.items(), key=lambda item: -len(item[1]))
            told = ", ".join(f"{value} ({_join_names(names)})" for value, names in ranked)
            message = f"{words} differs between workers: {told}"
            found.append(Disclosure(factor="E", severity=severity, message=message, evidence=holders))
    return found


def compare_baseline(
    fingerprints: Mapping[str, Mapping[str, Any]], baseline: Mapping[str, Mapping[str, Any]]
) -> list[Disclosure]:
    """Find what differs from a baseline's workers, with the values of both.

    :param fingerprints: by worker
    :param baseline: of the baseline's workers
    """
    here, there = list(fingerprints.values()), list(baseline.values())
    if not here or not there:
        return []
    found = []
    for key, (words, severity) in _list_fields([*here, *there]).items():
        now, then = (sorted({_read_value(each, key) for each in group}) for group in (here, there))
        if now != then:
            message = f"{words} is not the baseline's: {' and '.join(now)} instead of {' and '.join(then)}"
            # Another version of this package is a reason to look, and no fault of the run.
            grave: Severity = "warning" if severity == "critical" else severity
            evidence = {"now": now, "baseline": then}
            found.append(Disclosure(factor="E", severity=grave, message=message, evidence=evidence))
    return found


def compare_machines(here: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Find what of two fingerprints differs: by field its name in messages, the value here and the value there."""
    found = {}
    for key, (words, _) in _list_fields([here, there]).items():
        ours, theirs = _read_value(here, key), _read_value(there, key)
        if key != "git" and ours != theirs:
            found[key] = (words, ours, theirs)
    return found


def _list_fields(fingerprints: Collection[Mapping[str, Any]]) -> dict[str, tuple[str, Severity]]:
    """Return what to compare: the fixed fields, and each package any of them has."""
    packages = sorted({str(name) for each in fingerprints for name in _get_packages(each)})
    return {**_FIELDS, **{_PACKAGE + name: (name, "warning") for name in packages}}


def _read_value(fingerprint: Mapping[str, Any], key: str) -> str:
    """Return a value of a fingerprint as it is compared and shown."""
    if key.startswith(_PACKAGE):
        return str(_get_packages(fingerprint).get(key.removeprefix(_PACKAGE), "absent"))
    value = fingerprint.get(key)
    if value is None or value == []:
        return "none"
    if key.endswith("_bytes") and isinstance(value, int | float):
        return f"{value / _GIGABYTE:.0f} GB"  # kernels of the same machine reserve a little more or less
    if key == "code":
        return str(value)[:_DIGITS]
    if key == "git" and isinstance(value, Mapping):
        return str(value.get("commit"))[:_DIGITS] + (" with changes" if value.get("dirty") else "")
    if key == "gpus" and isinstance(value, list):
        return _describe_gpus(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _describe_gpus(gpus: Sequence[Any]) -> str:
    words = [f"{gpu.get('name')} (driver {gpu.get('driver')})" for gpu in gpus if isinstance(gpu, Mapping)]
    return " + ".join(f"{words.count(word)} x {word}" for word in dict.fromkeys(words)) or "none"


def _get_packages(fingerprint: Mapping[str, Any]) -> Mapping[str, Any]:
    packages = fingerprint.get("packages")
    return packages if isinstance(packages, Mapping) else {}


def _join_names(names: Sequence[str]) -> str:
    """Return names for a sentence, not more than a few of them."""
    few = ", ".join(names[:_NAMED])
    return few if len(names) <= _NAMED else f"{few} and {len(names) - _NAMED} more"
