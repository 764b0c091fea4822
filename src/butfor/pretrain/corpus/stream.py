"""A counterfactual corpus of any size: read in pieces, edited by several processes, resumed after a kill.

Forms     .txt (passages separated by blank lines) and .jsonl (one object a line with "text"), also .gz. What is not
          edited keeps every byte. In `add` the counterfactual of a passage or row follows it, where it differs.
Pieces    IN is cut at fixed places, about BLOCK bytes apart: after a blank line (.txt) or a line (.jsonl); a text
          without these is cut at a line, else at a blank. A piece and the settings decide its output, so neither the
          number of processes nor an interruption shows in OUT.
Resume    Finished pieces are appended to a file beside OUT, each followed by an entry of a journal that is on disk
          before the next. The same command goes on behind the last entry; another command begins anew. OUT appears at
          the end, whole; the page of edits before it.
half      A coin for each passage, from its own text and the seed: the same text falls on the same side everywhere.
Sample    Of every kind of edit those whose text hashes smallest.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Any, cast

from butfor.core.errors import MissingData, RunError, UserError
from butfor.core.folder import RunFolder, write_bytes
from butfor.core.journal import Journal, entries
from butfor.core.keys import code_version, digest
from butfor.pretrain.corpus.page import page
from butfor.pretrain.corpus.piece import Counts, Done, Piece, Plan, worked
from butfor.pretrain.corpus.substitute import Mode
from butfor.pretrain.corpus.variables import FILES, editor, reads
from butfor.pretrain.corpus.words import Words

BLOCK = 1 << 22
LONGEST = 16 * BLOCK  # of a line of .jsonl
FORMS = (".txt", ".jsonl")
BLANK = (b"\n\n", b"\n \n", b"\r\n\r\n")

Progress = Callable[[int], None]  # bytes of IN that are read, as they lie on the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """What to make of which file."""

    source: Path
    out: Path
    variable: str = "gender"
    side: str = "both"
    mode: Mode = "replace"
    seed: int = 0
    jobs: int = 1
    sample: int = 40

    @property
    def page(self) -> Path:
        return self.out.with_name(self.out.name + ".edits.html")

    @property
    def plan(self) -> Plan:
        form, zipped = form_of(self.source)[0], form_of(self.out)[1]
        return Plan(self.variable, self.side, self.mode, self.seed, self.sample, form, zipped)


@dataclass(slots=True)
class Made:
    """What a corpus came to."""

    bytes: int = 0
    lines: int = 0
    wrote: int = 0
    counts: Counts = field(default_factory=Counts)
    unseen: list[str] = field(default_factory=list)  # words of the user's map that never came

    def add(self, entry: dict[str, Any]) -> None:
        """Take up an entry of the journal."""
        self.bytes, self.lines, self.wrote = entry["bytes"], entry["lines"], entry["wrote"]
        self.counts.add(Counts.of(entry["counts"]))


def form_of(path: Path) -> tuple[str, bool]:
    """The form of a file by its name, and whether it is compressed."""
    zipped = path.suffix == ".gz"
    form = Path(path.stem).suffix if zipped else path.suffix
    if form not in FORMS:
        raise UserError(f"{path} is neither {' nor '.join(FORMS)} (nor one of these with .gz); name it by its form")
    return form, zipped


def make(corpus: Corpus, progress: Progress | None = None) -> Made:
    """Write OUT and its page of edits, or go on with them."""
    _checked(corpus)
    edit = editor(corpus.variable, corpus.side, corpus.seed)
    folder = corpus.out.with_name(f".{corpus.out.name}.parts")
    with _written(corpus.out):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "text").touch()
    with RunFolder(folder).hold() as journal:
        made = _resumed(corpus, folder, journal)
        try:
            _pieces(corpus, made, folder / "text", journal, progress)
        except UserError:  # what is mended is another file or another map: there is nothing to go on with
            shutil.rmtree(folder, ignore_errors=True)
            raise
        problem = _nothing(corpus, made)
        if not problem:
            made.unseen = _unseen(corpus, edit, made.counts)
            with _written(corpus.out):
                write_bytes(corpus.page, page(corpus, made).encode())
                (folder / "text").replace(corpus.out)
    shutil.rmtree(folder)
    if problem:
        raise UserError(problem)
    return made


def _checked(corpus: Corpus) -> None:
    if not corpus.source.is_file():
        what = "is a folder; give a file in it" if corpus.source.is_dir() else "does not exist"
        raise MissingData(f"the corpus {corpus.source} {what}")
    if form_of(corpus.source)[0] != form_of(corpus.out)[0]:
        raise UserError(f"{corpus.source} and {corpus.out} should have the same form, .txt or .jsonl; rename OUT")
    for path in (corpus.out, corpus.page):
        if path.exists() and (path == corpus.out or corpus.out.exists()):
            raise UserError(f"{path} exists; remove it, or give OUT another name")


@contextmanager
def _written(out: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        why = (error.strerror or "refused").lower()
        raise UserError(f"{out} cannot be written ({why}); choose another place for OUT") from error


def _key(corpus: Corpus) -> str:
    """Names all that decides OUT."""
    facts = corpus.source.stat()
    with corpus.source.open("rb") as file:
        head = file.read(1 << 16)
    return digest(
        list(corpus.plan),
        reads(corpus.variable),
        str(corpus.source.resolve()),
        facts.st_size,
        facts.st_mtime_ns,
        head.hex(),
        code_version(),
    )


def _resumed(corpus: Corpus, folder: Path, journal: Journal) -> Made:
    """What the journal says is done; the file of finished pieces is cut to it. Nothing, where it is another's."""
    found, key, made = list(entries(journal.path)), _key(corpus), Made()
    if found and found[0].get("key") == key:
        for entry in found[1:]:
            made.add(entry)
        if (folder / "text").stat().st_size < made.wrote:
            raise RunError(f"{folder} is damaged: pieces of the text are gone; remove it and run the command again")
    else:
        os.truncate(journal.path, 0)
        journal.write("begin", key=key)
    os.truncate(folder / "text", made.wrote)
    return made


