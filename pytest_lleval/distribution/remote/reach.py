"""Tells whether a host reaches the servers that its workers will ask."""

import os
import socket
from typing import Any

_SECONDS = 5.0


def reach(addresses: list[Any]) -> list[str]:
    """Return for each address why it cannot be reached; empty where it can, or where a proxy stands before it."""
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY")):
        return ["" for _ in addresses]
    found = []
    for address in addresses:
        try:
            socket.create_connection((address[0], address[1]), timeout=_SECONDS).close()
        except OSError as error:
            found.append(str(error))
        else:
            found.append("")
    return found


if __name__ == "__channelexec__":
    channel: Any
    (given,) = channel.receive()
    channel.send(("done", reach(given)))
