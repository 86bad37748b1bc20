"""F5: times that leave something out, or cannot be."""

from __future__ import annotations

from .asking import write_function
from .serving import Body, Gateway
from .stage import Found, Stage, arrange

_NAME = "believable-1b"


def _function(stage: Stage, planted: bool, fault: str, clean: str, *words: str) -> Found:
    """Run a function: Python of the fault or without it, which has ``ask`` and defines ``answer``."""
    return stage.run(*words, model=write_function(stage, stage.serve(), fault if planted else clean))


_CLEAN = """
def answer(text):
    said, model, usage, _ = ask(text)
    return Completion(text=said, model=model, usage=usage)
"""


@arrange("F5", "a function starts its clock after it has connected")
def late_clock(stage: Stage, planted: bool) -> Found:
    fault = """
def answer(text):
    began = time.perf_counter()
    said, model, usage, _ = ask(text)
    return Completion(text=said, model=model, usage=usage, timing=Timing(total=(time.perf_counter() - began) / 3))
"""
    return _function(stage, planted, fault, _CLEAN)


@arrange("F5", "a function leaves a tenth of a second out of each call, in which it loads a model")
def loading_left_out(stage: Stage, planted: bool) -> Found:
    fault = """
def answer(text):
    time.sleep(0.1)
    began = time.perf_counter()
    said, model, usage, _ = ask(text)
    return Completion(text=said, model=model, usage=usage, timing=Timing(total=time.perf_counter() - began))
"""
    return _function(stage, planted, fault, _CLEAN)


@arrange("F5", "a function starts a process when it is imported")
def process_at_import(stage: Stage, planted: bool) -> Found:
    return _function(stage, planted, 'subprocess.run([sys.executable, "-c", "pass"])\n' + _CLEAN, _CLEAN)


@arrange("F5", "a function takes three seconds to be imported")
def slow_import(stage: Stage, planted: bool) -> Found:
    return _function(stage, planted, "time.sleep(3)\n" + _CLEAN, _CLEAN)


@arrange("F5", "a function loads its model in its first call, before the run")
def slow_first_call(stage: Stage, planted: bool) -> Found:
    fault = """
loaded = []

def answer(text):
    if not loaded:
        loaded.append(time.sleep(2))
    said, model, usage, _ = ask(text)
    return Completion(text=said, model=model, usage=usage)
"""
    return _function(stage, planted, fault, _CLEAN)


@arrange("F5", "a function starts its server in its first call, before the run")
def process_in_first_call(stage: Stage, planted: bool) -> Found:
    fault = """
started = []

def answer(text):
    if not started:
        started.append(subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)"]))
    said, model, usage, _ = ask(text)
    return Completion(text=said, model=model, usage=usage)
"""
    return _function(stage, planted, fault, _CLEAN)


@arrange("F5", "a third-party provider times the last of its own attempts")
def last_attempt(stage: Stage, planted: bool) -> Found:
    stage.provider(_RETRYING.format(attempts=3 if planted else 1))
    return stage.run(model=f"planted/{_NAME}@{stage.serve()}")


_RETRYING = """
from pytest_lleval.providers.openai import OpenAIProvider

class Provider(OpenAIProvider):
    async def complete(self, request):
        for _ in range({attempts}):
            found = await super().complete(request)
        return found

def make(spec, connection):
    return Provider(spec)
"""


@arrange("F5", "a third-party provider leaves the wait in its own queue out")
def own_queue(stage: Stage, planted: bool) -> Found:
    stage.provider(_QUEUE.format(started="time.perf_counter()" if planted else "began"))
    return stage.run(model=f"planted/{_NAME}@{stage.serve()}")


_QUEUE = """
import asyncio, time
from dataclasses import replace
from pytest_lleval.core.records import Timing
from pytest_lleval.providers.openai import OpenAIProvider

class Provider(OpenAIProvider):
    def __init__(self, spec):
        super().__init__(spec)
        self.turn = asyncio.Semaphore(4)

    async def complete(self, request):
        began = time.perf_counter()
        async with self.turn:
            started = {started}
            found = await super().complete(request)
        return replace(found, timing=Timing(total=time.perf_counter() - started))

def make(spec, connection):
    return Provider(spec)
"""


@arrange("F5", "a conftest.py makes the client's clock start when the answer begins")
def patched_clock(stage: Stage, planted: bool) -> Found:
    if planted:
        stage.write("conftest.py", _LATE)
    return stage.run(model=f"openai/{_NAME}@{stage.serve()}")


_LATE = """
from dataclasses import replace
from pytest_lleval.providers.light import LightWire

send = LightWire._send

async def wrapped(self, *words, **options):
    reply = await send(self, *words, **options)
    timing = reply.timing
    return replace(reply, timing=replace(timing, total=timing.total - timing.first_byte, first_byte=0.0))

LightWire._send = wrapped
"""


@arrange("F5", "a server says it computed longer than its answers took")
def server_clock(stage: Stage, planted: bool) -> Found:
    def amend(reply: Body, _: Body, __: int) -> Body:
        usage = reply["usage"]
        seconds = 0.8 if planted else 0.005
        reply["timings"] = {
            "prompt_n": usage["prompt_tokens"],
            "prompt_ms": 300 * seconds,
            "predicted_n": usage["completion_tokens"],
            "predicted_ms": 700 * seconds,
        }
        return reply

    gateway = Gateway(upstream=stage.serve(), amend=amend)
    return stage.run(model=f"openai/{_NAME}@{stage.serve(gateway, models=(_NAME,))}")


@arrange("F5", "the first byte is timed in milliseconds")
def milliseconds(stage: Stage, planted: bool) -> Found:
    fault = """
def answer(text):
    began = time.perf_counter()
    said, model, usage, _ = ask(text)
    taken = time.perf_counter() - began
    return Completion(text=said, model=model, usage=usage, timing=Timing(first_byte=taken * 1000, total=taken))
"""
    return _function(stage, planted, fault, _CLEAN)


@arrange("F5", "a conftest.py freezes the clock of the process")
def frozen_clock(stage: Stage, planted: bool) -> Found:
    if planted:
        stage.write("conftest.py", _FREEZE)
    return stage.run(model=f"openai/{_NAME}@{stage.serve()}")


_FREEZE = """
import time

def pytest_collection_finish(session):
    moment = time.perf_counter()
    time.perf_counter = lambda: moment
"""


@arrange("F5", "the clock is set back by a minute during the run")
def clock_set(stage: Stage, planted: bool) -> Found:
    if planted:
        stage.write("conftest.py", _SET)
    return stage.run(model=f"openai/{_NAME}@{stage.serve()}")


_SET = """
import time

real = time.time

def pytest_collection_finish(session):
    time.time = lambda: real() - 60
"""
