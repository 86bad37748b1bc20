"""A small real model server for tests: OpenAI's and Anthropic's protocols over HTTP/1.1, with faults on request."""

from __future__ import annotations

import itertools
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Fault", "ModelServer", "SeenRequest", "fail_first"]


@dataclass(frozen=True, kw_only=True)
class SeenRequest:
    """One request as it came in; `body` is the parsed JSON, None for GET; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any] | None
    #: of the client's connection, so that a test can see one being used again
    client: tuple[str, int] = ("", 0)

    @property
    def question(self) -> str:
        """The last user message, or the prompt."""
        body = self.body or {}
        asked = [turn["content"] for turn in body.get("messages", []) if turn["role"] == "user"]
        return asked[-1] if asked else body.get("prompt", "")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What to do instead of answering, or on top of it.

    :param status: answered with `body`, which defaults to an error in OpenAI's form with `message`
    :param body: JSON value, text or bytes sent as the body; with status 200 it replaces the answer
    :param patch: keys laid over the JSON of the normal answer
    :param delay: seconds before anything is sent
    :param close: close the connection without an answer
    :param truncate: promise the whole body, send half, close; of a stream: leave out its last events
    :param cut: of a stream: close the connection in its middle
    :param event: of a stream: a JSON value sent in its middle, as the last event
    """

    status: int = 200
    message: str = "scripted fault"
    body: object = None
    patch: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    close: bool = False
    truncate: bool = False
    cut: bool = False
    event: object = None


#: what is asked before a run of whoever is to be a model
_PROBE = re.compile(r"number: (\d{4})", re.IGNORECASE)

#: the event before which a damaged stream ends: both protocols have begun to tell the answer
_MIDDLE = 4

Script = Callable[[SeenRequest], Fault | None]


def fail_first(count: int, fault: Fault) -> Script:
    """Script `fault` for the first `count` POST requests."""
    left = [count]

    def script(request: SeenRequest) -> Fault | None:
        if request.method == "GET" or not left[0]:
            return None
        left[0] -= 1
        return fault

    return script


