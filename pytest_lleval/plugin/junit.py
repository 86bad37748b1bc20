"""Puts what makes a run's numbers doubtful into the file of ``--junitxml``: CI systems show that and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree as ET

from ..core.gates import GateResult
from ..reports.escaping import escape_text
from ..reports.view import RunView

__all__ = ["annotate_junit", "drop_repeated"]

_KINDS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def annotate_junit(path: Path, view: RunView) -> None:
    """Add the verdicts and findings of a run to the properties of every test suite in a JUnit file, and its gates.

    :param path: the file, as pytest has written it
    :param view: the run
    """
    tree = ET.parse(path)  # noqa: S314  # pytest wrote it a moment ago
    for suite in tree.getroot().iter("testsuite"):
        properties = suite.find("properties")
        if properties is None:
            properties = ET.Element("properties")
            suite.insert(0, properties)
        for name, value in _list_properties(view):
            ET.SubElement(properties, "property", name=name, value=escape_text(value))
    for suite in islice(tree.getroot().iter("testsuite"), 1):
        for gate in view.gates:
            _add_gate(suite, gate, judged=not (view.part and view.part.is_shard))
    tree.write(path, encoding="utf-8", xml_declaration=True)


def drop_repeated(path: Path) -> None:
    """Drop from a JUnit file what was reported of a case before it was asked again: its last report counts.

    :param path: the file, as pytest has written it
    """
    tree = ET.parse(path)  # noqa: S314  # pytest wrote it a moment ago
    for suite in tree.getroot().iter("testsuite"):
        cases = suite.findall("testcase")
        last = {(case.get("classname"), case.get("name")): case for case in cases}
        for case in cases:
            if last[case.get("classname"), case.get("name")] is case:
                continue
            suite.remove(case)
            for name in ["tests", *(_KINDS[child.tag] for child in case if child.tag in _KINDS)]:
                suite.set(name, str(int(suite.get(name, "0")) - 1))
    tree.write(path, encoding="utf-8", xml_declaration=True)


def _add_gate(suite: ET.Element, gate: GateResult, *, judged: bool) -> None:
    """Add a gate as a case of its own: what regressed, is undecided, and was not measured are told apart.

    :param judged: whether it was to be; of a shard no gate is
    """
    place = f"{gate.suite} on {gate.model}" if gate.model else gate.suite or "gates"
    case = ET.SubElement(
        suite, "testcase", classname=escape_text(f"lleval gate: {place}"), name=escape_text(gate.gate), time="0"
    )
    counts = {"tests": 1}
    if gate.answer != "pass":
        kind = ("error" if judged else "skipped") if gate.answer == "unmeasured" else "failure"
        words = {"fail": "regressed"}.get(gate.answer, gate.answer)
        found = ET.SubElement(case, kind, type=words, message=escape_text(f"{words}: {gate.message}"))
        found.text = escape_text(gate.message)
        counts[_KINDS[kind]] = 1
    for name, count in counts.items():
        suite.set(name, str(int(suite.get(name, "0")) + count))


def _list_properties(view: RunView) -> Iterable[tuple[str, str]]:
    yield "lleval_trustworthy", "yes" if view.trustworthy else "no"
    for verdict in view.verdicts:
        yield f"lleval_{verdict.factor}", f"{verdict.state}: {verdict.message}"
    for found in view.disclosures:
        yield "lleval_disclosure", f"{found.factor} {found.severity}: {found.message}"
    for factor, reason in view.acknowledged.items():
        yield "lleval_acknowledged", f"{factor}: {reason}"
