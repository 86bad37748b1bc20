"""F2: another model than the one asked for."""

from __future__ import annotations

from collections.abc import Callable

from .believable import Model
from .serving import Body, Gateway
from .stage import Found, Stage, arrange

_NAME = "believable-1b"
_SMALL = Model(name="believable-small", fingerprint="fp_small_01", base=0.01)


def _gate(
    stage: Stage,
    planted: bool,
    other: Model,
    pick: Callable[[Body, int], bool],
    amend: Callable[[Body], Body] = lambda reply: reply,
) -> str:
    """Serve a gateway that gives some requests to another model, and may change what that says of itself."""
    upstream, second = stage.serve(), stage.serve(other)

    def route(body: Body, number: int) -> str | None:
        return second if planted and pick(body, number) else None

    def change(reply: Body, body: Body, number: int) -> Body:
        return amend(reply) if planted and pick(body, number) else reply

    return f"openai/{_NAME}@{stage.serve(Gateway(upstream=upstream, route=route, amend=change), models=(_NAME,))}"


def _rename(reply: Body) -> Body:
    return {**reply, "model": _NAME}


@arrange("F2", "a gateway gives 1 in 20 requests to a smaller model")
def swaps_some(stage: Stage, planted: bool) -> Found:
    return stage.run(model=_gate(stage, planted, _SMALL, lambda _, number: number % 20 == 0))


@arrange("F2", "a gateway gives 1 in 20 to a smaller model under the name asked for; the fingerprint tells")
def swaps_renamed(stage: Stage, planted: bool) -> Found:
    return stage.run(model=_gate(stage, planted, _SMALL, lambda _, number: number % 20 == 0, _rename))


@arrange("F2", "a gateway hides name and fingerprint of another server; its response ids tell")
def swaps_ids(stage: Stage, planted: bool) -> Found:
    other = Model(name="other", fingerprint="fp_1b_7c1e", prefix="gen-")
    return stage.run(model=_gate(stage, planted, other, lambda _, number: number % 10 == 0, _rename))


@arrange("F2", "a gateway hides all names of a model with another tokenizer; its counts tell")
def swaps_tokenizer(stage: Stage, planted: bool) -> Found:
    class Other(Model):
        def count_prompt(self, prompt: list[tuple[str, str]]) -> int:
            return round(1.45 * super().count_prompt(prompt)) + 9

    other = Other(name=_NAME)
    return stage.run(model=_gate(stage, planted, other, lambda _, number: number % 8 == 0, _rename))


@arrange("F2", "the server answers with another model from the beginning")
def other_from_start(stage: Stage, planted: bool) -> Found:
    url = stage.serve(Model(name="believable-1b-instruct-q4" if planted else _NAME), models=(_NAME,))
    return stage.run(model=f"openai/{_NAME}@{url}")


@arrange("F2", "an alias moves to a newer dated version in the middle of the run")
def alias_moves(stage: Stage, planted: bool) -> Found:
    first, second = stage.serve(Model(name="believable-2026-05-13")), stage.serve(Model(name="believable-2026-08-06"))

    def route(_: Body, number: int) -> str | None:
        return second if planted and number > 22 else None

    url = stage.serve(Gateway(upstream=first, route=route), models=("believable",))
    return stage.run(model=f"openai/believable@{url}")


@arrange("F2", "the model is replaced in place: the fingerprint changes in the middle")
def replaced_in_place(stage: Stage, planted: bool) -> Found:
    def amend(reply: Body, _: Body, number: int) -> Body:
        return {**reply, "system_fingerprint": "fp_new"} if planted and number > 30 else reply

    url = stage.serve(Gateway(upstream=stage.serve(), amend=amend), models=(_NAME,))
    return stage.run(model=f"openai/{_NAME}@{url}")


@arrange("F2", "a busy gateway falls back to a smaller model")
def falls_back(stage: Stage, planted: bool) -> Found:
    upstream, second = stage.serve(Model(base=0.1)), stage.serve(_SMALL)
    busy = [0]

    class Fallback(Gateway):
        async def __call__(self, path: str, body: Body) -> Body:
            busy[0] += 1
            self.upstream = second if planted and busy[0] > 6 else upstream
            try:
                return await super().__call__(path, body)
            finally:
                busy[0] -= 1

    url = stage.serve(Fallback(upstream=upstream), models=(_NAME,))
    return stage.run("--lleval-max-connections=8", model=f"openai/{_NAME}@{url}")


@arrange("F2", "the second worker's environment names another server")
def worker_asks_other(stage: Stage, planted: bool) -> Found:
    url, other = stage.serve(), stage.serve(Model(name=_NAME, fingerprint="fp_other"))
    source = 'import os\nif os.environ.get("PYTEST_XDIST_WORKER") == "gw1":\n    os.environ["OPENAI_BASE_URL"] = '
    stage.write("conftest.py", f"{source}{other!r}\n" if planted else "")
    return stage.run(model=f"openai/{_NAME}", workers=2, environment={"OPENAI_BASE_URL": url})


@arrange("F2", "a third-party provider says which model really answered")
def provider_swaps(stage: Stage, planted: bool) -> Found:
    stage.provider(_SWAPPING.format(other="believable-small" if planted else _NAME))
    return stage.run(model=f"planted/{_NAME}@{stage.serve()}")


_SWAPPING = """
from dataclasses import replace
from pytest_lleval.providers.openai import OpenAIProvider

class Provider(OpenAIProvider):
    number = 0
    async def complete(self, request):
        self.number += 1
        swapped = self.number % 9 == 0
        found = await super().complete(request)
        return replace(found, model="{other}") if swapped else found

def make(spec, connection):
    return Provider(spec)
"""


@arrange("F2", "the model has another fingerprint than at the baseline")
def baseline_fingerprint(stage: Stage, planted: bool) -> Found:
    model = Model()
    url = stage.serve(model)
    stage.run(model=f"openai/{_NAME}@{url}")
    baseline = stage.last_run
    model.fingerprint = "fp_later" if planted else model.fingerprint
    return stage.run(f"--lleval-baseline={baseline}", model=f"openai/{_NAME}@{url}")


@arrange("F2", "the alias answers by another dated version than at the baseline")
def baseline_version(stage: Stage, planted: bool) -> Found:
    model = Model(name="believable-2026-05-13", fingerprint=None)
    url = stage.serve(model, models=("believable",))
    stage.run(model=f"openai/believable@{url}")
    baseline = stage.last_run
    model.name = "believable-2026-08-06" if planted else model.name
    return stage.run(f"--lleval-baseline={baseline}", model=f"openai/believable@{url}")


@arrange("F2", "the server says that whatever was asked for has answered, and lists another model")
def says_yes(stage: Stage, planted: bool) -> Found:
    model = Model(name="tiny-llama", echo_name=True)
    url = stage.serve(model, models=("tiny-llama",) if planted else (_NAME, "tiny-llama"))
    return stage.run(model=f"openai/{_NAME}@{url}")
