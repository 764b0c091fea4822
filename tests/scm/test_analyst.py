"""The analyst as it comes: the engine's estimator and search behind one face."""

from __future__ import annotations

import numpy as np

from butfor.lm.load import kind, load
from butfor.scm.analyst import Analyst, Answer, Table
from butfor.scm.columns import Columns
from butfor.scm.estimate import Adjust


def data(n: int = 400) -> Columns:
    rng = np.random.default_rng(0)
    z = rng.normal(size=n)
    x = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(float)
    return Columns.read({"Z": z, "X": x, "Y": 2 * x + z + rng.normal(size=n)})


def test_it_estimates_as_the_engine_does() -> None:
    answer = Analyst().estimate(Table(data(), "X", "Y", ("Z",)))
    assert answer.effect == Adjust("X", "Y", ("Z",))(data())
    assert not answer.effect.excludes(2.0)


def test_it_draws_probabilities_of_edges() -> None:
    rng = np.random.default_rng(1)
    a = rng.uniform(size=600)
    b = a + 0.5 * rng.uniform(size=600)
    edges = Analyst().discover(Columns.read({"A": a, "B": b}))
    assert edges.shape == (2, 2) and edges[0, 1] + edges[1, 0] == 1 and not edges.diagonal().any()


def test_what_has_no_name_shares_no_result_with_the_analyst_as_it_comes() -> None:
    def other(table: Table) -> Answer:
        return Answer(Adjust(table.x, table.y)(table.data))

    assert not Analyst().hooked and Analyst(estimate=other).hooked
    assert not Analyst(estimate=other, identity="other").hooked


def test_it_is_a_world_by_name() -> None:
    world = load("analyst")
    assert kind("analyst") == world.kind == "analyst" and not world.hooked
    before = world.fingerprint()
    world.identity = "other"  # type: ignore[union-attr]
    assert world.fingerprint() != before
