"""The counterfactual pair: two texts that differ in one named variable, where they differ, and what that may change.

Idea      base is the text as it is, counterfactual the text as it would be, had `variable` been set otherwise.
          Everything outside the spans is the same in both, so an effect between the two is an effect of the variable
          and of the words that carry it: a span is where the intervention is seen.
Invariant Without its spans each text leaves the same pieces; so putting one text's span contents into the other gives
          that text back, and swap() twice is the pair itself.
Method    `Pair.of` aligns the two texts by tokens (a run of letters or digits, a run of blanks, or one other character)
          and their longest matching blocks, the method of Ratcliff & Obershelp in difflib.
Limits    The alignment is a short one, not always the shortest. An insertion has an empty span in the other text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

TOKEN = re.compile(r"\w+|\s+|[^\w\s]")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts, the variable that differs between them, where, and what should or should not change with it."""

    base: str
    counterfactual: str
    variable: str
    base_spans: tuple[Span, ...]
    counterfactual_spans: tuple[Span, ...]
    changes: str | None = None
    keeps: str | None = None

    def __post_init__(self) -> None:
        if len(self.base_spans) != len(self.counterfactual_spans):
            raise ValueError(f"{len(self.base_spans)} spans in one text, {len(self.counterfactual_spans)} in the other")
        for text, spans in ((self.base, self.base_spans), (self.counterfactual, self.counterfactual_spans)):
            edges = [0, *(edge for span in spans for edge in span), len(text)]
            if edges != sorted(edges):
                raise ValueError(f"spans {spans} do not stand in order inside a text of {len(text)} characters")
        if _outside(self.base, self.base_spans) != _outside(self.counterfactual, self.counterfactual_spans):
            raise ValueError("the two texts differ outside the spans")

    @classmethod
    def of(
        cls,
        base: str,
        counterfactual: str,
        variable: str,
        *,
        changes: str | None = None,
        keeps: str | None = None,
    ) -> Pair:
        """The pair of two texts, with the spans found by comparing them token by token."""
        one, two = _tokens(base), _tokens(counterfactual)
        spans: list[tuple[Span, Span]] = []
        for tag, a, b, c, d in SequenceMatcher(
            None, _texts(base, one), _texts(counterfactual, two), False
        ).get_opcodes():
            if tag != "equal":
                spans.append((_span(one, a, b, len(base)), _span(two, c, d, len(counterfactual))))
        left, right = tuple(span for span, _ in spans), tuple(span for _, span in spans)
        return cls(base, counterfactual, variable, left, right, changes, keeps)

    def swap(self) -> Pair:
        """The same pair seen from the other side."""
        return replace(
            self,
            base=self.counterfactual,
            counterfactual=self.base,
            base_spans=self.counterfactual_spans,
            counterfactual_spans=self.base_spans,
        )

    @property
    def contents(self) -> tuple[tuple[str, str], ...]:
        """What stands in each span, in the base and in the counterfactual."""
        return tuple(
            (self.base[a:b], self.counterfactual[c:d])
            for (a, b), (c, d) in zip(self.base_spans, self.counterfactual_spans, strict=True)
        )

    @property
    def shared_prefix(self) -> str:
        """The text before the first difference."""
        return self.base[: self.base_spans[0][0]] if self.base_spans else self.base


def substitute(text: str, spans: tuple[Span, ...], contents: list[str]) -> str:
    """The text with the contents of its spans replaced, in order."""
    pieces = _outside(text, spans)
    inside = [*contents, ""]
    if len(inside) != len(pieces):
        raise ValueError(f"{len(contents)} contents for {len(spans)} spans")
    return "".join(piece for both in zip(pieces, inside, strict=True) for piece in both)


def _outside(text: str, spans: tuple[Span, ...]) -> list[str]:
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    return [text[edges[i] : edges[i + 1]] for i in range(0, len(edges), 2)]


def _tokens(text: str) -> list[Span]:
    return [found.span() for found in TOKEN.finditer(text)]


def _texts(text: str, tokens: list[Span]) -> list[str]:
    return [text[start:stop] for start, stop in tokens]


def _span(tokens: list[Span], start: int, stop: int, end: int) -> Span:
    """Characters of the tokens start..stop; of no tokens, the empty span before token `start`."""
    first = tokens[start][0] if start < len(tokens) else end
    return first, tokens[stop - 1][1] if stop > start else first
