"""Second looks at a few cases: the same request again, and tokens counted by ourselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ..core.contracts import Provider
from ..core.records import Completion, Request, SeedCheck, TokenLogprob, Trace
from .calling import Called, Caller, Calling

__all__ = ["COUNTED", "Looks", "check_seed", "count_own"]

#: cases of a suite and model whose tokens we count ourselves, where we have the tokenizer
COUNTED = 16


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Which cases are looked at more closely, and how every answer is.

    :param checked: ids of the cases that are asked twice
    :param counted: ids of the cases whose tokens we count
    :param flag: by model name, names the factors that an answer makes doubtful
    """

    checked: frozenset[str] = frozenset()
    counted: frozenset[str] = frozenset()
    flag: Mapping[str, Callable[[Completion], tuple[str, ...]]] = field(default_factory=dict)

    def flag_answer(self, model: str, completion: Completion) -> tuple[str, ...]:
        """Return the factors that an answer makes doubtful."""
        return self.flag[model](completion) if model in self.flag else ()


async def check_seed(caller: Caller, calling: Calling, first: Completion) -> SeedCheck | None:
    """Ask the same again, without the cache, and compare; None when the second request failed.

    :param first: the answer to the first request
    """
    outlet = caller.backend.outlet
    # one record takes both answers to the journal: the second one must not wait for the first to be kept
    outlet.dismiss()
    try:
        called = await caller.call(replace(calling, fresh=True, wanted=None))
    except Exception:  # noqa: BLE001  # a budget that is used up, a bug of a foreign provider: the first answer counts
        called = Called()
    if called.completion is None:
        await outlet.admit()
        return None
    same = called.completion.text == first.text
    return SeedCheck(
        same_text=same,
        logprob_difference=_compare_logprobs(first.logprobs, called.completion.logprobs),
        text="" if same else called.completion.text,
    )


def _compare_logprobs(first: tuple[TokenLogprob, ...], second: tuple[TokenLogprob, ...]) -> float | None:
    """Return the largest difference of the tokens both begin with."""
    largest = None
    for one, other in zip(first, second, strict=False):
        if one.token != other.token:
            break
        largest = max(largest or 0.0, abs(one.logprob - other.logprob))
    return largest


async def count_own(provider: Provider, request: Request, completion: Completion) -> Completion:
    """Return a completion with our own counts of what was asked and answered, where they can be had."""
    try:
        asked, _ = await provider.count_tokens(request)
        answered, _ = await provider.count_output(completion.text)
    except Exception:  # noqa: BLE001  # a foreign provider may raise anything; what was answered must not be lost
        return completion
    return replace(completion, trace=replace(completion.trace or Trace(), counted_input=asked, counted_output=answered))
