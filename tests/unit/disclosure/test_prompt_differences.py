import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lleval.core.canonical import join_system
from pytest_lleval.disclosure.prompt_differences import describe_difference, name_cause

anything = st.text(st.characters(codec=None), max_size=30)
PROMPTS = st.one_of(
    st.builds(lambda text: {"prompt": text}, anything),
    st.builds(join_system, st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), anything), max_size=4)),
)


def chat(*turns: str, system: str = "") -> dict[str, Any]:
    roles: Sequence[str] = ["user", "assistant"] * len(turns)
    return {"system": system, "turns": [list(pair) for pair in zip(roles, turns, strict=False)]}


def bare(text: str) -> dict[str, Any]:
    return {"prompt": text}


LONG = "Which of these rivers is the longest? A. Nile B. Amazon"


@pytest.mark.parametrize(
    ("wanted", "sent", "cause"),
    [
        (bare("a"), chat("a"), "protocol (chat instead of a bare prompt, or the other way round)"),
        (chat("a"), bare("a"), "protocol (chat instead of a bare prompt, or the other way round)"),
        (chat("a"), {**chat("a"), "tools": [{"name": "search"}]}, "tools"),
        (chat("a"), chat("a", system="Be kind."), "system prompt (one was added)"),
        (chat("a", system="Be kind."), chat("a"), "system prompt (it was left out)"),
        (chat("a", system="Be kind."), chat("a", system="Be rude."), "system prompt (wording)"),
        (
            chat("a", system="Be kind."),
            chat("a", system="Be kind. Today is Monday."),
            "system prompt (addition (17 characters))",
        ),
        (chat("q", "a", LONG), chat(LONG), "few-shot examples or turns (1 turns instead of 3)"),
        (chat(LONG), chat(LONG.replace(" ", "\n")), "white space"),
        (bare(LONG), bare(LONG + "\n"), "white space"),
        (chat(LONG), chat(f"[INST]{LONG}[/INST]"), "chat template"),
        (bare(LONG), bare(f"<|im_start|>{LONG}"), "chat template"),
        (chat(LONG), chat(LONG[:20]), "truncation (20 of 55 characters)"),
        (chat(LONG), chat(LONG[-20:]), "truncation (20 of 55 characters)"),
        (bare(LONG), bare(LONG[-20:]), "truncation (20 of 55 characters)"),
        (chat(LONG, system="S"), chat(LONG[-20:], system="S"), "truncation (20 of 55 characters)"),
        (chat(LONG), chat(f"Think. {LONG}"), "addition (7 characters)"),
        (chat("q", "a", LONG), chat("q", "a", f"Think. {LONG} Now!"), "addition (12 characters)"),
        (chat(LONG), chat(LONG.upper()), "upper and lower case"),
        (chat(LONG), chat("Which of these lakes is the longest? A. Nile B. Amazon"), "wording"),
        (bare(LONG), bare(""), "wording"),
        (
            {"system": "", "turns": [["user", "a"]]},
            {"system": "", "turns": [["assistant", "a"]]},
            "roles of the turns",
        ),
    ],
)
def test_a_difference_has_a_cause(wanted: dict[str, Any], sent: dict[str, Any], cause: str) -> None:
    assert name_cause(wanted, sent) == cause


@given(wanted=PROMPTS, sent=PROMPTS)
@settings(max_examples=150, deadline=None)
def test_every_difference_can_be_described_and_written(wanted: dict[str, Any], sent: dict[str, Any]) -> None:
    found = describe_difference(wanted, sent)
    assert found["cause"]
    assert json.loads(json.dumps(found)) == found
    assert len(found["diff"]) <= 12


@given(before=anything, after=anything)
@settings(max_examples=150, deadline=None)
def test_pieces_that_were_added_and_left_out_account_for_the_difference(before: str, after: str) -> None:
    tokens = describe_difference(bare(before), bare(after))["tokens"]
    assert tokens["wanted"] - tokens["left_out"] + tokens["added"] == tokens["sent"]
    assert ("first" in tokens) == (before != after)
    if "first" in tokens:
        assert tokens["first"]["wanted"] in before
        assert tokens["first"]["sent"] in after


def test_a_diff_shows_the_lines_that_differ() -> None:
    found = describe_difference(chat("one\ntwo\nthree"), chat("one\n2\nthree"))
    assert found["diff"] == ["--- wanted", "+++ sent", "@@ -1,3 +1,3 @@", " user: one", "-two", "+2", " three"]
    assert found["tokens"] == {
        "wanted": 8,
        "sent": 8,
        "left_out": 1,
        "added": 1,
        "first": {"at": 5, "wanted": "two", "sent": "2"},
    }


@pytest.mark.parametrize("words", [50, 1000, 5000, 50_000])
@pytest.mark.parametrize("gap", [" ", "\n"])
def test_long_prompts_without_much_in_common_are_described_soon(words: int, gap: str) -> None:
    """Comparing pieces by pieces would take minutes."""
    before = gap.join(f"word{number % 97} and" for number in range(words))
    began = time.perf_counter()
    assert describe_difference(bare(before), bare(before[::-1]))["cause"] == "wording"
    assert time.perf_counter() - began < 30


def test_one_change_in_a_long_prompt_is_shown() -> None:
    before = "\n".join(f"line {number % 97} and more" for number in range(20_000))
    after = before.replace("line 5 and", "line five and", 1)
    found = describe_difference(bare(before), bare(after))
    assert found["tokens"]["first"] == {"at": 42, "wanted": "5", "sent": "five"}
    assert (found["tokens"]["left_out"], found["tokens"]["added"]) == (1, 1)
    assert found["diff"][3:5] == [" line 4 and more", "-line 5 and more"]
