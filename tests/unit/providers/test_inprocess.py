"""A user's function answers, in whatever form it has."""

import sys
import textwrap
import time

import pytest
from provider_cases import attach_with, bare, chat, make_spec, run_with

from pytest_lleval.core.errors import AttachError, CallError, RefusedError, UsageError
from pytest_lleval.providers.inprocess import CallableProvider

SOURCE = """
    from __future__ import annotations
    import threading
    import time
    from pytest_lleval.core.errors import RefusedError
    from pytest_lleval.core.records import Completion, Request

    def shout(text): return text.upper()
    async def ashout(text): return text.upper()
    def name_thread(text): return threading.current_thread().name
    def pass_on(text): return ashout(text)
    def whole(request: Request): return f"{request.kind} {request.generation.max_tokens}"
    def record(text): return Completion(text=text, model="inner", fingerprint="f")
    def slow(text): time.sleep(0.1); return "x"
    def number(text): return 42
    def fail(text):
        raise ValueError("key sk-abcdefgh123 is bad")
    def refuse(text): raise RefusedError("no")
    def two(a, b): return a
    def none(): return ""
    class Bot:
        async def __call__(self, request: Request): return request.messages[-1].content
        def reply(self, text): return "bot " + text
    bot = Bot()
    constant = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of the user's in the current folder; its name."""
    name = f"my_bot_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(SOURCE), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield name
    sys.modules.pop(name, None)


def open_provider(module, function):
    return CallableProvider(make_spec(f"callable/{module}:{function}"))


@pytest.mark.parametrize(
    ("function", "text"),
    [
        ("shout", "HI"),
        ("ashout", "HI"),
        ("pass_on", "HI"),
        ("whole", "chat 5"),
        ("record", "hi"),
        ("bot", "hi"),
        ("bot.reply", "bot hi"),
    ],
)
def test_every_form_of_function_answers(module, function, text):
    (completion,) = run_with(open_provider(module, function), chat("hi", max_tokens=5))
    assert completion.text == text


def test_a_request_imported_for_type_checkers_alone_is_understood(module, tmp_path):
    source = """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from pytest_lleval.core.records import Request
        def ask(request: Request): return request.kind
    """
    (tmp_path / "typed_bot.py").write_text(textwrap.dedent(source), encoding="utf-8")
    (completion,) = run_with(open_provider("typed_bot", "ask"), chat())
    assert completion.text == "chat"


def test_bare_prompts_are_passed_as_text(module):
    (completion,) = run_with(open_provider(module, "shout"), bare("q:"))
    assert completion.text == "Q:"


def test_sync_functions_do_not_block_the_loop(module):
    (completion,) = run_with(open_provider(module, "name_thread"), chat())
    assert completion.text != "MainThread"


def test_time_is_measured_here(module):
    (completion,) = run_with(open_provider(module, "slow"), chat())
    assert completion.timing.total >= 0.1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("number", "returned int, neither str nor Completion: 42"),
        ("fail", r"raised ValueError: key \[key\] is bad at my_bot"),
    ],
)
def test_what_is_no_answer_is_a_call_error(module, function, message):
    with pytest.raises(CallError, match=message):
        run_with(open_provider(module, function), chat())


def test_place_of_an_exception_is_the_users_line(module, tmp_path):
    line = 1 + (tmp_path / f"{module}.py").read_text(encoding="utf-8").splitlines().index(
        '    raise ValueError("key sk-abcdefgh123 is bad")'
    )
    with pytest.raises(CallError, match=rf"at {module}\.py:{line}$"):
        run_with(open_provider(module, "fail"), chat())


def test_a_function_may_refuse(module):
    with pytest.raises(RefusedError):
        run_with(open_provider(module, "refuse"), chat())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("two", "must take one argument"),
        ("none", "must take one argument"),
        ("constant", "int, nothing"),
        ("nope", "nope"),
    ],
)
def test_what_cannot_be_called_is_a_usage_error(module, function, message):
    with pytest.raises(UsageError, match=message):
        open_provider(module, function)


def test_a_missing_module_says_where_it_was_looked_for(module, tmp_path):
    with pytest.raises(UsageError, match="no module is called 'no_such_bot'") as caught:
        open_provider("no_such_bot", "f")
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"), [("import not_installed_here", "needs 'not_installed_here'"), ("1 / 0", "ZeroDivisionError")]
)
def test_a_module_that_cannot_be_imported_says_why(module, tmp_path, source, message):
    (tmp_path / "broken_bot.py").write_text(source, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        open_provider("broken_bot", "f")


def test_a_spec_without_a_function_shows_the_form():
    with pytest.raises(UsageError, match="callable/module:function"):
        CallableProvider(make_spec("callable/module"))


def test_identity_says_what_the_function_answered_to_probes_and_what_loading_it_took(module):
    identity = attach_with(open_provider(module, "record"), chat())
    assert (identity.kind, identity.served_model, identity.fingerprint) == ("callable", "inner", "f")
    assert len(identity.details["source_sha256"]) == 64
    assert identity.disclosures == ()
    assert [probe["echoed"] for probe in identity.evidence["probes"]] == [True, True]
    assert set(identity.evidence["imported"]) == {"seconds", "opened", "processes", "hidden"}


@pytest.mark.parametrize(
    ("function", "probe", "message"),
    [("fail", chat(), "ValueError"), ("shout", chat(top_logprobs=2), "method=generate")],
)
def test_attachment_fails_where_a_run_would(module, function, probe, message):
    with pytest.raises(AttachError, match=message):
        attach_with(open_provider(module, function), probe)


def test_calls_of_sync_functions_run_side_by_side(module):
    import asyncio

    provider = open_provider(module, "slow")

    async def run():
        started = time.perf_counter()
        await asyncio.gather(*(provider.complete(chat()) for _ in range(4)))
        return time.perf_counter() - started

    assert asyncio.run(run()) < 0.35
