"""Where samples come from: lists, JSON-lines files and loaders, all checked before a single one is asked."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..core.contracts import Progress
from ..core.errors import DatasetError, LlevalError, SuiteError
from ..core.records import Sample
from .definition import Dataset
from .registry import ChosenSuite
from .supplies import find_supply

__all__ = ["load_dataset", "read_csv_rows", "read_json_rows", "read_jsonl", "verify_content"]

_COLUMNS = frozenset({"id", "input", "target", "choices", "group"})


def load_dataset(chosen: ChosenSuite, progress: Progress | None = None) -> Dataset:
    """Return the samples of a suite, with unique ids and at least one of them.

    :param chosen: the suite, with the folder its relative paths start from
    :param progress: told how far a download has come
    :raises DatasetError: when a row is broken, an id occurs twice, or there is no sample
    :raises AssetError: when a file of a benchmark cannot be had
    :raises SuiteError: when the suite's own loader fails or returns something else
    """
    suite = chosen.suite
    supplied = find_supply(suite)
    if supplied is not None:
        dataset = supplied
    elif callable(suite.dataset):
        dataset = _run_loader(chosen, progress)
    elif isinstance(suite.dataset, (str, Path)):
        path = (chosen.folder or Path()) / suite.dataset
        dataset = Dataset(name=suite.name, edition=path.name, samples=read_jsonl(path), origin=str(path))
    else:
        dataset = Dataset(name=suite.name, edition="inline", samples=tuple(suite.dataset), origin=chosen.source)
    _check_samples(dataset, f"dataset of suite {suite.name!r} ({dataset.origin or chosen.source})")
    return dataset


def read_jsonl(path: Path) -> list[Sample]:
    """Read samples from a JSON-lines file.

    Each line is an object with ``input`` and, as far as wanted, ``id`` (a text or an integer; without it the line
    number counts), ``target`` (a text or a list of texts), ``choices`` (a list of texts) and ``group``; further
    columns become metadata. Blank lines are passed over. Texts such as ``None``, ``NA`` or ``0,1`` stay texts.

    :raises DatasetError: with the file and line of the first broken row, or when there is none
    """
    samples: list[Sample] = []
    lines: dict[str, int] = {}
    for line, row in read_json_rows(path):
        sample = _read_sample(row, line, f"{path}:{line}")
        if sample.id in lines:
            raise DatasetError(f"{path}:{line}", f"the id {sample.id!r} was used in line {lines[sample.id]} already")
        lines[sample.id] = line
        samples.append(sample)
    if not samples:
        raise DatasetError(str(path), "holds no samples")
    return samples


def read_json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the objects of a JSON-lines file, each with its line number counted from 1.

    :raises DatasetError: with the file and line, when one is not a JSON object in UTF-8
    """
    offset = 0
    for line, raw in enumerate(_read_bytes(path).split(b"\n"), start=1):
        text = _decode(raw, path, offset, line)
        offset += len(raw) + 1
        if text.strip():
            yield line, _parse_object(text, f"{path}:{line}")


