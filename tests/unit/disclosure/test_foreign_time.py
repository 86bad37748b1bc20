import random
from dataclasses import replace

import pytest
from observation_parts import chat, gather, letters, messages_of, sweep

from pytest_lleval.core.observations import ColumnUse, Observation
from pytest_lleval.disclosure.foreign_growth import is_round
from pytest_lleval.disclosure.foreign_time import judge_time


def clip(rows: list[Observation], most: float) -> list[Observation]:
    return [replace(row, latency=min(row.latency or 0.0, most)) for row in rows]


def columns(**names: str) -> tuple[ColumnUse, ...]:
    return tuple(ColumnUse(key=key, column=column) for key, column in names.items())


@pytest.mark.parametrize("noise", [0.001, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("repeats", [1, 3, 10])
def test_times_of_a_real_model_are_not_flagged_whatever_the_noise(noise: float, repeats: int) -> None:
    verdict = judge_time(gather(sweep(noise=noise, repeats=repeats, status="ok")))
    assert verdict.state == "unverified", verdict.message
    assert "whether start-up, queueing and retries are in the times" in verdict.message


@pytest.mark.parametrize("noise", [0.001, 0.1, 0.3])
@pytest.mark.parametrize("repeats", [1, 3])
def test_a_plateau_of_latencies_is_a_time_out_in_disguise(noise: float, repeats: int) -> None:
    verdict = judge_time(gather(clip(sweep(noise=noise, repeats=repeats), 2.0)))
    assert verdict.state == "flagged"
    assert "the time stops growing with the size" in verdict.message
    assert "all take 2 s: a time-out in disguise" in verdict.message
    assert verdict.disclosures[0].evidence["sizes"][-1] == 32768  # type: ignore[index]


def test_a_plateau_of_the_two_largest_sizes_is_found_when_all_their_rows_agree() -> None:
    verdict = judge_time(gather(clip(sweep(noise=0.05), 7.0)))
    assert "from 16,384 to 32,768 all take 7 s" in verdict.message


def test_a_plateau_is_explained_by_answers_that_get_shorter() -> None:
    rows = [replace(row, output_tokens=20 if (row.size or 0) >= 4096 else 400) for row in clip(sweep(), 2.0)]
    assert "stops growing" not in messages_of(judge_time(gather(rows)))


def test_a_fixed_part_that_hides_small_sizes_is_no_plateau() -> None:
    rows = [replace(row, latency=3.0 + (row.latency or 0.0)) for row in sweep(noise=0.02)]
    assert judge_time(gather(rows)).state == "unverified"


def test_answers_of_different_work_at_one_maximum_are_a_time_out_in_disguise() -> None:
    rows = [replace(row, output_tokens=None) for row in chat(rows=200)]
    limit = sorted(row.latency or 0.0 for row in rows)[180]
    verdict = judge_time(gather(clip(rows, limit)))
    assert verdict.state == "flagged"
    assert "20 of 200 answers of different work took the longest time" in verdict.message
    assert judge_time(gather(rows)).state == "unverified"


@pytest.mark.parametrize("noise", [0.002, 0.02])
def test_answers_cut_off_by_a_token_limit_take_the_same_time_honestly(noise: float) -> None:
    rng = random.Random(1)
    rows = []
    for row in chat(rows=200):
        tokens = min(100, row.output_tokens or 0)
        time = (0.05 + (row.prompt_tokens or 0) / 20_000 + tokens / 60) * rng.gauss(1, noise)
        rows.append(replace(row, output_tokens=tokens, latency=time))
    assert judge_time(gather(rows)).state == "unverified"


@pytest.mark.parametrize("digits", [0, 1, 3])
def test_rounded_times_are_not_taken_for_a_limit(digits: int) -> None:
    rows = [replace(row, latency=round(row.latency or 0.0, digits)) for row in chat(rows=200)]
    assert judge_time(gather(rows)).state == "unverified"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(30.0, True), (30.02, True), (60.1, True), (31.0, False), (29.0, False)]
)
def test_round_times_are_those_that_people_choose(seconds: float, expected: bool) -> None:
    assert is_round(seconds) is expected


@pytest.mark.parametrize(("seconds", "noise"), [(0.02, 0.2), (0.5, 0.1), (1.0, 0.001)])
def test_a_model_whose_time_is_independent_of_the_size_did_no_work(seconds: float, noise: float) -> None:
    rng = random.Random(2)
    rows = [
        replace(row, latency=seconds * rng.lognormvariate(0, noise)) for row in sweep(repeats=5, prompt_tokens=None)
    ]
    rows = [replace(row, prompt_tokens=int(row.size or 0)) for row in rows]
    verdict = judge_time(gather(rows))
    assert verdict.state == "flagged"
    assert "the time does not depend on the prompt: about 128 or 32,768 tokens, 256 times as many" in verdict.message


def test_a_cold_start_does_not_hide_that_the_time_is_independent_of_the_work() -> None:
    rows = [replace(row, latency=0.05, prompt_tokens=int(row.size or 0)) for row in sweep(repeats=2)]
    rows[0] = replace(rows[0], latency=4.0)
    assert "does not depend on the prompt" in messages_of(judge_time(gather(rows)))


def test_a_time_independent_of_the_answer_is_found() -> None:
    rng = random.Random(3)
    rows = [replace(row, latency=0.2 * rng.lognormvariate(0, 0.05)) for row in chat(rows=200)]
    assert "does not depend on the answer" in messages_of(judge_time(gather(rows)))


def test_short_questions_over_a_slow_network_may_all_take_the_same_time() -> None:
    for rows in (letters(rows=100), letters(rows=2000)):
        assert judge_time(gather(rows)).state == "unverified"


