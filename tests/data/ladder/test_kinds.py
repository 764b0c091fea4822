"""Numbers that can be worked out by hand, in both ways; and both ways on many worlds."""

from __future__ import annotations

import pytest

from butfor.core.seeds import generator
from butfor.data.ladder import KINDS, Dials, brute
from butfor.data.ladder.draw import dials_of, draw
from butfor.data.ladder.quantities import ARITHMETIC, COLLIDER, CONDITION, EFFECT, IGNORES, RUNG
from butfor.data.ladder.world import TYPES, Table, World

# Simpson: C is common to X and Y; among all, X goes with less Y, and X makes more Y
SIMPSON = World(
    "dag",
    {"C1": Table((), (50,)), "X": Table(("C1",), (20, 80)), "Y": Table(("C1", "X"), (80, 90, 10, 20))},
    {"C1": "c1", "X": "x", "Y": "y"},
)
# X -> M -> Y and X -> Y, against each other; E of both
SPLIT = World(
    "dag",
    {"X": Table((), (40,)), "M1": Table(("X",), (10, 60)), "Y": Table(("X", "M1"), (20, 80, 10, 50)),
     "E1": Table(("X", "Y"), (10, 60, 60, 90))},
    {"X": "x", "M1": "m1", "Y": "y", "E1": "e1"},
)  # fmt: skip
MONOTONE = World(
    "monotone",
    {"C1": Table((), (50,)), "X": Table(("C1",), (50, 50)), "Y": Table(("C1", "X"), (20, 40, 60, 100))},
    {"C1": "c1", "X": "x", "Y": "y"},
)


def both(kind: str, world: World, **ask: object) -> float:
    made = KINDS[kind]
    exact, again = made.exact(world, ask), made.brute(world, ask)
    assert exact == pytest.approx(again, abs=1e-9)
    return again


def test_seeing_and_doing_differ_by_hand() -> None:
    assert both("ate", SIMPSON) == pytest.approx(0.1)
    assert both("correlation", SIMPSON) == pytest.approx((0.2 * 0.9 + 0.8 * 0.2) - (0.8 * 0.8 + 0.2 * 0.1))
    assert both("marginal", SIMPSON) == pytest.approx(0.5 * (0.34 + 0.66) - 0.5)
    assert both("ett", SIMPSON) == pytest.approx(0.1)
    lures = KINDS["ate"].lures(SIMPSON, {})
    assert lures[IGNORES] == pytest.approx(-0.32)
    assert lures[ARITHMETIC] == pytest.approx(0.1)
    assert KINDS["correlation"].lures(SIMPSON, {})[RUNG] == pytest.approx(0.1)


def test_direct_and_indirect_effects_by_hand() -> None:
    # Y_0: M is 0.1; direct: X=1 with M at 0.1; indirect: X=0 with M at 0.6
    base, direct, indirect = 0.9 * 0.2 + 0.1 * 0.8, 0.9 * 0.1 + 0.1 * 0.5, 0.4 * 0.2 + 0.6 * 0.8
    assert both("nde", SPLIT) == pytest.approx(direct - base)
    assert both("nie", SPLIT) == pytest.approx(indirect - base)
    assert both("path_specific", SPLIT, through="M1") == pytest.approx(indirect - base)
    assert both("cde", SPLIT, held="M1", at=1) == pytest.approx(0.5 - 0.8)
    assert both("ate", SPLIT) == pytest.approx(0.4 * 0.1 + 0.6 * 0.5 - base)
    lures = KINDS["nde"].lures(SPLIT, {})
    assert lures[EFFECT] == pytest.approx(indirect - base)


def test_looking_within_an_effect_by_hand() -> None:
    y = {0: 0.26, 1: 0.34}
    both_, only = y[1] * 0.9, (1 - y[1]) * 0.6  # P(Y, E | X=1), P(not Y, E | X=1)
    within = both_ / (both_ + only)
    overall = (0.4 * both_ + 0.6 * y[0] * 0.6) / (0.4 * (both_ + only) + 0.6 * (y[0] * 0.6 + (1 - y[0]) * 0.1))
    assert both("exp_away", SPLIT, given="E1") == pytest.approx(within - overall)
    assert KINDS["exp_away"].lures(SPLIT, {"given": "E1"})[CONDITION] == pytest.approx(y[1] - y[0])
    control = y[0] * 0.6 / (y[0] * 0.6 + (1 - y[0]) * 0.1)
    assert KINDS["ate"].lures(SPLIT, {})[COLLIDER] == pytest.approx(within - control)


