import os
from dataclasses import replace

import pytest

from pytest_lleval.core.errors import UsageError
from pytest_lleval.core.settings import ModelSpec
from pytest_lleval.providers import local_options
from pytest_lleval.providers.local import slot_count
from pytest_lleval.providers.local_options import count_processors, read_options

LOCAL = ModelSpec(provider="local", model="smollm2-135m")


def test_local_has_one_slot_and_batched_eight():
    assert slot_count(LOCAL) == 1
    assert slot_count(replace(LOCAL, provider="local-batched")) == 8


def test_options_of_the_table_are_read():
    options = read_options(replace(LOCAL, options={"slots": 3, "threads": 2, "context": 512, "gpu_layers": 0}))
    assert (options.slots, options.threads, options.context, options.gpu_layers) == (3, 2, 512, 0)
    assert options.context_asked


def test_options_of_the_client_are_left_to_it():
    assert read_options(replace(LOCAL, options={"timeout": 5, "omit": "seed"})).slots == 1


def test_unknown_option_names_the_known_ones():
    with pytest.raises(UsageError, match=r"'slot'; known: slots, threads, context, gpu_layers, client, timeout"):
        read_options(replace(LOCAL, options={"slot": 2}))


@pytest.mark.parametrize("value", [0, -1, 2.0, "2", True])
def test_wrong_value_is_named(value):
    with pytest.raises(UsageError, match=r"slots = .* is not a whole number of at least 1"):
        read_options(replace(LOCAL, options={"slots": value}))


def test_address_is_refused_with_the_provider_that_takes_one():
    with pytest.raises(UsageError, match=r"openai/smollm2-135m@http://127\.0\.0\.1:1/v1"):
        read_options(replace(LOCAL, base_url="http://127.0.0.1:1/v1"))


@pytest.mark.parametrize(("text", "expected"), [("100000 100000\n", 1), ("50000 100000\n", 1), ("nonsense", None)])
def test_quota_of_a_container_limits_the_threads(tmp_path, monkeypatch, text, expected):
    quota = tmp_path / "cpu.max"
    quota.write_text(text, encoding="ascii")
    monkeypatch.setattr(local_options, "_QUOTA_FILE", tmp_path / "absent")
    free = count_processors()
    monkeypatch.setattr(local_options, "_QUOTA_FILE", quota)
    assert count_processors() == (expected or free)
    assert 1 <= free <= (os.cpu_count() or 1)


def test_unlimited_container_uses_every_processor(tmp_path, monkeypatch):
    quota = tmp_path / "cpu.max"
    quota.write_text("max 100000\n", encoding="ascii")
    monkeypatch.setattr(local_options, "_QUOTA_FILE", tmp_path / "absent")
    free = count_processors()
    monkeypatch.setattr(local_options, "_QUOTA_FILE", quota)
    assert count_processors() == free
