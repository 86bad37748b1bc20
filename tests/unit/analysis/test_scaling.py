from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.analysis.cells import CellTimes
from pytest_lleval.analysis.curves import measure_curve
from pytest_lleval.analysis.offcurve import flag_cells
from pytest_lleval.analysis.scaling import fit_exponent, list_exponents

SIZES = (128, 512, 2048, 8192, 32_768)


def measure(times: Sequence[float], *, n: int = 5, noise: float = 0.03, seed: int = 0) -> list[CellTimes]:
    rng = np.random.default_rng(seed)
    return [
        CellTimes(model="m", size=size, seconds=tuple((truth * np.exp(noise * rng.standard_normal(n))).tolist()))
        for size, truth in zip(SIZES, times, strict=True)
    ]


def list_kinds(times: Sequence[float], *, noise: float = 0.03, n: int = 5) -> list[tuple[int, str]]:
    return [(one.size, one.kind) for one in flag_cells(measure(times, noise=noise, n=n))]


@given(st.floats(0.2, 2.0), st.floats(1e-6, 1.0))
@settings(deadline=None)
def test_a_power_law_has_its_exponent_everywhere(k: float, scale: float) -> None:
    curve = measure_curve(measure([scale * size**k for size in SIZES], noise=0.0))
    assert fit_exponent(curve).value == pytest.approx(k)
    steps = list_exponents(curve)
    assert [(one.start, one.stop) for one in steps] == list(pairwise(SIZES))
    assert all(one.value == pytest.approx(k) for one in steps)


@pytest.mark.parametrize("n", [5, 8])
def test_exponents_are_covered_though_the_curve_is_no_power_law(n: int) -> None:
    times = [0.1 + 1e-4 * size + 2e-9 * size**2 for size in SIZES]
    truth = float(np.polyfit(np.log(SIZES), np.log(times), 1)[0])
    found = [fit_exponent(measure_curve(measure(times, n=n, noise=0.1, seed=seed))) for seed in range(400)]
    held = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.92 < held < 0.985


def test_steps_show_how_a_curve_bends() -> None:
    steps = list_exponents(measure_curve(measure([0.1 + 1e-4 * size + 2e-9 * size**2 for size in SIZES], noise=0.01)))
    assert [one.value for one in steps] == sorted(one.value for one in steps)
    assert steps[0].high < 0.3
    assert steps[-1].low > 1


def test_one_size_has_no_exponent() -> None:
    with pytest.raises(ValueError, match="1 sizes have no exponent"):
        fit_exponent(measure_curve(measure([1.0, 2.0, 3.0, 4.0, 5.0])[:1]))


def test_cells_without_a_median_are_no_part_of_the_curve() -> None:
    cells = measure([1.0, 2.0, 3.0, 4.0, 5.0])
    cells[1] = replace(cells[1], seconds=(1.0,), timeouts=4)
    assert measure_curve(cells).sizes == (128, 2048, 8192, 32_768)
    with pytest.raises(ValueError, match="no cell has 3 times"):
        measure_curve(cells[1:2])


def test_a_quiet_cell_lends_from_its_neighbours_and_a_noisy_one_too() -> None:
    cells = measure([1.0] * 5, noise=0.1)
    cells[0] = replace(cells[0], seconds=(1.0, 1.0, 1.0, 1.001, 1.0))
    curve = measure_curve(cells)
    assert curve.variances[0] > 1e-4
    assert curve.freedoms[0] > 0.74 * 2


@pytest.mark.parametrize(
    "times",
    [
        [0.1 + 1e-4 * size + 2e-9 * size**2 for size in SIZES],
        [0.02 + 1e-4 * size for size in SIZES],
        [0.05 + 3e-9 * size**2 for size in SIZES],
        [0.1, 0.1, 0.1, 0.12, 0.2],
        [0.1] * 5,
    ],
)
@pytest.mark.parametrize("noise", [0.03, 0.2])
def test_ordinary_curves_have_no_flag(times: list[float], noise: float) -> None:
    flagged = [flag_cells(measure(times, noise=noise, seed=seed)) for seed in range(40)]
    assert sum(map(bool, flagged)) <= 2


@pytest.mark.parametrize(
    ("times", "kinds"),
    [
        ([0.03, 0.07, 0.25, 0.26, 0.27], [(8192, "plateau"), (32_768, "plateau")]),
        ([0.03, 0.07, 0.25, 0.25, 1.0], [(8192, "plateau")]),
        ([0.03, 0.07, 0.25, 0.9, 0.9], [(32_768, "plateau")]),
        ([0.03, 0.07, 0.8, 2.9, 12.0], [(2048, "cliff")]),
        ([0.03, 0.07, 0.25, 0.9, 40.0], [(32_768, "cliff")]),
        ([0.03, 0.07, 1.5, 0.9, 3.5], [(2048, "spike")]),
        ([0.03, 0.07, 0.04, 0.9, 3.5], [(2048, "dip")]),
        ([0.03, 0.07, 0.25, 0.9, 0.2], [(32_768, "dip")]),
    ],
)
def test_cells_off_their_curve_are_flagged_and_their_neighbours_not(
    times: list[float], kinds: list[tuple[int, str]]
) -> None:
    assert list_kinds(times) == kinds
    assert list_kinds(times, noise=0.0, n=3) == kinds


def test_findings_say_how_far_off_and_beside_what() -> None:
    (plateau,) = flag_cells(measure([0.03, 0.07, 0.25, 0.9, 0.9], noise=0.0))
    assert plateau.factor == pytest.approx(0.25 / 0.9, rel=0.01)
    assert plateau.message == (
        "32,768 tokens take hardly longer than 8,192, 3.6 times less than the growth before says; "
        "is the prompt cut, or cached?"
    )
    (cliff,) = flag_cells(measure([0.03, 0.07, 0.8, 2.9, 12.0], noise=0.0))
    assert cliff.message == "from 512 to 2,048 tokens time grows 3.2 times more than around that"
    (spike,) = flag_cells(measure([0.03, 0.07, 1.5, 0.9, 3.5], noise=0.0))
    assert spike.message == "2,048 tokens take 1.7 times as long as 8,192"
    (dip,) = flag_cells(measure([0.03, 0.07, 0.04, 0.9, 3.5], noise=0.0))
    assert dip.message == "512 tokens take 1.8 times as long as 2,048"


def test_what_is_within_noise_is_not_flagged() -> None:
    assert list_kinds([0.03, 0.07, 0.25, 0.9, 0.9], noise=0.5, n=3) == []


def test_timeouts_are_flagged_and_the_rest_is_judged_without_them() -> None:
    cells = measure([0.02 + 1e-4 * size for size in SIZES])
    cells[-1] = replace(cells[-1], seconds=(), timeouts=3)
    (found,) = flag_cells(cells)
    assert (found.size, found.kind) == (32_768, "timeout")
    assert found.message == "3 of 3 repeats at 32,768 tokens timed out"


def test_a_factor_that_flags_everything_is_an_error() -> None:
    with pytest.raises(ValueError, match="a factor of 1 is not above 1"):
        flag_cells(measure([1.0] * 5), factor=1)
