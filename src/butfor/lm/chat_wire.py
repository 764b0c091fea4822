"""One question to a server over HTTP, asked until it is answered or until there is no hope.

Passing   429, 408, 425, 5xx, a cut connection, no whole answer in time, half an answer: asked again after
          min(60, 2^n / 2) · (0.5 + 0.5 u) seconds, u in [0, 1) a hash of the question and of n, so that many questions
          do not come back at once and every run waits alike; never sooner than the server's own Retry-After, which
          holds back every other question too. When the tries are used up: a RunError, and the same command resumes.
Refused   every other 4xx: `Refusal`, at once. Nothing answers at an address that never answered: a UserError, at once.
Rate      questions start 60 / rate seconds apart, tries included.
Key       read from the environment for each question, kept in no attribute, taken out of whatever a server says.
Limits    A redirect is followed on the same scheme, host and port alone. No proxy is used: only the given address is.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
import os
import re
import select
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from butfor.core.errors import RunError, UserError

KEYS = ("BUTFOR_API_KEY", "OPENAI_API_KEY")  # the first that is set
AGAIN = {408, 425, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 529}
MOVED = {301, 302, 303, 307, 308}
LONGEST = 60.0  # seconds of waiting between two tries, where the server asks for nothing else
PATIENCE = 600.0  # a server that asks for a longer wait is not waited for
BIGGEST = 64 * 2**20  # bytes of one answer
SECRET = 12  # characters from which on a key is looked for in what a server says: shorter ones are words ("EMPTY")
VERSION = re.compile(r"v\d+\w*")
ENDS = ("/chat/completions", "/completions", "/models")

T = TypeVar("T")


class Refusal(Exception):
    """The server understood, and will not."""

    def __init__(self, status: int, says: str, code: str = "") -> None:
        self.status, self.says, self.code = status, says, code
        super().__init__(f"status {status}: {says}")


class Passing(Exception):
    """A fault that may be gone the next time; `wait` is what the server asked for."""

    def __init__(self, what: str, *, status: int = 0, wait: float = 0.0) -> None:
        self.status, self.wait = status, wait
        super().__init__(what)


class Spent(RunError):
    """Every try failed; `status` is that of the last one, 0 where it had none."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


class Stopped(Exception):
    """Another question of the same call has failed, or the user wants out."""


@dataclass(frozen=True, slots=True)
class Place:
    """A base address, with its version: https://host:port/v1."""

    scheme: str
    host: str
    port: int | None
    path: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{f':{self.port}' if self.port else ''}{self.path}"

    @property
    def local(self) -> bool:
        """Whether it is this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost" or self.host.endswith(".localhost")


def place(url: str) -> Place:
    """The base address that was meant: with or without /v1, a slash at its end, or the path of one interface."""
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UserError(f"{_public(url)!r} is no address; write it as http://127.0.0.1:8000/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UserError(
            f"the address of {parts.hostname} carries a name, a password or a query; leave them out, "
            f"and put the key into the environment: {KEYS[1]}"
        )
    try:
        port = parts.port
    except ValueError:
        raise UserError(f"{url!r} has a port that is no number from 0 to 65535") from None
    path = parts.path.rstrip("/")
    for end in ENDS:
        path = path.removesuffix(end)
    if not any(VERSION.fullmatch(part) for part in path.split("/")):
        path += "/v1"
    default = 443 if parts.scheme == "https" else 80
    return Place(parts.scheme, parts.hostname, None if port == default else port, path)


class Clock:
    """Time, as the wire sees it."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def date(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float, stop: threading.Event) -> None:
        """Wait, or wake when `stop` is set."""
        stop.wait(seconds)


