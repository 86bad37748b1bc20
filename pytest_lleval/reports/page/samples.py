"""The list of samples: what a script fills with rows, and what is said of the texts that are left out."""

from __future__ import annotations

from collections.abc import Sequence

from .markup import Markup, element, join
from .rows import Row
from .texts import Kept

__all__ = ["render_samples"]

#: what the list can be narrowed to; the script counts each
_SHOWN = (
    ("all", "All"),
    ("wrong", "Wrong"),
    ("right", "Right"),
    ("unscored", "Unscored"),
    ("flagged", "Flagged"),
    ("flipped", "Flipped"),
)


def render_samples(rows: Sequence[Row], kept: Kept, run: str) -> Markup:
    """Return the section's content.

    :param rows: of all samples
    :param kept: the texts that fit
    :param run: the name of the run
    """
    if not rows:
        return Markup()
    without = element("p", f"The list needs a script; lleval show {run} prints it.", class_="notice script-less")
    parts = [_say_kept(len(rows), kept.rows, run), _make_filters(), _make_browser()]
    return join([without, element("div", *parts, class_="script-only")])


def _say_kept(total: int, kept: int, run: str) -> Markup:
    """Say which texts the page holds, and how the others can be read."""
    if kept >= total:
        return element("p", f"All {total:,} samples with their prompts and answers.", class_="fact")
    return element(
        "div",
        element(
            "p",
            element("strong", f"Prompts and details of {kept:,} of {total:,} samples are in this page"),
            " so that it stays small: first those without a score or with another than in the baseline, then wrong "
            "answers, then right ones, spread over all groups. Scores, answers, times and tokens "
            "are here of every sample.",
        ),
        element(
            "p",
            element("label", "Read the others from ", element("code", f"{run}/samples.jsonl"), ": ", for_="journal"),
            element("input", type="file", id="journal", accept=".jsonl"),
            element("span", "It stays on this machine.", id="journal-state", role="status"),
            class_="tools",
        ),
        class_="notice",
    )


def _make_filters() -> Markup:
    search = element(
        "input", type="search", id="search", placeholder="Search ids, prompts, answers", aria_label="Search samples",
        autocomplete="off", spellcheck="false",
    )  # fmt: skip
    choices = [
        element("button", title, " ", element("span", "", class_="count"), type="button", data_show=name,
                aria_pressed="true" if name == "all" else "false")
        for name, title in _SHOWN
    ]  # fmt: skip
    shown = element("div", *choices, class_="choice", role="group", aria_label="Which samples")
    selects = element("div", id="selects", class_="tools")
    state = element("p", "", id="samples-state", role="status", class_="fact")
    printed = element("p", "", id="printed", class_="fact print-only")
    return element("div", element("div", search, shown, class_="tools"), selects, state, printed, role="search")


def _make_browser() -> Markup:
    grid = element("table", element("thead"), element("tbody"), id="rows-table", role="grid", aria_label="Samples")
    hint = element("p", "Choose a sample to read what was asked and answered.", class_="fact")
    return element(
        "div",
        element("div", grid, id="rows-view", class_="view"),
        element("aside", hint, id="details", aria_label="The chosen sample", tabindex="-1"),
        class_="browser",
    )
