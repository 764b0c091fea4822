"""Counting: frequencies are frequencies, and the bootstrap's interval is that of the formulae."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from butfor.core.errors import DataError, UserError
from butfor.scm.columns import Columns
from butfor.scm.estimate import Adjust, Empirical, Plugin
from butfor.scm.estimate.calibrate import backdoor
from butfor.scm.estimate.calibrate_worlds import discrete

PLUGIN = Plugin(("Z", "X", "Y"), backdoor, draws=499)


def world(n: int = 800, seed: int = 0) -> Columns:
    return Columns.read(discrete(np.random.default_rng(seed), n)[0])


def test_frequencies() -> None:
    seen = Empirical.of({"A": ["x", "y", "y", "y"], "B": [2, 2, 5, 5]})
    assert seen.labels == {"A": ("x", "y"), "B": (2, 5)}
    assert seen.joint(("A", "B")).tolist() == [[0.25, 0.0], [0.25, 0.5]]
    assert seen.joint(("B", "A")).tolist() == [[0.25, 0.25], [0.0, 0.5]]
    assert seen.joint(("B",)).tolist() == [0.5, 0.5]
    assert float(seen.joint(())) == 1.0
    smooth = Empirical.of({"A": ["x", "y", "y", "y"], "B": [2, 2, 5, 5]}, smoothing=1.0)
    assert smooth.joint(("A", "B")) * 8 == pytest.approx(np.array([[2, 1], [2, 3]]))


def test_margins_agree() -> None:
    seen = Empirical.of(world())
    full = seen.joint(("Y", "Z", "X"))
    assert full.sum() == pytest.approx(1)
    assert full.sum(axis=1) == pytest.approx(seen.joint(("Y", "X")))
    assert full.sum(axis=(0, 2)) == pytest.approx(seen.joint(("Z",)))


def test_the_bootstrap_is_as_wide_as_the_influence_function() -> None:
    data = world(3000)
    counted = Adjust("X", "Y", ("Z",), how="plugin")(data)
    effect = PLUGIN(data)
    assert effect.estimate == pytest.approx(counted.estimate, abs=1e-12)
    assert effect.estimate == PLUGIN.point(data)
    assert effect.high - effect.low == pytest.approx(counted.high - counted.low, rel=0.1)
    assert effect.p is not None
    assert effect.p < 0.05
    assert PLUGIN(data) == PLUGIN(data)
    assert replace(PLUGIN, seed=1)(data) != effect
    assert pickle.loads(pickle.dumps(PLUGIN))(data) == effect


def test_rare_rows_never_vanish_from_a_draw() -> None:
    seen = Empirical.of({"A": np.r_[np.zeros(199), 1.0], "B": np.tile([0, 1], 100)})
    rng = np.random.default_rng(0)
    for _ in range(200):
        draw = seen.draw(rng)
        assert draw.joint(("A",))[1] > 0
        assert draw.weights.sum() == pytest.approx(1)


def test_sparse_data_are_flagged() -> None:
    rng = np.random.default_rng(0)
    data = {name: rng.integers(0, 6, 150) for name in ("A", "B", "C")}
    sparse = Plugin(("A", "B", "C"), lambda seen: float(seen.joint(("A",))[0]))
    assert not sparse(data).ok
    assert PLUGIN(world()).ok


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(DataError, match="not discrete"):
        Empirical.of({"A": np.linspace(0, 1, 50)})
    with pytest.raises(UserError, match="unknown variable"):
        Empirical.of({"A": [0, 1]}).joint(("B",))
    with pytest.raises(DataError, match="smoothing"):
        Empirical.of({"A": [0, 1]}, smoothing=-1)
    with pytest.raises(DataError, match="draws"):
        replace(PLUGIN, draws=10)
    with pytest.raises(DataError, match="no finite answer"):
        Plugin(("A",), lambda seen: float("nan"), draws=99)({"A": [0, 1]})
