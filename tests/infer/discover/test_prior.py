"""Answers as knowledge: each use in its limiting cases, exact odds, what rows say against it, and failing searches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

pytest.importorskip("andrey")

from pydantic import ValidationError
from tests.infer.discover.oracle import knows, study
from tests.infer.scripted import Script

from butfor.core.registry import build, resolve
from butfor.data.drawn import Drawn, Task, decided
from butfor.infer.discover.order import ordered
from butfor.infer.discover.prior import LEAST, Prior, belief, joined, knowledge_of
from butfor.lm.exchange import Said, converse
from butfor.scm.columns import Columns
from butfor.scm.discovery.agreement import shd
from butfor.scm.discovery.run import discover
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import Pattern

TRUTH = Graph.parse("a -> b; b -> c; c -> d")
NAMES = TRUTH.names


def rows(count: int = 400) -> Columns:
    """A chain with normal noise: no data tell its directions."""
    rng = np.random.default_rng(1)
    found = {"a": rng.normal(size=count)}
    for before, name in zip("abc", "bcd", strict=True):
        found[name] = found[before] + rng.normal(size=count)
    return Columns(found)


def said(*edges: tuple[str, str, float], count: tuple[str, ...] = NAMES) -> Drawn:
    """What somebody said of these edges; of all other pairs that neither causes the other."""
    shares = np.zeros((len(count), len(count)))
    for a, b, share in edges:
        shares[count.index(a), count.index(b)] = share
    graph, refused = decided(count, shares)
    order = tuple(count[at] for at in ordered(shares))
    return Drawn(count, shares, Pattern.from_graph(graph), refused, order, asked=1)


def drawn(method: Prior, reply: Any, data: Columns | None) -> Drawn:
    ((found, cost),) = converse(Script(reply), [method.drawing(Task("t", study(TRUTH), data), 0)])  # type: ignore[arg-type]
    assert cost.calls == found.asked
    return found


def test_no_weight_is_the_search_of_the_rows_and_asks_nothing() -> None:
    found = drawn(Prior(weight=0.0), None, rows())
    assert found.asked == 0 and found.pattern == discover(rows(), bootstraps=0).pattern
    assert found.found is not None and not found.found.conflicts
    assert [arrow for _, arrow, _ in found.pattern.edges] == ["--"] * 3


def test_no_rows_is_the_model_s_own_graph() -> None:
    found = drawn(Prior(), knows(TRUTH), None)
    assert found.found is None and found.pattern == Pattern.from_graph(TRUTH)


@pytest.mark.parametrize("by_asking", ["pairwise", "triplets", "bfs"])
@pytest.mark.parametrize(("use", "search"), [("soft", "auto"), ("soft", "ges"), ("soft", "boss"), ("hard", "pc"),
                                             ("hard", "auto"), ("order", "pc"), ("order", "ges")])  # fmt: skip
def test_who_knows_the_directions_gives_them_to_the_search(by_asking: Any, use: Any, search: Any) -> None:
    method = Prior(by_asking=by_asking, use=use, search=search, asks=3)
    found = drawn(method, knows(TRUTH), rows())
    assert found.why == "" and shd(TRUTH, found.pattern) == 0, str(found.pattern)


def test_the_odds_are_those_of_the_edge_against_none() -> None:
    assert belief(0.4, 0.2, 1.0) == pytest.approx(2 / 3)
    assert belief(0.4, 0.2, 2.0) == pytest.approx(4 / 5)
    assert belief(1 / 3, 1 / 3, 1.0) == 0.5 == belief(0.9, 0.05, 0.0)
    assert math.log(belief(1, 0, 1) / (1 - belief(1, 0, 1))) == pytest.approx(math.log((1 - LEAST) / LEAST))
    soft = knowledge_of(said(("a", "b", 0.6), ("b", "a", 0.3)), "soft")
    odds = {edge: math.log(p / (1 - p)) for edge, p in soft.beliefs.items()}
    assert odds["a", "b"] - odds["b", "a"] == pytest.approx(math.log(0.6 / 0.3))
    assert odds["c", "d"] == pytest.approx(math.log(LEAST / (1 - LEAST)))


def test_three_equal_shares_say_nothing_in_any_use() -> None:
    nothing = said()
    nothing = Drawn(NAMES, (1 - np.eye(4)) / 3, nothing.pattern, (), NAMES, asked=6, unread=6)
    assert all(knowledge_of(nothing, use).empty for use in ("soft", "hard", "order"))
    mute = drawn(Prior(), lambda ask: Said(why="an address weighs nothing") if hasattr(ask, "choices") else "", rows())
    assert mute.pattern == drawn(Prior(weight=0.0), None, rows()).pattern


def test_rules_are_those_of_firm_shares_and_have_no_cycle() -> None:
    ring = said(("a", "b", 0.95), ("b", "c", 0.93), ("c", "a", 0.91), ("c", "d", 0.5))
    hard = knowledge_of(ring, "hard")
    assert hard.required == (("a", "b"), ("b", "c"))
    assert ("d", "c") in hard.forbidden and ("c", "d") not in hard.forbidden and ("b", "a") in hard.forbidden
    hard.rules(NAMES)  # do not contradict each other
    back = knowledge_of(said(("d", "c", 0.4), ("c", "b", 0.6)), "order").forbidden
    assert set(back) == {("c", "d"), ("b", "c")}


def test_rows_speak_against_what_was_said_by_so_many_nats() -> None:
    wrong = said(("a", "d", 0.95), ("a", "b", 0.0))
    found = joined(wrong, rows(), knowledge_of(wrong, "hard"), "boss", 0)
    assert found.found is not None
    told = {one.item: one for one in found.found.conflicts}
    assert told["forbidden b -> c"].nats is not None and told["forbidden b -> c"].nats > 3
    soft = joined(wrong, rows(), knowledge_of(wrong, "soft"), "auto", 0)
    assert soft.found is not None and any("b -> c" in one.item for one in soft.found.conflicts)
    assert not any(one.against.startswith("belief") for one in soft.found.conflicts)
    joins = {frozenset((a, b)) for a, _, b in soft.pattern.edges}
    assert joins >= {frozenset("bc"), frozenset("cd")}


def test_a_search_that_cannot_be_made_leaves_what_was_said() -> None:
    flat = Columns({**rows().values, "d": np.zeros(400)})
    found = joined(said(("a", "b", 0.9)), flat, knowledge_of(said(), "soft"), "auto", 0)
    assert "constant" in found.why and found.found is None and found.edges == [("a", "b")]


def test_pc_weighs_no_beliefs() -> None:
    _, problems = build(resolve("method", "infer.discover.prior"), {"search": "pc"})
    assert any("pc tests and weighs no beliefs; set use" in str(problem) for problem in problems)
    Prior(search="pc", weight=0.0)
    with pytest.raises((ValueError, ValidationError)):
        Prior(search="pc")
