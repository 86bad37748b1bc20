"""F4: numbers that are called tokens and are something else."""

from __future__ import annotations

import math
from collections.abc import Callable

from .asking import write_function
from .believable import Model, read_prompt
from .serving import Body, Gateway
from .stage import Found, Stage, arrange

_NAME = "believable-1b"


def _read_texts(reply: Body, body: Body) -> tuple[str, str]:
    return "\n".join(text for _, text in read_prompt(body)), reply["choices"][0]["message"]["content"]


def _report(
    stage: Stage,
    planted: bool,
    asked: Callable[[str, int], float] | None = None,
    said: Callable[[str, int], float] | None = None,
    kind: str = "plain",
) -> Found:
    """Put a gateway before a model that reports other numbers: functions of the text and of the real number."""

    def amend(reply: Body, body: Body, _: int) -> Body:
        prompt, answer = _read_texts(reply, body)
        usage = reply["usage"]
        usage |= {"prompt_tokens": int(asked(prompt, usage["prompt_tokens"]))} if asked else {}
        usage |= {"completion_tokens": int(said(answer, usage["completion_tokens"]))} if said else {}
        return reply

    stage.suite(kind)
    gateway = Gateway(upstream=stage.serve(), **({"amend": amend} if planted else {}))
    return stage.run(model=f"openai/{_NAME}@{stage.serve(gateway, models=(_NAME,))}")


@arrange("F4", "characters are reported as the prompt's tokens")
def prompt_characters(stage: Stage, planted: bool) -> Found:
    return _report(stage, planted, asked=lambda text, _: len(text))


@arrange("F4", "characters are reported as the answer's tokens")
def answer_characters(stage: Stage, planted: bool) -> Found:
    return _report(stage, planted, said=lambda text, _: len(text))


@arrange("F4", "bytes of Chinese prompts are reported as tokens")
def chinese_bytes(stage: Stage, planted: bool) -> Found:
    return _report(stage, planted, asked=lambda text, _: len(text.encode()), kind="chinese")


@arrange("F4", "words are reported as tokens, in prompts and answers of code")
def code_words(stage: Stage, planted: bool) -> Found:
    return _report(stage, planted, asked=lambda text, _: len(text.split()), kind="code")


@arrange("F4", "blanks are counted where there are none: Chinese prompts have one token")
def chinese_words(stage: Stage, planted: bool) -> Found:
    return _report(stage, planted, asked=lambda text, _: len(text.split()), kind="chinese")


@arrange("F4", "a quarter of the characters is reported as tokens")
def quarter_characters(stage: Stage, planted: bool) -> Found:
    def quarter(text: str, _: int) -> float:
        return math.ceil(len(text) / 4)

    return _report(stage, planted, asked=quarter, said=quarter)


@arrange("F4", "a quarter of the characters of Chinese prompts is reported as tokens")
def quarter_chinese(stage: Stage, planted: bool) -> Found:
    return _report(stage, planted, asked=lambda text, _: len(text) // 4, kind="chinese")


@arrange("F4", "words times 1.3 are reported as tokens")
def words_and_a_third(stage: Stage, planted: bool) -> Found:
    return _report(stage, planted, asked=lambda text, _: 1.3 * len(text.split()))


@arrange("F4", "no tokens are reported for any text")
def zeros(stage: Stage, planted: bool) -> Found:
    return _report(stage, planted, asked=lambda *_: 0, said=lambda *_: 0)


@arrange("F4", "the same number is reported for every prompt")
def constant(stage: Stage, planted: bool) -> Found:
    return _report(stage, planted, asked=lambda *_: 100)


@arrange("F4", "a gateway doubles the tokens it reports")
def doubled(stage: Stage, planted: bool) -> Found:
    return _report(stage, planted, asked=lambda _, tokens: 2 * tokens, said=lambda _, tokens: 2 * tokens)


@arrange("F4", "tokens are rounded up to hundreds, as they are billed")
def rounded(stage: Stage, planted: bool) -> Found:
    return _report(stage, planted, asked=lambda _, tokens: 100 * math.ceil(tokens / 100))


@arrange("F4", "the answer's tokens have the prompt's in them")
def total_as_answer(stage: Stage, planted: bool) -> Found:
    def amend(reply: Body, _: Body, __: int) -> Body:
        reply["usage"]["completion_tokens"] = reply["usage"]["total_tokens"]
        return reply

    return _amend(stage, planted, amend)


@arrange("F4", "the session's sum is reported for every answer")
def running_total(stage: Stage, planted: bool) -> Found:
    spent = [0]

    def amend(reply: Body, _: Body, __: int) -> Body:
        spent[0] += reply["usage"]["completion_tokens"]
        reply["usage"]["completion_tokens"] = spent[0]
        return reply

    return _amend(stage, planted, amend)


@arrange("F4", "prompt and answer are reported the wrong way round")
def swapped(stage: Stage, planted: bool) -> Found:
    def amend(reply: Body, _: Body, __: int) -> Body:
        usage = reply["usage"]
        usage["prompt_tokens"], usage["completion_tokens"] = usage["completion_tokens"], usage["prompt_tokens"]
        return reply

    return _amend(stage, planted, amend)


@arrange("F4", "more tokens come from the prompt cache than the prompt has")
def cached_more(stage: Stage, planted: bool) -> Found:
    def amend(reply: Body, _: Body, number: int) -> Body:
        reply["usage"]["prompt_tokens_details"] = {"cached_tokens": 30 * number}
        return reply

    return _amend(stage, planted, amend)


def _amend(stage: Stage, planted: bool, amend: Callable[[Body, Body, int], Body]) -> Found:
    gateway = Gateway(upstream=stage.serve(), **({"amend": amend} if planted else {}))
    return stage.run(model=f"openai/{_NAME}@{stage.serve(gateway, models=(_NAME,))}")


@arrange("F4", "a function that asks a real model reports characters as tokens")
def function_characters(stage: Stage, planted: bool) -> Found:
    counts = "Usage(input_tokens=len(text), output_tokens=len(said))" if planted else "usage"
    return stage.run(model=write_function(stage, stage.serve(), _FUNCTION.format(counts=counts)))


_FUNCTION = """
def answer(text):
    said, model, usage, _ = ask(text)
    return Completion(text=said, model=model, usage={counts})
"""


@arrange("F4", "a server of bare completions reports characters")
def completion_characters(stage: Stage, planted: bool) -> Found:
    class Other(Model):
        def count_prompt(self, prompt: list[tuple[str, str]]) -> int:
            return len(prompt[0][1]) if planted else super().count_prompt(prompt)

    stage.suite(prompt="lambda sample, dataset: sample.input")
    return stage.run(model=f"openai/{_NAME}@{stage.serve(Other())}")
