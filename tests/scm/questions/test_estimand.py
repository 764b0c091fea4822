"""From a question to a number: the way that is chosen, its exact value, and its estimate."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.core.errors import Impossible, NotIdentified, QueryError, UnknownName
from butfor.scm.estimate import Adjust, FrontDoor, Plugin
from butfor.scm.graph import Graph
from butfor.scm.models.model import SCM
from butfor.scm.questions.estimand import identify
from scm.brute import random_admg, random_world

FRONT = "X -> M -> Y; X <-> Y"
BACK = "Z -> X -> Y; Z -> Y"
NAPKIN = "R -> W -> X -> Y; R <-> X; R <-> Y"


@pytest.mark.parametrize(
    ("query", "graph", "way", "through"),
    [
        ("P(Y | do(X))", FRONT, "front-door", ("M",)),
        ("P(Y | do(X))", BACK, "back-door", ("Z",)),
        ("P(Y | do(X))", "X -> Y", "back-door", ()),
        ("P(Y | do(X))", NAPKIN, "general", ()),
        ("P(Y | do(X), Z)", BACK, "general", ()),
        ("P(Y | X)", FRONT, "seen", ()),
        ("E[Y | do(X=1)] - E[Y | X=0]", BACK, "back-door", ("Z",)),
    ],
)
def test_the_simplest_way_is_taken(query: str, graph: str, way: str, through: tuple[str, ...]) -> None:
    found = identify(query, graph)
    assert (found.way, found.through) == (way, through)
    assert found.steps


def test_all_ways_come_to_the_same_number() -> None:
    rng = np.random.default_rng(5)
    compared = 0
    for _ in range(400):
        graph = random_admg(int(rng.integers(3, 6)), rng, 0.6, 0.2)
        x, y = (graph.names[i] for i in rng.choice(len(graph.names), 2, replace=False))
        try:
            exact = identify(f"P({y} | do({x}))", graph, how="id")
        except NotIdentified:
            with pytest.raises(NotIdentified):
                identify(f"P({y} | do({x}))", graph)
            continue
        world = random_world(graph, rng)
        simple = identify(f"P({y}=1 | do({x}=1))", graph)
        assert np.isclose(exact.value(world, {x: 1, y: 1}), simple.evaluate(world), atol=1e-10, rtol=0)
        truth = world.after({x: 1}, (y,))[1]
        assert np.isclose(simple.evaluate(world), truth, atol=1e-10, rtol=0)
        compared += simple.way != "general"
    assert compared > 60


def test_a_difference_of_means_is_evaluated_as_one() -> None:
    world = random_world(Graph.parse(FRONT), np.random.default_rng(0))
    difference = identify("E[Y | do(X=1)] - E[Y | do(X=0)]", FRONT)
    truth = world.after({"X": 1}, ("Y",))[1] - world.after({"X": 0}, ("Y",))[1]
    assert np.isclose(difference.evaluate(world), truth, atol=1e-12)


def test_what_is_open_must_be_said_and_what_is_not_must_not() -> None:
    world = random_world(Graph.parse(BACK), np.random.default_rng(0))
    asked = identify("P(Y | do(X))", BACK)
    assert asked.free == {"X", "Y"}
    with pytest.raises(QueryError, match="a function of Y: say at which value, such as Y=1"):
        asked.evaluate(world, X=1)
    with pytest.raises(UnknownName, match="unknown free variable 'Q'"):
        asked.evaluate(world, X=1, Y=1, Q=0)
    with pytest.raises(UnknownName, match="unknown variable 'Q'"):
        identify("P(Y | do(Q))", BACK)
    for other in (object(), SCM.linear({"Y": {"X": 1}})):
        with pytest.raises(QueryError, match="has no table of probabilities"):
            asked.evaluate(other, X=1, Y=1)


def test_a_variable_free_in_the_estimand_alone_may_be_set_or_left() -> None:
    world = random_world(Graph.parse(NAPKIN), np.random.default_rng(3))
    asked = identify("P(Y | do(X))", NAPKIN)
    truth = world.after({"X": 1}, ("Y",))[1]
    for values in ({}, {"W": 0}, {"W": 1}):
        assert np.isclose(asked.evaluate(world, X=1, Y=1, **values), truth, atol=1e-10)


def test_a_free_variable_is_left_out_where_its_value_shows_nothing() -> None:
    world = random_world(Graph.parse("W -> Z -> X -> Y; W <-> X; W <-> Y"), np.random.default_rng(3))
    place = world.graph.index["X"]
    table, axes = world.tables[place]
    table[:, 0] = np.array([1.0, 0.0])[:, None]  # X is never 1 where Z is 0
    world.tables[place] = table, axes
    asked = identify("P(Y=1 | do(X=1))", world.graph)
    assert asked.body.free == {"Z"}
    truth = world.after({"X": 1}, ("Y",))[1]
    for values in ({}, {"Z": 1}):
        assert np.isclose(asked.evaluate(world, **values), truth, atol=1e-10)
    with pytest.raises(Impossible, match="positivity fails"):
        asked.evaluate(world, Z=0)


def test_variables_may_have_any_name() -> None:
    model = SCM.discrete({"model": 0.3, "self": ("model", [0.2, 0.6])})
    asked = identify("P(self | do(model))", "model -> self")
    assert np.isclose(asked.evaluate(model, model=1, self=1), 0.6)
    odd = SCM.discrete({"P": 0.3, "do": ("P", [0.2, 0.6]), "E": (("P", "do"), [[0.1, 0.2], [0.3, 0.9]])})
    for query, truth in (
        ("E[E | do(do=1)]", 0.7 * 0.2 + 0.3 * 0.9),
        ("P(E=1 | do(P=1), do=1)", 0.9),
        ("P(do=1 | do(P=1))", 0.6),
    ):
        assert np.isclose(identify(query, odd.graph).evaluate(odd), truth)


def rows(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A front-door world whose effect is 0.25, with a confounder U and a covariate Z."""
    rng = np.random.default_rng(seed)
    u = rng.random(n) < 0.5
    x = rng.random(n) < np.where(u, 0.8, 0.2)
    m = rng.random(n) < np.where(x, 0.8, 0.3)
    y = rng.random(n) < 0.1 + 0.5 * m + 0.3 * u
    return {"U": u, "X": x, "M": m, "Y": y}


