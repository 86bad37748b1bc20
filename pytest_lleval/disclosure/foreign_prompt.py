"""F1 of a result file: whether it was really the same prompt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ..core.observations import Observation, Observations
from ..core.records import Verdict
from .foreign_inquiry import Inquiry, group_rows, list_rows, name_model

__all__ = ["judge_prompt"]

#: samples two models must share before their prompts count as compared
_COMPARED = 5
#: of all prompts, which every model must have got; a row may be missing
_MOST_SHARED = 0.9
#: one question, counted by two tokenizers, does not differ by more than this
_TOKENIZERS = 2.0
#: rows whose prompts end at one count, and how much longer than another their texts then are
_CUT_ROWS, _CUT_SPAN = 3, 1.5
#: more sizes than this are those of natural prompts, not of a plan
_PLANNED_SIZES = 64
_PLACEHOLDER = re.compile(r"\{\{\s*[\w.]+\s*\}\}")


def judge_prompt(seen: Observations) -> Verdict:
    """Tell whether different models, samples and sizes got the prompts they should have."""
    inquiry = Inquiry(factor="F1")
    rows = seen.rows
    _compare_models(inquiry, seen)
    _compare_sizes(inquiry, seen)
    for model, own in group_rows(rows, lambda row: row.model).items():
        _find_cut(inquiry, own, model)
        _find_constant(inquiry, own, model)
    _find_unfilled(inquiry, rows)
    return inquiry.conclude()


def _compare_models(inquiry: Inquiry, seen: Observations) -> None:
    if len(seen.models) < 2:
        inquiry.miss("what another model was asked, so there is nothing to compare the prompts with")
        return
    shared = _find_shared(seen.rows)
    for read, unit in ((_read_text, ""), (_read_length, " characters"), (_read_tokens, " tokens")):
        pairs = [(sample, values) for sample, rows in shared.items() if len(values := read(rows)) > 1]
        if pairs:
            _report_shared(inquiry, pairs, unit)
            break
    else:
        if not _compare_sets(inquiry, seen):
            inquiry.miss("which prompts the models got")


def _find_shared(rows: Sequence[Observation]) -> dict[str, dict[str, Observation]]:
    """Return, for samples asked of several models, a row of each; ids that stand for two questions are left out."""
    shared: dict[str, dict[str, Observation]] = {}
    for sample, own in group_rows((row for row in rows if row.sample), lambda row: row.sample).items():
        by_model: dict[str, Observation] = {}
        for row in own:
            by_model.setdefault(row.model, row)
        texts = {(row.model, row.prompt or row.prompt_digest) for row in own}
        if len(by_model) > 1 and len(texts) == len(by_model):
            shared[sample] = by_model
    return shared


def _read_text(rows: Mapping[str, Observation]) -> dict[str, object]:
    texts: dict[str, object] = {model: row.prompt for model, row in rows.items() if row.prompt}
    return texts or {model: row.prompt_digest for model, row in rows.items() if row.prompt_digest}


def _read_length(rows: Mapping[str, Observation]) -> dict[str, object]:
    return {model: row.prompt_chars for model, row in rows.items() if row.prompt_chars is not None}


def _read_tokens(rows: Mapping[str, Observation]) -> dict[str, object]:
    return {model: row.prompt_tokens for model, row in rows.items() if row.prompt_tokens}


def _report_shared(inquiry: Inquiry, pairs: Sequence[tuple[str, dict[str, object]]], unit: str) -> None:
    differing = [(sample, values) for sample, values in pairs if _differ(values, unit)]
    if differing:
        sample, values = differing[0]
        names = list(values)
        how = _describe_difference(values[names[0]], values[names[1]], unit)
        inquiry.flag(
            "critical" if len(differing) * 2 > len(pairs) else "warning",
            f"{len(differing):,} of {len(pairs):,} samples were not asked of all models with the same prompt: "
            f"{sample!r} {how} ({names[0]!r}, {names[1]!r})",
            samples=[sample for sample, _ in differing[:10]],
            shared=len(pairs),
        )
    elif unit == " tokens":
        inquiry.miss("the texts of the prompts")
    elif len(pairs) < _COMPARED:
        inquiry.miss(f"the prompts of more than {len(pairs)} samples that several models share")
    else:
        kind = "have the same length" if unit else "are the same"
        (inquiry.miss if unit else inquiry.confirm)(
            "the texts of the prompts"
            if unit
            else f"the prompts of all {len(pairs):,} samples that several models share {kind}"
        )


def _differ(values: Mapping[str, object], unit: str) -> bool:
    if unit == " tokens":
        counts = [float(str(value)) for value in values.values()]
        return max(counts) > _TOKENIZERS * min(counts)
    return len(set(values.values())) > 1


def _describe_difference(one: object, two: object, unit: str) -> str:
    if unit:
        return f"has {one:,}{unit} for one and {two:,}{unit} for the other"
    first, second = str(one), str(two)
    place = next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    return f"differs from character {place + 1}: {_excerpt(first, place)} against {_excerpt(second, place)}"


def _excerpt(text: str, place: int) -> str:
    shown = text[place : place + 30]
    return repr(shown) if shown else "its end"


def _compare_sets(inquiry: Inquiry, seen: Observations) -> bool:
    """Compare which prompts the models got, where no sample ids say which belong together."""
    prompts: dict[str, set[str]] = {}
    for row in seen.rows:
        text = row.prompt or row.prompt_digest
        if text:
            prompts.setdefault(row.model, set()).add(text)
    if len(prompts) < 2:
        return False
    common = set.intersection(*prompts.values())
    every = set.union(*prompts.values())
    if not common:
        inquiry.flag("warning", "no prompt was put to all of the models", models=sorted(prompts), prompts=len(every))
    elif len(common) < _MOST_SHARED * len(every):
        inquiry.flag(
            "warning",
            f"only {len(common):,} of {len(every):,} prompts were put to all of the models",
            models=sorted(prompts),
        )
    elif len(common) >= _COMPARED:
        inquiry.confirm(f"all {len(prompts)} models got {len(common):,} of {len(every):,} prompts")
    else:
        inquiry.miss(f"more than {len(common)} prompts that the models share")
    return True


def _compare_sizes(inquiry: Inquiry, seen: Observations) -> None:
    """Models that were measured at different sizes cannot be compared by their means."""
    sizes = {
        model: {row.size for row in rows if row.size is not None}
        for model, rows in group_rows(seen.rows, lambda row: row.model).items()
    }
    known = {model: own for model, own in sizes.items() if own}
    every = set().union(*known.values())
    if len(known) < 2 or len(every) > _PLANNED_SIZES or all(own == every for own in known.values()):
        return
    model, own = min(known.items(), key=lambda item: len(item[1]))
    absent = sorted(every - own)
    inquiry.flag(
        "warning",
        f"{name_model(model)}was not asked at {len(absent)} of the {len(every)} sizes of the others, "
        f"e.g. {absent[-1]:,g}: means over the sizes do not compare",
        missing={name: sorted(every - own)[:10] for name, own in known.items() if own != every},
    )


def _find_cut(inquiry: Inquiry, rows: Sequence[Observation], model: str) -> None:
    """Prompts of different lengths that end at exactly one count of tokens were cut off there."""
    pairs = [(row, length) for row in rows if row.prompt_tokens and (length := _named_length(row))]
    if len(pairs) < 2 * _CUT_ROWS:
        return
    most = max(row.prompt_tokens or 0 for row, _ in pairs)
    at = [(row, length) for row, length in pairs if row.prompt_tokens == most]
    lengths = sorted({length for _, length in at})
    fewer = any((row.prompt_tokens or 0) < most for row, _ in pairs)
    if fewer and len(at) >= _CUT_ROWS and len(lengths) > 1 and lengths[-1] >= _CUT_SPAN * lengths[0]:
        inquiry.flag(
            "critical",
            f"{name_model(model)}prompts were cut: {len(at):,} of them have exactly {most:,} tokens, although they "
            f"should be {lengths[0]:,g} to {lengths[-1]:,g} long",
            tokens=most,
            rows=list_rows(row for row, _ in at),
        )


def _named_length(row: Observation) -> float | None:
    """Return how long a prompt should be, by another count than its tokens."""
    if row.size is not None and row.size != row.prompt_tokens:
        return row.size
    return float(row.prompt_chars) if row.prompt_chars else row.size


def _find_constant(inquiry: Inquiry, rows: Sequence[Observation], model: str) -> None:
    """One prompt for all samples or sizes was not made of them."""
    kinds: tuple[tuple[str, Callable[[Observation], object]], ...]
    kinds = (("samples", lambda row: row.sample), ("sizes", lambda row: row.size))
    for name, key in kinds:
        known = [row for row in rows if key(row) and (row.prompt or row.prompt_digest or row.prompt_tokens)]
        counts = [row.prompt_tokens for row in known if row.prompt_tokens]
        texts = {row.prompt or row.prompt_digest for row in known}
        many = len({key(row) for row in known})
        same_text = len(texts) == 1 and "" not in texts
        same_count = name == "sizes" and len(counts) == len(known) and len(set(counts)) == 1
        if many >= _COMPARED and (same_text or same_count):
            inquiry.flag(
                "critical",
                f"{name_model(model)}the prompt is the same for all {many:,} {name}"
                + (f" ({counts[0]:,} tokens)" if counts and not same_text else ""),
                rows=list_rows(known),
            )
            return


def _find_unfilled(inquiry: Inquiry, rows: Sequence[Observation]) -> None:
    texts = [row for row in rows if row.prompt is not None]
    empty = [row for row in texts if not (row.prompt or "").strip()]
    if empty:
        inquiry.flag("warning", f"{len(empty):,} prompts are empty", rows=list_rows(empty))
    found: Counter[str] = Counter()
    for row in texts:
        found.update(set(_PLACEHOLDER.findall(row.prompt or "")))
    for placeholder, count in found.most_common(1):
        if count * 2 >= len(texts):
            inquiry.flag(
                "warning", f"{count:,} prompts hold {placeholder} where a value should be", placeholder=placeholder
            )
