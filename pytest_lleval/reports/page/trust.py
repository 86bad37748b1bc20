"""What the six factors of the trust layer say, and what else was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...core.records import Disclosure, Verdict
from ...disclosure.verdicts import FACTOR_TITLES
from ..audits import tell_audit
from ..view import RunView
from .markup import Markup, element

__all__ = ["name_factor", "render_trust"]

_TITLES = {"S": "seeds", "D": "dataset", "A": "answers", **{str(name): title for name, title in FACTOR_TITLES.items()}}
_SIGNS = {"clean": "✓", "flagged": "!", "unverified": "?"}


def name_factor(factor: str) -> str:
    """Return a factor with its title."""
    return f"{factor} {_TITLES[factor]}" if factor in _TITLES else factor


def render_trust(view: RunView) -> Markup:
    """Return what the six factors say, and what else was found."""
    # where there is one model, every finding is about it
    name = f"{view.identities[0].spec}: " if len(view.identities) == 1 else ""
    items = [_render_factor(verdict, view.acknowledged, name) for verdict in view.verdicts]
    parts = [element("h2", "Can it be trusted?", id="trust-title"), element("ul", *items, class_="factors")]
    if view.canaries:
        parts += [element("h3", "Planted answers"), *(element("p", line, class_="fact") for line in view.canaries)]
    if audited := tell_audit(view.audit, view.excluded):
        parts += [element("h3", "Audit"), *(element("p", line, class_="fact") for line in audited)]
    if view.further:
        found = [
            element("li", element("strong", name_factor(one.factor)), " ", *_tell(one, view.acknowledged))
            for one in view.further
        ]
        parts += [element("h3", "Seeds, datasets and answers"), element("ul", *found, class_="findings")]
    return element("section", *parts, id="trust", aria_labelledby="trust-title", tabindex="-1")


def _render_factor(verdict: Verdict, acknowledged: Mapping[str, str], name: str) -> Markup:
    title = element(
        "h3",
        element("span", _SIGNS[verdict.state], class_="sign", aria_hidden="true"),
        f"{name_factor(verdict.factor)} ",
        element("small", verdict.state),
    )
    parts = [title, element("p", verdict.message.replace(name, "", 1) if name else verdict.message)]
    grave = [found for found in verdict.disclosures if found.severity != "note"]
    # the gravest is the verdict's own sentence
    more = [found for found in verdict.disclosures if found not in grave[:1]]
    if more:
        parts.append(element("ul", *(element("li", *_tell(found, {}, name)) for found in more), class_="findings"))
    if verdict.factor in acknowledged:
        parts.append(element("p", f"Acknowledged: {acknowledged[verdict.factor]}", class_="fact"))
    return element("li", *parts, class_=f"factor {verdict.state}")


def _tell(found: Disclosure, acknowledged: Mapping[str, str], name: str = "") -> Iterator[str]:
    message = found.message.replace(name, "", 1) if name else found.message
    yield element("span", found.severity, class_=f"chip {found.severity}")
    yield f" {message}"
    if found.factor in acknowledged:
        yield f" (acknowledged: {acknowledged[found.factor]})"
