"""What the size matrix was asked to measure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import UsageError
from .sizes import PromptSize

__all__ = ["ALL_SIZES", "MATRIX", "PREFIXES", "MatrixSettings", "parse_share"]

ALL_SIZES = "xs,s,m,l,xl"
#: the first word of the cells' node ids
MATRIX = "matrix"
PREFIXES = ("own", "shared")


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixSettings:
    """Which prompt sizes are measured, and how surely."""

    sizes: tuple[PromptSize, ...]
    #: whether the prompts of one size begin alike, so that caches of prefixes are measured
    shared_prefix: bool = False
    #: whether sizes are added where two models cross
    refine: bool = False
    #: measured calls a cell has at least
    repeats: int = 5
    #: how far off the median the limits of its interval may be, relatively
    target: float = 0.05
    #: seconds after which no further call begins, once each cell has its repeats
    budget: float = 600.0
    #: output tokens a call may have
    output: int = 16

    @property
    def options(self) -> tuple[str, ...]:
        """The words of the command line that ask for this."""
        usual = MatrixSettings(sizes=self.sizes)
        numbers = {
            name: getattr(self, name)
            for name in ("repeats", "target", "budget", "output")
            if getattr(self, name) != getattr(usual, name)
        }
        return (
            f"--lleval-matrix={','.join(size.name for size in self.sizes)}",
            *(("--lleval-matrix-prefix=shared",) if self.shared_prefix else ()),
            *(("--lleval-matrix-refine",) if self.refine else ()),
            *(f"--lleval-matrix-{name}={value:.12g}" for name, value in numbers.items()),
        )

    @classmethod
    def decode(cls, raw: Mapping[str, Any]) -> MatrixSettings:
        """Rebuild what `dataclasses.asdict` wrote, possibly after a trip through JSON."""
        return cls(**{**raw, "sizes": tuple(PromptSize(**size) for size in raw["sizes"])})


def parse_share(place: str, value: str) -> float:
    """Parse ``5%`` or ``0.05``.

    :raises UsageError: for anything else, 0, or more than 100 %
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(%?)\s*", value)
    share = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < share <= 1:
        raise UsageError(f"{place}: {value!r} is not a share above 0 such as 5% or 0.05")
    return share