@pytest.mark.parametrize(
    ("query", "graph", "options", "kind"),
    [
        ("P(Y | do(X))", FRONT, {}, FrontDoor),
        ("P(Y | do(X))", FRONT, {"how": "plugin"}, Plugin),
        ("E[Y | do(X=1)] - E[Y | do(X=0)]", "U -> X -> M -> Y; U -> Y", {}, Adjust),
        ("E[Y | do(X=1)] - E[Y | do(X=0)]", "U -> X -> M -> Y; U -> Y", {"how": "plugin"}, Adjust),
        ("E[Y | do(X=1)] - E[Y | do(X=0)]", "U -> X -> M -> Y; U -> Y", {"how": "ipw"}, Adjust),
    ],
)
def test_estimates_hold_the_truth(query: str, graph: str, options: dict[str, str], kind: type) -> None:
    asked = identify(query, graph)
    estimator, _ = asked.plan(rows(50), **options)
    assert isinstance(estimator, kind)
    effect = asked.estimate(rows(4000), **options)
    assert not effect.excludes(0.25)
    assert effect.n == 4000
    assert 0.01 < effect.high - effect.low < 0.2


def test_a_single_probability_is_estimated_by_counting() -> None:
    effect = identify("P(Y | do(X))", FRONT).estimate(rows(4000), X=1, Y=1)
    assert not effect.excludes(0.1 + 0.5 * 0.8 + 0.15)
    assert "plug-in" in effect.method


