"""When a failed call is made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.errors import CallError

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState
    from tenacity.wait import wait_base

__all__ = ["Health", "make_retrying"]

#: a broken connection or answer is soon worth another try, several times; then something is wrong for longer
_FIRST_SECONDS = 0.1
_SOON_SECONDS = 1.0
_SOON_ATTEMPTS = 8
#: a server that has too much to do is left alone for longer from the start
_FIRST_SECONDS_OVERLOADED = 0.5
_MOST_SECONDS = 60.0
#: the share of failures is a mean over about so many of the latest attempts
_MEMORY = 32
#: the share from which on a failure says something about the server, and not about one attempt
_UNWELL = 0.5


class Health:
    """How the latest attempts at a model went, whichever call they belonged to.

    A server that answers most others is asked again soon, as gRPC does it by the ratio of failures to successes:
    https://github.com/grpc/proposal/blob/master/A6-client-retries.md#throttling-retry-attempts-and-hedged-rpcs.
    """

    def __init__(self) -> None:
        self._seen = 0.0
        self._failed = 0.0

    def note(self, *, failed: bool) -> None:
        """Hear how an attempt ended."""
        self._seen += 1 - self._seen / _MEMORY
        self._failed += failed - self._failed / _MEMORY

    def is_well(self) -> bool:
        """Tell whether most attempts succeed; False while nothing is known."""
        return self._failed < self._seen * _UNWELL


def make_retrying(
    *,
    attempts: int,
    before_sleep: Callable[[RetryCallState], None] | None = None,
    most_wait: float | None = None,
    health: Health | None = None,
) -> AsyncRetrying:
    """Return tenacity's loop for calls that fail with `CallError`: https://tenacity.readthedocs.io.

    It waits as long as the server asks, else exponentially longer with jitter, and raises the last error.

    :param attempts: how often the call is made at most
    :param before_sleep: hears of each failed attempt and of the wait after it
    :param most_wait: a server that asks to wait for more seconds is not asked again
    :param health: of the server; where it answers most others, the first waits do not get longer
    """
    from tenacity import (
        AsyncRetrying,
        retry_if_exception,
        stop_after_attempt,
        wait_exponential,
        wait_fixed,
        wait_random,
    )

    jitter = wait_random(0, _FIRST_SECONDS)
    at_once = wait_fixed(_FIRST_SECONDS) + jitter
    soon = wait_exponential(multiplier=_FIRST_SECONDS, max=_SOON_SECONDS) + jitter
    later = wait_exponential(multiplier=_SOON_SECONDS * 2**-_SOON_ATTEMPTS, max=_MOST_SECONDS) + jitter
    long = wait_exponential(multiplier=_FIRST_SECONDS_OVERLOADED, max=_MOST_SECONDS) + jitter

    def choose(error: CallError, attempt: int) -> wait_base:
        if error.overloaded:
            return long
        if attempt > _SOON_ATTEMPTS:
            return later
        return at_once if health is not None and health.is_well() else soon

    def wait(state: RetryCallState) -> float:
        error = _find_error(state)
        seconds = float(choose(error, state.attempt_number)(state))
        # what a server asks for is a least: all who were told to wait would come back in the same instant
        return seconds if error.wait is None else error.wait + min(seconds, _FIRST_SECONDS)

    def again(error: BaseException) -> bool:
        if not isinstance(error, CallError) or not error.retryable:
            return False
        return most_wait is None or error.wait is None or error.wait <= most_wait

    return AsyncRetrying(
        stop=stop_after_attempt(attempts),
        wait=wait,
        retry=retry_if_exception(again),
        before_sleep=before_sleep,
        reraise=True,
    )


def _find_error(state: RetryCallState) -> CallError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, CallError):
        raise TypeError(f"only failed calls are made again, not {error!r}")
    return error
