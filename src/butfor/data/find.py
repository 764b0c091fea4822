"""Where is a public data set on this machine? One order for all of them, and no network.

Order     1 the path that the user gives (the file itself, or a folder that holds it)
          2 $BUTFOR_DATA/<set>/<file>
          3 <cache>/data/<set>/<file>, where `butfor fetch <set>` puts it; <cache> = $BUTFOR_CACHE or the platform's
          4 the local Hugging Face cache: datasets--*<set>*/snapshots/*/**/<file name>, the newest snapshot
          else MissingData, with the command that brings it.
Limits    A path that the user gives is never replaced by another place: where the file is not there, that is the error.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

from butfor.core.errors import MalformedData, MissingData
from butfor.lm.load import cache

HALF = re.compile(r"\\u[dD][89abAB]\w\w(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]\w\w)\\u[dD][c-fC-F]\w\w")
_watch: ContextVar[set[Path] | None] = ContextVar("files that were read", default=None)


@contextmanager
def watched() -> Generator[set[Path]]:
    """The data files that are looked up or read while this is open: what a result rests on, wherever it was found."""
    files: set[Path] = set()
    token = _watch.set(files)
    try:
        yield files
    finally:
        _watch.reset(token)


def saw(file: Path) -> Path:
    """Tell whoever watches that this file counts; `find` and `lines` do so themselves."""
    if (files := _watch.get()) is not None:
        files.add(file)
    return file


def fetched(name: str) -> Path:
    """The folder where `butfor fetch` puts the files of a set."""
    return cache() / "data" / name


def find(name: str, file: str, path: str | Path | None = None, unfetched: str = "") -> Path:
    """The file `file` of the set `name` on this machine, or MissingData naming the command that brings it.

    `unfetched`: of a set that no command brings, how the message goes on instead: why, and what the user can do.
    """
    if path is not None:
        return saw(_given(name, file, Path(path).expanduser()))
    root = os.environ.get("BUTFOR_DATA")
    places = [Path(root).expanduser() / name / file] if root else []
    places.append(fetched(name) / file)
    for place in places:
        if place.is_file():
            return saw(place)
    if cached := _hugging_face(name, Path(file).name):
        return saw(cached)
    if unfetched:
        raise MissingData(f"the data set {name!r} is not on this machine{unfetched}")
    looked = ", ".join(str(place) for place in places)
    raise MissingData(
        f"the data set {name!r} is not on this machine (no {looked}, nor in the Hugging Face cache)\n"
        f"run: butfor fetch {name}   (or set BUTFOR_DATA to a folder that holds {name}/{file})"
    )


def _given(name: str, file: str, path: Path) -> Path:
    if path.is_file():
        return path
    for inside in (path / file, path / name / file, path / Path(file).name):
        if inside.is_file():
            return inside
    if path.is_dir():
        raise MissingData(f"the folder {path} does not hold {file} of the data set {name!r}")
    raise MissingData(f"{path} does not exist; leave the path out to use the installed {name!r} (butfor fetch {name})")


def _hugging_face(name: str, file: str) -> Path | None:
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    hub = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    plain = _plain(name)
    repos = sorted(repo for repo in hub.glob("datasets--*") if plain in _plain(repo.name)) if hub.is_dir() else []
    found = [hit for repo in repos for hit in sorted(repo.glob(f"snapshots/*/**/{file}")) if hit.is_file()]
    return max(found, key=lambda hit: hit.stat().st_mtime, default=None)


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def lines(file: Path) -> list[str]:
    """The lines of a UTF-8 file, without their ends; another encoding is MalformedData."""
    raw = saw(file).read_bytes()
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedData(
            file, raw.count(b"\n", 0, error.start) + 1, f"not UTF-8 ({error.reason}): save the file as UTF-8"
        ) from error


def parsed(file: Path, text: str, line: int = 1) -> Any:
    """What the JSON in `text` says, which begins at `line` of the file; MalformedData where it says nothing."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        at = f"{error.msg.removesuffix(' at')} at column {error.colno}"
        raise MalformedData(file, line + error.lineno - 1, f"not JSON ({at}): mend it there") from error
    except (ValueError, RecursionError) as error:
        raise MalformedData(file, line, f"JSON that cannot be read ({error})") from error
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        place = HALF.search(text)
        line += text.count("\n", 0, place.start()) if place else 0
        raise MalformedData(
            file, line, f"half a character ({place[0] if place else error}): write both halves"
        ) from error
    return value


def objects(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file of JSON lines, each with its line; empty lines hold none, and a file must hold one."""
    found = False
    for line, text in enumerate(lines(file), 1):
        if text.strip():
            row = parsed(file, text, line)
            if not isinstance(row, dict):
                raise MalformedData(file, line, "not a JSON object")
            found = True
            yield line, cast("dict[str, Any]", row)
    if not found:
        raise MalformedData(file, 1, "no row in this file: write one JSON object a line")


def listed(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """The objects of a JSON list, each with the line on which it begins."""
    text = "\n".join(lines(file))
    rows = parsed(file, text)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in cast("list[Any]", rows)):
        raise MalformedData(file, 1, "not a list of JSON objects")
    decoder, place, line, found = json.JSONDecoder(), text.index("[") + 1, 1, list[tuple[int, dict[str, Any]]]()
    seen = 0
    for _ in cast("list[Any]", rows):
        place = text.index("{", place)
        line += text.count("\n", seen, place)
        row, end = decoder.raw_decode(text, place)
        found.append((line, row))
        seen, place = place, end
    return found
