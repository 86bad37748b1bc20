import base64
import hashlib
import random
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_parts import EVIL, read_block, read_texts, write_evil_run, write_long_run
from run_parts import make_completion, make_identity, make_record, make_request, write_run

from pytest_lleval.core.gates import GateResult
from pytest_lleval.core.records import Message, Request, Score
from pytest_lleval.execution.journal import read_journal
from pytest_lleval.reports.page.exchanges import flatten
from pytest_lleval.reports.page.rendering import MOST_BYTES, render_page
from pytest_lleval.reports.page.verdict import say_headline
from pytest_lleval.reports.view import RunView, load_view


def render(run: Path, **changes: int) -> str:
    return render_page(run, load_view(run), **changes)


class Outline(HTMLParser):
    """What a browser makes of a page: its elements, and what it would load or run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def evil_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_evil_run(tmp_path_factory.mktemp("evil") / "run")


@pytest.fixture(scope="module")
def evil_page(evil_run: Path) -> str:
    return render(evil_run)


@pytest.fixture
def plain(tmp_path: Path) -> RunView:
    records = [make_record("a", 1.0), make_record("b", 0.0), make_record("c", None)]
    return load_view(write_run(tmp_path / "run", records))


def judge(*answers: str) -> list[GateResult]:
    return [
        GateResult(gate="accuracy>=0.6", suite="s", model="m", answer=answer, message="why")  # type: ignore[arg-type]
        for answer in answers
    ]


@pytest.mark.parametrize(
    ("answers", "start"),
    [
        ([], "The numbers are not verified."),
        (["pass"], "The gate passes, but the numbers"),
        (["pass", "pass"], "All 2 gates pass, but"),
        (["fail"], "The gate failed, and"),
        (["undecided"], "The gate is undecided, and"),
        (["pass", "fail"], "1 of 2 gates failed, and"),
        (["pass", "undecided", "undecided"], "2 of 3 gates are undecided, and"),
        (["fail", "undecided", "unmeasured"], "Of 3 gates 1 failed and 1 undecided and 1 unmeasured, and"),
    ],
)
def test_the_headline_says_gates_and_trust(plain: RunView, answers: list[str], start: str) -> None:
    assert say_headline(plain._replace(gates=judge(*answers))).startswith(start)


def test_only_clean_factors_are_called_trustworthy(plain: RunView) -> None:
    clean = [verdict.__class__(factor=verdict.factor, state="clean", message="") for verdict in plain.verdicts]
    trusted = plain._replace(verdicts=clean)
    assert say_headline(trusted) == "The numbers are trustworthy."
    assert say_headline(trusted._replace(gates=judge("fail"))) == "The gate failed, but the numbers are trustworthy."


def test_a_run_that_scored_nothing_says_so(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [make_record("a", None)])
    page = render(run)
    assert "Nothing was scored." in page
    assert read_block(page, "rows")["score"] == [None]


def test_a_run_without_records_has_a_page(tmp_path: Path) -> None:
    page = render(write_run(tmp_path / "run", []))
    assert "Nothing was scored." in page
    assert read_block(page, "rows")["sample"] == []


def test_a_page_has_verdict_numbers_factors_and_origin(tmp_path: Path) -> None:
    records = [make_record("g/a", 1.0, group="g"), make_record("g/b", 0.0, group="g")]
    page = render(write_run(tmp_path / "run", records))
    for part in (
        "<h1>",
        "0.500",
        "95 % interval",
        "F1 prompt",
        "E environment",
        "How to reproduce",
        "Latency",
        "Groups",
    ):
        assert part in page
    assert Outline(page).find("html")[0]["lang"] == "en"


def test_a_page_loads_nothing_and_runs_only_its_own_script(evil_page: str) -> None:
    outline = Outline(evil_page)
    assert not outline.find("img") + outline.find("iframe") + outline.find("object") + outline.find("base")
    assert [link["href"] for link in outline.find("link")] == ["data:,"]
    scripts = [script for script in outline.find("script") if "type" not in script]
    assert scripts == [{}]
    policy = outline.find("meta")[1]["content"] or ""
    assert policy.startswith("default-src 'none'; ")
    for tag in ("script", "style"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", evil_page, re.DOTALL)
        assert content
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [name for _, attributes in outline.elements for name in attributes if name.startswith("on")]
    assert not [name for _, attributes in outline.elements for name in attributes if name == "style"]
    assert all((link["href"] or "").startswith("#") for link in outline.find("a"))


def test_foreign_texts_are_escaped_outside_of_the_data(evil_page: str) -> None:
    markup = re.sub(r'<script type="application/octet-stream".*?</script>', "", evil_page, flags=re.DOTALL)
    for name in ("script", "image", "turned", "terminal", "half"):
        assert EVIL[name] not in markup
    assert "&lt;/script&gt;&lt;script&gt;window.owned = 1" in markup
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\ud800-\udfff]", markup)


def test_foreign_texts_are_kept_as_they_are_in_the_data(evil_run: Path, evil_page: str) -> None:
    texts, rows = read_texts(evil_page), read_block(evil_page, "rows")
    names = [name[1:].partition(" ")[0] if name[0] == "=" else name for name in rows["sample"]]
    assert len(texts) == len(EVIL) + 1
    for name in ("script", "turned", "terminal", "half", "emoji", "template"):
        row = names.index(name)
        prompt, answer = texts[row]
        assert prompt == f"\x1euser\x1f{EVIL[name]}"
        assert (answer or rows["words"]["answer"][rows["answer"][row]]) == EVIL[name]


def test_long_texts_say_how_much_of_them_is_left_out(evil_page: str) -> None:
    cut = [prompt for prompt, _ in read_texts(evil_page).values() if prompt.endswith("are in the run directory")]
    (prompt,) = cut
    assert "… 980,006 more characters" in prompt


def test_turns_are_told_apart_whatever_they_say() -> None:
    request = Request(messages=(Message(role="system", content="a\x1euser\x1fb"), Message(role="user", content="c")))
    assert flatten(request) == "\x1esystem\x1fa␞user␟b\x1euser\x1fc"
    assert flatten(Request(prompt="once")) == "\x1eprompt\x1fonce"


def test_a_page_holds_every_row_and_says_what_texts_it_lacks(tmp_path: Path) -> None:
    run = write_long_run(tmp_path / "run", 1500)
    small, large = render(run, most=170_000), render(run)
    assert len(small.encode()) <= 170_000
    kept = read_texts(small)
    assert 100 < len(kept) < 1500
    assert f"Prompts and details of {len(kept):,} of 1,500 samples are in this page" in small
    assert "All 1,500 samples with their prompts and answers." in large
    assert read_block(small, "rows") == read_block(large, "rows")
    assert len(read_block(small, "rows")["sample"]) == len(read_texts(large)) == 1500


def test_texts_that_people_look_for_first_are_kept(tmp_path: Path) -> None:
    chance = random.Random(0)
    asked = [make_request("".join(chance.choices("abcdefghijklmnop", k=600))) for _ in range(300)]
    records = [make_record(f"q{number}", 1.0, request=request) for number, request in enumerate(asked)]
    records[7] = make_record("q7", None, request=asked[7])
    page = render(write_run(tmp_path / "run", records), most=0)
    rows = read_block(page, "rows")
    assert rows["sample"][7] == "=q7"
    assert rows["score"][7] is None
    assert 7 in read_texts(page)
    assert len(read_texts(page)) < 300


def test_prompts_are_what_was_asked(tmp_path: Path) -> None:
    shots = "".join(f"Example {number}: \U0001d518 is {number}.\n" for number in range(40))
    records = [
        make_record(f"g/{number}", float(number % 2), group="g", request=make_request(f"{shots}Now {number}?"))
        for number in range(50)
    ]
    run = write_run(tmp_path / "run", records)
    page = render(run)
    asked = {record.sample: flatten(record.request) for record in read_journal(run) if record.request}
    names = [f"g{name}" for name in read_block(page, "rows")["sample"]]
    assert {names[row]: prompt for row, (prompt, _) in read_texts(page).items()} == asked
    assert sum(map(len, read_block(page, "texts")["prompts"][2])) < 50 * 10


def test_rows_do_not_depend_on_the_order_of_the_answers(tmp_path: Path) -> None:
    records = [make_record(f"q{number}", float(number % 2)) for number in range(20)]
    pages = [
        render(write_run(tmp_path / name / "run", chosen))
        for name, chosen in (("there", records), ("back", records[::-1]))
    ]
    first, second = (read_block(page, "rows") for page in pages)
    assert first.pop("chain") != second.pop("chain")
    assert first == second
    assert first["sample"][:3] == ["=q0", "=q1", "=q2"]
    assert first["sample"][9:11] == ["=q9", "=q10"]


def test_the_same_run_gives_the_same_bytes(evil_run: Path, evil_page: str) -> None:
    assert render(evil_run) == evil_page


def test_details_hold_scores_failures_and_times(tmp_path: Path) -> None:
    scores = (Score(name="exact", value=0.0, answer="A", explanation="not B"), Score(name="close", value=0.5))
    page = render(write_run(tmp_path / "run", [make_record("a", 0.0, scores=scores, worker="gw1")]))
    (details,) = read_block(page, "texts")["details"]
    assert details["scores"] == [["exact", 0.0, "A", "not B"], ["close", 0.5, None, ""]]
    assert (details["worker"], details["served"], details["times"]) == ("gw1", "m-2026", [0.0, None, None])


def test_samples_that_changed_against_the_baseline_are_marked(tmp_path: Path) -> None:
    values = {"a": (1.0, 0.0), "b": (0.0, 1.0), "c": (1.0, 1.0)}
    base, run = (
        write_run(tmp_path / name, [make_record(sample, pair[at]) for sample, pair in values.items()])
        for at, name in enumerate(("base", "run"))
    )
    page = render_page(run, load_view(run, base))
    rows = read_block(page, "rows")
    assert (rows["moved"], rows["was"]) == ([-1, 1, 0], [1.0, 0.0, None])
    assert "Compared with <code>base</code>, paired by sample." in page
    assert "Against the baseline" not in render(run)


def test_cases_that_were_not_asked_are_no_failures(tmp_path: Path) -> None:
    chance = random.Random(0)
    asked = [make_request("".join(chance.choices("abcdefghijklmnop", k=600))) for _ in range(300)]
    records = [make_record(f"q{number}", 0.0, request=request) for number, request in enumerate(asked)]
    records[5] = make_record("q5", None, cause="decided", request=asked[5])
    page = render(write_run(tmp_path / "run", records), most=0)
    assert len(read_texts(page)) < 300
    assert 5 not in read_texts(page)


def test_latency_leaves_cached_answers_out(tmp_path: Path) -> None:
    records = [make_record("a", completion=make_completion(cached=True)), make_record("b")]
    page = render(write_run(tmp_path / "run", records))
    table = page[page.index('id="latency"') : page.index('id="traffic"')]
    assert '<td class="number">1</td>' in table


def test_where_one_model_is_asked_its_name_is_not_repeated(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [make_record("a")], identities=[make_identity(spec="openai/m")])
    trust = render(run).partition('id="trust"')[2].partition("</section>")[0]
    assert "openai/m: " not in trust


@pytest.mark.slow
def test_a_page_of_mmlu_stays_below_a_megabyte(tmp_path: Path) -> None:
    page = render(write_long_run(tmp_path / "run", 14_042))
    assert len(page.encode()) <= MOST_BYTES
    assert len(read_block(page, "rows")["sample"]) == 14_042
