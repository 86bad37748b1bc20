import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.reports.escaping import escape_text
from pytest_lleval.reports.markdown import escape_markdown, render_table

ANYTHING = st.text(st.one_of(st.characters(codec=None), st.sampled_from("\\`*_[]<>#|~$&@:\n\r\u200b!.w")), max_size=30)


@given(text=ANYTHING)
def test_a_text_shows_as_it_is_and_holds_no_markup(text: str) -> None:
    escaped = escape_markdown(text)
    assert html.unescape(escaped).replace("\u200b", "") == escape_text(text).replace("\u200b", "")
    assert not re.search(r"[\\`*_\[\]<>|~$:\x00-\x1f]|[@#](?!\d)|&(?!#\d+;)|www\.", escaped, re.IGNORECASE)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", "a&#124;b"),
        ("@octocat", "&#64;\u200boctocat"),
        ("fixes #12", "fixes &#35;\u200b12"),
        ("<img src=x>", "&#60;img src=x&#62;"),
        ("see https://evil.example or WWW.evil.example", "see https&#58;//evil.example or WWW&#46;evil.example"),
        ("one\ntwo", "one&#92;ntwo"),
        ("&amp; `x`", "&#38;amp; &#96;x&#96;"),
        ("56.7 % (n=120)", "56.7 % (n=120)"),
    ],
)
def test_what_would_do_something_is_spelled_out(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped


def test_a_long_text_is_clipped_before_it_is_escaped() -> None:
    assert escape_markdown("|" * 10, limit=4) == "&#124;" * 3 + "…"


@given(cells=st.lists(ANYTHING, min_size=3, max_size=3))
def test_a_row_has_as_many_cells_as_its_table(cells: list[str]) -> None:
    head, rule, row = render_table(("a", "b", "c"), [cells])
    assert (head, rule) == ("| a | b | c |", "|---|---|---|")
    assert row.count("|") == 4
