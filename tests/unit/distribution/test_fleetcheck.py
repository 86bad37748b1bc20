from typing import Any

import pytest

from pytest_lleval.distribution.fleetcheck import (
    describe_differences,
    describe_here,
    find_refusal,
    list_other_packages,
)
from pytest_lleval.distribution.inventory import list_packages
from pytest_lleval.distribution.probing import Probe


def probe(**changes: Any) -> Probe:
    return Probe(facts={**describe_here(), "packages": dict(list_packages()), **changes})


def test_the_same_machine_is_neither_refused_nor_different() -> None:
    assert find_refusal(probe()) == ""
    assert describe_differences(probe()) == []
    assert list_other_packages(probe()) == []


@pytest.mark.parametrize("code", ["f" * 64, None])
def test_other_code_is_refused_with_the_way_out(code: str | None) -> None:
    refusal = find_refusal(probe(code=code))
    assert f"digest {str(code)[:12]} instead of {str(describe_here()['code'])[:12]}" in refusal
    assert "`lleval hosts bootstrap FILE`" in refusal


def test_a_host_nothing_is_known_of_is_refused() -> None:
    assert find_refusal(Probe(problem="gone", kind="unreachable")) != ""


def test_what_else_differs_is_disclosed_and_not_refused() -> None:
    gpus = [{"name": "T1000", "driver": "1"}]
    other = probe(python="3.11.1", cpu="Abacus\x1b[2J", cpus_usable=64, gpus=gpus)
    assert find_refusal(other) == ""
    here = describe_here()
    told = describe_differences(other)
    assert told[0] == f"Python: 3.11.1 instead of {here['python']}"
    assert f"the processor: Abacus\\x1b[2J instead of {here['cpu']}" in told
    assert f"the number of usable CPUs: 64 instead of {here['cpus_usable']}" in told
    assert any(text.startswith("the GPUs: 1 x T1000 (driver 1) instead of") for text in told)


def test_packages_that_differ_are_told_together() -> None:
    packages = dict(list_packages()) | {"pytest": "7.0", "hypothesis": "1.0"}
    del packages["pluggy"]
    other = probe(packages=packages)
    listed = list_other_packages(other)
    assert f"pytest 7.0 instead of {list_packages()['pytest']}" in listed
    assert f"pluggy absent instead of {list_packages()['pluggy']}" in listed
    assert any(text.startswith("hypothesis 1.0 instead of ") for text in listed)
    assert describe_differences(other) == ["packages: " + ", ".join(listed)]


def test_of_many_packages_some_are_named() -> None:
    (told,) = describe_differences(probe(packages={}))
    assert told.endswith(f" and {len(list_other_packages(probe(packages={}))) - 12} more")


def test_a_host_that_could_not_say_all_of_itself_is_not_called_different_in_it() -> None:
    here = describe_here()
    assert describe_differences(Probe(facts={"python": here["python"], "packages": dict(list_packages())})) == []


def test_a_package_that_both_have_is_no_difference_even_if_only_the_host_needs_it() -> None:
    import hypothesis

    packages = dict(list_packages()) | {"hypothesis": hypothesis.__version__}
    assert describe_differences(probe(packages=packages)) == []
