"""Datasets that are supplied to a process on another machine, which then has to load none.

One file a suite, named after what the suite was built with. Only what comes back exactly as it was is supplied.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..core.encoding import encode_disclosure
from ..core.records import Disclosure, Sample
from ..support.digest import digest_json
from .definition import Dataset, Suite

__all__ = ["encode_supply", "find_supply", "name_supply", "use_supplies"]

_folder: Path | None = None


def use_supplies(folder: Path) -> None:
    """Look for datasets in a folder from now on, before they are looked for anywhere else."""
    global _folder
    _folder = folder


def name_supply(suite: Suite) -> str:
    """Return the name of the file of a suite's dataset."""
    described = json.loads(json.dumps([suite.name, suite.version, dict(suite.parameters)], default=str))
    return f"{digest_json(described)}.json.gz"


def encode_supply(dataset: Dataset) -> bytes | None:
    """Return a dataset as the content of a file; None where values would come back as others."""
    raw = {
        "name": dataset.name,
        "edition": dataset.edition,
        "origin": dataset.origin,
        "disclosures": [encode_disclosure(found) for found in dataset.disclosures],
        "samples": [_encode_sample(sample) for sample in dataset.samples],
        "fewshot": {group: [_encode_sample(shot) for shot in shots] for group, shots in dataset.fewshot.items()},
    }
    try:
        text = json.dumps(raw, ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError):
        return None
    again = _decode(json.loads(text))
    if (tuple(again.samples), _list_shots(again)) != (tuple(dataset.samples), _list_shots(dataset)):
        return None
    import gzip  # sessions on one machine need none

    return gzip.compress(text.encode("ascii"), 6, mtime=0)


def find_supply(suite: Suite) -> Dataset | None:
    """Return a suite's dataset as it was supplied; None where it was not."""
    file = _folder / name_supply(suite) if _folder is not None else None
    if file is None or not file.is_file():
        return None
    import gzip

    return _decode(json.loads(gzip.decompress(file.read_bytes())))


def _list_shots(dataset: Dataset) -> dict[str, tuple[Sample, ...]]:
    return {group: tuple(shots) for group, shots in dataset.fewshot.items()}


def _encode_sample(sample: Sample) -> list[Any]:
    target = sample.target if isinstance(sample.target, str) else list(sample.target)
    return [sample.id, sample.input, target, list(sample.choices), sample.group, dict(sample.metadata)]


def _decode(raw: dict[str, Any]) -> Dataset:
    return Dataset(
        name=raw["name"],
        edition=raw["edition"],
        origin=raw["origin"],
        disclosures=tuple(Disclosure(**found) for found in raw["disclosures"]),
        samples=tuple(map(_decode_sample, raw["samples"])),
        fewshot={group: tuple(map(_decode_sample, shots)) for group, shots in raw["fewshot"].items()},
    )


def _decode_sample(raw: list[Any]) -> Sample:
    name, text, target, choices, group, metadata = raw
    return Sample(
        id=name,
        input=text,
        target=target if isinstance(target, str) else tuple(target),
        choices=tuple(choices),
        group=group,
        metadata=metadata,
    )
