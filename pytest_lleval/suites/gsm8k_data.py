"""The two splits of GSM8K and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.resources import as_file, files
from itertools import islice
from pathlib import Path
from typing import Literal

from ..core.contracts import Progress
from ..core.errors import AssetError, DatasetError
from ..core.records import Sample
from ..support.assets import Asset, HubFile, LocalFile, fetch_hub_file, find_asset, find_hub_file
from .definition import Dataset
from .parquet import can_read_hub, read_table_rows
from .sources import read_json_rows, verify_content

__all__ = ["has_gsm8k", "load_gsm8k"]

Split = Literal["test", "train"]

_REPO = "openai/gsm8k"
_REVISION = "cc7b047b6e5bb11b4f1af84efc572db110a51b3c"
_FILES = {
    "test": Asset(
        name="gsm8k (test split)",
        sha256="3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14",
        size=749_738,
        places=(LocalFile(path="gsm8k/test.jsonl"),),
    ),
    "train": Asset(
        name="gsm8k (train split)",
        sha256="17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465",
        size=4_166_206,
        places=(LocalFile(path="gsm8k/train.jsonl"),),
    ),
}
#: content digests (`Dataset.digest`) of the test split and of the first five examples of the train split
_TEST_DIGEST = "4953d6ca3d5b0aa0e2a1a6125a5fabcce706bc39f549c0e32efe4fa787435005"
_SHOTS_DIGEST = "2e4f429e780e910deff46b92c1f0438265701e0d6103f6c3fc2bd9450be706b8"
_MARK = "#### "
_TRAIN_SHOTS = 5
_COT_SHOTS = 8


def load_gsm8k(num_fewshot: int, progress: Progress | None = None) -> Dataset:
    """Return the test split of GSM8K (1,319 problems), checked against the digest of its content.

    A sample's id is ``test/row``, counted from 0; its target is the number after ``####`` as written there, which may
    have thousands commas. Worked examples keep the whole answer in ``metadata["solution"]``.

    :param num_fewshot: 5 for the first five of the train split, 8 for those of Wei et al. 2022, 0 for none
    :param progress: told how far a download has come
    :raises AssetError: when it cannot be had, with the ways to get it
    :raises DatasetError: when what was read is not what it should be
    """
    test, origin = _find_rows("test", progress)
    samples = tuple(_make_samples(test, "test"))
    plain = Dataset(name="gsm8k", edition=f"test split ({len(samples):,})", samples=samples, origin=origin)
    verify_content(plain, _TEST_DIGEST)
    if not num_fewshot:
        return plain
    shots = _read_cot() if num_fewshot == _COT_SHOTS else _read_train(progress)
    return Dataset(name=plain.name, edition=plain.edition, samples=samples, origin=origin, fewshot={"": shots})


def has_gsm8k() -> bool:
    """Say whether the test split is on this machine, without a download and without a look inside.

    :raises AssetError: when LLEVAL_DATA_DIR names no folder, or has another file in its place
    """
    return find_asset(_FILES["test"]) is not None or (find_hub_file(_hub("test")) is not None and can_read_hub())


def _read_train(progress: Progress | None) -> tuple[Sample, ...]:
    rows, origin = _find_rows("train", progress)
    shots = tuple(_make_samples(islice(rows, _TRAIN_SHOTS), "train"))
    dataset = Dataset(name="gsm8k", edition=f"first {_TRAIN_SHOTS} of the train split", samples=shots, origin=origin)
    return tuple(verify_content(dataset, _SHOTS_DIGEST).samples)


def _read_cot() -> tuple[Sample, ...]:
    with as_file(files(__package__).joinpath("gsm8k_cot.jsonl")) as path:
        return tuple(_make_samples(_read_lines(path), "cot"))


def _find_rows(split: Split, progress: Progress | None) -> tuple[Iterator[tuple[str, object, object]], str]:
    """Return the (place, question, answer) rows of a split, and where they come from."""
    local = find_asset(_FILES[split])
    if local is not None:
        return _read_lines(local), "LLEVAL_DATA_DIR"
    path = _fetch_table(_hub(split), split, progress)
    rows = read_table_rows(path, ("question", "answer"))
    return (
        (f"{path}, row {row}", question, answer) for row, (question, answer) in rows
    ), f"hub dataset {_REPO}@{_REVISION[:12]}"


def _hub(split: Split) -> HubFile:
    return HubFile(repo=_REPO, path=f"main/{split}-00000-of-00001.parquet", revision=_REVISION)


def _fetch_table(place: HubFile, split: Split, progress: Progress | None) -> Path:
    folder = f"set LLEVAL_DATA_DIR to a folder that has gsm8k/{split}.jsonl"
    if not can_read_hub():
        raise AssetError(f"gsm8k ({split} split) is not on this machine: pip install 'pytest-lleval[hub]', or {folder}")
    try:
        return find_hub_file(place) or fetch_hub_file(place, progress)
    except AssetError as error:
        raise AssetError(
            f"gsm8k ({split} split) could not be had: {error}; make the hub reachable, or {folder}"
        ) from error


def _read_lines(path: Path) -> Iterator[tuple[str, object, object]]:
    for line, row in read_json_rows(path):
        yield f"{path}:{line}", row.get("question"), row.get("answer")


def _make_samples(rows: Iterable[tuple[str, object, object]], prefix: str) -> Iterator[Sample]:
    for number, (place, question, answer) in enumerate(rows):
        if not isinstance(question, str) or not isinstance(answer, str) or answer.count(_MARK) != 1:
            raise DatasetError(place, "has no question, or no answer with one '#### '")
        target = answer.partition(_MARK)[2].strip()
        solution = {} if prefix == "test" else {"solution": answer}
        yield Sample(id=f"{prefix}/{number}", input=question, target=target, metadata=solution)
