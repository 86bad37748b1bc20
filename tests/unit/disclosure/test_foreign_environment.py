import random
from dataclasses import replace

from observation_parts import chat, gather, messages_of, sweep

from pytest_lleval.disclosure.foreign_environment import judge_environment


def test_one_machine_in_one_state_is_clean() -> None:
    rows = [replace(row, environment={"host": "a"}, started=float(n)) for n, row in enumerate(sweep())]
    verdict = judge_environment(gather(rows))
    assert verdict.state == "clean"
    assert "m: the same work took the same time early and late" in verdict.message


def test_several_machines_are_flagged() -> None:
    rows = [replace(row, environment={"host": "ab"[n % 2], "python": "3.11"}) for n, row in enumerate(chat())]
    assert "2 different values of host are in one file: 'a', 'b'" in judge_environment(gather(rows)).message


def test_models_measured_on_machines_of_their_own_are_said_to_be() -> None:
    one = chat(model="one", environment={"gpu": "T4"})
    two = chat(model="two", environment={"gpu": "H100"})
    assert judge_environment(gather([*one, *two])).message.endswith(", and each model has its own")


def test_facts_of_the_file_that_differ_are_flagged() -> None:
    verdict = judge_environment(gather(chat(), facts={"torch": ("2.4", "2.5"), "system": ("Linux",)}))
    assert "2 different values of torch" in verdict.message


def drifting(factor: float, noise: float = 0.1) -> list:
    rows = sweep(noise=noise, repeats=6)
    last = len(rows) - 1
    return [replace(row, latency=(row.latency or 0) * (1 + (factor - 1) * n / last)) for n, row in enumerate(rows)]


def test_a_machine_that_gets_slower_is_flagged() -> None:
    assert "m: the machine got slower: the same work took 1." in messages_of(judge_environment(gather(drifting(2.0))))


def test_noise_is_no_drift() -> None:
    for noise in (0.01, 0.1, 0.3):
        assert judge_environment(gather(drifting(1.0, noise))).state == "unverified"


def test_the_time_of_the_rows_counts_where_it_is_known() -> None:
    rows = [replace(row, started=float(n)) for n, row in enumerate(drifting(2.5))]
    random.Random(1).shuffle(rows)
    assert "got slower" in judge_environment(gather(rows)).message


def test_a_file_sorted_by_its_times_says_nothing_of_their_order() -> None:
    rows = sorted(sweep(repeats=8), key=lambda row: (row.size or 0, row.latency or 0))
    assert judge_environment(gather(rows)).state == "unverified"


def test_nothing_known_is_unverified() -> None:
    verdict = judge_environment(gather(chat()[:3]))
    assert verdict.state == "unverified"
    assert "on what machine it was made" in verdict.message
