"""The clock of a call is fed by real connections."""

import asyncio

import httpx2
from serving import ModelServer

from pytest_lleval.core.records import Timing
from pytest_lleval.providers.tracing import trace_request, watch_call


async def time_calls(url: str, count: int) -> list[tuple[Timing, int]]:
    seen = []
    async with httpx2.AsyncClient(event_hooks={"request": [trace_request]}, follow_redirects=True) as client:
        for _ in range(count):
            with watch_call() as trace:
                await client.post(f"{url}/chat/completions", json={"messages": [{"role": "user", "content": "x"}]})
                seen.append((trace.read_timing(), trace.connections))
    return seen


def test_first_call_connects_and_second_uses_the_kept_connection():
    with ModelServer(latency=0.05) as server:
        (first, opened), (second, kept) = asyncio.run(time_calls(server.url, 2))
    assert opened == 1
    assert kept == 0
    assert 0 < first.connect < first.first_byte <= first.total
    assert second.connect == 0.0


def test_first_byte_waits_for_the_server_and_not_for_the_client():
    with ModelServer(latency=0.2) as server:
        ((timing, _),) = asyncio.run(time_calls(server.url, 1))
    assert timing.first_byte >= 0.2
    assert timing.total < 2


def test_calls_in_flight_together_have_clocks_of_their_own():
    async def ask_together(url: str) -> list[float]:
        async with httpx2.AsyncClient(event_hooks={"request": [trace_request]}) as client:

            async def ask(seconds: str) -> float:
                with watch_call() as trace:
                    await client.post(f"{url}/chat/completions", json={"prompt": seconds})
                    return trace.read_timing().first_byte

            return await asyncio.gather(ask("slow"), ask("fast"))

    from serving import Fault

    faults = lambda request: Fault(delay=0.3) if request.body["prompt"] == "slow" else None  # noqa: E731
    with ModelServer(faults=faults) as server:
        slow, fast = asyncio.run(ask_together(server.url))
    assert slow >= 0.3 > fast


def test_without_a_transport_nothing_is_claimed():
    with watch_call() as trace:
        timing = trace.read_timing()
    assert timing.connect is None
    assert timing.first_byte is None


def test_request_outside_a_call_is_left_alone():
    request = httpx2.Request("GET", "http://localhost/")
    asyncio.run(trace_request(request))
    assert "trace" not in request.extensions
