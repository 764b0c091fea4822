"""Readings computed: against the ladder, against hand-made worlds, where little is told, where nothing can be said."""

from __future__ import annotations

from itertools import product
from time import perf_counter

import numpy as np
import pytest

from butfor.data.computed import compute
from butfor.data.numbers import Numbers
from butfor.data.reading import read
from butfor.scm import SCM

CONFOUNDED = "A: age\nB: drug\nC: cure\nA -> B, C\nB -> C\n"
TABLES = """P(A=1) = 30
P(B=1 | A=0) = 20
P(B=1 | A=1) = 90
P(C=1 | A=0, B=0) = 10
P(C=1 | A=0, B=1) = 5
P(C=1 | A=1, B=0) = 60
P(C=1 | A=1, B=1) = 45
"""


def model() -> SCM:
    return SCM.discrete({"A": 0.3, "B": ("A", [0.2, 0.9]), "C": (["A", "B"], [[0.1, 0.05], [0.6, 0.45]])})


def test_a_world_that_is_told_in_full() -> None:
    for kind, number in (
        ("ate(B, C)", model().ate("B", "C")),
        ("correlation(B, C)", model().p("C=1 | B=1") - model().p("C=1 | B=0")),
        ("ett(B, C)", model().att("B", "C")),
        ("nde(A, C)", model().nde("A", "C")),
        ("nie(A, C)", model().nie("A", "C")),
        ("path_specific(A, C | B)", model().nie("A", "C")),
        ("cde(A, C | B=1)", model().cde("A", "C", {"B": 1})),
        ("marginal(C)", model().p("C=1")),
        ("P(C=1 | do(B=1)) - P(C=1 | do(B=0))", model().ate("B", "C")),
    ):
        end = " value" if "|" not in kind or "do" not in kind else ""
        found = compute(read(CONFOUNDED + TABLES + f"ask: {kind}{end}"))
        assert found.number == pytest.approx(number, abs=1e-9), kind
        assert not found.why and found.steps


def test_yes_and_no_follow_the_direction() -> None:
    up, down = (compute(read(CONFOUNDED + TABLES + f"ask: ate(B, C) {way}")) for way in ("up", "down"))
    assert (up.yes, down.yes) == (False, True)
    assert any("adjust" in step for step in up.steps)


def test_a_part_is_enough_where_it_settles_the_question() -> None:
    told = CONFOUNDED + "P(A=1) = 30\n" + TABLES.partition("P(C=1")[1] + TABLES.partition("P(C=1")[2]
    assert compute(read(told + "ask: ate(B, C) down")).number == pytest.approx(model().ate("B", "C"))
    chain = "A: a\nB: b\nC: c\nA -> B\nB -> C\nP(C=1 | A=0) = 45\nP(C=1 | A=1) = 56\nask: {} up"
    for kind in ("ate(A, C)", "ett(A, C)", "correlation(A, C)"):
        assert compute(read(chain.format(kind))).number == pytest.approx(0.11)
    both = "A: a\nB: b\nA -> B\nP(A=1) = 80\nP(A=0, B=1) = 5\nP(A=1, B=1) = 68\nask: correlation(A, B) up"
    assert compute(read(both)).number == pytest.approx(0.68 / 0.8 - 0.05 / 0.2)


def test_two_ends_where_a_part_does_not_settle_it() -> None:
    """P(A | C) is open, but whatever it is, those without A pull the share down."""
    told = "A: a\nB: b\nC: c\nA -> C\nB -> C\nP(A=1) = 44\nP(B=1 | A=0, C=1) = 20\nP(B=1 | A=1, C=1) = 50\n"
    found = compute(read(told + "ask: exp_away(A, B | C) up"))
    assert found.yes is True and found.number is None and found.low == pytest.approx(0, abs=1e-4)
    assert any("not told" in step for step in found.steps)
    unclear = compute(read("A: a\nB: b\nA -> B\nP(B=1 | A=1) = 60\nask: ate(A, B) up"))
    assert unclear.yes is None and unclear.why
    assert (unclear.low, unclear.high) == (pytest.approx(-0.4, abs=1e-4), pytest.approx(0.6, abs=1e-4))


@pytest.mark.parametrize("seed", range(6))
def test_the_two_ends_hold_every_world_that_agrees(seed: int) -> None:
    """Cells are left out one by one; the true number stays between the ends."""
    rng = np.random.default_rng(seed)
    tables = {"A": (), "B": ("A",), "C": ("A", "B")}
    lines, made = [], {}
    for name, causes in tables.items():
        rows = rng.integers(5, 96, 2 ** len(causes))
        for case, percent in zip(product((0, 1), repeat=len(causes)), rows, strict=True):
            behind = ", ".join(f"{cause}={value}" for cause, value in zip(causes, case, strict=True))
            lines.append(f"P({name}=1{' | ' + behind if behind else ''}) = {percent}")
        made[name] = (list(causes), (rows / 100).reshape((2,) * len(causes))) if causes else rows[0] / 100
    true = SCM.discrete(made).ate("B", "C")
    for _ in range(3):
        lines.pop(int(rng.integers(len(lines))))
        found = compute(read(CONFOUNDED + "\n".join(lines) + "\nask: ate(B, C) value"))
        assert found.low is not None and found.high is not None
        assert found.low - 1e-5 <= true <= found.high + 1e-5


