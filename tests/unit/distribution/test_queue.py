from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from pytest_lleval.distribution.queue import WorkerQueue, find_interactor


class Interactor:
    """Has the names of xdist's own, which `tests/plugin/test_xdist_names.py` guards."""

    def __init__(self, current: int, following: object, *queue: object) -> None:
        self.item_index = current
        self.nextitem_index = following
        self.queue = deque(queue)
        self.torun = self

    @contextmanager
    def lock(self) -> Iterator[deque[object]]:
        yield self.queue


def make_config(*plugins: object) -> SimpleNamespace:
    return SimpleNamespace(pluginmanager=SimpleNamespace(get_plugins=lambda: plugins))


@pytest.fixture
def items() -> list[SimpleNamespace]:
    session = SimpleNamespace()
    session.items = [SimpleNamespace(nodeid=f"s::{number}", session=session) for number in range(8)]
    return session.items


def make_case(number: int) -> SimpleNamespace:
    return SimpleNamespace(id=f"s::{number}")


def test_the_items_behind_the_current_one_come_in_the_order_of_the_queue(items: list[SimpleNamespace]) -> None:
    queue = WorkerQueue(make_config(object(), Interactor(2, 3, 7, 5)))
    coming, _ = queue.look_ahead(items[2])
    assert list(coming)[1:] == [items[index] for index in (2, 3, 7, 5)]


def test_the_end_of_the_queue_is_no_item(items: list[SimpleNamespace]) -> None:
    shutdown = object()
    coming, still_mine = WorkerQueue(make_config(Interactor(2, shutdown))).look_ahead(items[2])
    assert set(map(id, coming)) == {id(items[2])}
    assert not still_mine(make_case(3))


def test_a_case_is_mine_until_it_is_taken_out_of_the_queue(items: list[SimpleNamespace]) -> None:
    interactor = Interactor(0, 1, 2, 3)
    _, still_mine = WorkerQueue(make_config(interactor)).look_ahead(items[0])
    assert [number for number in range(8) if still_mine(make_case(number))] == [0, 1, 2, 3]
    interactor.queue.pop()
    assert [number for number in range(8) if still_mine(make_case(number))] == [0, 1, 2]


def test_a_case_that_is_no_item_is_not_mine(items: list[SimpleNamespace]) -> None:
    _, still_mine = WorkerQueue(make_config(Interactor(0, None))).look_ahead(items[0])
    assert not still_mine(SimpleNamespace(id="other::1"))


def test_an_xdist_without_the_names_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="hides its worker's queue"):
        find_interactor(make_config(object()))
