"""Reports of tests that come from a host: of the items it was given, of the shape pytest gives them, safe to show.

pytest puts whatever a report brings onto the object that every plugin reads: a text in place of a method, or an error
whose lines are numbers, ends the session when it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ..core.errors import ViolationError
from ..core.schema import is_json, is_number, is_text

__all__ = ["check_location", "clean_values", "read_report"]

_MOST_DEPTH = 32
_KINDS = {"TestReport": pytest.TestReport, "CollectReport": pytest.CollectReport}
_OUTCOMES = ("passed", "failed", "skipped", "rerun")
_PHASES = ("setup", "call", "teardown")
#: what pytest and xdist themselves put there
_OWN = frozenset(
    {
        *("$report_type", "nodeid", "location", "keywords", "outcome", "longrepr", "when", "user_properties"),
        *("sections", "duration", "start", "stop", "result", "item_index", "worker_id", "testrun_uid"),
    }
)


def clean_values(value: object, clean: Callable[[str], str], depth: int = _MOST_DEPTH) -> Any:
    """Return builtin values with every text made safe to print.

    :param clean: makes a text safe to print
    :raises ViolationError: where they are nested too deeply
    """
    if depth < 0:
        raise ViolationError(f"a report nested more than {_MOST_DEPTH} deep")
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean_values(name, clean, 0): clean_values(part, clean, depth - 1) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(clean_values(part, clean, depth - 1) for part in value)
    return value


def check_location(location: object) -> None:
    """Refuse what is no place of an item.

    :raises ViolationError: naming it
    """
    if not (
        isinstance(location, (tuple, list))
        and len(location) == 3
        and all(map(is_text, (location[0], location[2])))
        and (location[1] is None or type(location[1]) is int)
    ):
        raise ViolationError(f"a place that is none: {location!r:.80}")


def read_report(config: pytest.Config, data: Mapping[str, Any], kind: str) -> Any:
    """Rebuild a report, as xdist does.

    :param data: as it came, with texts that are safe to print
    :param kind: of its class, which may be a subclass
    :raises ViolationError: when it is none that can be shown
    """
    _check_names(data)
    _check_parts(data, kind)
    try:
        report = config.hook.pytest_report_from_serializable(config=config, data=dict(data))
        crash = getattr(report.longrepr, "reprcrash", None)
        shown = (report.longreprtext, *((crash.path, crash.message) if crash else ()))
        # of subtests it is made of their parameters
        fits = (
            isinstance(report, _KINDS[kind])
            and all(map(is_text, shown))
            and is_text(getattr(report, "head_line", None) or "")
        )
    except Exception as error:
        raise ViolationError(f"a report that cannot be read ({type(error).__name__}: {error!s:.80})") from error
    if not fits:
        raise ViolationError(f"what is no {kind} that can be shown")
    return report


def _check_names(data: Mapping[str, Any]) -> None:
    """Refuse what would stand in place of what pytest's reports can do."""
    for name in data:
        if type(name) is not str or (name not in _OWN and _is_taken(name)):
            raise ViolationError(f"a report that brings a {name!r:.40} of its own")


def _is_taken(name: str) -> bool:
    return hasattr(pytest.TestReport, name) or hasattr(pytest.CollectReport, name)


def _check_parts(data: Mapping[str, Any], kind: str) -> None:
    checks: dict[str, bool] = {
        "$report_type": data.get("$report_type", kind) == kind,
        "nodeid": is_text(data.get("nodeid")),
        "outcome": data.get("outcome") in _OUTCOMES,
        "sections": _is_pairs(data.get("sections"), is_text),
        "longrepr": _is_error(data.get("longrepr"), data),
        "wasxfail": is_text(data.get("wasxfail", "")),
    }
    if kind == "TestReport":
        checks |= {
            "when": data.get("when") in _PHASES,
            "keywords": isinstance(data.get("keywords"), dict) and is_json(data["keywords"]),
            "duration": is_number(data.get("duration")) and data["duration"] >= 0,
            "user_properties": _is_pairs(data.get("user_properties"), _is_plain),
            **{name: is_number(data.get(name, 0)) for name in ("start", "stop")},
        }
        check_location(data.get("location"))
    else:
        checks["result"] = data.get("result") is None
    for name, fits in checks.items():
        if not fits:
            raise ViolationError(f"a report whose {name!r} does not belong there")


def _is_plain(value: object) -> bool:
    return value is None or type(value) in (str, bool) or is_number(value) or is_json(value)


def _is_pairs(value: object, fits: Callable[[object], bool]) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 and is_text(pair[0]) and fits(pair[1]) for pair in value
    )


def _is_error(value: object, data: Mapping[str, Any]) -> bool:
    """Tell whether something is what pytest says of an outcome: of a skip a place and a reason, as it wants them."""
    if data.get("outcome") == "skipped" and "wasxfail" not in data:
        return (
            type(value) is tuple
            and len(value) == 3
            and all(map(is_text, (value[0], value[2])))
            and type(value[1]) is int
        )
    return value is None or is_text(value) or isinstance(value, dict)
