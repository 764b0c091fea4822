"""A server on loopback that answers as scripted: each request takes the next fault, or is answered by `answer`."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from butfor.lm.chat_wire import Clock

Reply = tuple[int, Any]
Answer = Callable[[str, dict[str, Any]], Reply]


@dataclass
class Fault:
    """What goes wrong with one request."""

    kind: str  # status, cut, middle, drip, half, body
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


class FakeClock(Clock):
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time, self.slept, self._lock = 1000.0, list[float](), threading.Lock()

    def now(self) -> float:
        return self.time

    def date(self) -> float:
        return 1_700_000_000.0

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.time += seconds


@dataclass
class Scripted:
    """What the server was asked, and what it is to do next."""

    answer: Answer
    faults: list[Fault | None] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answered: list[dict[str, Any]] = field(default_factory=list)  # bodies of requests whose answer went out whole
    connections: int = 0
    models: Reply = (500, {"error": "no hub"})
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> Fault | None:
        with self.lock:
            return self.faults.pop(0) if self.faults else None


def said(text: str | None, **more: Any) -> dict[str, Any]:
    """A chat answer."""
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2},
    }


def polite(path: str, body: dict[str, Any]) -> Reply:
    """Repeats the last thing that was said to it, in capitals."""
    if path.endswith("/chat/completions"):
        return 200, said(body["messages"][-1]["content"].upper())
    return 200, {"choices": [{"text": body["prompt"].upper(), "finish_reason": "stop"}]}


def upstream(port: int) -> Answer:
    """Hands every request on to a real server on this machine."""

    def forward(path: str, body: dict[str, Any]) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    return forward


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    disable_nagle_algorithm = True

    @property
    def script(self) -> Scripted:
        return self.server.script  # type: ignore[attr-defined]

    def setup(self) -> None:
        super().setup()
        with self.script.lock:
            self.script.connections += 1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._send(*self.script.models)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.script.lock:
            self.script.asked.append((self.path, body))
            self.script.headers.append(dict(self.headers))
        fault = self.script.next()
        if fault is None:
            status, reply = self.script.answer(self.path, body)
            with self.script.lock:
                self.script.answered.append(body)
            self._send(status, reply)
        elif fault.kind == "status":
            self._send(fault.status, fault.body or {"error": {"message": "as scripted"}}, fault.headers)
        elif fault.kind == "body":
            self._send(200, fault.body)
        else:
            self._break(fault, json.dumps(self.script.answer(self.path, body)[1]).encode())

    def _break(self, fault: Fault, whole: bytes) -> None:
        self.close_connection = True
        if fault.kind == "cut":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault.kind == "half":
            self._raw(200, whole[: len(whole) // 2])
        elif fault.kind == "middle":
            self._head(200, len(whole))
            self.wfile.write(whole[: len(whole) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault.kind == "drip":
            self._head(200, len(whole))
            try:
                for byte in whole:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    threading.Event().wait(0.05)
            except OSError:
                pass  # nobody listens any more

    def _send(self, status: int, reply: Any, headers: dict[str, str] | None = None) -> None:
        self._raw(status, reply if isinstance(reply, bytes) else json.dumps(reply).encode(), headers)

    def _raw(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self._head(status, len(content), headers)
        self.wfile.write(content)
        self.wfile.flush()

    def _head(self, status: int, length: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the client went away, as scripted


@contextmanager
def serving(answer: Answer = polite, faults: list[Fault | None] | None = None) -> Iterator[Scripted]:
    """The server, as long as the block lasts."""
    server = _Server(("127.0.0.1", 0), _Handler)
    script = Scripted(answer, list(faults or []), url=f"http://127.0.0.1:{server.server_address[1]}")
    server.script = script  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
