"""Which token tells of which variable, read off the text: a regular expression for each variable marks its spans.

Rule      A token belongs to a span that it shares a character with; where spans overlap, to the one that begins later
          (as in `train/marks.py`, for rows that are annotated). Special tokens belong to none.
Default   A variable without an expression is found by its own name, up to the next comma, full stop, semicolon or line
          end: `Smoking` marks "Smoking: 8" in "Smoking: 8, Weight: 1.".
Limits    What a token tells of may show only by the tokens after it ("Smo" is "Smoking" once "king" is there): the same
          tokens in a longer text may have other labels. Where pieces of a character stand apart, both mark it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from butfor.core.errors import did_you_mean

REMEMBERED = 1 << 14  # texts whose labels are kept


def expressions(names: Sequence[str], given: Mapping[str, str]) -> tuple[re.Pattern[str], ...]:
    """The expression of each variable; `ValueError` for one that cannot be, or that marks nothing."""
    for name, text in given.items():
        if name not in names:
            raise ValueError(f"variables: {name!r} is not in the graph{did_you_mean(name, names)}")
        try:
            found = re.compile(text)
        except re.error as error:
            raise ValueError(f"variables: {name} = {text!r} is no regular expression: {error}") from None
        if found.match(""):
            raise ValueError(f"variables: {name} = {text!r} also fits where nothing stands; let it begin with a word")
    return tuple(re.compile(given.get(name, rf"\b{re.escape(name)}\b[^,.;\n]*")) for name in names)


class Spans:
    """Reads off the tokens of a text which variable each tells of."""

    def __init__(self, tokenizer: Any, patterns: Sequence[re.Pattern[str]]) -> None:
        self.tokenizer, self.patterns = tokenizer, tuple(patterns)
        self._special = frozenset(tokenizer.all_special_ids)
        self._pieces: dict[int, str] = {}
        self._known: dict[tuple[int, ...], tuple[int, ...]] = {}

    def labels(self, ids: Sequence[int]) -> tuple[int, ...]:
        """For each token 1 + the place of its variable, or 0."""
        key = tuple(ids)
        if key not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = self._labels(key)
        return self._known[key]

    def _labels(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        text, ends = self.read(ids)
        marks = [0] * len(text)
        found = [(hit.span(), 1 + at) for at, pattern in enumerate(self.patterns) for hit in pattern.finditer(text)]
        for (start, stop), label in sorted(found):
            marks[start:stop] = [label] * (stop - start)
        labels: list[int] = []
        begin = 0
        for token, end in zip(ids, ends, strict=True):
            first = begin - 1 if begin == end and token not in self._special else begin  # the rest of a character
            labels.append(next((mark for mark in reversed(marks[max(first, 0) : end]) if mark), 0))
            begin = end
        return tuple(labels)

    def read(self, ids: Sequence[int]) -> tuple[str, list[int]]:
        """The text of tokens, without special ones, and where in it each of them ends."""
        pieces = [self._piece(token) for token in ids]
        text = str(self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))
        if "".join(pieces) == text:
            ends, at = list[int](), 0
            for piece in pieces:
                at += len(piece)
                ends.append(at)
            return text, ends
        return text, self._slowly(ids, text)

    def _piece(self, token: int) -> str:
        if token not in self._pieces:
            self._pieces[token] = str(
                self.tokenizer.decode([token], skip_special_tokens=True, clean_up_tokenization_spaces=False)
            )
        return self._pieces[token]

    def _slowly(self, ids: Sequence[int], text: str) -> list[int]:
        """Ends of tokens that are not texts of their own: parts of a character, or words that lose their blank."""
        decode = self.tokenizer.decode
        ends: list[int] = []
        for at in range(1, len(ids) + 1):
            part = str(decode(list(ids[:at]), skip_special_tokens=True, clean_up_tokenization_spaces=False))
            ends.append(min(max(len(part), ends[-1] if ends else 0), len(text)))
        return ends
