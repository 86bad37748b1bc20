"""Puts what makes a run's numbers doubtful into the file of ``--junitxml``: CI systems show that and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree as ET

from ..core.gates import GateResult
from ..reports.escaping import escape_text
from ..reports.view import RunView

__all__ = ["annotate_junit", "drop_withdrawn"]

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


def drop_withdrawn(path: Path, withdrawn: Mapping[str, int], prefix: str | None = None) -> None:
    """Drop from a JUnit file what was reported of items and does not count.

    :param path: the file, as pytest has written it
    :param withdrawn: by node id, how many of its cases; what counts was reported after them
    :param prefix: what pytest was told to put before the names
    """
    left = Counter({_name_case(node_id, prefix): count for node_id, count in withdrawn.items()})
    tree = ET.parse(path)  # noqa: S314  # pytest wrote it a moment ago
    for suite in tree.getroot().iter("testsuite"):
        for case in suite.findall("testcase"):
            key = case.get("classname"), case.get("name")
            if not left[key]:
                continue
            left[key] -= 1
            suite.remove(case)
            for name in ["tests", *(_KINDS[child.tag] for child in case if child.tag in _KINDS)]:
                suite.set(name, str(int(suite.get(name, "0")) - 1))
    tree.write(path, encoding="utf-8", xml_declaration=True)


def _name_case(node_id: str, prefix: str | None) -> tuple[str | None, str | None]:
    """Return class and name that pytest gives an item in the file."""
    address, bracket, parameters = node_id.partition("[")
    file, *names = address.split("::")
    module = file.replace("/", ".").removesuffix(".py")
    parts = [prefix, module, *names] if prefix else [module, *names]
    return ".".join(parts[:-1]), parts[-1] + bracket + parameters


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