def test_an_end_that_lies_between_the_corners_is_found() -> None:
    """B does not depend on A but through Z; with Z never or always there, nothing links them; in between much does."""
    told = "Z: z\nA: a\nB: b\nZ -> A\nZ -> B\nA -> B\nP(A=1 | Z=0) = 1\nP(A=1 | Z=1) = 50\n"
    told += "".join(f"P(B=1 | A={a}, Z={z}) = {10 + 80 * z}\n" for a, z in product((0, 1), repeat=2))
    found = compute(read(told + "ask: correlation(A, B) down"))

    def gap(z: float) -> float:
        shares = [z * a / (z * a + (1 - z) * b) for a, b in ((0.5, 0.01), (0.5, 0.99))]
        return 0.8 * (shares[0] - shares[1])

    most = max(gap(z) for z in np.linspace(1e-6, 1 - 1e-6, 10_001))
    assert most > gap(0.5) + 0.1, "the middle misses it"
    assert found.high == pytest.approx(most, abs=0.01) and found.low == pytest.approx(0, abs=1e-4)


def test_what_the_graph_does_not_settle_is_bounded_or_assumed_or_not_said() -> None:
    bow = "Z: z\nX: x\nY: y\nZ -> X\nX -> Y\nX <-> Y\n"
    told = "".join(
        f"P(X={x}, Y={y} | Z={z}) = {p}\n"
        for z, row in ((0, (60, 30, 5, 5)), (1, (15, 5, 20, 60)))
        for (x, y), p in zip(product((0, 1), repeat=2), row, strict=True)
    )
    full = compute(read(f"{bow}P(Z=1) = 50\n{told}ask: ate(X, Y) up"))
    assert full.yes is True and full.low is not None and full.low > 0 and not full.assumed
    shares = "P(Y=1 | Z=0) = 72\nP(Y=1 | Z=1) = 83\nP(X=1 | Z=0) = 63\nP(X=1 | Z=1) = 91\nask: ate(X, Y) up"
    wald = compute(read(bow + shares))
    assert wald.yes is True and wald.number == pytest.approx(11 / 28) and "assumed" in wald.assumed[0]
    alone = compute(read(bow + shares), assume=False)
    assert alone.yes is None and "not identified" in alone.why


def test_necessity_with_and_without_monotonicity() -> None:
    exact = compute(read(CONFOUNDED.replace("drug", "x") + TABLES.replace("= 5\n", "= 20\n").replace("= 45", "= 90")
                         + "monotone: B -> C\nask: pns(B, C) value"))  # fmt: skip
    loose = compute(
        read(CONFOUNDED + TABLES.replace("= 5\n", "= 20\n").replace("= 45", "= 90") + "ask: pns(B, C) value")
    )
    assert exact.number is not None and loose.number is None
    assert loose.low is not None and loose.low <= exact.number + 1e-9


def test_rules_are_followed_and_an_unsettled_case_is_not_answered() -> None:
    rules = "A: a\nB: b\nC: c\nC := A and not B\n"
    assert compute(read(f"{rules}seen: A=1, B=1\nask: counterfactual(C | B=0) up")).yes is True
    assert compute(read(f"{rules}seen: A=0\nask: counterfactual(C | B=0) up")).yes is False
    open_ = compute(read(f"{rules}seen: B=1\nask: counterfactual(C | B=0) up"))
    assert open_.yes is None and "settle" in open_.why
    clash = compute(read(f"{rules}seen: A=0, C=1\nask: counterfactual(C | B=0) up"))
    assert clash.yes is None and "probability zero" in clash.why


def test_graphs_alone() -> None:
    graph = "A: a\nB: b\nC: c\nD: d\nA -> C\nB -> C\nC -> D\n"
    for ask, yes in (
        ("separation(A, B) up", True), ("separation(A, B | D) up", False), ("collider_bias(A, B | C) up", False),
        ("collider_bias(A, C | D) down", False), ("backadj(A, D | C) up", False), ("backadj(A, D) up", True),
        ("better_set(A, D | ; C) up", True), ("better_set(A, D | ; B) up", False), ("instrument(A, C, D) up", True),
    ):  # fmt: skip
        assert compute(read(f"{graph}ask: {ask}")).yes is yes, ask


def test_what_is_not_told_at_all_is_no_number() -> None:
    many = "".join(f"{name}: v\n" for name in "ABCDEF") + "A -> F\nB -> F\nC -> F\nD -> F\nE -> F\nask: ate(A, F) up"
    found = compute(read(many))
    assert found.yes is None and found.why


def test_the_order_with_the_fewest_open_cells_is_taken() -> None:
    told = "A: a\nB: b\nA -> B\nP(B=1) = 30\nP(A=1 | B=0) = 20\nP(A=1 | B=1) = 60\nask: correlation(A, B) value"
    assert not Numbers.of(read(told), "AB").left
    assert compute(read(told)).number == pytest.approx(0.18 / 0.32 - 0.12 / 0.68)


def test_twelve_variables_of_which_little_is_told_do_not_take_for_ever() -> None:
    names = "ABCDEFGHIJKL"
    lines = [f"{name}: p{name}" for name in names]
    lines += [f"{a} -> {b}" for at, a in enumerate(names) for b in names[at + 1 :]]
    lines += [f"P({b}=1 | {a}=1) = 40" for a, b in zip(names, names[2:], strict=False)]
    start = perf_counter()
    for kind in ("nde(A, L)", "marginal(L)"):
        found = compute(read("\n".join(lines) + f"\nask: {kind} up"))
        assert found.yes is None and found.why
    assert perf_counter() - start < 60
