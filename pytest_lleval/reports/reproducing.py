"""The command that asks the same again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..core.settings import DEFAULT_DEADLINE, Settings
from ..execution.manifest import TESTS

__all__ = ["lay_out_command", "list_command"]

#: words of the command that stand on its first line
_PROGRAM = 3
#: settings that are written as they are, and their options
_PLAIN = {
    "limit": "limit",
    "shard": "shard",
    "epochs": "epochs",
    "seed": "seed",
    "temperature": "temperature",
    "top_p": "top-p",
    "max_tokens": "max-tokens",
    "system_prompt": "system-prompt",
    "max_connections": "max-connections",
    "rpm": "rpm",
    "tpm": "tpm",
    "max_cost": "max-cost",
    "max_tokens_total": "max-tokens-total",
    "cache": "cache",
    "check_seed": "check-seed",
    "baseline": "baseline",
    "known_failures": "known-failures",
    "unscored_allowed": "fail-on-unscored",
}


def list_command(manifest: Mapping[str, Any]) -> list[str]:
    """Return the words of a command that runs what a run has run; ini files and the environment are among them.

    :param manifest: of the run
    """
    settings = Settings.decode({**Settings().encode(), **manifest["settings"]})
    tests = [suite["name"] for suite in manifest["suites"] if suite.get("kind") == TESTS]
    return ["python", "-m", "pytest", *tests, *_list_options(settings)]


def lay_out_command(manifest: Mapping[str, Any]) -> str:
    """Return the command as a shell takes it, an option a line.

    :param manifest: of the run
    """
    words = [shlex.quote(word) for word in list_command(manifest)]
    return " \\\n  ".join([" ".join(words[:_PROGRAM]), *words[_PROGRAM:]])


def _list_options(settings: Settings) -> Iterator[str]:
    yield from _repeat("suite", settings.suites)
    yield from _repeat("arg", [f"{name}={value}" for name, value in settings.arguments.items()])
    yield from _repeat("model", [model.name for model in settings.models])
    yield from _repeat("sample-id", settings.sample_ids)
    if settings.matrix is not None:
        yield from settings.matrix.options
    usual = Settings()
    for name, option in _PLAIN.items():
        value = getattr(settings, name)
        if value != getattr(usual, name):
            yield _write(option, value)
    if settings.deadline != DEFAULT_DEADLINE:
        yield _write("deadline", settings.deadline)
    yield from _repeat("gate", [gate.text for gate in settings.gates])
    yield from _repeat("compare-fail", [comparison.text for comparison in settings.comparisons])
    if settings.stop_decided:
        yield "--lleval-stop=decided"
    for name in ("canaries", "strict"):
        if getattr(settings, name):
            yield f"--lleval-{name}"
    yield from _repeat("acknowledge", [f"{factor}:{reason}" for factor, reason in settings.acknowledged.items()])


def _repeat(option: str, values: Sequence[str]) -> Iterator[str]:
    return (_write(option, value) for value in values)


def _write(option: str, value: object) -> str:
    return f"--lleval-{option}={f'{value:.12g}' if isinstance(value, float) else value}"
