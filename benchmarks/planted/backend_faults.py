"""F3: something else than a model answers."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from .asking import write_function
from .believable import Model, read_prompt
from .serving import Body, Gateway
from .stage import Found, Stage, arrange

_NAME = "believable-1b"
_APOLOGY = "I'm sorry, the assistant is not available at the moment. Please try again later."


@dataclass(kw_only=True)
class Mock:
    """Wraps texts as a model's answers, after a while, without a model.

    :param say: returns a text, of the question and the number of the request
    """

    say: Callable[[str, int], str]
    seconds: float = 0.03
    stamp: Callable[[], int] = lambda: int(time.time())
    name: Callable[[], str] = lambda: "chatcmpl-" + secrets.token_hex(12)
    number: int = 0
    model: Model = field(default_factory=Model)

    async def __call__(self, path: str, body: Body) -> Body:
        """Answer a request."""
        self.number += 1
        await asyncio.sleep(self.seconds)
        text = self.say(read_prompt(body)[-1][1], self.number)
        asked, said = self.model.count_prompt(read_prompt(body)), max(1, len(text.split()))
        reply = self.model.wrap(path, body, text, asked=asked, said=said)
        return {**reply, "created": self.stamp(), "id": self.name()}


def _answer(stage: Stage, planted: bool, mock: Mock, *words: str, **options: str) -> Found:
    url = stage.serve(mock, models=(_NAME,), **options) if planted else stage.serve()
    return stage.run(*words, model=f"openai/{_NAME}@{url}")


@arrange("F3", "the built-in mock")
def built_in_mock(stage: Stage, planted: bool) -> Found:
    return stage.run(model="mock/pick:A,B,C,D" if planted else f"openai/{_NAME}@{stage.serve()}")


@arrange("F3", "a mock behind a URL always says the same letter")
def constant_letter(stage: Stage, planted: bool) -> Found:
    return _answer(stage, planted, Mock(say=lambda *_: "A"))


@arrange("F3", "a mock behind a URL picks a letter by the hash of the question")
def picked_letter(stage: Stage, planted: bool) -> Found:
    return _answer(stage, planted, Mock(say=lambda text, _: "ABCD"[sha256(text.encode()).digest()[0] % 4]))


@arrange("F3", "a mock behind a URL makes up long answers that differ for every question")
def made_up(stage: Stage, planted: bool) -> Found:
    return _answer(stage, planted, Mock(say=lambda text, _: f"Considering {text[-30:]} one may well say {hash(text)}."))


@arrange("F3", "an echo behind a URL")
def echo(stage: Stage, planted: bool) -> Found:
    return _answer(stage, planted, Mock(say=lambda text, _: text))


@arrange("F3", "an echo that puts a few words before the question")
def framed_echo(stage: Stage, planted: bool) -> Found:
    return _answer(stage, planted, Mock(say=lambda text, _: f"You said: {text}"))


@arrange("F3", "a server whose headers call it a mock")
def declared_mock(stage: Stage, planted: bool) -> Found:
    url = stage.serve(Model(), server="mockserver/1.2" if planted else "uvicorn")
    return stage.run(model=f"openai/{_NAME}@{url}")


@arrange("F3", "three canned answers in turn")
def canned(stage: Stage, planted: bool) -> Found:
    texts = (
        "That is a very good question indeed.",
        "It depends on what one means by that.",
        "Nobody can say for sure.",
    )
    return _answer(stage, planted, Mock(say=lambda text, number: _repeat(text) or texts[number % 3]))


def _repeat(text: str) -> str:
    """Answer a probe as a model would."""
    found = re.search(r"Repeat this number: (\d+)", text)
    return found[1] if found else ""


@arrange("F3", "a mock that answers at once, hundreds of words")
def too_fast(stage: Stage, planted: bool) -> Found:
    return _answer(
        stage,
        planted,
        Mock(say=lambda text, _: _repeat(text) or " ".join([text] * 20), seconds=0.0),
        "--lleval-max-tokens=2000",
    )


@arrange("F3", "answers that were recorded ten days ago are replayed by a server, ids and dates and all")
def old_recording(stage: Stage, planted: bool) -> Found:
    then = int(time.time()) - 864000
    return _answer(
        stage, planted, Mock(say=lambda text, number: _repeat(text) or f"{text[:40]} {number}", stamp=lambda: then)
    )


@arrange("F3", "answers that were recorded ten minutes ago are replayed by a server")
def fresh_recording(stage: Stage, planted: bool) -> Found:
    recorded: dict[str, Body] = {}

    def keep(reply: Body, body: Body, _: int) -> Body:
        if planted:
            recorded[read_prompt(body)[-1][1]] = {**reply, "created": reply["created"] - 600}
        return reply

    url = stage.serve(Gateway(upstream=stage.serve(), amend=keep), models=(_NAME,))
    stage.run(model=f"openai/{_NAME}@{url}")
    upstream = stage.serve()

    class Replay(Gateway):
        async def __call__(self, path: str, body: Body) -> Body:
            await asyncio.sleep(0.02)
            return recorded.get(read_prompt(body)[-1][1]) or await super().__call__(path, body)

    return stage.run(model=f"openai/{_NAME}@{stage.serve(Replay(upstream=upstream), models=(_NAME,))}")


@arrange("F3", "a caching proxy answers all epochs but the first")
def caching_proxy(stage: Stage, planted: bool) -> Found:
    kept: dict[str, asyncio.Task[Body]] = {}

    class Cache(Gateway):
        async def __call__(self, path: str, body: Body) -> Body:
            if not planted:
                return await super().__call__(path, body)
            key = json.dumps(body["messages"])
            if key not in kept:
                kept[key] = asyncio.create_task(super().__call__(path, body))
            return await asyncio.shield(kept[key])

    stage.suite(count=20, temperature=0.7)
    url = stage.serve(Cache(upstream=stage.serve()), models=(_NAME,))
    return stage.run("--lleval-epochs=3", model=f"openai/{_NAME}@{url}")


@arrange("F3", "a cassette in the process replays answers: no connection is opened")
def cassette(stage: Stage, planted: bool) -> Found:
    if planted:
        stage.write("conftest.py", _CASSETTE)
    return stage.run(model=f"openai/{_NAME}@{stage.serve()}")


_CASSETTE = """
import json, re, secrets, time
import aiohttp
from multidict import CIMultiDict

