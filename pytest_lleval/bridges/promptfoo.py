"""Results of promptfoo: the JSON or JSON lines that ``promptfoo eval -o`` writes.

Versions 2 and 3 keep one object for each answer in ``results.results``: ``prompt``, ``provider``, ``response`` with
``output``, ``tokenUsage`` and ``cached``, and ``latencyMs``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..core.errors import UsageError
from ..core.observations import Observation, Observations, RowStatus
from .cells import as_mapping, describe_failure, dig, read_count, read_flag, read_number, read_text
from .reading import Content

__all__ = ["holds_promptfoo", "read_promptfoo"]

#: of `failureReason`: 0 none, 1 an assertion, 2 the call failed
_CALL_FAILED = 2
_MARKS = frozenset({"promptIdx", "testIdx", "latencyMs", "gradingResult", "failureReason", "testCase", "promptId"})


def holds_promptfoo(content: Content) -> bool:
    """Tell whether a file is of promptfoo."""
    first = next((value for _, value in _find_rows(content)), None)
    return "provider" in as_mapping(first) and len(_MARKS & set(as_mapping(first))) >= 2


def read_promptfoo(content: Content) -> Observations:
    """Read a file of promptfoo.

    :raises UsageError: when it is none
    """
    if not holds_promptfoo(content):
        raise UsageError(
            f"{content.path}: is no result of promptfoo: it has no 'results.results' with 'provider' and 'latencyMs'; "
            "leave --format out to have the format found"
        )
    version = read_text(dig(content.document, "metadata", "promptfooVersion"))
    wall = read_number(dig(content.document, "results", "stats", "durationMs"))
    return Observations(
        place=str(content.path),
        format="promptfoo " + ("JSON" if content.kind == "json" else "JSON lines"),
        rows=tuple(_read_row(number, row) for number, row in _find_rows(content)),
        facts={"promptfoo": (version,)} if version else {},
        wall=None if wall is None else wall / 1000.0,
    )


def _find_rows(content: Content) -> Iterator[tuple[int, Mapping[str, Any]]]:
    rows: Iterable[tuple[int, Any]] = content.lines
    if content.kind == "json":
        found = dig(content.document, "results", "results")
        found = found if isinstance(found, list) else dig(content.document, "results")
        found = found if isinstance(found, list) else content.document
        rows = enumerate(found if isinstance(found, list) else [found], 1)
    return ((number, row) for number, row in rows if isinstance(row, dict))


def _read_row(number: int, row: Mapping[str, Any]) -> Observation:
    response, provider = as_mapping(row.get("response")), row.get("provider")
    usage = as_mapping(response.get("tokenUsage") or row.get("tokenUsage"))
    raw = _read_raw(response.get("raw"))
    status, error = _read_status(row, response)
    prompt, output = _read_prompt(row.get("prompt")), response.get("output")
    text = None if output is None else read_text(output)
    latency = read_number(row.get("latencyMs"))
    name = read_text(dig(provider, "id")) if isinstance(provider, dict) else read_text(provider)
    return Observation(
        row=number,
        model=name or read_text(dig(provider, "label")),
        provider=name.partition(":")[0],
        served=read_text(raw.get("model")),
        fingerprint=read_text(raw.get("system_fingerprint")),
        response_id=read_text(raw.get("id")),
        sample=_name_sample(row),
        prompt=prompt,
        prompt_chars=None if prompt is None else len(prompt),
        prompt_tokens=read_count(usage.get("prompt")) or None,
        output=text,
        output_chars=None if text is None else len(text),
        output_tokens=read_count(usage.get("completion")) or None,
        latency=None if latency is None else latency / 1000.0,
        status=status,
        error=error,
        cached=read_flag(response.get("cached")),
    )


def _name_sample(row: Mapping[str, Any]) -> str:
    """Return the name of the question: the test and the template; `promptIdx` differs between providers."""
    template = read_text(row.get("promptId")) or read_text(dig(row, "prompt", "label"))
    test = row.get("testIdx")
    return f"{read_text(row.get('vars')) if test is None else read_text(test)}/{template}"


def _read_prompt(prompt: object) -> str | None:
    raw = prompt.get("raw") if isinstance(prompt, dict) else prompt
    return None if raw is None else read_text(raw)


def _read_raw(raw: object) -> Mapping[str, Any]:
    """Return the body of the provider's answer, where promptfoo has kept it."""
    if isinstance(raw, str) and raw.startswith("{"):
        with suppress(ValueError, RecursionError):
            raw = json.loads(raw)
    return as_mapping(raw)


def _read_status(row: Mapping[str, Any], response: Mapping[str, Any]) -> tuple[RowStatus, str]:
    """Return what became of the call; the ``error`` of a row is also where a failed assertion is explained."""
    error = read_text(response.get("error"))
    reason = row.get("failureReason")
    failed = reason == _CALL_FAILED or bool(error) or (reason is None and bool(row.get("error")) and not response)
    if not failed:
        return "ok", ""
    error = error or read_text(row.get("error"))
    return describe_failure(error), error
