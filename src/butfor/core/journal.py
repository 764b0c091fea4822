"""The journal: one JSON object a line, only ever appended, on disk before the next step starts.

A process that is killed while it writes leaves at most one torn last line; opening the journal again cuts it off.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from butfor.core.errors import disk_errors


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole entry, oldest first; a torn last line is left out."""
    if not path.is_file():
        return
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            entry: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "event" in entry and "t" in entry:
            yield entry  # pyright: ignore[reportUnknownVariableType]


class Journal:
    """Appends events to a file; each call returns when the line is on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_file():
            whole = path.read_bytes().rfind(b"\n") + 1
            if whole < path.stat().st_size:
                os.truncate(path, whole)
        self._file = path.open("ab", buffering=0)

    def write(self, event: str, **fields: Any) -> None:
        """Append one event with the time and its fields."""
        line = json.dumps({"t": round(time.time(), 3), "event": event, **fields}, ensure_ascii=False, default=str)
        with disk_errors(self.path):
            whole = line.encode() + b"\n"
            if self._file.write(whole) < len(whole):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