class Stream:
    def __init__(self, content): self.content = content
    async def readany(self):
        content, self.content = self.content, b""
        return content

class Response:
    status, content_length = 200, None
    headers = CIMultiDict({"content-type": "application/json", "server": "uvicorn"})
    def __init__(self, body): self.content = Stream(json.dumps(body).encode())
    def release(self): pass

async def replay(self, method, url, *, data=None, **options):
    if data is None:
        return Response({"data": [{"id": "believable-1b", "owned_by": "someone"}]})
    body = json.loads(data)
    asked = body["messages"][-1]["content"]
    number = re.search("Repeat this number: ([0-9]+)", asked)
    text = number[1] if number else "It is " + asked[-40:]
    return Response({
        "id": "chatcmpl-" + secrets.token_hex(12), "created": int(time.time()), "model": "believable-1b",
        "system_fingerprint": "fp_1b_7c1e",
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10 + len(asked) // 5, "completion_tokens": len(text.split())},
    })

aiohttp.ClientSession._request = replay
"""


@arrange("F3", "a stub replaces the client's own transport")
def stubbed_wire(stage: Stage, planted: bool) -> Found:
    if planted:
        stage.write("conftest.py", _STUB)
    return stage.run(model=f"openai/{_NAME}@{stage.serve()}")


_STUB = """
import json, re, time
from pytest_lleval.core.records import Timing
from pytest_lleval.providers.light import LightWire
from pytest_lleval.providers.wire import Reply

async def post(self, path, body):
    asked = body["messages"][-1]["content"]
    number = re.search("Repeat this number: ([0-9]+)", asked)
    text = number[1] if number else "It is " + asked[-40:]
    reply = {
        "id": "chatcmpl-1", "created": int(time.time()), "model": "believable-1b",
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10 + len(asked) // 5, "completion_tokens": len(text.split())},
    }
    return Reply(status=200, content=json.dumps(reply).encode(), headers={}, timing=Timing(total=0.02),
                 sent=json.dumps(body).encode(), opened=None)

