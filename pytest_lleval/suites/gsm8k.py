"""GSM8K: grade school math word problems (Cobbe et al. 2021, arXiv 2110.14168)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal

from ..core.errors import UsageError
from ..core.records import Generation, Message, Sample
from ..scoring.numbers import number_flexible, number_strict, parse_number
from .definition import Dataset, Prompt, Suite
from .files import suite
from .gsm8k_data import load_gsm8k
from .planting import PlantedAnswer, plant_unanswered

__all__ = ["gsm8k"]

Shots = Literal[0, 5, 8]
Style = Literal["chat", "original"]

#: the longest of the 1,319 worked answers is well below
_ANSWER_TOKENS = 512
#: where the task of lm-evaluation-harness ends a completion
_STOP = ("Question:", "</s>", "<|im_end|>")
_TASK = (
    "Solve the following math problem step by step. "
    "End your answer with a line of the form '#### <number>'.\n\n{question}"
)


@suite
def gsm8k(num_fewshot: Shots = 0, style: Style = "chat") -> Suite:
    r"""GSM8K: grade school math word problems, scored by their final number.

    Both scores of lm-evaluation-harness are given. ``flexible``, the last number of the text, comes first and makes
    the accuracy, because it measures arithmetic; ``strict`` (``#### N``) measures the notation as well. All prompts
    with examples use its ``gsm8k`` template ``Question: …\nAnswer: …``. The eight chain-of-thought examples of Wei et
    al. 2022 (arXiv 2201.11903, appendix G) are taken from its task ``gsm8k_cot``, whose answers close with "The answer
    is N."; here they close with ``#### N`` instead, without which ``strict`` could not be reached.

    :param num_fewshot: worked examples before the question: 0, 5 (the first of the train split) or 8 (Wei et al.)
    :param style: ``chat`` asks in chat turns, without examples with an instruction on the notation; ``original``
        completes one bare prompt as the harness does, which has no instruction
    :raises UsageError: when `num_fewshot` is another number
    """
    if num_fewshot not in (0, 5, 8):
        raise UsageError(f"--lleval-arg: num_fewshot={num_fewshot} of gsm8k must be 0, 5 or 8")
    prompt: Prompt = partial(_build_chat if style == "chat" else _build_original, num_fewshot)
    return Suite(
        name="gsm8k",
        version="1",
        dataset=partial(load_gsm8k, num_fewshot),
        prompt=prompt,
        scorers=(number_flexible(), number_strict()),
        generation=Generation(max_tokens=_ANSWER_TOKENS, stop=_STOP if style == "original" else ()),
        parameters={"num_fewshot": num_fewshot, "style": style},
        canaries=_plant_numbers,
    )


def _build_chat(num_fewshot: int, sample: Sample, dataset: Dataset) -> Sequence[Message]:
    if not num_fewshot:
        return (Message(role="user", content=_TASK.replace("{question}", sample.input)),)
    messages: list[Message] = []
    for shot in dataset.fewshot[""][:num_fewshot]:
        messages.append(Message(role="user", content=_write_question(shot)))
        messages.append(Message(role="assistant", content=str(shot.metadata["solution"])))
    return (*messages, Message(role="user", content=_write_question(sample)))


def _build_original(num_fewshot: int, sample: Sample, dataset: Dataset) -> str:
    shots = dataset.fewshot[""][:num_fewshot] if num_fewshot else ()
    worked = (f"{_write_question(shot)} {shot.metadata['solution']}\n\n" for shot in shots)
    return "".join(worked) + _write_question(sample)


def _write_question(sample: Sample) -> str:
    return f"Question: {sample.input}\nAnswer:"


def _plant_numbers(sample: Sample) -> Iterator[PlantedAnswer]:
    right = sample.targets[0]
    wrong = f"{(parse_number(right) or 0) + 1:f}"
    worked = f"Adding it all up leads to the result.\n#### {right}"
    yield PlantedAnswer(kind="right", text=worked)
    yield PlantedAnswer(kind="right", text=f"First there are 7, so in the end it is {right}.\n#### {right}")
    yield PlantedAnswer(kind="truncated", text=worked[: len(worked) // 2])
    yield PlantedAnswer(kind="wrong", text=f"Adding it all up leads to the result.\n#### {wrong}")
    # the right number on the way to a wrong one
    yield PlantedAnswer(kind="wrong", text=f"At first there are {right}, then one more comes.\n#### {wrong}")
    yield from plant_unanswered(sample.targets)
