"""F1: prompts that are not what the suite made."""

from __future__ import annotations

from .believable import Model
from .serving import Body, Gateway
from .stage import Found, Stage, arrange

_PERSONA = (
    "You are Aria, the friendly assistant of Example Corp. Always answer politely, never mention competitors, keep to "
    "the house style, think step by step before you answer, and refuse anything that concerns prices, lawyers, "
    "politics or medicine. Today is Wednesday. The user is a customer of the basic plan and may ask for help."
)
_HINT = "\n\nThink step by step, then give only the final answer without any explanation, in one short sentence."


def _gate(stage: Stage, planted: bool, change: object, **options: object) -> str:
    upstream = stage.serve(Model())
    gateway = Gateway(upstream=upstream, **({"change": change} if planted else {}))  # type: ignore[arg-type]
    return f"openai/believable-1b@{stage.serve(gateway, models=('believable-1b',), **options)}"


def _add_system(body: Body, text: str) -> Body:
    turns = body["messages"]
    if turns[0]["role"] == "system":
        turns[0]["content"] = f"{text}\n\n{turns[0]['content']}"
    else:
        turns.insert(0, {"role": "system", "content": text})
    return body


@arrange("F1", "a proxy adds a system prompt to every request")
def proxy_adds_system(stage: Stage, planted: bool) -> Found:
    return stage.run(model=_gate(stage, planted, lambda body, _: _add_system(body, _PERSONA)))


@arrange("F1", "a proxy adds a system prompt to 1 in 5 requests")
def proxy_adds_system_to_some(stage: Stage, planted: bool) -> Found:
    def change(body: Body, number: int) -> Body:
        return body if number % 5 else _add_system(body, _PERSONA)

    return stage.run(model=_gate(stage, planted, change))


@arrange("F1", "a proxy adds a hint to the end of every second question")
def proxy_adds_hint(stage: Stage, planted: bool) -> Found:
    def change(body: Body, number: int) -> Body:
        body["messages"][-1]["content"] += "" if number % 2 else _HINT
        return body

    return stage.run(model=_gate(stage, planted, change))


@arrange("F1", "a proxy cuts long prompts off")
def proxy_cuts(stage: Stage, planted: bool) -> Found:
    def change(body: Body, _: int) -> Body:
        body["messages"][-1]["content"] = body["messages"][-1]["content"][-160:]
        return body

    return stage.run(model=_gate(stage, planted, change))


@arrange("F1", "a proxy leaves the system prompt out")
def proxy_drops_system(stage: Stage, planted: bool) -> Found:
    def change(body: Body, _: int) -> Body:
        body["messages"] = [turn for turn in body["messages"] if turn["role"] != "system"]
        return body

    words = f"--lleval-system-prompt={_PERSONA}"
    return stage.run(words, model=_gate(stage, planted, change))


@arrange("F1", "a proxy keeps the last turn alone, without the worked examples")
def proxy_drops_turns(stage: Stage, planted: bool) -> Found:
    def change(body: Body, _: int) -> Body:
        body["messages"] = body["messages"][-1:]
        return body

    turns = '[("user", "Explain the river of the treaty, please."), ("assistant", "It is the border of two states.")]'
    before = f"SHOTS = [Message(role=role, content=text) for role, text in {turns} * 4]\n"
    stage.suite(before=before, prompt='lambda sample, dataset: [*SHOTS, Message(role="user", content=sample.input)]')
    return stage.run(model=_gate(stage, planted, change))


@arrange("F1", "a conftest.py wraps the client and adds a system prompt")
def patched_client(stage: Stage, planted: bool) -> Found:
    if planted:
        stage.write("conftest.py", _PATCH_LIGHT)
    return stage.run(model=_gate(stage, planted, lambda body, _: body))


_PATCH_LIGHT = """
from pytest_lleval.providers.light import LightWire

post = LightWire.post

async def wrapped(self, path, body):
    turns = [{"role": "system", "content": "Be brief."}, *body["messages"]]
    return await post(self, path, {**body, "messages": turns})

LightWire.post = wrapped
"""


@arrange("F1", "a conftest.py wraps aiohttp below the client and adds a system prompt")
def patched_aiohttp(stage: Stage, planted: bool) -> Found:
    if planted:
        stage.write("conftest.py", _PATCH_AIOHTTP)
    return stage.run(model=_gate(stage, planted, lambda body, _: body))


