"""The light client against real HTTP servers."""

import asyncio
import gc
import gzip
import os
import ssl
import time
import warnings

import pytest
from provider_cases import chat, make_spec, run_with
from serving import Fault, ModelServer

from pytest_lleval.core.errors import CallError, UsageError
from pytest_lleval.providers import light
from pytest_lleval.providers.failures import Failure
from pytest_lleval.providers.light import LightWire, WireOptions
from pytest_lleval.providers.openai import OpenAIProvider

KEY = "sk-test-hunter2hunter2"
BODY = {"model": "m", "messages": [{"role": "user", "content": "Q?"}]}
CHAT = "/chat/completions"


@pytest.fixture
def server():
    with ModelServer() as server:
        yield server


def use_wire(url, work, **options):
    """Run `work` with a wire on a loop of its own, where nothing may be left open."""
    settings = {"api_key": KEY, "headers": {}, "timeout": 5.0, "idle": 4.0} | options

    async def run():
        wire = LightWire(WireOptions(base_url=url, **settings))
        try:
            return await work(wire)
        finally:
            await wire.aclose()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = asyncio.run(run())
        gc.collect()
        return result


def post(url, **options):
    return use_wire(url, lambda wire: wire.post(CHAT, BODY), **options)


async def post_twice(wire):
    return await wire.post(CHAT, BODY), await wire.post(CHAT, BODY)


# --- time


def test_only_the_first_request_connects(server):
    first, second = use_wire(server.url, post_twice)
    assert 0 < first.timing.connect < first.timing.first_byte <= first.timing.total
    assert second.timing.connect == 0.0
    assert server.posts[0].client == server.posts[1].client


def test_first_byte_waits_for_the_server():
    with ModelServer(latency=0.15) as server:
        reply = post(server.url)
    assert 0.15 <= reply.timing.first_byte <= reply.timing.total < 2


def test_requests_in_flight_together_have_connections_and_clocks_of_their_own():
    async def ask_together(wire):
        await wire.post(CHAT, BODY | {"n": 0})
        return await asyncio.gather(wire.post(CHAT, BODY | {"n": 1}), wire.post(CHAT, BODY | {"n": 2}))

    with ModelServer(faults=lambda seen: Fault(delay=0.2 if seen.body["n"] == 1 else 0.0)) as server:
        slow, fast = use_wire(server.url, ask_together)
    assert slow.timing.first_byte >= 0.2 > fast.timing.first_byte
    # one of them takes the kept connection, the other opens one
    assert sorted([slow.timing.connect > 0, fast.timing.connect > 0]) == [False, True]


def test_there_is_no_limit_of_connections():
    async def ask_many(wire):
        return await asyncio.gather(*(wire.post(CHAT, BODY) for _ in range(150)))

    with ModelServer(latency=0.3) as server:
        replies = use_wire(server.url, ask_many, timeout=30.0)
    assert {reply.status for reply in replies} == {200}
    assert len({seen.client for seen in server.posts}) == 150


def test_a_silent_server_is_given_up_after_the_time_limit(server):
    server.latency = 30
    started = time.perf_counter()
    failure = post(server.url, timeout=0.2)
    assert 0.2 <= time.perf_counter() - started < 2
    assert failure == Failure(message="no answer in time", retryable=True)


