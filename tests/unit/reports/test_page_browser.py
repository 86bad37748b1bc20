"""The page in a browser: it opens from disk, obeys no text of a model, and is quick with 14,042 rows."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matrix_runs import cross, fail_call, write_matrix_run
from report_parts import EVIL, write_evil_run, write_long_run

from pytest_lleval.reports.page.rendering import render_page
from pytest_lleval.reports.view import load_view

pytestmark = pytest.mark.slow

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_READY = "html[data-ready=true]"
#: texts whose colours are too close to each other, as the page is seen now
_PALE = """() => {
  const parse = (colour) => {
    const parts = colour.match(/[\\d.]+/g).map(Number);
    return parts[3] === 0 ? null : parts;
  };
  const light = ([r, g, b]) => { const f = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const pale = [];
  for (const element of document.querySelectorAll('body *')) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    if (!element.getClientRects().length || element.disabled || element.closest('script')) continue;
    const ink = parse(getComputedStyle(element).fill !== 'rgb(0, 0, 0)' && element.closest('svg')
      ? getComputedStyle(element).fill : getComputedStyle(element).color);
    let behind = element; let paper = null;
    while (behind && !(paper = parse(getComputedStyle(behind).backgroundColor))) behind = behind.parentElement;
    const [one, other] = [light(ink), light(paper ?? [255, 255, 255])].sort((a, b) => b - a);
    const text = element.textContent.slice(0, 30);
    if ((one + 0.05) / (other + 0.05) < 4.5) pale.push(`${element.tagName}.${element.className}: ${text}`);
  }
  return pale;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        pytest.skip(f"needs one of {', '.join(_BROWSERS)}")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=_OPTIONS)
        yield opened
        opened.close()


