"""Text that fits the terminal: as wide as COLUMNS or the terminal says, and as it is where it goes into a pipe.

A line of a docstring is "Label     text"; what does not fit goes on under the text. Lines that their author wrapped at
120 columns are put together again first, so that no line ends early.
"""

from __future__ import annotations

import re
import shutil
import textwrap

PIPED = 110  # columns of a list that goes into a pipe
AS_IT_IS = 10_000  # of a text that goes into a pipe
NARROW = 20  # fewer columns hold no text
FULL = 110  # columns from which on the next word did not fit where a line was wrapped at 120
COLUMN = re.compile(r" *(?:[-*] |\S(?:\S| (?! ))* {2,})?")  # what a text hangs under: its indentation, its label


def columns(piped: int) -> int:
    """The width of the terminal; COLUMNS where it is set, `piped` where there is neither."""
    return max(NARROW, shutil.get_terminal_size((piped, 24)).columns)


def shortened(text: str, width: int) -> str:
    """The text, cut behind a word."""
    return textwrap.shorten(text, width, placeholder=" …")


def wrapped(text: str, width: int | None = None) -> str:
    """The text within `width` columns (of the terminal), what is too long going on under its own column."""
    width = width or columns(AS_IT_IS)
    lines = text.splitlines()
    if max(map(len, lines), default=0) <= width:
        return text
    return "\n".join(part for line, hang in _joined(lines) for part in _folded(line, hang, width))


def _joined(lines: list[str]) -> list[tuple[str, int]]:
    """The lines as they were before they were wrapped, each with the column that it hangs under."""
    found: list[tuple[str, int]] = []
    last = ""  # the line above, as it stands
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        word = line.split(maxsplit=1)[0] if line.strip() else ""
        if found and word and len(last) + 1 + len(word) > FULL and _indent(line) == found[-1][1]:
            found[-1] = f"{found[-1][0].rstrip()} {line.strip()}", found[-1][1]
        else:
            found.append((line, _hang(line, _indent(below))))
        last = line
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _hang(line: str, below: int) -> int:
    """The column that a line's text begins in: behind its label, or where the line below says that a label ends."""
    if _indent(line) < below < len(line) and line[below - 1] == " " != line[below]:
        return below
    place = COLUMN.match(line)
    return place.end() if place and line.strip() else 0


def _folded(line: str, hang: int, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    hang = hang if hang <= width // 2 else 4
    head, rest = line[:hang], line[hang:]
    folded = textwrap.wrap(rest, width - hang, break_long_words=False, break_on_hyphens=False)
    return [head + folded[0], *(" " * hang + part for part in folded[1:])] if folded else [line]