def test_the_time_limit_is_one_between_bytes():
    async def trickle(_reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for _ in range(6):
            await asyncio.sleep(0.1)
            writer.write(b"1")
            await writer.drain()
        writer.close()

    reply = ask_bare_server(trickle, timeout=0.4)
    assert reply.content == b"111111"
    assert reply.timing.total > 0.4


def ask_bare_server(handle, **options):
    async def work():
        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            settings = {"api_key": KEY, "headers": {}, "timeout": 5.0, "idle": 4.0} | options
            wire = LightWire(WireOptions(base_url=f"http://127.0.0.1:{port}/v1", **settings))
            try:
                return await wire.post(CHAT, BODY)
            finally:
                await wire.aclose()

    return asyncio.run(work())


# --- connections


def test_connection_that_the_server_closed_while_it_was_idle_is_no_failed_attempt():
    async def ask_after_a_rest(wire):
        first = await wire.post(CHAT, BODY)
        await asyncio.sleep(0.25)
        return first, await wire.post(CHAT, BODY)

    with ModelServer(idle=0.1) as server:
        first, second = use_wire(server.url, ask_after_a_rest)
        assert len(server.posts) == 2
    assert (first.status, second.status) == (200, 200)
    assert second.timing.connect > 0


def test_connection_that_is_idle_for_long_is_closed_first(server):
    async def ask_after_a_rest(wire):
        await wire.post(CHAT, BODY)
        await asyncio.sleep(0.25)
        return await wire.post(CHAT, BODY)

    assert use_wire(server.url, ask_after_a_rest, idle=0.1).timing.connect > 0
    assert use_wire(server.url, ask_after_a_rest, idle=4.0).timing.connect == 0


def test_connection_that_closes_under_the_request_is_retryable():
    async def ask_before_the_closing_is_seen(wire):
        await wire.post(CHAT, BODY)
        time.sleep(0.25)  # noqa: ASYNC251 - so that the loop has no chance to see it
        return await wire.post(CHAT, BODY), await wire.post(CHAT, BODY)

    with ModelServer(idle=0.1) as server:
        lost, second = use_wire(server.url, ask_before_the_closing_is_seen)
    assert isinstance(lost, Failure)
    assert lost.retryable
    assert lost.connected
    assert second.status == 200


@pytest.mark.parametrize("fault", [Fault(close=True), Fault(truncate=True)])
def test_cut_connections_are_retryable_and_not_used_again(server, fault):
    left = [fault]
    server.faults = lambda _: left.pop() if left else None
    first, second = use_wire(server.url, post_twice)
    assert isinstance(first, Failure)
    assert first.retryable
    assert second.status == 200
    assert second.timing.connect > 0


def test_what_is_no_http_is_retryable():
    async def babble(reader, writer):
        await reader.read(100)
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        writer.close()

    failure = ask_bare_server(babble)
    # which words depends on the version of aiohttp
    assert not failure.message.startswith("400")
    assert failure.status is None
    assert failure.retryable


def test_a_truncated_answer_is_named_without_a_status_nobody_sent(server):
    server.faults = lambda _: Fault(truncate=True)
    failure = post(server.url)
    assert failure.message.startswith("Not enough data to satisfy content length")
    assert (failure.status, failure.retryable) == (None, True)


def test_no_server_is_no_connection():
    with ModelServer() as server:
        url = server.url
    assert post(url) == Failure(message="Connection refused", connected=False, retryable=True)


def test_a_name_nobody_has_is_no_connection():
    failure = post("http://no-such-host.invalid/v1")
    assert (failure.connected, failure.retryable) == (False, True)


def test_models_are_not_waited_for_as_long_as_answers(server, monkeypatch):
    monkeypatch.setattr(light, "CONNECT_SECONDS", 0.2)
    server.faults = lambda _: Fault(delay=30)
    failure = use_wire(server.url, lambda wire: wire.get_models(), timeout=600.0)
    assert failure.message == "no answer in time"


def test_a_cancelled_request_leaves_nothing_open(server):
    server.latency = 30

    async def give_up(wire):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await wire.post(CHAT, BODY)
        server.latency = 0
        return await wire.post(CHAT, BODY)

    assert use_wire(server.url, give_up).status == 200


# --- bodies


def test_answers_are_decompressed(server):
    content = gzip.compress(b'{"choices": 1}')
    server.faults = lambda _: Fault(body=content, headers={"Content-Encoding": "gzip"})
    assert post(server.url).content == b'{"choices": 1}'


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_longer_than_64_mb_is_an_error(server, packed):
    content = b" " * (light.MOST_BYTES + 1)
    headers = {"Content-Encoding": "gzip"} if packed else {}
    body = gzip.compress(content, 1) if packed else content
    server.faults = lambda seen: Fault(body=body, headers=headers) if len(server.posts) == 1 else None
    first, second = use_wire(server.url, post_twice)
    assert first == Failure(message="its answer is longer than 64 MB", retryable=False)
    assert second.status == 200


def test_a_request_of_megabytes_is_sent_whole(server):
    text = "é" * 3_000_000
    use_wire(server.url, lambda wire: wire.post(CHAT, {"messages": [{"role": "user", "content": text}]}))
    assert server.posts[0].question == text


# --- redirects and the key


def test_key_goes_with_a_redirect_within_the_host(server):
    server.faults = lambda seen: (
        Fault(status=307, headers={"Location": "/v1/completions"}) if seen.path.endswith(CHAT) else None
    )
    assert post(server.url).status == 200
    assert [seen.path for seen in server.posts] == ["/v1/chat/completions", "/v1/completions"]
    assert [seen.headers["authorization"] for seen in server.posts] == [f"Bearer {KEY}"] * 2
    assert server.posts[1].body == BODY


def test_key_goes_to_no_other_host_and_does_not_come_back(server):
    with ModelServer() as other:
        hops = {
            "/v1/chat/completions": f"{other.url}/away",
            "/v1/away": f"http://us:er@127.0.0.1:{server.port}/v1/completions",
        }
        faults = lambda seen: Fault(status=307, headers={"Location": hops[seen.path]}) if seen.path in hops else None  # noqa: E731
        server.faults = other.faults = faults
        assert post(server.url).status == 200
        assert "authorization" not in other.posts[0].headers
    assert "authorization" in server.posts[0].headers
    assert "authorization" not in server.posts[1].headers


@pytest.mark.parametrize(
    ("source", "target", "kept"),
    [
        ("https://a.com/v1", "https://a.com/v2", True),
        ("https://a.com/v1", "https://a.com:443/v2", True),
        ("http://a.com/v1", "https://a.com/v1", True),
        ("https://a.com/v1", "http://a.com/v1", False),
        ("http://a.com:8000/v1", "https://a.com/v1", False),
        ("http://a.com/v1", "https://a.com:8443/v1", False),
        ("https://a.com/v1", "https://b.a.com/v1", False),
    ],
)
def test_key_is_kept_on_the_same_origin_and_on_the_way_to_tls(source, target, kept):
    assert light._keeps_key(light.URL(source), light.URL(target)) == kept


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "http://[bad", "//:1"])
def test_a_redirect_to_nowhere_is_not_retryable(server, location):
    server.faults = lambda _: Fault(status=307, headers={"Location": location})
    failure = post(server.url)
    assert failure.message.startswith("it redirects to ")
    assert not failure.retryable


