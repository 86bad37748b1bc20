"""The engine of the size matrix: one call at a time, all cells in turn, until their medians are sure enough.

Rounds go through all cells in a random order that the seed fixes, so that whatever drifts hits all cells alike. Each
cell is warmed up once, measured so many times, and then as often as the rules say until the budget of time ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal, Protocol

from ..core.matrix import MATRIX, MatrixSettings
from ..core.records import Completion, Record, Score, Trace
from ..core.settings import Settings
from ..core.sizes import PromptSize
from ..suites.haystack import judge_answer
from ..support.digest import digest_parts
from ..support.seeds import derive_seed
from .calling import Called, Caller, Calling
from .matrix_cells import MatrixCell, explain_room, is_timeout, is_too_long
from .sizing import SizedPrompt, SizedPrompts

__all__ = ["CellSeries", "MatrixEnding", "MatrixEngine", "MatrixModel", "MatrixRules"]

MatrixEnding = Literal["complete", "budget"]
#: the measured repeats are counted from 1
_WARM_UP = 0
#: repeats of calls that only fill a cache of prefixes, which are no repeat of any cell
_PRIMING = -1
#: of the budget, what repeats may take before sizes are added
_FIRST_SHARE = 0.5


@dataclass(kw_only=True, slots=True)
class CellSeries:
    """What was measured of a cell so far."""

    cell: MatrixCell
    #: of the calls that were answered
    seconds: list[float] = field(default_factory=list)
    #: of those that were not: given up because they took too long, and failed otherwise
    timeouts: int = 0
    errors: int = 0
    #: why the model cannot be measured at this size; empty where it can
    unsupported: str = ""

    @property
    def done(self) -> int:
        """How many repeats there were."""
        return len(self.seconds) + self.timeouts + self.errors


class MatrixRules(Protocol):
    """Says how much is enough; the numbers are judged elsewhere."""

    def wants_more(self, series: CellSeries) -> bool:
        """Tell whether the interval of a cell's median is wider than it should be, and repeats may narrow it."""

    def propose(self, series: Sequence[CellSeries]) -> Mapping[str, Sequence[int]]:
        """Return sizes to add, in tokens, by model."""

    def flag(self, model: str, completion: Completion) -> tuple[str, ...]:
        """Return the factors of the trust layer that an answer makes doubtful."""


@dataclass(frozen=True, kw_only=True)
class MatrixModel:
    """What the engine needs of a model."""

    label: str
    caller: Caller
    prompts: SizedPrompts
    #: tokens it takes; None where nobody knows
    context: int | None = None


