"""Prompts of any length with a question that only what stands somewhere in them answers.

A haystack is filler in made-up sentences with a few notes in it, each of which says the code of one thing; the question
at its end asks for one of the codes. Codes are random, so that no model knows them and none guesses them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from random import Random
from typing import Literal

from ..support.seeds import derive_seed

__all__ = ["Answer", "Haystack", "Note", "judge_answer", "make_haystack"]

#: `wrong`: the code of another thing, or part of a code; `ignored`: nothing of any code, as by one who did not read
Answer = Literal["right", "wrong", "ignored"]


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_THINGS = _split("anchor basket candle drum engine feather garden hammer island jacket kettle ladder mirror needle")
_KINDS = _split("old red small quiet heavy green bright plain round early narrow warm dark simple open broken")
_PEOPLE = _split("farmer teacher doctor sailor painter baker driver singer miner tailor writer guard cook nurse")
_DEEDS = _split("carried found moved cleaned opened watched counted painted left sold kept lifted brought hid")
_GOODS = _split("box table lamp book chair bottle letter stone rope window plate clock bag wheel coat map")
_PLACES = _split("river bridge market station forest harbour school kitchen tower field road hill lake wall")
_JOINTS = _split("near behind above before after beside across under from past toward along")
_SENTENCES = (
    ("The", _KINDS, _PEOPLE, _DEEDS, "the", _GOODS, _JOINTS, "the", _PLACES),
    ("A", _PEOPLE, _DEEDS, "a", _KINDS, _GOODS, "and", _DEEDS, "it", _JOINTS, "the", _KINDS, _PLACES),
    ("In", "the", _PLACES, "the", _PEOPLE, _DEEDS, "every", _KINDS, _GOODS),
)
_CONSONANTS, _VOWELS = "BDFGKLMNPRSTVZ", "AEIOU"
#: steps of the golden ratio spread any number of depths evenly
_GOLDEN = 0.6180339887498949
#: letters of a code that nobody writes by accident
_TELLING = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """One thing and its code, and where that is said: 0 is before all filler, 1 after it."""

    thing: str
    code: str
    depth: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Haystack:
    """A prompt of which only the length is open."""

    #: the one that is asked for
    asked: Note
    #: the others
    others: tuple[Note, ...]
    #: of the filler
    seed: int = field(repr=False)

    def write(self, words: int, padding: Sequence[str] = ()) -> str:
        """Return the prompt.

        :param words: of filler, at least 0
        :param padding: further words, which stand between the filler and the question
        """
        filler, start = _list_filler(self.seed, words), 0
        # the seed itself keeps any two beginnings apart, if the first words happen to be the same
        parts = [f"{self.seed}."]
        for note in sorted((self.asked, *self.others), key=lambda one: one.depth):
            place = _end_sentence(filler, max(start, round(note.depth * words)))
            parts += [*filler[start:place], f"The code of the {note.thing} is {note.code}."]
            start = place
        question = f"What is the code of the {self.asked.thing}? Answer with the code only."
        return " ".join([*parts, *filler[start:], *padding]) + f"\n\n{question}"


def make_haystack(seed: int, size: int, repeat: int, *, shared: bool = False, notes: int = 4) -> Haystack:
    """Make the prompt of one repeat at one size.

    Prompts of other sizes and other repeats begin differently, so that no cache of prefixes serves them by accident.
    The note that is asked for stands elsewhere in each repeat, and any number of repeats are spread over all depths.

    :param seed: of the run
    :param size: in tokens; it goes into the seed only
    :param repeat: any number, others for warm-up
    :param shared: whether the prompts of all repeats of a size are the same up to the padding, where they are written
        with the same number of words; only the thing asked for is another then
    :param notes: how many there are, 1 to 14
    :raises ValueError: for another number of notes
    """
    if not 1 <= notes <= len(_THINGS):
        raise ValueError(f"{notes} notes are not 1 to {len(_THINGS)}")
    body = derive_seed(seed, "haystack", size) if shared else derive_seed(seed, "haystack", size, repeat)
    random = Random(body)  # noqa: S311 - a prompt is no secret
    things, codes = _draw_things(random, notes), _draw_codes(random, notes)
    first = derive_seed(seed, "depth", size) / 2**31
    first = (first + (0 if shared else repeat) * _GOLDEN) % 1
    made = [
        Note(thing=thing, code=code, depth=(first + index / notes) % 1)
        for index, (thing, code) in enumerate(zip(things, codes, strict=True))
    ]
    asked = made.pop(repeat % notes if shared else 0)
    return Haystack(asked=asked, others=tuple(made), seed=body)


def judge_answer(haystack: Haystack, text: str) -> Answer:
    """Tell whether an answer is right, wrong, or shows that the prompt was not read.

    The first code that is mentioned counts, so that who lists them all is not right by that.

    :param haystack: what was asked
    :param text: what was answered
    """
    said = text.upper()
    found = {note.code: place for note in (haystack.asked, *haystack.others) if (place := _find(note.code, said)) >= 0}
    if found:
        return "right" if min(found, key=lambda code: found[code]) == haystack.asked.code else "wrong"
    beginnings = [note.code[:_TELLING] for note in (haystack.asked, *haystack.others)]
    return "wrong" if any(beginning in said for beginning in beginnings) else "ignored"


def _find(code: str, text: str) -> int:
    match = re.search(rf"(?<![A-Z]){code}(?![A-Z])", text)
    return match.start() if match else -1


def _draw(random: Random, items: Sequence[str]) -> str:
    # of the methods of Random only this one gives the same in every version of Python
    return items[int(random.random() * len(items))]


def _draw_things(random: Random, number: int) -> list[str]:
    left = [*_THINGS]
    return [left.pop(int(random.random() * len(left))) for _ in range(number)]


def _draw_codes(random: Random, number: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < number:
        code = "".join(_draw(random, letters) for letters in (_CONSONANTS, _VOWELS) * 3)
        # equal beginnings would make a part of one a part of the other
        if code[:_TELLING] not in {other[:_TELLING] for other in found}:
            found[code] = None
    return [*found]


def _end_sentence(filler: Sequence[str], place: int) -> int:
    """Return the next place at which no sentence is interrupted; the end where none follows."""
    ends = (end for end in range(place, len(filler)) if not end or filler[end - 1].endswith("."))
    return next(ends, len(filler))


def _list_filler(seed: int, words: int) -> tuple[str, ...]:
    return _grow_filler(seed, 1 << max(words - 1, 0).bit_length())[:words]


@lru_cache(maxsize=8)
def _grow_filler(seed: int, words: int) -> tuple[str, ...]:
    random = Random(seed)  # noqa: S311 - a prompt is no secret
    return tuple(islice(chain.from_iterable(_write_sentences(random)), words))


def _write_sentences(random: Random) -> Iterator[list[str]]:
    while True:
        pattern = _SENTENCES[int(random.random() * len(_SENTENCES))]
        words = [part if isinstance(part, str) else _draw(random, part) for part in pattern]
        yield [*words[:-1], words[-1] + "."]
