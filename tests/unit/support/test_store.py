import hashlib
import io
import os
import sys

import pytest
from asset_parts import run_python

from pytest_lleval.support.failure import AssetError
from pytest_lleval.support.places import PlaceError
from pytest_lleval.support.store import Content, fetch_once, find_stored, read_chunks, store_chunks

DATA = b"0123456789" * 100
SHA = hashlib.sha256(DATA).hexdigest()
CONTENT = Content(sha256=SHA, size=len(DATA))

FULL_DISK = """
import resource
from pathlib import Path
from pytest_lleval.support.failure import AssetError
from pytest_lleval.support.store import store_chunks
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
try:
    store_chunks(Path({path!r}), iter([b"x" * 5000]), None, "here")
except AssetError as error:
    print(error)
"""


@pytest.fixture
def path(cache):
    return cache / "assets" / "ab" / "file.txt"


def rewrite_unseen(path, data):
    """Change a file's bytes but neither its size nor its time."""
    status = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_stored_file_is_found(path, left_over):
    assert store_chunks(path, [DATA[:300], DATA[300:]], CONTENT, "here") == path
    assert path.read_bytes() == DATA
    assert find_stored(path, SHA) == path
    assert not left_over()


def test_other_bytes_are_not_stored(path, left_over):
    with pytest.raises(AssetError, match=f"here is another file than expected: sha256 .* instead of {SHA}"):
        store_chunks(path, [DATA[:-1]], CONTENT, "here")
    assert not path.exists()
    assert not left_over()


def test_endless_bytes_are_cut_off(path):
    def repeat():
        while True:
            yield DATA

    with pytest.raises(AssetError, match="holds more than the expected 1000 bytes"):
        store_chunks(path, repeat(), CONTENT, "here")
    assert not path.exists()


def test_file_shows_only_when_whole(path):
    def chunks():
        assert not path.exists()
        yield DATA
        assert not path.exists()

    store_chunks(path, chunks(), CONTENT, "here")
    assert path.exists()


def test_interrupt_leaves_nothing(path, left_over):
    def chunks():
        yield DATA
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_chunks(path, chunks(), None, "here")
    assert not path.exists()
    assert not left_over()


def test_two_writers_without_a_lock_do_not_mix(path):
    def chunks():
        yield DATA[:500]
        store_chunks(path, [DATA], CONTENT, "there")
        assert find_stored(path, SHA)
        yield DATA[500:]

    store_chunks(path, chunks(), CONTENT, "here")
    assert path.read_bytes() == DATA
    assert find_stored(path, SHA) == path


def test_unchanged_file_is_not_hashed_again(path):
    store_chunks(path, [DATA], CONTENT, "here")
    rewrite_unseen(path, DATA[::-1])
    assert find_stored(path, SHA) == path  # size and time are as noted: the price of not reading 100 MB at each start


@pytest.mark.parametrize("damage", [DATA[:-1], DATA[::-1], b""])
def test_damaged_file_is_not_found(path, damage):
    store_chunks(path, [DATA], CONTENT, "here")
    path.write_bytes(damage)
    os.utime(path, ns=(0, 0))
    assert find_stored(path, SHA) is None
    assert find_stored(path, None) is None


def test_touched_file_is_hashed_and_found(path):
    store_chunks(path, [DATA], CONTENT, "here")
    os.utime(path, ns=(0, 0))
    assert find_stored(path, SHA) == path
    rewrite_unseen(path, DATA[::-1])
    assert find_stored(path, SHA) == path  # the stamp was renewed


@pytest.mark.parametrize("stamp", ["", "{", "[]", '{"size": 1}', '{"size": 1, "mtime_ns": 1, "sha256": "0"}'])
def test_broken_stamp_costs_a_hash_only(path, stamp):
    store_chunks(path, [DATA], CONTENT, "here")
    path.with_name("file.txt.ok").write_text(stamp)
    assert find_stored(path, SHA) == path


def test_stamp_of_another_digest_is_not_trusted(path):
    store_chunks(path, [DATA], None, "here")
    assert find_stored(path, "0" * 64) is None


def test_file_put_there_by_hand_needs_a_digest(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    assert find_stored(path, None) is None
    assert find_stored(path, SHA) == path


def test_damaged_file_is_fetched_again(path):
    store_chunks(path, [DATA], CONTENT, "here")
    path.write_bytes(b"damaged")

    def fetch():
        assert not path.exists()
        return store_chunks(path, [DATA], CONTENT, "here")

    assert fetch_once(path, SHA, fetch).read_bytes() == DATA


def test_stored_file_is_not_fetched(path):
    store_chunks(path, [DATA], CONTENT, "here")
    assert fetch_once(path, SHA, lambda: pytest.fail("fetched")) == path


def test_broken_stream_names_its_origin():
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError("gone")

    with pytest.raises(PlaceError, match=r"wheel x is damaged \(gone\)"):
        list(read_chunks(Broken(), "wheel x"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_full_disk_is_one_error(path, cache, left_over):
    status, out, err = run_python(FULL_DISK.format(path=str(path)))
    assert (status, err) == (0, "")
    assert out.startswith(f"cannot write to the cache folder {str(cache)!r} (File too large)")
    assert "LLEVAL_CACHE_DIR" in out
    assert not path.exists()
    assert not left_over()


def test_read_only_cache_is_read_but_not_written(path):
    store_chunks(path, [DATA], CONTENT, "here")
    os.utime(path, ns=(0, 0))
    path.with_name("file.txt.ok").chmod(0o444)
    path.parent.chmod(0o555)
    try:
        if os.access(path.parent, os.W_OK):
            pytest.skip("needs a user who may not write everywhere")
        assert find_stored(path, SHA) == path
        with pytest.raises(AssetError, match=r"\(Permission denied\).*LLEVAL_CACHE_DIR"):
            store_chunks(path, [DATA], CONTENT, "here")
    finally:
        path.parent.chmod(0o755)
