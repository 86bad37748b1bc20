"""Proxies and certificates of the environment are used, or refused in words."""

import asyncio
import contextlib
import os
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import ModelServer

from pytest_lleval.core.errors import UsageError
from pytest_lleval.providers import network
from pytest_lleval.providers.network import find_proxy, make_tls, measure_round_trip

TARGET = "https://api.example.com/v1"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("variable", "value", "url", "expected"),
    [
        ("HTTPS_PROXY", "http://proxy:3128", TARGET, "http://proxy:3128"),
        ("https_proxy", "http://me:pw@proxy:3128", TARGET, "http://me:pw@proxy:3128"),
        ("HTTPS_PROXY", "proxy:3128", TARGET, "http://proxy:3128"),
        ("HTTPS_PROXY", "https://proxy:3128", TARGET, "https://proxy:3128"),
        ("ALL_PROXY", "http://proxy:3128", TARGET, "http://proxy:3128"),
        ("HTTP_PROXY", "http://proxy:3128", TARGET, None),
        ("HTTP_PROXY", "http://proxy:3128", "http://api.example.com/v1", "http://proxy:3128"),
        ("HTTPS_PROXY", "", TARGET, None),
    ],
)
def test_proxy_is_that_of_the_targets_scheme(monkeypatch, variable, value, url, expected):
    monkeypatch.setenv(variable, value)
    assert find_proxy(url) == expected


@pytest.mark.parametrize(
    ("exempt", "url", "direct"),
    [
        ("example.com", TARGET, True),
        (".example.com", TARGET, True),
        ("other.com, api.example.com", TARGET, True),
        ("api.example.com:443", "https://api.example.com:443/v1", True),
        ("*", TARGET, True),
        ("ample.com", TARGET, False),
        ("10.0.0.0/8", "https://10.1.2.3:8000/v1", True),
        ("10.0.0.0/8", "https://11.1.2.3:8000/v1", False),
        ("nonsense/8, fd00::/8", "https://[fd00::1]/v1", True),
        ("10.0.0.0/8", TARGET, False),
    ],
)
def test_exempt_hosts_are_asked_directly(monkeypatch, exempt, url, direct):
    monkeypatch.setenv("ALL_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert (find_proxy(url) is None) == direct


@pytest.mark.parametrize("kind", ["socks5", "socks5h", "socks4"])
def test_a_socks_proxy_names_the_client_that_can_use_it(monkeypatch, kind):
    monkeypatch.setenv("ALL_PROXY", f"{kind}://me:hunter2@proxy:1080")
    with pytest.raises(UsageError, match=rf'{kind}://proxy:1080.*set client = "official"') as caught:
        find_proxy(TARGET)
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("NO_PROXY", "api.example.com")
    assert find_proxy(TARGET) is None


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=40))
def test_no_exemption_breaks_the_search(exempt):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALL_PROXY", "http://proxy:3128")
        patch.setenv("NO_PROXY", exempt)
        assert find_proxy("http://127.0.0.1:8000") in (None, "http://proxy:3128")


def test_a_file_of_certificates_that_is_none_is_a_usage_error(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(UsageError, match=r"SSL_CERT_FILE '.*none\.pem' cannot be read"):
        make_tls()
    (tmp_path / "none.pem").write_text("no certificate", encoding="ascii")
    with pytest.raises(UsageError, match="cannot be read as certificates"):
        make_tls()


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def measure(listener, host="127.0.0.1"):
    return asyncio.run(measure_round_trip(f"http://{host}:{listener.getsockname()[1]}/v1"))


def count_connections(listener):
    listener.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def test_a_round_trip_is_the_least_of_three_connections(listener):
    assert 0 < measure(listener) < 2
    assert count_connections(listener) == 3


def test_a_host_with_an_address_that_does_not_answer_is_measured_at_the_other(monkeypatch, listener):
    async def look_up(host, port):
        return ["127.0.0.2", "127.0.0.1"]

    monkeypatch.setattr(network, "_find_addresses", look_up)
    assert measure(listener, "many.example") > 0
    assert count_connections(listener) == 3


def test_looking_the_name_up_is_no_part_of_a_round_trip(monkeypatch, listener):
    look_up = network._find_addresses

    async def look_up_slowly(host, port):
        await asyncio.sleep(1)
        return await look_up(host, port)

    monkeypatch.setattr(network, "_find_addresses", look_up_slowly)
    assert measure(listener, "localhost") < 1


def test_a_model_server_is_as_far_away_as_its_host():
    with ModelServer(latency=1.5) as server:
        assert asyncio.run(measure_round_trip(server.url)) < 1.5
        assert server.requests == []


def test_a_host_that_does_not_answer_has_no_round_trip(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert asyncio.run(measure_round_trip(f"http://127.0.0.1:{port}/v1")) is None
    assert asyncio.run(measure_round_trip("http:///v1")) is None
    monkeypatch.setattr(network, "_ROUND_TRIP_SECONDS", 0.05)
    monkeypatch.setattr(network, "_find_addresses", lambda *_: asyncio.sleep(60))
    assert asyncio.run(measure_round_trip("http://example.com")) is None


@pytest.mark.parametrize("value", ["http://proxy:3128", "socks5://proxy:1080"])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_behind_a_proxy_the_way_to_the_host_cannot_be_seen(monkeypatch, listener, variable, value):
    monkeypatch.setenv(variable, value)
    assert measure(listener) is None
    assert count_connections(listener) == 0
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert measure(listener) > 0
