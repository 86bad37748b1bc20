import asyncio
import os

import pytest
from run_parts import make_completion, make_record

from pytest_lleval.plugin.outlets import LineOutlet


class Line:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[object, ...]] = []

    def send(self, message: tuple[object, ...]) -> None:
        self.sent.append(message)


def test_a_worker_is_heard_until_its_parent_is_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = LineOutlet(Line(), "gw0", 0, limited=False)
    assert outlet.is_heard
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert not outlet.is_heard


def test_no_more_answers_are_on_their_way_than_may_be_in_flight() -> None:
    async def ask() -> None:
        line = Line()
        outlet = LineOutlet(line, "gw0", 0, limited=False)
        outlet.bind(asyncio.get_running_loop(), 2)
        await outlet.admit()
        await outlet.admit()
        third = asyncio.ensure_future(outlet.admit())
        # the records of an unscored and a cached epoch were never admitted
        for record in (make_record("a"), make_record("b", None)):
            outlet.record(record)
        outlet.record(make_record("c", completion=make_completion(cached=True)))
        await asyncio.sleep(0.01)
        assert [message[0] for message in line.sent] == ["records"]
        assert not third.done()
        outlet.hear(("kept",))
        await asyncio.wait_for(third, 1)
        fourth = asyncio.ensure_future(outlet.admit())
        await asyncio.sleep(0.01)
        assert not fourth.done()
        outlet.dismiss()
        await asyncio.wait_for(fourth, 1)

    asyncio.run(ask())


def test_what_was_kept_after_the_end_is_nobodys_news() -> None:
    outlet = LineOutlet(Line(), "gw0", 0, limited=False)
    loop = asyncio.new_event_loop()
    outlet.bind(loop, 1)
    loop.close()
    outlet.hear(("kept",))


def test_records_that_come_together_are_sent_in_messages_that_can_be_held() -> None:
    async def ask() -> None:
        line = Line()
        outlet = LineOutlet(line, "gw0", 0, limited=False)
        outlet.bind(asyncio.get_running_loop(), 5)
        for name in ("a", "b", "c"):
            await outlet.admit()
            outlet.record(make_record(name, completion=make_completion(text="x" * (3 << 20))))
        await asyncio.sleep(0.01)
        assert [message[1].count("\n") for message in line.sent] == [0, 0, 0]
        assert outlet._room._value == 2
        # each is kept by itself; what was admitted is free when all are
        for _ in line.sent:
            outlet.hear(("kept",))
        await asyncio.sleep(0.01)
        assert outlet._room._value == 5

    asyncio.run(ask())
