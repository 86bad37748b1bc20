import random
import subprocess
import sys
import types
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.support import seeding
from pytest_lleval.support.seeding import RESEEDED, seed_globals, seeded, unwatch, watch_module


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    state, numbers = random.getstate(), np.random.get_state()
    RESEEDED.clear()
    yield
    unwatch()
    RESEEDED.clear()
    random.setstate(state)
    np.random.set_state(numbers)


def draw() -> tuple[float, float]:
    return random.random(), float(np.random.random())


def draw_seeded(seed: int, place: str = "suite 's'") -> tuple[float, float]:
    with seeded(seed, place):
        return draw()


def make_module(source: str) -> types.ModuleType:
    """A module of a user's."""
    module = types.ModuleType("users_scorer")
    exec(source, module.__dict__)
    return module


@given(seed=st.integers(0, 2**63), other=st.integers(0, 2**63))
@settings(max_examples=50, deadline=None)
def test_what_is_drawn_depends_on_the_seed_alone(seed: int, other: int) -> None:
    first = draw_seeded(seed)
    draw()
    assert draw_seeded(seed) == first
    # numpy takes 32 bits
    assert (draw_seeded(other) == first) == (seed % 2**32 == other % 2**32)


def test_the_generators_go_on_after_a_block_as_if_there_had_been_none() -> None:
    seed_globals(7)
    expected = [draw() for _ in range(3)]
    seed_globals(7)
    found = [draw()]
    with seeded(1, "a"):
        draw()
        found.append(expected[1])
    assert [found[0], *(draw() for _ in range(2))] == expected


def test_a_block_that_fails_puts_the_generators_back() -> None:
    seed_globals(7)
    expected = draw()
    seed_globals(7)
    with pytest.raises(ZeroDivisionError), seeded(1, "a"):
        random.seed(9 // 0)
    assert draw() == expected


def test_blocks_in_blocks_put_back_what_was_there() -> None:
    with seeded(1, "outer"):
        first = draw()
        with seeded(2, "inner"):
            draw()
        second = draw()
    with seeded(1, "outer"):
        assert [draw(), draw()] == [first, second]


@pytest.mark.parametrize(
    "source",
    [
        "import random\ndef score():\n    random.seed(3)\n    random.seed(4)",
        "import numpy\ndef score():\n    numpy.random.seed(3)\n    numpy.random.seed(seed=4)",
        "import random, numpy as np\ndef score():\n    random.seed()\n    np.random.seed()",
    ],
)
def test_code_that_seeds_for_itself_inside_a_block_is_counted_at_its_place(source: str) -> None:
    module = make_module(source)
    with seeded(1, "suite 's'"):
        module.score()
    assert dict(RESEEDED) == {"suite 's'": 2}


def test_seeding_by_a_name_that_was_imported_is_seen_where_the_module_is_watched() -> None:
    module = make_module("from random import seed, random\ndef score():\n    seed(3)\n    return random()")
    with seeded(1, "a"):
        watch_module(module)
    with seeded(1, "a"):
        drawn = module.score()
    assert RESEEDED["a"] == 1
    assert drawn == random.Random(3).random()


def test_code_that_only_draws_is_not_accused() -> None:
    module = make_module("import random, numpy\ndef score():\n    return random.random() + numpy.random.random()")
    with seeded(1, "a"):
        module.score()
    assert not RESEEDED


@pytest.mark.parametrize(
    "source",
    [
        "import random\ndef score():\n    random.Random(3).random()",
        "import numpy\ndef score():\n    numpy.random.default_rng(3).random()",
    ],
)
def test_generators_of_ones_own_may_be_seeded(source: str) -> None:
    with seeded(1, "a"):
        make_module(source).score()
    assert not RESEEDED


def test_seeding_outside_a_block_is_nobodys_business() -> None:
    module = make_module("import random\ndef score():\n    random.seed(3)")
    with seeded(1, "a"):
        pass
    module.score()
    assert not RESEEDED
    assert random.random() == random.Random(3).random()


@pytest.mark.parametrize("name", ["hypothesis.internal", "pytest_randomly", "numpy.testing"])
def test_tools_that_seed_for_good_reasons_are_tolerated(name: str) -> None:
    module = make_module("import random\ndef score():\n    random.seed(3)")
    module.__dict__["__name__"] = name
    with seeded(1, "a"):
        module.score()
    assert not RESEEDED


def test_the_functions_that_seed_are_put_back() -> None:
    unwatch()
    originals = random.seed, np.random.seed
    with seeded(1, "a"):
        assert random.seed is not originals[0]
    unwatch()
    assert (random.seed, np.random.seed) == originals
    unwatch()


def test_watching_twice_counts_once() -> None:
    module = make_module("import random\ndef score():\n    random.seed(3)")
    with seeded(1, "a"), seeded(2, "a"):
        module.score()
    assert RESEEDED["a"] == 1


def make_torch() -> tuple[types.ModuleType, list[object]]:
    """A stand-in with the three functions of torch, which is too large to be installed for a test."""
    state: list[object] = ["before"]
    module = types.ModuleType("torch")

    def replace_state(value: object) -> None:
        state[0] = value

    module.manual_seed = replace_state
    module.get_rng_state = lambda: state[0]
    module.set_rng_state = replace_state
    return module, state


def test_torch_is_seeded_and_put_back_where_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    torch, state = make_torch()
    monkeypatch.setitem(sys.modules, "torch", torch)
    with seeded(2**40 + 5, "a"):
        assert state == [5]
        make_module("import torch\ndef score():\n    torch.manual_seed(9)").score()
        assert state == [9]
    assert state == ["before"]
    assert RESEEDED["a"] == 1
    unwatch()


def test_what_imports_numpy_itself_draws_seeded_numbers_the_first_time_too() -> None:
    code = (
        "import sys\nfrom pytest_lleval.support.seeding import seeded\n"
        "assert 'numpy' not in sys.modules\ndrawn = []\n"
        "for _ in range(2):\n    with seeded(1, 'a'):\n"
        "        import numpy\n        drawn.append(numpy.random.rand())\n"
        "assert drawn[0] == drawn[1]\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_place_is_known_to_the_code_of_its_block_alone() -> None:
    score: Callable[[], None] = make_module("import random\ndef score():\n    random.seed(3)").score
    with seeded(1, "outer"):
        with seeded(2, "inner"):
            score()
        score()
    assert dict(RESEEDED) == {"inner": 1, "outer": 1}
    assert seeding._PLACE.get() is None
