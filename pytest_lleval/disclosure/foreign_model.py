"""F2 of a result file: whether the model asked for has answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from ..core.observations import Observation, Observations
from ..core.records import Verdict
from .foreign_inquiry import Inquiry, answered_rows, group_rows, list_rows, name_model

__all__ = ["judge_model"]

#: answers long enough that two models do not give the same by chance, and how many of them
_LONG, _SHARED = 60, 5
_DATE = re.compile(r"[-@](\d{4}-?\d\d-?\d\d|\d{4}|latest|preview|v\d+(:\d+)?)$")


def judge_model(seen: Observations) -> Verdict:
    """Tell whether every answer came from the model that was asked."""
    inquiry = Inquiry(factor="F2")
    for model, rows in group_rows(answered_rows(seen.rows), lambda row: row.model).items():
        _compare_served(inquiry, model, rows)
        _count_fingerprints(inquiry, model, rows)
    _compare_answers(inquiry, seen)
    if not any(seen.models):
        inquiry.miss("which model was asked")
    return inquiry.conclude()


def _compare_served(inquiry: Inquiry, model: str, rows: Sequence[Observation]) -> None:
    known = [row for row in rows if row.served]
    if not known:
        _miss_once(inquiry, "which model answered")
        return
    others = [row for row in known if not _is_same(row.requested or row.model, row.served)]
    served = Counter(row.served for row in known)
    if others:
        names = ", ".join(
            f"{name!r} {count:,} times" for name, count in Counter(r.served for r in others).most_common(3)
        )
        inquiry.flag(
            "critical",
            f"{name_model(model)}{len(others):,} of {len(known):,} answers came from another model: {names}",
            served=dict(served.most_common(10)),
            rows=list_rows(others),
        )
    elif len(served) > 1:
        inquiry.flag(
            "warning",
            f"{name_model(model)}answers came from {len(served)} different models: "
            + ", ".join(repr(name) for name, _ in served.most_common(3)),
            served=dict(served.most_common(10)),
        )
    elif len(known) < len(rows):
        _miss_once(inquiry, f"which model gave {len(rows) - len(known):,} of the answers")
    else:
        inquiry.confirm(f"{name_model(model)}all {len(known):,} answers name {known[0].served!r}")


def _miss_once(inquiry: Inquiry, what: str) -> None:
    if what not in inquiry.missing:
        inquiry.miss(what)


def _is_same(requested: str, served: str) -> bool:
    """Tell whether two ids name one model: apart from the provider, the folder and the date of a release."""
    one, two = _bare_name(requested), _bare_name(served)
    return not one or one == two or _DATE.sub("", one) == _DATE.sub("", two)


def _bare_name(model: str) -> str:
    """Return a model's id without ``openai:chat:``, ``openai/``, a folder, an address or a file's ending."""
    name = model.partition("@http")[0].replace("\\", "/").rstrip("/").rpartition("/")[2]
    parts = name.split(":")
    if len(parts) > 1 and parts[0].isalpha() and not any(letter.isdigit() for letter in parts[0]):
        name = ":".join(parts[2:] if len(parts) > 2 and parts[1].isalpha() else parts[1:])
    return name.lower().removesuffix(".gguf")


def _count_fingerprints(inquiry: Inquiry, model: str, rows: Sequence[Observation]) -> None:
    prints = Counter(row.fingerprint for row in rows if row.fingerprint)
    if len(prints) > 1:
        inquiry.flag(
            "warning",
            f"{name_model(model)}the fingerprint of the backend changed: {len(prints)} different",
            fingerprints=dict(prints.most_common(10)),
        )


def _compare_answers(inquiry: Inquiry, seen: Observations) -> None:
    """Two models that give the same long answers word by word are one."""
    answers: dict[str, dict[str, str]] = {}
    for row in answered_rows(seen.rows):
        key = row.sample or row.prompt or ""
        if key and row.output and len(row.output) >= _LONG:
            answers.setdefault(row.model, {}).setdefault(key, row.output)
    for one, two in combinations(sorted(answers)[:20], 2):
        shared = answers[one].keys() & answers[two].keys()
        texts = {answers[one][key] for key in shared}
        same = sum(answers[one][key] == answers[two][key] for key in shared)
        if len(shared) >= _SHARED and len(texts) >= _SHARED and same >= 0.8 * len(shared):
            inquiry.flag(
                "critical",
                f"{one!r} and {two!r} gave one long answer, letter by letter, to {same:,} of {len(shared):,} questions",
                models=[one, two],
            )
