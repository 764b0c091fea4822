"""Actual causes: the definitions written out word by word, the classic stories, theorems, and another package."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

import pytest
from numpy.random import Generator, default_rng

from butfor.core.errors import GraphError, QueryError, UnknownName
from butfor.scm.actual import Definition, blame, causes, is_cause, responsibility
from butfor.scm.equations import Equations, Rule
from butfor.scm.models.model import SCM

DEFINITIONS: tuple[Definition, ...] = ("original", "updated", "modified")
ROCKS = Equations(
    {"ST": 1, "BT": 1, "SH": lambda ST: ST, "BH": lambda BT, SH: BT and not SH, "BS": lambda SH, BH: SH or BH}
)


def named(effect: Any, model: Equations, definition: Definition, **how: Any) -> set[frozenset[str]]:
    return {frozenset(one.cause) for one in causes(effect, model, definition=definition, **how)}


def sets(*groups: str) -> set[frozenset[str]]:
    return {frozenset(group.split()) for group in groups}


# the definitions, word by word --------------------------------------------------------------------------------------


def random_model(rng: Generator, n: int, levels: int = 2) -> Equations:
    """Random functions of some of the earlier variables; names are not in causal order."""
    names = [f"V{i}" for i in rng.permutation(n)]
    values = {name: tuple(range(int(rng.integers(2, levels + 1)))) for name in names}
    equations: dict[str, Any] = {}
    for k, name in enumerate(names):
        inner = [cause for cause in names[:k] if rng.random() < 0.7]
        table = rng.integers(0, len(values[name]), size=[len(values[cause]) for cause in inner])
        equations[name] = Rule(tuple(inner), lambda *v, t=table: t[v]) if inner else int(table)
    return Equations(equations, values)


def subsets(names: list[str]) -> Iterator[tuple[str, ...]]:
    for size in range(len(names) + 1):
        yield from combinations(names, size)


def by_definition(model: Equations, effect: str, definition: Definition) -> set[frozenset[str]]:
    """AC1 to AC3 as they are printed, for `effect` keeping its actual value."""
    actual = model.solve()
    names = [name for name in model.equations if name != effect]

    def happens(settings: dict[str, Any]) -> bool:
        return model.solve(**settings)[effect] == actual[effect]

    def needed(x: tuple[str, ...], w: dict[str, Any]) -> bool:
        """AC2(b)"""
        if definition == "modified":
            return all(actual[name] == value for name, value in w.items())
        z = [name for name in model.equations if name not in x and name not in w]
        inner = [tuple(w)] if definition == "original" else list(subsets(list(w)))
        return all(
            happens({**{v: actual[v] for v in x}, **{v: w[v] for v in some}, **{v: actual[v] for v in kept}})
            for some in inner
            for kept in subsets(z)
        )

    def ac2(x: tuple[str, ...]) -> bool:
        for settings in product(*(model.values(name) for name in x)):
            for w in subsets([name for name in model.equations if name not in x]):
                for held in product(*(model.values(name) for name in w)):
                    contingency = dict(zip(w, held, strict=True))
                    undone = not happens({**dict(zip(x, settings, strict=True)), **contingency})
                    if undone and needed(x, contingency):
                        return True
        return False

    found: list[frozenset[str]] = []
    for x in subsets(names):
        if x and not any(one <= set(x) for one in found) and ac2(x):
            found.append(frozenset(x))
    return set(found)


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_causes_are_those_of_the_definition(definition: Definition) -> None:
    several = 0
    for seed in range(40):
        rng = default_rng(seed)
        model = random_model(rng, 4, levels=3 if seed % 5 == 0 else 2)
        effect = model.graph.names[model.graph.order[int(rng.integers(2, 4))]]
        found = named({effect: model.solve()[effect]}, model, definition)
        assert found == by_definition(model, effect, definition), seed
        several += any(len(one) > 1 for one in found)
    assert definition != "modified" or several > 0


def test_theorems() -> None:
    """Original causes are single; a modified cause's members are original causes and parts of updated ones."""
    for seed in range(60):
        rng = default_rng(seed)
        model = random_model(rng, 6)
        effect = model.graph.names[model.graph.order[-1]]
        actual = model.solve()
        event = {effect: actual[effect]}
        original, updated, modified = (named(event, model, definition) for definition in DEFINITIONS)
        assert all(len(one) == 1 for one in original)
        parts = set[str]().union(*updated)
        for one in modified:
            assert all(frozenset([name]) in original and name in parts for name in one)
        for name in model.equations:
            other = {name: 1 - actual[name]}
            if name != effect and model.solve(**other)[effect] != actual[effect]:  # but for it, no effect
                assert all(frozenset([name]) in found for found in (original, updated, modified))


def test_a_witness_is_one() -> None:
    for seed in range(40):
        model = random_model(default_rng(seed), 6)
        effect = model.graph.names[model.graph.order[-1]]
        event = {effect: model.solve()[effect]}
        for definition in DEFINITIONS:
            for one in causes(event, model, definition=definition):
                assert model.solve(**one.held, **one.instead)[effect] != event[effect]
                assert model.solve(**one.cause)[effect] == event[effect]
                if definition == "modified":
                    assert all(model.solve()[name] == value for name, value in one.held.items())


