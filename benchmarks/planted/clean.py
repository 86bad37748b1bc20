"""Sessions with nothing wrong in them, of many kinds."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping

from .asking import write_function
from .believable import Model
from .serving import Gateway
from .stage import Found, Stage

__all__ = ["CLEAN"]

_NAME = "believable-1b"


def _ask(stage: Stage, *words: str, model: Model | None = None, workers: int = 0, **suite: object) -> Found:
    if suite:
        stage.suite(**suite)  # type: ignore[arg-type]
    return stage.run(*words, model=f"openai/{_NAME}@{stage.serve(model or Model())}", workers=workers)


def _two_models(stage: Stage) -> Found:
    other = stage.serve(Model(name="believable-3b", fingerprint="fp_3b", base=0.05, template=9, default_system=21))
    return stage.run(models=(f"openai/{_NAME}@{stage.serve()}", f"openai/believable-3b@{other}"))


def _through_gateway(stage: Stage) -> Found:
    return stage.run(model=f"openai/{_NAME}@{stage.serve(Gateway(upstream=stage.serve()), models=(_NAME,))}")


def _function(stage: Stage) -> Found:
    return stage.run(model=write_function(stage, stage.serve(), "def answer(text):\n    return ask(text)[0]\n"))


def _timed_function(stage: Stage) -> Found:
    return stage.run(model=write_function(stage, stage.serve(), _TIMED))


_TIMED = """
def answer(text):
    began = time.perf_counter()
    said, model, usage, _ = ask(text)
    return Completion(text=said, model=model, usage=usage, timing=Timing(total=time.perf_counter() - began))
"""


def _baseline(stage: Stage) -> Found:
    model = f"openai/{_NAME}@{stage.serve()}"
    stage.run(model=model)
    return stage.run(f"--lleval-baseline={stage.last_run}", model=model)


def _official(stage: Stage) -> Found:
    table = f'[tool.pytest_lleval.models.official]\nmodel = "openai/{_NAME}"\nbase_url = "{stage.serve()}"\n'
    stage.write("pytest.ini", "[pytest]\n")
    stage.write("pyproject.toml", table + 'client = "official"\n')
    return stage.run(model="official")


def _embedded(stage: Stage) -> Found:
    if importlib.util.find_spec("xllamacpp") is None:
        return _ask(stage)
    stage.suite(count=16, tokens=12)
    return stage.run(model="local/smollm2-135m")


def _embedded_choices(stage: Stage) -> Found:
    if importlib.util.find_spec("xllamacpp") is None:
        return _ask(stage)
    stage.suite("choice", count=30, tokens=2)
    return stage.run(model="local/smollm2-135m", workers=2)


_PROSE = "You are a careful examiner. Answer in one sentence, without examples, in the language of the question."
_SHOTS = '[Message(role="user", content="Explain rain."), Message(role="assistant", content="Water that falls.")] * 3'

CLEAN: Mapping[str, Callable[[Stage], Found]] = {
    "plain": _ask,
    "two workers": lambda stage: _ask(stage, workers=2),
    "two models": _two_models,
    "epochs": lambda stage: _ask(stage, "--lleval-epochs=2", count=20, temperature=0.7),
    "sampled epochs without seeds": lambda stage: _ask(stage, "--lleval-epochs=2", count=20),
    "bare completions": lambda stage: _ask(stage, prompt="lambda sample, dataset: sample.input"),
    "Chinese": lambda stage: _ask(stage, kind="chinese"),
    "many scripts": lambda stage: _ask(stage, kind="mixed"),
    "code": lambda stage: _ask(stage, kind="code"),
    "one letter": lambda stage: _ask(stage, kind="choice", tokens=2, model=Model(letters=True)),
    "one letter, always the same": lambda stage: _ask(
        stage, kind="choice", tokens=2, model=Model(letters=True, weak=True)
    ),
    "a system prompt": lambda stage: _ask(stage, f"--lleval-system-prompt={_PROSE}"),
    "worked examples": lambda stage: _ask(
        stage,
        before=f"SHOTS = {_SHOTS}",
        prompt='lambda sample, dataset: [*SHOTS, Message(role="user", content=sample.input)]',
    ),
    "a template with a default system prompt": lambda stage: _ask(stage, model=Model(default_system=28, template=6)),
    "no fingerprint": lambda stage: _ask(stage, model=Model(fingerprint=None)),
    "a fast model": lambda stage: _ask(stage, model=Model(base=0.003, read=0.00001, write=0.0003)),
    "a slow model": lambda stage: _ask(stage, model=Model(base=0.3)),
    "a gateway": _through_gateway,
    "a function that asks": _function,
    "a function that times itself": _timed_function,
    "a baseline": _baseline,
    "the official client": _official,
    "answers cut at the limit": lambda stage: _ask(stage, tokens=5),
    "the embedded model": _embedded,
    "the embedded model, choices, two workers": _embedded_choices,
    "few samples": lambda stage: _ask(stage, count=6),
    "many samples": lambda stage: _ask(stage, count=300, workers=2),
}
