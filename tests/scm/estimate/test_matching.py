"""Matching: by hand on a few rows, and its variance against that of repeated worlds."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.scm.columns import Columns
from butfor.scm.estimate import Adjust
from butfor.scm.estimate.calibrate_worlds import CONFOUNDED
from butfor.scm.estimate.design import read_arms
from butfor.scm.estimate.matching import match, whitened

ONE = Adjust("X", "Y", ("Z",), how="matching", matches=1, outcome="mean")


def test_the_nearest_of_the_other_arm_by_hand() -> None:
    data = {"X": [1, 1, 0, 0, 0], "Z": [0.0, 10.0, 1.0, 8.0, 30.0], "Y": [5.0, 9.0, 2.0, 3.0, 4.0]}
    columns = Columns.read(data)
    arms = read_arms(columns, "X", "Y", ("Z",), 1, 0)
    matched = match(arms, 1, "mean", np.random.default_rng(0))
    # treated rows 0, 1 take rows 2, 3; control rows 2, 3, 4 take rows 0, 1, 1
    assert matched.estimate == pytest.approx(np.mean([5 - 2, 9 - 3, 5 - 2, 9 - 3, 9 - 4]))
    assert matched.weights[0].tolist() == [2, 3, 0, 0, 0]
    assert matched.weights[1].tolist() == [0, 0, 2, 2, 1]
    att = read_arms(columns, "X", "Y", ("Z",), 1, 0, "att")
    assert match(att, 1, "mean", np.random.default_rng(0)).estimate == pytest.approx(4.5)


def test_a_tree_and_all_distances_find_the_same_neighbours() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 8))
    from butfor.scm.estimate import matching

    near = matching._neighbours(z[:200], z[200:], 5)
    every = np.argsort(((z[200:, None] - z[None, :200]) ** 2).sum(axis=2), axis=1)[:, :5]
    assert (near == every).all()


def test_distance_is_mahalanobis() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(100, 3)) @ rng.normal(size=(3, 3))
    w = whitened(z)
    inverse = np.linalg.inv(np.cov(z, rowvar=False))
    gap = z[3] - z[7]
    assert ((w[3] - w[7]) ** 2).sum() == pytest.approx(gap @ inverse @ gap)


def test_ties_are_shared_out() -> None:
    """With one binary covariate every control of a stratum is as near: none may carry it all."""
    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, 600)
    x = rng.random(600) < 0.5
    data = {"X": x, "Y": x + z + rng.normal(size=600), "Z": z}
    plain = Adjust("X", "Y", ("Z",), how="plugin")(data)
    effect = Adjust("X", "Y", ("Z",), how="matching", outcome="linear")(data)
    assert abs(effect.estimate - plain.estimate) < 0.1
    assert effect.high - effect.low < 1.4 * (plain.high - plain.low)


def test_the_variance_is_that_of_repeated_worlds() -> None:
    found = []
    for seed in range(80):
        data, truth = CONFOUNDED["effects differ"](np.random.default_rng(seed), 400)
        effect = Adjust("X", "Y", ("Z0", "Z1"), how="matching")(data)
        found.append((effect.estimate - truth, (effect.high - effect.low) / 3.93))
    off, se = np.array(found).T
    assert np.sqrt(np.mean(off**2)) == pytest.approx(se.mean(), rel=0.2)
