"""Scorers for multiple choice: they compare letters, as the original MMLU evaluation does, never the option's text.

Where two options read the same (9 MMLU questions), only the letter in the answer key is right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..core.contracts import Scorer
from ..core.errors import SuiteError
from ..core.records import Completion, Sample, Score, TokenLogprob

__all__ = ["choice", "choice_logprob"]

_LETTERS = "ABCD"


def choice(*, letters: str = _LETTERS, name: str = "choice") -> Scorer:
    r"""Return a scorer that reads an answer letter from the text.

    The letter stands at the start, ``^\s*\(?([A-D])`` and then no further letter (markdown stars before it are
    passed over); else it is the first one named as the answer, ``answer is (X)`` or ``answer: X`` as in
    MMLU-Pro's extraction. A text without either scores 0 with no answer.

    :param letters: the letters of the options in order; a sample with fewer choices uses as many as it has
    :param name: the name its scores carry
    :raises SuiteError: when scoring a sample with more choices than letters, or whose target is not one of them
    """
    return _Choice(letters=letters, name=name)


def choice_logprob(*, letters: str = _LETTERS, name: str = "choice_logprob") -> Scorer:
    """Return a scorer that takes the letter with the highest log probability as first output token.

    ``" A"`` and ``"A"`` are one letter and count with the higher of the two; a letter that is not among the returned
    alternatives counts as minus infinity; the first of equal letters wins, as argmax does. With no letter among them
    the score is 0.

    :param letters: the letters of the options in order; a sample with fewer choices uses as many as it has
    :param name: the name its scores carry
    :raises SuiteError: as `choice` does, and when a completion has text but the server returned no log probabilities
    """
    return _ChoiceLogprob(letters=letters, name=name)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    letters: str
    name: str

    def __call__(self, sample: Sample, completion: Completion) -> Score:
        letters = _letters_of(sample, self.letters, self.name)
        answer = _parse_letter(completion.text, letters)
        if answer is None:
            return Score(name=self.name, value=0.0, explanation=f"no answer letter among {', '.join(letters)} found")
        return Score(name=self.name, value=float(answer in sample.targets), answer=answer)


@dataclass(frozen=True, kw_only=True, slots=True)
class _ChoiceLogprob:
    letters: str
    name: str

    def __call__(self, sample: Sample, completion: Completion) -> Score:
        letters = _letters_of(sample, self.letters, self.name)
        if completion.text and not completion.logprobs:
            raise SuiteError(
                f"scorer {self.name!r}: the server returned no log probabilities for sample {sample.id!r}; "
                "ask a server that does, or score the text (method=generate)"
            )
        found = _letter_logprobs(completion.logprobs[0], letters) if completion.logprobs else {}
        if not found:
            return Score(name=self.name, value=0.0, explanation=f"none of {', '.join(letters)} is a likely first token")
        answer = max(found, key=found.__getitem__)
        explanation = ", ".join(f"{letter} {found.get(letter, -math.inf):.4f}" for letter in letters)
        return Score(name=self.name, value=float(answer in sample.targets), answer=answer, explanation=explanation)


def _letters_of(sample: Sample, letters: str, scorer: str) -> str:
    count = len(sample.choices) or len(letters)
    if count > len(letters):
        raise SuiteError(
            f"scorer {scorer!r}: sample {sample.id!r} has {count} choices, more than the letters {letters!r}"
        )
    used = letters[:count]
    strange = [target for target in sample.targets if len(target) != 1 or target not in used]
    if strange or not sample.targets:
        raise SuiteError(f"scorer {scorer!r}: the target of sample {sample.id!r} is {strange!r}, not one of {used!r}")
    return used


def _parse_letter(text: str, letters: str) -> str | None:
    # [^\W\d_] is any letter of any script: "Ångström" and "Above" name no option
    one = rf"([{re.escape(letters)}])(?![^\W\d_])"
    match = re.match(rf"\s*\**\(?{one}", text) or re.search(rf"(?i:answer\s*(?:is\s*:?|:))\s*\**\(?{one}", text)
    return match.group(1) if match else None


def _letter_logprobs(first: TokenLogprob, letters: str) -> Mapping[str, float]:
    """Return the log probability of each letter that is there, in the order of the letters."""
    best: dict[str, float] = {}
    for token, logprob in [(first.token, first.logprob), *first.top.items()]:
        letter = token.strip()
        if len(letter) == 1 and letter in letters and logprob > best.get(letter, -math.inf):
            best[letter] = logprob
    return {letter: best[letter] for letter in letters if letter in best}
