"""Whether a server counts some prompts otherwise than the rest, by what their texts alone do not explain."""

from __future__ import annotations

from typing import Any, NamedTuple

from .evidence import Evidence

__all__ = ["Group", "find_group"]

_FEWEST_ROWS = 20
_FEWEST_OF_GROUP = 3
#: what a longer template of more turns may add
_LEAST_MORE = 16.0
#: tokenizers of two models differ by a fifth and more on the same text
_LEAST_TIMES = 1.2
#: distance of two groups in units of their spread: the halves of one normal group are 2.7 apart, of an even one 3.5
_APART = 6.0
#: the smaller a group, the likelier that a few odd prompts make it up: three must be 10 apart
_APART_OF_FEW = 12.0
#: counts are whole numbers
_ROUNDING = 0.5
_ROUNDS = 4
#: what is added to some is about the same for all of them; prompts that are odd are odd each in its own way
_ALIKE = 1.5
#: counts are higher than their logarithms
_LOGARITHMS = 20
_SIZES = ("estimate", "characters", "bytes", "words")


class Group(NamedTuple):
    """Prompts that were counted higher than others of their size."""

    prompts: int
    of: int
    #: tokens more, in the middle
    more: float
    #: whether the difference grows with the prompt, as it does between tokenizers
    multiplies: bool


def find_group(rows: Evidence) -> Group | None:
    """Return the prompts that make a group of their own above all others, or the rest if it is smaller; else None.

    :param rows: of one model
    """
    import numpy as np

    counted = rows["input_tokens"]
    sizes = np.stack([rows[name] for name in _SIZES], axis=1)
    # an odd prompt that is asked in several epochs is still one
    first = np.zeros(len(counted), dtype=bool)
    first[np.unique(rows["asked"], return_index=True)[1]] = True
    keep = first & np.isfinite(counted) & np.isfinite(sizes).all(axis=1) & (counted > 0)
    if keep.sum() < _FEWEST_ROWS:
        return None
    counted, sizes = counted[keep], np.column_stack([np.ones(keep.sum()), sizes[keep]])
    added = _split(counted, sizes)
    times = _split(np.log(counted), _scale(sizes, counted))
    apart = [0.0 if found is None else found[0] for found in (added, times)]
    multiplies = apart[1] > apart[0]
    best = times if multiplies else added
    if best is None:
        return None
    apart_by, upper, step = best
    if apart_by < _APART + _APART_OF_FEW / upper.sum():
        return None
    more = float(step if not multiplies else np.median(counted[upper]) * (1 - np.exp(-step)))
    if more < _LEAST_MORE or (multiplies and np.exp(step) < _LEAST_TIMES):
        return None
    return Group(prompts=int(upper.sum()), of=len(counted), more=more, multiplies=multiplies)


def _scale(sizes: Any, counted: Any) -> Any:
    """Return what explains the logarithm of counts: that of what explains them, and the mixture of signs."""
    import numpy as np

    fitted = np.maximum(1.0, sizes @ np.linalg.lstsq(sizes, counted, rcond=None)[0])
    own = np.maximum(1.0, sizes[:, 1])
    return np.column_stack([np.ones(len(own)), np.log(fitted), sizes[:, 2] / own, sizes[:, 4] / own])


def _split(values: Any, sizes: Any) -> tuple[float, Any, float] | None:
    """Split values, less what sizes explain, in two; return how far apart they are, the upper ones and the step.

    The step is estimated together with the rest, because some of it would pass for an effect of size.
    """
    import numpy as np

    upper = None
    for _ in range(_ROUNDS):
        columns = sizes if upper is None else np.column_stack([sizes, upper])
        solution = np.linalg.lstsq(columns, values, rcond=None)[0]
        rest = values - sizes @ solution[: sizes.shape[1]]
        found = _cut(rest)
        if found is None or (upper is not None and (found == upper).all()):
            break
        upper = found
    if upper is None:
        return None
    columns = np.column_stack([sizes, upper])
    solution = np.linalg.lstsq(columns, values, rcond=None)[0]
    rest = values - columns @ solution
    least = _ROUNDING if values.max() > _LOGARITHMS else _ROUNDING / float(np.exp(np.median(values)))
    if rest[upper].std() > _ALIKE * (rest[~upper].std() + least):
        return None
    # as many degrees of freedom are gone as there are columns
    spread = float(np.sqrt((rest**2).sum() / max(1, len(values) - columns.shape[1])))
    step = float(solution[-1])
    return step / max(spread, least), upper, step


def _cut(rest: Any) -> Any:
    """Return which values are above the place that divides them best; None when there are too few, or none below."""
    import numpy as np

    order = np.sort(rest)
    count = len(order)
    below = np.cumsum(order)
    places = np.arange(_FEWEST_OF_GROUP, count - _FEWEST_OF_GROUP + 1)
    if not len(places):
        return None
    low, high = below[places - 1] / places, (below[-1] - below[places - 1]) / (count - places)
    between = places * (count - places) * (high - low) ** 2
    best = int(places[int(np.argmax(between))])
    upper = rest >= order[best]
    # equal values on both sides of the place
    return None if upper.all() else upper
