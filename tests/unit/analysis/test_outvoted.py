import random

import pytest

from pytest_lleval.analysis.outvoted import OutvotedWatch


def test_a_worker_that_is_always_alone_is_found_after_some_disagreements_and_not_before() -> None:
    watch = OutvotedWatch(workers=3)
    found = [watch.update("liar", "gw0") for _ in range(30)]
    first = found.index(True)
    # 2 ** -12 is the least surprise of a thousandth shared by three
    assert 12 <= first + 1 <= 20
    assert all(found[first:])
    assert watch.count("liar") == (30, 30)
    assert watch.count("gw0") == (0, 30)


@pytest.mark.parametrize("workers", [2, 5])
def test_in_sessions_of_honest_workers_hardly_ever_is_one_found(workers: int) -> None:
    """Looked at after each of 300 disagreements; at the level of a tenth, and in the mean over 200 sessions."""
    draw = random.Random(5)
    names = [f"gw{number}" for number in range(workers)]

    def accuses() -> bool:
        watch = OutvotedWatch(workers, alpha=0.1)
        return any(watch.update(*draw.sample(names, 2)) for _ in range(300))

    assert sum(accuses() for _ in range(200)) <= 0.1 * 200


def test_a_worker_that_lies_in_a_third_of_its_answers_is_found_when_the_others_seldom_change_their_mind() -> None:
    draw, watch = random.Random(7), OutvotedWatch(workers=3)
    found = ""
    while not found:
        alone, backed = ("liar", "gw0") if draw.random() < 0.9 else ("gw0", "liar")
        found = alone if watch.update(alone, backed) else ""
    assert found == "liar"
