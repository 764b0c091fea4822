"""WikiText-2: Wikipedia articles as plain text, tokens separated by blanks, rare words as <unk>.

Format    one line a paragraph; a heading is " = Title = " (an article), " = = Section = = " and so on.
Source    Merity et al. 2016; the validation split as PyTorch's examples distribute it (valid.txt).
Facts     60 articles; titles repeat, since rare words in them are <unk> too.
Limits    The blanks around punctuation and the split marks " @-@ " stay as they are: they cost every arm the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines

FILE = "valid.txt"
TITLE = re.compile(r"= (?!= )(.+) =")


@dataclass(frozen=True, slots=True)
class Article:
    """An article: its title and its paragraphs, without section headings."""

    title: str
    paragraphs: tuple[str, ...]


def wikitext2(path: str | Path | None = None) -> list[Article]:
    """The articles of the validation text, in the order of the file."""
    file = find("wikitext2", FILE, path)
    found: list[tuple[str, list[str]]] = []
    for number, line in enumerate(lines(file), 1):
        text = line.strip()
        if title := TITLE.fullmatch(text):
            found.append((title.group(1), []))
        elif text and not (text.startswith("= =") and text.endswith("= =")):
            if not found:
                raise MalformedData(file, number, "text before the first title; an article starts with ' = Title = '")
            found[-1][1].append(text)
    if not found:
        raise MalformedData(file, 1, "no article in this file; an article starts with ' = Title = '")
    return [Article(title, tuple(paragraphs)) for title, paragraphs in found if paragraphs]
