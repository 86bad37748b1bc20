"""What reports of eval cases carry to the process that keeps the evidence, as far as it can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from ..core.errors import ViolationError
from ..core.records import BackendKind, Severity
from ..core.schema import Table, is_count, is_json, is_number, is_share, is_table, is_text, lists, one_of, optional
from ..distribution.intake import check_machine
from ..execution.acceptance import MOST_RECORD, accept_line, accept_values
from .casereports import LINE, NEWS, VALUE
from .protocol import VALUE as SUITE_VALUE

__all__ = ["CARRIED", "check_carried"]

#: their names
CARRIED = frozenset({LINE, NEWS, VALUE, SUITE_VALUE})


_DISCLOSURE = Table(
    {
        "factor": is_text,
        "severity": one_of(get_args(Severity)),
        "message": is_text,
        "evidence": is_table,
    }
)
_disclosures = lists(_DISCLOSURE)
_SUITE = Table(
    {
        **dict.fromkeys(("name", "kind", "version", "dataset", "edition", "origin", "digest"), is_text),
        **dict.fromkeys(("samples", "selected", "collected"), is_count),
        "parameters": is_table,
        "metrics": lists(is_text),
        "gates": lists(is_table),
        "tags": is_json,
        "disclosures": _disclosures,
    }
)
_IDENTITY = Table(
    {
        **dict.fromkeys(("spec", "provider", "requested_model", "served_model"), is_text),
        "kind": one_of(get_args(BackendKind)),
        **dict.fromkeys(("url", "fingerprint", "server"), optional(is_text)),
        "context_tokens": optional(is_number),
        "details": is_table,
        "evidence": is_table,
        "disclosures": _disclosures,
    }
)


def check_carried(worker: str, node_id: str, carried: Mapping[str, Any]) -> None:
    """Refuse what a worker's report of an item carries, if it cannot be of that item.

    :param worker: that has sent the report
    :param node_id: of the item
    :param carried: by name, those of `CARRIED` alone
    :raises ViolationError: naming it
    """
    for name in (VALUE, SUITE_VALUE):
        value = carried.get(name)
        if value is not None and not is_share(value):
            raise ViolationError(f"a value {value!r:.40} of {node_id!r:.200}, which is not in 0..1")
    if LINE in carried:
        _check_record(worker, node_id, carried[LINE])
    if NEWS in carried:
        _check_news(carried[NEWS])


def _check_record(worker: str, node_id: str, line: object) -> None:
    if not isinstance(line, str):
        raise ViolationError(f"a record of {node_id!r:.200} that is no text")
    raw = accept_line(line)
    if (raw["case"], raw["worker"]) != (node_id, worker):
        raise ViolationError(f"a record of {raw['case']!r:.200} with the report of {node_id!r:.200}")


def _check_news(text: object) -> None:
    if not isinstance(text, str) or len(text) > MOST_RECORD:
        raise ViolationError("news that are no text, or too long")
    news = accept_values(text)
    if not isinstance(news, dict) or not news.keys() <= {"suite", "identity", "machine"}:
        raise ViolationError("news of what a case has none of")
    for name, table in (("suite", _SUITE), ("identity", _IDENTITY)):
        if name in news and (misfit := table.find(news[name])):
            raise ViolationError(f"what describes no {name}, by its {misfit!r:.80}")
    machine = news.get("machine", [])
    if not isinstance(machine, list):
        raise ViolationError("news of a machine that are none")
    for found in machine:
        check_machine(found)
