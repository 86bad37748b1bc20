import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.analysis.cells import CellTimes
from pytest_lleval.analysis.crossover import find_crossover
from pytest_lleval.analysis.refining import propose_repeats, propose_sizes

SIZES = (128, 512, 2048, 8192, 32_768)
Curve = Callable[[float], float]


def measure(
    name: str, curve: Curve, *, sizes: Sequence[int] = SIZES, n: int = 5, noise: float = 0.0, seed: int = 0
) -> list[CellTimes]:
    rng = np.random.default_rng([seed, len(name), ord(name[0])])
    return [
        CellTimes(model=name, size=size, seconds=tuple((curve(size) * np.exp(noise * rng.standard_normal(n))).tolist()))
        for size in sizes
    ]


def cross_at(size: float) -> tuple[Curve, Curve]:
    """A power law and a steeper one, which are straight lines on log-log axes."""
    return (lambda x: 0.1 * (x / size) ** 1.5), (lambda x: 0.1 * (x / size) ** 0.8)


@given(st.floats(150, 30_000))
@settings(deadline=None, max_examples=40)
def test_without_noise_a_crossing_of_power_laws_is_found_where_it_is(size: float) -> None:
    first, second = cross_at(size)
    found = find_crossover(measure("A", first), measure("B", second))
    assert found.status == "crosses"
    (crossing,) = found.crossings
    assert crossing.size == pytest.approx(size, rel=0.01)
    assert crossing.low <= crossing.size <= crossing.high <= 1.02 * crossing.low + 2
    assert (crossing.faster_below, crossing.faster_above) == ("A", "B")
    assert f"B is faster from {crossing.size:,} tokens on" in found.why
    assert found.unsettled == ()


@pytest.mark.parametrize(("n", "noise"), [(5, 0.03), (5, 0.2), (8, 0.1), (20, 0.2)])
def test_intervals_hold_the_truth_as_often_as_they_say(n: int, noise: float) -> None:
    """The models' curves bend between sizes; of 100 intervals at least 94 hold the crossing."""
    square = (0.12 + 2e-4 * 3000 - 0.08 - 1.2e-4 * 3000) / 3000**2
    held = found = 0
    for seed in range(150):
        crossover = find_crossover(
            measure("A", lambda x: 0.08 + 1.2e-4 * x + square * x**2, n=n, noise=noise, seed=seed),
            measure("B", lambda x: 0.12 + 2e-4 * x, n=n, noise=noise, seed=seed),
        )
        found += bool(crossover.crossings)
        held += any(one.low <= 3000 <= one.high for one in crossover.crossings)
    assert found > 50
    assert held >= 0.94 * found


@given(st.integers(0, 10_000), st.sampled_from([0.02, 0.1, 0.5]), st.integers(3, 8))
@settings(deadline=None, max_examples=60)
def test_what_is_said_is_in_order_whatever_was_measured(seed: int, noise: float, n: int) -> None:
    curves = cross_at(2000)
    first, second = (
        measure(name, curve, n=n, noise=noise, seed=seed) for name, curve in zip("AB", curves, strict=True)
    )
    found, mirrored = find_crossover(first, second), find_crossover(second, first)
    assert mirrored.status == found.status
    assert [(one.low, one.size, one.high) for one in mirrored.crossings] == [
        (one.low, one.size, one.high) for one in found.crossings
    ]
    assert (mirrored.faster, mirrored.unsettled) == (found.faster, found.unsettled)
    for one in found.crossings:
        assert SIZES[0] <= one.low <= one.size <= one.high <= SIZES[-1]
        assert {one.faster_above, one.faster_below} == {"A", "B"}
    assert (found.status == "crosses") == bool(found.crossings)
    assert (found.status == "none") == (found.faster is not None)
    wider = find_crossover(first, second, refined=True)
    assert len(wider.crossings) <= len(found.crossings)


def test_the_unit_of_time_does_not_matter() -> None:
    first, second = (measure(name, curve, noise=0.1) for name, curve in zip("AB", cross_at(900), strict=True))
    slower = [
        [replace(cell, seconds=tuple(1000 * value for value in cell.seconds)) for cell in cells]
        for cells in (first, second)
    ]
    assert find_crossover(*slower) == find_crossover(first, second)


def test_who_is_faster_at_all_sizes_is_named() -> None:
    found = find_crossover(measure("A", lambda x: 1e-3 * x, noise=0.02), measure("B", lambda x: 0.5e-3 * x, noise=0.02))
    assert (found.status, found.faster, found.crossings) == ("none", "B", ())
    assert found.why == "B is faster at all sizes from 128 to 32,768 tokens"


def test_equal_models_are_undecided() -> None:
    statuses = [
        find_crossover(*(measure(name, lambda x: 1e-3 * x, noise=0.1, seed=seed) for name in "AB")).status
        for seed in range(60)
    ]
    assert statuses.count("undecided") == 60
    found = find_crossover(*(measure(name, lambda x: 1e-3 * x, noise=0.1) for name in "AB"))
    assert found.why == "the models cannot be told apart at any size from 128 to 32,768 tokens"


