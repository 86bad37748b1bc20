"""What numbers of tokens look like that were computed from something else than tokens.

A tokenizer's counts follow the size of a text roughly and no formula exactly. What follows one exactly is that formula.
"""

from __future__ import annotations

import math
from typing import Any

__all__ = ["find_prompt_inside", "find_rate", "find_running_sum", "find_step"]

_FEWEST = 12
#: chance, as a logarithm, that numbers of another origin have a common step: one in 100,000
_CHANCE = 11.5
#: sizes that are counted the same though one is so many times the other were rounded
_WIDE = 2.0
_LEAST_ROUNDING = 10
#: rounding of the result and of a factor
_EXACT = 0.75
_EXACT_SHARE = 0.95
#: tokens by which sizes must differ, and by which our own estimate must not follow the same formula
_LEAST_SPREAD, _LEAST_OWN = 5.0, 1.2
#: a token a word is what common words have
_ONE = 0.1
_ORDERED = 0.9
_ORDER_BY_SIZE = 0.6


def find_step(reported: Any, own: Any) -> int | None:
    """Return the number of which all differences are multiples, as after rounding or multiplying.

    :param reported: numbers of tokens
    :param own: our estimates of the same texts
    """
    import numpy as np

    values = np.unique(reported).astype(np.int64)
    if len(reported) < _FEWEST or len(values) < 2:
        return None
    step = int(np.gcd.reduce(values - values[0]))
    if step < 2:
        return None
    if (len(values) - 1) * math.log(step) > _CHANCE:
        return step
    # few values, one of them of texts of very different sizes
    groups = [own[reported == value] for value in values]
    wide = any(
        len(sizes) > 3 and sizes.max() > _WIDE * sizes.min() and np.ptp(sizes) > _LEAST_ROUNDING for sizes in groups
    )
    return step if step >= _LEAST_ROUNDING and wide else None


def find_rate(reported: Any, size: Any, own: Any, *, words: bool) -> float | None:
    """Return how many of a unit are reported as one token, where the numbers follow that rate exactly.

    :param reported: numbers of tokens
    :param size: of the same texts, in the other unit
    :param own: our estimates of them, which must not follow such a rate themselves
    :param words: whether the unit is words, of which simple texts have one a token
    """
    import numpy as np

    if len(reported) < _FEWEST or len(np.unique(size)) < _FEWEST // 2:
        return None
    slope, start = (float(value) for value in np.polyfit(size, reported, 1))
    if slope <= 0 or slope * size.std() < _LEAST_SPREAD or (words and abs(slope - 1) < _ONE):
        return None
    rest = np.abs(reported - start - slope * size)
    if (rest <= _EXACT).mean() < _EXACT_SHARE:
        return None
    apart = own - np.polyval(np.polyfit(size, own, 1), size)
    return 1 / slope if apart.std() >= _LEAST_OWN else None


def find_running_sum(reported: Any, came: Any, own: Any) -> bool:
    """Tell whether numbers grow with time, whatever the size of the texts.

    :param reported: numbers of tokens
    :param came: when each answer was there
    :param own: our estimates of the same texts
    """
    import numpy as np

    if len(reported) < _FEWEST + 3 or reported.max() <= 3 * max(1.0, float(np.median(own))):
        return False
    order = float(np.corrcoef(_rank(reported), _rank(came))[0, 1]) if reported.std() and came.std() else 0.0
    by_size = float(np.corrcoef(_rank(reported), _rank(own))[0, 1]) if own.std() else 0.0
    return order >= _ORDERED and by_size < _ORDER_BY_SIZE


def _rank(values: Any) -> Any:
    import numpy as np

    return np.argsort(np.argsort(values, kind="stable"), kind="stable")


def find_prompt_inside(answers: Any, prompts: Any, own: Any) -> bool:
    """Tell whether answers are reported with their prompts' tokens in them.

    :param answers: numbers of tokens reported of answers
    :param prompts: those of their prompts
    :param own: our estimates of the answers
    """
    import numpy as np

    if len(answers) < _FEWEST or (answers < prompts).any() or answers.sum() < 2 * own.sum():
        return False
    if prompts.std() < 2 * _LEAST_SPREAD:
        return False
    columns = np.column_stack([np.ones(len(own)), own, prompts])
    solution = np.linalg.lstsq(columns, answers, rcond=None)[0]
    rest = answers - columns @ solution
    return bool(abs(solution[2] - 1) < _ONE and rest.std() < 0.25 * prompts.std())
