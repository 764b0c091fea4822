"""Knowledge at odds: found where it is planted, silent where it is not, with the strength that enumeration gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from butfor.scm.columns import Columns
from butfor.scm.discovery.conflicts import among, with_data
from butfor.scm.discovery.posterior import best_dag, families
from butfor.scm.discovery.priors import Prior
from butfor.scm.discovery.scores import Score, score_of


def collider(n: int = 500, more: int = 0) -> tuple[Columns, Score]:
    """A -> C <- B; D apart; as many more columns, apart from all."""
    rng = np.random.default_rng(0)
    a, b, d = rng.normal(size=(3, n))
    columns: dict[str, Any] = {"A": a, "B": b, "C": a + b + rng.normal(size=n), "D": d}
    columns |= {f"E{k}": rng.normal(size=n) for k in range(more)}
    data = Columns.read(columns)
    return data, score_of(data, ())


def found(prior: dict[str, Any], more: int = 0) -> dict[str, float]:
    data, score = collider(more=more)
    known = Prior.read(prior)
    rules = known.rules(data.names)
    return {each.item: each.nats or 0.0 for each in with_data(known, rules, score, rules.bare)}


@pytest.mark.parametrize("more", [0, 6])
def test_rules_that_the_data_reject(more: int) -> None:
    assert found({"required": ["A -> C"], "forbidden": ["A -> D"], "tiers": [["A", "B"], ["C"]]}, more) == {}
    assert 3 < found({"required": ["A -> D"]}, more)["required A -> D"] < 6  # a needless edge costs log(n)/2 or so
    assert found({"forbidden": ["A -- C"]}, more)["forbidden A -> C"] > 3
    assert found({"forbidden": ["A -> C"]}, more)["forbidden A -> C"] > 3
    assert found({"required": ["C -> A"]}, more)["required C -> A"] > 3
    assert found({"tiers": [["C"], ["A", "B"]]}, more)["tiers"] > 3


def test_the_strength_is_what_the_rule_costs() -> None:
    data, score = collider()
    prior = Prior.read({"required": ["C -> A"], "forbidden": ["B -> C"]})
    with_rules = best_dag(families(score, prior.rules(data.names)))[1]
    for item, nats in found({"required": ["C -> A"], "forbidden": ["B -> C"]}).items():
        assert nats == pytest.approx(best_dag(families(score, prior.without(item).rules(data.names)))[1] - with_rules)


@pytest.mark.parametrize("more", [0, 6])
def test_beliefs_that_the_data_reject(more: int) -> None:
    assert found({"beliefs": {"A -> C": 0.9, "A -> D": 0.1, "B -> A": 0.4}}, more) == {}
    assert found({"beliefs": {"A -> C": 0.1}}, more)["belief A -> C = 0.1"] > 3
    assert found({"beliefs": {"C -> A": 0.9}}, more)["belief C -> A = 0.9"] > 3
    far = found({"beliefs": {"D -> C": 0.9}}, more)
    assert all(nats < 6 for nats in far.values())


def test_knowledge_at_odds_with_knowledge() -> None:
    names = tuple("ABCD")

    def told(prior: dict[str, Any]) -> list[str]:
        known = Prior.read(prior)
        return [str(each) for each in among(known, known.rules(names))]

    assert told({"beliefs": {"A -> B": 0.9, "B -> A": 0.05, "B -> C": 0.8}}) == []
    assert told({"beliefs": {"A -> B": 0.9, "B -> A": 0.7}}) == [
        "belief A -> B = 0.9 is at odds with belief B -> A = 0.7"
    ]
    assert told({"beliefs": {"A -> B": 0.9}, "forbidden": ["A -> B"]}) == [
        "belief A -> B = 0.9 is at odds with a rule that excludes it"
    ]
    assert told({"beliefs": {"A -> B": 0.2}, "required": ["A -> B"]}) == [
        "belief A -> B = 0.2 is at odds with required A -> B"
    ]
    assert told({"beliefs": {"A -> B": 0.9}, "tiers": [["B"], ["A"]]}) != []
    (cycle,) = told({"beliefs": {"A -> B": 0.9, "B -> C": 0.8, "C -> A": 0.7}})
    assert "the graph has a cycle" in cycle
    (mixed,) = told({"beliefs": {"A -> B": 0.9, "B -> C": 0.8}, "required": ["C -> A"]})
    assert "cycle" in mixed
