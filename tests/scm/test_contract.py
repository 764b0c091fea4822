"""Every line that users were promised, as it was written."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from butfor.scm import SCM, Graph, identify
from butfor.stats import Effect

ASIA = """network asia {}
variable asia { type discrete [ 2 ] { yes, no }; }
variable smoke { type discrete [ 2 ] { yes, no }; }
variable lung { type discrete [ 2 ] { yes, no }; }
variable tub { type discrete [ 2 ] { yes, no }; }
probability ( asia ) { table 0.01, 0.99; }
probability ( smoke ) { table 0.5, 0.5; }
probability ( tub | asia ) { (yes) 0.05, 0.95; (no) 0.01, 0.99; }
probability ( lung | smoke ) { (yes) 0.1, 0.9; (no) 0.01, 0.99; }
"""


@pytest.fixture
def g() -> Graph:
    return Graph.parse("X -> M -> Y; X <-> Y")


def test_graphs_come_from_text_networkx_bif_and_dot(g: Graph, tmp_path: Path) -> None:
    assert Graph.from_networkx(g.to_networkx()) == g
    assert Graph.from_networkx(nx.DiGraph([("U", "X"), ("U", "Y")]), latent=["U"]) == Graph.parse("X <-> Y")
    assert Graph.from_dot("digraph { X -> M -> Y; X -> Y [dir=both]; }") == g
    file = tmp_path / "asia.bif"
    file.write_text(ASIA, encoding="utf-8")
    assert Graph.from_bif(file) == Graph.parse("asia -> tub; smoke -> lung")


def test_questions(g: Graph) -> None:
    adjusted = Graph.parse("Z -> X -> Y; Z -> Y")
    assert str(identify("P(Y | do(X))", g))
    assert str(identify("P(Y | do(X=1), Z)", adjusted)) == "P(Y | Z, X=1)"
    assert str(identify("E[Y | do(X=1)] - E[Y | do(X=0)]", adjusted))
    assert str(identify("P(Y_{X=1} = 1 | X=0, Z=0)", adjusted))


def test_estimands(g: Graph) -> None:
    e = identify("P(Y | do(X))", g)
    assert str(e)
    assert e.latex().startswith(r"\sum")
    assert e.steps
    m = SCM.random(g, seed=0)
    exact = e.evaluate(m, X=1, Y=1)
    assert np.isclose(exact, m.do(X=1).p("Y=1"), atol=1e-12)
    data = m.sample(1000, seed=0)
    for source in (data, pd.DataFrame(data)):
        assert isinstance(e.estimate(source), Effect)


def test_an_estimate_from_a_csv_path(g: Graph, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    pd.DataFrame(SCM.random(g, seed=0).sample(500, seed=0)).to_csv(file, index=False)
    assert isinstance(identify("P(Y | do(X))", g).estimate(file), Effect)


def test_models(tmp_path: Path) -> None:
    file = tmp_path / "asia.bif"
    file.write_text(ASIA, encoding="utf-8")
    m = SCM.from_bif(file)
    assert np.isclose(m.do(smoke="yes").p("lung=yes"), 0.1)
    assert len(m.sample(1000, seed=0)["lung"]) == 1000
    tables = SCM.discrete({"X": 0.4, "M": ("X", [0.2, 0.7]), "Y": (("X", "M"), [[0.1, 0.4], [0.3, 0.9]])})
    assert 0 <= tables.counterfactual({"X": 0, "Y": 0}, do={"X": 1}).p("Y=1") <= 1
    effects = [
        tables.ate("X", "Y"),
        tables.att("X", "Y"),
        tables.nde("X", "Y"),
        tables.nie("X", "Y"),
        tables.cde("X", "Y", {"M": 1}),
        tables.pn("X", "Y"),
        tables.ps("X", "Y"),
        tables.pns("X", "Y"),
    ]
    assert np.isclose(tables.cde("X", "Y", {"M": 1}), 0.5)
    assert all(-1 <= effect <= 1 for effect in effects)
