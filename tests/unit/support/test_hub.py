import hashlib
import http.server
import importlib.util
import os
import time
from typing import ClassVar

import pytest
from asset_parts import PAYLOAD, quiz_asset, run_python, serve_requests

from pytest_lleval.support.assets import HubFile, fetch_asset, fetch_hub_file, find_asset, find_hub_file
from pytest_lleval.support.failure import AssetError

needs_hub = pytest.mark.skipif(importlib.util.find_spec("huggingface_hub") is None, reason="needs huggingface_hub")
pytestmark = pytest.mark.usefixtures("cache")

REVISION = "1234567890abcdef1234567890abcdef12345678"
PLACE = HubFile(repo="some/quiz", path="data/quiz.txt", revision=REVISION)
URL = f"/datasets/some/quiz/resolve/{REVISION}/data/quiz.txt"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with one file; lists the requests it got as (method, path, Authorization)."""

    class Hub(http.server.BaseHTTPRequestHandler):
        requests: ClassVar = []
        files: ClassVar = {URL: PAYLOAD}

        def do_HEAD(self):
            self.requests.append((self.command, self.path, self.headers.get("Authorization")))
            body = self.files.get(self.path)
            self.send_response(200 if body is not None else 404)
            if body is None:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("ETag", f'"{hashlib.sha256(body or b"").hexdigest()}"')
            self.send_header("X-Repo-Commit", REVISION)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            return body

        def do_GET(self):
            self.wfile.write(self.do_HEAD() or b"")

        def log_message(self, *words):
            pass

    with serve_requests(Hub) as address:
        for name in [name for name in os.environ if name.startswith("HF_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield Hub


@needs_hub
def test_file_is_fetched_once(hub, capfd, left_over):
    calls = []
    path = fetch_hub_file(PLACE, lambda *call: calls.append(call))
    assert path.read_bytes() == PAYLOAD
    assert path.name == "quiz.txt"
    assert {path for _, path, _ in hub.requests} == {URL}
    assert calls[-1] == ("some/quiz/data/quiz.txt", len(PAYLOAD), len(PAYLOAD))
    assert capfd.readouterr() == ("", "")
    assert not left_over()

    hub.requests.clear()
    assert fetch_hub_file(PLACE) == path == find_hub_file(PLACE)
    assert not hub.requests


@needs_hub
def test_damaged_file_is_fetched_again(hub):
    path = fetch_hub_file(PLACE)
    path.write_bytes(PAYLOAD[:-1])
    assert find_hub_file(PLACE) is None
    assert fetch_hub_file(PLACE).read_bytes() == PAYLOAD


@needs_hub
def test_revisions_and_kinds_are_different_files(hub):
    model = HubFile(repo="some/quiz", path="data/quiz.txt", revision=REVISION, repo_type="model")
    hub.files[f"/some/quiz/resolve/{REVISION}/data/quiz.txt"] = b"weights"
    assert fetch_hub_file(model).read_bytes() == b"weights"
    assert fetch_hub_file(PLACE).read_bytes() == PAYLOAD


@needs_hub
def test_users_token_is_sent(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    fetch_hub_file(PLACE)
    assert {token for _, _, token in hub.requests} == {"Bearer hf_of_a_test"}


@needs_hub
def test_asset_is_fetched_from_the_hub(hub, cache, left_over):
    asset = quiz_asset(PLACE)
    calls = []
    path = fetch_asset(asset, lambda *call: calls.append(call))
    assert path == cache / "assets" / asset.sha256[:16] / "quiz.txt" == find_asset(asset)
    assert calls[-1] == ("quiz", asset.size, asset.size)
    assert not left_over()


@needs_hub
def test_asset_with_other_bytes_on_the_hub_is_an_error(hub):
    with pytest.raises(AssetError, match=r"of hub dataset some/quiz@1234567890ab is another file than expected"):
        fetch_asset(quiz_asset(PLACE, content=PAYLOAD[::-1]))


@needs_hub
def test_absent_file_is_told(hub, left_over):
    with pytest.raises(AssetError, match=r"could not be had: .*NotFound.* 404"):
        fetch_hub_file(HubFile(repo="some/quiz", path="none.txt", revision=REVISION))
    assert not left_over()


@needs_hub
def test_hub_that_does_not_answer_is_told_at_once(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(AssetError, match=r"file 'data/quiz\.txt' of hub .* could not be had: .*Connect"):
        fetch_hub_file(PLACE)
    assert time.monotonic() - start < 15  # huggingface_hub itself goes on for 23 s and more


@needs_hub
def test_offline_mode_is_honoured(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(AssetError, match="HF_HUB_OFFLINE"):
        fetch_hub_file(PLACE)
    assert not hub.requests


def test_missing_extra_is_told(bare_python):
    code = f"""
from pytest_lleval.support.assets import *
from pytest_lleval.support.failure import AssetError
try:
    fetch_hub_file({PLACE!r})
except AssetError as error:
    print(error)
"""
    status, out, err = run_python(code, bare_python)
    assert (status, err) == (0, "")
    assert out.endswith("could not be had: huggingface_hub is not installed; pip install 'pytest-lleval[hub]'")
