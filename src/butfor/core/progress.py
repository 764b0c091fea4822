"""Progress on stderr: bars with rate and time left on a terminal, plain lines without one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    """Tell how far a task is; `note` is a short text beside the bar, `total` corrects what was expected."""

    def __call__(self, done: int, note: str = "", total: int | None = None) -> None: ...


def _silent(done: int, note: str = "", total: int | None = None) -> None:
    del done, note, total


class Progress:
    """Shows tasks one after the other."""

    def __init__(self, *, quiet: bool = False, every: float = 10.0) -> None:
        self.quiet = quiet
        self.every = every
        self.terminal = bool(sys.stderr and sys.stderr.isatty() and os.environ.get("TERM") != "dumb")

    def say(self, text: str) -> None:
        """One line for the person who waits."""
        if not self.quiet and sys.stderr:
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def task(self, name: str, total: int) -> Generator[Advance]:
        """A task of `total` parts; yields the function that is told how many are done."""
        if self.quiet or total == 0:
            yield _silent
        elif self.terminal:
            with self._bar(name, total) as advance:
                yield advance
        else:
            yield self._lines(name, total)

    @contextmanager
    def _bar(self, name: str, total: int) -> Generator[Advance]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = ("{task.description}", BarColumn(bar_width=20), MofNCompleteColumn(), "{task.fields[rate]}")
        left = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), "{task.fields[note]}")
        with Bars(*columns, *left, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(name, total=total, rate="", note="")
            start = time.monotonic()

            def advance(done: int, note: str = "", total: int | None = None) -> None:
                rate = done / max(time.monotonic() - start, 1e-9)
                bars.update(task, completed=done, rate=f"{rate:.1f}/s", note=note, total=total)

            yield advance

    def _lines(self, name: str, total: int) -> Advance:
        start = last = time.monotonic()
        known = total

        def advance(done: int, note: str = "", total: int | None = None) -> None:
            nonlocal last
            now, total = time.monotonic(), total or known
            if done < total and now - last < self.every:
                return
            last = now
            rate = done / max(now - start, 1e-9)
            left = f", {(total - done) / rate:.0f} s left" if 0 < done < total else ""
            self.say(f"{name}: {done}/{total}, {rate:.1f}/s{left}{note and '  ' + note}")

        return advance
