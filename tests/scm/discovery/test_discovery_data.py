"""Discovery on public samples whose graphs are known (BUTFOR_DATA: bnlearn_samples, sachs)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("andrey")

from butfor.scm.discovery.agreement import arrows, shd, skeleton
from butfor.scm.discovery.run import discover
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import cpdag

ROOT = Path(os.environ.get("BUTFOR_DATA", "nowhere"))
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not (ROOT / "bnlearn_samples").is_dir(), reason="no public data")]


def sample(path: Path) -> dict[str, list[str]]:
    header, *rows = [line.split() for line in path.read_text(encoding="utf-8").strip().splitlines()]
    return {name: [row[k] for row in rows] for k, name in enumerate(header)}


def true_graph(path: Path, names: list[str]) -> Graph:
    return Graph(names, re.findall(r"^\d+\.\s+(\S+)\s+-->\s+(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "distance"), [("cancer", 0), ("earthquake", 0), ("asia", 2), ("survey", 6), ("sachs", 0), ("child", 0)]
)
def test_samples_of_known_networks(name: str, distance: int) -> None:
    data = sample(ROOT / f"bnlearn_samples/data/{name}.txt")
    truth = true_graph(ROOT / f"bnlearn_samples/truth_dag_graph/{name}.graph.txt", list(data))
    found = discover(data, discrete=list(data), bootstraps=0)
    assert shd(cpdag(truth), found.pattern) == distance


def test_cells_of_sachs() -> None:
    """The published network is a consensus of biologists, and the rows mix experiments: far from it, and said so."""
    raw = sample(ROOT / "sachs/data/sachs.2005.continuous.txt")
    data = {name: np.log(np.array(column, dtype=float)) for name, column in raw.items()}
    truth = true_graph(ROOT / "sachs/ground.truth/sachs.2005.ground.truth.graph.txt", list(data))
    found = discover(data, bootstraps=0)
    assert found.method == "boss" and "lingam was tried first" in found.why
    assert 0.5 < skeleton(truth, found.pattern).f1 < 0.7
    known = {"required": [f"{a} -> {b}" for a, b in truth.edges[::2]]}
    helped = discover(data, prior=known, bootstraps=0)
    assert arrows(truth, helped.pattern).recall > arrows(truth, found.pattern).recall
