"""The model server of a benchmark: what it has counted, how it is told to behave, one of our own that falls silent.

Any server that speaks OpenAI's protocol will do to be asked. One that counts (``GET /stats``, ``POST /reset``) lets a
benchmark check what was really asked of it; one that takes ``POST /config`` can be told to fail.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

__all__ = ["Server", "SilentServer", "start_mock"]

# not through a proxy, whatever the environment says
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Server:
    """A server at a base URL such as ``http://127.0.0.1:8000/v1``."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._root = self.url.removesuffix("/v1")

    def read_stats(self) -> dict[str, Any] | None:
        """Return what the server has counted since its last reset; None where it does not count."""
        return self._call("GET", "/stats")

    def reset(self) -> bool:
        """Make the counters zero, and tell whether the server can do that."""
        return self._call("POST", "/reset") is not None

    def configure(self, **settings: float) -> bool:
        """Change how the server behaves, and tell whether it can be told."""
        return self._call("POST", "/config", settings) is not None

    def settle(self, seconds: float = 30.0) -> dict[str, Any]:
        """Return the counters once nothing is in flight any more."""
        until = time.monotonic() + seconds
        while True:
            stats = self.read_stats()
            if stats is None:
                raise SystemExit(f"{self.url} does not count what it is asked: GET /stats")
            if not stats["inflight"] or time.monotonic() > until:
                return stats
            time.sleep(0.02)

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any] | None:
        data = json.dumps(body or {}).encode() if method == "POST" else None
        try:
            with _OPENER.open(urllib.request.Request(self._root + path, data, method=method), timeout=30) as reply:
                found = json.load(reply)
        except urllib.error.HTTPError:
            return None
        except ValueError:
            return None
        except OSError as error:
            raise SystemExit(f"{self._root}{path}: no answer ({error}); is the server running?") from error
        return found if isinstance(found, dict) else None


@contextmanager
def start_mock(program: Path, *words: str) -> Iterator[Server]:
    """Run a server that prints ``{"url": …}`` as its first line, until the context ends.

    :param program: its Python file
    :param words: its options
    """
    process = subprocess.Popen([sys.executable, str(program), *words], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise SystemExit(f"{program} did not start")
        yield Server(json.loads(line)["url"])
    finally:
        process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()


class SilentServer:
    """Answers as many completions as it is told, and keeps every later one waiting until it is closed."""

    def __init__(self) -> None:
        #: None for any number
        self.answers: int | None = None
        self.requests = 0
        self._guard = threading.Lock()
        self._closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> SilentServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def wait_turn(self) -> bool:
        """Count a completion, and tell whether it is to be answered; a later one's answer is never."""
        with self._guard:
            self.requests += 1
            answered = self.answers is None or self.requests <= self.answers
        if not answered:
            self._closed.wait()
        return answered

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # a small answer must not wait for the acknowledgement of the one before
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self._answer({"object": "list", "data": [{"id": "any", "object": "model"}]})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                if not owner.wait_turn():
                    self.close_connection = True
                    return
                message = {"role": "assistant", "content": "A"}
                self._answer(
                    {
                        "id": "one",
                        "object": "chat.completion",
                        "created": 0,
                        "model": "any",
                        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
                    }
                )

            def _answer(self, body: object) -> None:
                data = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
