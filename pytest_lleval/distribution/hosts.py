"""The hosts of a fleet, as ``hosts.toml`` names them.

.. code-block:: toml

    ssh_config = "ssh_config"            # of the ssh command; default: the user's own

    [project]                            # what hosts without a chdir are sent; default: all files that git knows
    files = ["evals/**", "pyproject.toml"]

    [hosts.big]
    ssh = "user@big.example"             # a destination or an alias of the ssh configuration, options before it
    workers = 4
    python = "/opt/evals/bin/python"     # or venv = "/opt/evals"
    chdir = "/srv/project"               # a project that is there already
    env = ["OPENAI_API_KEY"]             # names; values travel inside the connection
    bootstrap = true                     # `lleval hosts bootstrap` keeps its environment
    local_model = true                   # runs local models on a server of its own
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import UnknownNameError, UsageError

__all__ = ["BOOTSTRAPPED", "Host", "HostFile", "parse_hosts", "read_hosts"]

#: where `lleval hosts bootstrap` keeps the environment of a host that names none, below its login folder
BOOTSTRAPPED = ".cache/pytest-lleval/venv"
_KEYS = ("ssh", "workers", "python", "venv", "chdir", "env", "bootstrap", "local_model")
_TOP = ("ssh_config", "project", "hosts")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: the remote shell reads these words, and execnet parts its specs at `//`
_UNFIT = re.compile(r"//|[\x00-\x1f\x7f\"'`$;&|<>()\\*?\s]")


@dataclass(frozen=True, kw_only=True)
class Host:
    """One machine that ssh reaches."""

    name: str
    #: words of the ssh command: options, then the destination
    ssh: tuple[str, ...]
    workers: int = 1
    #: the interpreter as the host's shell is told it
    python: str = "python3"
    #: a folder of the host, where the project is already; None where it is sent
    chdir: str | None = None
    #: environment variables whose values its workers get
    env: tuple[str, ...] = ()
    bootstrap: bool = False
    local_model: bool = False
    #: configuration file of the ssh command; None for the user's own
    ssh_config: Path | None = None

    @property
    def destination(self) -> str:
        """The last word of the ssh command's own."""
        return self.ssh[-1]

    @property
    def venv(self) -> str | None:
        """The virtual environment around the interpreter; None where it is not in one's ``bin``."""
        folder, _, _ = self.python.rpartition("/bin/")
        return folder or None


@dataclass(frozen=True, kw_only=True)
class HostFile:
    """What a file of hosts says."""

    hosts: tuple[Host, ...]
    #: globs of the project's files, below the project's root; None for all that git knows
    files: tuple[str, ...] | None = None
    #: where it was written, for messages
    place: str = ""


def read_hosts(file: Path) -> HostFile:
    """Read a file of hosts.

    :param file: TOML
    :raises UsageError: naming the table and the value that does not fit
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--lleval-hosts: {str(file)!r} cannot be read ({error.strerror or error})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read as TOML ({error})") from error
    return parse_hosts(content, place=str(file), folder=file.parent)


def parse_hosts(content: Mapping[str, Any], *, place: str, folder: Path) -> HostFile:
    """Read what a file of hosts holds.

    :param content: parsed TOML
    :param place: the file, for messages
    :param folder: what paths of this machine are relative to
    :raises UsageError: naming the table and the value that does not fit
    """
    _refuse_unknown(place, content, _TOP)
    tables = _expect(place, "hosts", content.get("hosts", {}), dict)
    if not tables:
        raise UsageError(f'{place}: names no host; add a table such as [hosts.worker1] with ssh = "worker1"')
    config = content.get("ssh_config")
    ssh_config = folder / Path(_expect(place, "ssh_config", config, str)).expanduser() if config is not None else None
    if ssh_config is not None and (not ssh_config.is_file() or _UNFIT.search(str(ssh_config))):
        raise UsageError(f"{place}: ssh_config = {config!r} is no file whose path has neither blanks nor quotes")
    hosts = tuple(_parse_host(f"{place}: [hosts.{name}]", name, table, ssh_config) for name, table in tables.items())
    return HostFile(hosts=hosts, files=_parse_project(place, content.get("project")), place=place)


def _parse_project(place: str, table: object) -> tuple[str, ...] | None:
    if table is None:
        return None
    where = f"{place}: [project]"
    known = _expect(place, "project", table, dict)
    _refuse_unknown(where, known, ("files",))
    files = _strings(where, "files", known.get("files", []))
    if not files:
        raise UsageError(f'{where}: files is empty; name globs such as "evals/**", or leave the table out')
    return files


def _parse_host(place: str, name: str, table: object, ssh_config: Path | None) -> Host:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{place}: a host's name is made of letters, digits, '.', '_' and '-'")
    known = _expect(place, "table", table, dict)
    _refuse_unknown(place, known, _KEYS)
    words = _expect(place, "ssh", known.get("ssh", name), str).split()
    if not words or words[-1].startswith("-") or any("//" in word or word.startswith('"') for word in words):
        raise UsageError(
            f"{place}: ssh = {known.get('ssh')!r} must end in a destination, have no '//' and no quoted blanks; "
            "put such options into the ssh configuration"
        )
    workers = _expect(place, "workers", known.get("workers", 1), int)
    if isinstance(workers, bool) or workers < 1:
        raise UsageError(f"{place}: workers = {workers!r} is not a whole number of at least 1")
    bootstrap = _expect(place, "bootstrap", known.get("bootstrap", False), bool)
    chdir = known.get("chdir")
    env = _strings(place, "env", known.get("env", []))
    for variable in env:
        if not _VARIABLE.fullmatch(variable):
            raise UsageError(f"{place}: env names variables, not values; {variable.partition('=')[0]!r}… is no name")
    return Host(
        name=name,
        ssh=tuple(words),
        workers=workers,
        python=_parse_python(place, known, bootstrap=bootstrap),
        chdir=_parse_path(place, "chdir", chdir) if chdir is not None else None,
        env=env,
        bootstrap=bootstrap,
        local_model=_expect(place, "local_model", known.get("local_model", False), bool),
        ssh_config=ssh_config,
    )


def _parse_python(place: str, known: Mapping[str, Any], *, bootstrap: bool) -> str:
    if "python" in known and "venv" in known:
        raise UsageError(f"{place}: python and venv both name the interpreter: leave one of them out")
    if "venv" in known:
        return _parse_path(place, "venv", known["venv"]).rstrip("/") + "/bin/python"
    if "python" in known:
        return _parse_path(place, "python", known["python"])
    return f"{BOOTSTRAPPED}/bin/python" if bootstrap else "python3"


def _parse_path(place: str, key: str, value: object) -> str:
    text: str = _expect(place, key, value, str)
    if not text or _UNFIT.search(text):
        raise UsageError(f"{place}: {key} = {text!r} must be a path without blanks, quotes, '//' and shell characters")
    return text


def _strings(place: str, key: str, value: object) -> tuple[str, ...]:
    texts = _expect(place, key, value, list)
    return tuple(_expect(place, key, text, str) for text in texts)


def _expect(place: str, key: str, value: object, kind: type) -> Any:
    words = {dict: "a table", str: "a text", list: "a list of texts", int: "a whole number", bool: "true or false"}
    if not isinstance(value, kind):
        raise UsageError(f"{place}: {key} = {value!r} is not {words[kind]}")
    return value


def _refuse_unknown(place: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise UnknownNameError(place, "key", key, known)
