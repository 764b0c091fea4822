"""What a server has answered, on disk as soon as it is known: a killed audit asks nothing twice.

Form      JSON lines, only ever appended, one write each: {"key": digest, …}. The key is a digest of the address, the
          model and the request, so one file may hold the answers of many models and audits.
Torn      A process killed in the middle of a write leaves a torn last line: it is left out, and the next line begins
          on a line of its own. Of two lines with one key the first counts.
Limits    Digests and places are held in memory, answers on disk: about 150 bytes an answer. Two processes may append to
          one file; each sees what the other wrote when it opens it.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path
from typing import Any

from butfor.core.errors import disk_errors

Entry = dict[str, Any]


class Memory:
    """Answers by key; without a path, for as long as the process lives. `kept`: the file is there, and only read."""

    def __init__(self, path: Path | None, *, kept: bool = False) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._places: dict[bytes, int] = {}
        self._kept: dict[bytes, Entry] = {}
        if path is not None:
            if not kept:
                with disk_errors(path):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.open("ab").close()
            self._read(path)

    def __len__(self) -> int:
        return len(self._places) + len(self._kept)

    def __contains__(self, key: str) -> bool:
        return bytes.fromhex(key) in self._places or bytes.fromhex(key) in self._kept

    def get(self, key: str) -> Entry | None:
        """What was kept under this key."""
        with self._lock:
            place = self._places.get(bytes.fromhex(key))
            if place is None or self.path is None:
                return self._kept.get(bytes.fromhex(key))
            with self.path.open("rb") as file:
                file.seek(place)
                return json.loads(file.readline())

    def put(self, key: str, entry: Entry) -> None:
        """Keep an answer; it is on disk when this returns. What is known already is not written again."""
        with self._lock:
            name = bytes.fromhex(key)
            if name in self._places or name in self._kept:
                return
            if self.path is None:
                self._kept[name] = entry
                return
            line = json.dumps({"key": key, **entry}).encode() + b"\n"
            with disk_errors(self.path), self.path.open("ab", buffering=0) as file:
                torn = file.tell() > 0 and not _ends_whole(self.path)
                if file.write(b"\n" * torn + line) < len(line) + torn:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self._places[name] = file.tell() - len(line)

    def _read(self, path: Path) -> None:
        place = 0
        with path.open("rb") as file:
            for line in file:
                if (name := _key(line)) is not None:
                    self._places.setdefault(name, place)
                place += len(line)


def _key(line: bytes) -> bytes | None:
    """The key of a whole line."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
        return bytes.fromhex(entry["key"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
