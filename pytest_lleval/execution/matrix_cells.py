"""The cells of the size matrix: each model at each prompt size, and those a model's context has no room for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..core.errors import UsageError
from ..core.matrix import MATRIX
from ..core.records import FailedAttempt
from ..core.settings import Settings
from ..core.sizes import PromptSize
from .planning import label_models

__all__ = ["MATRIX_JOURNAL", "MatrixCell", "explain_room", "is_timeout", "is_too_long", "plan_cells"]

#: the file in the run directory
MATRIX_JOURNAL = "matrix.jsonl"
#: of servers: OpenAI and vLLM, llama.cpp, Anthropic, others
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed\w* (?:the )?(?:available |model's |maximum )*context|maximum context length"
    r"|prompt is too long|context (?:length|window|size) (?:of|is|exceeded)|too many (?:input )?tokens",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixCell:
    """One model at one prompt size."""

    #: as the user named it, and as node ids do
    model: str
    label: str
    size: PromptSize

    @property
    def name(self) -> str:
        """The cell in its node id, e.g. ``xs[smollm2-135m]``."""
        return f"{self.size.name}[{self.label}]"

    @property
    def id(self) -> str:
        """The node id."""
        return f"{MATRIX}::{self.name}"


def plan_cells(settings: Settings) -> tuple[MatrixCell, ...]:
    """Return the cells of the matrix in the order of sizes; none where it is not asked for.

    :raises UsageError: when a suite has the name that the cells' node ids begin with
    """
    if settings.matrix is None:
        return ()
    if MATRIX in settings.suites:
        raise UsageError(f"--lleval-matrix: a suite is called {MATRIX!r} as well; run it apart")
    labels: Mapping[str, str] = label_models(settings.models)
    return tuple(
        MatrixCell(model=model, label=label, size=size)
        for size in settings.matrix.sizes
        for model, label in labels.items()
    )


def explain_room(tokens: int, output: int, context: int | None) -> str:
    """Say why a prompt does not fit into a model's context; nothing where it does, or nobody knows.

    :param tokens: of the prompt
    :param output: that are to follow
    :param context: tokens the model takes
    """
    if context is None or tokens + output <= context:
        return ""
    return f"{tokens:,} tokens and {output:,} of answer do not fit into its context of {context:,}"


def is_too_long(error: str) -> bool:
    """Tell whether a server refuses a prompt because it is longer than the model's context."""
    return _TOO_LONG.search(error) is not None


def is_timeout(failures: Sequence[FailedAttempt], deadline: float) -> bool:
    """Tell whether a call was given up because it took too long, so that it is known to take longer than that.

    :param failures: of the call
    :param deadline: seconds it could take
    """
    # whoever wakes up at the deadline may do so a little early
    return bool(failures) and failures[-1].status is None and failures[-1].seconds >= 0.99 * deadline
