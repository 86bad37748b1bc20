"""Takes the trust layer out of a session, to see what it costs: for `overhead.py` alone, no option does that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


def pytest_configure() -> None:
    # before the session opens; in every worker too
    take_out()


def take_out() -> None:
    """Replace what the layer does for every call, for the machine and at the end by nothing."""
    import pytest_lleval.plugin.following as following
    import pytest_lleval.plugin.worker as worker
    import pytest_lleval.providers.remote as remote
    import pytest_lleval.reports.view as view
    from pytest_lleval.core.records import Verdict
    from pytest_lleval.disclosure.factors import Judgement
    from pytest_lleval.execution import asking, attaching

    remote.trace_reply = lambda *_: None  # type: ignore[assignment,return-value]
    remote.RemoteProvider._list_further = lambda *_: []  # type: ignore[method-assign]  # noqa: SLF001
    remote.measure_round_trip = _nothing  # type: ignore[assignment]
    attaching._gather_evidence = _empty  # type: ignore[assignment]  # noqa: SLF001
    worker.capture_fingerprint = dict
    worker.EnvironmentSampler = _Silent  # type: ignore[assignment,misc]
    worker._choose_looks = lambda *_: worker.Looks()  # noqa: SLF001
    asking.seeded = _unseeded
    following.JournalFollower._follow = lambda _: None  # type: ignore[method-assign]  # noqa: SLF001
    view.EvidenceBuilder = _Blind  # type: ignore[assignment,misc]
    view.judge_run = lambda *_: Judgement(verdicts=(), further=())  # type: ignore[assignment]
    view.judge_environment = lambda *_, **__: Verdict(factor="E", state="unverified", message="")


async def _nothing(*_: Any) -> None:
    return None


async def _empty(*_: Any) -> dict[str, object]:
    return {}


@contextlib.contextmanager
def _unseeded(*_: Any) -> Iterator[None]:
    yield


class _Silent:
    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


class _Blind:
    def __init__(self, _: int) -> None:
        pass

    def add(self, _: Any) -> None:
        pass

    def finish(self) -> None:
        return None