class MatrixEngine:
    """Measures cells.

    :param models: by name
    :param settings: of the run, with a matrix
    :param rules: say how much is enough
    :param sink: gets the record of each call as soon as it is there
    :param progress: hears in words how far it has come
    """

    def __init__(
        self,
        models: Mapping[str, MatrixModel],
        settings: Settings,
        rules: MatrixRules,
        sink: Callable[[Record], None],
        progress: Callable[[str], None],
    ) -> None:
        if settings.matrix is None:
            raise ValueError("the settings ask for no matrix")
        self._models, self._settings = models, settings
        self._matrix: MatrixSettings = settings.matrix
        self._rules, self._sink, self._progress = rules, sink, progress
        self._rounds = 0
        self._calls = 0
        self._ends = 0.0
        self.series: list[CellSeries] = []

    async def run(self, cells: Iterable[MatrixCell]) -> MatrixEnding:
        """Measure cells, and what the rules propose; return what ended it."""
        began = time.monotonic()
        self._ends = began + self._matrix.budget
        first = self._add(cells)
        await self._warm_up(first)
        await self._repeat(first, self._matrix.repeats)
        if self._matrix.refine and len(self._models) > 1:
            await self._settle(began + _FIRST_SHARE * self._matrix.budget)
            await self._refine()
        await self._settle(self._ends)
        return "budget" if any(map(self._wants_more, self.series)) else "complete"

    @property
    def _is_over(self) -> bool:
        return time.monotonic() >= self._ends

    def _add(self, cells: Iterable[MatrixCell]) -> list[CellSeries]:
        added = [
            CellSeries(
                cell=cell,
                unsupported=explain_room(cell.size.tokens, self._matrix.output, self._models[cell.model].context),
            )
            for cell in cells
        ]
        self.series += added
        return added

    def _shuffle(self, series: Iterable[CellSeries]) -> list[CellSeries]:
        self._rounds += 1
        chosen = [one for one in series if not one.unsupported]
        Random(derive_seed(self._settings.seed, MATRIX, "round", self._rounds)).shuffle(chosen)  # noqa: S311
        return chosen

    async def _warm_up(self, series: Sequence[CellSeries]) -> None:
        for one in self._shuffle(series):
            await self._call(one, _WARM_UP)

    async def _repeat(self, series: Sequence[CellSeries], repeats: int, *, within_budget: bool = False) -> None:
        for _ in range(repeats):
            for one in self._shuffle(series):
                if within_budget and self._is_over:
                    return
                await self._measure(one)

    async def _settle(self, ends: float) -> None:
        """Repeat the cells whose medians are not sure enough, until they are or the time ends."""
        while wanting := [one for one in self.series if self._wants_more(one)]:
            for one in self._shuffle(wanting):
                if time.monotonic() >= ends:
                    return
                await self._measure(one)

    def _wants_more(self, one: CellSeries) -> bool:
        return not one.unsupported and self._rules.wants_more(one)

    async def _refine(self) -> None:
        """Add sizes where models cross."""
        while not self._is_over:
            proposed = self._rules.propose(self.series)
            cells = [
                MatrixCell(
                    model=model, label=self._models[model].label, size=PromptSize(name=str(tokens), tokens=tokens)
                )
                for model, sizes in proposed.items()
                for tokens in sizes
            ]
            if not cells:
                return
            added = self._add(cells)
            await self._warm_up(added)
            await self._repeat(added, self._matrix.repeats, within_budget=True)

    async def _measure(self, one: CellSeries) -> None:
        if one.unsupported:
            return
        if self._matrix.shared_prefix:
            # else another cell's prompt has taken the place of this one's beginning
            await self._call(one, _PRIMING - one.done, asked=one.done + 2)
        await self._call(one, one.done + 1)

    async def _call(self, one: CellSeries, repeat: int, asked: int | None = None) -> None:
        """Make one call.

        :param repeat: as it is recorded
        :param asked: the repeat whose prompt is sent, where it is another: what fills a cache asks for another thing
        """
        model, size = self._models[one.cell.model], one.cell.size.tokens
        self._calls += 1
        self._progress(f"{one.cell.name}, call {self._calls:,}, round {self._rounds:,}")
        prompt = await model.prompts.write(size, repeat if asked is None else asked)
        if prompt.tokens > size and not prompt.exact and repeat == _WARM_UP and not self._fits(prompt, size):
            one.unsupported = f"the shortest prompt with a question has {prompt.tokens:,} tokens, not {size:,}"
            return
        started = time.time()
        called = await model.caller.call(Calling(case=one.cell.id, epoch=repeat, request=prompt.request, fresh=True))
        self._sink(self._make_record(one.cell, repeat, prompt, called, started))
        if called.completion is not None:
            model.prompts.learn(size, prompt, called.completion.usage.input_tokens)
        elif called.error is not None and is_too_long(str(called.error)):
            one.unsupported = str(called.error)
        if repeat > _WARM_UP and not one.unsupported:
            _count(one, called, model.caller.deadline)

    @staticmethod
    def _fits(prompt: SizedPrompt, size: int) -> bool:
        # a tokenizer that only estimates is corrected by what the server counts
        return not prompt.own and prompt.tokens < 2 * size

    def _make_record(
        self, cell: MatrixCell, repeat: int, prompt: SizedPrompt, called: Called, started: float
    ) -> Record:
        completion = called.completion
        if completion is not None and prompt.own:
            trace = replace(completion.trace or Trace(), counted_input=prompt.tokens)
            completion = replace(completion, trace=trace)
        text = prompt.request.messages[-1].content
        return Record(
            case=cell.id,
            suite=MATRIX,
            # the same name for two models only where their tokenizers make the same prompt of it
            sample=f"{cell.size.name}/{repeat}-{digest_parts([text])[:8]}",
            group=cell.size.name,
            model=cell.model,
            epoch=repeat,
            outcome="unscored" if completion is None else "scored",
            cause=None if completion is not None else "error",
            error=str(called.error) if called.error else "",
            scores=_score(prompt, completion),
            request=prompt.request,
            completion=completion,
            failures=called.failures,
            flags=self._rules.flag(cell.model, completion) if completion else (),
            target=(prompt.haystack.asked.code,),
            started=started,
        )


def _score(prompt: SizedPrompt, completion: Completion | None) -> tuple[Score, ...]:
    if completion is None:
        return ()
    answer = judge_answer(prompt.haystack, completion.text)
    return (Score(name="needle", value=float(answer == "right"), answer=completion.text.strip(), explanation=answer),)


def _count(one: CellSeries, called: Called, deadline: float) -> None:
    if called.completion is not None:
        # a clock may not have moved, and a time is above 0
        one.seconds.append(max(called.completion.timing.total, 1e-6))
    elif is_timeout(called.failures, deadline):
        one.timeouts += 1
    else:
        one.errors += 1
