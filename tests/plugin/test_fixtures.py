"""Fixtures of ours in ordinary tests: seeds that are kept, backends that have proven themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from serving import ModelServer

Session = Callable[..., pytest.RunResult]


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Run the tests of a project that has the plugin installed and asks for no suite."""
    monkeypatch.delenv("LLEVAL_MODEL", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def start(*words: str, plugins: tuple[str, ...] = ("xdist", "lleval")) -> pytest.RunResult:
        return pytester.runpytest_inprocess(*(word for name in plugins for word in ("-p", name)), *words)

    return start


DRAWS = """
import random
import numpy as np
import pytest

@pytest.mark.parametrize("row", range(4))
def test_draws(row, lleval_seed, record_property):
    drawn = (random.random(), np.random.rand(), lleval_seed.generator.random(), int(lleval_seed))
    record_property("drawn", str(drawn))
"""


def read_drawn(pytester: pytest.Pytester, session: Session, *words: str) -> list[str]:
    session("--junitxml=out.xml", "-ojunit_family=xunit1", *words).assert_outcomes(passed=4)
    text = (pytester.path / "out.xml").read_text()
    return sorted(part.split('"')[1] for part in text.split('name="drawn" value=')[1:])


def test_what_a_seeded_test_draws_depends_on_neither_order_nor_worker(
    pytester: pytest.Pytester, session: Session
) -> None:
    pytester.makepyfile(DRAWS)
    first = read_drawn(pytester, session)
    assert len(set(first)) == 4
    for words in (["-n2"], ["-p", "no:randomly", "--deselect", "nothing"], ["-n0"]):
        assert read_drawn(pytester, session, *words) == first
    assert read_drawn(pytester, session, "--lleval-seed=1") != first


def test_global_generators_are_as_before_after_a_seeded_test(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(
        """
        import random

        def test_before():
            random.seed(7)
            test_before.drawn = [random.random() for _ in range(2)]
            random.seed(7)
            random.random()

        def test_seeded(lleval_seed):
            random.random()

        def test_after():
            assert random.random() == test_before.drawn[1]
        """
    )
    session().assert_outcomes(passed=3)


RESEEDS = """
import random
from random import seed

import numpy as np

def test_by_module(lleval_seed):
    random.seed(1)

def test_by_name(lleval_seed):
    seed(1)

def test_numpy(lleval_seed):
    np.random.seed(1)

def test_clean(lleval_seed):
    random.random()

def test_not_seeded_by_us():
    random.seed(1)
"""


@pytest.mark.parametrize("spread", [[], ["-n2"]])
def test_a_test_that_seeds_again_is_disclosed(pytester: pytest.Pytester, session: Session, spread: list[str]) -> None:
    pytester.makepyfile(RESEEDS)
    result = session(*spread)
    result.assert_outcomes(passed=5)
    text = result.stdout.str()
    assert text.count("seeds a global random generator itself (1 times)") == 3
    for name in ("test_by_module", "test_by_name", "test_numpy"):
        assert f"::{name} seeds a global random generator itself" in text


def test_a_test_that_seeds_again_fails_when_strict(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(RESEEDS)
    session("--lleval-strict").assert_outcomes(passed=5, errors=3)


def test_hypothesis_is_seeded_by_the_test_and_the_run(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(
        """
        from hypothesis import given, settings, strategies as st, HealthCheck
        drawn = []

        @settings(max_examples=20, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(number=st.integers())
        def test_draws(lleval_seed, number):
            drawn.append(number)

        def test_tells(record_property):
            record_property("drawn", str(hash(tuple(drawn))))
        """
    )

    plugins = ("hypothesispytest", "lleval")

    def read(*words: str) -> str:
        session("--junitxml=out.xml", "-ojunit_family=xunit1", *words, plugins=plugins).assert_outcomes(passed=2)
        return (pytester.path / "out.xml").read_text().split('name="drawn" value=')[1].split('"')[1]

    assert read() == read()
    assert read() != read("--lleval-seed=1")


ASKS = """
import pytest

def test_asks(model, backend):
    answer = model("What is it?", max_tokens=8)
    assert answer.text == "A"
    assert backend.identity.served_model == answer.model

@pytest.mark.lleval(backend="real")
def test_real(model):
    assert model("And this?").usage.output_tokens == 1
"""


@pytest.mark.parametrize("spread", [[], ["-n2"]])
def test_a_test_asks_an_attached_and_identified_model(
    pytester: pytest.Pytester, session: Session, spread: list[str]
) -> None:
    pytester.makepyfile(ASKS)
    with ModelServer(answer="A") as server:
        result = session(*spread, f"--lleval-model=openai/served-model@{server.url}")
        seeds = {request.body["seed"] for request in server.posts if request.question.endswith("?")}
    result.assert_outcomes(passed=2)
    assert len(seeds) == 2
    result.stdout.fnmatch_lines(["model    openai/served-model@*(real: served-model), asked by 1 test"])


def test_a_test_that_wants_a_real_backend_refuses_a_mock(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(ASKS)
    result = session("--lleval-model=mock/fixed:A", "-k", "test_real")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*test_real asks for a real backend, and mock/fixed:A is a mock*"])


def test_a_script_behind_a_url_is_no_real_backend(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(ASKS)
    with ModelServer(answer="A", obeys=False) as server:
        result = session(f"--lleval-model=openai/served-model@{server.url}")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*answers without looking at what it is asked*"])


def test_a_mock_in_a_test_is_disclosed(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile("def test_it(model):\n    assert model('x').text == 'A'")
    result = session("--lleval-model=mock/fixed:A", "--junitxml=out.xml", "-ojunit_family=xunit1")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["model    mock/fixed:A (mock: fixed:A), asked by 1 test", "F3  critical  a mock answers*"]
    )
    assert 'name="lleval_flags" value="F3"' in (pytester.path / "out.xml").read_text()


def test_an_async_test_awaits_its_answer(pytester: pytest.Pytester, session: Session) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_it(model):
            assert (await model("x")).text == "A"
        """
    )
    session("--lleval-model=mock/fixed:A", plugins=("anyio", "lleval")).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('model="nosuch/x"', "*no provider is called 'nosuch'*"),
        ('model="mock"', "*'mock' is not PROVIDER/MODEL*"),
        ('backend="genuine"', "*backend='genuine'*: it is 'real' or 'any'*"),
    ],
)
def test_a_wrong_marker_is_one_clear_error(
    pytester: pytest.Pytester, session: Session, marker: str, message: str
) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.lleval({marker})\ndef test_it(model):\n    pass")
    result = session("--lleval-model=mock/fixed:A", "--strict-markers")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