def write_page(run: Path, **changes: int) -> Path:
    file = run.parent / "page.html"
    file.write_text(render_page(run, load_view(run), **changes), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def evil_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(write_evil_run(tmp_path_factory.mktemp("evil") / "run"))


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(write_long_run(tmp_path_factory.mktemp("long") / "run", 14_042))


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    """Opens a page, and after the test makes sure that it has complained of nothing and loaded nothing."""
    complaints, requests, pages = [], [], []

    def open_file(file: Path, ready: str = _READY, **options: Any) -> Any:
        page = browser.new_page(**options)
        pages.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_selector(ready, state="attached")
        return page

    yield open_file
    for page in pages:
        page.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert sum(url.startswith("file:") for url in requests) == len(pages)


def test_no_text_of_a_model_does_anything(visit: Any, evil_file: Path) -> None:
    page = visit(evil_file)
    assert page.locator("#rows-table tbody tr[data-place]").count() == len(EVIL) + 1
    for place in range(len(EVIL) + 1):
        page.locator(f'#rows-table tr[data-place="{place}"]').click()
        more = page.locator("#details button:has-text('Show all')")
        while more.count():
            more.first.click()
    assert page.evaluate("window.owned") is None
    assert page.locator("img, iframe, main a[href^='javascript'], main script").count() == 0
    assert "$title" not in page.title()


@pytest.mark.parametrize(
    ("name", "sign"),
    [("turned", "U+202E"), ("turned", "U+200E"), ("terminal", "ESC"), ("terminal", "U+0000"), ("half", "U+D83D")],
)
def test_signs_that_are_not_seen_are_spelled_out(visit: Any, evil_file: Path, name: str, sign: str) -> None:
    page = visit(evil_file)
    page.fill("#search", f"{name} ")
    page.locator('#rows-table tr[data-place="0"]').click()
    assert sign in page.locator("#details pre.answer .unseen-sign").all_text_contents()
    assert "\u202e" not in page.inner_text("body")
    assert "\x1b" not in page.inner_text("body")


def test_rows_are_filtered_within_a_tenth_of_a_second(visit: Any, long_file: Path) -> None:
    page = visit(long_file)
    for query, found in (("group_12/", "247"), ("question 77:", None), ("zzzz no such", "0")):
        spent = page.evaluate(
            """(query) => { const field = document.getElementById('search'); const began = performance.now();
            field.value = query; field.dispatchEvent(new Event('input')); return performance.now() - began; }""",
            query,
        )
        assert spent < 100
        if found is not None:
            assert page.inner_text("#samples-state") == f"{found} of 14,042 rows"
    page.fill("#search", "")
    for kind, found in (("wrong", "9,361 of 14,042 rows"), ("right", "4,681 of 14,042 rows"), ("all", "14,042 rows")):
        spent = page.evaluate(
            """(kind) => { const began = performance.now();
            document.querySelector(`button[data-show=${kind}]`).click(); return performance.now() - began; }""",
            kind,
        )
        assert spent < 100
        assert page.inner_text("#samples-state") == found
    assert page.locator("#rows-table tbody tr").count() < 80


def test_the_list_is_sorted_scrolled_and_read_by_keys(visit: Any, long_file: Path) -> None:
    page = visit(long_file)
    head = page.locator("#rows-table th.of-score")
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    page.locator("#rows-table th.of-score button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    page.locator('#rows-table tr[data-place="0"]').focus()
    page.keyboard.press("End")
    focused = "document.activeElement.getAttribute('aria-rowindex')"
    assert page.evaluate(focused) == "14043"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == "14042"
    assert page.inner_text("#details h3") == page.locator("tr[aria-selected=true] td").first.text_content()


def test_groups_lead_to_their_samples(visit: Any, long_file: Path) -> None:
    page = visit(long_file)
    page.locator("a[data-group]", has_text="group_12").click()
    assert page.inner_text("#samples-state") == "247 of 14,042 rows"
    assert page.input_value("#select-group") == "group_12"
    page.locator("table.sortable th button", has_text="accuracy").click()
    values = [float(text) for text in page.locator("table.sortable td:nth-child(3)").all_text_contents()]
    assert values == sorted(values)


def test_what_was_asked_and_answered_stands_above_the_circumstances(visit: Any, tmp_path: Path) -> None:
    page = visit(write_page(write_long_run(tmp_path / "run", 60)))
    page.locator('#rows-table tr[data-place="0"]').click()
    titles = [text.lower() for text in page.locator("#details h4").all_text_contents()]
    assert titles[0] == "user"
    assert titles[-1] == "circumstances"
    assert titles.index("answer") < titles.index("circumstances")
    first = page.locator("#details dl").first
    assert first.locator("dt").all_text_contents()[:3] == ["score", "answer read", "target"]


def test_each_printed_page_names_the_columns(visit: Any, long_file: Path) -> None:
    page = visit(long_file)
    shown = (
        "[...document.querySelectorAll('.sortable thead button, #rows-table thead button')].map((b) => b.textContent)"
    )
    named = """[...document.querySelectorAll('.sortable thead th[data-title], #rows-table thead th')]
        .map((head) => JSON.parse(getComputedStyle(head, '::before').content))"""
    titles = page.evaluate(shown)
    page.emulate_media(media="print")
    # buttons are not repeated on paper, texts are
    assert page.evaluate(named) == titles != []
    assert not page.locator("#rows-table thead button").first.is_visible()
    assert page.inner_text("#printed") == "The first 40 of them are printed."


def test_a_histogram_is_measured_in_whole_answers(visit: Any, evil_file: Path) -> None:
    page = visit(evil_file)
    labels = page.locator("#latency-chart text[text-anchor=end]").all_text_contents()
    assert len(labels) == 3
    zero, half, top = (int(text.replace(",", "")) for text in labels)
    assert (zero, 2 * half) == (0, top)


def test_names_of_groups_break_between_words_on_narrow_screens(visit: Any, tmp_path: Path) -> None:
    page = visit(write_page(write_long_run(tmp_path / "run", 600)), viewport={"width": 390, "height": 800})
    tops = """(link) => new Set([...link.childNodes].flatMap((part) => {
        const range = document.createRange(); range.selectNode(part);
        return [...range.getClientRects()].filter((box) => box.width).map((box) => Math.round(box.top)); })).size"""
    name = page.locator(".groups tbody th a").first
    # no part of it is broken, so that there are no more lines than parts
    assert name.evaluate(tops) <= name.text_content().count("_") + 1


def test_texts_without_room_are_read_from_the_journal(visit: Any, tmp_path: Path) -> None:
    run = write_long_run(tmp_path / "run", 900)
    other = write_long_run(tmp_path / "other" / "run", 30)
    page = visit(write_page(run, most=0))
    page.set_input_files("#journal", other / "samples.jsonl")
    page.wait_for_selector("#journal-state:has-text('another run')")
    page.set_input_files("#journal", run / "samples.jsonl")
    page.wait_for_selector("#journal-state:has-text('900 samples read')")
    page.fill("#search", "question 899:")
    page.locator('#rows-table tr[data-place="0"]').click()
    assert page.locator("#details pre").first.inner_text().startswith("Question 899: ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out(visit: Any, evil_file: Path, scheme: str) -> None:
    page = visit(evil_file, color_scheme=scheme)
    page.locator('#rows-table tr[data-place="0"]').click()
    assert page.evaluate(_PALE) == []


def test_colours_are_switched_by_hand(visit: Any, evil_file: Path) -> None:
    page = visit(evil_file, color_scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.get_by_role("button", name="Switch to light colours").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_the_drawing_tells_what_is_pointed_at(visit: Any, long_file: Path) -> None:
    page = visit(long_file)
    page.locator("#latency-chart").focus()
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#latency-readout").startswith("Within 0.5")
    page.get_by_role("button", name="Cumulative").click()
    assert page.locator("#latency-chart path.curve").count() == 1


def test_narrow_screens_need_no_scrolling_to_the_side(visit: Any, evil_file: Path) -> None:
    page = visit(evil_file, viewport={"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.fixture(scope="module")
def matrix_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    calls = [*cross(), fail_call("a", "s", 7, EVIL["image"])]
    return write_page(write_matrix_run(tmp_path_factory.mktemp("matrix") / "run", calls))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_stress_curves_are_seen_and_answer_to_the_pointer(visit: Any, matrix_file: Path, scheme: str) -> None:
    # without motion, so that a place does not move while it is pointed at
    page = visit(matrix_file, ready="html.scripted", color_scheme=scheme, reduced_motion="reduce")
    assert page.evaluate(_PALE) == []
    page.get_by_role("link", name="Stress curves").click()
    drawn = page.locator("#stress svg[role=img]")
    marks = drawn.locator("path.mark")
    assert marks.count() == 6
    colours = {mark.evaluate("mark => getComputedStyle(mark).fill") for mark in marks.all()}
    assert len(colours) == 2
    page.locator("#stress").evaluate("part => part.scrollIntoView({ behavior: 'instant' })")
    box = marks.first.bounding_box()
    place = [box["x"] + box["width"] / 2 + 9, box["y"] + box["height"] / 2]
    title = "([x, y]) => document.elementFromPoint(x, y).parentElement.querySelector('title').textContent"
    assert page.evaluate(title, place).startswith("a at 400 tokens: 400 ms")


def test_stress_curves_need_no_scrolling_of_a_narrow_page(visit: Any, matrix_file: Path) -> None:
    page = visit(matrix_file, ready="html.scripted", viewport={"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