def test_a_flat_start_is_undecided_and_says_where() -> None:
    found = find_crossover(
        measure("A", lambda x: 0.2 + 2e-5 * x, noise=0.05, n=8), measure("B", lambda x: 0.2 + 4e-5 * x, noise=0.05, n=8)
    )
    assert (found.status, found.faster) == ("undecided", None)
    (span,) = found.unsettled
    assert span.low == 128
    assert 128 < span.high < 8192
    assert found.why == f"A is faster elsewhere, but from 128 to {span.high:,} tokens the models cannot be told apart"


def test_curves_that_touch_do_not_cross() -> None:
    found = find_crossover(
        measure("A", lambda x: 1e-3 * x, noise=0.02),
        measure("B", lambda x: 1e-3 * x * math.exp(0.2 * math.log(x / 2048) ** 2), noise=0.02),
    )
    assert found.status == "undecided"
    assert any(span.low <= 2048 <= span.high for span in found.unsettled)


def test_all_crossings_are_listed() -> None:
    wave = [0.5, -0.5, -0.5, 0.5, 0.5]
    found = find_crossover(
        measure("A", lambda x: 1e-3 * x * math.exp(wave[SIZES.index(int(x))]), noise=0.02),
        measure("B", lambda x: 1e-3 * x),
    )
    assert [one.faster_above for one in found.crossings] == ["A", "B"]
    assert found.crossings[0].high < found.crossings[1].low
    assert found.why.count("is faster from") == 2


@pytest.mark.parametrize(("shift", "status"), [(-0.02, "undecided"), (-0.14, "undecided"), (-0.25, "crosses")])
def test_a_finding_at_one_of_many_sizes_must_be_beyond_what_chance_does_at_one_of_many(
    shift: float, status: str
) -> None:
    """B is slower by far, but for one size; a shift of -0.14 would be enough if there were but two sizes."""
    pattern = np.exp(0.1 * np.array([-1.5, -0.97, -0.57, -0.27, 0.0, 0.27, 0.57, 0.97, 1.5]))
    shifts = (shift, 0.8, 0.8, 0.8, 0.8)
    first, second = (
        [
            CellTimes(model=name, size=size, seconds=tuple((pattern * math.exp(share * more)).tolist()))
            for size, more in zip(SIZES, shifts, strict=True)
        ]
        for name, share in (("A", 0.0), ("B", 1.0))
    )
    assert find_crossover(first, second).status == status
    assert find_crossover(first[:2], second[:2]).status == ("undecided" if shift == -0.02 else "crosses")


def test_nothing_is_said_of_sizes_that_were_not_measured_of_both() -> None:
    first, second = cross_at(20_000)
    found = find_crossover(measure("A", first, noise=0.01), measure("B", second, sizes=SIZES[:4], noise=0.01))
    assert (found.status, found.faster, found.sizes) == ("none", "A", SIZES[:4])
    assert found.left_out == ("32768: measured of one model only",)


def test_cells_that_timed_out_are_left_out_with_the_reason() -> None:
    first, second = cross_at(3000)
    cells = measure("A", first, noise=0.02)
    cells[-1] = replace(cells[-1], seconds=cells[-1].seconds[:2], timeouts=3)
    found = find_crossover(cells, measure("B", second, noise=0.02))
    assert found.status == "crosses"
    assert found.sizes == SIZES[:4]
    assert found.left_out == ("A 32768: 3 of 5 repeats timed out, so the median is not known",)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_repeats_are_undecided(n: int) -> None:
    first, second = (measure(name, curve, n=n) for name, curve in zip("AB", cross_at(3000), strict=True))
    found = find_crossover(first, second)
    assert found.status == "undecided"
    assert found.why.startswith("too few sizes have times enough of both models: 0, and two are needed")
    assert found.left_out[0] == f"A 128: {n} repeats have a time, and 3 are needed"


def test_of_two_sizes_the_crossing_is_where_straight_lines_cross_but_the_interval_holds_bent_ones() -> None:
    first, second = cross_at(1000)
    found = find_crossover(measure("A", first, sizes=(512, 2048)), measure("B", second, sizes=(512, 2048)))
    (crossing,) = found.crossings
    assert crossing.size == pytest.approx(1000, rel=0.01)
    assert crossing.high > 1.25 * crossing.low
    advice = "too few sizes tell how the times bend: measure sizes between 512 and 2,048 tokens"
    assert found.why == f"B is faster from {crossing.size:,} tokens on; {advice}"
    assert all(512 < size < 2048 for size in propose_sizes(found, (512, 2048)))


KINDS: dict[str, Callable[[float], tuple[Curve, Curve]]] = {
    "straight and straight": lambda at: ((lambda x: 0.5 * at + x), (lambda x: at * 1.2 + 0.3 * x)),
    "flat and square": lambda at: ((lambda x: at + 0.3 * x), (lambda x: 0.3 * at + x * x / at)),
    "power and straight": lambda at: ((lambda x: 2 * at * (x / at) ** 1.4), (lambda x: 1.5 * at + 0.5 * x)),
}
LAYOUTS = [
    (100, 400), (100, 1600), (100, 200, 400), (100, 300, 900), (100, 400, 1600), (100, 200, 400, 800),
    (100, 300, 900, 2700), (100, 299, 901, 2699), (128, 512, 1024), (100, 1000, 10_000, 100_000),
]  # fmt: skip