# the classic stories ------------------------------------------------------------------------------------------------


def test_a_forest_fire() -> None:
    either = Equations({"L": 1, "MD": 1, "FF": lambda L, MD: L or MD})
    both = Equations({"L": 1, "MD": 1, "FF": lambda L, MD: L and MD})
    assert named("FF=1", either, "modified") == sets("L MD")
    assert named("FF=1", either, "updated") == named("FF=1", either, "original") == sets("L", "MD")
    for definition in DEFINITIONS:
        assert named("FF=1", both, definition) == sets("L", "MD")
        assert responsibility("L=1", "FF=1", both, definition=definition) == 1
        assert responsibility("L=1", "FF=1", either, definition=definition) == 0.5


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_suzy_and_billy(definition: Definition) -> None:
    assert named("BS=1", ROCKS, definition) == sets("ST", "SH")
    assert is_cause("ST=1", "BS=1", ROCKS, definition=definition)
    assert not is_cause({"BT": 1}, "BS=1", ROCKS, definition=definition)
    (first, _) = causes("BS=1", ROCKS, definition=definition)
    assert str(first) == "ST=1 caused BS=1: with BH=0 held, ST=0 undoes it"
    simple = Equations({"ST": 1, "BT": 1, "BS": lambda ST, BT: ST or BT})  # a model too poor to tell them apart
    assert named("BS=1", simple, definition) == (sets("ST BT") if definition == "modified" else sets("ST", "BT"))


def test_voting() -> None:
    def votes(yes: int) -> Equations:
        names = tuple(f"V{i}" for i in range(11))
        ballots = {name: int(i < yes) for i, name in enumerate(names)}
        return Equations({**ballots, "W": Rule(names, lambda *v: sum(v) >= 6)})

    close, clear = votes(6), votes(11)
    assert named("W=1", close, "modified") == sets(*(f"V{i}" for i in range(6)))
    assert len(named("W=1", clear, "modified")) == 462  # six of eleven
    assert len(named("W=1", clear, "updated")) == 11
    for definition in DEFINITIONS:
        assert responsibility("V0=1", "W=1", close, definition=definition) == 1
        assert responsibility("V0=1", "W=1", clear, definition=definition) == pytest.approx(1 / 6)
    assert responsibility("V10=0", "W=1", close) == 0


def test_a_vote_that_is_recorded_twice() -> None:
    """Halpern 2008: under the updated definition, B and C are a cause together, and neither is alone."""
    model = Equations(
        {"A": 1, "B": lambda A: A, "C": lambda A: A, "D": lambda B, C: B and C, "E": lambda A, B: B and not A,
         "WIN": lambda A, D, E: A or D or E}
    )  # fmt: skip
    assert named("WIN=1", model, "original") == sets("A", "B", "C", "D")
    assert named("WIN=1", model, "updated") == sets("A", "D", "B C")
    assert named("WIN=1", model, "modified") == sets("A")


def test_a_loaded_gun() -> None:
    """Hopkins & Pearl 2003: A loads B's gun, B does not shoot, C does; A is a cause in the first definition alone."""
    guns = Equations({"A": 1, "B": 0, "C": 1, "D": lambda A, B, C: (A and B) or C})
    assert named("D=1", guns, "original") == sets("A", "C")
    assert named("D=1", guns, "updated") == named("D=1", guns, "modified") == sets("C")


def test_a_poison_that_was_never_given() -> None:
    """Hiddleston 2005; Halpern 2015, example 3.4: A=1, no poison; B=1, an antidote."""
    plain = Equations({"A": 1, "B": 1, "VS": lambda A, B: A or B})
    assert named("VS=1", plain, "updated") == sets("A", "B")
    assert named("VS=1", plain, "modified") == sets("A B")
    told = Equations(
        {"A": 1, "B": 1, "PN": lambda A, B: not A and B, "VS": lambda A, PN: A or PN}  # PN: the poison is neutralised
    )
    assert named("VS=1", told, "modified") == sets("A")


def test_a_switch() -> None:
    """Hall 2000: the train arrives by either track; whether the switch is a cause depends on the model's words."""
    tracks = Equations({"S": 1, "L": lambda S: S, "R": lambda S: not S, "A": lambda L, R: L or R})
    silent = Equations({"S": 1, "A": lambda S: 1})
    for definition in DEFINITIONS:
        assert frozenset(["S"]) in named("A=1", tracks, definition)
        assert named("A=1", silent, definition) == set()


def test_blame_is_expected_responsibility() -> None:
    """Chockler & Halpern 2004: some marksmen, one live bullet; who fired it is not known."""
    names = tuple(f"M{i}" for i in range(5))
    squad = Equations(
        {**dict.fromkeys(names, 1), "dies": Rule((*names, "live"), lambda *a: a[:-1][a[-1]])},
    )
    contexts = [({"live": i}, 0.2) for i in range(5)]
    for definition in DEFINITIONS:
        assert blame("M3=1", "dies=1", squad, contexts, definition=definition) == pytest.approx(0.2)
    assert responsibility("M3=1", "dies=1", squad, {"live": 3}) == 1
    assert responsibility("M3=1", "dies=1", squad, {"live": 4}) == 0
    with pytest.raises(QueryError, match="sum to 1"):
        blame("M3=1", "dies=1", squad, contexts[:4])


