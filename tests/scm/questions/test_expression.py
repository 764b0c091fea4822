"""Estimands: what is free in them, how they are written, and what they come to."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from butfor.core.errors import Impossible, QueryError, UnknownName
from butfor.scm.graph import Graph
from butfor.scm.questions.evaluation import place
from butfor.scm.questions.expression import (
    ONE,
    ZERO,
    At,
    Combination,
    Mean,
    P,
    Product,
    Ratio,
    Sum,
    at,
    mean,
    product,
    total,
)
from scm.brute import World, random_world

FRONT = Sum(("M",), Product((P(("M",), ("X",)), Sum(("X",), Product((P(("Y",), ("X", "M")), P(("X",))))))))


@pytest.fixture
def world() -> World:
    return random_world(Graph.parse("X -> M -> Y; X -> Y; Z -> X"), np.random.default_rng(1), 3)


def test_bound_variables_are_not_free() -> None:
    assert FRONT.free == {"X", "Y"}
    assert At(FRONT, (("X", 1),)).free == {"Y"}
    assert Mean("Y", FRONT).free == {"X"}
    assert ONE.free == ZERO.free == set()


def test_a_variable_bound_inside_is_primed_where_it_would_be_misread() -> None:
    assert str(FRONT) == "Σ_M P(M | X) Σ_X' P(Y | X', M) P(X')"
    assert FRONT.latex() == r"\sum_{M} P(M \mid X)\, \sum_{X'} P(Y \mid X', M)\, P(X')"
    assert str(At(FRONT, (("X", 1),))) == "Σ_M P(M | X=1) Σ_X P(Y | X, M) P(X)"
    assert str(Sum(("X",), Product((P(("X",)), FRONT)))) == "Σ_X P(X) Σ_M P(M | X) Σ_X' P(Y | X', M) P(X')"


def test_sums_that_end_early_stand_in_brackets() -> None:
    two = Product((Sum(("M",), P(("Y",), ("M",))), Sum(("Z",), P(("W",), ("Z",)))))
    assert str(two) == "(Σ_M P(Y | M)) Σ_Z P(W | Z)"
    assert str(Combination(((1, two.parts[0]), (-0.5, P(("W",)))))) == "(Σ_M P(Y | M)) - 0.5 P(W)"
    assert str(Ratio(P(("Y",)), P(("X",)))) == "[P(Y)] / [P(X)]"
    assert (str(ONE), str(ZERO)) == ("1", "0")


def test_latex_names_longer_than_a_letter_are_upright_and_escaped() -> None:
    assert P(("lung_cancer",), ("X",)).latex() == r"P(\mathrm{lung\_cancer} \mid X)"


def test_a_mean_moves_to_where_its_variable_is() -> None:
    adjusted = total(("Z",), product([P(("Y",), ("X", "Z")), P(("Z",))]))
    assert str(mean("Y", adjusted)) == "Σ_Z E[Y | X, Z] P(Z)"
    assert str(at(mean("Y", adjusted), {"X": 1})) == "Σ_Z E[Y | X=1, Z] P(Z)"


def test_values_are_the_sums_they_say(world: World) -> None:
    joint = world.joint(("X", "M", "Y"))
    m_x = joint.sum(2) / joint.sum((1, 2))[:, None]
    y_xm = joint / joint.sum(2, keepdims=True)
    truth = np.einsum("am,xmy,x->ay", m_x, y_xm, joint.sum((1, 2)))
    assert np.allclose(FRONT.table(world).over(("X", "Y")), truth, atol=1e-12)
    assert np.allclose(at(FRONT, {"X": 1}).table(world).values, truth[1], atol=1e-12)
    levels = np.arange(truth.shape[1])
    assert np.allclose(mean("Y", FRONT).table(world).values, truth @ levels, atol=1e-12)
    assert np.allclose(Mean("Y", FRONT).table(world).values, truth @ levels, atol=1e-12)
    difference = Combination(((1.0, at(FRONT, {"X": 1})), (-1.0, at(FRONT, {"X": 0}))))
    assert np.allclose(difference.table(world).values, truth[1] - truth[0], atol=1e-12)


class Chain:
    """60 binary variables, each a noisy copy of the one before."""

    names = tuple(f"V{i}" for i in range(60))
    labels = dict.fromkeys(names, (0, 1))
    step = np.array([[0.9, 0.1], [0.3, 0.7]])

    def joint(self, names: tuple[str, ...]) -> np.ndarray:
        places = [self.names.index(name) for name in names]
        first = np.array([1.0, 0.0]) @ np.linalg.matrix_power(self.step, min(places))
        if len(places) == 1:
            return first
        pair = first[:, None] * self.step
        return pair if places[0] < places[1] else pair.T


def test_a_long_chain_is_contracted_not_multiplied_out() -> None:
    names = Chain.names
    body = product([P(("V0",)), *(P((b,), (a,)) for a, b in pairwise(names))])
    found = total(names[:-1], body).table(Chain())
    assert np.allclose(found.values, np.linalg.matrix_power(Chain.step, 59)[0], atol=1e-12)


class Seen:
    """Two binary variables of which X=1 never happens with Z=1."""

    labels = {"X": (0, 1), "Z": (0, 1), "Y": ("no", "yes")}  # noqa: RUF012

    def joint(self, names: tuple[str, ...]) -> np.ndarray:
        full = np.array([[[0.1, 0.2], [0.2, 0.1]], [[0.1, 0.3], [0.0, 0.0]]])  # [X, Z, Y]
        order = [("X", "Z", "Y").index(name) for name in names]
        kept = full.sum(tuple(i for i in range(3) if i not in order))
        left = sorted(order)
        return kept.transpose([left.index(i) for i in order])


def test_what_never_happens_is_refused_only_where_it_is_needed() -> None:
    adjusted = total(("Z",), product([P(("Y",), ("X", "Z")), P(("Z",))]))
    assert np.isclose(adjusted.table(Seen(), {"X": 0, "Y": "yes"}).values, 0.5 * 2 / 3 * 1.4 + 0.3 / 3)
    with pytest.raises(Impossible, match=r"P\(Y \| X, Z\) where its condition never happens"):
        adjusted.table(Seen(), {"X": 1, "Y": "yes"})
    harmless = total(("Z",), product([P(("Y",), ("X", "Z")), P(("Z",), ("X",))]))
    assert np.isclose(harmless.table(Seen(), {"X": 1, "Y": "yes"}).values, 0.75)


class Halves:
    """Z and X are one fair coin; Y is 1 or -1 with chances that depend on it."""

    def __init__(self) -> None:
        self.labels = {"Z": (0, 1), "X": (0, 1), "Y": (-1, 1)}

    def joint(self, names: tuple[str, ...]) -> np.ndarray:
        full = np.zeros((2, 2, 2))  # [Z, X, Y]
        full[0, 0], full[1, 1] = (0.45, 0.05), (0.15, 0.35)
        return np.einsum(full, [0, 1, 2], [("Z", "X", "Y").index(name) for name in names])


def test_what_never_happens_does_not_cancel() -> None:
    adjusted = total(("Z",), product([P(("Y",), ("X", "Z")), P(("Z",))]))
    mean_at = [at(mean("Y", adjusted), {"X": x}) for x in (0, 1)]
    for node in (  # constants in the empty cells would be multiplied by 0 here, and be subtracted there
        mean_at[0],
        Combination(((1.0, at(adjusted, {"X": 1, "Y": 1})), (-1.0, at(adjusted, {"X": 0, "Y": 1})))),
        Combination(((1.0, mean_at[1]), (-1.0, mean_at[1]))),
    ):
        with pytest.raises(Impossible, match="positivity fails"):
            node.table(Halves())


def test_values_that_are_not_there_and_means_of_labels_are_refused() -> None:
    with pytest.raises(UnknownName, match="unknown value of Y 'yess'; did you mean 'yes'"):
        P(("Y",)).table(Seen(), {"Y": "yess"})
    with pytest.raises(QueryError, match=r"Y has no mean: its values are no, yes; ask for P\(Y=yes"):
        mean("Y", P(("Y",))).table(Seen())
    assert np.isclose(P(("X",)).table(Seen(), {"X": "1"}).values, P(("X",)).table(Seen(), {"X": 1.0}).values)


def test_values_are_the_same_however_they_are_written_and_others_are_not() -> None:
    assert place("X", "1.0", (0, 1)) == place("X", "1", (0.0, 1.0)) == place("X", 1, ("0", "1")) == 1
    assert place("X", 0.1 + 0.2, (0.1, 0.1 + 0.2)) == 1
    for value, labels in ((20200103, (20200101, 20200102)), (0.3000001, (0.1, 0.3))):
        with pytest.raises(UnknownName):
            place("day", value, labels)
    assert place("code", "01", ("1", "01")) == 1


def test_a_sum_over_what_does_not_stand_under_it_is_a_fault() -> None:
    with pytest.raises(QueryError, match="nothing under it depends"):
        Sum(("Q",), P(("Y",))).table(Seen())


def test_a_table_too_large_to_hold_is_refused() -> None:
    names = [f"V{i}" for i in range(40)]
    world = random_world(Graph(names), np.random.default_rng(0))
    with pytest.raises(QueryError, match="more than 67,108,864 cells"):
        P(tuple(names)).table(world)
