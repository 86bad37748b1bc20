"""The line on which `distribution.remote.install` is told what to do on a host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..core.errors import HostError
from ..support.digest import digest_file
from .complaints import make_printable
from .dialogue import START, Dialogue
from .hosts import Host
from .remote import install

__all__ = ["Carrier"]

#: what the steps are done by; another Python than the one the environment is made with, if need be
_OLDEST = (3, 8)
_SMALL_SECONDS = 60.0


class Carrier:
    """An interpreter on a host that makes an environment there.

    :param host: with a ``venv``
    :param minor: of the Python wanted there, e.g. 3.11
    :param seconds: for everything
    :raises HostError: when there is no connection, or no interpreter at all
    """

    def __init__(self, host: Host, minor: str, seconds: float) -> None:
        self._dialogue = Dialogue(host, seconds, start=_write_start(minor), oldest=_OLDEST)
        try:
            self._dialogue.run(install, within=_SMALL_SECONDS)
            self.do("open", venv=host.venv)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def do(self, step: str, **values: object) -> Any:
        """Have a step done and return its answer.

        :param step: a method of `distribution.remote.install.Site`
        :raises HostError: when it fails there, or the host is gone
        """
        return _read(self._dialogue.ask({"step": step, "values": values}))

    def send(self, files: Mapping[str, Path]) -> int:
        """Bring wheels to the host that it does not have.

        :param files: by name
        :return: how many bytes travelled
        """
        digests = {name: digest_file(path) for name, path in files.items()}
        travelled = 0
        for name in self.do("hold", files=digests):
            size = files[name].stat().st_size
            values = {"name": name, "size": size, "sha256": digests[name]}
            _read(self._dialogue.ask({"step": "receive", "values": values}, files[name]))
            travelled += size
        return travelled

    def close(self) -> None:
        """End the connection."""
        self._dialogue.close()


def _read(answer: Any) -> Any:
    if not isinstance(answer, dict) or ("error" in answer) == ("value" in answer):
        raise HostError(f"its answer makes no sense ({make_printable(repr(answer))})", kind="unfit")
    if "error" in answer:
        raise HostError(make_printable(str(answer["error"]), most=600), kind="unfit")
    return answer["value"]


def _write_start(minor: str) -> str:
    """Return words for a host's shell that start whatever interpreter there is."""
    oldest = f'-c "import sys; sys.exit(sys.version_info < {_OLDEST})"'
    named = f'python{minor} python3 python "$HOME"/.pyenv/versions/{minor}.*/bin/python /opt/homebrew/bin/python3'
    silent = "</dev/null >/dev/null 2>&1"
    return (
        f"sh -c 'for p in {named} /usr/local/bin/python3; do "
        f'"$p" {oldest} {silent} && exec "$p" {START}; done; '
        f'for u in uv "$HOME/.local/bin/uv" "$HOME/.cargo/bin/uv"; do '
        f'"$u" --version {silent} && exec "$u" run --quiet --no-project --python {minor} python {START}; done; '
        f'echo "neither python3 nor uv was found" >&2; exit 127\''
    )
