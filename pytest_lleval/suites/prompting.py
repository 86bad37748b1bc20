"""From a sample to the request that asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..core.errors import LlevalError, SuiteError
from ..core.records import Generation, Message, Request, Sample
from ..core.settings import Settings
from .definition import Dataset, Suite

__all__ = ["build_request"]

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def build_request(suite: Suite, dataset: Dataset, sample: Sample, settings: Settings, seed: int | None) -> Request:
    """Build the request that asks one sample.

    A prompt that is a format string may use ``{id}``, ``{input}``, ``{group}``, ``{choices}`` (the options as lines
    ``A. …``; ``{choices[0]}`` is the first one) and every metadata column; never the target. It becomes one user
    message. A prompt that is a function returns messages, or a text for the completions protocol.

    :param settings: its temperature, top_p and max_tokens take precedence over the suite's; its system prompt comes
        first: joined to the suite's own system message by a blank line, and to a bare prompt likewise
    :param seed: the seed of this sampling run, derived from suite, sample and epoch
    :raises SuiteError: naming suite and sample, when the prompt asks for an unknown field or the function fails
    """
    place = f"suite {suite.name!r}, sample {sample.id!r}"
    if isinstance(suite.prompt, str):
        rendered: object = (Message(role="user", content=_format_prompt(suite.prompt, sample, place)),)
    else:
        rendered = _call_prompt(suite, dataset, sample, place)
    generation = _merge_generation(suite.generation, settings, seed)
    if isinstance(rendered, str):
        text = f"{settings.system_prompt}\n\n{rendered}" if settings.system_prompt else rendered
        if not text:
            raise SuiteError(f"{place}: the prompt is empty")
        return Request(prompt=text, generation=generation)
    return Request(messages=_place_system(_check_messages(rendered, place), settings), generation=generation)


class _Options(tuple[str, ...]):
    """The choices of a sample; as a text they are the lettered lines."""

    __slots__ = ()

    def __str__(self) -> str:
        if len(self) > len(_ALPHABET):
            raise ValueError(f"{len(self)} choices are more than there are letters")
        return "\n".join(f"{letter}. {choice}" for letter, choice in zip(_ALPHABET, self, strict=False))


def _format_prompt(template: str, sample: Sample, place: str) -> str:
    fields: dict[str, object] = {
        **sample.metadata,
        "id": sample.id,
        "input": sample.input,
        "choices": _Options(sample.choices),
        "group": sample.group,
    }
    # a column may be called like the answer; the answer must not reach the model by that name
    fields.pop("target", None)
    try:
        return template.format_map(fields)
    except KeyError as error:
        known = ", ".join(fields)
        raise SuiteError(f"{place}: the prompt asks for the field {error.args[0]!r}; there are {known}") from error
    except (ValueError, IndexError, AttributeError, TypeError) as error:
        raise SuiteError(f"{place}: the prompt {template!r} cannot be filled in: {error}") from error


def _call_prompt(suite: Suite, dataset: Dataset, sample: Sample, place: str) -> object:
    assert not isinstance(suite.prompt, str)  # noqa: S101  # for the type checker: the caller has looked
    try:
        return suite.prompt(sample, dataset)
    except LlevalError:
        raise
    except Exception as error:  # a suite's author may raise anything; the user must hear which sample it was
        raise SuiteError(f"{place}: the prompt function failed: {type(error).__name__}: {error}") from error


def _check_messages(rendered: object, place: str) -> tuple[Message, ...]:
    if not isinstance(rendered, Sequence) or not rendered or any(not isinstance(part, Message) for part in rendered):
        raise SuiteError(f"{place}: the prompt function returned {rendered!r:.80}, not a text or a list of Message")
    return tuple(rendered)


def _place_system(messages: tuple[Message, ...], settings: Settings) -> tuple[Message, ...]:
    system = settings.system_prompt
    if not system:
        return messages
    first = messages[0]
    # one system message, because many chat templates refuse a second one
    if first.role == "system":
        return (replace(first, content=f"{system}\n\n{first.content}"), *messages[1:])
    return (Message(role="system", content=system), *messages)


def _merge_generation(generation: Generation, settings: Settings, seed: int | None) -> Generation:
    chosen: Mapping[str, float | int | None] = {
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "max_tokens": settings.max_tokens,
    }
    changes = {name: value for name, value in chosen.items() if value is not None}
    return replace(generation, **changes, seed=seed)  # type: ignore[arg-type]  # the names are Generation's own
