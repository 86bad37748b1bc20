"""How a process asks for the calls it is about to make."""

import asyncio
import json
import time

import pytest
from quota_parts import PRICES, make_budgeted, need, used

from pytest_lleval.core.errors import BudgetError
from pytest_lleval.core.records import Usage
from pytest_lleval.core.settings import Settings
from pytest_lleval.execution.quota import Message, Quota, QuotaClient


def connect(quota: Quota, owner: str, loop: asyncio.AbstractEventLoop) -> QuotaClient:
    """A client on a line that carries JSON, so that nothing but builtins gets through."""

    def carry(message: Message) -> Message:
        return tuple(json.loads(json.dumps(message)))

    def send(message: Message) -> None:
        quota.receive(owner, carry(message), hear)

    def hear(message: Message) -> None:
        client.receive(carry(message))

    client = QuotaClient(send, loop)
    return client


def test_a_client_gets_leases_and_settles_them() -> None:
    quota = make_budgeted(max_tokens_total=1000)

    async def ask() -> None:
        client = connect(quota, "main", asyncio.get_running_loop())
        first, second = await asyncio.gather(client.reserve(need()), client.reserve(need()))
        first.settle(Usage(input_tokens=8, output_tokens=2, cached_tokens=4))
        second.settle(None)

    asyncio.run(ask())
    state = quota.snapshot()
    assert (state["granted"], state["open"], state["unreported"]) == (2, 0, 1)
    assert state["cost"] == pytest.approx((4 + 2 + 4 + 10 + 20) / 1e6)


def test_a_client_that_need_not_wait_does_not_give_way() -> None:
    quota = make_budgeted(max_tokens_total=1000)

    async def ask() -> list[str]:
        order: list[str] = []
        asyncio.get_running_loop().call_soon(order.append, "somebody else")
        await connect(quota, "main", asyncio.get_running_loop()).reserve(need())
        return [*order, "granted"]

    assert asyncio.run(ask()) == ["granted"]


def test_a_client_is_answered_from_another_thread() -> None:
    quota = Quota(Settings(rpm=1200), PRICES)

    async def ask() -> float:
        client = connect(quota, "main", asyncio.get_running_loop())
        start = time.monotonic()
        for _ in range(4):
            (await client.reserve(need())).settle(used(10, 10))
        return time.monotonic() - start

    assert asyncio.run(ask()) >= 3 * 0.05 - 0.04 - 0.001
    quota.close()


def test_a_refusal_is_a_budget_error() -> None:
    quota = make_budgeted(max_tokens_total=10)

    async def ask() -> None:
        await connect(quota, "main", asyncio.get_running_loop()).reserve(need())

    with pytest.raises(BudgetError, match="--lleval-max-tokens-total is 10 tokens"):
        asyncio.run(ask())


@pytest.mark.parametrize("late", [False, True])
def test_a_cancelled_reservation_is_given_back(late: bool) -> None:
    quota = make_budgeted(max_tokens_total=30)

    async def ask() -> None:
        client = connect(quota, "main", asyncio.get_running_loop())
        first = await client.reserve(need())
        waiting = asyncio.ensure_future(client.reserve(need()))
        await asyncio.sleep(0)
        if late:
            # it is granted, but its task has not run when it is cancelled
            first.settle(used(0, 0))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        if not late:
            first.settle(used(0, 0))
        (await client.reserve(need())).settle(used(1, 1))

    asyncio.run(ask())
    state = quota.snapshot()
    assert (state["open"], state["waiting"], state["input_tokens"]) == (0, 0, 1)


def test_an_answer_to_a_process_whose_loop_is_closed_harms_nobody() -> None:
    quota = make_budgeted(max_tokens_total=1000)
    loop = asyncio.new_event_loop()
    client = connect(quota, "main", loop)
    loop.close()
    client.receive(("go", 1, None))
