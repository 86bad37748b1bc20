"""The six factors over a result file that others produced, as far as it holds evidence."""

from __future__ import annotations

from ..core.observations import Observations
from ..core.records import Verdict
from .foreign_backend import judge_backend
from .foreign_environment import judge_environment
from .foreign_model import judge_model
from .foreign_prompt import judge_prompt
from .foreign_time import judge_time
from .foreign_tokens import judge_tokens

__all__ = ["judge_observations"]


def judge_observations(seen: Observations) -> tuple[Verdict, ...]:
    """Return the verdict of each factor, in the order F1 to F5 and E.

    A factor is clean only where the file proves it: what the file does not say makes it unverified.

    :param seen: what the file says
    """
    judges = (judge_prompt, judge_model, judge_backend, judge_tokens, judge_time, judge_environment)
    return tuple(judge(seen) for judge in judges)