def read_csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file as texts, each with the line number it starts in, counted from 1.

    Nothing is taken for a header, a number or a missing value; fields may hold line breaks.

    :raises DatasetError: with the file and line, when one is not CSV in UTF-8
    """
    reader = csv.reader(io.StringIO(_decode(_read_bytes(path), path, 0, None), newline=""))
    start = 1
    try:
        for row in reader:
            if row:
                yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        raise DatasetError(f"{path}:{reader.line_num}", f"not a CSV row: {error}") from error


def verify_content(dataset: Dataset, digest: str) -> Dataset:
    """Return the dataset when its content has the digest it is known by.

    :param digest: `Dataset.digest` of the edition it should be, as 64 hex digits
    :raises DatasetError: with both digests
    """
    if dataset.digest != digest:
        raise DatasetError(
            f"{dataset.name} ({dataset.edition}) from {dataset.origin}",
            f"is not the edition it should be: its content has sha256 {dataset.digest}, not {digest}; "
            "put the right files there or remove them",
        )
    return dataset


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(str(path), f"cannot be read: {error.strerror or error}") from error


def _decode(raw: bytes, path: Path, offset: int, line: int | None) -> str:
    try:
        return raw.decode("utf-8-sig" if offset == 0 else "utf-8")
    except UnicodeDecodeError as error:
        # the marker at the start of a file is left out before the rest is decoded, but counts as bytes of the file
        before = offset + error.start + (3 if offset == 0 and raw.startswith(b"\xef\xbb\xbf") else 0)
        number = line or raw.count(b"\n", 0, error.start) + 1
        bad = error.object[error.start]
        raise DatasetError(f"{path}:{number}", f"not UTF-8: byte 0x{bad:02x} at byte offset {before}") from error


def _parse_object(text: str, place: str) -> Mapping[str, object]:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatasetError(place, f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise DatasetError(place, f"is {_describe(row)}, not a JSON object")
    return row


def _read_sample(row: Mapping[str, object], line: int, place: str) -> Sample:
    if "input" not in row:
        columns = ", ".join(map(repr, row)) or "no columns"
        raise DatasetError(place, f"has no column 'input' (it has {columns})")
    raw_id = row.get("id", line)
    if isinstance(raw_id, bool) or not isinstance(raw_id, (str, int)) or raw_id == "":
        raise DatasetError(place, f"id must be a text or an integer, not {_describe(raw_id)}")
    target = row.get("target", "")
    return Sample(
        id=str(raw_id),
        input=_expect_text(row["input"], "input", place),
        target=target
        if isinstance(target, str)
        else _expect_texts(target, "target", place, "a text or a list of texts"),
        choices=_expect_texts(row.get("choices", []), "choices", place, "a list of texts"),
        group=_expect_text(row.get("group", ""), "group", place),
        metadata={name: value for name, value in row.items() if name not in _COLUMNS},
    )


def _expect_text(value: object, column: str, place: str) -> str:
    if not isinstance(value, str):
        raise DatasetError(place, f"{column} must be a text, not {_describe(value)}")
    return value


def _expect_texts(value: object, column: str, place: str, wanted: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise DatasetError(place, f"{column} must be {wanted}, not {_describe(value)}")
    for word in value:
        if not isinstance(word, str):
            raise DatasetError(place, f"{column} must be {wanted}, but holds {_describe(word)}")
    return tuple(value)


def _describe(value: object) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=repr)
    shown = shown if len(shown) <= 60 else shown[:59] + "…"
    return f"{shown} ({type(value).__name__})"


def _run_loader(chosen: ChosenSuite, progress: Progress | None) -> Dataset:
    loader = chosen.suite.dataset
    assert callable(loader)  # noqa: S101  # for the type checker: the caller has looked
    try:
        dataset: object = loader(progress)
    except LlevalError:
        raise
    except Exception as error:  # a suite's author may raise anything; the user must hear which suite it was
        raise SuiteError(f"suite {chosen.suite.name!r}: its loader failed: {type(error).__name__}: {error}") from error
    if not isinstance(dataset, Dataset):
        raise SuiteError(f"suite {chosen.suite.name!r}: its loader returned {type(dataset).__name__}, not a Dataset")
    return dataset


def _check_samples(dataset: Dataset, place: str) -> None:
    samples: Sequence[object] = dataset.samples
    if not samples:
        raise DatasetError(place, "holds no samples")
    seen: dict[str, int] = {}
    for number, sample in enumerate(samples, start=1):
        if not isinstance(sample, Sample):
            raise DatasetError(place, f"item {number} is {type(sample).__name__}, not a Sample")
        if not isinstance(sample.id, str) or not sample.id:
            raise DatasetError(place, f"item {number} has the id {sample.id!r}; an id is a text that is not empty")
        if seen.setdefault(sample.id, number) != number:
            raise DatasetError(place, f"the id {sample.id!r} is used by items {seen[sample.id]} and {number}")
        for name, fits, wanted in _FIELDS:
            if not fits(getattr(sample, name)):
                shown = _describe(getattr(sample, name))
                raise DatasetError(place, f"sample {sample.id!r}: {name} must be {wanted}, not {shown}")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_texts(value: object) -> bool:
    return isinstance(value, (tuple, list)) and all(map(_is_text, value))


#: of a sample that somebody's own code has made, what its types say and nothing has checked
_FIELDS = (
    ("input", _is_text, "a text"),
    ("target", lambda value: _is_text(value) or _are_texts(value), "a text or a tuple of texts"),
    ("choices", _are_texts, "a tuple of texts"),
    ("group", _is_text, "a text"),
    ("metadata", lambda value: isinstance(value, Mapping), "a mapping"),
)
