"""Bounds: the truth is always inside, known closed forms are met, programmes written out by hand agree, refusals."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from scipy.optimize import linprog

from butfor.core.errors import DataError, Impossible, QueryError, UnknownName
from butfor.scm.bounds import Bounds, balke_pearl, manski, tian_pearl
from butfor.scm.bounds.programme import _prepared
from butfor.scm.bounds.value import Joint
from butfor.scm.graph import Graph
from butfor.scm.models.model import SCM
from butfor.scm.questions.query import Query
from scm.enumerated import Enumerated

IV = Graph.parse("Z -> X -> Y; X <-> Y")
BOW = Graph.parse("X -> Y; X <-> Y")
EFFECT = "E[Y | do(X=1)] - E[Y | do(X=0)]"


def cells(names: str, values: NDArray[np.float64]) -> Joint:
    labels = {name: tuple(range(size)) for name, size in zip(names, values.shape, strict=True)}
    return Joint(tuple(names), labels, values)


def rows(names: str, values: NDArray[np.float64], n: int, rng: Generator) -> dict[str, NDArray[np.int64]]:
    found = np.unravel_index(rng.choice(values.size, size=n, p=values.ravel()), values.shape)
    return dict(zip(names, found, strict=True))


def instrument(rng: Generator, spread: float = 0.4) -> NDArray[np.float64]:
    """P(z, x, y) of a random model with an instrument: a distribution over its sixteen types."""
    found = np.zeros((2, 2, 2))
    for chance, (x0, x1, y0, y1) in zip(rng.dirichlet(np.full(16, spread)), product((0, 1), repeat=4), strict=True):
        for z, share in enumerate((0.3, 0.7)):
            x = (x0, x1)[z]
            found[z, x, (y0, y1)[x]] += share * chance
    return found


def closed_form(joint: NDArray[np.float64]) -> tuple[float, float]:
    """Balke & Pearl 1997, equation 8: eight terms on each side; p[y, x, z] = P(y, x | z)."""
    p = (joint / joint.sum(axis=(1, 2), keepdims=True)).transpose(2, 1, 0)
    low = max(
        p[1, 1, 1] + p[0, 0, 0] - 1,
        p[1, 1, 0] + p[0, 0, 1] - 1,
        p[1, 1, 0] - p[1, 1, 1] - p[1, 0, 1] - p[0, 1, 0] - p[1, 0, 0],
        p[1, 1, 1] - p[1, 1, 0] - p[1, 0, 0] - p[0, 1, 1] - p[1, 0, 1],
        -p[0, 1, 1] - p[1, 0, 1],
        -p[0, 1, 0] - p[1, 0, 0],
        p[0, 0, 1] - p[0, 1, 1] - p[1, 0, 1] - p[0, 1, 0] - p[0, 0, 0],
        p[0, 0, 0] - p[0, 1, 0] - p[1, 0, 0] - p[0, 1, 1] - p[0, 0, 1],
    )
    high = min(
        1 - p[0, 1, 1] - p[1, 0, 0],
        1 - p[0, 1, 0] - p[1, 0, 1],
        -p[0, 1, 0] + p[0, 1, 1] + p[0, 0, 1] + p[1, 1, 0] + p[0, 0, 0],
        -p[0, 1, 1] + p[1, 1, 1] + p[0, 0, 1] + p[0, 1, 0] + p[0, 0, 0],
        p[1, 1, 1] + p[0, 0, 1],
        p[1, 1, 0] + p[0, 0, 0],
        -p[1, 0, 1] + p[1, 1, 1] + p[0, 0, 1] + p[1, 1, 0] + p[1, 0, 0],
        -p[1, 0, 0] + p[1, 1, 0] + p[0, 0, 0] + p[1, 1, 1] + p[1, 0, 1],
    )
    return float(low), float(high)


# the linear programme over types ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_the_programme_is_balke_and_pearls_closed_form(seed: int) -> None:
    joint = instrument(default_rng(seed))
    found = balke_pearl(EFFECT, IV, cells("ZXY", joint))
    assert (found.low, found.high) == pytest.approx(closed_form(joint), abs=1e-9)
    assert found.ok and found.reach is None


@pytest.mark.parametrize("text", ["Z -> X -> Y; X <-> Y; Z <-> X", "Z <-> X; X -> Y; X <-> Y"])
def test_an_instrument_may_share_a_cause_with_the_treatment(text: str) -> None:
    joint = instrument(default_rng(3))
    found = balke_pearl(EFFECT, Graph.parse(text), cells("ZXY", joint))
    assert (found.low, found.high) == pytest.approx(closed_form(joint), abs=1e-9) and found.ok
    for seed in range(10):
        world = Enumerated(Graph.parse(text), default_rng(seed), noise=4)
        assert world.answer(EFFECT) in balke_pearl(EFFECT, world.graph, world)


def test_a_basis_is_used_again_only_where_it_is_still_the_best() -> None:
    solver, _ = _prepared(Query.parse(EFFECT), IV, cells("ZXY", instrument(default_rng(0))))
    for seed in range(100):
        joint = instrument(default_rng(seed), 0.6)
        assert solver.ends(solver.right(cells("ZXY", joint))) == pytest.approx(closed_form(joint), abs=1e-9)
    (programme,) = solver._programmes.values()
    assert 2 <= len(programme.bases) < 50


QUESTIONS = {
    "Z -> X -> Y; X <-> Y": [
        "P(Y=1 | do(X=1))", EFFECT, "P(Y_{X=0} = 0 | X=1, Y=1)", "P(X_{Z=0}=1, X_{Z=1}=0)",
        "P(Y_{X=1}=1 | X_{Z=0}=0, X_{Z=1}=1)", "P(Y=1 | do(Z=1))", "E[Y_{X=1} | X=0]", "P(Y_{X=1}=1, Y_{X=0}=0)",
    ],
    "X -> Y; X <-> Y": ["P(Y=1 | do(X=1))", "P(Y_{X=1}=1 | X=0, Y=0)", "P(Y_{X=1}=1, Y_{X=0}=0)", EFFECT],
    "X -> Y": ["P(Y_{X=1}=1 | X=0, Y=0)", "P(Y_{X=1}=1, Y_{X=0}=0)", "P(Y=1 | do(X=1))"],
    "X -> M -> Y; X <-> Y": ["P(Y=1 | do(X=1))", "P(Y=1 | do(M=1))"],
    "X -> M -> Y; X <-> M": ["P(Y=1 | do(X=1))", "P(M_{X=1}=1, Y=0 | X=0)"],
    "X -> M -> Y; X -> Y; M <-> Y": ["P(Y_{X=1, M_{X=0}}=1)", "E[Y_{X=1, M=0}]", EFFECT],
    "W -> X -> Y; W -> Y; X <-> Y": [EFFECT, "P(Y=1 | do(X=1), W=0)"],
    "Z -> X -> Y; X <-> Y; Z <-> X": [EFFECT, "P(X_{Z=1}=1, X_{Z=0}=0)", "P(Y_{X=1}=1 | X_{Z=0}=0, Z=1)"],
    "W -> Z; W -> X; Z <-> X; X -> Y; X <-> Y": [EFFECT, "P(Y_{X=1}=1, Y_{X=0}=0 | W=1)"],
    "A -> B -> C; A <-> B; B <-> C": ["P(C=1 | do(B=1))", "P(B_{A=1}=1 | A=0)"],
}  # fmt: skip


@pytest.mark.parametrize(("text", "question"), [(text, q) for text, asked in QUESTIONS.items() for q in asked])
def test_the_truth_lies_inside(text: str, question: str) -> None:
    for seed in range(4):
        world = Enumerated(Graph.parse(text), default_rng(seed), noise=4)
        found = balke_pearl(question, world.graph, world)
        truth = world.answer(question)
        assert found.low - 1e-9 <= truth <= found.high + 1e-9, (found, truth)


def test_variables_of_three_values_and_zeros_in_the_data() -> None:
    for seed in range(4):
        world = Enumerated(IV, default_rng(seed), levels=3, noise=2, steady=0.0)
        if world.sizes["Z"] * world.sizes["X"] > 6:
            continue
        assert world.answer("E[Y | do(X=1)]") in balke_pearl("E[Y | do(X=1)]", IV, world)


def test_what_the_graph_identifies_is_a_point() -> None:
    world = Enumerated(Graph.parse("X -> M -> Y; X <-> Y"), default_rng(1))
    found = balke_pearl("P(Y=1 | do(X=1))", world.graph, world)  # the front door
    assert found.identified and found.low == pytest.approx(world.answer("P(Y=1 | do(X=1))"), abs=1e-10)
    assert str(found) == f"P(Y=1 | do(X=1)) is {found.low:.3f} (Balke–Pearl)"
    world = Enumerated(Graph.parse("X -> M -> Y; X -> Y"), default_rng(2))
    direct = balke_pearl("E[Y_{X=1, M_{X=0}}] - E[Y | do(X=0)]", world.graph, world)
    assert direct.identified
    assert direct.low == pytest.approx(world.answer("E[Y_{X=1, M_{X=0}}] - E[Y | do(X=0)]"), abs=1e-10)


def test_without_an_instrument_the_bounds_are_manskis() -> None:
    for seed in range(5):
        joint = default_rng(seed).dirichlet(np.ones(4)).reshape(2, 2)
        source = cells("XY", joint)
        ours, theirs = balke_pearl(EFFECT, BOW, source), manski(source, "X", "Y")
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
        assert theirs.width == pytest.approx(1)


@pytest.mark.parametrize("quantity", ["PN", "PS", "PNS"])
@pytest.mark.parametrize("exogenous", [False, True])
def test_the_closed_forms_of_tian_and_pearl_are_the_programmes(quantity: str, exogenous: bool) -> None:
    asked = {
        "PN": "P(Y_{X=0}=0 | X=1, Y=1)", "PS": "P(Y_{X=1}=1 | X=0, Y=0)", "PNS": "P(Y_{X=1}=1, Y_{X=0}=0)",
    }[quantity]  # fmt: skip
    graph = Graph.parse("X -> Y") if exogenous else BOW
    for seed in range(5):
        source = cells("XY", default_rng(seed).dirichlet(np.ones(4)).reshape(2, 2))
        ours = tian_pearl(source, "X", "Y", quantity=quantity, exogenous=exogenous)  # type: ignore[arg-type]
        theirs = balke_pearl(asked, graph, source)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_a_broken_instrument_is_found_out() -> None:
    joint = np.zeros((2, 2, 2))
    joint[0, 1, 1] = joint[1, 1, 0] = 0.5  # Z moves Y while X stays: no model with this graph does that
    with pytest.raises(DataError, match="no model with this graph makes such data"):
        balke_pearl(EFFECT, IV, cells("ZXY", joint))
    data = rows("ZXY", 0.9 * joint + 0.1 / 8, 2000, default_rng(0))
    with pytest.raises(DataError, match="no model with this graph"):
        balke_pearl(EFFECT, IV, data, draws=40)


def test_a_sample_that_misses_the_graph_by_chance_is_mended() -> None:
    joint = np.zeros((2, 2, 2))
    joint[:, 1, :] = 0.25  # on the edge of what the graph allows
    data = rows("ZXY", joint, 200, default_rng(3))
    data["X"][:3] = 0
    found = balke_pearl(EFFECT, IV, data, draws=40)
    assert [check.code for check in found.checks] == ["graph-fits"] and found.ok


def test_samples_give_an_interval_around_the_bounds() -> None:
    joint = instrument(default_rng(5), 2.0)
    truth = closed_form(joint)
    for seed in range(3):
        found = balke_pearl(EFFECT, IV, rows("ZXY", joint, 2000, default_rng(seed)), draws=60, seed=seed)
        assert found.reach is not None and found.n == 2000
        assert found.reach[0] <= truth[0] + 0.03 and found.reach[1] >= truth[1] - 0.03
        assert found.reach[0] <= found.low <= found.high <= found.reach[1]
        assert "95 % interval" in str(found) and "(n=2000)" in str(found)


def test_a_district_whose_members_are_not_all_joined_is_said_to_be_loose() -> None:
    world = Enumerated(Graph.parse("D -> A -> B -> C; A <-> B; B <-> C"), default_rng(0))
    found = balke_pearl("P(C=1 | do(B=1))", world.graph, world)
    assert [check.code for check in found.checks] == ["sharp"] and not found.ok


def test_what_cannot_be_bounded_is_refused() -> None:
    world = Enumerated(Graph.parse("X -> M -> Y"), default_rng(0))
    with pytest.raises(QueryError, match="more than one district open"):
        balke_pearl("P(Y_{X=1}=1, Y_{X=0}=0)", world.graph, world)
    with pytest.raises(QueryError, match="give Y a value"):
        balke_pearl("P(Y | do(X=1))", world.graph, world)
    with pytest.raises(UnknownName, match="Q"):
        balke_pearl("P(Q=1 | do(X=1))", world.graph, world)
    wide = Graph.parse("A, B, C, D, E -> Y; A <-> Y")
    with pytest.raises(QueryError, match="combinations of response types"):
        balke_pearl("P(Y=1 | do(A=1))", wide, cells("ABCDEY", np.full((2,) * 6, 1 / 64)))
    with pytest.raises(Impossible, match="probability zero"):
        balke_pearl("P(Y_{X=1}=1 | X=0)", BOW, cells("XY", np.array([[0.0, 0.0], [0.5, 0.5]])))
    with pytest.raises(DataError, match="not discrete"):
        balke_pearl("P(Y=1 | do(X=1))", BOW, {"X": [0, 1, 1], "Y": [0.5, 0.2, 0.1]})


# no graph -----------------------------------------------------------------------------------------------------------


def by_hand(
    joint: NDArray[np.float64], weights: dict[int, float], response: bool, selection: bool
) -> tuple[float, float]:
    """The ends of Σ weight E[Y(t)] over all distributions of (X, Y(0), Y(1), …) that make the data."""
    levels, answers = joint.shape
    kinds = [(u, *y) for u in range(levels) for y in product(range(answers), repeat=levels)]
    if response:
        kinds = [kind for kind in kinds if list(kind[1:]) == sorted(kind[1:])]
    size = np.arange(answers) / (answers - 1)
    equal = [
        [float(kind[0] == u and kind[1 + u] == y) for kind in kinds] for u in range(levels) for y in range(answers)
    ]
    below = [
        [
            size[kind[1 + t]] * ((kind[0] == u) / joint[u].sum() - (kind[0] == u + 1) / joint[u + 1].sum())
            for kind in kinds
        ]
        for t in range(levels)
        for u in range(levels - 1)
    ]
    cost = np.array([sum(w * size[kind[1 + t]] for t, w in weights.items()) for kind in kinds])
    more = {"A_ub": below, "b_ub": np.zeros(len(below))} if selection else {}
    ends = [linprog(sign * cost, A_eq=equal, b_eq=joint.ravel(), **more) for sign in (1, -1)]
    assert all(end.status == 0 for end in ends)
    return float(ends[0].fun), float(-ends[1].fun)


@pytest.mark.parametrize("response", [False, True])
@pytest.mark.parametrize("selection", [False, True])
def test_manskis_bounds_are_sharp(response: bool, selection: bool) -> None:
    for seed in range(4):
        joint = default_rng(seed).dirichlet(np.ones(9)).reshape(3, 3)
        if response and selection:  # the two together say that E[Y | X] rises
            joint[:] = np.array([[4, 2, 1], [2, 3, 2], [1, 2, 5]]) + default_rng(seed).random((3, 3))
            joint /= joint.sum()
        source = Joint(("X", "Y"), {"X": (0, 1, 2), "Y": (0.0, 0.5, 1.0)}, joint)
        way = {"response": "increasing" if response else None, "selection": "increasing" if selection else None}
        for treated, control in ((2, 0), (1, 0), (1, None), (0, None), (0, 2)):
            weights = {treated: 1.0} if control is None else {treated: 1.0, control: -1.0}
            ours = manski(source, "X", "Y", treated=treated, control=control, **way)  # type: ignore[arg-type]
            assert (ours.low, ours.high) == pytest.approx(by_hand(joint, weights, response, selection), abs=1e-7)


def test_falling_is_rising_upside_down() -> None:
    joint = default_rng(0).dirichlet(np.ones(6)).reshape(2, 3)
    source, turned = (Joint(("X", "Y"), {"X": (0, 1), "Y": (0, 1, 2)}, part) for part in (joint, joint[:, ::-1]))
    for how in ("response", "selection"):
        one = manski(source, "X", "Y", **{how: "decreasing"})  # type: ignore[arg-type]
        two = manski(turned, "X", "Y", **{how: "increasing"})  # type: ignore[arg-type]
        assert (one.low, one.high) == pytest.approx((-two.high, -two.low), abs=1e-12)


def test_manski_from_data() -> None:
    rng = default_rng(0)
    x, y = rng.integers(0, 2, 500), rng.random(500)
    found = manski({"X": x, "Y": y}, "X", "Y", limits=(0, 1))
    assert found.width == pytest.approx(1) and found.ok and found.n == 500
    assert found.reach is not None and found.reach[0] < found.low and found.reach[1] > found.high
    loose = manski({"X": x, "Y": y}, "X", "Y")
    assert [check.code for check in loose.checks] == ["limits-from-data"]
    words = manski({"X": x, "Y": np.where(y > 0.5, "yes", "no")}, "X", "Y", value="yes", control=None)
    assert 0 <= words.low <= words.high <= 1 and words.quantity == "P(Y=yes | do(X=1))"


def test_manskis_interval_covers_the_worst_case_as_often_as_it_says() -> None:
    rng, hits, runs = default_rng(1), 0, 600
    joint = np.array([[0.3, 0.2], [0.1, 0.4]])
    end = 0.2  # the truth sits at the low end of E[Y(0)]: all of those who have X = 1 would answer 0
    for _ in range(runs):
        found = manski(rows("XY", joint, 300, rng), "X", "Y", treated=0, control=None)
        assert found.reach is not None
        hits += found.reach[0] <= end <= found.reach[1]
    assert 0.925 < hits / runs < 0.975


def test_manski_refuses_what_the_data_contradict() -> None:
    joint = Joint(("X", "Y"), {"X": (0, 1), "Y": (0, 1)}, np.array([[0.1, 0.4], [0.4, 0.1]]))
    with pytest.raises(DataError, match="contradict"):
        manski(joint, "X", "Y", response="increasing", selection="increasing")
    with pytest.raises(QueryError, match="same direction"):
        manski(joint, "X", "Y", response="increasing", selection="decreasing")
    with pytest.raises(DataError, match="outside its limits"):
        manski(joint, "X", "Y", limits=(0, 0.5))
    with pytest.raises(UnknownName, match="value of X"):
        manski(joint, "X", "Y", treated=7)
    with pytest.raises(UnknownName, match="unknown way of monotone response 'up'"):
        manski(joint, "X", "Y", response="up")  # pyright: ignore[reportArgumentType]
    with pytest.raises(QueryError, match="an effect compares two"):
        manski(joint, "X", "Y", control=1)
    with pytest.raises(QueryError, match="X is both treatment and outcome"):
        manski(joint, "X", "X")
    with pytest.raises(QueryError, match="level must lie between 0 and 1, not 95"):
        manski(joint, "X", "Y", level=95)
    with pytest.raises(DataError, match="one row"):
        manski({"X": [1], "Y": [0]}, "X", "Y", control=None)
    with pytest.raises(DataError, match="not LinearGaussian"):
        manski(SCM.linear({"Y": {"X": 1}}), "X", "Y")


# necessity and sufficiency ------------------------------------------------------------------------------------------


def causation(seen: NDArray[np.float64] | None, done: tuple[float, float] | None, quantity: str, monotone: bool):
    """The ends by a linear programme over (x, Y_x', Y_x): the probabilities of eight types."""
    kinds = [kind for kind in product((0, 1), repeat=3) if not (monotone and kind[1] > kind[2])]
    equal, right = [[1.0] * len(kinds)], [1.0]
    if seen is not None:
        for x, y in product((0, 1), repeat=2):
            equal.append([float(kind[0] == x and kind[1 + x] == y) for kind in kinds])
            right.append(seen[x, y])
    if done is not None:
        for arm, share in ((1, done[0]), (0, done[1])):
            equal.append([float(kind[1 + arm]) for kind in kinds])
            right.append(share)
    wanted = {"PN": lambda k: k == (1, 0, 1), "PS": lambda k: k == (0, 0, 1), "PNS": lambda k: k[1:] == (0, 1)}[
        quantity
    ]
    scale = {"PN": seen[1, 1], "PS": seen[0, 0], "PNS": 1.0}[quantity] if seen is not None else 1.0
    cost = np.array([float(wanted(kind)) for kind in kinds]) / scale
    ends = [linprog(sign * cost, A_eq=equal, b_eq=right) for sign in (1, -1)]
    return float(ends[0].fun), float(-ends[1].fun)


@pytest.mark.parametrize("quantity", ["PN", "PS", "PNS"])
@pytest.mark.parametrize("known", ["seen", "done", "both"])
@pytest.mark.parametrize("monotone", [False, True])
def test_bounds_of_causation_are_sharp(quantity: str, known: str, monotone: bool) -> None:
    if known == "done" and quantity != "PNS":
        return
    for seed in range(6):
        kinds = [kind for kind in product((0, 1), repeat=3) if not (monotone and kind[1] > kind[2])]
        chances = default_rng(seed).dirichlet(np.full(len(kinds), 0.6))
        seen = np.zeros((2, 2))
        for chance, kind in zip(chances, kinds, strict=True):
            seen[kind[0], kind[1 + kind[0]]] += chance
        arms = [sum(c for c, kind in zip(chances, kinds, strict=True) if kind[1 + x]) for x in (1, 0)]
        a, b = (seen if known != "done" else None), ((arms[0], arms[1]) if known != "seen" else None)
        ours = tian_pearl(
            None if a is None else cells("XY", a),
            "X",
            "Y",
            quantity=quantity,
            experiment=b,
            monotone=monotone,  # type: ignore[arg-type]
        )
        assert (ours.low, ours.high) == pytest.approx(causation(a, b, quantity, monotone), abs=1e-7)
        if monotone and b is not None:
            assert ours.identified


def test_causation_from_data_and_experiments() -> None:
    rng = default_rng(0)
    data = rows("XY", np.array([[0.35, 0.15], [0.1, 0.4]]), 1000, rng)
    x = rng.integers(0, 2, 600)
    trial = {"X": x, "Y": (rng.random(600) < np.where(x == 1, 0.7, 0.3)).astype(int)}
    alone = tian_pearl(data, "X", "Y")
    both = tian_pearl(data, "X", "Y", experiment=trial)
    assert alone.low == 0 and both.width < alone.width and both.n == 1600
    assert both.reach is not None and both.reach[0] <= both.low <= both.high <= both.reach[1]
    exact = tian_pearl(data, "X", "Y", quantity="PN", exogenous=True, monotone=True)
    share = data["Y"][data["X"] == 1].mean(), data["Y"][data["X"] == 0].mean()
    assert exact.identified and exact.low == pytest.approx(1 - share[1] / share[0])  # the excess risk ratio
    assert exact == tian_pearl(data, "X", "Y", quantity="PN", exogenous=True, monotone=True)


def test_causation_refuses() -> None:
    source = cells("XY", np.array([[0.35, 0.15], [0.1, 0.4]]))
    with pytest.raises(DataError, match="contradicts the observations"):
        tian_pearl(source, "X", "Y", experiment=(0.95, 0.3))
    with pytest.raises(DataError, match="contradicts a monotone response"):
        tian_pearl(source, "X", "Y", experiment=(0.5, 0.3), monotone=True)
    with pytest.raises(QueryError, match="needs observations"):
        tian_pearl(None, "X", "Y", quantity="PN", experiment=(0.5, 0.3))
    with pytest.raises(Impossible, match="never happens"):
        tian_pearl(cells("XY", np.array([[0.5, 0.2], [0.3, 0.0]])), "X", "Y", quantity="PN")
    with pytest.raises(UnknownName, match="unknown probability of causation 'PP'"):
        tian_pearl(source, "X", "Y", quantity="PP")  # pyright: ignore[reportArgumentType]
    with pytest.raises(QueryError, match="an experiment is two probabilities"):
        tian_pearl(source, "X", "Y", experiment=("half", 0.3))
    with pytest.raises(QueryError, match="draws=0 are too few"):
        tian_pearl(source, "X", "Y", draws=0)
    with pytest.raises(QueryError, match="two values"):
        tian_pearl(cells("XY", np.full((3, 2), 1 / 6)), "X", "Y")


def test_bounds_are_a_value() -> None:
    found = Bounds(quantity="PNS", low=0.25, high=0.75, method="m", reach=(0.2, 0.8), n=10)
    assert str(found) == "PNS lies in [0.250, 0.750] (m); 95 % interval [0.200, 0.800] (n=10)"
    assert 0.5 in found and 0.9 not in found and found.excludes(0.9) and not found.excludes(0.21)
    with pytest.raises(ValueError, match="hold nothing"):
        Bounds(quantity="q", low=1, high=0, method="m")


@pytest.mark.slow
def test_intervals_around_bounds_hold_both_ends_as_often_as_they_say() -> None:
    instrument, bow = Graph.parse("Z -> X -> Y; X <-> Y"), Graph.parse("X -> Y; X <-> Y")
    held = {"LP": 0, "PN": 0, "PS": 0, "PNS": 0}
    for seed in range(700_000, 700_300):
        world = SCM.random(instrument, seed=seed)
        truth = balke_pearl("P(Y=1 | do(X=1))", instrument, world)
        found = balke_pearl("P(Y=1 | do(X=1))", instrument, world.sample(1000, seed=seed), seed=seed)
        assert found.reach is not None
        held["LP"] += found.reach[0] <= truth.low + 1e-9 and truth.high - 1e-9 <= found.reach[1]
        world = SCM.random(bow, seed=seed)
        for quantity in ("PN", "PS", "PNS"):
            truth = tian_pearl(world, "X", "Y", quantity=quantity)
            found = tian_pearl(world.sample(1000, seed=seed), "X", "Y", quantity=quantity, seed=seed)
            assert found.reach is not None
            held[quantity] += found.reach[0] <= truth.low + 1e-9 and truth.high - 1e-9 <= found.reach[1]
    assert min(held.values()) > 0.92 * 300