@pytest.mark.parametrize("sizes", LAYOUTS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_sizes_intervals_hold_the_truth(kind: str, sizes: tuple[int, ...]) -> None:
    """There is so little noise that it is what the curves do between the sizes that counts."""
    for share in (0.2, 0.35, 0.5, 0.65, 0.8):
        at = sizes[0] * (sizes[-1] / sizes[0]) ** share
        cells = (
            measure(name, curve, sizes=sizes, noise=0.005, n=8)
            for name, curve in zip("AB", KINDS[kind](at), strict=True)
        )
        found = find_crossover(*cells)
        assert found.status != "none"
        assert all(one.low <= at <= one.high for one in found.crossings[:1])


def test_equal_times_without_any_noise_are_no_error() -> None:
    cells = [CellTimes(model=name, size=size, seconds=(1.0,) * 5) for name in "AB" for size in SIZES]
    assert find_crossover(cells[:5], cells[5:]).status == "undecided"


def test_cells_that_cannot_be_compared_are_errors() -> None:
    cells = measure("A", lambda x: x)
    with pytest.raises(ValueError, match="both are 'A'"):
        find_crossover(cells, cells)
    with pytest.raises(ValueError, match="size 128 is below 1 or comes twice"):
        find_crossover([*cells, cells[0]], measure("B", lambda x: x))
    with pytest.raises(ValueError, match="a time is not above 0"):
        find_crossover([replace(cells[0], seconds=(0.0, 1.0, 1.0))], measure("B", lambda x: x))
    with pytest.raises(ValueError, match=r"several models: \['A', 'B'\]"):
        find_crossover([*cells, *measure("B", lambda x: x)], measure("C", lambda x: x))


@given(st.integers(0, 10_000), st.sampled_from([0.03, 0.15]), st.floats(300, 20_000), st.integers(1, 4))
@settings(deadline=None, max_examples=40)
def test_proposed_sizes_lie_inside_what_is_open_and_are_new(seed: int, noise: float, size: float, most: int) -> None:
    first, second = (
        measure(name, curve, noise=noise, seed=seed) for name, curve in zip("AB", cross_at(size), strict=True)
    )
    found = find_crossover(first, second)
    spans = [*found.crossings[:1]] or [*found.unsettled]
    proposed = propose_sizes(found, SIZES, most=most)
    assert len(proposed) <= most
    assert list(proposed) == sorted({*proposed} - {*SIZES})
    assert all(any(span.low <= one <= span.high for span in spans) for one in proposed)
    assert all(one in SIZES for one in propose_repeats(found, SIZES))


def test_refinement_narrows_the_interval_and_ends() -> None:
    """The curves bend, so that the first interval is wide though there is little noise."""
    curves = (lambda x: 0.08 + 1.2e-4 * x + 5e-8 * x**2), (lambda x: 0.12 + 2e-4 * x)
    truth = (0.8e-4 + math.sqrt(0.8e-4**2 + 4 * 5e-8 * 0.04)) / (2 * 5e-8)
    done, widths, n = list(SIZES), [], 5
    for _ in range(8):
        cells = (
            measure(name, curve, sizes=sorted(done), noise=0.02, n=n) for name, curve in zip("AB", curves, strict=True)
        )
        found = find_crossover(*cells, refined=len(done) > len(SIZES))
        (crossing,) = found.crossings
        assert crossing.low <= truth <= crossing.high
        widths.append(crossing.high / crossing.low)
        proposed, repeats = propose_sizes(found, done), propose_repeats(found, done)
        if not repeats:
            break
        done, n = [*done, *proposed], n + (0 if proposed else 5)
    assert widths[0] > 1.25 >= widths[-1]
    assert len(done) <= 9
    assert not proposed


def test_noise_is_met_by_repeats_and_not_by_more_and_more_sizes() -> None:
    first, second = cross_at(2000)
    done = [*SIZES, 1500, 2600]
    cells = (measure(name, curve, sizes=sorted(done), noise=0.3) for name, curve in (("A", first), ("B", second)))
    found = find_crossover(*cells)
    assert propose_sizes(found, done) == ()
    repeats = propose_repeats(found, done)
    assert {1500, 2048, 2600} <= {*repeats}


def test_settled_pairs_need_no_further_sizes() -> None:
    found = find_crossover(measure("A", lambda x: x), measure("B", lambda x: 2 * x))
    assert propose_sizes(found, SIZES) == propose_repeats(found, SIZES) == ()


@pytest.mark.parametrize(("ratio", "most"), [(1.0, 1), (0.5, 1), (1.2, 0)])
def test_targets_that_are_too_small_are_errors(ratio: float, most: int) -> None:
    found = find_crossover(measure("A", lambda x: x), measure("B", lambda x: 2 * x))
    with pytest.raises(ValueError, match="is too small"):
        propose_sizes(found, SIZES, target_ratio=ratio, most=most)
