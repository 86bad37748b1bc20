"""Wheels, assets, servers and processes the tests of assets are made of."""

import hashlib
import http.server
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_lleval.support.assets import Asset, Place, WheelFile

PAYLOAD = b"one question a line\n" * 500
FETCH_SCRIPT = f"""
import sys
from pytest_lleval.support.assets import Asset, WheelFile, fetch_asset
from pytest_lleval.support.failure import AssetError

place = WheelFile(requirement="quiz==1.0", member="quiz/data/quiz.txt", wheel_bytes=12000)
asset = Asset(
    name="quiz", sha256="{hashlib.sha256(PAYLOAD).hexdigest()}", size={len(PAYLOAD)}, places=(place,)
)
calls = []
try:
    path = fetch_asset(asset, lambda *call: (calls.append(call), sys.stderr.write("progress\\n"), sys.stderr.flush()))
except AssetError as error:
    sys.exit(f"AssetError: {{error}}")
print("fetched" if calls else "found", path)
"""


def quiz_place(member: str = "quiz/data/quiz.txt", requirement: str = "quiz==1.0") -> WheelFile:
    """The place of PAYLOAD in the wheel written by `write_wheel`."""
    return WheelFile(requirement=requirement, member=member, wheel_bytes=12_000)


def quiz_asset(*places: Place, content: bytes = PAYLOAD) -> Asset:
    """The asset of some bytes, had from the test wheel unless other places are given."""
    digest = hashlib.sha256(content).hexdigest()
    return Asset(name="quiz", sha256=digest, size=len(content), places=places or (quiz_place(),))


def write_wheel(folder: Path, content: bytes = PAYLOAD) -> Path:
    """Write a small but proper wheel that holds `content` as quiz/data/quiz.txt."""
    info = "quiz-1.0.dist-info"
    files = {
        "quiz/__init__.py": b"",
        "quiz/data/quiz.txt": content,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: quiz\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]).encode()
    path = folder / "quiz-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def start_python(code: str, python: Path | str = sys.executable, **options) -> subprocess.Popen[str]:
    """Start a Python process that sees this environment's variables."""
    return subprocess.Popen(
        # -P: what lies in the working directory is nothing this Python has
        [str(python), "-P", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run_python(code: str, python: Path | str = sys.executable, **options) -> tuple[int, str, str]:
    """Run a Python process to its end: exit status, stdout, stderr."""
    with start_python(code, python, **options) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out.strip(), err.strip()


@contextmanager
def serve_requests(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve HTTP on this machine for as long as the context lasts; gives the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