class Wire:
    """Connections to one server, kept alive and shared by threads."""

    def __init__(
        self, to: Place, *, key_from: str, timeout: float, retries: int, rate: float, clock: Clock | None = None
    ) -> None:
        self.to, self.key_from, self.timeout, self.retries = to, key_from, timeout, retries
        self.clock = clock or Clock()
        self.requests = self.again = 0
        self._gap, self._next = (60.0 / rate if rate else 0.0), self.clock.now()
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self._busy: set[http.client.HTTPConnection] = set()
        self._reached = False
        self._tls = ssl.create_default_context() if to.scheme == "https" else None
        weakref.finalize(self, _close, self._idle)

    def ask(
        self,
        path: str,
        body: dict[str, Any],
        read: Callable[[dict[str, Any]], T],
        stop: threading.Event,
        *,
        tries: int | None = None,
    ) -> T:
        """What `read` finds in the answer. `read` raises `Passing` where the answer is not one."""
        tries = tries or self.retries + 1
        content = json.dumps(body, sort_keys=True).encode("utf-8")
        begun, last, made = self.clock.now(), Passing("it was not asked"), 0
        for number in range(tries):
            self._pause(self._slot(), stop)
            self._count(number > 0)
            made = number + 1
            try:
                return read(self.send("POST", path, content, fresh=number > 0, stop=stop))
            except Passing as fault:
                last = fault
                if fault.wait > PATIENCE:
                    break
                if fault.wait:
                    self._hold(fault.wait)
                if made < tries:
                    self._pause(max(backoff(content, number), fault.wait), stop)
        seconds = self.clock.now() - begun
        asked = "1 try" if made == 1 else f"{made} tries"
        raise Spent(
            f"{self.to} gave no answer in {asked} over {seconds:.0f} s; the last time: {last}\n"
            "run the same command again: it resumes where this one stopped",
            last.status,
        )

    def send(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        fresh: bool = False,
        stop: threading.Event | None = None,
    ) -> dict[str, Any]:
        """The JSON object that comes back, asked for once; `fresh`: over a new connection."""
        target = self.to.path + path
        for _ in range(4):
            status, headers, raw = self._exchange(method, target, content, self._take(fresh), stop or threading.Event())
            if status not in MOVED:
                return self._object(status, headers, raw)
            target = self._elsewhere(headers.get("location") or "", target)
        raise UserError(f"{self.to} redirects in a circle; give the address that answers")

    def abort(self) -> None:
        """Cut every connection in use."""
        with self._lock:
            for connection in self._busy:
                _cut(connection)

    def close(self) -> None:
        """Close every connection that is not in use."""
        _close(self._idle)

    def key(self) -> str:
        """The key, from the environment, or nothing."""
        value = os.environ.get(self.key_from, "").strip()
        if not all(33 <= ord(sign) < 127 for sign in value):
            raise UserError(f"the key in {self.key_from} holds blanks or signs that no key has; set it again")
        return value

    def clean(self, text: str) -> str:
        """A server's words without the key."""
        key = self.key()
        return text.replace(key, "…") if len(key) >= SECRET else text

    def _exchange(
        self,
        method: str,
        target: str,
        content: bytes | None,
        connection: http.client.HTTPConnection,
        stop: threading.Event,
    ) -> tuple[int, Any, bytes]:
        """Status, headers and whole body, within the timeout, however slowly they come."""
        late = threading.Event()
        alarm = threading.Timer(self.timeout, lambda: (late.set(), _cut(connection)))
        alarm.daemon = True
        alarm.start()
        try:
            if connection.sock is None:
                connection.connect()
                if late.is_set():
                    raise TimeoutError
            if stop.is_set():  # whoever sets it cuts what is connected afterwards, so nothing is asked in between
                raise Stopped
            connection.request(method, target, content, self._headers(content))
            response = connection.getresponse()
            raw = response.read(BIGGEST + 1)
            if len(raw) > BIGGEST:
                raise Passing(f"an answer of more than {BIGGEST >> 20} MiB")
            if late.is_set():
                raise TimeoutError
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise self._fault(error, late.is_set()) from error
        except BaseException:
            connection.close()
            raise
        finally:
            alarm.cancel()
            with self._lock:
                self._busy.discard(connection)
                self._idle.append(connection)
        self._reached = True
        return response.status, response.headers, raw

    def _headers(self, content: bytes | None) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "butfor"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        if key := self.key():
            headers["Authorization"] = f"Bearer {key}"
        return headers

    def _fault(self, error: Exception, late: bool) -> Exception:
        if isinstance(error, ssl.SSLCertVerificationError):
            return UserError(f"the certificate of {self.to} is not trusted here ({error.verify_message})")
        if late or isinstance(error, TimeoutError):
            return Passing(f"no whole answer in {self.timeout:g} s")
        if isinstance(error, (ConnectionRefusedError, socket.gaierror)) and not self._reached:
            return UserError(f"nothing answers at {self.to} ({error.strerror}); is the address right, the server up?")
        if isinstance(error, http.client.IncompleteRead):
            return Passing("the connection was cut in the middle of an answer")
        return Passing(f"the connection was cut ({str(error).splitlines()[0][:80] if str(error) else 'no reason'})")

    def _object(self, status: int, headers: Any, raw: bytes) -> dict[str, Any]:
        text = self.clean(raw.decode("utf-8", "replace"))
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if 200 <= status < 300:
            if text.lstrip()[:1] == "<":
                raise UserError(f"{self.to} answers with a web page; give the address of the interface, often …/v1")
            if not isinstance(found, dict):
                raise Passing("half an answer: it is no JSON object")
            if found.get("error") and not found.get("choices"):
                raise Passing(f"an error instead of an answer: {_says(found, text)[0]}")
            return found
        says, code = _says(found, text)
        if status == 429 and code in {"insufficient_quota", "billing_hard_limit_reached"}:
            raise Refusal(status, says, code)
        if status in AGAIN:
            wait = self._asked_for(headers.get("retry-after"))
            if wait > PATIENCE:
                says += f" (it asks to wait {wait:.0f} s, longer than is waited here)"
            raise Passing(f"status {status}: {says}", status=status, wait=wait)
        raise Refusal(status, says, code)

    def _asked_for(self, header: str | None) -> float:
        """Seconds, from a number of them or from a date."""
        if not header:
            return 0.0
        try:
            seconds = float(header)
        except ValueError:
            try:
                date = parsedate_to_datetime(header)
            except ValueError:
                return 0.0
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            seconds = date.timestamp() - self.clock.date()
        return seconds if 0 < seconds < float("inf") else 0.0

    def _elsewhere(self, location: str, target: str) -> str:
        there = urlsplit(urljoin(f"{self.to.scheme}://{_authority(self.to)}{target}", location))
        try:
            port = there.port
        except ValueError:
            port = -1
        default = 443 if there.scheme == "https" else 80
        same = (there.scheme, there.hostname, None if port == default else port)
        if not location or same != (self.to.scheme, self.to.host, self.to.port):
            where = f"{there.scheme}://{there.netloc.rpartition('@')[2]}" if location else "nowhere"
            raise UserError(
                f"{self.to} redirects to {self.clean(where)}, which was not asked for and gets no key; "
                "if you trust it, give that address"
            )
        return there.path + (f"?{there.query}" if there.query else "")

    def _take(self, fresh: bool) -> http.client.HTTPConnection:
        with self._lock:
            connection = self._idle.pop() if self._idle else self._new()
            self._busy.add(connection)
        if connection.sock is not None and (fresh or _readable(connection.sock)):  # to be read unasked: its end
            connection.close()
        return connection

    def _new(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self.to.host, self.to.port, timeout=self.timeout, context=self._tls)
        return http.client.HTTPConnection(self.to.host, self.to.port, timeout=self.timeout)

    def _slot(self) -> float:
        """How long the next question has to wait for its turn."""
        with self._lock:
            now = self.clock.now()
            turn = max(now, self._next)
            self._next = turn + self._gap
            return turn - now

    def _hold(self, seconds: float) -> None:
        with self._lock:
            self._next = max(self._next, self.clock.now() + seconds)

    def _pause(self, seconds: float, stop: threading.Event) -> None:
        if seconds > 0 and not stop.is_set():
            self.clock.sleep(seconds, stop)
        if stop.is_set():
            raise Stopped

    def _count(self, again: bool) -> None:
        with self._lock:
            self.requests += 1
            self.again += again