def test_a_mean_is_no_function_of_its_variable() -> None:
    data, counted = rows(3000), {}
    for query in ("E[Y | do(X=1)]", "E[Y | do(X=1), U=0]", "E[Y_{X=1} | X=0]", "2 E[Y | do(X=1)] - E[Y]"):
        asked = identify(query, "U -> X -> M -> Y; U -> Y")
        assert asked.free == set()
        counted[query] = asked.estimate(data).estimate
    mean = data["Y"].mean()
    assert np.isclose(counted["2 E[Y | do(X=1)] - E[Y]"], 2 * counted["E[Y | do(X=1)]"] - mean)
    assert abs(counted["E[Y | do(X=1), U=0]"] - 0.5) < 0.05
    assert identify("E[Y | do(X=1), U]", BACK.replace("Z", "U")).free == {"U"}


def test_what_the_treatment_does_not_cause_does_not_move() -> None:
    effect = identify("E[U | do(X)]", "U -> X").estimate(rows(200))
    assert (effect.low, effect.estimate, effect.high) == (0, 0, 0)


def test_values_are_read_as_numbers_are() -> None:
    data = rows(500)
    exact = identify("P(Y=1 | do(X=1)) - P(Y=1 | do(X=0))", "U -> X -> Y; U -> Y").estimate(data)
    assert exact == identify("P(Y=1.0 | do(X=1.0)) - P(Y=1.0 | do(X=0.0))", "U -> X -> Y; U -> Y").estimate(data)


def test_labels_are_compared_by_the_probability_of_one_of_them() -> None:
    data = rows(2000)
    words = {"U": data["U"], "X": np.where(data["X"], "treat", "control"), "M": data["M"]}
    words["Y"] = np.where(data["Y"], "sick", "well")
    asked = identify("P(Y=sick | do(X))", "U -> X -> M -> Y; U -> Y")
    estimator, _ = asked.plan(words, treated="treat", control="control")
    assert (estimator.treated, estimator.y) == ("treat", "Y=sick")
    assert not asked.estimate(words, treated="treat", control="control").excludes(0.25)


def test_more_than_two_levels_need_to_be_named() -> None:
    data = {"X": np.arange(60) % 3, "Y": np.arange(60) % 2}
    with pytest.raises(QueryError, match="X has the values 0, 1, 2: say which two"):
        identify("P(Y | do(X))", "X -> Y").estimate(data)
    with pytest.raises(QueryError, match="X is always 1 in the data"):
        identify("P(Y | do(X))", "X -> Y").estimate({"X": np.ones(60), "Y": data["Y"]})


def test_columns_that_the_estimand_does_not_need_may_be_missing() -> None:
    data = rows(200)
    del data["M"]
    assert identify("P(Y | do(X))", "U -> X -> M -> Y; U -> Y").estimate(data).n == 200
    with pytest.raises(UnknownName, match="unknown column 'M'"):
        identify("P(Y | do(X))", FRONT).estimate(data)


def test_where_the_graph_has_no_path_there_is_no_difference() -> None:
    effect = identify("P(Z | do(X))", BACK).estimate({"X": [0, 1] * 20, "Z": [0, 0, 1, 1] * 10})
    assert (effect.estimate, effect.low, effect.high, effect.p) == (0, 0, 0, None)
    assert "no path from X to Z" in effect.method


def test_what_never_happened_in_the_rows_has_no_interval() -> None:
    data = {"X": [0, 1] * 50, "Y": [0] * 100}
    effect = identify("P(Y=0 | do(X=1))", "X -> Y").estimate(data)
    assert (effect.estimate, effect.low, effect.high) == (1, -np.inf, np.inf)
    assert [check.code for check in effect.checks if not check.ok] == ["constant"]


def test_one_of_several_labels_has_to_be_named() -> None:
    data = {"X": [0, 1] * 30, "Y": ["low", "mid", "high"] * 20}
    with pytest.raises(QueryError, match=r"Y has the values high, low, mid: ask for one of them, as in P\(Y=mid"):
        identify("P(Y | do(X))", "X -> Y").estimate(data)
    assert identify("P(Y=mid | do(X))", "X -> Y").estimate(data).n == 60