def _pieces(corpus: Corpus, made: Made, text: Path, journal: Journal, progress: Progress | None) -> None:
    """Work on every piece that is left, in order."""
    plan = corpus.plan
    with _opened(corpus.source) as (source, at), text.open("ab") as out:
        source.seek(made.bytes)
        for done in _mapped(plan, _cut(source, plan.form, made, corpus.source), corpus):
            with _full(corpus.out):
                out.write(done.data)
                out.flush()
                os.fsync(out.fileno())
            fresh = made.counts.without_known(done.counts, corpus.sample)
            entry = {"bytes": done.stop, "lines": done.lines, "wrote": made.wrote + len(done.data)}
            journal.write("piece", **entry, counts=fresh.plain())
            made.add({**entry, "counts": fresh.plain()})
            if progress is not None:
                progress(at())


@contextmanager
def _full(out: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        why = (error.strerror or "refused").lower()
        raise RunError(f"{out} could not be written on ({why}); mend that and run the same command again") from error


@contextmanager
def _opened(path: Path) -> Generator[tuple[IO[bytes], Callable[[], int]]]:
    """The file's bytes, and how far it is read on the disk."""
    with path.open("rb") as raw:
        if form_of(path)[1]:
            with gzip.open(raw) as unzipped:
                yield cast("IO[bytes]", unzipped), raw.tell
        else:
            yield raw, raw.tell


def _cut(source: IO[bytes], form: str, made: Made, path: Path) -> Iterator[Piece]:
    """The pieces of a file from here on."""
    start, line, data, ended = made.bytes, made.lines, b"", False
    while True:
        size = BLOCK
        while True:
            if not ended and len(data) < size:
                more = _read(source, size - len(data), path)
                ended, data = not more, data + more
                continue
            stop = len(data) if ended and len(data) <= size else _place(data[:size], form, last=size >= LONGEST)
            if stop or not data:
                break
            if form == ".jsonl" and size >= LONGEST:
                raise UserError(f"{path}, line {line + 1}: a line of over {LONGEST >> 20} MB; is this .jsonl?")
            size *= 2
        if not data:
            return
        piece, data = data[:stop], data[stop:]
        yield Piece(str(path), start, line, piece)
        start, line = start + len(piece), line + piece.count(b"\n")


def _read(source: IO[bytes], size: int, path: Path) -> bytes:
    try:
        return source.read(size)
    except (EOFError, gzip.BadGzipFile, ValueError, zlib.error) as error:
        raise UserError(f"{path} is no whole .gz file ({error}); bring it here again") from error


def _place(data: bytes, form: str, *, last: bool) -> int:
    """Where to cut: behind the last blank line or line; 0 where there is none yet."""
    if form == ".jsonl":
        return data.rfind(b"\n") + 1
    found = max((at + len(blank) for blank in BLANK if (at := data.rfind(blank)) >= 0), default=0)
    if found or not last:
        return found
    for end in (b"\n", b". ", b" "):
        if (at := data.rfind(end)) >= 0:
            return at + len(end)
    return len(re.sub(rb"[\xc0-\xff][\x80-\xbf]*\Z", b"", data)) or len(data)


def _mapped(plan: Plan, pieces: Iterator[Piece], corpus: Corpus) -> Iterator[Done]:
    """The work on each piece, in order, a few ahead; in this process where there is but one."""
    if corpus.jobs == 1:
        yield from (worked(plan, piece) for piece in pieces)
        return
    waiting: deque[Future[Done | str]] = deque()
    pool = ProcessPoolExecutor(corpus.jobs, mp_context=get_context("spawn"), initializer=_no_orphan)
    try:
        for piece in pieces:
            waiting.append(pool.submit(_apart, plan, piece))
            if len(waiting) > 2 * corpus.jobs:
                yield _done(waiting.popleft())
        while waiting:
            yield _done(waiting.popleft())
    except BrokenProcessPool as error:
        raise RunError("a process died, perhaps for want of memory; the same command goes on, with --jobs 1") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _no_orphan() -> None:
    """End this process soon after the one that started it, however that one ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _apart(plan: Plan, piece: Piece) -> Done | str:
    """The work in another process. A mistake of the user's comes back as a text: not every error survives the way."""
    try:
        return worked(plan, piece)
    except UserError as error:
        return str(error)


def _done(future: Future[Done | str]) -> Done:
    found = future.result()
    if isinstance(found, str):
        raise UserError(found)
    return found


def _nothing(corpus: Corpus, made: Made) -> str:
    """What is wrong with a corpus in which nothing happened."""
    if not made.counts.rows:
        return f"the corpus {corpus.source} is empty: it holds no text"
    if not made.counts.edits:
        return (
            f"no word of {corpus.variable} that would change occurs in {corpus.source}; nothing is written. "
            "Look at --variable and --side"
        )
    return ""


def _unseen(corpus: Corpus, edit: object, counts: Counts) -> list[str]:
    """Words of the user's own map that were never exchanged."""
    if not isinstance(edit, Words) or Path(corpus.variable).suffix not in FILES:
        return []
    seen = Counter(old for _, old, _ in counts.pairs)
    words = [word for value in edit.partner for word in edit.table[value].values()]
    return sorted(word for word in words if not seen[word.lower()])
