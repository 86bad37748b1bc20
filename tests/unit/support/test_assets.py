import os

import pytest
from asset_parts import PAYLOAD, quiz_asset, quiz_place

from pytest_lleval.support.assets import Asset, HubFile, LocalFile, fetch_asset, find_asset
from pytest_lleval.support.failure import AssetError

pytestmark = pytest.mark.usefixtures("cache")
LOCAL = LocalFile(path="quiz/all.txt")


@pytest.fixture
def local_file(tmp_path, monkeypatch):
    path = tmp_path / "data" / "quiz" / "all.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(PAYLOAD)
    monkeypatch.setenv("LLEVAL_DATA_DIR", str(tmp_path / "data"))
    return path


def test_local_file_is_used_where_it_is(local_file, cache):
    assert find_asset(quiz_asset(LOCAL)) == fetch_asset(quiz_asset(LOCAL)) == local_file
    assert not cache.exists()


def test_local_file_goes_before_a_download(local_file):
    assert fetch_asset(quiz_asset(quiz_place(), LOCAL), lambda *call: pytest.fail("fetched")) == local_file


@pytest.mark.parametrize("ask", [find_asset, fetch_asset])
def test_other_local_file_is_an_error_not_a_next_place(local_file, wheel, ask):
    local_file.write_bytes(PAYLOAD[:-1])
    asset = quiz_asset(LOCAL, quiz_place())
    with pytest.raises(AssetError) as caught:
        ask(asset)
    assert f"{str(local_file)!r} is not asset 'quiz': expected sha256 {asset.sha256}" in str(caught.value)
    assert f"({len(PAYLOAD) - 1} bytes)" in str(caught.value)


def test_local_file_is_checked_again_when_it_changes(local_file):
    find_asset(quiz_asset(LOCAL))
    local_file.write_bytes(PAYLOAD[::-1])
    os.utime(local_file, ns=(0, 0))
    with pytest.raises(AssetError, match="is not asset 'quiz'"):
        find_asset(quiz_asset(LOCAL))


def test_data_folder_that_is_none_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("LLEVAL_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(AssetError, match="names no folder"):
        find_asset(quiz_asset(LOCAL))


def test_finding_downloads_nothing(wheel):
    assert find_asset(quiz_asset()) is None


def test_next_place_serves_when_one_cannot(wheel, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub = HubFile(repo="some/quiz", path="quiz.txt", revision="0" * 40)
    assert fetch_asset(quiz_asset(LOCAL, hub, quiz_place())).read_bytes() == PAYLOAD


def test_every_place_says_why_it_could_not(wheelhouse, monkeypatch, cache):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asset = quiz_asset(LOCAL, HubFile(repo="some/quiz", path="quiz.txt", revision="0" * 40), quiz_place())
    with pytest.raises(AssetError) as caught:
        fetch_asset(asset)
    first, local, hub, wheel, last = str(caught.value).splitlines()
    assert first == "asset 'quiz' could not be had:"
    assert local == "  file 'quiz/all.txt' below LLEVAL_DATA_DIR: LLEVAL_DATA_DIR is not set"
    assert hub.startswith("  file 'quiz.txt' of hub dataset some/quiz@000000000000: ")
    assert wheel.startswith("  file 'quiz/data/quiz.txt' of wheel quiz==1.0: pip: No matching distribution")
    assert asset.sha256 in last
    assert str(cache / "assets" / asset.sha256[:16] / "all.txt") in last


def test_way_out_of_the_message_works(cache):
    asset = quiz_asset(LOCAL)
    path = cache / "assets" / asset.sha256[:16] / "all.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(PAYLOAD)
    assert find_asset(asset) == fetch_asset(asset) == path


def test_damaged_cached_file_is_fetched_again(wheel):
    path = fetch_asset(quiz_asset())
    path.write_bytes(PAYLOAD[:100])
    assert find_asset(quiz_asset()) is None
    assert fetch_asset(quiz_asset()).read_bytes() == PAYLOAD


def test_unwritable_cache_is_one_error(wheel, monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("LLEVAL_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(AssetError, match=r"^cannot write to the cache folder '.*file'.*LLEVAL_CACHE_DIR"):
        fetch_asset(quiz_asset())


def test_lack_of_space_is_told_before_the_download(wheel):
    asset = Asset(name="huge", sha256="0" * 64, size=10**18, places=(quiz_place(),))
    with pytest.raises(AssetError, match="MB are needed"):
        fetch_asset(asset, lambda *call: pytest.fail("fetched"))


@pytest.mark.parametrize("digest", ["", "abc", "A" * 64, "0" * 65])
def test_digest_must_be_a_sha256(digest):
    with pytest.raises(AssetError, match=r"asset 'x': .* is not a sha256"):
        Asset(name="x", sha256=digest, size=1, places=())


def test_asset_without_places_says_so():
    asset = Asset(name="my file/1", sha256="0" * 64, size=1, places=())
    assert asset.file_name == "my-file-1"
    with pytest.raises(AssetError, match="it has no place to be had from"):
        fetch_asset(asset)
