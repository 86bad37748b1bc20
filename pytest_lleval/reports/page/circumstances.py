"""What the numbers were made with: tokens and cost, models, datasets, machines, and how to make them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...analysis.summary import Traffic
from ...core.matrix import MATRIX
from ...core.records import BackendIdentity
from ...disclosure.sessions import list_workers
from ..costs import tell_cost
from ..progress import format_duration
from ..reproducing import lay_out_command
from ..view import RunView
from .markup import Markup, element, join, table

__all__ = ["render_machines", "render_origin", "render_traffic"]

_MACHINE = ("system", "machine", "cpu", "cpus_usable", "memory_bytes", "container", "python")


def render_traffic(view: RunView, manifest: Mapping[str, Any]) -> Markup:
    """Return what was sent, and what it cost."""
    head = ("suite and model", "requests#", "retried#", "from cache#", "tokens in#", "tokens out#", "per s#", "cost#")
    rows = [
        _list_traffic(
            f"{summary.suite} on {summary.model}", summary.traffic, tell_cost(summary.model, summary.traffic, manifest)
        )
        for summary in view.suites
    ]
    for curve in view.matrix.curves if view.matrix is not None else ():
        cost = tell_cost(curve.model, curve.traffic, manifest)
        rows.append(_list_traffic(f"{MATRIX} on {curve.label}", curve.traffic, cost))
    time = f"{format_duration(view.wall)} of wall clock, start-up included; {view.cpu:.1f} s of processor time."
    listed = table("Tokens and cost", head, rows) if rows else Markup()
    return join([listed, element("p", time, class_="fact")])


def _list_traffic(title: str, traffic: Traffic, cost: str) -> list[str]:
    total = traffic.input_tokens + traffic.output_tokens
    without = f" ({traffic.without_usage:,} not reported)" if traffic.without_usage else ""
    return [
        title,
        f"{traffic.requests:,}",
        f"{traffic.retried:,}",
        f"{traffic.cache_hits:,}",
        f"{traffic.input_tokens:,}{without}",
        f"{traffic.output_tokens:,}",
        f"{total / traffic.span:,.1f}" if traffic.span > 0 else "not known",
        cost,
    ]


def render_machines(manifest: Mapping[str, Any], events: Sequence[str] = ()) -> Markup:
    """Return the machines that took part, workers that are alike on one line, and what became of hosts.

    :param events: a sentence each
    """
    alike: dict[tuple[str, ...], list[str]] = {}
    for worker, seen in list_workers(manifest["sessions"]):
        alike.setdefault(_list_machine(seen.get("fingerprint", {})), []).append(worker)
    if not alike and manifest["environment"]:
        alike[_list_machine(manifest["environment"])] = ["main"]
    head = ("workers", "system", "processor", "memory", "Python")
    found = table("Machines", head, ([", ".join(names), *facts] for facts, names in alike.items()))
    return join([found, element("ul", *(element("li", text) for text in events))]) if events else found


def _list_machine(seen: Mapping[str, Any]) -> tuple[str, ...]:
    known = {name: seen.get(name) for name in _MACHINE}
    memory = known["memory_bytes"]
    inside = f" in {known['container']}" if known["container"] else ""
    return (
        f"{known['system'] or 'not known'} {known['machine'] or ''}{inside}",
        f"{known['cpu'] or 'not known'}, {known['cpus_usable'] or '?'} usable",
        f"{memory / 1e9:.0f} GB" if memory else "not known",
        str(known["python"] or "not known"),
    )


def render_origin(view: RunView, manifest: Mapping[str, Any]) -> Markup:
    """Return how to make the numbers again: the command, models, datasets and versions with their digests."""
    command = lay_out_command(manifest)
    facts = [element("div", element("dt", name), element("dd", value)) for name, value in _list_facts(view, manifest)]
    return join([element("pre", element("code", command), class_="command", tabindex="0"), element("dl", *facts)])


def _describe_model(identity: BackendIdentity) -> Markup:
    """Return who answers, in a line, and below it what else is known of it."""
    named = (f"served as {identity.served_model}", identity.kind, identity.url, identity.server)
    facts = {"fingerprint": identity.fingerprint, "context": identity.context_tokens, **identity.details}
    # a file's digest may be its fingerprint
    known = {
        name: _tell(value)
        for name, value in facts.items()
        if isinstance(value, (str, int)) and not (name == "digest" and str(value) in str(identity.fingerprint))
    }
    listed = [element("li", name.replace("_", " "), " ", element("b", value), " ") for name, value in known.items()]
    return join([element("p", ", ".join(part for part in named if part)), element("ul", *listed, class_="facts")])


def _tell(value: str | int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:,}"


def _list_facts(view: RunView, manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for identity in view.identities:
        yield f"model {identity.spec}", _describe_model(identity)
    for suite in view.datasets:
        parameters = ", ".join(f"{name}={value}" for name, value in suite["parameters"].items())
        yield (
            f"suite {suite['name']}",
            f"version {suite['version']}, dataset {suite['dataset']}, edition {suite['edition']}, sha256 "
            f"{suite['digest']}" + (f"; {parameters}" if parameters else ""),
        )
    environment = manifest["environment"]
    packages = environment.get("packages") or {}
    if packages:
        yield "packages", ", ".join(f"{name} {version}" for name, version in packages.items())
    git = environment.get("git")
    if git:
        yield "git", ", ".join(f"{name} {value}" for name, value in git.items()) if isinstance(git, dict) else str(git)
    if environment.get("code"):
        yield "code of pytest-lleval", f"sha256 {environment['code']}"
