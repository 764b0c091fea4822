"""Adjustment sets against the criterion on written-out paths, all subsets, and numbers; textbook graphs."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np
import pytest

from butfor.core.errors import NotIdentified, QueryError, UnknownName
from butfor.scm.graph import Graph
from butfor.scm.graphs.adjust import Rule, adjustment_fault, adjustment_set, adjustment_sets, is_adjustment_set
from scm.brute import World, random_admg, random_world
from scm.walks import Path, effects, is_open, paths

RULES: tuple[Rule, Rule] = ("general", "back-door")


def causal(path: Path) -> bool:
    return all(arrow == "->" for arrow, _ in path[1:])


def valid(graph: Graph, x: list[str], y: list[str], z: set[str], rule: Rule) -> bool:
    """The criterion word by word, on all paths that meet x at their start alone."""
    found = [p for a in x for b in y for p in paths(graph, a, b) if not {name for _, name in p[1:]} & set(x)]
    if rule == "back-door":
        if any(z & effects(graph, name) for name in x):
            return False
        return not any(is_open(graph, path, z) for path in found if path[1][0] != "->")
    banned = {late for p in found if causal(p) for _, name in p[1:] for late in effects(graph, name)}
    return not z & banned and not any(is_open(graph, path, z) for path in found if not causal(path))


def subsets(names: list[str]) -> list[frozenset[str]]:
    return [frozenset(n for i, n in enumerate(names) if k >> i & 1) for k in range(1 << len(names))]


@pytest.mark.parametrize("rule", RULES)
def test_every_set_is_judged_and_listed_as_the_criterion_says(rule: Rule) -> None:
    rng = np.random.default_rng(0)
    some = none = 0
    for _ in range(500):
        n = int(rng.integers(2, 7))
        graph = random_admg(n, rng, 0.5 * rng.random(), 0.35 * rng.random())
        order = [graph.names[i] for i in rng.permutation(n)]
        x, y = ([order[0], order[2]], [order[1]]) if n > 4 and rng.random() < 0.4 else ([order[0]], [order[1]])
        if rng.random() < 0.2 and n > 5:
            y = [*y, order[3]]
        rest = [name for name in order if name not in {*x, *y}]
        judged = {z: valid(graph, x, y, set(z), rule) for z in subsets(rest)}
        for z, good in judged.items():
            assert is_adjustment_set(graph, x, y, z, rule=rule) == good, f"{graph}: {x} {y} given {set(z)}"
        include = {name for name in rest if rng.random() < 0.15}
        forbid = {name for name in rest if rng.random() < 0.2} - include
        fit = [z for z, good in judged.items() if good and include <= z and not z & forbid]
        minimal = {z for z in fit if not any(w < z for w in fit)}
        try:
            found = list(adjustment_sets(graph, x, y, include=include, forbid=forbid, rule=rule))
        except QueryError:
            assert not minimal
            continue
        assert len(found) == len(minimal) and set(found) == minimal
        some, none = some + bool(minimal), none + (not minimal)
        if minimal:
            assert adjustment_set(graph, x, y, include=include, forbid=forbid, rule=rule) == found[0]
            least = adjustment_set(graph, x, y, include=include, forbid=forbid, rule=rule, smallest=True)
            assert least in minimal and len(least) == min(map(len, minimal))
        else:
            with pytest.raises(NotIdentified, match="open"):
                adjustment_set(graph, x, y, include=include, forbid=forbid, rule=rule)
    assert min(some, none) > 60


def adjusted(world: World, x: list[str], y: str, z: list[str]) -> np.ndarray:
    """Σ_z P(y | x, z) P(z) [x…, y] from the observational joint."""
    joint = world.joint([*z, *x, y])
    weights = joint.sum(axis=tuple(range(len(z), joint.ndim)), keepdims=True)
    given = joint / joint.sum(axis=-1, keepdims=True)
    return (given * weights).sum(axis=tuple(range(len(z))))


def test_the_formula_gives_the_effect_where_the_set_is_valid_and_rarely_where_it_is_not() -> None:
    rng = np.random.default_rng(1)
    right, wrong, lucky = 0, 0, 0
    for _ in range(250):
        n = int(rng.integers(3, 6))
        graph = random_admg(n, rng, 0.5, 0.2)
        order = [graph.names[i] for i in rng.permutation(n)]
        x, y = (order[:2], order[2]) if rng.random() < 0.3 else (order[:1], order[1])
        z = [name for name in order if name not in {*x, y} and rng.random() < 0.5]
        world = random_world(graph, rng)
        truth = world.after(set(x), [*x, y])
        same = bool(np.allclose(adjusted(world, x, y, z), truth, atol=1e-10))
        if is_adjustment_set(graph, x, y, z):
            assert same, f"{graph}: {x} {y} given {z}"
            right += 1
        else:
            wrong, lucky = wrong + 1, lucky + same
    assert right > 60 and wrong > 60 and lucky == 0


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("X <- U -> Y; X -> Y", ["U"]),
        ("X <- A -> M <- B -> Y; X -> Y", [""]),  # M-bias: nothing to adjust for
        ("X <- A -> B -> Y; X -> Y", ["A", "B"]),
        ("X -> M -> Y; X <-> Y", []),  # front door only
        ("W -> R -> X -> Y; W <-> X; W <-> Y", []),  # the napkin
        ("X <-> Y", []),
        ("Y -> X", []),
        ("X -> Y; X -> C <- Y", [""]),
        ("A -> X; A -> M; B -> M; B -> Y; M -> X; M -> Y; X -> Y", ["AM", "BM"]),
        ("X; Y", [""]),
    ],
)
def test_textbook_graphs(text: str, sets: list[str]) -> None:
    graph = Graph.parse(text)
    assert set(adjustment_sets(graph, "X", "Y")) == {frozenset(each) for each in sets}
    assert set(adjustment_sets(graph, "X", "Y", rule="back-door")) == {frozenset(each) for each in sets}


def test_an_effect_of_the_treatment_that_is_off_every_causal_path_may_be_adjusted_for() -> None:
    graph = Graph.parse("X -> Y; X -> D; D <- U -> Y")
    assert is_adjustment_set(graph, "X", "Y", ["U", "D"])
    assert not is_adjustment_set(graph, "X", "Y", ["U", "D"], rule="back-door")
    assert "an effect of the treatment" in adjustment_fault(graph, "X", "Y", ["U", "D"], rule="back-door")


def test_several_treatments_at_once() -> None:
    graph = Graph.parse("X1 -> Z -> X2 -> Y; Z -> Y; X1 -> Y; U -> X1; U -> Z")
    assert list(adjustment_sets(graph, ["X1", "X2"], "Y")) == []  # time-varying: Z is confounder and mediator
    with pytest.raises(NotIdentified, match="Z"):
        adjustment_set(graph, ["X1", "X2"], "Y")
    assert adjustment_set(Graph.parse("C -> X1, X2, Y; X1, X2 -> Y"), ["X1", "X2"], "Y") == {"C"}


def test_why_a_set_fails() -> None:
    graph = Graph.parse("X <- A -> M <- B -> Y; X -> C -> Y; C -> D")
    assert adjustment_fault(graph, "X", "Y", "M") == "X <- A -> M <- B -> Y is open, and it is not causal"
    assert adjustment_fault(graph, "X", "Y", ["M", "A"]) == ""
    assert adjustment_fault(graph, "X", "Y", "D").startswith("D cannot be adjusted for: it lies on a causal path")
    assert "it is the treatment or the outcome" in adjustment_fault(graph, "X", "Y", "Y")
    with pytest.raises(NotIdentified, match="X <-> Y stays open whatever is held fixed; try identify"):
        adjustment_set(Graph.parse("X -> Y; X <-> Y"), "X", "Y")
    with pytest.raises(
        NotIdentified, match="X <- R <- W <-> Y is open, and once W, R are held fixed so is X <-> W <-> Y"
    ):
        adjustment_set(Graph.parse("W -> R -> X -> Y; W <-> X; W <-> Y"), "X", "Y")


def test_questions_that_contradict_themselves() -> None:
    graph = Graph.parse("X -> M -> Y; Z -> X; Z -> Y")
    for ask, told in (
        ({"include": "M"}, "M cannot be adjusted for.*drop it from `include`"),
        ({"include": "Z", "forbid": "Z"}, "Z is both in `include` and in `forbid`"),
        ({"include": "X"}, "X is in `include`, and is the treatment or the outcome"),
    ):
        with pytest.raises(QueryError, match=told):
            adjustment_set(graph, "X", "Y", **ask)
    with pytest.raises(QueryError, match="X is both treatment and outcome"):
        adjustment_set(graph, "X", "X")
    with pytest.raises(QueryError, match="needs a treatment and an outcome"):
        adjustment_set(graph, [], "Y")
    with pytest.raises(UnknownName):
        adjustment_set(graph, "X", "Q")
    assert adjustment_set(graph, "X", "Y") == {"Z"}
    with pytest.raises(NotIdentified, match="X <- Z -> Y stays open"):
        adjustment_set(graph, "X", "Y", forbid="Z")


def test_the_first_of_exponentially_many_sets_comes_at_once() -> None:
    k = 66
    names = ["X", "Y", *(f"{part}{i}" for i in range(k) for part in "pqr")]
    edges = [
        edge for i in range(k) for edge in [(f"q{i}", f"p{i}"), (f"p{i}", "X"), (f"q{i}", f"r{i}"), (f"r{i}", "Y")]
    ]
    graph = Graph(names, [("X", "Y"), *edges])
    begin = time.perf_counter()
    assert next(adjustment_sets(graph, "X", "Y")) == {f"r{i}" for i in range(k)}
    assert len(set(islice(adjustment_sets(graph, "X", "Y"), 30))) == 30
    assert time.perf_counter() - begin < 3


def test_a_thousand_nodes() -> None:
    rng = np.random.default_rng(0)
    names = [f"v{i}" for i in range(1000)]
    edges = [(names[int(rng.integers(max(0, j - 60), j))], names[j]) for j in range(1, 1000) for _ in range(3)]
    graph = Graph(names, edges)
    begin = time.perf_counter()
    found = adjustment_set(graph, "v500", "v900")
    assert time.perf_counter() - begin < 1
    assert is_adjustment_set(graph, "v500", "v900", found)
    assert len(adjustment_set(graph, "v500", "v900", smallest=True)) <= len(found)
