"""Prompts of the size matrix, of exactly the tokens that the model's own tokenizer counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..core.contracts import Provider
from ..core.records import Generation, Message, Request
from ..core.settings import Settings
from ..providers.counting import APPROXIMATION
from ..suites.fitting import Fitted, fit_to_tokens
from ..suites.haystack import Haystack, make_haystack
from ..support.seeds import derive_seed

__all__ = ["SizedPrompt", "SizedPrompts", "knows_all_tokens"]

#: fewer notes make room for a short prompt
_NOTES = (4, 2, 1)
_TEMPLATE = "without the chat template"


@dataclass(frozen=True, kw_only=True, slots=True)
class SizedPrompt:
    """A prompt with the request that carries it."""

    haystack: Haystack
    request: Request
    #: its tokens, as they were counted before it was sent; learned of the server where that counts alone
    tokens: int
    #: whether the model's own tokenizer has counted them, with everything around the prompt
    own: bool
    #: whether these are the tokens that were asked for
    exact: bool


def knows_all_tokens(tokenizer: str) -> bool:
    """Tell by the name of a tokenizer whether it counts what a server will count."""
    return tokenizer != APPROXIMATION and _TEMPLATE not in tokenizer


class SizedPrompts:
    """Writes the prompts for one model.

    Where only the server can count, what it has counted corrects what is written next, size by size.

    :param provider: counts tokens, on the running event loop
    :param settings: of the run, with a matrix
    """

    def __init__(self, provider: Provider, settings: Settings) -> None:
        if settings.matrix is None:
            raise ValueError("the settings ask for no matrix")
        self._provider = provider
        self._settings, self._matrix = settings, settings.matrix
        #: by size: tokens the server counts beyond our own count
        self._beyond: dict[int, int] = {}
        #: by size: words of filler, where prompts have to begin alike
        self._words: dict[int, int] = {}

    async def write(self, size: int, repeat: int) -> SizedPrompt:
        """Write the prompt of one repeat.

        :param size: in tokens
        :param repeat: any number
        """
        loop = asyncio.get_running_loop()
        own = knows_all_tokens((await self._provider.count_tokens(self._ask("")))[1])
        beyond = 0 if own else self._beyond.get(size, 0)

        def count(text: str) -> int:
            asked = asyncio.run_coroutine_threadsafe(self._provider.count_tokens(self._ask(text)), loop)
            return max(1, asked.result()[0] + beyond)

        haystack, fitted = await asyncio.to_thread(self._fit, size, repeat, count)
        request = self._ask(fitted.text, derive_seed(self._settings.seed, "matrix", size, repeat))
        return SizedPrompt(haystack=haystack, request=request, tokens=fitted.tokens, own=own, exact=fitted.exact)

    def learn(self, size: int, written: SizedPrompt, counted: int | None) -> None:
        """Hear how many tokens the server has counted in a prompt."""
        if written.own or counted is None:
            return
        if self._matrix.shared_prefix:
            if size in self._beyond:
                # a further correction would move what they have in common
                return
            self._words.pop(size, None)
        self._beyond[size] = self._beyond.get(size, 0) + counted - written.tokens

    def _fit(self, size: int, repeat: int, count: Callable[[str], int]) -> tuple[Haystack, Fitted]:
        shared = self._matrix.shared_prefix
        for notes in _NOTES:
            haystack = make_haystack(self._settings.seed, size, repeat, shared=shared, notes=notes)
            fitted = fit_to_tokens(haystack.write, count, size, words=self._words.get(size))
            if fitted.exact or fitted.tokens <= size:
                break
        if shared:
            self._words.setdefault(size, fitted.words)
        return haystack, fitted

    def _ask(self, text: str, seed: int | None = None) -> Request:
        system: Sequence[Message] = ()
        if self._settings.system_prompt:
            system = (Message(role="system", content=self._settings.system_prompt),)
        temperature = self._settings.temperature
        generation = Generation(
            temperature=0.0 if temperature is None else temperature,
            top_p=self._settings.top_p,
            max_tokens=self._matrix.output,
            seed=seed,
        )
        return Request(messages=(*system, Message(role="user", content=text)), generation=generation)
