"""Compares what a host is with this machine: the same code or none, and words for whatever else is not the same."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from ..disclosure.fingerprint import capture_fingerprint
from ..disclosure.machine_differences import compare_machines
from ..support.closure import find_version
from .complaints import make_printable
from .inventory import list_packages
from .probing import Probe

__all__ = ["describe_differences", "describe_here", "find_refusal", "list_other_packages"]

_PACKAGE = "packages."
_DIGITS = 12
#: how many packages are told before the others are counted
_NAMED = 12


@functools.cache
def describe_here() -> Mapping[str, Any]:
    """Return this machine's fingerprint, which a host's is compared with."""
    return capture_fingerprint()


def find_refusal(probe: Probe) -> str:
    """Return why a host must not take part, with the way out; empty where it runs the same code as this machine."""
    ours, theirs = describe_here()["code"], probe.facts.get("code")
    if theirs is not None and ours == theirs:
        return ""
    return (
        f"it has another code of pytest-lleval, digest {make_printable(str(theirs))[:_DIGITS]} instead of "
        f"{str(ours)[:_DIGITS]}, and would not run the same evaluation: run `lleval hosts bootstrap FILE` for a host "
        "with bootstrap = true, or install there what is installed here"
    )


def describe_differences(probe: Probe) -> list[str]:
    """Return in what else a host differs from this machine, one text for each thing, and one for all packages."""
    told = [
        f"{words}: {make_printable(theirs)} instead of {ours}"
        for key, (words, ours, theirs) in _compare(probe).items()
        if key != "code" and not key.startswith(_PACKAGE)
    ]
    packages = list_other_packages(probe)
    if packages:
        more = f" and {len(packages) - _NAMED} more" if len(packages) > _NAMED else ""
        told.append(f"packages: {', '.join(packages[:_NAMED])}{more}")
    return told


def list_other_packages(probe: Probe) -> list[str]:
    """Return which packages have another version on a host, each with both."""
    return [
        f"{make_printable(words)} {make_printable(theirs)} instead of {ours}"
        for key, (words, ours, theirs) in _compare(probe).items()
        if key.startswith(_PACKAGE)
    ]


def _compare(probe: Probe) -> Mapping[str, tuple[str, str, str]]:
    names = {*list_packages(), *probe.facts.get("packages", {})}
    packages = {name: version for name in names if (version := find_version(name)) is not None}
    # a host without the package cannot say all of itself
    known = {key: value for key, value in describe_here().items() if key in probe.facts}
    return compare_machines(
        {**known, "packages": packages}, {key: probe.facts.get(key) for key in (*known, "packages")}
    )
