"""Takes files that a session needs on a host: datasets into its folder, assets into the host's cache.

Receives ``("file", path, sha256, bytes)`` for each, answers ``("have",)`` or ``("send",)``, then receives pieces and an
empty one at the end; ``("end",)`` ends. A path is relative to the folder, or to the cache of assets.
"""

from pathlib import Path
from typing import Any


def stock(channel: Any, folder: str | None) -> None:
    """Take files until there are no more.

    :param folder: where they go; the cache of assets if none
    """
    from pytest_lleval.support.folders import cache_dir
    from pytest_lleval.support.store import Content, find_stored, store_chunks

    base = Path(folder) if folder is not None else cache_dir() / "assets"
    while True:
        message = channel.receive()
        if message[0] == "end":
            return
        _, name, sha256, size = message
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"not below the folder: {name!r}")
        path = base / name
        if find_stored(path, sha256) is not None:
            channel.send(("have",))
            continue
        channel.send(("send",))
        store_chunks(path, iter(channel.receive, b""), Content(sha256=sha256, size=size), "what the controller sent")
        channel.send(("kept",))


if __name__ == "__channelexec__":
    channel: Any
    stock(channel, *channel.receive())
    channel.send(("done", None))
