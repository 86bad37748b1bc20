import copy
import json

from environment_parts import FINGERPRINT, make_samples, make_worker
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.records import Disclosure
from pytest_lleval.disclosure.stability import judge_environment

HOG = [0.02] * 4 + [0.5] * 4
NOTE = Disclosure(factor="E", severity="note", message="known before")


def test_a_quiet_machine_is_clean_and_says_what_was_looked_at() -> None:
    verdict = judge_environment({"main": make_worker()})
    assert (verdict.factor, verdict.state, verdict.disclosures) == ("E", "clean", ())
    assert verdict.message == "the machine stayed the same for 14 s (8 samples); other processes took 2% of it"
    assert verdict.evidence["main"]["samples"] == 8
    assert verdict.evidence["main"]["own_share"] == 0.1
    assert json.loads(json.dumps(verdict.evidence)) == verdict.evidence


def test_without_samples_nothing_is_verified() -> None:
    assert judge_environment({}).state == "unverified"
    verdict = judge_environment({"gw0": make_worker(), "gw1": {"fingerprint": FINGERPRINT}})
    assert verdict.state == "unverified"
    assert verdict.message.endswith("(worker gw1)")


def test_one_sample_shows_no_drift() -> None:
    assert judge_environment({"main": make_worker(1)}).state == "unverified"
    assert judge_environment({"main": make_worker(2)}).state == "clean"


def test_samples_without_a_reference_verify_nothing() -> None:
    worker = make_worker(reference_cpu_ms=None, reference_wall_ms=None)
    assert judge_environment({"main": worker}).state == "unverified"


def test_a_moment_is_too_short_to_tell_whose_the_load_was() -> None:
    worker = make_worker(2, 0.01, own_share=None, foreign_share=None, busy_share=None)
    verdict = judge_environment({"main": worker})
    assert verdict.state == "unverified"
    assert "too short a time" in verdict.message


def test_a_finding_flags_even_where_samples_are_missing() -> None:
    verdict = judge_environment({"gw0": make_worker(foreign_share=HOG), "gw1": make_worker(1)})
    assert verdict.state == "flagged"
    assert verdict.message == "other processes took 50% of the machine from second 6 on (worker gw0)"


def test_what_several_workers_saw_is_told_once_by_the_worst() -> None:
    worse = [0.02] * 4 + [0.6] * 4
    workers = {"gw0": make_worker(foreign_share=HOG), "gw1": make_worker(foreign_share=worse), "gw2": make_worker()}
    (found,) = judge_environment(workers).disclosures
    assert found.message == "other processes took 60% of the machine from second 6 on (worker gw1 and 1 more)"
    assert found.evidence["workers"] == ["gw0", "gw1"]


def test_a_lone_worker_is_not_named() -> None:
    (found,) = judge_environment({"gw0": make_worker(foreign_share=HOG)}).disclosures
    assert "worker" not in found.message


def test_findings_handed_in_are_taken_over() -> None:
    verdict = judge_environment({"main": make_worker()}, findings=[NOTE])
    assert (verdict.state, verdict.disclosures) == ("clean", (NOTE,))
    grave = Disclosure(factor="E", severity="warning", message="found elsewhere")
    assert judge_environment({"main": make_worker()}, findings=[grave]).message == "found elsewhere"


def test_workers_of_unequal_speed_are_told() -> None:
    slow = make_worker(reference_cpu_ms=0.75, reference_wall_ms=0.75)
    (found,) = judge_environment({"gw0": make_worker(), "gw1": slow}).disclosures
    assert found.severity == "warning"
    assert "0.75 ms on gw1 and 0.50 ms on gw0 (50% more)" in found.message
    like = make_worker(reference_cpu_ms=0.55, reference_wall_ms=0.55)
    assert judge_environment({"gw0": make_worker(), "gw1": like}).state == "clean"


def test_workers_of_different_software_are_told() -> None:
    other = {**make_worker(), "fingerprint": FINGERPRINT | {"code": "b" * 64}}
    verdict = judge_environment({"gw0": make_worker(), "gw1": other})
    assert [found.severity for found in verdict.disclosures] == ["critical"]


def test_a_baseline_on_a_faster_machine_is_told() -> None:
    fast = make_worker(reference_cpu_ms=0.4, reference_wall_ms=0.4)
    (found,) = judge_environment({"main": make_worker()}, baseline={"main": fast}).disclosures
    assert found.message == (
        "the processor is 25% slower than the baseline's: the reference loop took 0.50 ms instead of 0.40 ms"
    )
    (found,) = judge_environment({"main": fast}, baseline={"main": make_worker()}).disclosures
    assert "20% faster" in found.message


def test_a_baseline_on_the_same_machine_is_clean() -> None:
    assert judge_environment({"main": make_worker()}, baseline={"gw0": make_worker(4)}).state == "clean"
    assert judge_environment({"main": make_worker()}, baseline={}).state == "clean"


def test_order_of_arrival_does_not_matter() -> None:
    worker = make_worker(foreign_share=HOG)
    turned = {**worker, "samples": worker["samples"][::-1]}
    assert judge_environment({"a": turned}) == judge_environment({"a": worker})


NUMBERS = st.none() | st.booleans() | st.floats() | st.integers(-5, 2**40) | st.text(max_size=3)
SAMPLES = st.lists(
    st.fixed_dictionaries(
        {"at": NUMBERS},
        optional={name: NUMBERS for name in make_samples(2)[1] if name != "at"}
        | {
            "gpus": st.lists(
                st.dictionaries(
                    st.sampled_from(["throttles", "temperature_c"]), NUMBERS | st.lists(NUMBERS, max_size=2)
                )
            )
        },
    )
    | NUMBERS,
    max_size=6,
)


@given(samples=SAMPLES | NUMBERS, fingerprint=NUMBERS | st.dictionaries(st.text(max_size=5), NUMBERS))
def test_whatever_a_worker_sends_there_is_a_verdict(samples: object, fingerprint: object) -> None:
    worker = {"samples": samples, "fingerprint": fingerprint}
    given_before = copy.deepcopy(worker)
    verdict = judge_environment({"gw0": worker, "gw1": make_worker()}, baseline={"gw0": worker})
    assert verdict.state in {"clean", "flagged", "unverified"}
    assert repr(worker) == repr(given_before)


@given(shift=st.integers(-(10**6), 10**6), shares=st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_when_a_run_was_does_not_matter(shift: int, shares: list[float]) -> None:
    worker = make_worker(foreign_share=shares)
    moved = {**worker, "samples": [sample | {"at": sample["at"] + shift} for sample in worker["samples"]]}
    assert judge_environment({"a": moved}) == judge_environment({"a": worker})
