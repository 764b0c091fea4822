"""Texts with blanks, the words that fill them, and pairs of sentences: what editors are asked with and trained on.

Format    A blank is written ___; what fills the blanks of a line follows an arrow, in their order, and ends the line:
              The film was ___ and so was the ___.
              [Positive] => great | music
Limits    The line has no line breaks, and a text's own runs of underscores become a dash there. What fills a blank is
          put into the text as it was, so nothing outside the blanks ever changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from butfor.core.errors import ButforError
from butfor.data.pairs import Pair, Span

BLANK, ARROW, SPLIT = "___", "=>", "|"
SENTENCE = re.compile(r"(?<=[.!?])\s+")


class Unreadable(ButforError):
    """An editor's answer that does not fill the blanks that it was given."""


def line(text: str) -> str:
    """A text on one line, with none of the marks of the format."""
    text = re.sub(r"_{2,}", "—", text.replace(ARROW, "to").replace(f" {SPLIT}", " /"))
    return " ".join(text.split())


def shown(text: str, spans: Sequence[Span]) -> str:
    """The text on one line, with blanks for the spans; one without a character gets a blank of its own word."""
    parts: list[str] = []
    at = 0
    for start, stop in spans:
        inside = text[start:stop]
        core = inside.strip()
        lead = inside[: len(inside) - len(inside.lstrip())] if core else ""
        trail = inside[len(inside.rstrip()) :] if core else ""
        before = line(text[at:start]) + (" " if (text[at:start] + lead)[-1:].isspace() or not core else "")
        apart = trail or (not core and text[stop : stop + 1].isalnum())
        parts += [(" " if parts and text[at : at + 1].isspace() else "") + before, BLANK + (" " if apart else "")]
        at = stop
    rest = text[at:]
    return "".join([*parts, (" " if parts and rest[:1].isspace() else "") + line(rest)]).replace("  ", " ").strip()


def told(contents: Sequence[str]) -> str:
    """What fills the blanks, as an editor writes it."""
    return f" {ARROW} " + f" {SPLIT} ".join(line(content) for content in contents)


def heard(said: str, blanks: int) -> list[str]:
    """What fills the blanks, of an editor's answer after the arrow; `Unreadable` where it does not fit."""
    first = said.strip(" ").partition("\n")[0]
    contents = [part.strip() for part in first.split(SPLIT)]
    if len(contents) != blanks or any(BLANK in part or ARROW in part for part in contents):
        raise Unreadable(f"{len(contents)} answers for {blanks} blanks")
    return contents


def filled(shown_text: str, contents: Sequence[str]) -> str:
    """A line with blanks, filled; an empty content takes a blank's space with it."""
    pieces = shown_text.split(BLANK)
    if len(pieces) != len(contents) + 1:
        raise Unreadable(f"{len(contents)} answers for {len(pieces) - 1} blanks")
    text = pieces[0]
    for content, piece in zip(contents, pieces[1:], strict=True):
        text = text + content + piece if content else text.rstrip(" ") + piece
    return text.strip()


def phrases(pair: Pair) -> list[tuple[Span, Span]]:
    """The spans of a pair, those joined between which nothing but a blank stands."""
    found: list[tuple[Span, Span]] = []
    for one, two in zip(pair.base_spans, pair.counterfactual_spans, strict=True):
        if found and not pair.base[found[-1][0][1] : one[0]].strip():
            (start, _), (other, _) = found.pop()
            one, two = (start, one[1]), (other, two[1])
        found.append((one, two))
    return found


def sentences(base: str, counterfactual: str) -> list[tuple[str, str]]:
    """The sentences that differ, beside each other; several together where the two texts do not end them alike."""
    pair = Pair.of(base, counterfactual, "")
    cuts: list[tuple[int, int]] = [(0, 0)]
    edges = [
        *zip(pair.base_spans, pair.counterfactual_spans, strict=True),
        ((len(base),) * 2, (len(counterfactual),) * 2),
    ]
    at, other = 0, 0
    for (start, stop), (_, end) in edges:
        for found in SENTENCE.finditer(base, at, start):
            if found.start() > at:  # the mark that ends the sentence stands in both
                cuts.append((found.end(), other + found.end() - at))
        at, other = stop, end
    cuts.append((len(base), len(counterfactual)))
    both = [(base[a:b].strip(), counterfactual[c:d].strip()) for (a, c), (b, d) in pairwise(cuts)]
    return [(one, two) for one, two in both if one != two]
