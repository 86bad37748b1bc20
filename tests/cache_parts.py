"""Questions, answers and processes for tests of the response cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pytest_lleval.core.records import BackendIdentity, Completion, Generation, Message, Request, Timing, Usage
from pytest_lleval.core.settings import CacheMode
from pytest_lleval.execution.cache import ResponseCache, open_cache, scope_of

CHILD = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from cache_parts import *; "


def make_identity(**changes: Any) -> BackendIdentity:
    values: dict[str, Any] = {
        "spec": "openai/m",
        "provider": "openai",
        "kind": "real",
        "requested_model": "m",
        "served_model": "m-2026",
        "url": "https://example.com/v1",
        "fingerprint": "fp1",
    }
    return BackendIdentity(**{**values, **changes})


def make_scope(**changes: Any) -> str:
    scope = scope_of(make_identity(**changes))
    assert scope is not None
    return scope


SCOPE = make_scope()


def question(number: int = 0, **generation: Any) -> Request:
    return Request(messages=(Message(role="user", content=f"Question {number}?"),), generation=Generation(**generation))


def answer(text: str = "A", **changes: Any) -> Completion:
    values: dict[str, Any] = {"usage": Usage(input_tokens=3, output_tokens=1), "timing": Timing(total=0.5)}
    return Completion(text=text, model="m-2026", **{**values, **changes})


def use_cache(mode: CacheMode = "on") -> ResponseCache:
    cache = open_cache(mode)
    assert cache is not None
    return cache


def keep_answers(numbers: Iterable[int], text: str = "A", *, mode: CacheMode = "on", scope: str = SCOPE) -> str:
    """Keep an answer to each question, as one session does; return the cache's problem."""
    cache = use_cache(mode)
    for number in numbers:
        cache.keep(question(number), scope, 1, answer(text))
    cache.close()
    return cache.problem


def find_texts(numbers: Iterable[int], *, mode: CacheMode = "on", scope: str = SCOPE) -> list[str | None]:
    """Return the kept answers in a session of their own, None where there is none."""
    cache = use_cache(mode)
    found = [cache.find(question(number), scope, 1) for number in numbers]
    cache.close()
    return [completion and completion.text for completion in found]


def start_child(script: str, **options: Any) -> subprocess.Popen[str]:
    """Start a process that runs `script` with everything here imported."""
    command = [sys.executable, "-c", CHILD + "\n" + script]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def run_child(script: str, **options: Any) -> str:
    """Run `script` in a process of its own and return what it prints."""
    with start_child(script, **options) as process:
        printed, complained = process.communicate(timeout=120)
    assert process.returncode == 0, complained
    return printed
