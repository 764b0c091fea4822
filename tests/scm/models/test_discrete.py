"""Discrete models against the enumeration of their noise: seeing, doing, imagining, to 1e-10."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from butfor.core.errors import Impossible, QueryError, SpecError, UnknownName, UserError
from butfor.scm.models.discrete import Discrete
from butfor.scm.models.event import Condition
from butfor.scm.models.model import SCM, World
from butfor.scm.models.table import Table
from scm.noise import Enumerated, enumerate_noise, random_tables

CLOSE = 1e-10
XY = SCM.discrete({"X": 0.3, "Y": ("X", [0.2, 0.7])})


def pairs(count: int, coupling: str, **how: int) -> list[tuple[Discrete, Enumerated, np.random.Generator]]:
    """Seeded random models, both ways, with few enough states of noise."""
    found: list[tuple[Discrete, Enumerated, np.random.Generator]] = []
    seed = 0
    while len(found) < count:
        seed += 1
        rng = np.random.default_rng(seed)
        tables = random_tables(rng, **how)
        known = enumerate_noise(tables, coupling, 20_000)
        if known is None:
            continue
        latent = [name for name in tables if name.startswith("U")]
        found.append((SCM.discrete(tables, latent=latent, coupling=coupling), known, rng))  # type: ignore[arg-type]
    return found


def some(rng: np.random.Generator, names: list[str], most: int = 2) -> list[str]:
    return list(rng.choice(names, int(rng.integers(1, most + 1)), replace=False))


def condition(rng: np.random.Generator, name: str, levels: int) -> Condition:
    return Condition(name, str(rng.choice(["=", "=", "=", "!=", "<=", ">"])), int(rng.integers(levels)))  # type: ignore[arg-type]


def holds(codes: dict[str, np.ndarray], event: list[Condition]) -> np.ndarray:
    compare = {"=": np.equal, "!=": np.not_equal, "<=": np.less_equal, ">": np.greater}
    return np.logical_and.reduce([compare[c.sign](codes[c.name], c.value) for c in event])


def test_seeing_agrees_with_enumeration() -> None:
    for model, known, rng in pairs(60, "comonotone", size=5):
        names = list(model.labels)
        codes = known.world()
        chosen = some(rng, names, 3)
        joint = np.zeros([len(model.labels[name]) for name in chosen])
        np.add.at(joint, tuple(codes[name] for name in chosen), known.weight)
        assert np.abs(model.joint(chosen) - joint).max() < CLOSE
        for _ in range(8):
            event = [condition(rng, name, len(model.labels[name])) for name in some(rng, names, 3)]
            given = [condition(rng, name, len(model.labels[name])) for name in some(rng, names)]
            assert abs(model.p(event) - known.p(holds(codes, event))) < CLOSE
            if known.p(holds(codes, given)) > 1e-9:
                assert abs(model.p(event, given) - known.p(holds(codes, event), holds(codes, given))) < CLOSE
                expected = known.mean(codes[names[0]], holds(codes, given))
                assert abs(model.mean(names[0], given) - expected) < CLOSE


def test_doing_agrees_with_enumeration() -> None:
    for model, known, rng in pairs(60, "comonotone", size=5):
        names = list(model.labels)
        for _ in range(6):
            do = {str(name): int(rng.integers(len(model.labels[name]))) for name in some(rng, names)}
            codes = known.world(do)
            event = [condition(rng, name, len(model.labels[name])) for name in some(rng, names, 3)]
            given = [condition(rng, name, len(model.labels[name])) for name in some(rng, names)]
            done = model.do(do)
            assert abs(done.p(event) - known.p(holds(codes, event))) < CLOSE
            if known.p(holds(codes, given)) > 1e-9:
                assert abs(done.p(event, given) - known.p(holds(codes, event), holds(codes, given))) < CLOSE
        name = str(names[0])
        chances = rng.dirichlet(np.ones(len(model.labels[name])))
        mixed = sum(chance * known.p(holds(known.world({name: level}), event)) for level, chance in enumerate(chances))
        assert abs(model.do({name: dict(enumerate(chances))}).p(event) - mixed) < CLOSE


@pytest.mark.parametrize(("coupling", "count"), [("comonotone", 220), ("independent", 100)])
def test_imagining_agrees_with_enumeration(coupling: str, count: int) -> None:
    """Counterfactuals in one to three parallel worlds, mechanisms reading across worlds, evidence of any kind."""
    asked = 0
    for model, known, rng in pairs(count, coupling, size=4, levels=3 if coupling == "comonotone" else 2):
        names = list(model.labels)
        actual = known.world()
        for _ in range(10):
            worlds: list[World] = []
            codes: list[dict[str, np.ndarray]] = []
            for at in range(int(rng.integers(1, 4))):
                do = {str(name): int(rng.integers(len(model.labels[name]))) for name in some(rng, names)}
                edges = [edge for edge in model.whole.edges if rng.random() < 0.3] if at else []
                reads = {edge: int(rng.integers(at)) for edge in edges}
                worlds.append(World(do, reads))
                codes.append(known.world(do, reads, codes))
            evidence = [condition(rng, name, len(model.labels[name])) for name in some(rng, names)]
            if rng.random() < 0.2:
                evidence = []
            given = holds(actual, evidence) if evidence else np.ones(len(known.weight), dtype=bool)
            if known.p(given) < 1e-9:
                continue
            parallel = model.parallel(worlds, evidence)
            events = {
                at: [condition(rng, name, len(model.labels[name])) for name in some(rng, names)]
                for at in range(len(worlds))
            }
            expected = known.p(np.logical_and.reduce([holds(codes[at], events[at]) for at in events]), given)
            assert abs(parallel.p(events) - expected) < CLOSE
            last = len(worlds) - 1
            assert abs(parallel.mean(names[-1], last) - known.mean(codes[last][names[-1]], given)) < CLOSE
            asked += 1
    assert asked > 6 * count


def test_gumbel_agrees_with_argmax_of_drawn_noise() -> None:
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.ones(4), size=3)
    p[0, 1] = 0.0
    p[0] /= p[0].sum()
    model = SCM.discrete({"X": [0.2, 0.3, 0.5], "Y": ("X", p)}, coupling="gumbel")
    n = 400_000
    with np.errstate(divide="ignore"):
        drawn = (np.log(p)[:, None, :] + rng.gumbel(size=(n, 4))).argmax(axis=-1)  # [rows, n]
    for seen in range(3):
        for other in range(3):
            worlds = model.parallel([World({"X": seen}), World({"X": other})])
            joint = np.array([[worlds.p({0: {"Y": i}, 1: {"Y": j}}) for j in range(4)] for i in range(4)])
            assert np.abs(joint.sum(axis=1) - p[seen]).max() < CLOSE
            assert np.abs(joint.sum(axis=0) - p[other]).max() < CLOSE
            found = np.bincount(drawn[seen] * 4 + drawn[other], minlength=16).reshape(4, 4) / n
            assert np.abs(joint - found).max() < 5 * np.sqrt(0.25 / n)


def test_gumbel_is_comonotone_where_there_are_two_levels() -> None:
    for model, _, _ in pairs(10, "comonotone", levels=2):
        a, b = next(iter(model.labels)), list(model.labels)[-1]
        evidence = {b: 0}
        if model.p(evidence) > 0:
            one = model.counterfactual(evidence, {a: 1}).p({b: 1})
            assert abs(replace(model, coupling="gumbel").counterfactual(evidence, {a: 1}).p({b: 1}) - one) < CLOSE


def test_gumbel_refuses_more_than_two_copies() -> None:
    model = SCM.discrete({"X": [0.2, 0.3, 0.5], "Y": ("X", np.full((3, 3), 1 / 3))}, coupling="gumbel")
    worlds = model.parallel([World({"X": i}) for i in range(3)])
    with pytest.raises(QueryError, match="exact for two"):
        worlds.p({0: "Y=0", 1: "Y=1", 2: "Y=2"})


def test_deterministic_mechanisms_leave_the_coupling_no_choice() -> None:
    tables = {"U": 0.4, "N": [0.1, 0.2, 0.7], "X": ("U", [0, 1]), "Y": (("X", "N"), lambda x, n: (x + n) % 3)}
    one = SCM.discrete(tables, latent=("U", "N"))
    worlds = [World({"X": 0}), World({"X": 1})]
    for coupling in ("independent", "gumbel"):
        other = replace(one, coupling=coupling)
        for i in range(3):
            for j in range(3):
                event = {0: {"Y": i}, 1: {"Y": j}}
                assert abs(one.parallel(worlds).p(event) - other.parallel(worlds).p(event)) < CLOSE


def test_without_evidence_imagining_is_doing() -> None:
    for model, _, rng in pairs(20, "comonotone"):
        names = list(model.labels)
        do = {names[1]: int(rng.integers(2))}
        for level in range(len(model.labels[names[-1]])):
            event = {names[-1]: level}
            assert abs(model.counterfactual({}, do).p(event) - model.do(do).p(event)) < CLOSE


@pytest.mark.parametrize("coupling", ["comonotone", "independent", "gumbel"])
def test_doing_what_was_seen_changes_nothing(coupling: str) -> None:
    for model, _, rng in pairs(20, "comonotone"):
        model = replace(model, coupling=coupling)
        names = list(model.labels)
        row = {name: int(column[0]) for name, column in model.sample(1, seed=int(rng.integers(99))).items()}
        imagined = model.counterfactual(row, {names[0]: row[names[0]], names[1]: row[names[1]]})
        assert abs(imagined.p(row) - 1) < CLOSE
        for name, level in row.items():
            assert imagined.mean(name) == pytest.approx(level)


def test_draws_follow_the_exact_answers() -> None:
    n = 40_000
    for model, _, _ in pairs(4, "comonotone"):
        names = list(model.labels)
        drawn = model.sample(n, seed=1)
        joint = np.zeros([len(model.labels[name]) for name in names])
        np.add.at(joint, tuple(drawn[name] for name in names), 1 / n)
        assert np.abs(joint - model.joint(names)).max() < 5 * np.sqrt(0.25 / n)
        row = {name: int(column[0]) for name, column in drawn.items()}
        worlds = model.parallel([World(), World({names[0]: 0, names[1]: 1})], {names[-1]: row[names[-1]]})
        first, second = worlds.sample(n, seed=2)
        assert set(first) == set(second) == set(names)
        assert set(first[names[-1]].tolist()) == {row[names[-1]]}
        for name in names:
            for level in range(len(model.labels[name])):
                both = float(np.mean((first[names[0]] == 0) & (second[name] == level)))
                assert abs(both - worlds.p({0: {names[0]: 0}, 1: {name: level}})) < 5 * np.sqrt(0.25 / n)


def test_draws_are_seeded_and_a_new_variable_does_not_move_them() -> None:
    more = SCM.discrete({"A": 0.5, "X": 0.3, "Y": ("X", [0.2, 0.7])})
    for name in ("X", "Y"):
        assert np.array_equal(XY.sample(100, seed=5)[name], more.sample(100, seed=5)[name])
    assert not np.array_equal(XY.sample(100, seed=5)["Y"], XY.sample(100, seed=6)["Y"])


def test_soft_interventions_replace_a_mechanism() -> None:
    model = SCM.discrete({"Z": 0.5, "X": ("Z", [0.2, 0.8]), "Y": (("X", "Z"), [[0.1, 0.3], [0.5, 0.9]])})
    assert model.do(X=((), [0.4, 0.6])).p("Y=1") == pytest.approx(
        0.4 * model.do(X=0).p("Y=1") + 0.6 * model.do(X=1).p("Y=1")
    )
    swapped = model.do(X=("Z", [0.8, 0.2]))
    assert swapped.p("X=1", "Z=0") == pytest.approx(0.8)
    assert swapped.do(Z=1).p("Y=1") == pytest.approx(0.8 * 0.3 + 0.2 * 0.9)
    assert model.do(X=Table("Z", (0, 1), [[1, 0], [0, 1]])).p("X=0", "Z=1") == 0
    assert set(model.do(X=1).graph.edges) == {("X", "Y"), ("Z", "Y")}
    would = model.counterfactual({"Z": 1, "Y": 0}, {"X": {0: 0.5, 1: 0.5}})
    halves = [model.counterfactual({"Z": 1, "Y": 0}, {"X": x}).p("Y=1") for x in (0, 1)]
    assert would.p("Y=1") == pytest.approx(sum(halves) / 2)
    assert would.p("X=1") == pytest.approx(0.5)
    assert model.counterfactual({"Y": 1}, {"Z": ("X", [0.1, 0.9]), "X": 0}).p("Z=1") == pytest.approx(0.1)


def test_a_latent_cause_is_a_bidirected_edge_and_can_still_be_asked_about() -> None:
    model = SCM.discrete({"U": 0.5, "X": ("U", [0.1, 0.9]), "Y": ("U", [0.2, 0.8])}, latent="U")
    assert str(model.graph) == "X <-> Y"
    assert set(model.labels) == set(model.sample(3)) == {"X", "Y"}
    assert model.p("U=1 | X=1, Y=1") == pytest.approx(0.5 * 0.72 / (0.5 * 0.72 + 0.5 * 0.02))
    assert model.ate("X", "Y") == pytest.approx(0)
    assert repr(model) == "Discrete(3 variables, 1 of them latent)"


def test_levels_are_matched_by_value_or_by_text() -> None:
    model = SCM.discrete({"C": {"red": 0.2, "blue": 0.8}, "N": Table((), (1.5, 2.0), [0.5, 0.5])})
    assert model.p("C=red, N=2") == model.p({"C": "red", "N": 2}) == pytest.approx(0.1)
    assert model.p("N>=1.5 & C != blue") == pytest.approx(0.2)
    assert model.mean("N") == pytest.approx(1.75)
    assert model.mean("C=red | N=2") == pytest.approx(0.2)
    assert model.sample(4, seed=0)["C"].dtype.kind == "U"
    mixed = SCM.discrete({"X": {1: 0.5, "many": 0.5}}).sample(50, seed=0)["X"]
    assert set(mixed.tolist()) == {1, "many"}
    with pytest.raises(UnknownName, match="unknown value of C 'green'"):
        model.p("C=green")
    with pytest.raises(QueryError, match="not numbers: ask for an event, such as 'C=red'"):
        model.mean("C")
    with pytest.raises(QueryError, match="not numbers"):
        model.p("C>1")


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: XY.p("Z=1"), UnknownName, "unknown variable 'Z'"),
        (lambda: XY.do(Z=1), UnknownName, "unknown variable 'Z'"),
        (lambda: XY.do(X=2), UnknownName, "unknown value of X '2'"),
        (lambda: XY.p("Y=1 | X=0, X=1"), QueryError, "contradicts itself: X=0, X=1"),
        (lambda: XY.counterfactual("X=0, X=1", {"X": 1}), QueryError, "contradicts itself"),
        (lambda: XY.do(X=1).p("Y=1 | X=0"), Impossible, "X=0 has probability zero"),
        (lambda: XY.do(X=1).mean("Y", "X=0"), Impossible, "X=0 has probability zero"),
        (lambda: XY.do(X=1).counterfactual({"X": 0}, {"X": 1}), Impossible, "X=0 has probability zero"),
        (lambda: XY.counterfactual({}, {"X": 1}).p("Y=1 | X=0"), Impossible, "counterfactual world"),
        (lambda: XY.counterfactual({"Q": 0}, {"X": 1}), UnknownName, "unknown variable 'Q'"),
        (lambda: XY.counterfactual({"X": 0}, {"Q": 1}), UnknownName, "unknown variable 'Q'"),
        (lambda: XY.joint(["X", "X"]), QueryError, "stands twice"),
        (lambda: XY.p("Y"), QueryError, "write NAME=VALUE"),
        (lambda: XY.p(3), QueryError, "3 is not an event"),  # type: ignore[arg-type]
        (lambda: XY.p(["Y=1"]), QueryError, "'Y=1' is not an event"),  # type: ignore[list-item]
        (lambda: XY.do(3), QueryError, "says nothing to do"),  # type: ignore[arg-type]
        (lambda: XY.sample(-1), QueryError, "must not be negative"),
        (lambda: XY.parallel([World()]).p({1: "Y=1"}), QueryError, "there is no world 1"),
        (lambda: SCM.discrete([("X", 0.3)]), QueryError, "a model is a mapping"),  # type: ignore[arg-type]
        (lambda: XY.p("Y=1 | X=0 | X=1"), QueryError, "two bars"),
        (lambda: XY.do(X=("Y", [0.1, 0.2])), UserError, "cycle"),
        (lambda: XY.do(X={0: 0.2, 1: 0.2}), SpecError, "sums to 0.4"),
        (lambda: XY.parallel([World({}, {("Y", "X"): 0})]), QueryError, "cannot be read from world 0"),
        (lambda: SCM.discrete({"X": 0.5}, latent="Y"), UnknownName, "latent variable 'Y'"),
        (lambda: SCM.discrete({"X": 0.5}, coupling="none"), UnknownName, "coupling"),  # type: ignore[arg-type]
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(ask: object, error: type[UserError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        ask()  # type: ignore[operator]
    assert len(str(caught.value).splitlines()) <= 5


def test_impossible_evidence_is_found_where_it_is_separated_from_the_question() -> None:
    model = SCM.discrete({"A": 1.0, "B": ("A", [0.5, 1.0]), "C": 0.3})
    with pytest.raises(Impossible, match="A=0 has probability zero"):
        model.p("C=1 | A=0")
    with pytest.raises(Impossible, match="B=0 has probability zero"):
        model.p("C=1 | B=0")
    assert model.p("B=0, B=1") == 0.0


def test_long_chains_cost_little_and_models_travel() -> None:
    size = 400
    tables = {"V0": 0.3, **{f"V{i}": (f"V{i - 1}", [0.1, 0.8]) for i in range(1, size)}}
    model = SCM.discrete(tables)
    flip = np.linalg.matrix_power(np.array([[0.9, 0.1], [0.2, 0.8]]), size - 1)
    assert model.p(f"V{size - 1}=1 | V0=1") == pytest.approx(float(flip[1, 1]))
    would = model.counterfactual({f"V{size - 1}": 1}, {"V0": 1}).p(f"V{size - 1}=1")
    assert would == pytest.approx(1.0)  # every row is monotone in its parent, and noise is comonotone
    assert model.joint(["V1"]).sum() == pytest.approx(1)
    model.joint(["V1"])[:] = 0  # a caller's copy
    assert model.joint(["V1"]).sum() == pytest.approx(1)
    again = pickle.loads(pickle.dumps(model))
    assert again.p("V3=1") == model.p("V3=1")
    assert len(pickle.dumps(model)) < 200_000


def test_interventions_may_be_text() -> None:
    assert XY.do("X=1").p("Y=1") == XY.do(X=1).p("Y=1") == pytest.approx(0.7)
    assert XY.counterfactual("X=0, Y=0", "X=1").p("Y=1") == XY.counterfactual({"X": 0, "Y": 0}, {"X": 1}).p("Y=1")
    with pytest.raises(QueryError, match=r"do\(X>0\) sets no value; write do\(X=VALUE\)"):
        XY.do("X>0")
