"""Puts the page together: sections of markup, the rows of all samples, and the texts that fit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...analysis.contrast import Contrast
from ...execution.rundir import read_manifest
from ..answers import read_counting
from ..machine import encode_report
from ..matrix_words import find_lone_matrix
from ..view import RunView
from .assets import fill_frame
from .circumstances import render_machines, render_origin, render_traffic
from .earlier import collect_flips, contrast_view
from .journal import find_last_link
from .latency import render_latency
from .markup import Markup, element, join
from .packing import embed, pack
from .rows import Flips, Row, encode_rows, make_row, sort_rows
from .samples import render_samples
from .stress import render_answers, render_stress
from .tables import render_changes, render_gates, render_groups
from .texts import Kept, Texts
from .trust import render_trust
from .verdict import render_headline, render_results, say_headline

__all__ = ["MOST_BYTES", "render_page"]

#: size of a page, unless the rows alone are more
MOST_BYTES = 1_000_000
#: room that texts have at least
_LEAST_ROOM = 60_000
#: left free for what is written of the texts themselves
_SPARE = 2_000


class Section(NamedTuple):
    """A part of the page with a title of its own; it is left out where it has no content."""

    name: str
    title: str
    content: Markup


class _Samples(NamedTuple):
    """All rows of a run, and where the row of each record of the journal stands."""

    rows: Sequence[Row]
    places: Mapping[int, int]
    texts: Texts


def render_page(run: Path, view: RunView, most: int = MOST_BYTES) -> str:
    """Return a run's page; it depends on the run directory and the view alone.

    :param run: the run directory
    :param view: of the run
    :param most: size in bytes; what was asked and answered is left out beyond it, and the page says so
    :raises RunDirectoryError: when the run directory cannot be read
    """
    manifest = read_manifest(run)
    contrasts = contrast_view(view)
    order = [(summary.suite, summary.model) for summary in view.suites]
    samples = _read_samples(run, collect_flips(contrasts), order)
    rows = pack({**encode_rows(samples.rows), "chain": find_last_link(run)})
    before = _render_before(view, contrasts)
    after = _render_after(view, manifest, samples.rows)

    def assemble(kept: Kept) -> str:
        listed = render_samples(samples.rows, kept, run.resolve().name)
        sections = [*before, Section("samples", "Samples", listed), *after]
        data = [embed("rows", rows), embed("texts", kept.packed)]
        return _fill(run, view, manifest, sections, data)

    size = len(assemble(Kept("", 0)).encode("utf-8")) + _SPARE
    return assemble(samples.texts.fit(samples.places, max(_LEAST_ROOM, most - size)))


def _read_samples(run: Path, flips: Flips, order: Sequence[tuple[str, str]]) -> _Samples:
    texts, numbered = Texts(), []
    for number, record in enumerate(read_counting(run)):
        row = make_row(record, flips)
        numbered.append((number, row))
        texts.add(number, record, row)
    numbered = sort_rows(numbered, order)
    places = {number: place for place, (number, _) in enumerate(numbered)}
    return _Samples([row for _, row in numbered], places, texts)


def _render_before(view: RunView, contrasts: Sequence[Contrast]) -> list[Section]:
    changes = render_changes(contrasts, Path(view.baseline or "").name) if contrasts else Markup()
    return [
        Section("changes", "Against the baseline", changes),
        Section("groups", "Groups", render_groups(view)),
    ]


def _render_after(view: RunView, manifest: Mapping[str, Any], rows: Sequence[Row]) -> list[Section]:
    return [
        Section("latency", "Latency", render_latency(rows)),
        Section("stress", "Stress curves", render_stress(view.matrix)),
        Section("traffic", "Tokens and cost", render_traffic(view, manifest)),
        Section("machines", "Machines", render_machines(manifest, view.hosts)),
        Section("origin", "How to reproduce", render_origin(view, manifest)),
    ]


def _fill(
    run: Path, view: RunView, manifest: Mapping[str, Any], sections: Sequence[Section], data: Sequence[Markup]
) -> str:
    shown = [section for section in sections if section.content]
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(manifest["created"]))
    links = [element("li", element("a", section.title, href=f"#{section.name}")) for section in shown]
    return fill_frame(
        title=join([f"{say_headline(view)} {run.resolve().name}"]),
        run=join([run.resolve().name]),
        made=join([made]),
        links=join(links),
        headline=render_headline(view),
        results=element("div", _render_numbers(view), render_gates(view.gates)),
        trust=render_trust(view),
        sections=join(_render_section(section) for section in shown),
        digest=join([str(encode_report(view)["digest"])]),
        data=join(data),
    )


def _render_numbers(view: RunView) -> Markup:
    matrix = find_lone_matrix(view)
    return render_results(view) if matrix is None else render_answers(matrix)


def _render_section(section: Section) -> Markup:
    title = element("h2", section.title, id=f"{section.name}-title")
    return element(
        "section", title, section.content, id=section.name, aria_labelledby=f"{section.name}-title", tabindex="-1"
    )
