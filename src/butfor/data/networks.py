"""Four published networks whose graph is known: asia, cancer, child, sachs; with what their variables mean.

Format    BIF (`scm/models/bif.py`); rows are drawn from the tables, as many as wanted, with a seed.
Source    asia: Lauritzen & Spiegelhalter 1988; cancer: Korb & Nicholson 2010; child: Spiegelhalter 1992; sachs: Sachs
          et al. 2005, tables by Scutari, in the repository of bnlearn. What the variables mean is told in our own words
          (`builtin/networks.toml`).
Facts     8, 5, 20 and 11 variables; 8, 4, 25 and 17 edges.
Limits    Experts drew asia, cancer and child: their graphs are opinions that a model may have read. Rows come from the
          tables, so that every assumption of discovery holds in them; cells that were measured are in `sachs.py`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from butfor.core.errors import MalformedData
from butfor.data.builtin import read
from butfor.data.find import find
from butfor.data.variables import Study, Variable
from butfor.scm.columns import Columns
from butfor.scm.graph import Graph

if TYPE_CHECKING:
    from butfor.scm.models.discrete import Discrete

NAMES = ("asia", "cancer", "child", "sachs")
TOLD = "networks.toml"


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network by its name."""

    name: str
    model: Discrete
    study: Study  # the published names, each with what it means

    @property
    def graph(self) -> Graph:
        """The graph that was published."""
        return self.model.graph

    def rows(self, count: int, seed: int) -> Columns:
        """Rows drawn from the tables, under the published names."""
        drawn = self.model.sample(count, seed)
        columns = {name: np.asarray(drawn[name]) for name in self.graph.names}  # "None" is a value here, and not a gap
        return Columns({name: one.astype(float if one.dtype.kind in "if" else str) for name, one in columns.items()})


def network(name: str, path: str | Path | None = None) -> Network:
    """A network; `path` is a folder that holds its file, or the file."""
    return _read(name, find("bnlearn", f"{name}.bif", path))


@cache
def _read(name: str, file: Path) -> Network:
    from butfor.scm import SCM

    model = SCM.from_bif(file)
    about = tomllib.loads(read(TOLD))[name]
    told = about["told"]
    if odd := sorted(set(told) ^ set(model.graph.names)):
        raise MalformedData(file, 1, f"the variables are not those of {name}: {', '.join(odd[:6])}")
    return Network(name, model, Study(tuple(Variable(one, told[one]) for one in model.graph.names), about["about"]))
