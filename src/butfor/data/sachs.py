"""Sachs: eleven proteins and lipids in single immune cells, and the signalling graph that biologists agree on.

Format    a table, cells in rows, split by tabs; a list of edges `1. erk --> akt`.
Source    Sachs et al. 2005, as the repository of example causal data sets of Carnegie Mellon's philosophers keeps it
          (CC0).
Facts     7,466 cells, 11 columns, 20 edges.
Limits    The cells of all experimental conditions are pooled, so they are no draw of one population; the graph has
          been argued about since, and the paper itself reports feedback.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines
from butfor.scm.columns import Columns, Floats

NAME, FILE = "sachs", "data/sachs.2005.continuous.txt"
GRAPH = "ground.truth/sachs.2005.ground.truth.graph.txt"
EDGE = re.compile(r"\d+\. (\w+) --> (\w+)")


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The measurements and the edges among them [11, 11], row causes column."""

    data: Columns
    edges: Floats


def sachs(path: str | Path | None = None) -> Cells:
    """All cells."""
    file, graph = find(NAME, FILE, path), find(NAME, GRAPH, path)
    head, *rows = lines(file)
    names = head.split("\t")
    try:
        values = np.array([row.split("\t") for row in rows if row], dtype=float)
    except ValueError as error:
        raise MalformedData(file, 2, f"not a table of {len(names)} numbers a row ({error})") from error
    edges = np.zeros((len(names), len(names)))
    for number, text in enumerate(lines(graph), 1):
        if "-->" in text:
            found = EDGE.fullmatch(text.strip())
            if not found or not {found[1], found[2]} <= set(names):
                raise MalformedData(graph, number, f"no edge between columns of {file.name}: {text.strip()!r}")
            edges[names.index(found[1]), names.index(found[2])] = 1.0
    if values.ndim != 2 or values.shape[1] != len(names):
        raise MalformedData(file, 2, f"{len(names)} columns are named, and the rows hold another number")
    return Cells(Columns({name: values[:, j] for j, name in enumerate(names)}), edges)
