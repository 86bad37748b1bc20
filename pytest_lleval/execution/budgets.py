"""What a run may spend: budgets in tokens and money, and what a call is expected to take of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..core.records import Request, Usage
from ..providers.counting import estimate_tokens

__all__ = ["Budget", "Experience", "Need"]

#: output tokens expected of a model nobody has heard yet, where the request sets no limit
_FIRST_OUTPUT = 1024
#: sums of floats are not exact
_ROUNDING = 1 + 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What a call is about to take."""

    #: the model as the user named it
    model: str
    #: an estimate
    input_tokens: int
    #: the most the request allows; None where it does not say
    output_tokens: int | None = None

    @classmethod
    def estimate(cls, model: str, request: Request) -> Need:
        """Estimate what a request will take of a model."""
        return cls(model=model, input_tokens=estimate_tokens(request)[0], output_tokens=request.generation.max_tokens)


@dataclass(kw_only=True, slots=True)
class Budget:
    """A limit on what the whole run spends.

    :param option: that sets it
    :param limit: in its unit
    :param form: how an amount is printed
    :param weigh: the amount that tokens of a model cost, by the model's name
    """

    option: str
    limit: float
    form: str
    weigh: Callable[[str, Usage], float]
    spent: float = 0.0
    #: reserved for calls that are under way
    open: float = 0.0

    def find_excess(self, amount: float) -> str | None:
        """Say why an amount does not even fit when all that is reserved is given back; None when it does."""
        if self.spent + amount <= self.limit * _ROUNDING:
            return None
        limit, spent, more = (self.form.format(value) for value in (self.limit, self.spent, amount))
        return (
            f"not asked: {self.option} is {limit}, of which {spent} are spent, and this call may take {more}; "
            "raise it and go on with --lleval-resume"
        )

    def fits(self, amount: float) -> bool:
        """Tell whether an amount fits beside what is spent and reserved."""
        return self.spent + self.open + amount <= self.limit * _ROUNDING


class Experience:
    """What the calls of one model took, against what was estimated."""

    def __init__(self) -> None:
        self._most_ratio = 1.0
        self._most_output: int | None = None
        self._estimated = self._input = self._output = self._calls = 0

    def reserve(self, need: Need) -> Usage:
        """Return the most a call is expected to take."""
        output = need.output_tokens
        if output is None:
            output = _FIRST_OUTPUT if self._most_output is None else self._most_output
        return Usage(input_tokens=math.ceil(need.input_tokens * self._most_ratio), output_tokens=output)

    def expect(self, need: Need) -> tuple[float, float]:
        """Return the input and output tokens a call is expected to take in the mean."""
        if not self._calls:
            most = self.reserve(need)
            return float(most.input_tokens or 0), float(most.output_tokens or 0)
        ratio = self._input / self._estimated if self._estimated else 1.0
        output = self._output / self._calls
        return need.input_tokens * ratio, output if need.output_tokens is None else min(output, need.output_tokens)

    def learn(self, need: Need, usage: Usage) -> None:
        """Hear what a call took."""
        if not usage.input_tokens or usage.output_tokens is None:
            # nothing was sent, or nothing reported
            return
        self._calls += 1
        self._estimated += need.input_tokens
        self._input += usage.input_tokens
        self._output += usage.output_tokens
        self._most_output = max(self._most_output or 0, usage.output_tokens)
        if need.input_tokens:
            self._most_ratio = max(self._most_ratio, usage.input_tokens / need.input_tokens)
