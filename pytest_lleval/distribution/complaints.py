"""What ssh and a host's shell say when a connection fails, put into one clear sentence with the way out.

The phrases are OpenSSH's own (sshconnect.c, sshconnect2.c, ssh.c, clientloop.c, packet.c) and those of the C library.
"""

from __future__ import annotations

import re
import shlex

from ..core.errors import HostError
from ..support.lastline import find_last_line
from .hosts import Host

__all__ = ["SSH_FAILED", "describe_noise", "explain_end", "make_printable", "name_command"]

_MOST = 200
#: ssh's own status when there is no connection, or none any more
SSH_FAILED = 255
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126

#: pattern, kind, sentence; the first that is found counts. {ssh} is the command to try by hand
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "access",
        "its host key is not the one known before: somebody may stand between, or it was set up anew; when you know "
        "which, remove the old key from the known_hosts file that `{ssh}` names, and accept the new one there",
    ),
    (
        r"Host key verification failed|host key is known for",
        "access",
        "its host key is not known yet, and nobody is asked here: run `{ssh}` once by hand, compare the fingerprint "
        "and accept it",
    ),
    (
        r"UNPROTECTED PRIVATE KEY FILE",
        "access",
        "ssh does not use a key file that others can read: take their rights away (chmod 600)",
    ),
    (
        r"Permission denied \(([^)]*)\)",
        "access",
        "it lets nobody in without a password, and nobody is asked here (it takes {0}): `{ssh}` must work without "
        "a question; put your key there (ssh-copy-id) or into the agent (ssh-add)",
    ),
    (
        r"Too many authentication failures",
        "access",
        "it refused too many keys: name the right one by IdentityFile and IdentitiesOnly in the ssh configuration",
    ),
    (
        r"no matching [a-z ]+ found",
        "access",
        "it and this machine's ssh have no method in common ({line}): see what `{ssh}` says",
    ),
    (r"Bad owner or permissions on (\S+)", "unfit", "ssh refuses the configuration file {0}: nobody else may write it"),
    (
        r"Bad configuration option|unknown option|keyword .* extra arguments|missing argument|illegal option",
        "unfit",
        "this machine's ssh does not understand what it is told ({line}): correct ssh = … or the ssh configuration",
    ),
    (r"Could not resolve hostname", "unreachable", "no address is known for its name ({line}): correct ssh = …"),
    (r"Connection refused", "unreachable", "it refuses connections ({line}): no ssh server listens there"),
    (r"No route to host|Network is unreachable", "unreachable", "there is no way to it ({line})"),
    (
        r"timed out|Timeout, server",
        "unreachable",
        "it does not answer ({line}): it is down, or a firewall or the network is between",
    ),
    (
        r"Connection (closed|reset)|Broken pipe|kex_exchange_identification|banner exchange",
        "unreachable",
        "the connection was cut ({line})",
    ),
)


def explain_end(host: Host, status: int | None, errors: str, seconds: float, *, own: bool = True) -> HostError:
    """Say why a host's Python said nothing, not even that it is there.

    :param status: of the ssh command; None when it was still running
    :param errors: what it wrote to standard error
    :param seconds: how long it was waited for
    :param own: whether it was the host's own interpreter that was to start, and not any
    """
    if status in (SSH_FAILED, None):
        for pattern, kind, sentence in _KNOWN:
            found = re.search(pattern, errors, re.IGNORECASE)
            if found:
                groups = [make_printable(group or "") for group in found.groups()]
                line = _find_line(errors, found.start())
                return HostError(sentence.format(*groups, ssh=name_command(host), line=line), kind=kind)
    last = make_printable(find_last_line(errors))
    told = f" ({last})" if last else ""
    hint = f"see what `{name_command(host)}` says"
    if status is None:
        return HostError(f"it did not answer within {seconds:g} s{told}", kind="unreachable")
    if status == SSH_FAILED:
        return HostError(f"ssh failed{told or ' and said nothing'}: {hint}", kind="access")
    if not own:
        return HostError(
            f"no Python could be started there{told}: install Python 3 or uv, or see {hint[4:]}", kind="unfit"
        )
    if status in (_NOT_FOUND, _NOT_EXECUTABLE) or re.search(r"not found|No such file", errors):
        return HostError(f"it has no Python at {host.python!r}{told}: {_name_ways(host)}", kind="unfit")
    return HostError(f"{host.python!r} did not start there, status {status}{told}: {hint}", kind="unfit")


def describe_noise(host: Host, noise: str) -> HostError:
    """Say that something writes to standard output before the interpreter does."""
    return HostError(
        f"it prints at login ({make_printable(noise)!r}), which breaks the connection of a worker: let its shell's "
        f"startup files print only in interactive shells, until `{name_command(host)} true` prints nothing",
        kind="unfit",
    )


def name_command(host: Host) -> str:
    """Return the ssh command a user would type to see for herself."""
    config = ["-F", str(host.ssh_config)] if host.ssh_config is not None else []
    return shlex.join(["ssh", *config, *host.ssh])


def make_printable(text: str, most: int = _MOST) -> str:
    """Return what a host wrote as part of a line: blanks joined, what does more than show spelled out, not too long.

    :param most: letters
    """
    joined = " ".join(text.split())
    shown = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in joined)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _name_ways(host: Host) -> str:
    if host.bootstrap:
        return "`lleval hosts bootstrap` makes one"
    return "name the right one by python = … or venv = …, or say bootstrap = true and run `lleval hosts bootstrap`"


def _find_line(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    return make_printable(text[start:].partition("\n")[0]).removeprefix("ssh: ")
