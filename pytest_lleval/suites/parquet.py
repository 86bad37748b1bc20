"""Tables of hub datasets; the only module that needs the extra ``hub``."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..core.errors import DatasetError

__all__ = ["can_read_hub", "read_table_rows"]


def can_read_hub() -> bool:
    """Tell whether the extra ``hub`` is installed, without importing any of it."""
    return all(importlib.util.find_spec(name) is not None for name in ("huggingface_hub", "pyarrow"))


def read_table_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Yield the rows of a Parquet file, each with its number counted from 0 and the values of `columns` in order.

    :raises DatasetError: when the file is no Parquet file or lacks a column
    """
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path, columns=list(columns))
        values = [table.column(name).to_pylist() for name in columns]
    except (pyarrow.ArrowException, KeyError, OSError) as error:
        raise DatasetError(str(path), f"not a Parquet file with columns {', '.join(columns)}: {error}") from error
    yield from enumerate(zip(*values, strict=True))
