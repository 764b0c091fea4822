"""COPA: which of two alternatives is more plausibly the cause, or the effect, of a premise?

Format    the authors' XML: <item id asks-for="cause|effect" most-plausible-alternative="1|2"><p/><a1/><a2/></item>
Source    Roemmele, Bejan & Gordon 2011; Balanced COPA (Kavumba et al. 2019) has the same format and adds, for every
          question, a mirrored one with the same alternatives and the other answer.
Facts     copa-dev.xml: 500 questions, 250 each way, the answer first in half. balanced-copa-dev-all.xml: 1,000.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines

FILES = {"copa": "datasets/copa-dev.xml", "copa_balanced": "balanced-copa-dev-all.xml"}


@dataclass(frozen=True, slots=True)
class Copa:
    """One question; `gold` is 0 or 1, the place of the right alternative in `choices`."""

    id: str
    asks_for: str
    premise: str
    choices: tuple[str, str]
    gold: int


def copa(path: str | Path | None = None, name: str = "copa") -> list[Copa]:
    """The questions of COPA (or of `copa_balanced`), in the order of the file."""
    file = find(name, FILES[name], path)
    rows: list[Copa] = []
    seen: set[str] = set()
    for line, element in _items(file):
        row = _row(file, line, element)
        if row.id in seen:
            raise MalformedData(file, line, f"the id {row.id!r} stands twice")
        seen.add(row.id)
        rows.append(row)
    if not rows:
        raise MalformedData(file, 1, "no <item> in this file")
    return rows


def _items(file: Path) -> list[tuple[int, ElementTree.Element]]:
    """Every <item> with the line on which it starts; broken XML is MalformedData at the line where it breaks."""
    parser = ElementTree.XMLPullParser(("start", "end"))
    items: list[tuple[int, ElementTree.Element]] = []
    starts: list[int] = []
    text = lines(file)
    try:
        for number, line in enumerate(text, 1):
            parser.feed(line + "\n")
            for event, element in cast("Iterator[tuple[str, ElementTree.Element]]", parser.read_events()):
                if element.tag == "item" and event == "start":
                    starts.append(number)
                elif element.tag == "item":
                    items.append((starts.pop(), element))
        parser.close()
    except ElementTree.ParseError as error:
        raise MalformedData(file, min(error.position[0], len(text)), f"not well-formed XML ({error.msg})") from error
    return items


def _row(file: Path, line: int, element: ElementTree.Element) -> Copa:
    asks_for = element.get("asks-for", "")
    if asks_for not in ("cause", "effect"):
        raise MalformedData(file, line, f"asks-for is {asks_for!r}, not 'cause' or 'effect'")
    gold = element.get("most-plausible-alternative", "")
    if gold not in ("1", "2"):
        raise MalformedData(file, line, f"most-plausible-alternative is {gold!r}, not '1' or '2'")
    texts = [(element.findtext(tag) or "").strip() for tag in ("p", "a1", "a2")]
    for tag, text in zip(("p", "a1", "a2"), texts, strict=True):
        if not text:
            raise MalformedData(file, line, f"<{tag}> is missing or empty")
    if texts[1].split() == texts[2].split():
        raise MalformedData(file, line, "<a1> and <a2> are the same text")
    return Copa(element.get("id", str(line)), asks_for, texts[0], (texts[1], texts[2]), int(gold) - 1)
