"""HTTP servers in a thread of this process: what stands in for models, gateways and mocks."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import ClientSession, web

__all__ = ["Answer", "Body", "Gateway", "Servers"]

Body = dict[str, Any]
#: takes the path below ``/v1`` and the request's body, and returns the body of the reply
Answer = Callable[[str, Body], Awaitable[Body]]


def _keep(body: Body, _: int) -> Body:
    return body


def _keep_reply(reply: Body, _body: Body, _number: int) -> Body:
    return reply


@dataclass(kw_only=True)
class Gateway:
    """Hands requests on to a real server, over HTTP, and what it says back.

    :param upstream: base URL
    :param change: returns another body, of a body and the number of the request, from 1
    :param route: returns another base URL, likewise
    :param amend: returns another reply, of reply, body and number
    """

    upstream: str
    change: Callable[[Body, int], Body] = _keep
    route: Callable[[Body, int], str | None] = lambda _body, _number: None
    amend: Callable[[Body, Body, int], Body] = _keep_reply
    number: int = 0
    _session: ClientSession | None = None

    async def __call__(self, path: str, body: Body) -> Body:
        """Answer a request."""
        self.number += 1
        number = self.number
        self._session = self._session or ClientSession()
        sent = self.change(json.loads(json.dumps(body)), number)
        url = (self.route(body, number) or self.upstream) + path
        async with self._session.post(url, json=sent) as response:
            return self.amend(await response.json(), body, number)

    async def close(self) -> None:
        """Release connections."""
        if self._session is not None:
            await self._session.close()


@dataclass(kw_only=True)
class Servers:
    """The servers of one arrangement; use as a context manager."""

    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _runners: list[web.AppRunner] = field(default_factory=list)
    _answers: list[Answer] = field(default_factory=list)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread is not None:
            self._thread.join()
        self._loop.close()

    def serve(self, answer: Answer, *, models: tuple[str, ...] = (), owner: str = "someone", server: str = "") -> str:
        """Start a server and return its base URL.

        :param answer: what it answers
        :param models: what it lists; None of them: it has no list
        :param owner: of the models
        :param server: its ``Server`` header
        """
        app = web.Application()
        headers = {"Server": server or "uvicorn"}

        async def post(request: web.Request) -> web.Response:
            path = request.path.removeprefix("/v1")
            return web.json_response(await answer(path, await request.json()), headers=headers)

        async def listing(_: web.Request) -> web.Response:
            data = [{"id": name, "object": "model", "owned_by": owner} for name in models]
            return web.json_response({"object": "list", "data": data}, status=200 if models else 404, headers=headers)

        app.router.add_post("/v1/{rest:.*}", post)
        app.router.add_get("/v1/models", listing)
        self._answers.append(answer)
        return self._run(self._start(app))

    async def _start(self, app: web.Application) -> str:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/v1"

    async def _close(self) -> None:
        for answer in self._answers:
            if isinstance(answer, Gateway):
                await answer.close()
        for runner in self._runners:
            await runner.cleanup()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)
