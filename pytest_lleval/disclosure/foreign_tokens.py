"""F4 of a result file: whether what it calls tokens is tokens, and its rates do not depend on the language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from ..core.observations import Observation, Observations
from ..core.records import Verdict
from .foreign_inquiry import Inquiry, answered_rows, group_rows, list_rows, name_model, timed_rows

__all__ = ["judge_tokens"]

#: rows with text and count, and the length from which text tells characters from tokens
_ROWS, _LETTERS = 5, 8
#: of the rows must agree before a count is taken for another one
_AGREE = 0.95
#: characters a token: below, there are tokens of texts that the file does not show; above, they are not tokens
_FEWEST, _MOST = 0.2, 15.0
#: how much longer than another the text must be where the count is the same
_SPAN = 8.0

#: what a count may be instead of tokens, by the text
_INSTEAD: tuple[tuple[str, Callable[[str], tuple[int, ...]]], ...] = (
    ("characters", lambda text: (len(text),)),
    ("bytes", lambda text: (len(text.encode("utf-8", "surrogatepass")),)),
    ("words", lambda text: (len(text.split()),)),
    (
        "a quarter of the characters, an estimate",
        lambda text: (len(text) // 4, -(-len(text) // 4), round(len(text) / 4)),
    ),
)


def judge_tokens(seen: Observations) -> Verdict:
    """Tell whether sizes and rates are in tokens, and the tokens are counted."""
    inquiry = Inquiry(factor="F4")
    rows = answered_rows(seen.rows)
    _find_foreign_units(inquiry, seen, rows)
    _compare_rate(inquiry, seen, rows)
    counted = [_compare_texts(inquiry, seen, rows, side) for side in ("prompt", "output")]
    if not any(row.output_tokens is not None or row.prompt_tokens is not None for row in rows):
        inquiry.miss("how many tokens there were")
    elif not any(counted) and not inquiry.findings:
        inquiry.miss("the texts to check the numbers of tokens against")
    return inquiry.conclude()


def _find_foreign_units(inquiry: Inquiry, seen: Observations, rows: Sequence[Observation]) -> None:
    """Find sizes and rates in units that depend on the language."""
    if seen.rate_unit in ("chars", "words", "bytes"):
        own = _own_rates(rows)
        in_tokens = f"; in tokens it is {median(own):,.1f} a second" if own else ""
        inquiry.flag(
            "warning",
            f"the rate {seen.column_of('rate')!r} counts {_spell(seen.rate_unit)}, not tokens: it depends on the "
            f"language{in_tokens}",
            column=seen.column_of("rate"),
            tokens_per_second=round(median(own), 3) if own else None,
        )
    sides = (
        ("prompts", "size", seen.size_unit, "prompt_chars", any(row.prompt_tokens is not None for row in rows)),
        ("answers", "output_length", seen.output_unit, "output_chars", any(r.output_tokens is not None for r in rows)),
    )
    columns = {use.key: use.column for use in seen.columns}
    for what, key, unit, plain, has_tokens in sides:
        column = columns.get(key) if unit in ("chars", "words", "bytes") else columns.get(plain)
        if column and not has_tokens:
            counted = _spell(unit if key in columns and unit else "chars")
            inquiry.flag("warning", f"the {what} are measured in {counted} ({column!r}), not in tokens", column=column)


def _spell(unit: str) -> str:
    return "characters" if unit == "chars" else unit


def _own_rates(rows: Sequence[Observation]) -> list[float]:
    return [row.output_tokens / (row.latency or 1.0) for row in timed_rows(rows) if row.output_tokens]


def _compare_rate(inquiry: Inquiry, seen: Observations, rows: Sequence[Observation]) -> None:
    """A rate that is said to be one of tokens may be one of characters."""
    if seen.rate_unit not in ("tokens", ""):
        return
    claims = [
        row for row in timed_rows(rows) if row.rate and row.output_chars and row.output_chars != row.output_tokens
    ]
    as_chars = [row for row in claims if _close(row.rate, (row.output_chars or 0) / (row.latency or 1.0))]
    if len(claims) >= _ROWS and len(as_chars) >= _AGREE * len(claims):
        inquiry.flag(
            "critical",
            f"the rate {seen.column_of('rate')!r} is one of characters: in {len(as_chars):,} of {len(claims):,} rows "
            "it is the characters of the answer by its time",
            rows=list_rows(as_chars),
        )


def _close(one: float | None, two: float) -> bool:
    return one is not None and abs(one - two) <= 0.02 * max(abs(one), abs(two))


def _compare_texts(inquiry: Inquiry, seen: Observations, rows: Sequence[Observation], side: str) -> bool:
    """Compare the counts of tokens with the texts; tell whether that was possible."""
    counted = [row for row in rows if _count_of(row, side) is not None]
    confirmed = False
    for model, own in group_rows(counted, lambda row: row.model).items():
        texts = [row for row in own if len(_text_of(row, side)) >= _LETTERS]
        lengths = [row for row in own if (_length_of(row, side) or 0) >= _LETTERS]
        if (
            _find_instead(inquiry, seen, texts or lengths, model, side)
            or _find_constant(inquiry, lengths, model, side)
            or _find_ratio(inquiry, lengths, model, side)
        ):
            confirmed = True
    return confirmed


def _name_side(side: str) -> str:
    return "prompt" if side == "prompt" else "answer"


def _count_of(row: Observation, side: str) -> int | None:
    return row.prompt_tokens if side == "prompt" else row.output_tokens


def _text_of(row: Observation, side: str) -> str:
    return (row.prompt if side == "prompt" else row.output) or ""


def _length_of(row: Observation, side: str) -> int | None:
    """Return the characters of a text, by the text or by a column of their own."""
    text = _text_of(row, side)
    return len(text) if text else row.prompt_chars if side == "prompt" else row.output_chars


def _find_instead(inquiry: Inquiry, seen: Observations, rows: Sequence[Observation], model: str, side: str) -> bool:
    """Find counts that are those of something else."""
    distinct = {_count_of(row, side) for row in rows}
    if len(rows) < _ROWS or len(distinct) < 3:
        return False
    column = seen.column_of(f"{side}_tokens")
    for what, count in _INSTEAD if _text_of(rows[0], side) else _INSTEAD[:1]:
        same = [row for row in rows if _agrees(row, side, count)]
        estimated = what.endswith("estimate")
        if len(same) >= _AGREE * len(rows) and (not estimated or len(distinct) >= _ROWS):
            inquiry.flag(
                "warning" if estimated else "critical",
                f"{name_model(model)}{column!r} does not count tokens: in {len(same):,} of {len(rows):,} rows it "
                f"is {what} of the {_name_side(side)}",
                column=column,
                rows=list_rows(same),
            )
            return True
    return False


def _agrees(row: Observation, side: str, count: Callable[[str], tuple[int, ...]]) -> bool:
    text = _text_of(row, side)
    counts = count(text) if text else (_length_of(row, side),)
    return _count_of(row, side) in counts


def _find_constant(inquiry: Inquiry, rows: Sequence[Observation], model: str, side: str) -> bool:
    """Find one count for texts of very different lengths."""
    counts, lengths = {_count_of(row, side) for row in rows}, [_length_of(row, side) or 1 for row in rows]
    if len(rows) < _ROWS or len(counts) > 1 or max(lengths) < _SPAN * min(lengths):
        return False
    inquiry.flag(
        "critical",
        f"{name_model(model)}the tokens of the {_name_side(side)}s were not counted: {min(lengths):,} to "
        f"{max(lengths):,} characters are {next(iter(counts)):,} tokens each",
        rows=list_rows(rows),
    )
    return True


def _find_ratio(inquiry: Inquiry, rows: Sequence[Observation], model: str, side: str) -> bool:
    """Compare characters with tokens; there may be more tokens than is seen: hidden thinking, or examples before."""
    ratios = [
        length / count
        for row in rows
        if (count := _count_of(row, side)) and (length := _length_of(row, side) or 0) >= 40
    ]
    if len(ratios) < _ROWS:
        return False
    middle = median(ratios)
    if middle < _FEWEST:
        return False
    if middle > _MOST:
        inquiry.flag(
            "warning",
            f"{name_model(model)}the {_name_side(side)}s have {middle:,.3g} characters to a token, "
            "as no tokenizer counts",
            chars_per_token=round(middle, 3),
        )
    else:
        inquiry.confirm(f"{name_model(model)}the {_name_side(side)}s have {middle:,.2g} characters to a token")
    return True
