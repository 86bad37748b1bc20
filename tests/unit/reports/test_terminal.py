from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_parts import MOCK, MOCK_NOTE, describe_suite, make_completion, make_identity, make_record, write_run

from pytest_lleval.core.records import BackendIdentity, Disclosure, Record, Score, Timing, Usage, Verdict
from pytest_lleval.disclosure.verdicts import FACTOR_TITLES, make_verdict
from pytest_lleval.reports.escaping import escape_text
from pytest_lleval.reports.terminal import Line, render_run, render_trust
from pytest_lleval.reports.view import load_view

EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\n\u2028\u202e\ud800"
ANYTHING = st.text(st.one_of(st.characters(codec=None), st.sampled_from(EVIL)), min_size=1, max_size=12)


#: of records that nobody has looked at closely
TRUST = [
    "trustworthy: no (F1 unverified, F3 unverified, E unverified)",
    "F1 prompt       unverified nobody saw the prompts of openai/m (they leave inside a function)",
    "F2 model        clean      every answer came from the model asked for: 'm-2026'",
    "F3 backend      unverified openai/m is a function that opened no connection and started no process; whether a "
    "model stands behind it cannot be seen",
    "F4 tokens       clean      reported tokens are what text of this size has (prompts 2.5, answers 2.0 "
    "times the approximation: a token a word, a mark, 2 digits, 6 further letters, 1.5 signs of other scripts)",
    "F5 time         clean      every call was timed from before its request was sent to its last byte, waiting and "
    "retries included",
    "E  environment  unverified no samples of the machine were taken",
]


def render(folder: Path, records: list[Record], **kwargs: object) -> list[str]:
    return [line.text for line in render_run(load_view(write_run(folder / "run", records, **kwargs)))]


def answer_as(identity: BackendIdentity, sample: str, value: float = 1.0, **changes: object) -> Record:
    completion = make_completion(model=identity.served_model, fingerprint=identity.fingerprint)
    return make_record(sample, value, model=identity.spec, completion=completion, **changes)


def test_a_summary_says_who_answered_what_and_how_well(tmp_path: Path) -> None:
    records = [
        make_record("a", 1.0, group="anatomy"),
        make_record("b", 0.0, group="virology"),
        make_record("c", None, group="virology"),
        make_record("d", None, group="virology", cause="refused"),
    ]
    identity = make_identity(server="test/1.0", details={"quantisation": "Q4", "slots": 1, "threads": 2})
    suite = describe_suite(parameters={"shots": 5}, metrics=["accuracy", "macro_accuracy"])
    assert render(tmp_path, records, identities=[identity], suites=[suite], sessions=[(0.0, 65.25)]) == [
        "model    openai/m: m-2026, test/1.0, fp1, quantisation Q4, slots 1, threads 2",
        "",
        "suite    s on openai/m",
        "dataset  s, edition full, digest dddddddddddd; 4 of 10 samples asked",
        "origin   here",
        "version  1 (shots=5)",
        "",
        "group         n  accuracy  95 % interval",
        "anatomy       1     1.000  [0.207, 1.000]",
        "virology      1     0.000  [0.000, 0.793]",
        "",
        "accuracy                 0.500  [0.095, 0.905]  Wilson",
        "macro accuracy           0.500  [no interval]  none: a group has one value",
        "scored   2, unscored 2 (error 1, refused 1)",
        "traffic  requests 2 (0 retried), cache hits 0",
        "         tokens in 20, out 4, 48.0 tokens/s in+out over 0 s of asking",
        "",
        *TRUST,
        "",
        "wall     1 min 05 s (65.2 s, start-up included), processor time 0.0 s",
        f"run      {tmp_path / 'run'}",
    ]


