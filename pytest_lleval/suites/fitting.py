"""Prompts of an exact number of tokens, by any tokenizer that can count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

__all__ = ["Fitted", "fit_to_tokens"]

#: Writes a prompt with so many words of filler, and padding.
Writer = Callable[[int, Sequence[str]], str]
Counter = Callable[[str], int]

#: tokens that padding makes up for, so that questions of other lengths fit with the same number of words
_RESERVE = 8
#: one token each to most tokenizers, and of different lengths where tokens are bytes
_PADDING = ("so", "and", "a", "then", "again", "x", "1")
#: fewer words of filler that are tried when no padding fits
_FEWER = 6
_CORRECTIONS = 3
_MOST_PADDING = 200
_WORDS_PER_TOKEN = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A prompt with the number of its tokens."""

    text: str
    tokens: int
    #: whether it has as many tokens as were asked for; else it is the nearest one that was found
    exact: bool
    #: of filler
    words: int
    #: how often tokens were counted
    calls: int


class _Enough(Exception):  # noqa: N818 - an end, no error
    """Raised when no further count is worth its time."""


class _Search:
    """Counts prompts, and keeps the nearest one."""

    def __init__(self, write: Writer, count: Counter, tokens: int, calls: int) -> None:
        self._write, self._count, self._calls, self._tokens = write, count, calls, tokens
        text = write(0, ())
        least = count(text)
        self._seen: dict[tuple[int, tuple[str, ...]], int] = {(0, ()): least}
        self.best = Fitted(text=text, tokens=least, exact=least == tokens, words=0, calls=1)
        #: who takes more words for a token does not count the prompt
        self.most_words = _WORDS_PER_TOKEN * tokens

    def miss(self, words: int, padding: tuple[str, ...] = ()) -> int:
        """Return how many tokens a prompt lacks; below 0 where it has too many.

        :raises _Enough: when it lacks none, or there were as many calls as are allowed
        """
        key = (words, padding)
        if key not in self._seen:
            if len(self._seen) >= self._calls:
                raise _Enough
            text = self._write(words, padding)
            self._seen[key] = found = self._count(text)
            gap, calls = self._tokens - found, len(self._seen)
            if abs(gap) < abs(self._tokens - self.best.tokens):
                self.best = Fitted(text=text, tokens=found, exact=gap == 0, words=words, calls=calls)
        if self._seen[key] == self._tokens:
            raise _Enough
        return self._tokens - self._seen[key]

    @property
    def calls(self) -> int:
        """How many counts there were."""
        return len(self._seen)


def fit_to_tokens(write: Writer, count: Counter, tokens: int, *, words: int | None = None, calls: int = 120) -> Fitted:
    """Write a prompt of exactly so many tokens, or the nearest that can be found.

    Filler is added until a few tokens lack, and these are made up for by padding: nothing is taken for granted of the
    tokenizer but that more words are more tokens in the long run.

    :param write: gets a number of words of filler and padding, such as `Haystack.write`
    :param count: tokens of the whole request with that text, chat template included
    :param tokens: how many there should be, at least 1
    :param words: of filler, to begin with those of another prompt that is to begin likewise
    :param calls: how often tokens are counted at most, at least 2
    :raises ValueError: for numbers outside these
    """
    if tokens < 1 or calls < 2:
        raise ValueError(f"{tokens} tokens or {calls} calls are too few")
    search = _Search(write, count, tokens, calls)
    try:
        most = _fill(search) if words is None else words
        for fewer in range(most, max(-1, most - _FEWER), -1):
            _pad(search, fewer)
    except _Enough:
        pass
    return replace(search.best, calls=search.calls)


def _fill(search: _Search) -> int:
    """Return a number of words of filler with which a few tokens lack."""
    low, lacking, high, beyond, step = 0, search.miss(0), 0, 0, 0
    while lacking > 2 * _RESERVE and high != low + 1 and low < search.most_words:
        aim, step = lacking - _RESERVE, step + 1
        if not high:
            # as if each word were a token, then twice as many and so on
            words = low + aim * step
        elif step % 4:
            words = low + round((high - low) * aim / (lacking - beyond))
        else:
            # the chord alone may creep where tokens are no straight line
            words = (low + high) // 2
        words = max(low + 1, min(words, high - 1 if high else search.most_words))
        gap = search.miss(words)
        if gap >= _RESERVE:
            low, lacking = words, gap
        else:
            high, beyond = words, gap
    return low


def _pad(search: _Search, words: int) -> None:
    """Search the padding that makes up for what lacks with a number of words of filler."""
    lacking, costs = search.miss(words), dict[str, int]()
    if lacking < 0:
        return
    for word in _PADDING:
        cost = lacking - search.miss(words, (word,))
        if cost < 1:
            continue
        costs[word] = cost
        aim = lacking
        for _ in range(_CORRECTIONS):
            padding = _compose(aim, costs)
            if padding is None:
                break
            # words may cost less or more beside each other than alone
            aim += search.miss(words, padding)


def _compose(aim: int, costs: Mapping[str, int]) -> tuple[str, ...] | None:
    """Return the fewest words that cost so many tokens together, or as many as can be; None for too many or too few."""
    if not 0 <= aim <= _MOST_PADDING:
        return None
    reached: list[tuple[str, ...] | None] = [()]
    for total in range(1, aim + 1):
        befores = [(reached[total - cost], word) for word, cost in costs.items() if cost <= total]
        ways = [(*before, word) for before, word in befores if before is not None]
        reached.append(min(ways, key=len, default=None))
    return next(words for words in reversed(reached) if words is not None)
