"""Several real SSH hosts on this machine, which can be cut off, killed and healed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Rig", "open_rig"]


@dataclass(frozen=True, kw_only=True)
class Rig:
    """Running hosts, named host1, host2, …; all see the same files, and each has its own login folder."""

    tool: Path
    folder: Path
    hosts: tuple[str, ...]

    @property
    def ssh_config(self) -> Path:
        """What ssh finds them by."""
        return self.folder / "ssh_config"

    def run(self, action: str, *words: str) -> str:
        """Do something to the rig: cut, heal, kill, start, delay or pids, of a host."""
        done = subprocess.run(
            [sys.executable, str(self.tool), action, str(self.folder), *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    def list_pids(self, host: str) -> set[int]:
        """Return the processes of a host, without the ssh server's own."""
        return {pid for pid in map(int, self.run("pids", host).split()) if not _is_server(pid)}

    def find_home(self, host: str) -> Path:
        """Return a host's login folder."""
        return self.folder / host / "home"

    def write_file(self, file: Path, *, workers: int = 1, hosts: tuple[str, ...] = (), **keys: str) -> Path:
        """Write a file of hosts.

        :param hosts: some of the rig's; all if none
        :param keys: more keys of every host, as TOML
        """
        lines = [f'ssh_config = "{self.ssh_config}"']
        for host in hosts or self.hosts:
            lines += [f"[hosts.{host}]", f"workers = {workers}"]
            lines += [f"{key} = {value}" for key, value in ({"python": f'"{sys.executable}"'} | keys).items()]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file


def _is_server(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().startswith("sshd")
    return False


@contextmanager
def open_rig(count: int) -> Iterator[Rig]:
    """Start hosts, and end them; skips where that cannot be done here."""
    # sockets of ssh have short names
    with tempfile.TemporaryDirectory(prefix="rig-") as folder:
        rig = _start_rig(Path(folder) / "r", count)
        try:
            yield rig
        finally:
            rig.run("down")


def _start_rig(folder: Path, count: int) -> Rig:
    data = os.environ.get("LLEVAL_DATA_DIR")
    tool = Path(data).parent / "tools" / "ssh-hosts" if data else None
    if tool is None or not tool.is_file():
        pytest.skip("needs the tool that starts SSH hosts, beside LLEVAL_DATA_DIR")
    if shutil.which("sshd") is None and not Path("/usr/sbin/sshd").exists():
        pytest.skip("needs an OpenSSH server")
    up = subprocess.run(
        [sys.executable, str(tool), "up", str(count), str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if up.returncode:
        pytest.skip(f"SSH hosts cannot be started here: {up.stderr.strip()[-200:]}")
    return Rig(tool=tool, folder=folder, hosts=tuple(f"host{number}" for number in range(1, count + 1)))
