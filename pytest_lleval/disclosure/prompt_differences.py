"""In what two prompts differ, in words, as a diff of lines and as a diff of tokens."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["describe_difference", "name_cause"]

_TEMPLATE = re.compile(r"<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>|<s>|</s>|<start_of_turn>")
_PIECES = re.compile(r"\w+|[^\w\s]|\s+")
_MOST_LINES = 12
_MOST_CHARACTERS = 200
#: lines beyond the first that differs; the rest would not be shown
_MOST_COMPARED = 200
#: pairs of equal pieces in what differs; comparing more takes minutes
_MOST_PAIRS = 20_000


def name_cause(wanted: Mapping[str, Any], sent: Mapping[str, Any]) -> str:
    """Say what makes a prompt another one, as far as it can be told.

    :param wanted: a prompt in canonical form
    :param sent: the other one
    """
    if "bytes" in sent:
        return f"something below the client changed the request ({sent['bytes']:+,} bytes)"
    if ("prompt" in wanted) != ("prompt" in sent):
        return "protocol (chat instead of a bare prompt, or the other way round)"
    if wanted.get("tools") != sent.get("tools"):
        return "tools"
    if "turns" in wanted and wanted["turns"] == sent["turns"]:
        return _name_system(wanted["system"], sent["system"])
    if "turns" in wanted and len(wanted["turns"]) != len(sent["turns"]):
        return f"few-shot examples or turns ({len(sent['turns'])} turns instead of {len(wanted['turns'])})"
    if "turns" in wanted and [role for role, _ in wanted["turns"]] != [role for role, _ in sent["turns"]]:
        return "roles of the turns"
    return _name_wording(*_find_differing(wanted, sent))


def _find_differing(wanted: Mapping[str, Any], sent: Mapping[str, Any]) -> tuple[str, str]:
    """Return the texts that differ, without those around them that are the same."""
    if "prompt" in wanted:
        return str(wanted["prompt"]), str(sent["prompt"])
    pairs = [(wanted["system"], sent["system"])]
    pairs += [(one, other) for (_, one), (_, other) in zip(wanted["turns"], sent["turns"], strict=True)]
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    return "\n".join(one for one, _ in differing), "\n".join(other for _, other in differing)


def _name_system(wanted: str, sent: str) -> str:
    if not wanted:
        return "system prompt (one was added)"
    if not sent:
        return "system prompt (it was left out)"
    return f"system prompt ({_name_wording(wanted, sent)})"


def _name_wording(wanted: str, sent: str) -> str:
    if wanted.split() == sent.split():
        return "white space"
    if _TEMPLATE.findall(wanted) != _TEMPLATE.findall(sent):
        return "chat template"
    if sent and (wanted.startswith(sent) or wanted.endswith(sent)):
        return f"truncation ({len(sent):,} of {len(wanted):,} characters)"
    if wanted and wanted in sent:
        return f"addition ({len(sent) - len(wanted):,} characters)"
    if wanted.casefold() == sent.casefold():
        return "upper and lower case"
    return "wording"


def describe_difference(wanted: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return cause, line diff and token diff of two prompts, as JSON values."""
    before, after = _join(wanted), _join(sent)
    return {
        "cause": name_cause(wanted, sent),
        "diff": _diff_lines(before, after),
        "tokens": _diff_tokens(before, after),
    }


def _join(prompt: Mapping[str, Any]) -> str:
    if "prompt" in prompt:
        return str(prompt["prompt"])
    turns = [("system", prompt["system"])] if prompt.get("system") else []
    return "\n".join(f"{role}: {text}" for role, text in [*turns, *prompt["turns"]])


def _diff_lines(before: str, after: str) -> list[str]:
    first, second = before.splitlines(), after.splitlines()
    stop = _count_equal(first, second) + _MOST_COMPARED
    lines = difflib.unified_diff(first[:stop], second[:stop], "wanted", "sent", n=1, lineterm="")
    return [line[:_MOST_CHARACTERS] for line, _ in zip(lines, range(_MOST_LINES), strict=False)]


def _diff_tokens(before: str, after: str) -> dict[str, Any]:
    """Count the words, marks and spaces that were added and left out, and show the first place."""
    first, second = _PIECES.findall(before), _PIECES.findall(after)
    found: dict[str, Any] = {"wanted": len(first), "sent": len(second)}
    at = _count_equal(first, second)
    first, second = first[at:], second[at:]
    if same := _count_equal(first[::-1], second[::-1]):
        first, second = first[:-same], second[:-same]
    times = Counter(second)
    if sum(times[piece] for piece in first) > _MOST_PAIRS:
        return found
    matcher = difflib.SequenceMatcher(a=first, b=second, autojunk=False)
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    found["left_out"] = sum(stop - start for _, start, stop, _, _ in changes)
    found["added"] = sum(stop - start for _, _, _, start, stop in changes)
    if changes:
        _, start, stop, other, other_stop = changes[0]
        found["first"] = {
            "at": at + start,
            "wanted": "".join(first[start:stop])[:_MOST_CHARACTERS],
            "sent": "".join(second[other:other_stop])[:_MOST_CHARACTERS],
        }
    return found


def _count_equal(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how many elements both begin with."""
    pairs = zip(first, second, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))
