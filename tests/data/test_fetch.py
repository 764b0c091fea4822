"""fetch brings whole, verified files from a server, here one of our own on this machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from butfor.core.errors import MissingData, RunError, UnknownName
from butfor.data import fetch as module
from butfor.data.fetch import SETS, PublicSet, fetch
from butfor.data.find import find

BODIES = {"/me/rows/c0ffee/in/a.txt": b"first\n", "/me/rows/c0ffee/in/b/c.txt": b"second\n"}


class Server:
    """Serves BODIES; `asked` is what was asked for, `broken` what is cut short, `bodies` may be changed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.bodies = dict(BODIES)
        self.broken: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                body = outer.bodies.get(self.path)
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write((body or b"")[: 2 if self.path in outer.broken else None])

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.http.server_address[1]}"


@pytest.fixture
def server(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    files = {p.removeprefix("/me/rows/c0ffee/in/"): hashlib.sha256(b).hexdigest() for p, b in BODIES.items()}
    monkeypatch.setitem(module.SETS, "mine", PublicSet("me/rows", "c0ffee", "in", "CC0", files))
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


def test_files_come_whole_with_a_notice_and_are_found(server: Server, bare: Path) -> None:
    said: list[str] = []
    folder = fetch("mine", progress=said.append, base=server.base)
    assert folder == bare / "cache/data/mine"
    assert find("mine", "b/c.txt").read_bytes() == b"second\n"
    assert "me/rows at c0ffee" in (folder / "NOTICE.txt").read_text() and "CC0" in (folder / "NOTICE.txt").read_text()
    assert any("downloading a.txt" in line for line in said) and "ready" in said[-1]
    assert not list(folder.rglob(".part-*"))


def test_a_second_fetch_asks_for_nothing(server: Server) -> None:
    fetch("mine", progress=lambda _: None, base=server.base)
    asked = len(server.asked)
    fetch("mine", progress=lambda _: None, base=server.base)
    assert len(server.asked) == asked


def test_a_broken_fetch_leaves_no_half_file_and_goes_on_where_it_stopped(server: Server, bare: Path) -> None:
    server.broken.add("/me/rows/c0ffee/in/b/c.txt")
    with pytest.raises(MissingData):
        fetch("mine", progress=lambda _: None, base=server.base)
    folder = bare / "cache/data/mine"
    assert [p.name for p in folder.rglob("*") if p.is_file()] == ["a.txt"]
    server.broken.clear()
    server.asked.clear()
    fetch("mine", progress=lambda _: None, base=server.base)
    assert server.asked == ["/me/rows/c0ffee/in/b/c.txt"]


def test_a_damaged_file_in_the_cache_is_fetched_again(server: Server) -> None:
    folder = fetch("mine", progress=lambda _: None, base=server.base)
    (folder / "a.txt").write_bytes(b"someone else's\n")
    fetch("mine", progress=lambda _: None, base=server.base)
    assert (folder / "a.txt").read_bytes() == b"first\n"


def test_another_content_is_refused_with_both_digests(server: Server) -> None:
    server.bodies["/me/rows/c0ffee/in/a.txt"] = b"changed\n"
    with pytest.raises(MissingData, match="has the SHA-256") as caught:
        fetch("mine", progress=lambda _: None, base=server.base)
    assert hashlib.sha256(b"first\n").hexdigest() in str(caught.value)


def test_without_a_server_the_message_says_what_to_take_and_where_to_put_it(server: Server, bare: Path) -> None:
    server.bodies.clear()
    with pytest.raises(MissingData) as caught:
        fetch("mine", progress=lambda _: None, base=server.base)
    message = str(caught.value)
    for part in (
        "404",
        "github.com/me/rows",
        "c0ffee",
        "the folder in",
        "a.txt, b/c.txt",
        str(bare / "cache/data/mine"),
    ):
        assert part in message
    assert len(message.splitlines()) <= 5


def test_a_port_that_nobody_listens_on_is_the_same_message(server: Server) -> None:
    with pytest.raises(MissingData, match="could not be downloaded"):
        fetch("mine", progress=lambda _: None, base="http://127.0.0.1:1")


def test_a_cache_that_is_a_file_is_one_line(server: Server, bare: Path) -> None:
    (bare / "cache").write_text("")
    with pytest.raises(RunError, match="BUTFOR_CACHE"):
        fetch("mine", progress=lambda _: None, base=server.base)


def test_an_unknown_set_gets_a_suggestion(bare: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'winobias'"):
        fetch("winobia")


def test_every_set_is_pinned() -> None:
    for source in SETS.values():
        assert len(source.commit) == 40 and source.licence and list(source)
        assert all(len(digest) == 64 for digest in source.files.values())


@pytest.mark.parametrize("name", sorted(SETS))
def test_the_pins_are_those_of_the_authors_files(name: str, public) -> None:
    public(name)
    for file, digest in SETS[name].files.items():
        assert hashlib.sha256(find(name, file).read_bytes()).hexdigest() == digest
