"""Which stories are variants of one another? Those that share most of their words.

Equation  a and b belong together if |words of a ∩ words of b| ≥ SHARED · |words of a ∪ words of b|; so does whatever
          is linked by a chain of such stories.
Idea      Authors vary a story in a fact, a name, a role. Such variants are answered alike, so they are one cluster.
Limits    Words alone: a retelling in other words stays a family of its own. Every two stories are compared: for sets of
          hundreds, not of thousands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

SHARED = 0.5


def families(stories: Sequence[str]) -> list[str]:
    """The family of every story, named after its first story."""
    words = [frozenset(re.findall(r"\w+", story.casefold())) for story in stories]
    first = list(range(len(stories)))
    for one, other in combinations(range(len(stories)), 2):
        if first[one] != first[other] and len(words[one] & words[other]) >= SHARED * len(words[one] | words[other]):
            kept, gone = sorted((first[one], first[other]))
            first = [kept if place == gone else place for place in first]
    return [f"story {place + 1}" for place in first]
