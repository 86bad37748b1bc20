"""When a failed call is made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.errors import CallError

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState

__all__ = ["make_retrying"]

#: a broken connection or answer is soon worth another try, several times; then something is wrong for longer
_FIRST_SECONDS = 0.1
_SOON_SECONDS = 1.0
_SOON_ATTEMPTS = 8
#: a server that has too much to do is left alone for longer from the start
_FIRST_SECONDS_OVERLOADED = 0.5
_MOST_SECONDS = 60.0


def make_retrying(
    *, attempts: int, before_sleep: Callable[[RetryCallState], None] | None = None, most_wait: float | None = None
) -> AsyncRetrying:
    """Return tenacity's loop for calls that fail with `CallError`: https://tenacity.readthedocs.io.

    It waits as long as the server asks, else exponentially longer with jitter, and raises the last error.

    :param attempts: how often the call is made at most
    :param before_sleep: hears of each failed attempt and of the wait after it
    :param most_wait: a server that asks to wait for more seconds is not asked again
    """
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

    jitter = wait_random(0, _FIRST_SECONDS)
    soon = wait_exponential(multiplier=_FIRST_SECONDS, max=_SOON_SECONDS) + jitter
    later = wait_exponential(multiplier=_SOON_SECONDS * 2**-_SOON_ATTEMPTS, max=_MOST_SECONDS) + jitter
    long = wait_exponential(multiplier=_FIRST_SECONDS_OVERLOADED, max=_MOST_SECONDS) + jitter

    def wait(state: RetryCallState) -> float:
        error = _find_error(state)
        short = soon if state.attempt_number <= _SOON_ATTEMPTS else later
        seconds = float((long if error.overloaded else short)(state))
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
