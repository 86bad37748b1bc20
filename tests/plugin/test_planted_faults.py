"""Planted faults are found, and their twins without the fault are not: a part of ``benchmarks/trust.py``."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "benchmarks" / "trust.py"
FEW = {
    "F1": ("proxy_adds_system", "patched_client"),
    "F2": ("swaps_some", "other_from_start"),
    "F3": ("made_up", "cassette"),
    "F4": ("quarter_characters", "function_characters"),
    "F5": ("late_clock", "slow_first_call"),
}
#: the rest needs a machine that nobody else uses
OF_THE_MACHINE = ("worker_package", "worker_affinity", "baseline_cores", "hog_always")


def run_bench(*words: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCH), *words], capture_output=True, text=True, encoding="utf-8", timeout=seconds
    )


@pytest.mark.parametrize("factor", FEW)
def test_planted_faults_of_a_factor_are_found_and_their_twins_are_not(factor: str) -> None:
    done = run_bench("--only", factor, "--hurry", "--names", *FEW[factor], seconds=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(", twin ") == len(FEW[factor])


@pytest.mark.slow
@pytest.mark.parametrize("factor", FEW)
def test_all_planted_faults_of_a_factor_are_found_and_their_twins_are_not(factor: str) -> None:
    done = run_bench("--only", factor, "--hurry", "--jobs", "2", seconds=200)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are bound to cores by Linux's means")
def test_machines_that_are_not_the_same_are_found_and_those_that_are_raise_no_alarm() -> None:
    done = run_bench("--only", "E", "--hurry", "--names", *OF_THE_MACHINE, seconds=200)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_factor_has_ten_arrangements_with_names_of_their_own() -> None:
    lines = run_bench("--list", seconds=60).stdout.splitlines()
    names = [line.split(":")[0] for line in lines]
    assert len(set(names)) == len(names)
    assert all(sum(name.startswith(f"{factor} ") for name in names) >= 10 for factor in (*FEW, "E"))
