"""Where what a process asks for goes: straight to the evidence, or over the line to the controller."""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..core.records import Record, Score
from ..execution.acceptance import MOST_BATCH, write_line
from ..execution.audit import encode_scores
from ..execution.limit_share import LimitShare
from ..execution.quota import QuotaClient

if TYPE_CHECKING:
    from ..distribution.lines import WorkerLine
    from .controller import Controller

__all__ = ["LineOutlet", "LocalOutlet"]


class LocalOutlet:
    """The evidence is kept by this very process.

    :param controller: that keeps it
    """

    worker = "main"
    number = 0
    is_heard = True

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._client: QuotaClient | None = None

    def bind(self, loop: asyncio.AbstractEventLoop, connections: int) -> None:  # noqa: ARG002  # kept at once
        """Hear on which loop the calls are made."""
        if self._controller.limits.quota is not None:
            self._client = QuotaClient(self._send, loop)

    async def admit(self) -> None:
        """Do nothing: an answer is kept the moment it has come."""

    def dismiss(self) -> None:
        """Do nothing, likewise."""

    @property
    def quota(self) -> QuotaClient | None:
        """What asks the run's quota; None where the run has no limits."""
        return self._client

    def share_limit(self, model: str, first: int, most: int | None) -> None:
        """Do nothing: this process finds out for itself what a server takes."""

    def record(self, record: Record) -> None:
        """Journal a record."""
        self._controller.enter_record(record)

    def mark(self, case: str) -> None:
        """Do nothing: this process is the one that would notice its own end."""

    def note_machine(self, found: Mapping[str, object]) -> None:
        """Note what was seen of the machine."""
        self._controller.note_machine(self.worker, found)

    def note_limit(self, model: str, moment: float, limit: int, cause: str) -> None:
        """Note how many requests may be in flight now."""
        self._controller.note_limit(self.worker, model, moment, limit, cause)

    def _send(self, message: tuple[Any, ...]) -> None:
        self._controller.limits.receive(self.worker, message, self._hear)

    def _hear(self, message: tuple[Any, ...]) -> None:
        if self._client is not None:
            self._client.receive(message)


class LineOutlet:
    """The evidence is kept by the controller of this xdist worker.

    :param line: to the controller
    :param worker: the worker's name
    :param number: the worker's number, from 0
    :param limited: whether the run has rate limits or a budget
    :param far: whether the controller is on another machine
    """

    def __init__(self, line: WorkerLine, worker: str, number: int, *, limited: bool, far: bool = False) -> None:
        self._line = line
        self.worker = worker
        self.number = number
        self._limited = limited
        # word that an answer is kept takes as long as the way there and back; the wire must stay full meanwhile
        self._rooms = 2 if far else 1
        self._parent = os.getppid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: QuotaClient | None = None
        self._lines: list[str] = []
        #: of the lines to be sent, those whose answers were admitted
        self._admitted = 0
        #: the same of each message that was sent and not yet kept
        self._unkept: deque[int] = deque()
        self._room = asyncio.Semaphore(1)
        #: by model name
        self._shares: dict[str, LimitShare] = {}

    @property
    def is_heard(self) -> bool:
        """Whether the controller lives: a killed one is gone at once, and its line is closed a moment later."""
        return os.getppid() == self._parent

    def bind(self, loop: asyncio.AbstractEventLoop, connections: int) -> None:
        """Hear on which loop the calls are made, and how many may be in flight at once."""
        self._loop = loop
        self._room = asyncio.Semaphore(self._rooms * connections)
        if self._limited:
            self._client = QuotaClient(self._line.send, loop)

    async def admit(self) -> None:
        """Wait until one more answer may be on its way: when the controller dies, no more is lost than is in flight."""
        await self._room.acquire()

    def dismiss(self) -> None:
        """Hear that what was admitted brought no answer."""
        self._room.release()

    @property
    def quota(self) -> QuotaClient | None:
        """What asks the run's quota; None where the run has no limits."""
        return self._client

    def share_limit(self, model: str, first: int, most: int | None) -> LimitShare:
        """Return what the run allows this process to have in flight.

        :param first: how many until more is known
        :param most: how many ever; None where workers take turns
        """
        share = self._shares[model] = LimitShare(model, first, most, self._line.send)
        return share

    def record(self, record: Record) -> None:
        """Send a record, together with those that come in the same moment."""
        if not self._lines and self._loop is not None:
            self._loop.call_soon(self._flush)
        self._lines.append(write_line(record))
        self._admitted += record.completion is not None and not record.completion.cached

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        batches = _split(lines)
        self._unkept += [0] * (len(batches) - 1) + [self._admitted]
        self._admitted = 0
        for batch in batches:
            self._line.send(("records", "\n".join(batch)))

    def _note_kept(self) -> None:
        for _ in range(self._unkept.popleft()):
            self._room.release()

    def audit(self, ticket: str, record: Record, scores: Sequence[Score] | None) -> None:
        """Send what was asked again for the controller."""
        self._line.send(("audited", ticket, write_line(record), encode_scores(scores)))

    def mark(self, case: str) -> None:
        """Say that a case is about to be asked which may take this process down."""
        self._line.send(("mark", case))

    def note_machine(self, found: Mapping[str, object]) -> None:
        """Say what was seen of the machine."""
        self._line.send(("machine", json.dumps(found)))

    def note_limit(self, model: str, moment: float, limit: int, cause: str) -> None:
        """Say how many requests may be in flight now."""
        self._line.send(("limit", model, moment, limit, cause))

    def hear(self, message: tuple[Any, ...]) -> None:
        """Hear the run's quota, this process's share of a limit, and that the oldest records on their way were kept."""
        if message == ("kept",):
            self._call_soon(self._note_kept)
        elif message[0] == "share":
            self._call_soon(self._shares[message[1]].receive, *message[2:])
        elif self._client is not None:
            self._client.receive(message)

    def _call_soon(self, work: Callable[..., None], *words: Any) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed already: nobody waits any more
                self._loop.call_soon_threadsafe(work, *words)


def _split(lines: list[str]) -> list[list[str]]:
    """Return lines in batches that a message can hold."""
    if sum(map(len, lines)) <= MOST_BATCH:
        return [lines]
    batches: list[list[str]] = []
    size = MOST_BATCH
    for line in lines:
        size += len(line)
        if size > MOST_BATCH:
            batches.append([])
            size = len(line)
        batches[-1].append(line)
    return batches
