from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.errors import UnknownNameError, UsageError
from pytest_lleval.core.records import Sample
from pytest_lleval.core.settings import Limit
from pytest_lleval.suites.definition import Dataset
from pytest_lleval.suites.selection import select_samples


def make_dataset(groups):
    seen = Counter()
    samples = []
    for group in groups:
        samples.append(Sample(id=f"{group}/{seen[group]}", input="?", group=group))
        seen[group] += 1
    return Dataset(name="mine", edition="full", samples=samples)


def pick(dataset, *, groups=(), sample_ids=(), limit=None):
    chosen = select_samples(dataset, groups=groups, sample_ids=sample_ids, limit=limit)
    return [sample.id for sample in chosen]


def first(count):
    return Limit(start=0, stop=count)


DATASETS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=40).map(make_dataset)


def test_without_filters_everything_is_chosen_in_order():
    assert pick(make_dataset("baab")) == ["b/0", "a/0", "a/1", "b/1"]


def test_a_limit_takes_one_of_each_group_in_turn_and_keeps_the_datasets_order():
    dataset = make_dataset("aaabbc")
    assert pick(dataset, limit=first(3)) == ["a/0", "b/0", "c/0"]
    assert pick(dataset, limit=first(4)) == ["a/0", "a/1", "b/0", "c/0"]
    assert pick(dataset, limit=Limit(start=3, stop=5)) == ["a/1", "b/1"]


def test_a_limit_beyond_the_end_takes_all_but_may_not_start_there():
    dataset = make_dataset("ab")
    assert pick(dataset, limit=first(99)) == ["a/0", "b/0"]
    with pytest.raises(UsageError, match="--lleval-limit: '3-9' starts beyond the 2 samples"):
        pick(dataset, limit=Limit(start=2, stop=9))


def test_groups_are_chosen_before_the_limit():
    assert pick(make_dataset("aabbcc"), groups=["c", "b"], limit=first(2)) == ["b/0", "c/0"]


def test_an_unknown_group_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="no group of 'mine' is called 'anatom'; did you mean 'anatomy'"):
        pick(make_dataset(["anatomy", "virology"]), groups=["anatom"])


def test_ids_are_shell_patterns_that_mind_case():
    dataset = make_dataset("aaAB")
    assert pick(dataset, sample_ids=["a/*", "B/0"]) == ["a/0", "a/1", "B/0"]
    assert pick(dataset, sample_ids=["?/0"]) == ["a/0", "A/0", "B/0"]


def test_an_id_with_brackets_names_itself():
    dataset = Dataset(name="x", edition="y", samples=[Sample(id="a[1]", input="?"), Sample(id="a1", input="?")])
    assert pick(dataset, sample_ids=["a[1]"]) == ["a[1]", "a1"]
    assert pick(dataset, sample_ids=["a1"]) == ["a1"]


def test_a_pattern_that_matches_nothing_is_refused_even_beside_one_that_does():
    with pytest.raises(UsageError, match=r"--lleval-sample-id: 'z\*' matches none of the 2 samples .* look like 'a/0'"):
        pick(make_dataset("aa"), sample_ids=["a/*", "z*"])


@given(dataset=DATASETS, count=st.integers(1, 45))
@settings(max_examples=100, deadline=None)
def test_a_limit_is_contained_in_the_next(dataset, count):
    assert set(pick(dataset, limit=first(count))) <= set(pick(dataset, limit=first(count + 1)))


@given(dataset=DATASETS, count=st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_a_limit_is_balanced_over_groups(dataset, count):
    sizes = Counter(sample.group for sample in dataset.samples)
    taken = Counter(dict.fromkeys(sizes, 0))
    taken.update(sample.split("/")[0] for sample in pick(dataset, limit=first(count)))
    most = max(taken.values())
    assert sum(taken.values()) == min(count, len(dataset.samples))
    assert all(taken[group] >= most - 1 or taken[group] == sizes[group] for group in sizes)


@given(dataset=DATASETS, cuts=st.sets(st.integers(1, 39), max_size=4))
@settings(max_examples=100, deadline=None)
def test_ranges_that_join_are_a_partition(dataset, cuts):
    size = len(dataset.samples)
    edges = [0, *sorted(cut for cut in cuts if cut < size), size]
    parts = [pick(dataset, limit=Limit(start=start, stop=stop)) for start, stop in pairwise(edges)]
    assert sorted(name for part in parts for name in part) == sorted(pick(dataset))
    assert [len(part) for part in parts] == [stop - start for start, stop in pairwise(edges)]


@given(dataset=DATASETS, count=st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_the_choice_is_in_the_order_of_the_dataset(dataset, count):
    everything = pick(dataset)
    chosen = pick(dataset, limit=first(count))
    assert chosen == [name for name in everything if name in set(chosen)]
