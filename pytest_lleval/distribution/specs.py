"""xdist's own way to name hosts, ``--tx '2*ssh=DESTINATION//python=PATH'``, read as `hosts` are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import execnet

from ..core.errors import UsageError
from .hosts import HostFile, parse_hosts

__all__ = ["list_local", "list_remote", "read_specs"]

_KNOWN = ("ssh", "python", "chdir", "ssh_config", "execmodel")


def list_remote(texts: Sequence[str]) -> list[str]:
    """Return the specs that name hosts."""
    return [text for text in texts if _parse(text)[1].ssh]


def list_local(texts: Sequence[str]) -> list[str]:
    """Return the specs of workers of this machine."""
    return [text for text in texts if not _parse(text)[1].ssh]


def read_specs(texts: Sequence[str]) -> HostFile:
    """Read specs of hosts; those with the same words are one host.

    :param texts: of ``--tx``, each with ``ssh=``
    :raises UsageError: for a key that cannot be had
    """
    tables: dict[str, dict[str, Any]] = {}
    config: str | None = None
    for text in texts:
        number, spec = _parse(text)
        words = dict(word.partition("=")[::2] for word in str(spec).split("//"))
        for key in words:
            if key not in _KNOWN:
                raise UsageError(
                    f"--tx {text}: {key!r} cannot be had on a host; name the host in a file for --lleval-hosts, where "
                    "env lists variables whose values travel inside the connection"
                )
        if config not in (None, spec.ssh_config):
            raise UsageError(f"--tx {text}: all hosts must have the same ssh_config, and another one has {config!r}")
        config = spec.ssh_config
        name = re.sub(r"[^A-Za-z0-9._-]", "-", spec.ssh.split()[-1]).lstrip("-._") or "host"
        table = {"ssh": spec.ssh, "python": spec.python or "python", "local_model": True}
        table |= {"chdir": spec.chdir} if spec.chdir else {}
        while name in tables and {**tables[name], "workers": 0} != {**table, "workers": 0}:
            name += "-2"
        tables[name] = table | {"workers": tables.get(name, {}).get("workers", 0) + number}
    content = {"hosts": tables} | ({"ssh_config": config} if config else {})
    return parse_hosts(content, place="--tx", folder=Path.cwd())


def _parse(text: str) -> tuple[int, Any]:
    number, star, rest = text.partition("*")
    if star and number.isdigit():
        return int(number), execnet.XSpec(rest)
    return 1, execnet.XSpec(text)
