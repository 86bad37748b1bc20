from hypothesis import given
from hypothesis import strategies as st
from run_parts import MOCK, make_identity

from pytest_lleval.core.settings import Limit, ModelSpec, Settings
from pytest_lleval.execution.context import Attached, RunContext

TEXTS = st.text(min_size=1, max_size=10)


@given(
    done=st.frozensets(st.tuples(TEXTS, st.integers(1, 9)), max_size=5),
    connections=st.dictionaries(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3), max_size=3),
    workers=st.integers(1, 99),
)
def test_what_a_worker_must_know_survives_the_journey(
    done: frozenset[tuple[str, int]], connections: dict[str, dict[str, str]], workers: int
) -> None:
    spec = ModelSpec(provider="openai", model="m", base_url="http://h/v1", options={"timeout": 1})
    settings = Settings(suites=("s",), models=(spec,), limit=Limit(start=1, stop=5), rpm=2.5, cache="only", deadline=3)
    context = RunContext(settings=settings, digests={"s": "d"}, connections=connections, done=done, workers=workers)
    assert RunContext.decode(context.encode()) == context


def test_models_that_run_inside_and_those_never_cached_are_told_apart() -> None:
    function = make_identity(spec="callable/m:f", provider="callable", kind="callable")
    attached = Attached.describe([make_identity(), MOCK, function])
    assert attached.inside == {"callable/m:f"}
    assert attached.scopes["openai/m"]
    assert attached.scopes[MOCK.spec] is attached.scopes["callable/m:f"] is None
    assert Attached.decode(attached.encode()) == attached
