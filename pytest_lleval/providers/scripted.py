"""``mock/…``: scripted answers for trying things out, always disclosed as such."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..core.errors import AttachError, CallError, UsageError
from ..core.records import BackendIdentity, Completion, Disclosure, Request, Timing
from ..core.settings import ModelSpec
from ..support.digest import digest_json
from .counting import APPROXIMATION, estimate_text, estimate_tokens
from .inprocess import find_question
from .options import read_number

__all__ = ["MockProvider"]

_Script = Callable[[str], str | None]
_FORMS = "mock/fixed:TEXT, mock/echo, mock/pick:A,B,C,D or mock/file:PATH"


class MockProvider:
    """Answers from a script, the same to the same question, and asks no model.

    ``mock/fixed:TEXT`` always answers TEXT, ``mock/echo`` the question itself, ``mock/pick:A,B,C,D`` one of the words
    by the sha256 of the question, ``mock/file:PATH`` by a JSON file
    ``{"rules": [{"contains": "...", "answer": "..."}], "default": "..."}``, the first rule that fits.

    :param spec: the model; option ``latency_ms`` (default 0) delays every answer
    :raises UsageError: for any other form, or a file that cannot be used
    """

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._script = _read_script(spec)
        self._latency = read_number(spec, "latency_ms", 0.0) / 1000

    async def attach(self, probes: Sequence[Request]) -> BackendIdentity:
        """Disclose the mock.

        :raises AttachError: when log probabilities will be asked for, which nobody computes here
        """
        if any(probe.generation.top_logprobs for probe in probes):
            raise AttachError(f"{self._spec.name}: a mock has no log probabilities; use method=generate")
        disclosure = Disclosure(
            factor="F3",
            severity="critical",
            message=f"a mock answers, no model was asked: {self._spec.name}",
            evidence={"script": self._spec.model},
        )
        return BackendIdentity(
            spec=self._spec.name,
            provider="mock",
            kind="mock",
            requested_model=self._spec.model,
            served_model=self._spec.model,
            disclosures=(disclosure,),
        )

    async def complete(self, request: Request) -> Completion:
        """Answer one request, without usage: a mock has no tokens.

        :raises CallError: when no rule of the file fits
        """
        started = time.perf_counter()
        if self._latency:
            await asyncio.sleep(self._latency)
        question = find_question(request)
        answer = self._script(question)
        if answer is None:
            raise CallError(f'{self._spec.name}: no rule fits and there is no "default" for {question!r:.80}')
        total = time.perf_counter() - started
        return Completion(text=answer, model=self._spec.model, stop_reason="stop", timing=Timing(total=total))

    async def count_tokens(self, request: Request) -> tuple[int, str]:
        """Estimate the input tokens of a request; also name the estimate."""
        return estimate_tokens(request)

    async def count_output(self, text: str) -> tuple[int, str]:
        """Estimate the tokens of an answer; also name the estimate."""
        return estimate_text(text), APPROXIMATION

    async def aclose(self) -> None:
        """Release nothing."""


def _read_script(spec: ModelSpec) -> _Script:
    form, colon, rest = spec.model.partition(":")
    if form == "fixed" and colon:
        return lambda _: rest
    if form == "echo" and not colon:
        return lambda question: question
    if form == "pick" and (words := [word.strip() for word in rest.split(",") if word.strip()]):
        return lambda question: words[int(digest_json(question), 16) % len(words)]
    if form == "file" and rest:
        return _read_rules(Path(rest))
    raise UsageError(f"--lleval-model: {spec.name!r} is not of the form {_FORMS}")


def _read_rules(path: Path) -> _Script:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--lleval-model: mock/file:{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"--lleval-model: mock/file:{path} is not JSON: {error}") from None
    default = raw.get("default") if isinstance(raw, dict) else None
    rules = raw.get("rules", []) if isinstance(raw, dict) else None
    if not isinstance(rules, list) or not all(map(_is_rule, rules)) or not isinstance(default, (str, type(None))):
        raise UsageError(
            f'--lleval-model: mock/file:{path} must hold {{"rules": [{{"contains": TEXT, "answer": TEXT}}], '
            '"default": TEXT}'
        )
    pairs = [(rule["contains"], rule["answer"]) for rule in rules]
    return lambda question: next((answer for part, answer in pairs if part in question), default)


def _is_rule(rule: object) -> bool:
    return isinstance(rule, dict) and all(isinstance(rule.get(key), str) for key in ("contains", "answer"))
