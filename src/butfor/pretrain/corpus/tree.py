"""One pattern for many words: a tree of their letters, so that a place is looked at once, however many words there are.

tree(["he", "her", "his"]) = h(?:e(?:r)?|is), the longest word first
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any


def tree(words: Iterable[str]) -> str:
    """A pattern that matches any of these words, the longest that fits; nothing where there are none."""
    root: dict[str, Any] = {}
    for word in words:
        branch = root
        for letter in word:
            branch = branch.setdefault(letter, {})
        branch[""] = {}
    return _pattern(root) if root else r"(?!)"


def _pattern(branch: Mapping[str, Any]) -> str:
    ends = "" in branch
    ways = [re.escape(letter) + _pattern(rest) for letter, rest in sorted(branch.items()) if letter]
    if not ways:
        return ""
    joined = ways[0] if len(ways) == 1 and not ends else f"(?:{'|'.join(ways)})"
    return f"{joined}?" if ends else joined
