import os
import random
import subprocess
import sys
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.records import Sample
from pytest_lleval.core.settings import Limit
from pytest_lleval.core.shards import Shard
from pytest_lleval.suites.definition import Dataset
from pytest_lleval.suites.selection import select_samples
from pytest_lleval.suites.sharding import digest_choice, take_shard


def make_samples(groups):
    seen = Counter()
    samples = []
    for group in groups:
        samples.append(Sample(id=f"{group}/{seen[group]}", input="?", group=group))
        seen[group] += 1
    return tuple(samples)


def cut(chosen, count):
    """Every shard of a run, from the first to the last."""
    return [take_shard(chosen, Shard(index=index, count=count)) for index in range(1, count + 1)]


GROUPS = st.lists(st.sampled_from("abcde"), max_size=40)
CHOSEN = st.dictionaries(st.sampled_from(["mmlu", "gsm8k", "own"]), GROUPS.map(make_samples), min_size=1)
COUNTS = st.integers(2, 12)


@given(chosen=CHOSEN, count=COUNTS)
@settings(max_examples=150, deadline=None)
def test_shards_have_every_sample_once_and_in_its_order(chosen, count):
    shards = cut(chosen, count)
    for suite, samples in chosen.items():
        parts = [shard[suite] for shard in shards]
        assert sorted(sample.id for part in parts for sample in part) == sorted(sample.id for sample in samples)
        order = {sample.id: number for number, sample in enumerate(samples)}
        for part in parts:
            assert [order[sample.id] for sample in part] == sorted(order[sample.id] for sample in part)


@given(chosen=CHOSEN, count=COUNTS)
@settings(max_examples=150, deadline=None)
def test_shards_differ_by_one_sample_at_most_in_each_group_each_suite_and_in_all(chosen, count):
    shards = cut(chosen, count)

    def differ(sizes):
        return max(sizes) - min(sizes)

    assert differ([sum(map(len, shard.values())) for shard in shards]) <= 1
    for suite, samples in chosen.items():
        assert differ([len(shard[suite]) for shard in shards]) <= 1
        for group in {sample.group for sample in samples}:
            assert differ([sum(sample.group == group for sample in shard[suite]) for shard in shards]) <= 1


@given(groups=GROUPS.filter(bool), count=COUNTS, limit=st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_shards_of_a_limit_make_up_the_limit(groups, count, limit):
    dataset = Dataset(name="mine", edition="full", samples=make_samples(groups))
    chosen = select_samples(dataset, groups=(), sample_ids=(), limit=Limit(start=0, stop=limit))
    taken = [sample.id for shard in cut({"mine": chosen}, count) for sample in shard["mine"]]
    assert sorted(taken) == sorted(sample.id for sample in chosen)


@given(chosen=CHOSEN, count=COUNTS, seed=st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_neither_the_order_of_samples_nor_that_of_suites_decides_who_gets_what(chosen, count, seed):
    mixed = list(chosen.items())
    random.Random(seed).shuffle(mixed)
    mixed = {suite: tuple(random.Random(seed).sample(samples, len(samples))) for suite, samples in mixed}
    for one, other in zip(cut(chosen, count), cut(mixed, count), strict=True):
        assert {suite: {s.id for s in part} for suite, part in one.items()} == {
            suite: {s.id for s in part} for suite, part in other.items()
        }


PROCESS = """
from pytest_lleval.core.records import Sample
from pytest_lleval.core.shards import Shard
from pytest_lleval.suites.sharding import take_shard

chosen = {"letters": [Sample(id=name, input="?", group=name[0]) for name in "a1 a2 a3 b1 b2 b3 b4".split()]}
print(*(sample.id for sample in take_shard(chosen, Shard(index=1, count=3))["letters"]))
"""


def test_who_gets_what_is_the_same_in_every_process_and_release():
    """Yesterday's shards are put together with today's."""
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", PROCESS], env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout.split() == ["a2", "b1", "b3"]


def test_a_choice_is_known_by_its_ids_whatever_their_order():
    samples = make_samples("abca")
    assert digest_choice(samples) == digest_choice(samples[::-1])
    assert digest_choice(samples) != digest_choice(samples[:-1])