_PATCH_AIOHTTP = """
import json
import aiohttp

request = aiohttp.ClientSession._request

async def wrapped(self, method, url, *, data=None, **options):
    if data:
        body = json.loads(data)
        body["messages"].insert(0, {"role": "system", "content": "Be brief."})
        data = json.dumps(body).encode()
    return await request(self, method, url, data=data, **options)

aiohttp.ClientSession._request = wrapped
"""


@arrange("F1", "a conftest.py wraps the official client and shortens the question")
def patched_official(stage: Stage, planted: bool) -> Found:
    url = stage.serve()
    stage.write("pytest.ini", "[pytest]\n")
    table = f'[tool.pytest_lleval.models.official]\nmodel = "openai/believable-1b"\nbase_url = "{url}"\n'
    stage.write("pyproject.toml", table + 'client = "official"\n')
    if planted:
        stage.write("conftest.py", _PATCH_OFFICIAL)
    return stage.run(model="official")


_PATCH_OFFICIAL = """
from openai.resources.chat.completions import AsyncCompletions

create = AsyncCompletions.create

async def wrapped(self, *, messages, **options):
    short = [{**turn, "content": turn["content"][:40]} for turn in messages]
    return await create(self, messages=short, **options)

AsyncCompletions.create = wrapped
"""


@arrange("F1", "a third-party provider puts its own instructions before the question")
def provider_adds(stage: Stage, planted: bool) -> Found:
    url = stage.serve()
    added = "Answer as a pirate. " if planted else ""
    stage.provider(_ADDING_PROVIDER.format(added=added))
    return stage.run(model=f"planted/believable-1b@{url}")


_ADDING_PROVIDER = """
from pytest_lleval.providers.openai import OpenAIProvider

class Provider(OpenAIProvider):
    def _build_chat(self, request, limit_name):
        body = super()._build_chat(request, limit_name)
        body["messages"][-1]["content"] = "{added}" + body["messages"][-1]["content"]
        return body

def make(spec, connection):
    return Provider(spec)
"""


@arrange("F1", "a client sends another temperature than the run asked for")
def other_sampling(stage: Stage, planted: bool) -> Found:
    url = stage.serve()
    stage.provider(_WARM_PROVIDER.format(temperature=0.9 if planted else 0.0))
    return stage.run(model=f"planted/believable-1b@{url}")


_WARM_PROVIDER = """
from pytest_lleval.providers.openai import OpenAIProvider

class Provider(OpenAIProvider):
    def _build_common(self, request, limit_name):
        return {{**super()._build_common(request, limit_name), "temperature": {temperature}}}

def make(spec, connection):
    return Provider(spec)
"""


@arrange("F1", "the suite's prompt depends on the clock, so that epochs are asked differently")
def changing_prompt(stage: Stage, planted: bool) -> Found:
    extra = "time.time_ns()" if planted else "0"
    stage.suite(
        count=20,
        before="import time",
        prompt=f'lambda sample, _: [Message(role="user", content=sample.input + f" {{{extra}}}")]',
    )
    return stage.run("--lleval-epochs=2", model=f"openai/believable-1b@{stage.serve()}")


@arrange("F1", "two models are asked with different templates")
def two_templates(stage: Stage, planted: bool) -> Found:
    url, other = stage.serve(), stage.serve(Model(name="believable-3b", fingerprint="fp_3b"))
    stage.provider(_ADDING_PROVIDER.format(added="Q: " if planted else ""))
    return stage.run(models=(f"openai/believable-1b@{url}", f"planted/believable-3b@{other}"))


@arrange("F1", "the template lost a blank line since the baseline")
def baseline_template(stage: Stage, planted: bool) -> Found:
    url = stage.serve()
    stage.suite(prompt='"Question:\\n\\n{input}\\nAnswer:"')
    stage.run(model=f"openai/believable-1b@{url}")
    baseline = stage.last_run
    stage.suite(prompt='"Question:\\n{input}\\nAnswer:"' if planted else '"Question:\\n\\n{input}\\nAnswer:"')
    return stage.run(f"--lleval-baseline={baseline}", model=f"openai/believable-1b@{url}")


@arrange("F1", "the server's chat template has seven tokens more than at the baseline")
def baseline_server_template(stage: Stage, planted: bool) -> Found:
    model = Model()
    url = stage.serve(model)
    stage.run(model=f"openai/believable-1b@{url}")
    baseline = stage.last_run
    model.template += 7 if planted else 0
    return stage.run(f"--lleval-baseline={baseline}", model=f"openai/believable-1b@{url}")