def test_necessity_and_sufficiency_by_hand() -> None:
    # of those with X and Y (0.1 + 0.25), X brought it about for 0.25 * 0.2 + 0.25 * 0.4
    assert both("pn", MONOTONE) == pytest.approx((0.05 + 0.1) / 0.35 - 0.5)
    assert both("ps", MONOTONE) == pytest.approx((0.05 + 0.1) / (0.25 * 0.8 + 0.25 * 0.4) - 0.5)
    assert both("pns", MONOTONE) == pytest.approx(0.3 - 0.5)


def test_a_second_population_by_hand() -> None:
    far = World(
        "transport", {**SIMPSON.tables, "Y": Table(("C1", "X"), (80, 90, 50, 20))}, SIMPSON.roles, moved={"C1": 90}
    )
    assert both("transport", far) == pytest.approx(0.1 * 0.1 - 0.9 * 0.3)
    assert KINDS["transport"].lures(far, {})["carries over"] == pytest.approx(0.05 - 0.15)


def test_types_by_hand() -> None:
    percents = dict.fromkeys(TYPES, 0) | {(0, 1, 0, 1): 40, (0, 1, 1, 0): 10, (0, 0, 1, 1): 30, (1, 1, 0, 0): 20}
    world = World(
        "instrument",
        {"Z": Table((), (50,)), "T": Table((), ()), "X": Table(("Z", "T"), ()), "Y": Table(("X", "T"), ())},
        {"Z": "z", "T": "c1", "X": "x", "Y": "y"}, hidden=("T",), types=tuple(percents.values()),
    )  # fmt: skip
    assert both("iv", world) == pytest.approx((40 - 10) / 50)
    assert both("bounds", world) <= 0.4 - 0.1  # no more than what the effect is


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_two_ways_agree_on_many_worlds(kind: str) -> None:
    made, seen = KINDS[kind], 0
    for n in range(15 if kind == "bounds" else 40):
        rng = generator(n, "two ways", kind)
        world = draw(made.family, Dials((3, 8), (0, 3), (1, 3)), rng)
        if (ask := made.asks(world, rng)) is not None:
            assert made.exact(world, ask) == pytest.approx(made.brute(world, ask), abs=1e-9)
            seen += 1
    assert seen > 2


def test_a_set_is_valid_where_adjusting_gives_the_effect() -> None:
    """The graph's answer is the number's answer: Σ P(s) (P(y | x, s) - P(y | x', s)) is the effect, or it is not."""
    from itertools import product

    from butfor.data.ladder.brute import Part

    for n in range(40):
        rng = generator(n, "adjusting")
        world = draw("dag", Dials(), rng)
        if (ask := KINDS["backadj"].asks(world, rng)) is None:
            continue
        given = ask["given"]
        total = 0.0
        for values in product((0, 1), repeat=len(given)):
            case = dict(zip(given, values, strict=True))
            up, down = (brute.probability(world, Part(1, {"Y": 1}, {"X": v, **case})) for v in (1, 0))
            total += (brute.probability(world, Part(1, case)) if case else 1.0) * (up - down)
        off = abs(total - KINDS["ate"].brute(world, {}))
        assert (off < 1e-9) == (KINDS["backadj"].brute(world, ask) > 0)


def test_what_is_drawn_has_what_its_family_promises() -> None:
    for n in range(30):
        rng = generator(n, "families")
        front = draw("front_door", Dials(), rng)
        assert front.tables["X"].yes == (0, 100)
        assert front.hidden == ("U",)
        types = draw("instrument", Dials(), rng).types
        assert sum(types) == 100
        assert not any(p for p, t in zip(types, TYPES, strict=True) if t[:2] == (1, 0))
        rows = draw("monotone", Dials(), rng).tables["Y"].yes
        assert all(low <= high for low, high in zip(rows[::2], rows[1::2], strict=True))
        world = draw("dag", Dials((5, 5), (1, 2), (1, 3)), rng)
        assert dials_of(world)["nodes"] == "5"
        assert all(5 <= p <= 95 for table in world.tables.values() for p in table.yes)
        rules = draw("rules", Dials(), rng)
        assert set(rules.tables) == {name for edge in rules.edges for name in edge}
