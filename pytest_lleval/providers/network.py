"""What the environment says about the way to a server: proxies and certificates."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
import time
from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ..core.errors import UsageError
from .failures import clean_url

__all__ = ["find_proxy", "make_tls", "measure_round_trip"]

_ROUND_TRIPS = 3
_ROUND_TRIP_SECONDS = 2.0


async def measure_round_trip(url: str) -> float | None:
    """Return the seconds a TCP connection to the host of `url` takes, which is one round trip: the least of three.

    :returns: None where it cannot be seen: behind a proxy, or when the host does not answer in time
    """
    parts = urlsplit(url)
    if parts.hostname is None or _is_behind_proxy(url):
        return None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    times: list[float] = []
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_ROUND_TRIP_SECONDS):
            # looking the name up is no part of a round trip, and may take longer
            for address in await _find_addresses(parts.hostname, port):
                # a host may have addresses that do not answer; localhost often has
                with suppress(OSError):
                    # one after the other: what holds this process up for a moment is in one of them
                    for _ in range(_ROUND_TRIPS):
                        times.append(await _time_connection(address, port))  # noqa: PERF401  # kept when time is up
    return min(times, default=None)


def _is_behind_proxy(url: str) -> bool:
    try:
        return find_proxy(url) is not None
    except UsageError:
        return True


async def _find_addresses(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def _time_connection(address: str, port: int) -> float:
    started = time.perf_counter()
    _, writer = await asyncio.open_connection(address, port)
    seconds = time.perf_counter() - started
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return seconds


def find_proxy(url: str) -> str | None:
    """Return the proxy through which `url` is asked, with its credentials; None for none.

    ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` count in either case, and what the system has set
    on Windows and macOS: https://docs.python.org/3/library/urllib.request.html#urllib.request.getproxies

    :raises UsageError: for a proxy of a kind that the light client cannot use
    """
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or _is_exempt(parts.hostname or "", parts.port, proxies.get("no", "")):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme not in ("http", "https"):
        raise UsageError(
            f"the proxy {clean_url(proxy)}, set for {clean_url(url)}, is neither http nor https, and the light client "
            'knows no others; set client = "official" in a [tool.pytest_lleval.models] table, or name the host in '
            "NO_PROXY"
        )
    return proxy


def _is_exempt(host: str, port: int | None, exempt: str) -> bool:
    # proxy_bypass knows names and addresses; the official clients know networks such as 10.0.0.0/8 too
    return bool(proxy_bypass(host if port is None else f"{host}:{port}")) or any(
        _is_inside(host, entry.strip()) for entry in exempt.split(",") if "/" in entry
    )


def _is_inside(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def make_tls() -> ssl.SSLContext:
    """Return what verifies the certificates of servers: against ``SSL_CERT_FILE`` or ``SSL_CERT_DIR``, else the system.

    :raises UsageError: when the file cannot be read
    """
    file, folder = os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None
    if not file and not folder and sys.platform in ("darwin", "win32"):
        # OpenSSL does not find the system's certificates there
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=file, capath=folder)
    except OSError as error:
        raise UsageError(f"SSL_CERT_FILE {file!r} cannot be read as certificates: {error.strerror or error}") from None