def backoff(question: bytes, number: int) -> float:
    """Seconds before try `number` + 2 of this question, where the server names no other."""
    noise = int.from_bytes(hashlib.blake2b(question + b"/%d" % number, digest_size=4).digest(), "big") / 2**32
    return min(LONGEST, 0.5 * 2**number) * (0.5 + 0.5 * noise)


def _says(found: Any, text: str) -> tuple[str, str]:
    """A server's message and its code, in the forms that servers use."""
    code, message = "", text
    if isinstance(found, dict):
        error: Any = found.get("error") or found.get("detail") or found.get("message") or text
        if isinstance(error, dict):
            code = str(error.get("code") or error.get("type") or "")
            error = error.get("message") or error
        message = str(error)
    line = " ".join(message.split())
    return (line if len(line) <= 300 else line[:297] + "…") or "no reason given", code


def _public(url: str) -> str:
    """What of a broken address may be shown."""
    return url.rpartition("@")[2].partition("?")[0]


def _authority(to: Place) -> str:
    return str(to).partition("://")[2].partition("/")[0]


def _readable(sock: socket.socket) -> bool:
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([sock], [], [], 0)[0])


def _cut(connection: http.client.HTTPConnection) -> None:
    """End a connection that another thread reads from: it finds the end of the stream."""
    try:
        if connection.sock is not None:
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
    except OSError:
        pass  # it is cut already


def _close(connections: list[http.client.HTTPConnection]) -> None:
    while connections:
        connections.pop().close()
