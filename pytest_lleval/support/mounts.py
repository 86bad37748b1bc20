"""What kind of file system a file lies on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["find_network", "match_network"]

_NETWORK: Final = frozenset(
    {
        *("afs", "afpfs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "gpfs"),
        *("lustre", "ncpfs", "nfs", "nfs3", "nfs4", "pvfs2", "smb", "smb2", "smb3", "smbfs", "webdav"),
    }
)


def find_network(path: Path) -> str:
    """Return the type of the network file system a file lies or would lie on; an empty text where it lies on none."""
    import psutil

    try:
        partitions = [(part.mountpoint, part.fstype, part.opts) for part in psutil.disk_partitions(all=True)]
    except OSError:
        return ""  # a container that hides its mounts
    return match_network(path.resolve(), partitions)


def match_network(path: Path, partitions: Iterable[tuple[str, str, str]]) -> str:
    """Return the type of the file system that holds `path` if it is a network's, else an empty text.

    :param path: absolute
    :param partitions: mount point, type and options of each file system; of two on one point the later counts
    """
    holders = [entry for entry in partitions if path.is_relative_to(entry[0])]
    if not holders:
        return ""
    _, system, options = max(reversed(holders), key=lambda entry: len(entry[0]))
    # Windows names the type of the disk at the other end
    return system if system.lower() in _NETWORK or "remote" in options.split(",") else ""
