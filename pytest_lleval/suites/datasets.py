"""What a test names as its dataset, as samples with their columns, all checked before a single one is asked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.errors import DatasetError, LlevalError, UnknownNameError, UsageError
from ..core.records import Sample
from ..support.nearest import suggest_names
from .dataset_files import SUFFIXES, read_file_rows
from .dataset_layout import open_vars
from .dataset_values import make_json, make_safe_id, make_text
from .definition import Dataset

__all__ = ["Row", "RowSet", "load_rows"]

_IDS = ("id", "sample_id")
_INPUTS = ("input", "question", "prompt")
_TARGETS = ("target", "answer", "expected", "label")
_GROUPS = ("group", "category", "subject")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a dataset: the sample it makes, and its columns by name with their values as they were written."""

    sample: Sample
    columns: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class RowSet:
    """The rows of a dataset in their fixed order.

    `name` is that of the file or function, or ``inline``; `origin` where the rows were read from; `digest` the sha256
    over all samples in order, as `Dataset.digest`.
    """

    name: str
    rows: tuple[Row, ...]
    digest: str
    origin: str


def load_rows(dataset: object, *, folder: Path, place: str, suites: Collection[str] = ()) -> RowSet:
    """Return the rows of what a test names as its dataset, with unique ids and at least one of them.

    Rows are mappings, samples, texts (the input) or pairs (input and target). A sample's id is the column ``id`` or
    ``sample_id``, else ``row-0`` and so on; its input, target, choices and group are the first column there is of
    input/question/prompt, target/answer/expected/label, choices, group/category/subject; all columns are its metadata.

    :param dataset: the path of a file that ends in one of `SUFFIXES`; a list or tuple of rows; or a function without
        parameters that returns or yields rows
    :param folder: where relative paths start: that of the test's file
    :param place: the mark and its test, for messages
    :param suites: names of suites, which the caller has tried before, for messages
    :raises DatasetError: with the file and the row that is broken, when an id occurs twice, or there is no row
    :raises UsageError: when there is no such file, or `dataset` is nothing of the above
    """
    if isinstance(dataset, (str, Path)):
        path = _find_file(dataset, folder, place, suites)
        return _build(read_file_rows(path), path.name, str(path))
    if isinstance(dataset, (list, tuple)):
        return _build(_number_rows(dataset, place), "inline", place)
    if callable(dataset):
        name = str(getattr(dataset, "__qualname__", type(dataset).__name__))
        origin = f"{place}, function {name!r}"
        return _build(_number_rows(_run_function(dataset, origin), origin), name, origin)
    raise UsageError(
        f"{place}: a dataset is a suite, a file, a list of rows or a function that returns one, "
        f"not {type(dataset).__name__}; write list(…) around it, or a function"
    )


def _find_file(written: str | Path, folder: Path, place: str, suites: Collection[str]) -> Path:
    path = folder / written
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{place}: {str(written)!r} is neither a suite ({suggest_names(str(written), suites)}) "
            f"nor a file that ends in one of {', '.join(SUFFIXES)}"
        )
    if path.is_file():
        return path
    if not path.parent.is_dir():
        raise UsageError(f"{place}: {str(written)!r} cannot be found: there is no folder {str(path.parent)!r}")
    near = [other.name for other in path.parent.iterdir() if other.suffix.lower() in SUFFIXES]
    raise UnknownNameError(place, f"file in {str(path.parent)!r}", path.name, near)


def _run_function(function: Callable[..., object], place: str) -> Iterator[object]:
    """Yield what a user's function returns or yields, with its errors named."""
    try:
        made = function()
        if isinstance(made, (str, bytes, Mapping)) or not isinstance(made, Iterable):
            if inspect.iscoroutine(made):
                made.close()
            raise DatasetError(place, f"returned {type(made).__name__}; it must return or yield rows")
        yield from made
    except LlevalError:
        raise
    except Exception as error:  # a user's function may raise anything; it must be named with its test
        raise DatasetError(place, f"failed: {type(error).__name__}: {error}") from error


def _number_rows(rows: Iterable[object], place: str) -> Iterator[tuple[str, object]]:
    for number, row in enumerate(rows):
        yield f"{place}, row {number}", row


def _build(found: Iterable[tuple[str, object]], name: str, origin: str) -> RowSet:
    rows: list[Row] = []
    places: dict[str, str] = {}
    for number, (place, raw) in enumerate(found):
        row = _read_sample(raw, place) if isinstance(raw, Sample) else _read_row(raw, number, place)
        first = places.setdefault(row.sample.id, place)
        if first != place:
            raise DatasetError(place, f"the id {row.sample.id!r} was used at {first} already; give each row its own")
        rows.append(row)
    if not rows:
        raise DatasetError(origin, "holds no rows; a dataset has at least one")
    samples = [row.sample for row in rows]
    digest = Dataset(name=name, edition="", samples=samples).digest
    return RowSet(name=name, rows=tuple(rows), digest=digest, origin=origin)


def _read_sample(sample: Sample, place: str) -> Row:
    fields = {name: getattr(sample, name) for name in ("id", "input", "target", "choices", "group")}
    metadata = _make_metadata(sample.metadata, place)
    safe = replace(sample, id=_make_id(sample.id, "id", place), metadata=metadata)
    return Row(sample=safe, columns={**sample.metadata, **fields})


def _read_row(raw: object, number: int, place: str) -> Row:
    columns = _read_columns(raw, place)
    values = _make_metadata(columns, place)
    key = next((name for name in _IDS if name in values), None)
    target, choices = _pick(values, _TARGETS), values.get("choices")
    sample = Sample(
        id=f"row-{number}" if key is None else _make_id(values[key], key, place),
        input=make_text(_pick(values, _INPUTS)),
        target=tuple(map(make_text, target)) if isinstance(target, list) else make_text(target),
        # of any other shape they are the test's business, which finds them among the columns
        choices=tuple(map(make_text, choices)) if isinstance(choices, list) else (),
        group=make_text(_pick(values, _GROUPS)),
        metadata=values,
    )
    return Row(sample=sample, columns=columns)


def _read_columns(raw: object, place: str) -> Mapping[str, object]:
    if isinstance(raw, str):
        return {"input": raw}
    if isinstance(raw, tuple) and len(raw) == 2:
        return {"input": raw[0], "target": raw[1]}
    if not isinstance(raw, Mapping):
        size = f" of {len(raw)}" if isinstance(raw, Sequence) else ""
        raise DatasetError(
            place,
            f"is {type(raw).__name__}{size}; a row is a mapping, a Sample, a text, or a tuple of input and target",
        )
    columns = open_vars(raw, place)
    if not columns:
        raise DatasetError(place, "has no columns; remove the row, or fill it")
    for name in columns:
        if not isinstance(name, str) or not name:
            raise DatasetError(place, f"the column name {name!r} is no text; write it in quotes")
    return columns


def _make_metadata(columns: Mapping[str, object], place: str) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in columns.items():
        try:
            values[name] = value if type(value) is str else make_json(value)
        except (ValueError, RecursionError) as error:
            raise DatasetError(place, f"column {name!r}: {error}") from error
    return values


def _make_id(raw: object, column: str, place: str) -> str:
    if isinstance(raw, bool) or not isinstance(raw, (str, int)) or not str(raw).strip():
        raise DatasetError(place, f"{column} is {raw!r}; an id is an integer or a text that is not empty")
    return make_safe_id(str(raw))


def _pick(values: Mapping[str, object], names: Sequence[str]) -> object:
    return next((values[name] for name in names if values.get(name) is not None), None)
