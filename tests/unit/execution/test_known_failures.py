from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lleval.core.errors import UsageError
from pytest_lleval.execution.known_failures import (
    FILE_NAME,
    KnownFailure,
    KnownFailures,
    fits_glob,
    load_known_failures,
)

TODAY = date(2026, 12, 1)
CASE = ("mmlu::anatomy/3[smollm2-135m]", "mmlu", "anatomy/3", "local/smollm2-135m")
FULL = """
[[failure]]
sample = "mmlu::anatomy/*"
model = "local/*"
reason = "the small model knows no bones"
expires = 2026-12-31

[[failure]]
sample = "anatomy/3"
reason = "the key is wrong"
"""


def write(folder: Path, text: str, name: str = FILE_NAME) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_nothing_is_known(tmp_path: Path) -> None:
    known = load_known_failures(tmp_path, today=TODAY)
    assert known.entries == ()
    assert known.find(*CASE) is None


def test_the_usual_file_is_read(tmp_path: Path) -> None:
    write(tmp_path, FULL)
    known = load_known_failures(tmp_path, today=TODAY)
    assert known.entries == (
        KnownFailure(
            sample="mmlu::anatomy/*",
            model="local/*",
            reason="the small model knows no bones",
            expires=date(2026, 12, 31),
            number=1,
        ),
        KnownFailure(sample="anatomy/3", reason="the key is wrong", number=2),
    )
    assert known.find(*CASE) is known.entries[0]
    assert known.find(*CASE[:3], "openai/gpt") is known.entries[1]
    assert known.find("mmlu::anatomy/4[x]", "mmlu", "anatomy/4", "openai/gpt") is None


@pytest.mark.parametrize("absolute", [False, True])
def test_another_file_is_read_from_the_root_or_where_it_is(tmp_path: Path, absolute: bool) -> None:
    write(tmp_path, "[[failure", FILE_NAME)
    path = write(tmp_path, FULL, "other.toml")
    assert len(load_known_failures(tmp_path, str(path) if absolute else "other.toml").entries) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[failures]]\nsample = "a"\nreason = "b"', r"table of known failures.*'failures'; did you mean 'failure'\?"),
        ('[failure]\nsample = "a"\nreason = "b"', r"'failure' is no list of tables; begin each with a line \[\[fail"),
        ("failure = [1]", "'failure' is no list of tables"),
        ('[[failure]]\nsample = "a"\nreasn = "b"', r"failure 1: .*'reasn'; did you mean 'reason'"),
        (
            '[[failure]]\nsample = "a"\nreason = "b"\n[[failure]]\nsample = "a"',
            "failure 2: it has no reason; write why",
        ),
        ('[[failure]]\nreason = "b"', "failure 1: it has no sample; write which samples fail"),
        ('[[failure]]\nsample = "a"\nreason = " "', "failure 1: reason=' ' is no text"),
        ('[[failure]]\nsample = 3\nreason = "b"', "failure 1: sample=3 is no text"),
        ('[[failure]]\nsample = "a"\nreason = "b"\nmodel = []', r"failure 1: model=\[\] is no text"),
        (
            '[[failure]]\nsample = "a"\nreason = "b"\nexpires = "2026-12-31"',
            "expires='2026-12-31' is no date.*without q",
        ),
        ('[[failure]]\nsample = "a"\nreason = "b"\nexpires = 2026-12-31T10:00:00', "expires=.* is no date"),
        ("[[failure]]\nsample = a\n", r"it is no TOML \(.*line 2"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_the_place_and_the_way_out(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError, match=f"^{path}: .*{message}"):
        load_known_failures(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"# \xff")
    with pytest.raises(UsageError, match="it is no TOML"):
        load_known_failures(tmp_path)


@pytest.mark.parametrize(("name", "message"), [("gone.toml", "there is no file .*gone.toml"), (".", "cannot be read")])
def test_a_file_that_was_named_must_be_there(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^--lleval-known-failures: .*{message}"):
        load_known_failures(tmp_path, name)


@given(expires=st.dates(), days=st.integers(-400, 400))
def test_a_failure_is_excused_up_to_its_last_day_and_not_after(expires: date, days: int) -> None:
    entry = KnownFailure(sample="*", reason="why", expires=expires)
    try:
        today = expires + timedelta(days=days)
    except OverflowError:
        return
    known = KnownFailures(entries=(entry,), today=today)
    assert (known.find(*CASE) is entry) == (days <= 0)
    assert entry.is_expired(today) == (days > 0)


def test_an_expired_failure_lets_a_later_one_excuse() -> None:
    old = KnownFailure(sample="*", reason="old", expires=TODAY - timedelta(days=1))
    new = KnownFailure(sample="anatomy/*", reason="new", number=2)
    assert KnownFailures(entries=(old, new), today=TODAY).find(*CASE) is new


@given(text=st.text())
def test_every_name_fits_itself_and_a_star(text: str) -> None:
    assert fits_glob(text, text)
    assert fits_glob("*", text)


@given(head=st.text(), middle=st.text(), tail=st.text())
def test_a_star_stands_for_any_text(head: str, middle: str, tail: str) -> None:
    assert fits_glob(f"{head}*{tail}", head + middle + tail)


@given(pattern=st.text("ab*?["), text=st.text("ab["))
def test_a_pattern_without_wildcards_fits_nothing_else(pattern: str, text: str) -> None:
    if not set(pattern) & set("*?"):
        assert fits_glob(pattern, text) == (pattern == text)


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("mmlu::anatomy/3[smollm2-135m]", True),
        ("mmlu::anatomy/3[*]", True),
        ("mmlu::anatomy/?", True),
        ("anatomy/3", True),
        ("*/3", True),
        ("mmlu::anatomy/[0-9]", False),
        ("gsm8k::anatomy/3", False),
        ("anatomy", False),
        ("ANATOMY/3", False),
    ],
)
def test_a_sample_is_named_by_node_id_suite_and_id_or_id_alone(pattern: str, fits: bool) -> None:
    assert KnownFailure(sample=pattern, reason="why").matches(*CASE) is fits
