"""Every error that butfor raises on purpose, on one page.

ButforError                     exit 1: failed while running; the same command resumes
├── UserError                   exit 2: the user's input is wrong; the message names the fix
│   ├── SpecError               one or more mistakes in an experiment, all of them at once
│   ├── UnknownName             a name nobody registered, with the nearest ones
│   ├── UnknownSite             an address that the model does not have, with the nearest ones
│   ├── MissingExtra            an optional part is not installed, with the exact pip command
│   ├── MissingData             a model or a data set is not on this machine, with the command that brings it
│   ├── MalformedData           a row that cannot be read: file, line, reason
│   ├── DataError               columns that no estimate survives: missing values, strings in numbers, constants
│   ├── GraphError              a graph that cannot be: a cycle, a variable twice, an unreadable line
│   ├── QueryError              a causal question that cannot be read, or that contradicts itself
│   ├── Impossible              evidence that the model gives probability zero
│   ├── Abstained               an estimator declines: no overlap, a weak instrument; the message says what would help
│   ├── NotIdentified           the graph does not answer the question from such data; `hedge` is the reason
│   └── UndeclaredDifference    two arms differ where the experiment does not say so
├── RunError                    the run could not go on (disk full, folder not writable, weights diverged)
│   └── RunBusy                 another process is writing to this run folder
└── Untrusted                   exit 3: the run is done, but a check says that its result must not be trusted

`butfor.stats` stands alone: it raises `ValueError` where numbers cannot answer the question that was asked.
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


class ButforError(Exception):
    """Root of the tree."""

    exit_code: ClassVar[int] = 1


class UserError(ButforError):
    """The input is wrong, and the message says how to mend it."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in an experiment: where it stands, what is wrong, what to write instead."""

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


class SpecError(UserError):
    """All mistakes of an experiment at once."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class UnknownName(UserError):
    """A name that nobody registered."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        super().__init__(f"unknown {kind} {name!r}{did_you_mean(name, known)}{hint and f'; {hint}'}")


class UnknownSite(UserError):
    """An address that the model does not have."""


class MissingExtra(UserError):
    """An optional part of butfor is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'butfor[{extra}]'")


class MissingData(UserError):
    """A model or a data set is not on this machine."""


class MalformedData(UserError):
    """A row that cannot be read."""

    def __init__(self, path: Path | str, line: int, reason: str) -> None:
        super().__init__(f"{path}, line {line}: {reason}")


class DataError(UserError):
    """Columns that no estimate survives."""


class GraphError(UserError):
    """A graph that cannot be."""


class QueryError(UserError):
    """A causal question that cannot be read, or that contradicts itself."""


class Impossible(UserError):
    """Evidence that the model gives probability zero: nothing follows from it."""


class Abstained(UserError):
    """An estimator declines to answer: these data cannot carry the estimate."""


class NotIdentified(UserError):
    """The graph does not answer the question from such data, however many."""

    def __init__(self, message: str, hedge: tuple[frozenset[str], frozenset[str]] | None = None) -> None:
        self.hedge = hedge
        super().__init__(message)


class UndeclaredDifference(UserError):
    """Two arms differ where the experiment does not say so."""


class RunError(ButforError):
    """The run could not go on."""


class RunBusy(RunError):
    """Another process is writing to this run folder."""


class Untrusted(ButforError):
    """The run is done, but a check says that its result must not be trusted."""

    exit_code: ClassVar[int] = 3


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the nearest known name, or a list of them all where none is near."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
    if near:
        return "; did you mean " + " or ".join(repr(word) for word in near) + "?"
    return "; known: " + ", ".join(names) if 0 < len(names) <= 24 else ""


def no_file(path: Path) -> str:
    """What stands where a file should: `is a folder`, `is no regular file`, or `does not exist`."""
    if path.is_dir():
        return "is a folder"
    return "is no regular file" if path.exists() else "does not exist"


def refused(error: OSError) -> UserError | None:
    """A path of the user's that the operating system does not let us use, as one line that names the fix."""
    if not isinstance(error.filename, str | bytes):
        return None
    path = Path(os.fsdecode(error.filename))
    if isinstance(error, PermissionError):
        place = path if os.access(path, os.F_OK) else path.parent
        if os.access(place, os.R_OK) and not os.access(place, os.W_OK):
            return UserError(f"{path} cannot be written: permission denied; name another place, or chmod u+w it")
        fix = "chmod u+r it (and u+rx its folder), or give another"
        return UserError(f"{path} cannot be read: permission denied; {fix}")
    if isinstance(error, IsADirectoryError):
        return UserError(f"{path} is a folder; give a file")
    if isinstance(error, NotADirectoryError):
        return UserError(f"{path} cannot be: a file stands where the path needs a folder; give another path")
    return None


@contextmanager
def disk_errors(path: Path) -> Generator[None]:
    """Turn the operating system's refusals into one line that says what to do."""
    try:
        yield
    except OSError as error:
        if error.filename and not Path(error.filename).is_relative_to(path.parent):
            raise  # somebody else's file
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise RunError(f"the disk is full at {path}; free some space and run the same command again") from error
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise UserError(f"{path} cannot be written; choose another place with --out DIR") from error
        if error.errno in {errno.ENOTDIR, errno.EEXIST}:
            wanted = Path(error.filename or path)
            there = (one for one in (wanted, *wanted.parents) if one.is_symlink() or one.exists())
            raise UserError(f"{next(there, path)} is not a folder; choose another place with --out DIR") from error
        if error.errno in {errno.EISDIR, errno.ENOENT, errno.ENAMETOOLONG, errno.EROFS}:
            why = (error.strerror or "refused").lower()
            raise UserError(f"{path} cannot be written ({why}); choose another place with --out DIR") from error
        raise