# what is asked ------------------------------------------------------------------------------------------------------


def test_effects_may_be_any_combination() -> None:
    model = Equations({"A": 1, "B": 1, "C": 0, "D": lambda A, B, C: A + B + C}, {"D": (0, 1, 2, 3)})
    assert named("D>1", model, "modified") == sets("A", "B")
    assert named("D>=1", model, "modified") == sets("A B")
    assert named("D!=0, A=1", model, "modified") == set()  # A is part of the effect itself, and B alone is not enough
    assert named(lambda A, D: A and D > 1, model, "modified") == sets("B")
    assert named("D=2", model, "modified", among=["B", "C"]) == sets("B", "C")
    assert named("D=2", model, "modified", largest=1) == sets("A", "B", "C")


def test_the_context_is_what_is_unseen() -> None:
    model = Equations({"X": lambda u: u, "Y": lambda X, v: X and v})
    assert model.context == ("u", "v") and model.solve({"u": 1, "v": 1}) == {"X": 1, "Y": 1}
    assert named("Y=1", model, "modified", context={"u": 1, "v": 1}) == sets("X")
    with pytest.raises(QueryError, match="says nothing of v"):
        causes("Y=1", model, {"u": 1})
    with pytest.raises(UnknownName, match="part of the context"):
        causes("Y=1", model, {"u": 1, "v": 1, "w": 1})


def test_a_discrete_model_in_a_context() -> None:
    model = SCM.discrete(
        {"rain": {"no": 0.6, "yes": 0.4}, "hose": {"no": 0.5, "yes": 0.5},
         "wet": (("rain", "hose"), lambda rain, hose: int(rain == "yes" or hose == "yes"))}
    )  # fmt: skip
    told = Equations.of(model, {"rain": "yes", "hose": "no"})
    assert named("wet=1", told, "modified") == sets("rain")
    assert causes("wet=1", told)[0].cause == {"rain": "yes"}
    with pytest.raises(QueryError, match="hose is random"):
        Equations.of(model, {"rain": "yes"})
    with pytest.raises(UnknownName, match="variable 'snow'"):
        Equations.of(model, {"rain": "yes", "hose": "no", "snow": "no"})
    with pytest.raises(QueryError, match="rain>no: labels have no order"):
        causes("rain>no", told)


def test_bad_questions() -> None:
    with pytest.raises(QueryError, match="does not happen"):
        causes("BS=0", ROCKS)
    with pytest.raises(UnknownName, match="variable 'BX'"):
        causes("BX=1", ROCKS)
    with pytest.raises(UnknownName, match="definition of actual causes 'modern'"):
        causes("BS=1", ROCKS, definition="modern")  # pyright: ignore[reportArgumentType]
    assert causes("BS=1", ROCKS, among="ST") == causes("BS=1", ROCKS, among=["ST"]) != []
    with pytest.raises(QueryError, match="not one of its values"):
        causes("Y=1", Equations({"X": 3, "Y": lambda X: X}))
    with pytest.raises(GraphError, match="cycle"):
        Equations({"X": lambda Y: Y, "Y": lambda X: X})
    with pytest.raises(QueryError, match="plain arguments"):
        Equations({"X": lambda *a: 1})
    one, two = (tuple(f"{letter}{i}" for i in range(10)) for letter in "VW")
    wide = {
        **dict.fromkeys((*one, *two), 1),
        "A": Rule(one, lambda *v: all(v)),
        "B": Rule((*two, "A"), lambda *v: all(v)),
    }
    with pytest.raises(QueryError, match="interventions, and 5,000,000 are the most"):
        causes("B=1", Equations(wide))


# another package ----------------------------------------------------------------------------------------------------


@pytest.mark.peer
def test_modified_causes_agree_with_actualcauses() -> None:
    peer = pytest.importorskip("actualcauses")

    def theirs(model: Equations, effect: str) -> set[frozenset[str]]:
        order = [name for name in model.graph.sorted(model.graph.all) if name != effect] + [effect]
        value = model.solve()[effect]

        class System(peer.SystemModel):
            def __init__(self) -> None:
                super().__init__(phi=lambda s: int(s[-1] == value), psi=sum)

            def __call__(self, u: Any, e: Any) -> list[int]:
                found = model.solve(**dict(e))
                return [found[name] for name in order]

        scm = peer.SCM(order, (), [model.values(name) for name in order], (), System())
        scm.find_causes(ISI=False, beam_size=-1, max_steps=-1, verbose=0)
        return {frozenset(cause) for cause in scm.causes}

    for seed in range(200):
        rng = default_rng(seed)
        model = random_model(rng, int(rng.integers(3, 6)))
        effect = model.graph.names[model.graph.order[-1]]
        ours = named({effect: model.solve()[effect]}, model, "modified")
        assert ours == theirs(model, effect), seed
