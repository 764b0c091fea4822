"""The order that most votes agree with: against all permutations, and where insertions take over."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from butfor.infer.discover import order
from butfor.infer.discover.order import ordered


def value(shares: np.ndarray, found: list[int]) -> float:
    net = shares - shares.T
    return sum(net[i, j] for at, i in enumerate(found) for j in found[at + 1 :])


@pytest.mark.parametrize("seed", range(12))
def test_it_is_the_best_of_all_permutations(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    shares = rng.random((n, n)) * (1 - np.eye(n)) / 2
    found = ordered(shares)
    best = max(value(shares, list(one)) for one in permutations(range(n)))
    assert sorted(found) == list(range(n)) and value(shares, found) == pytest.approx(best)
    monkeypatch.setattr(order, "EXACT", 0)
    near = ordered(shares)
    assert sorted(near) == list(range(n)) and value(shares, near) >= 0.8 * best


def test_many_variables_whose_shares_agree_are_put_in_order() -> None:
    rng = np.random.default_rng(0)
    true = rng.permutation(30)
    rank = np.argsort(true)
    shares = np.where(rank[:, None] < rank[None, :], 0.7, 0.1) * (1 - np.eye(30))
    assert ordered(shares) == true.tolist()


def test_where_nothing_is_said_the_names_keep_their_order() -> None:
    assert ordered(np.zeros((5, 5))) == [0, 1, 2, 3, 4] == ordered(np.full((5, 5), 1 / 3))
    assert ordered(np.zeros((14, 14))) == list(range(14))
