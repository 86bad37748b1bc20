from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.errors import AttachError
from pytest_lleval.core.records import BackendIdentity, Request
from pytest_lleval.core.settings import ModelSpec, Settings
from pytest_lleval.execution import attaching
from pytest_lleval.execution.attaching import attach_models, open_callers, share_connections, start_services
from pytest_lleval.execution.context import Attached, RunContext

from .conftest import KeepingOutlet

MOCKS = (ModelSpec(provider="mock", model="fixed:A"), ModelSpec(provider="mock", model="echo", alias="parrot"))
LOCAL = ModelSpec(provider="local", model="smollm2-135m")


class Service:
    def __init__(self, name: str, closed: list[str]) -> None:
        self._name = name
        self._closed = closed

    @property
    def connection(self) -> Mapping[str, str]:
        return {"url": f"http://{self._name}"}

    def close(self) -> None:
        self._closed.append(self._name)


class Attaching:
    """A provider that notes what happens to it."""

    def __init__(self, events: list[str], spec: ModelSpec, error: Exception | None = None) -> None:
        self._events = events
        self._spec = spec
        self._error = error

    async def attach(self, probes: Sequence[Request]) -> BackendIdentity:
        self._events.append(f"attach {self._spec.name} with {len(probes)} probes")
        if self._error:
            raise self._error
        return BackendIdentity(
            spec="cleaned", provider="mock", kind="mock", requested_model="m", served_model=self._spec.model
        )

    async def aclose(self) -> None:
        self._events.append(f"close {self._spec.name}")


def test_every_model_is_attached_and_says_who_answers() -> None:
    identities = attach_models(MOCKS, {}, [Request(prompt="One, two,")])
    assert [identity.spec for identity in identities] == ["mock/fixed:A", "parrot"]
    assert {identity.kind for identity in identities} == {"mock"}


def test_identities_carry_the_name_that_records_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider may tidy the name it prints; the comparison of records with identities goes by the user's own."""
    monkeypatch.setattr(attaching, "open_provider", lambda spec, connection: Attaching([], spec))
    assert [identity.spec for identity in attach_models(MOCKS, {}, [])] == [spec.name for spec in MOCKS]


def test_a_provider_that_does_not_prove_itself_is_closed_and_the_next_one_not_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[str] = []
    error = AttachError("nobody there")
    monkeypatch.setattr(attaching, "open_provider", lambda spec, connection: Attaching(events, spec, error))
    with pytest.raises(AttachError, match="nobody there"):
        attach_models(MOCKS, {}, [Request(prompt="x")])
    assert events == ["attach mock/fixed:A with 1 probes", "close mock/fixed:A"]


def test_services_are_started_once_a_model_and_end_with_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    def start(spec: ModelSpec, *, log_dir: object, progress: object) -> Service | None:
        return Service(spec.label, closed) if spec.provider == "local" else None

    monkeypatch.setattr(attaching, "start_service", start)
    with ExitStack() as stack:
        assert start_services([MOCKS[0], LOCAL], stack) == {LOCAL.name: {"url": "http://smollm2-135m"}}
        assert closed == []
    assert closed == ["smollm2-135m"]


def test_services_that_run_are_ended_when_the_next_one_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    other = ModelSpec(provider="local", model="other")

    def start(spec: ModelSpec, *, log_dir: object, progress: object) -> Service:
        if spec is other:
            raise AttachError("no room")
        return Service(spec.label, closed)

    monkeypatch.setattr(attaching, "start_service", start)
    with pytest.raises(AttachError, match="no room"), ExitStack() as stack:
        start_services([LOCAL, other], stack)
    assert closed == ["smollm2-135m"]


@given(limit=st.integers(1, 200), workers=st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_shares_add_up_to_the_limit_and_nobody_goes_without(limit: int, workers: int) -> None:
    chosen = Settings(models=MOCKS, max_connections=limit)
    shares = [share_connections(chosen, worker, workers) for worker in range(workers)]
    for spec in MOCKS:
        given_out = [share[spec.name] for share in shares]
        assert sum(given_out) == max(limit, workers)
        assert max(given_out) - min(given_out) <= 1


def test_the_limit_is_the_providers_own_unless_the_user_says_otherwise() -> None:
    models = (MOCKS[0], LOCAL)
    assert share_connections(Settings(models=models)) == {"mock/fixed:A": 32, "local/smollm2-135m": 1}
    assert set(share_connections(Settings(models=models, max_connections=5)).values()) == {5}


def test_callers_know_their_share_their_retries_and_whether_the_model_runs_inside() -> None:
    table = replace(MOCKS[1], options={**MOCKS[1].options, "max_retries": 3})
    context = RunContext(
        settings=Settings(models=(MOCKS[0], table), deadline=7),
    )
    attached = Attached(scopes={"mock/fixed:A": None, "parrot": "somebody"}, inside=frozenset({"parrot"}))
    callers = open_callers(context, attached, {"mock/fixed:A": 2, "parrot": 1}, None, KeepingOutlet())
    backends = {name: caller.backend for name, caller in callers.items()}
    assert {name: backend.limiter.limit for name, backend in backends.items()} == {"mock/fixed:A": 2, "parrot": 1}
    assert {name: backend.inside for name, backend in backends.items()} == {"mock/fixed:A": False, "parrot": True}
    assert {name: backend.scope for name, backend in backends.items()} == {"mock/fixed:A": None, "parrot": "somebody"}
    assert backends["parrot"].retries == 3
    assert callers["parrot"].deadline == 7
