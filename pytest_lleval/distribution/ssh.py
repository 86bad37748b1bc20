"""How a host is reached: the words of an ssh command, and the spec that execnet makes one of.

Every connection fails instead of asking (``BatchMode``), gives up in bounded time, and notices a dead peer
(https://man.openbsd.org/ssh_config). What the user's own words say comes before, and counts.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from .hosts import Host

__all__ = ["make_command", "make_environment", "make_spec"]

#: ssh takes the first value it is given for an option
_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
)


def make_command(host: Host, remote: str) -> list[str]:
    """Return the ssh command that runs something on a host.

    :param remote: for the host's shell
    """
    config = ["-F", str(host.ssh_config)] if host.ssh_config is not None else []
    return ["ssh", *config, *_list_words(host), remote]


def make_environment(handed: Collection[str]) -> dict[str, str]:
    """Return the environment of an ssh command: this process's, without what workers are handed inside the connection.

    :param handed: names of variables
    """
    return {name: value for name, value in os.environ.items() if name not in handed}


def make_spec(host: Host, folder: str | None = None) -> str:
    """Return execnet's spec of a gateway on a host: https://execnet.readthedocs.io/en/latest/basics.html.

    :param folder: where it works; its login folder if none
    """
    parts = [f"ssh={' '.join(_list_words(host))}", f"python={host.python}"]
    if host.ssh_config is not None:
        parts.append(f"ssh_config={host.ssh_config}")
    if folder is not None:
        parts.append(f"chdir={folder}")
    return "//".join(parts)


def _list_words(host: Host) -> list[str]:
    own = list(host.ssh[:-1])
    return [*own, *(word for option in _OPTIONS for word in ("-o", option)), host.ssh[-1]]