async def models(self):
    return Reply(status=404, content=b"", headers={}, timing=Timing(total=0.02))

LightWire.post, LightWire.get_models = post, models
"""


@arrange("F3", "a function claims a model's name, ids and tokens, and asks nobody")
def claiming_function(stage: Stage, planted: bool) -> Found:
    return stage.run(model=write_function(stage, stage.serve(), _CLAIM if planted else _ASK))


_CLAIM = """
def answer(text):
    number = re.search("Repeat this number: ([0-9]+)", text)
    said = number[1] if number else "It is " + text[-40:]
    usage = Usage(input_tokens=8 + len(text) // 5, output_tokens=len(said.split()))
    return Completion(text=said, model="believable-1b", response_id="chatcmpl-7", usage=usage)
"""
_ASK = """
def answer(text):
    said, model, usage, name = ask(text)
    return Completion(text=said, model=model, response_id=name, usage=usage)
"""


@arrange("F3", "a function answers everything by one sentence")
def constant_function(stage: Stage, planted: bool) -> Found:
    constant = f"def answer(text):\n    return {_APOLOGY!r}\n"
    return stage.run(model=write_function(stage, stage.serve(), constant if planted else _ASK))


@arrange("F3", "a third-party provider names a URL it never connects to", expected="unverified")
def provider_without_connection(stage: Stage, planted: bool) -> Found:
    url = stage.serve()
    stage.provider(_OFFLINE if planted else _PLAIN)
    return stage.run(model=f"planted/{_NAME}@{url}")


_PLAIN = """
from pytest_lleval.providers.openai import OpenAIProvider

def make(spec, connection):
    return OpenAIProvider(spec)
"""
_OFFLINE = """
import asyncio, re, time
from pytest_lleval.core.records import BackendIdentity, Completion, Timing, Usage
from pytest_lleval.providers.counting import estimate_text, estimate_tokens

class Provider:
    def __init__(self, spec):
        self.spec = spec

    async def attach(self, probes):
        return BackendIdentity(
            spec=self.spec.name, provider="planted", kind="real", requested_model=self.spec.model,
            served_model=self.spec.model, url=self.spec.base_url,
        )

    async def complete(self, request):
        started = time.perf_counter()
        await asyncio.sleep(0.02)
        text = request.messages[-1].content
        number = re.search("Repeat this number: ([0-9]+)", text)
        said = number[1] if number else "It is " + text[-40:]
        usage = Usage(input_tokens=estimate_tokens(request)[0] + 7, output_tokens=estimate_text(said))
        return Completion(
            text=said, model=self.spec.model, stop_reason="stop", usage=usage,
            timing=Timing(total=time.perf_counter() - started),
        )

    async def count_tokens(self, request):
        return estimate_tokens(request)

    async def count_output(self, text):
        return estimate_text(text), "estimate"

    async def aclose(self):
        pass

def make(spec, connection):
    return Provider(spec)
"""


@arrange("F3", "a gateway answers half of the requests itself, by an apology")
def fallback_text(stage: Stage, planted: bool) -> Found:
    class Fallback(Gateway):
        async def __call__(self, path: str, body: Body) -> Body:
            if planted and self.number > 20:
                return Model().wrap(path, body, _APOLOGY, asked=Model().count_prompt(read_prompt(body)), said=16)
            return await super().__call__(path, body)

    return stage.run(model=f"openai/{_NAME}@{stage.serve(Fallback(upstream=stage.serve()), models=(_NAME,))}")


@arrange("F3", "all answers are from the response cache of an earlier run", expected="unverified")
def cached_run(stage: Stage, planted: bool) -> Found:
    url = stage.serve()
    environment = {"LLEVAL_CACHE_DIR": str(stage.folder / "cache")}
    mode = "--lleval-cache=on"
    stage.run(mode, model=f"openai/{_NAME}@{url}", environment=environment)
    return stage.run(
        mode if planted else "--lleval-cache=refresh", model=f"openai/{_NAME}@{url}", environment=environment
    )
