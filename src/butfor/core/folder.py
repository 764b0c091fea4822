"""The run folder is the database: plain files, written atomically, one writer at a time, manifest last.

A file is either whole or absent: it is written beside its place, flushed to disk and renamed. `manifest.json` is
written when everything else is there; that it exists means that the run is whole.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from butfor.core.errors import RunBusy, disk_errors
from butfor.core.journal import Journal
from butfor.core.keys import code_version, environment, file_digest
from butfor.core.progress import Progress

PARTS = ("experiment", "diff", "effects", "levels", "overhead", "checks", "groups", "suites")
SEALED = {*(f"{name}.json" for name in PARTS), "report.html"}  # beside the arms' folders; other files are the user's


def finite(value: Any) -> Any:
    """The value with NaN and infinities turned to null: JSON has no word for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def write_bytes(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a file, in one piece or piece by piece, so that it is whole or not there, even if the power goes."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with beside.open("wb") as file:
                for piece in [data] if isinstance(data, bytes) else data:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically; what is not finite becomes null."""
    write_bytes(path, (json.dumps(finite(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSON lines, atomically. Floats keep every bit."""
    write_bytes(path, b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON-lines file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _lock(file: IO[str], *, shared: bool = False) -> bool:
    """Take the lock if nobody holds it; a shared one only asks whether a writer does."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
        else:
            import fcntl

            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class RunFolder:
    """One run on disk, held by one process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def whole(self) -> bool:
        """The manifest is there: nothing is left to do."""
        return (self.path / "manifest.json").is_file()

    def damaged(self) -> str:
        """A file that is not what the manifest says, or ""; models are too large to read, pages can be redrawn."""
        if not self.whole:
            return ""
        try:
            files: dict[str, str] = json.loads((self.path / "manifest.json").read_bytes())["files"]
            drawn = ("report.html", "figures/")  # a newer butfor may draw them otherwise from the same numbers
            names = [name for name in files if "/model/" not in name and not name.startswith(drawn)]
            return next((name for name in names if not self.intact(name, files)), "")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return str(getattr(error, "filename", None) or self.path / "manifest.json")

    def intact(self, name: str, files: Mapping[str, str] | None = None) -> bool:
        """Whether a file is there and is what the manifest says."""
        if files is None:
            files = cast(dict[str, str], json.loads((self.path / "manifest.json").read_bytes())["files"])
        return (self.path / name).is_file() and file_digest(self.path / name) == files.get(name)

    @property
    def made_elsewhere(self) -> bool:
        """Other code or packages finished this run; an unreadable manifest says nothing of the kind."""
        try:
            made: dict[str, Any] = json.loads((self.path / "manifest.json").read_bytes())
            return (made["code"], made["environment"]) != (code_version(), environment())
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def finished(self, progress: Progress) -> bool:
        """Whether it is whole and as its manifest says; what others finished is so too, and is named."""
        if not self.whole or self.damaged():
            return False
        if self.made_elsewhere:
            progress.say(f"note: {self.path} was finished by other code or packages; remove it to run it anew")
        return True

    @property
    def held(self) -> bool:
        """A living process is writing here."""
        if not (self.path / ".lock").is_file():
            return False
        with (self.path / ".lock").open("a+", encoding="utf-8") as lock:
            return not _lock(lock, shared=True)

    @contextmanager
    def hold(self) -> Generator[Journal]:
        """Take the folder for writing; a second process gets `RunBusy`. The lock dies with its process."""
        with disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("a+", encoding="utf-8")
        try:
            if not any(_lock(lock) or time.sleep(0.05) for _ in range(20)):  # one who only looks holds it for a moment
                lock.seek(0)
                raise RunBusy(
                    f"{self.path} is being written by process {lock.read().strip() or 'unknown'}; wait for it or end it"
                )
            with disk_errors(self.path):
                lock.truncate(0)
                lock.write(str(os.getpid()))
                lock.flush()
            for stale in self.path.rglob(".*.part"):
                shutil.rmtree(stale) if stale.is_dir() else stale.unlink(missing_ok=True)
            with disk_errors(self.path / "journal.jsonl"):
                journal = Journal(self.path / "journal.jsonl")
            try:
                yield journal
            finally:
                journal.close()
        finally:
            lock.close()

    def step(self, key: str) -> Path:
        """Where the result of a finished step stands until the run is whole."""
        return self.path / "steps" / f"{key}.jsonl"

    def seal(self, **facts: Any) -> None:
        """Write the manifest: every file with its sha256, then the facts."""
        files = {
            path.relative_to(self.path): path
            for path in sorted(self.path.rglob("*"))
            if path.is_file() and not path.is_symlink() and (path.parent != self.path or path.name in SEALED)
        }
        hashes = {inside.as_posix(): file_digest(path) for inside, path in files.items() if inside.parts[0] != "steps"}
        write_json(self.path / "manifest.json", {"files": hashes, **facts})
