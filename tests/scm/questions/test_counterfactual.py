"""Counterfactual identification: values against enumeration in random worlds, textbook cases, and honest refusals."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.random import Generator, default_rng

from butfor.core.errors import Impossible, NotIdentified, QueryError
from butfor.scm.bounds import balke_pearl
from butfor.scm.graph import Graph
from butfor.scm.questions.counterfactual import counterfactual
from butfor.scm.questions.expression import ONE, ZERO, Node
from butfor.scm.questions.query import Query, Question, Term
from scm.brute import random_admg, random_world
from scm.enumerated import Enumerated


def question(text: str) -> Question:
    ((_, found),) = Query.parse(text).parts
    return found


def found(text: str, graph: str) -> Node:
    return counterfactual(question(text), Graph.parse(graph))[0]


def value(body: Node, world: Enumerated) -> float:
    table = body.table(world)
    weights = world.joint(table.names) if table.names else np.array(1.0)
    return float(np.sum(weights * table.values))


def random_world_of(name: str, names: tuple[str, ...], rng: Generator, deep: bool = True) -> tuple[Term, ...]:
    """A subscript: other variables at values, or (one level deep) at what they would have been elsewhere."""
    settings: list[Term] = []
    for other in names:
        chance = rng.random()
        if other == name:
            continue
        if chance < 0.3:
            settings.append(Term(other, int(rng.integers(2))))
        elif deep and chance < 0.42 and (inner := random_world_of(other, names, rng, deep=False)):
            settings.append(Term(other, None, inner))
    return tuple(settings) if rng.random() < 0.7 else ()


def random_question(names: tuple[str, ...], rng: Generator) -> Question:
    terms: dict[tuple[str, tuple[Term, ...]], Term] = {}
    given = int(rng.integers(0, 3))
    for _ in range(int(rng.integers(1, 3)) + given):
        name = names[rng.integers(len(names))]
        world = random_world_of(name, names, rng)
        terms.setdefault((name, world), Term(name, int(rng.integers(2)), world))
    listed = list(terms.values())
    cut = max(1, len(listed) - given)
    return Question("P", tuple(listed[:cut]), (), tuple(listed[cut:]))


def swept(seeds: range) -> Counter[str]:
    """How often random questions in random worlds were answered, every answer compared with enumeration."""
    count: Counter[str] = Counter()
    for seed in seeds:
        rng = default_rng(seed)
        graph = random_admg(
            int(rng.integers(2, 5)), rng, float(rng.choice([0.5, 0.8])), float(rng.choice([0, 0.2, 0.4]))
        )
        world = Enumerated(graph, rng)
        for _ in range(10):
            asked = random_question(graph.names, rng)
            truth = world.value_of(asked)
            try:
                body, _ = counterfactual(asked, graph)
            except NotIdentified:
                count["refused"] += 1
                continue
            except Impossible:
                assert np.isnan(truth)
                count["impossible"] += 1
                continue
            if not np.isnan(truth):
                assert value(body, world) == pytest.approx(truth, abs=1e-10), (seed, str(graph), str(asked))
                count["zero" if body == ZERO else "right"] += 1
    return count


def test_every_answer_is_the_truth_in_random_worlds() -> None:
    count = swept(range(150))
    assert count["right"] > 800 and count["refused"] > 100 and count["zero"] > 50


@pytest.mark.slow
def test_every_answer_is_the_truth_in_thousands_of_worlds() -> None:
    count = swept(range(1000, 6000))
    assert count["right"] > 30_000


def test_variables_of_three_values() -> None:
    for seed in range(20):
        world = Enumerated(Graph.parse("Z -> X -> M -> Y; Z -> Y; X <-> Y"), default_rng(seed), levels=3)
        for text in ("P(Y_{X=1}=1 | X=0)", "P(Y_{X=1}=0, M_{X=1}=1, X=0)", "P(Y_{M_{X=1}}=1 | X=0)"):
            body = found(text, str(world.graph))
            assert value(body, world) == pytest.approx(world.answer(text), abs=1e-10)


TEXTBOOK = {
    # the effect on the treated, by adjustment and through the front door
    ("Z -> X -> Y; Z -> Y", "P(Y_{X=1} | X=0)"): "Σ_Z P(Z | X=0) P(Y | Z, X=1)",
    ("X -> M -> Y; X <-> Y", "P(Y_{X=1} | X=0)"): "Σ_M P(Y | X=0, M) P(M | X=1)",
    ("Z -> X -> Y; Z -> Y", "P(Y_{X=1} | X=1)"): "P(Y | X=1)",
    # the mediation formula
    ("X -> M -> Y; X -> Y", "P(Y_{X=1, M_{X=0}})"): "Σ_M P(M | X=0) P(Y | X=1, M)",
    # Shpitser & Pearl 2007, the example of section 1
    ("X -> W -> Y; D -> Z -> Y; X <-> Y; Z <-> X", "P(Y_{X=1} | X=0, Z_{D=0}=1, D=0)"): None,
    ("X -> W -> Y; D -> Z -> Y; X <-> Y", "P(Y_{X=1} | X=0, Z_{D=0}=1, D=0)"):
        "Σ_W P(Y | X=0, W, Z=1) P(W | X=1)",
    # consistency and composition
    ("X -> Y", "P(Y_{X=1}=1, X=1)"): "P(X=1, Y=1)",
    ("X -> Y; X <-> Y", "P(Y_{X=1}=1, X=1)"): "P(X=1, Y=1)",
    ("X -> Y; X <-> Y", "P(Y_{X=1}=1, Y=0, X=1)"): "0",
    ("X -> M -> Y; X <-> M; M <-> Y", "P(Y_{M=1}=1, M_{X=0}=1, X=0)"): "P(X=0, M=1, Y=1)",
    # what is given elsewhere cancels
    ("A -> B; X -> Y", "P(Y_{X=1}=1 | B_{A=0}=1, B_{A=1}=0)"): "P(Y=1 | X=1)",
}  # fmt: skip


@pytest.mark.parametrize(("graph", "text"), [key for key, body in TEXTBOOK.items() if body is not None])
def test_textbook(graph: str, text: str) -> None:
    body = found(text, graph)
    assert str(body) == TEXTBOOK[graph, text]


REFUSED = [
    ("X -> Y; X <-> Y", "P(Y_{X=1}=1 | X=0)", "X=0 and X=1"),  # the bow
    ("X -> Y", "P(Y_{X=1}=1 | X=0, Y=0)", "Y=0 and Y=1"),  # sufficiency, even where nothing confounds
    ("X -> Y", "P(Y_{X=0}=0 | X=1, Y=1)", "at once"),  # necessity
    ("X -> Y", "P(Y_{X=1}=1, Y_{X=0}=0)", "at once"),
    ("X -> M -> Y; M <-> Y", "P(Y_{X=1}=1, M_{X=0}=1)", "at once"),
    ("X -> M -> Y; X -> Y; M <-> Y", "P(Y_{X=1, M_{X=0}}=1)", "at once"),  # natural effects with a confounded mediator
    ("Z -> X -> Y; X <-> Y", "P(X_{Z=1}=1, X_{Z=0}=0)", "at once"),  # who complies
]


@pytest.mark.parametrize(("graph", "text", "why"), REFUSED)
def test_what_is_refused_has_two_answers(graph: str, text: str, why: str) -> None:
    with pytest.raises(NotIdentified, match=why) as caught:
        found(text, graph)
    assert caught.value.hedge is not None
    shape = Graph.parse(graph)
    widths = [balke_pearl(text, shape, random_world(shape, default_rng(seed))).width for seed in range(3)]
    assert max(widths) > 1e-3


def test_random_refusals_have_two_answers() -> None:
    """ID* does not know how many values there are; but for what two values alone settle, refusals are right."""
    wide = points = 0
    for seed in range(40):
        rng = default_rng(seed)
        graph = random_admg(int(rng.integers(2, 4)), rng, 0.7, 0.3)
        for _ in range(6):
            asked = random_question(graph.names, rng)
            try:
                counterfactual(asked, graph)
            except Impossible:
                continue
            except NotIdentified:
                try:
                    spread = [
                        balke_pearl(Query(((1.0, asked),)), graph, random_world(graph, default_rng(k))).width
                        for k in range(2)
                    ]
                except (QueryError, Impossible):
                    continue
                wide += max(spread) > 1e-7
                points += max(spread) <= 1e-7
    assert wide > 20 and points <= 0.05 * wide


def test_what_is_free_is_an_axis() -> None:
    world = Enumerated(Graph.parse("Z -> X -> Y; Z -> Y; Z <-> Y"), default_rng(3))
    table = found("P(Y_{X} | X=0)", str(world.graph)).table(world)
    assert set(table.names) == {"X", "Y"}
    for x in (0, 1):
        for y in (0, 1):
            truth = world.answer(f"P(Y_{{X={x}}}={y} | X=0)")
            assert table.at({"X": x, "Y": y}).values == pytest.approx(truth, abs=1e-10)


def test_the_derivation_names_factors_and_reasons() -> None:
    _, steps = counterfactual(question("P(Y_{X=1}=1 | X=0)"), Graph.parse("Z -> X -> Y; Z -> Y"))
    assert steps[0] == "copies: P(X=0, Y_{X=1}=1) = Σ_{Z} P(Z) · P(X=0 | do(Z)) · P(Y=1 | do(Z, X=1))"
    assert any("district" in step for step in steps) and steps[-1].startswith("condition")
    _, steps = counterfactual(question("P(Y_{X=1}=1, Y=1 | X=1)"), Graph.parse("X -> Y"))
    assert steps[0].startswith("merge: Y_{X=1} and Y")


def test_large_values_are_told_apart() -> None:
    with pytest.raises(NotIdentified):  # not P(Y=1 | X=20200102), which consistency would make of one value
        found("P(Y_{X=20200101}=1 | X=20200102)", "X -> Y; X <-> Y")
    assert found("P(Y_{X=1.0}=1 | X=1)", "X -> Y; X <-> Y") == found("P(Y_{X=1}=1 | X=1)", "X -> Y; X <-> Y")
    assert found("P(X_{X=20200101}=20200102 | Y=1)", "X -> Y") == ZERO


def test_what_is_certain_needs_no_data() -> None:
    assert found("P(X_{X=1}=1 | Y=1)", "X -> Y") == ONE
    assert found("P(X_{X=1}=0 | Y=1)", "X -> Y") == ZERO


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("P(Y_{X_{X=1}} = 1 | X=0)", "P(Y_{X=1} = 1 | X=0)"),  # what X is where it is set
        ("P(Y_{X_{X=1, Z=0}} = 1 | X=0)", "P(Y_{X=1} = 1 | X=0)"),
        ("P(X_{X_{Z=1}} = 1 | Z=0)", "P(X_{Z=1} = 1 | Z=0)"),
    ],
)
def test_what_is_set_is_what_it_is_set_to_in_subscripts_too(text: str, same: str) -> None:
    world = Enumerated(Graph.parse("Z -> X -> Y"), default_rng(4))
    assert value(found(text, str(world.graph)), world) == pytest.approx(world.answer(same), abs=1e-10)
    assert world.answer(same) in balke_pearl(text, world.graph, world)
    assert balke_pearl("P(Y_{Y_{Y=1}} = 1 | X=0)", world.graph, world).low == 1
    assert found("P(Y_{Y_{Y=1}} = 1 | X=0)", str(world.graph)) == ONE


def test_questions_that_contradict_themselves_or_leave_names_open() -> None:
    with pytest.raises(Impossible, match="contradicts itself"):
        found("P(Y_{X=1}=1 | X=1, Y_{X=1}=0, Y=1)", "X -> Y")
    with pytest.raises(QueryError, match="stands for two things"):
        found("P(Y_{X=1}, Y)", "X -> Y")
    with pytest.raises(QueryError, match="stands for two things"):
        found("P(Y_{X}=1, W=1)", "X -> Y; X -> W")
    with pytest.raises(QueryError, match="settled by what else is said"):
        found("P(Y_{X=1} | X=1, Y=0)", "X -> Y")


def test_deep_graphs_are_fast() -> None:
    names = [f"V{i}" for i in range(300)]
    edges = [(names[i], names[j]) for i in range(300) for j in range(i + 1, min(i + 4, 300))]
    body, _ = counterfactual(question("P(V299_{V150=1}=1 | V150=0)"), Graph(names, edges))
    assert "V149" in str(body)


NAPKIN = Graph.parse("W -> R -> X -> Y; W <-> X; W <-> Y")


def test_two_values_settle_more() -> None:
    """P(Y_1, X=0) = P(Y_1) - P(Y, X=1): the effect on the treated, wherever the effect on all is identified."""
    text = "P(Y_{X=1}=1 | X=0)"
    with pytest.raises(NotIdentified, match=r"where X has no values but 0 and 1, it is: identify\(…, two_valued="):
        counterfactual(question(text), NAPKIN)
    body, steps = counterfactual(question(text), NAPKIN, {"X": (0, 1)})
    assert steps[0].startswith("complement: X=0 wherever X=1 does not hold")
    for seed in range(5):
        world = Enumerated(NAPKIN, default_rng(seed))
        assert value(body, world) == pytest.approx(world.answer(text), abs=1e-10)
    with pytest.raises(NotIdentified, match="balke_pearl"):
        counterfactual(question("P(Y_{X=1}=1 | X=0)"), Graph.parse("X -> Y; X <-> Y"), {"X": (0, 1), "Y": (0, 1)})


@pytest.mark.peer
def test_effects_on_the_treated_agree_with_antecedent() -> None:
    peer = pytest.importorskip("antecedent")
    from antecedent.counterfactual_id import prepare_effect_on_treated

    answered = refused = 0
    for seed in range(150):
        rng = default_rng(seed)
        graph = random_admg(int(rng.integers(3, 6)), rng, 0.5, 0.3)
        x, y = (graph.names[i] for i in sorted(rng.permutation(len(graph.names))[:2], key=graph.order.index))
        world = random_world(graph, rng)
        shape = peer.Admg.from_edges(list(graph.names), graph.edges, graph.confounded)
        levels = {name: [0.0, 1.0] for name in graph.names}
        try:
            how = {"treatment": x, "active": 1.0, "observed": 0.0, "outcome": y, "outcome_level": 1.0}
            theirs = prepare_effect_on_treated(shape, levels, **how).evaluate(
                probabilities=world.joint(graph.names).ravel().tolist()
            )
        except peer.errors.CausalUnsupportedError:
            with pytest.raises(NotIdentified):
                counterfactual(question(f"P({y}_{{{x}=1}}=1 | {x}=0)"), graph, {x: (0, 1)})
            refused += 1
            continue
        body, _ = counterfactual(question(f"P({y}_{{{x}=1}}=1 | {x}=0)"), graph, {x: (0, 1)})
        assert float(np.mean(body.table(world).values)) == pytest.approx(theirs.probability, abs=1e-9)
        answered += 1
    assert answered > 30 and refused > 30
