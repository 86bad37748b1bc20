import pytest
from environment_parts import FINGERPRINT
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.disclosure.fingerprint import capture_fingerprint
from pytest_lleval.disclosure.machine_differences import compare_baseline, compare_workers

L4 = {"name": "L4", "driver": "570"}


def with_changes(**changes: object) -> dict[str, object]:
    return FINGERPRINT | changes


def test_workers_that_are_alike_have_no_differences() -> None:
    workers = dict.fromkeys(("gw0", "gw1", "gw2"), FINGERPRINT)
    assert compare_workers(workers) == []
    assert compare_baseline(workers, {"main": FINGERPRINT}) == []


def test_a_worker_that_was_given_nothing_to_do_is_no_other_machine() -> None:
    assert compare_workers({"gw0": FINGERPRINT, "gw1": {}}) == []


def test_different_code_is_critical_and_names_who_has_which() -> None:
    (found,) = compare_workers({"gw0": FINGERPRINT, "gw1": with_changes(code="b" * 64), "gw2": FINGERPRINT})
    assert (found.factor, found.severity) == ("E", "critical")
    assert found.message == (
        f"the code of pytest-lleval differs between workers: {'a' * 12} (gw0, gw2), {'b' * 12} (gw1)"
    )
    assert found.evidence == {"a" * 12: ["gw0", "gw2"], "b" * 12: ["gw1"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"python": "3.13.1"}, "Python differs between workers: 3.11.7 (gw0), 3.13.1 (gw1)"),
        ({"cpu": "B"}, "the processor differs between workers: A (gw0), B (gw1)"),
        ({"cpus_usable": 2}, "the number of usable CPUs differs between workers: 8 (gw0), 2 (gw1)"),
        (
            {"cpu_quota": 0.5},
            "the CPU limit of the control group differs between workers: none (gw0), 0.5 (gw1)",
        ),
        ({"gpus": [L4, L4]}, "the GPUs differs between workers: none (gw0), 2 x L4 (driver 570) (gw1)"),
        ({"packages": {"numpy": "2.2"}}, "numpy differs between workers: 2.1 (gw0), 2.2 (gw1)"),
        (
            {"packages": {"numpy": "2.1", "openai": "3"}},
            "openai differs between workers: absent (gw0), 3 (gw1)",
        ),
    ],
)
def test_other_differences_are_warnings_with_both_values(changes: dict[str, object], message: str) -> None:
    (found,) = compare_workers({"gw0": FINGERPRINT, "gw1": with_changes(**changes)})
    assert (found.severity, found.message) == ("warning", message)


def test_a_kernels_few_megabytes_are_no_difference() -> None:
    assert compare_workers({"gw0": FINGERPRINT, "gw1": with_changes(memory_bytes=16_050_000_000)}) == []


def test_many_workers_are_counted_instead_of_named() -> None:
    workers = {f"gw{number}": FINGERPRINT for number in range(8)} | {"gw8": with_changes(python="3.13.1")}
    (found,) = compare_workers(workers)
    assert found.message.endswith("3.11.7 (gw0, gw1, gw2 and 5 more), 3.13.1 (gw8)")


def test_a_commit_that_one_worker_alone_knows_is_no_difference() -> None:
    git = {"commit": "c" * 40, "dirty": True}
    assert compare_workers({"main": with_changes(git=git), "gw0": FINGERPRINT}) == []


def test_differences_from_a_baseline_have_both_values() -> None:
    git = {"commit": "c" * 40, "dirty": True}
    found = compare_baseline(
        {"gw0": with_changes(python="3.13.1", git=git), "gw1": FINGERPRINT}, {"main": with_changes(code="b" * 64)}
    )
    assert [(each.severity, each.message) for each in found] == [
        ("warning", f"the code of pytest-lleval is not the baseline's: {'a' * 12} instead of {'b' * 12}"),
        ("warning", "Python is not the baseline's: 3.11.7 and 3.13.1 instead of 3.11.7"),
        ("note", f"the commit is not the baseline's: {'c' * 12} with changes and none instead of none"),
    ]


def test_a_baseline_without_fingerprints_is_not_compared() -> None:
    assert compare_baseline({"gw0": FINGERPRINT}, {}) == []
    assert compare_baseline({}, {"gw0": FINGERPRINT}) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(changes=st.dictionaries(st.sampled_from(sorted([*FINGERPRINT, "git"])), JSON, max_size=4))
def test_a_fingerprint_is_never_different_from_itself(changes: dict[str, object]) -> None:
    fingerprint = FINGERPRINT | changes
    assert compare_workers({"a": fingerprint, "b": fingerprint}) == []
    assert compare_baseline({"a": fingerprint}, {"b": fingerprint}) == []


@given(
    key=st.sampled_from(sorted(set(FINGERPRINT) - {"packages", "gpus"})), value=st.text("xyz", min_size=2, max_size=8)
)
def test_every_field_of_a_fingerprint_is_compared(key: str, value: str) -> None:
    assert compare_workers({"a": FINGERPRINT, "b": FINGERPRINT | {key: value}})


def test_no_field_is_unknown_to_these_tests() -> None:
    assert set(capture_fingerprint()) == set(FINGERPRINT)
