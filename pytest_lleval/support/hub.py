"""Files of a model hub at a pinned revision."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from .digest import digest_json
from .folders import cache_dir, open_scratch
from .places import HubFile, PlaceError, Progress, describe_place
from .store import fetch_once, find_stored, read_chunks, store_chunks
from .watch import run_watched

__all__ = ["fetch_hub_file", "find_hub_file", "open_hub_file"]

_STALL_SECONDS = 120
_CHILD = Path(__file__).with_name("hub_child.py")
# Plain HTTP writes as it receives, which is what progress and the stall limit are measured by.
_SETTINGS = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_XET": "1",
}


def find_hub_file(place: HubFile) -> Path | None:
    """Return a hub file fetched earlier by `fetch_hub_file`, or None, without any download."""
    return find_stored(_cache_path(place), None)


def fetch_hub_file(place: HubFile, progress: Progress | None = None) -> Path:
    """Return a hub file whose content the caller checks; only the revision is pinned here.

    A file fetched once is used again for as long as its bytes are those that came.

    :param place: the file, at a full commit hash
    :param progress: told the file, the bytes that are there and those that will be (unknown until the end)
    :raises AssetError: it cannot be had, or the cache cannot be written to
    """
    label = f"{place.repo}/{place.path}"
    path = _cache_path(place)

    def report(done: int) -> None:
        if progress:
            progress(label, done, None)

    def fetch() -> Path:
        origin = describe_place(place)
        with open_scratch() as scratch, open_hub_file(place, scratch, report) as stream:
            stored = store_chunks(path, read_chunks(stream, origin), None, origin)
        size = stored.stat().st_size
        if progress:
            progress(label, size, size)
        return stored

    try:
        return fetch_once(path, None, fetch)
    except PlaceError as error:
        raise PlaceError(f"{describe_place(place)} could not be had: {error}") from error


@contextmanager
def open_hub_file(place: HubFile, scratch: Path, report: Callable[[int], None]) -> Iterator[IO[bytes]]:
    """Download a hub file and open it.

    huggingface_hub runs in a process of its own: its environment (HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE) is the
    user's, its progress bars and retries stay out of this one, and it can be ended at any time.

    :param place: the file
    :param scratch: a private folder that is removed afterwards
    :param report: told the bytes that are there
    :raises PlaceError: huggingface_hub is not installed or fails
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise PlaceError("huggingface_hub is not installed; pip install 'pytest-lleval[hub]'")
    target = scratch / "work" / "hub"
    command = [sys.executable, "-P", str(_CHILD), place.repo, place.path, place.revision, place.repo_type, str(target)]
    run_watched(command, scratch, report, _SETTINGS, _STALL_SECONDS)
    with (target / place.path).open("rb") as stream:
        yield stream


def _cache_path(place: HubFile) -> Path:
    key = digest_json([place.repo_type, place.repo, place.revision, place.path])[:16]
    return cache_dir() / "hub" / key / PurePosixPath(place.path).name
