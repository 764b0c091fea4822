"""Causal discovery by a classical search: what the amortised network is compared with.

Idea      The analyst draws its graphs with one search of the engine (andrey-core): `pc` asks for independences, `ges`
          and `boss` score graphs, `exact` scores all of them (12 variables at most), `lingam` reads directions from
          noise that is not Gaussian. `auto` is the engine's own choice from the data.
Answer    1 for an edge found, ½ each way for one whose direction the search leaves open, else 0.
Source    Spirtes & Glymour 1991; Chickering 2002; Andrews et al. 2023; Shimizu et al. 2011; see
          `scm/discovery/search.py`.
Limits    No probabilities. `auto` is what an analyst does as it comes. Categories are allowed, except by `lingam`.
Example   [treatment]
          method    = "pretrain.foundation.search"
          algorithm = "pc"
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from butfor.core.keys import digest
from butfor.core.seeds import derive
from butfor.scm.analyst import searched
from butfor.train.method import Method

if TYPE_CHECKING:
    import numpy as np

Algorithm = Literal["auto", "pc", "ges", "lingam", "boss", "exact"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSearch(Method):
    """Draw graphs with a search of the engine."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    algorithm: Algorithm = "auto"

    def model(self, world: Any, rng: np.random.Generator) -> Any:
        """Put the search in; its ties are broken by the arm's seed."""
        seed = derive(int(rng.integers(2**31)), "ties")
        world.discover = partial(searched, algorithm=self.algorithm, seed=seed)
        world.identity = digest(world.identity, "search", self.algorithm, seed)
        world.notes.append(f"graphs are drawn by the engine's search, algorithm {self.algorithm}")
        return world
