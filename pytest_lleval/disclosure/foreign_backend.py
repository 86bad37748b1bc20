"""F3 of a result file: whether a real backend was attached."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from ..core.observations import Observation, Observations
from ..core.records import Verdict
from .foreign_inquiry import (
    CHARS_PER_TOKEN,
    Inquiry,
    answered_rows,
    group_rows,
    identify_prompt,
    list_rows,
    name_model,
    timed_rows,
    work_tokens,
)

__all__ = ["MOST_OUTPUT_TOKENS", "MOST_PROMPT_TOKENS", "judge_backend"]

#: tokens a second of one request that no machine reaches: the fastest services write some thousands
MOST_OUTPUT_TOKENS = 10_000.0
#: and read some ten thousands
MOST_PROMPT_TOKENS = 2_000_000.0
#: different prompts before equal answers mean anything
_PROMPTS = 6
#: and before short ones do: the same letter may be right some times
_MANY_PROMPTS = 20
#: fewer letters than this may be all there is to answer, e.g. the letter of a choice or a label
_LABEL = 60
#: where answers are cut off on purpose, they are so at counts like these
_LIMITS = frozenset({n * 10 for n in range(1, 101)} | {2**n for n in range(15)} | {n * 256 for n in range(1, 65)})
_MOCK = re.compile(
    r"(?<![a-z])(mock(ed)?|dummy|fake|stub(bed)?|canned|replay(ed)?|simulated|placeholder)(?![a-z])", re.IGNORECASE
)
#: words that are names of real models too, so they count at the front only
_MOCK_FRONT = re.compile(r"(echo|fixed|noop|constant)($|[:/])", re.IGNORECASE)


def judge_backend(seen: Observations) -> Verdict:
    """Tell whether a model can have given these answers."""
    inquiry = Inquiry(factor="F3")
    _find_names(inquiry, seen)
    _count_cached(inquiry, seen)
    rows = [row for row in answered_rows(seen.rows) if not row.cached]
    for model, own in group_rows(rows, lambda row: row.model).items():
        _compare_outputs(inquiry, model, own)
        _measure_speed(inquiry, model, own)
    _measure_whole(inquiry, seen)
    _compare_ids(inquiry, rows)
    if not any(row.output for row in rows):
        inquiry.miss("what the answers were")
    return inquiry.conclude()


def _find_names(inquiry: Inquiry, seen: Observations) -> None:
    named = dict.fromkeys(seen.mocks)
    for text in dict.fromkeys(text for row in seen.rows for text in (row.provider, row.model, row.served)):
        if text and (_MOCK.search(text) or _MOCK_FRONT.match(text)):
            named[text] = None
    if named:
        names = ", ".join(repr(name) for name in list(named)[:3])
        inquiry.flag("critical", f"no model was asked: the file itself names {names}", names=list(named)[:10])


def _count_cached(inquiry: Inquiry, seen: Observations) -> None:
    known = [row for row in seen.rows if row.cached is not None]
    cached = [row for row in known if row.cached]
    if cached:
        timed = any(row.latency is not None for row in cached)
        inquiry.flag(
            "warning" if timed or len(cached) == len(known) else "note",
            f"{len(cached):,} of {len(seen.rows):,} answers came from a cache, not from a model",
            rows=list_rows(cached),
            cached=len(cached),
        )
        inquiry.miss(f"when the {len(cached):,} cached answers were given, and by whom")
    elif seen.replays:
        inquiry.flag("note", f"a cache of answers was in use: {seen.replays[0]}", caches=list(seen.replays))
        inquiry.miss("which answers came from the cache")
    elif len(known) < len(answered_rows(seen.rows)):
        inquiry.miss("whether answers came from a cache")
    else:
        inquiry.confirm("no answer came from a cache")


def _compare_outputs(inquiry: Inquiry, model: str, rows: Sequence[Observation]) -> None:
    """Compare the answers to different prompts, one answer for each prompt."""
    prompts = {key: row for row in reversed(rows) if (key := identify_prompt(row))}
    own = list(prompts.values())
    texts = Counter(row.output for row in own if row.output)
    many = sum(texts.values())
    if many < _PROMPTS:
        _compare_lengths(inquiry, model, own)
        return
    text, count = texts.most_common(1)[0]
    shown = text[:40] + ("…" if len(text) > 40 else "")
    who = name_model(model)
    grave = len(text) >= _LABEL
    if count == many and (grave or many >= _MANY_PROMPTS):
        why = (
            "the answer does not depend on the prompt"
            if grave
            else "either nothing was read, or the model is of no use"
        )
        inquiry.flag("critical" if grave else "warning", f"{who}all {many:,} prompts got one answer, {shown!r}: {why}")
    elif grave and count * 2 >= many:
        message = (
            f"{who}{count:,} of {many:,} different prompts got one and the same answer of {len(text):,} characters"
        )
        inquiry.flag("warning", message, output=shown, rows=list_rows(row for row in own if row.output == text))
    elif len(texts) * 4 <= many and all(len(known) >= _LABEL for known in texts):
        message = f"{who}{many:,} different prompts got only {len(texts):,} different answers, long ones"
        inquiry.flag("warning", message, answers=len(texts), prompts=many)
    else:
        _compare_lengths(inquiry, model, own)


def _compare_lengths(inquiry: Inquiry, model: str, own: Sequence[Observation]) -> None:
    """Equal lengths of answers to different prompts are those of a mock, unless a limit cut them off."""
    lengths = _gather(own, lambda row: row.output_chars)
    if lengths and len(set(lengths)) == 1 and lengths[0] >= 20:
        message = f"{name_model(model)}all {len(lengths):,} answers have exactly {lengths[0]:,} characters"
        inquiry.flag("warning", f"{message}, whatever was asked", chars=lengths[0], rows=list_rows(own))
        return
    counts = _gather(own, lambda row: row.output_tokens) or _gather(own, lambda row: row.output_size)
    if counts and len(set(counts)) == 1 and counts[0] >= 8:
        limit = counts[0] in _LIMITS
        inquiry.flag(
            "note" if limit else "warning",
            f"{name_model(model)}all {len(counts):,} answers have exactly the length {counts[0]:,g}"
            + (": they were cut off there, or a mock gave them" if limit else ", whatever was asked"),
            length=counts[0],
            rows=list_rows(own),
        )
        if limit:
            inquiry.miss(f"why all answers have the length {counts[0]:,g}")


def _gather(rows: Sequence[Observation], read: Callable[[Observation], float | None]) -> list[float]:
    """Return a number of every row, none at all where too few have one."""
    values = [value for row in rows if (value := read(row)) is not None]
    return values if len(values) >= _PROMPTS else []


def _measure_speed(inquiry: Inquiry, model: str, rows: Sequence[Observation]) -> None:
    """Compare the speed of single answers with what machines can do."""
    limits = (
        ("wrote", _output_tokens, MOST_OUTPUT_TOKENS),
        ("read", work_tokens, MOST_PROMPT_TOKENS),
    )
    timed = timed_rows(rows)
    for verb, count, most in limits:
        speeds = [(speed, row) for row in timed if (n := count(row)) and (speed := n / (row.latency or 1.0)) > most]
        if speeds:
            speed, row = max(speeds, key=lambda pair: pair[0])
            who = name_model(model)
            inquiry.flag(
                "critical",
                f"{who}{len(speeds):,} of {len(timed):,} answers are faster than any machine: row {row.row} "
                f"{verb} {speed:,.0f} tokens/s",
                most=most,
                fastest=round(speed),
                rows=list_rows(row for _, row in speeds),
            )


def _output_tokens(row: Observation) -> float | None:
    if row.output_tokens is not None:
        return float(row.output_tokens)
    # more letters to a token than there are, so that the speed is rather too small
    characters = row.output_chars if row.output_chars is not None else row.output_size
    return None if characters is None else characters / (1.5 * CHARS_PER_TOKEN)


def _measure_whole(inquiry: Inquiry, seen: Observations) -> None:
    """Compare the time of the whole file with the prompts in it."""
    tokens = sum(work_tokens(row) or 0.0 for row in seen.rows)
    if seen.wall is None or not tokens:
        return
    if seen.wall <= 0 or tokens / seen.wall > MOST_PROMPT_TOKENS:
        message = f"all {len(seen.rows):,} prompts were answered in {seen.wall:,.3g} s by the file's own account"
        inquiry.flag("critical", f"{message}, faster than any machine", seconds=seen.wall, tokens=round(tokens))


def _compare_ids(inquiry: Inquiry, rows: Sequence[Observation]) -> None:
    known = [row for row in rows if row.response_id]
    asked: dict[str, set[str]] = {}
    for row in known:
        asked.setdefault(row.response_id, set()).add(f"{row.model}\n{identify_prompt(row) or row.row}")
    twice = {name for name, prompts in asked.items() if len(prompts) > 1}
    if twice:
        inquiry.flag(
            "critical",
            f"{len(twice):,} response ids were given to more than one prompt, e.g. {min(twice)!r}: a replay",
            rows=list_rows(row for row in known if row.response_id in twice),
        )
    elif not known or len(known) < len(rows):
        inquiry.miss("the ids of the responses")
    else:
        inquiry.confirm(f"{len(known):,} responses have ids of their own")