class ModelServer:
    """A model server in a thread of this process; use as a context manager.

    :param answer: the text of every answer, or a function from the `SeenRequest` to it
    :param model: the id it lists; also the id it says has answered, unless `echo_model`
    :param echo_model: say that whatever model was asked for has answered
    :param faults: called with every request; a `Fault` changes the answer
    :param latency: seconds before every answer to a POST request
    :param headers: further response headers; ``Server`` replaces the default one
    :param llama_logprobs: give bare completions llama.cpp's form of log probabilities instead of OpenAI's
    :param tls: a context with the server's certificate; it then speaks HTTPS
    :param idle: seconds after which it closes a kept connection, without a word
    :param obeys: repeat the number a probe asks for, as a model would; False stands for a script behind a URL
    :param models: the body of ``/v1/models``; None for the normal one, False for 404
    :param pace: streams chat answers that are asked for in pieces: seconds until the first piece, and from one to the
        next; None for a server that cannot, which answers in one piece
    """

    def __init__(
        self,
        answer: Callable[[SeenRequest], str] | str = "A",
        model: str = "served-model",
        *,
        echo_model: bool = False,
        faults: Script | None = None,
        latency: float = 0.0,
        headers: Mapping[str, str] | None = None,
        llama_logprobs: bool = False,
        models: object = None,
        tls: ssl.SSLContext | None = None,
        idle: float = 30,
        obeys: bool = True,
        pace: Callable[[SeenRequest], tuple[float, float]] | None = None,
    ) -> None:
        self._answer = answer
        self.model = model
        self.echo_model = echo_model
        self.faults = faults
        self.latency = latency
        self.headers = {"Server": "test-server/1.0", **(headers or {})}
        self.llama_logprobs = llama_logprobs
        self.models = models
        self.tls = tls
        self.idle = idle
        self.obeys = obeys
        self.pace = pace
        self.requests: list[SeenRequest] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        #: the most requests that have waited for their answer at once
        self.peak = 0
        self._waiting = 0
        self._closing = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None:
            raise RuntimeError("a ModelServer listens inside its with block")
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL, ending in /v1."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/v1"

    @property
    def posts(self) -> list[SeenRequest]:
        """The requests that asked the model something."""
        with self._lock:
            return [request for request in self.requests if request.method == "POST"]

    def __enter__(self) -> ModelServer:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        if self.tls is not None:
            # a handshake in the listening thread would let one client hold up the others
            self._server.socket = self.tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.02,), name="model-server", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, end every connection and wait for their threads; safe to call twice."""
        self._closing.set()
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        server.shutdown()
        server.end_connections()
        server.server_close()
        self._thread.join()

    def pause(self, seconds: float) -> None:
        """Wait before an answer, and no longer than until the server is closed; counts how many wait at once."""
        with self._lock:
            self._waiting += 1
            self.peak = max(self.peak, self._waiting)
        self._closing.wait(seconds)
        with self._lock:
            self._waiting -= 1

    def record(self, request: SeenRequest) -> None:
        """Keep a request for the test to look at."""
        with self._lock:
            self.requests.append(request)

    def compose(self, request: SeenRequest) -> tuple[int, object]:
        """Return status and JSON of the normal answer."""
        path = request.path.split("?")[0].rstrip("/")
        if request.method == "GET" and path == "/v1/models" and self.models is not False:
            listed = {"object": "list", "data": [{"id": self.model, "object": "model", "owned_by": "tests"}]}
            return 200, listed if self.models is None else self.models
        if request.method == "POST" and path == "/v1/chat/completions":
            return 200, self._compose_chat(request)
        if request.method == "POST" and path == "/v1/completions":
            return 200, self._compose_completion(request)
        if request.method == "POST" and path == "/v1/messages":
            return 200, self._compose_message(request)
        return 404, {"error": {"message": f"no route {request.method} {path}", "type": "not_found_error"}}

    def _say(self, request: SeenRequest) -> str:
        probe = _PROBE.search(request.question)
        if probe and self.obeys:
            return probe[1]
        return self._answer if isinstance(self._answer, str) else self._answer(request)

    def _served(self, request: SeenRequest) -> str:
        return str((request.body or {}).get("model")) if self.echo_model else self.model

    def _compose_chat(self, request: SeenRequest) -> dict[str, Any]:
        body = request.body or {}
        text, reason = _cut(self._say(request), body.get("max_completion_tokens") or body.get("max_tokens"))
        top = body.get("top_logprobs") or 0
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "finish_reason": reason,
            "logprobs": _tell_tokens(text, top) if body.get("logprobs") else None,
        }
        return self._wrap(request, "chat.completion", choice, text)

    def _compose_completion(self, request: SeenRequest) -> dict[str, Any]:
        body = request.body or {}
        text, reason = _cut(self._say(request), body.get("max_tokens"))
        top = body.get("logprobs")
        form = _tell_tokens if self.llama_logprobs else _tell_columns
        choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": form(text, top) if top else None}
        return self._wrap(request, "text_completion", choice, text)

    def _wrap(self, request: SeenRequest, kind: str, choice: dict[str, Any], text: str) -> dict[str, Any]:
        asked, said = _count_prompt(request), len(_split(text))
        return {
            "id": f"id-{next(self._numbers)}",
            "object": kind,
            "created": int(time.time()),
            "model": self._served(request),
            "system_fingerprint": "fp-tests",
            "choices": [choice],
            "usage": {
                "prompt_tokens": asked,
                "completion_tokens": said,
                "total_tokens": asked + said,
                "prompt_tokens_details": {"cached_tokens": 1},
            },
        }

    def _compose_message(self, request: SeenRequest) -> dict[str, Any]:
        text, reason = _cut(self._say(request), (request.body or {}).get("max_tokens"))
        return {
            "id": f"msg-{next(self._numbers)}",
            "type": "message",
            "role": "assistant",
            "model": self._served(request),
            "content": [{"type": "text", "text": text}],
            "stop_reason": "max_tokens" if reason == "length" else "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": _count_prompt(request),
                "output_tokens": len(_split(text)),
                "cache_read_input_tokens": 2,
            },
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128
    owner: ModelServer

    def __init__(self, *arguments: Any) -> None:
        self._open: set[Any] = set()
        self._guard = threading.Lock()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """Wake the threads that wait for the next request of a kept connection."""
        with self._guard:
            for connection in self._open:
                try:
                    connection.shutdown(2)
                except OSError:
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client has gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def setup(self) -> None:
        # so that a forgotten client cannot hold the process
        self.timeout = self.server.owner.idle
        super().setup()

    def do_GET(self) -> None:
        self._handle(None)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._handle(json.loads(raw) if raw else {})

    def log_message(self, *_: Any) -> None:
        pass

    def _handle(self, body: dict[str, Any] | None) -> None:
        owner = self.server.owner
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = SeenRequest(
            method=self.command, path=self.path, headers=headers, body=body, client=self.client_address
        )
        owner.record(request)
        fault = (owner.faults(request) if owner.faults else None) or Fault()
        delay = fault.delay + (owner.latency if request.method == "POST" else 0.0)
        if delay:
            owner.pause(delay)
        if fault.close:
            self.close_connection = True
            return
        status, content = self._compose(owner, request, fault)
        if owner.pace is not None and status == 200 and (body or {}).get("stream"):
            first, gap = owner.pace(request)
            answer = json.loads(content)
            send = self._stream_message if answer.get("type") == "message" else self._stream_chat
            self._stream(send(answer, first, gap), fault)
            return
        self._send(status, content, fault)

    def _stream(self, events: Iterator[bytes], fault: Fault) -> None:
        """Send server-sent events in chunks."""
        lines = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"]
        lines += ["Connection: close", "", ""] if self.close_connection else ["", ""]
        self.wfile.write("\r\n".join(lines).encode())
        damaged = fault.truncate or fault.cut or fault.event is not None
        self.close_connection = self.close_connection or damaged
        for number, event in enumerate(events):
            if damaged and number == _MIDDLE:
                break
            self._send_chunk(event)
        if fault.event is not None:
            self._send_chunk(b"event: error\ndata: " + json.dumps(fault.event).encode() + b"\n\n")
        if not fault.cut:
            self._send_chunk(b"")

    def _send_chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _say_slowly(self, text: str, first: float, gap: float) -> Iterator[str]:
        self.server.owner.pause(first)
        for number, word in enumerate(_split(text)):
            if number:
                self.server.owner.pause(gap)
            yield word

    def _stream_chat(self, answer: dict[str, Any], first: float, gap: float) -> Iterator[bytes]:
        """Make the events of a chat answer, word by word."""
        choice = answer["choices"][0]
        base = {name: answer[name] for name in ("id", "created", "model", "system_fingerprint")}

        def tell(delta: dict[str, Any], reason: str | None = None, **further: Any) -> bytes:
            choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
            return f"data: {json.dumps({**base, 'choices': choices, **further})}\n\n".encode()

        for word in self._say_slowly(choice["message"]["content"], first, gap):
            yield tell({"content": word})
        yield tell({}, choice["finish_reason"])
        yield tell({}, usage=answer["usage"])
        yield b"data: [DONE]\n\n"

    def _stream_message(self, answer: dict[str, Any], first: float, gap: float) -> Iterator[bytes]:
        """Make the events of a message of Anthropic's protocol, word by word."""

        def tell(kind: str, **fields: Any) -> bytes:
            return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()

        said = answer["usage"].pop("output_tokens")
        begun = {**answer, "content": [], "stop_reason": None, "usage": {**answer["usage"], "output_tokens": 1}}
        yield tell("message_start", message=begun)
        yield tell("ping")
        for index, block in enumerate(answer["content"]):
            yield tell("content_block_start", index=index, content_block={"type": "text", "text": ""})
            for word in self._say_slowly(block["text"], first, gap):
                yield tell("content_block_delta", index=index, delta={"type": "text_delta", "text": word})
            yield tell("content_block_stop", index=index)
        ended = {name: answer[name] for name in ("stop_reason", "stop_sequence")}
        yield tell("message_delta", delta=ended, usage={"output_tokens": said})
        yield tell("message_stop")

    def _compose(self, owner: ModelServer, request: SeenRequest, fault: Fault) -> tuple[int, bytes]:
        status, content = owner.compose(request)
        if fault.status != 200:
            status, content = fault.status, {"error": {"message": fault.message, "type": "scripted"}}
        if fault.body is not None:
            status, content = fault.status, fault.body
        if fault.patch is not None and isinstance(content, dict):
            content = {**content, **fault.patch}
        if isinstance(content, bytes):
            return status, content
        return status, (content if isinstance(content, str) else json.dumps(content)).encode()

    def _send(self, status: int, content: bytes, fault: Fault) -> None:
        headers = {"Content-Type": "application/json", **self.server.owner.headers, **fault.headers}
        lines = [f"HTTP/1.1 {status} {self.responses.get(status, ('', ''))[0]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(content)}", "", ""]
        if fault.truncate:
            content = content[: len(content) // 2]
            self.close_connection = True
        # one write, so that the kernel does not hold the body back
        self.wfile.write("\r\n".join(lines).encode() + content)


def _split(text: str) -> list[str]:
    """Words with the blank before them: enough of a tokenizer for counts and log probabilities."""
    return [word if place == 0 else " " + word for place, word in enumerate(text.split(" "))] if text else []


def _count_prompt(request: SeenRequest) -> int:
    body = request.body or {}
    texts = [str(turn["content"]) for turn in body.get("messages", [])] or [str(body.get("prompt", ""))]
    return sum(len(_split(text)) for text in texts)


def _cut(text: str, limit: int | None) -> tuple[str, str]:
    tokens = _split(text)
    if limit and len(tokens) > limit:
        return "".join(tokens[:limit]), "length"
    return text, "stop"


def _alternatives(token: str, top: int) -> dict[str, float]:
    others = [letter for letter in ("A", "B", "C", "D", " A", " B", " C", " D") if letter != token]
    return {token: -0.25, **{other: -2.0 - place for place, other in enumerate(others[: max(top - 1, 0)])}}


def _tell_tokens(text: str, top: int) -> dict[str, Any]:
    def tell(token: str, value: float) -> dict[str, Any]:
        return {"token": token, "logprob": value, "bytes": list(token.encode())}

    return {
        "content": [
            {
                **tell(token, -0.25),
                "top_logprobs": [tell(*pair) for pair in _alternatives(token, top).items()] if top else [],
            }
            for token in _split(text)
        ]
    }


def _tell_columns(text: str, top: int) -> dict[str, Any]:
    tokens = _split(text)
    return {
        "tokens": tokens,
        "token_logprobs": [-0.25] * len(tokens),
        "top_logprobs": [_alternatives(token, top) for token in tokens],
        "text_offset": [0] * len(tokens),
    }