def test_each_model_is_judged_by_its_own_times() -> None:
    mock = [replace(row, latency=0.05, prompt_tokens=int(row.size or 0)) for row in sweep(model="mocked")]
    verdict = judge_time(gather([*sweep(model="real"), *mock]))
    assert verdict.message.startswith("mocked: ")
    assert "real:" not in messages_of(verdict)


def test_few_times_are_unverified_not_clean() -> None:
    verdict = judge_time(gather(sweep(repeats=1)[:5]))
    assert verdict.state == "unverified"
    assert "more than 5 times, to judge them by" in verdict.message


def test_no_times_are_unverified() -> None:
    verdict = judge_time(gather([Observation(row=1, model="m", output="A")]))
    assert (verdict.state, verdict.message) == ("unverified", "the file does not say how long each answer took")


def test_failed_rows_that_have_times_are_in_the_means() -> None:
    rows = chat()
    failed = [replace(row, status="timeout", latency=60.0, output=None, output_tokens=None) for row in rows[:6]]
    verdict = judge_time(gather([*rows, *failed]))
    assert verdict.state == "flagged"
    assert "6 of 66 rows failed and have a time: the mean is" in verdict.message


@pytest.mark.parametrize("latency", [None, 1.5])
def test_failed_rows_that_change_no_mean_are_not_flagged(latency: float | None) -> None:
    rows = chat()
    assert judge_time(gather([*rows, replace(rows[0], status="error", latency=latency)])).state == "unverified"


def test_a_file_in_which_all_calls_failed_has_no_times_of_answers() -> None:
    rows = [replace(row, status="error") for row in chat()]
    assert "all 60 rows failed" in judge_time(gather(rows)).message


def test_cached_answers_with_times_are_flagged_and_without_are_not() -> None:
    rows = chat()
    timed = [replace(row, cached=True, latency=0.001) for row in rows[:5]]
    assert "5 answers out of a cache have times" in judge_time(gather([*rows, *timed])).message
    untimed = [replace(row, latency=None) for row in timed]
    assert judge_time(gather([*rows, *untimed])).state == "unverified"


@pytest.mark.parametrize("latency", [0.0, -1.0])
def test_times_of_nothing_or_less_are_impossible(latency: float) -> None:
    rows = chat()
    verdict = judge_time(gather([replace(rows[0], latency=latency), *rows[1:]]))
    assert f"1 of 60 answers took no time or less, down to {latency:g} s" in verdict.message
    assert verdict.disclosures[0].evidence["rows"] == [1]


def test_a_total_before_the_first_byte_is_impossible() -> None:
    rows = [replace(row, first_byte=(row.latency or 0.0) * 0.3) for row in chat()]
    assert judge_time(gather(rows)).state == "unverified"
    rows[3] = replace(rows[3], first_byte=(rows[3].latency or 0.0) * 2)
    assert "1 answers were over before their first byte: row 4" in judge_time(gather(rows)).message


def test_start_up_beside_the_time_is_left_out_of_it() -> None:
    use = columns(startup="startup_s", latency="latency_s")
    rows = [replace(row, startup=2.0, latency=0.4) for row in chat()]
    verdict = judge_time(gather(rows, columns=use))
    assert (
        "start-up is left out of the time: 'startup_s' is 2 s where 'latency_s' is 0.4 s, 83% of both"
        in messages_of(verdict)
    )


def test_start_up_that_is_in_the_time_is_confirmed() -> None:
    rows = sweep(noise=0.01, repeats=1, startup=0.0, status="ok")
    cold = [replace(row, startup=1.0, latency=(row.latency or 0.0) + 1.0) for row in rows]
    verdict = judge_time(gather([*rows, *cold]))
    assert verdict.state == "clean", verdict.message
    assert "start-up ('startup') is in the time" in verdict.message


def test_start_up_that_may_be_in_the_time_is_unverified() -> None:
    rows = sweep(startup=0.2, status="ok")
    assert "whether 'startup' is in 'latency'" in judge_time(gather(rows)).message


def test_a_second_time_that_is_longer_shows_what_was_left_out() -> None:
    rows = [replace(row, total=(row.latency or 0.0) * 1.5) for row in chat()]
    assert "'latency' leaves out 33% of 'total'" in judge_time(gather(rows)).message
    rows = [replace(row, total=(row.latency or 0.0) * 1.02) for row in chat()]
    assert judge_time(gather(rows)).state == "unverified"
    rows = [replace(row, total=(row.latency or 0.0) * 0.5) for row in chat()]
    assert "'total' is less than 'latency'" in judge_time(gather(rows)).message


def with_rates(factor: float, first_byte: float | None = None) -> list[Observation]:
    return [
        replace(
            row,
            first_byte=first_byte,
            rate=factor * (row.output_tokens or 0) / ((row.latency or 1) - (first_byte or 0)),
        )
        for row in chat()
    ]


def test_a_rate_that_does_not_follow_from_tokens_and_time_is_flagged() -> None:
    verdict = judge_time(gather(with_rates(3.0), rate_unit="tokens"))
    assert "'rate' does not follow from the counts and times beside it: it is 3 times" in verdict.message
    verdict = judge_time(gather(with_rates(1.03), rate_unit="tokens"))
    assert verdict.state == "unverified"
    assert any("'rate' follows" in text for text in verdict.evidence["confirmed"])  # type: ignore[attr-defined]


def test_a_rate_without_the_time_to_the_first_byte_is_a_note() -> None:
    verdict = judge_time(gather(with_rates(1.0, first_byte=0.25), rate_unit="tokens"))
    assert verdict.state == "unverified"
    assert messages_of(verdict, "note") == "'rate' leaves out the time to the first byte"
