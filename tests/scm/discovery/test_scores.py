"""Scores of families against independent computations, and their invariances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats

from butfor.scm.columns import Columns
from butfor.scm.discovery.scores import score_of


def numbers(n: int = 40, seed: int = 0) -> Columns:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    b = a + rng.normal(size=n)
    return Columns.read({"A": a, "B": b, "C": b - a + rng.normal(size=n)})


def labels(n: int = 60) -> Columns:
    rng = np.random.default_rng(1)
    a = rng.integers(0, 2, n)
    b = np.where(rng.random(n) < 0.8, a, 1 - a)
    return Columns.read({"A": np.array(["no", "yes"])[a], "B": b.astype(float), "C": rng.integers(0, 3, n)})


@pytest.mark.parametrize("kind", ["gaussian", "discrete", "mixed"])
def test_equivalent_graphs_score_alike(kind: str) -> None:
    data = numbers() if kind == "gaussian" else labels()
    if kind == "mixed":
        data = data.with_(D=np.random.default_rng(2).normal(size=data.n))
    score = score_of(data, {"gaussian": (), "discrete": data.names, "mixed": ("A", "B", "C")}[kind])
    assert score.kind == kind
    chain, fork = score.total([0, 1, 2]), score.total([2, 4, 0])  # A -> B -> C and A <- B <- C
    assert chain == pytest.approx(fork, abs=1e-8)
    assert score.total([0, 1, 3]) == pytest.approx(score.total([6, 4, 0]), abs=1e-8)  # two full graphs


def test_bge_of_one_column_is_the_integral_over_mean_and_precision() -> None:
    data = numbers(6)
    x = (data["A"] - data["A"].mean()) / data["A"].std()
    n, mu = 3, 1.0
    w, t = n + 2.0, mu * (n + 2.0 - n - 1) / (mu + 1)
    shape, rate = (w - n + 1) / 2, t / 2  # the marginal Wishart of one column

    def given(precision: float) -> float:  # the mean, normal with precision mu times as large, integrated by hand
        spread = (np.eye(len(x)) + 1 / mu) / precision
        return stats.multivariate_normal.pdf(x, cov=spread) * stats.gamma.pdf(precision, shape, scale=1 / rate)

    exact = np.log(integrate.quad(given, 1e-9, 30, epsabs=0, limit=200)[0])
    assert score_of(data, ()).of(1) == pytest.approx(exact, abs=1e-5)


def test_bdeu_by_its_formula() -> None:
    data = labels()
    a, b = data.codes("A")[0], data.codes("B")[0]
    expected = 0.0
    for value in (0, 1):  # B given A, equivalent sample size 1: two parent cells of weight 1/2, four of 1/4
        counts = np.bincount(b[a == value], minlength=2)
        expected += special.gammaln(1 / 2) - special.gammaln(1 / 2 + counts.sum())
        expected += (special.gammaln(1 / 4 + counts) - special.gammaln(1 / 4)).sum()
    assert score_of(data, data.names).local(1, 1) == pytest.approx(expected, abs=1e-9)


def test_bdeu_of_one_column_is_the_chance_of_its_sequence() -> None:
    data = labels()
    chance, counts = 0.0, np.zeros(3)
    for code in data.codes("C")[0]:  # Polya's urn, a third of a ball of each colour
        chance += np.log((counts[code] + 1 / 3) / (counts.sum() + 1))
        counts[code] += 1
    assert score_of(data, data.names).local(2, 0) == pytest.approx(chance)


def test_many_levels_do_not_overflow_a_cell_number() -> None:
    rng = np.random.default_rng(0)
    data = Columns.read({f"V{i}": rng.integers(0, 20, 300) for i in range(14)})
    score = score_of(data, data.names)
    assert np.isfinite(score.of((1 << 14) - 1))
    few = score_of(Columns({name: data[name] for name in data.names[:3]}), data.names[:3])
    assert few.of(7) == pytest.approx(score.of(7))  # the columns that are not asked about do not matter


def test_the_mixed_score_of_numbers_alone_is_the_gaussian_bic() -> None:
    data = numbers().with_(D=np.array([0.0, 1.0] * 20))
    score = score_of(data, ("D",))
    a, b = data["A"] - data["A"].mean(), data["B"] - data["B"].mean()
    left = b - a * (a @ b) / (a @ a)
    free = score.local(1, 0) - score.local(1, 1)  # dropping A among the parents of B
    assert free == pytest.approx(data.n / 2 * np.log((left @ left) / (b @ b)) + np.log(data.n) / 2, abs=1e-5)


def test_a_category_that_another_determines_has_a_finite_score() -> None:
    data = labels().with_(D=np.random.default_rng(2).normal(size=60))
    both = data.with_(E=np.where(data["C"] > 0, "some", "none"))
    table = score_of(both, ("A", "B", "C", "E")).families()
    assert np.isfinite(table[0, 0::2]).all() and table[4, 4] > table[4, 0] + 100


def test_families_are_a_table_of_local_scores() -> None:
    score = score_of(numbers(), ())
    table = score.families()
    assert table.shape == (3, 8)
    assert table[2, 3] == pytest.approx(score.local(2, 3)) and table[2, 4] == -np.inf