def test_redirects_in_a_circle_end(server):
    server.faults = lambda seen: Fault(status=307, headers={"Location": seen.path})
    failure = post(server.url)
    assert "more than 20 times" in failure.message
    assert not failure.retryable


# --- proxies


@pytest.fixture
def proxy(monkeypatch):
    """A proxy of the environment, which answers itself."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)

    with ModelServer(faults=lambda seen: Fault(body={"via": seen.path})) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:p%3Aw@127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        yield proxy


def test_proxy_of_the_environment_is_asked_with_its_password(proxy):
    reply = post("http://api.example.invalid/v1")
    assert reply.content == b'{"via": "http://api.example.invalid/v1/chat/completions"}'
    (seen,) = proxy.posts
    assert seen.headers["proxy-authorization"] == "Basic bWU6cDp3"
    assert seen.headers["host"] == "api.example.invalid"


def test_exempt_host_is_asked_directly(proxy, server, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert post(server.url).status == 200
    assert proxy.posts == []


def test_proxy_is_not_asked_where_the_environment_does_not_count(proxy, server):
    assert post(server.url, trust_env=False).status == 200
    assert proxy.posts == []


def test_a_redirect_past_the_proxy_is_followed_directly(proxy, server, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    proxy.faults = lambda _: Fault(status=307, headers={"Location": f"{server.url}/completions"})
    assert post("http://api.example.invalid/v1").status == 200
    assert "proxy-authorization" not in server.posts[0].headers


def test_a_proxy_that_makes_no_tunnel_is_named(proxy):
    failure = post("https://api.example.invalid/v1")
    assert failure.message.startswith("HTTP 501 from the proxy http://127.0.0.1:")
    assert (failure.connected, failure.retryable) == (False, True)


def test_a_proxy_that_is_not_there_is_named(proxy):
    proxy.close()
    failure = post("http://api.example.invalid/v1")
    assert failure.message.startswith("Connection refused from the proxy http://127.0.0.1:")
    assert "p%3Aw" not in failure.message
    assert (failure.connected, failure.retryable) == (False, True)


def test_a_socks_proxy_is_refused_before_anything_is_sent(proxy, server, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    monkeypatch.delenv("HTTP_PROXY")
    with pytest.raises(UsageError, match='set client = "official"'):
        run_with(OpenAIProvider(make_spec(f"openai/m@{server.url}")), chat())
    assert server.requests == []


# --- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    trustme = pytest.importorskip("trustme", reason="needs trustme to make certificates")
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, path


def test_a_server_is_trusted_by_the_certificates_of_the_environment(authority, monkeypatch):
    context, path = authority
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with ModelServer(tls=context) as server:
        first, second = use_wire(server.url, post_twice)
    assert (first.status, second.status) == (200, 200)
    assert first.timing.connect > 0 == second.timing.connect


def test_an_unknown_certificate_is_refused_and_not_tried_again(authority, monkeypatch):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    with ModelServer(tls=authority[0]) as server:
        failure = post(server.url)
        assert server.requests == []
    assert "CERTIFICATE_VERIFY_FAILED" in failure.message
    assert (failure.connected, failure.retryable) == (False, False)


def test_tls_goes_through_the_tunnel_of_a_proxy(authority, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[1]))
    asked = []

    async def tunnel(reader, writer):
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n"))
        there, back = await asyncio.open_connection("127.0.0.1", int(asked[-1][0].split()[1].rpartition(":")[2]))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(copy(reader, back), copy(there, writer))

    async def copy(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def work(url):
        async with await asyncio.start_server(tunnel, "127.0.0.1", 0) as proxy:
            port = proxy.sockets[0].getsockname()[1]
            monkeypatch.setenv("HTTPS_PROXY", f"http://me:pw@127.0.0.1:{port}")
            wire = LightWire(WireOptions(base_url=url, api_key=KEY, headers={}, timeout=5.0, idle=4.0))
            replies = await post_twice(wire)
            await wire.aclose()
            return replies

    with ModelServer(tls=authority[0]) as server:
        first, second = asyncio.run(work(server.url))
        assert [seen.headers.get("authorization") for seen in server.posts] == [f"Bearer {KEY}"] * 2
        assert "proxy-authorization" not in server.posts[0].headers
    assert (first.status, second.status) == (200, 200)
    assert first.timing.connect > 0 == second.timing.connect
    (lines,) = asked
    assert lines[0].startswith("CONNECT 127.0.0.1:")
    assert "Proxy-Authorization: Basic bWU6cHc=" in lines
    assert not any(KEY in line for line in lines)


# --- secrets


def test_key_is_in_no_representation_and_no_message(server):
    options = WireOptions(base_url=f"http://u:{KEY}@h/v1", api_key=KEY, headers={}, timeout=1.0, idle=1.0)
    assert KEY not in repr(options)
    with pytest.raises(CallError) as caught:
        run_with(OpenAIProvider(make_spec("openai/m@http://127.0.0.1:9/v1"), api_key=KEY), chat())
    assert KEY not in str(caught.value)
    assert caught.value.__context__ is None
