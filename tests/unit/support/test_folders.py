import os
import sys
import time

import pytest

from pytest_lleval.support.failure import AssetError
from pytest_lleval.support.folders import cache_dir, data_path, open_scratch, require_space


def test_cache_is_the_folder_asked_for(cache):
    assert cache_dir() == cache
    assert not cache.exists()


def test_cache_is_the_platforms_without_a_wish(monkeypatch, tmp_path):
    monkeypatch.delenv("LLEVAL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "pytest-lleval" in cache_dir().parts
    if sys.platform == "linux":
        assert cache_dir() == tmp_path / "pytest-lleval"


def test_data_path_needs_the_data_folder(cache):
    assert data_path("mmlu/test") is None


def test_data_path_is_a_file_or_folder_that_is_there(tmp_path, monkeypatch):
    (tmp_path / "mmlu").mkdir()
    (tmp_path / "mmlu" / "law.csv").write_text("q")
    monkeypatch.setenv("LLEVAL_DATA_DIR", str(tmp_path))
    assert data_path("mmlu") == tmp_path / "mmlu"
    assert data_path("mmlu/law.csv") == tmp_path / "mmlu" / "law.csv"
    assert data_path("mmlu/none.csv") is None


def test_data_folder_must_be_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LLEVAL_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(AssetError, match=r"LLEVAL_DATA_DIR='.*nowhere' names no folder"):
        data_path("mmlu")


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b", "C:/x"])
def test_data_path_stays_inside(tmp_path, monkeypatch, path):
    monkeypatch.setenv("LLEVAL_DATA_DIR", str(tmp_path))
    with pytest.raises(AssetError, match="leads out of LLEVAL_DATA_DIR"):
        data_path(path)


def test_scratch_folder_is_in_the_cache_and_goes(cache):
    with open_scratch() as folder:
        assert folder.parent == cache
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_bytes(b"x")
    assert not list(cache.iterdir())


def test_scratch_folder_goes_after_an_interrupt(cache):
    with pytest.raises(KeyboardInterrupt), open_scratch():
        raise KeyboardInterrupt
    assert not list(cache.iterdir())


def test_only_stale_folders_are_swept(cache):
    old, new = cache / "tmp-old", cache / "tmp-new"
    old.mkdir(parents=True)
    new.mkdir()
    (old / "file").write_bytes(b"x")
    os.utime(old, (time.time() - 100_000,) * 2)
    with open_scratch():
        assert not old.exists()
        assert new.exists()


def test_lack_of_space_is_told_before_a_download(cache):
    with pytest.raises(AssetError, match=r"MB free but 1000000000000\.0 MB are needed.*LLEVAL_CACHE_DIR"):
        require_space(10**18)


def test_cache_below_a_file_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("LLEVAL_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(AssetError, match=r"cannot write to the cache folder '.*file.cache'.*set LLEVAL_CACHE_DIR"):
        require_space(1)