@given(values=st.lists(st.sampled_from([0.0, 1.0, 0.5, None]), min_size=1, max_size=6), groups=st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_no_number_of_a_mock_is_shown_without_saying_so(
    tmp_path_factory: pytest.TempPathFactory, values: list[float | None], groups: int
) -> None:
    records = [
        answer_as(MOCK, str(row), value, group=str(row % groups))
        if value is not None
        else make_record(str(row), None, model=MOCK.spec, group=str(row % groups))
        for row, value in enumerate(values)
    ]
    lines = render(tmp_path_factory.mktemp("x"), records, identities=[MOCK])
    assert lines[0] == "model    mock/fixed:A: fixed:A, MOCK"
    assert f"F3 backend      flagged    {MOCK_NOTE.message}" in lines


@pytest.mark.parametrize("severity", ["note", "warning", "critical"])
def test_every_disclosure_is_shown_below_the_numbers(tmp_path: Path, severity: str) -> None:
    found = Disclosure(factor="D", severity=severity, message="half of it")
    lines = render(tmp_path, [make_record("a")], disclosures=[found])
    (place,) = [number for number, line in enumerate(lines) if line == f"D  dataset      {severity:<10} half of it"]
    assert any(line.startswith("accuracy") for line in lines[:place])


def test_what_is_grave_is_marked(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [make_record("a", None)], identities=[MOCK])
    markup = {line.text: line.markup for line in render_run(load_view(run))}
    assert markup[f"F3 backend      flagged    {MOCK_NOTE.message}"] == {"red": True, "bold": True}
    assert markup["scored   0, unscored 1 (error 1)"] == {"red": True}


def test_a_run_without_records_says_that_nothing_was_scored(tmp_path: Path) -> None:
    lines = render(tmp_path, [], identities=[MOCK])
    assert "nothing was scored" in lines
    assert f"F3 backend      flagged    {MOCK_NOTE.message}" in lines


def test_only_a_suite_with_named_groups_has_a_table(tmp_path: Path) -> None:
    assert not [line for line in render(tmp_path, [make_record("a", group="")]) if line.startswith("group")]
    assert "y          1     1.000  [0.207, 1.000]" in render(tmp_path / "b", [make_record("a", group="y")])


def test_scorers_are_named_where_there_are_several(tmp_path: Path) -> None:
    scores = (Score(name="strict", value=0.0), Score(name="flexible", value=1.0))
    labels = [line[:24].strip() for line in render(tmp_path, [make_record("a", scores=scores)]) if "Wilson" in line]
    assert labels == ["accuracy (strict)", "accuracy (flexible)"]


def test_tokens_nobody_reported_are_said_to_be_missing_and_make_no_speed(tmp_path: Path) -> None:
    silent = make_completion(usage=Usage(), timing=Timing(total=2.0))
    lines = render(tmp_path, [make_record("a", completion=silent)])
    assert "         tokens in 0, out 0 (not reported for 1 answers)" in lines


def make_evil_run(text: str) -> tuple[list[Record], dict[str, object]]:
    """A run in which everything that others choose is `text`."""
    identity = make_identity(
        spec=f"openai/{text}",
        served_model=text,
        server=text,
        fingerprint=text,
        details={"quantisation": text},
        disclosures=(Disclosure(factor="F2", severity="note", message=text),),
    )
    suite = describe_suite(dataset=text, edition=text, origin=text, version=text, parameters={text: text})
    records = [answer_as(identity, f"{row}", group=f"{row}{text}", epoch=1) for row in range(2)]
    records.append(make_record("failed", None, model=identity.spec, cause="refused", error=text))
    return records, {"identities": [identity], "suites": [suite]}


@given(text=ANYTHING)
@settings(max_examples=60, deadline=None)
def test_nothing_that_others_choose_reaches_the_terminal_raw(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    records, parts = make_evil_run(text)
    for line in render(tmp_path_factory.mktemp("x"), records, **parts):
        check_harmless(line)


def check_harmless(line: str) -> None:
    line.encode()
    assert len(line.splitlines()) <= 1
    assert "\u202e" not in line
    assert all(ord(letter) >= 32 and not 0x7F <= ord(letter) <= 0x9F for letter in line)


def test_escapes_are_spelled_out_and_the_rest_stays() -> None:
    assert escape_text("\x1b[31mred\x07") == "\\x1b[31mred\\x07"
    assert escape_text("é 漢字 🙂 ·") == "é 漢字 🙂 ·"
    assert escape_text("a\nb\tc") == "a\\nb\\tc"
    assert escape_text("a\nb\x9b", keep="\n") == "a\nb\\x9b"
    assert escape_text("\ud800\u202e") == "\\ud800\\u202e"


def judge(**findings: list[Disclosure]) -> list[Verdict]:
    """Six verdicts, clean but for the findings by factor."""
    return [make_verdict(factor, findings.get(factor, ()), clean="all well") for factor in FACTOR_TITLES]


def tell(
    verdicts: list[Verdict], further: tuple[Disclosure, ...] = (), acknowledged: dict[str, str] | None = None
) -> list[Line]:
    return list(render_trust(verdicts, further, acknowledged or {}))


def find(factor: str, severity: str, message: str) -> Disclosure:
    return Disclosure(factor=factor, severity=severity, message=message)


def test_numbers_of_six_clean_factors_are_trustworthy() -> None:
    lines = tell(judge())
    assert lines[0] == Line("trustworthy: yes", {"green": True})
    assert [line.text for line in lines[1:-1]] == [
        "F1 prompt       clean      all well",
        "F2 model        clean      all well",
        "F3 backend      clean      all well",
        "F4 tokens       clean      all well",
        "F5 time         clean      all well",
        "E  environment  clean      all well",
    ]
    assert not any(line.markup for line in lines[1:])


def test_the_factors_that_are_not_clean_are_named_with_what_they_are() -> None:
    verdicts = judge(F2=[find("F2", "warning", "an alias")])
    verdicts[3] = make_verdict("F4", (), clean="", unverified="no tokens")
    lines = tell(verdicts)
    assert lines[0] == Line("trustworthy: no (F2 flagged, F4 unverified)", {"yellow": True})
    assert lines[2] == Line("F2 model        flagged    an alias", {"yellow": True})
    assert lines[4] == Line("F4 tokens       unverified no tokens", {"yellow": True})


def test_every_finding_is_shown_once_the_gravest_as_the_verdict() -> None:
    findings = [find("F3", "note", "cached"), find("F3", "warning", "fast"), find("F3", "critical", "a mock")]
    lines = tell(judge(F3=findings))
    assert lines[3:6] == [
        Line("F3 backend      flagged    a mock (and 1 more)", {"red": True, "bold": True}),
        Line("                warning    fast", {"yellow": True}),
        Line("                note       cached", {}),
    ]


def test_a_note_of_a_clean_factor_is_shown_below_it() -> None:
    lines = tell(judge(F5=[find("F5", "note", "3 requests failed")]))
    assert [line.text for line in lines[5:7]] == [
        "F5 time         clean      all well",
        "                note       3 requests failed",
    ]
    assert lines[0].text == "trustworthy: yes"


def test_what_was_acknowledged_is_shown_with_its_reason_and_stays() -> None:
    verdicts = judge(F3=[find("F3", "critical", "a mock")])
    further = (find("D", "warning", "a subset"), find("S", "note", "seeds"))
    texts = [line.text for line in tell(verdicts, further, {"F3": "on purpose", "D": "a quick look", "F1": "unused"})]
    assert texts[0] == "trustworthy: no (F3 flagged)"
    at = texts.index("F3 backend      flagged    a mock")
    assert texts[at + 1] == "                acknowledged: on purpose"
    at = texts.index("D  dataset      warning    a subset")
    assert texts[at + 1] == "                acknowledged: a quick look"
    assert texts[at + 2] == "S  seeds        note       seeds"


def test_each_number_carries_the_factors_that_are_flagged(tmp_path: Path) -> None:
    records = [answer_as(make_identity(), "a"), make_record("b", completion=make_completion(model="another"))]
    (accuracy,) = [line for line in render(tmp_path, records) if line.startswith("accuracy")]
    assert accuracy.endswith("  [F2]")
    (accuracy,) = [line for line in render(tmp_path / "b", records[:1]) if line.startswith("accuracy")]
    assert "[F" not in accuracy


@given(text=ANYTHING)
@settings(max_examples=30, deadline=None)
def test_no_reason_reaches_the_terminal_raw(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    run = write_run(tmp_path_factory.mktemp("x") / "run", [make_record("a")], disclosures=[find("D", "warning", text)])
    view = load_view(run)._replace(acknowledged={"D": text, "F3": text}, baseline=text)
    for line in render_run(view):
        check_harmless(line.text)
