"""The recomputation of Corr2Cause's labels, against brute force over all graphs of a few variables."""

from __future__ import annotations

import json
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import GraphError
from butfor.data.corr2cause import Claim, Independence, Premise, corr2cause, statements
from butfor.evaluate.verify_corr2cause import holds, members_of, relation, separations, verify_corr2cause
from butfor.scm.graph import Graph


def all_dags(names: str) -> list[Graph]:
    """Every acyclic graph over these variables, by trying all ways to join each pair."""
    pairs = list(combinations(names, 2))
    found: list[Graph] = []
    for how in product((None, 1, -1), repeat=len(pairs)):
        edges = [pair[::step] for pair, step in zip(pairs, how, strict=True) if step]
        try:
            found.append(Graph(names, [(a, b) for a, b in edges]))
        except GraphError:
            continue
    return found


def by_class(names: str) -> dict[frozenset[Independence], list[Graph]]:
    found: dict[frozenset[Independence], list[Graph]] = {}
    for graph in all_dags(names):
        found.setdefault(separations(graph), []).append(graph)
    return found


def premise_of(graph: Graph) -> str:
    """The authors' wording of a graph's independences."""
    independent, names = separations(graph), graph.names
    told = ", ".join(names[:-1]) + " and " + names[-1]
    text = f"Suppose there is a closed system of {len(names)} variables, {told}. "
    text += f"All the statistical relations among these {len(names)} variables are as follows:"
    for a, b in combinations(names, 2):
        apart = (frozenset((a, b)), frozenset[str]()) in independent
        text += f" {a} is independent of {b}." if apart else f" {a} correlates with {b}."
    for pair, given in sorted(independent, key=str):
        if given:
            a, b = sorted(pair)
            *first, last = sorted(given)
            text += f" {a} and {b} are independent given {', '.join(first) + ' and ' if first else ''}{last}."
    return text


def write(folder: Path, rows: Any) -> Path:
    file = folder / "rows.json"
    file.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("names", "dags", "classes"),
    [("AB", 3, 2), ("ABC", 25, 11), ("ABCD", 543, 185), pytest.param("ABCDE", 29281, 8782, marks=pytest.mark.slow)],
)
def test_the_members_of_a_class_are_those_of_brute_force(names: str, dags: int, classes: int) -> None:
    found = by_class(names)
    assert (sum(map(len, found.values())), len(found)) == (dags, classes)  # Robinson 1973; Gillispie & Perlman 2002
    for independent, graphs in found.items():
        ours = members_of(Premise(tuple(names), independent))
        assert len(ours) == len(graphs)
        assert set(ours) == set(graphs)


def test_a_premise_that_fits_no_graph_has_no_member() -> None:
    a_b, c_d = frozenset("AB"), frozenset("CD")
    nothing, both = frozenset[str](), frozenset("AB")
    assert members_of(Premise(("A", "B", "C", "D"), frozenset({(a_b, nothing), (a_b, both - {"A"} - {"B"})}))) != []
    assert members_of(Premise(("A", "B", "C", "D"), frozenset({(a_b, frozenset("CD")), (c_d, both)}))) == []  # a square
    assert members_of(Premise(("A", "B", "C"), frozenset({(a_b, nothing), (a_b, frozenset("C"))}))) == []


def test_separations_are_those_of_networkx() -> None:
    import networkx as nx

    for graph in all_dags("ABCD")[::17]:
        other = nx.DiGraph(graph.edges)
        other.add_nodes_from(graph.names)
        for a, b in combinations(graph.names, 2):
            rest = [name for name in graph.names if name not in (a, b)]
            for given in [(), *[(name,) for name in rest], tuple(rest)]:
                assert ((frozenset((a, b)), frozenset(given)) in separations(graph)) == nx.is_d_separator(
                    other, a, b, set(given)
                )


@pytest.mark.parametrize(
    ("graph", "claim", "true"),
    [
        ("A -> B -> C", Claim("parent", "A", "B"), True),
        ("A -> B -> C", Claim("parent", "A", "C"), False),
        ("A -> B -> C", Claim("through a mediator", "A", "C"), True),
        ("A -> B -> C; A -> C", Claim("through a mediator", "A", "C"), True),
        ("A -> B; A -> C", Claim("through a mediator", "A", "B"), False),
        ("A -> B -> C", Claim("through a mediator", "C", "A"), False),
        ("A -> C; B -> C", Claim("common effect", "A", "B"), True),
        ("A -> B -> C", Claim("common effect", "A", "B"), False),
        ("C -> A; C -> B", Claim("common cause", "B", "A"), True),
        ("C -> A -> B", Claim("common cause", "A", "B"), False),
    ],
)
def test_what_a_claim_means(graph: str, claim: Claim, true: bool) -> None:
    assert holds(Graph.parse(graph), claim) == true


def test_shares_and_relations() -> None:
    assert [relation(share) for share in (0, 0.5, 1)] == ["contradiction", "neutral", "entailment"]


def test_labels_on_a_collider_and_a_fork(tmp_path: Path) -> None:
    collider, fork = (premise_of(Graph.parse(text)) for text in ("A -> C; B -> C", "A -> B; A -> C"))
    told = [
        (collider, "A directly affects C.", "entailment"),
        (collider, "C directly affects A.", "contradiction"),
        (collider, "A and B together cause some other variable(s).", "entailment"),
        (fork, "A directly affects B.", "neutral"),
        (fork, "B directly affects C.", "contradiction"),
        (fork, "Some variable(s) cause(s) both B and C.", "neutral"),
        (fork, "B influences C through some mediator(s).", "neutral"),
    ]
    rows = [{"premise": premise, "hypothesis": claim, "relation": gold} for premise, claim, gold in told]
    found = verify_corr2cause([write(tmp_path, rows)])
    assert [verdict.ours for verdict in found.verdicts] == [gold for *_, gold in told]
    assert found.total.agree == len(told)
    assert found.wrong == []


def test_a_wrong_label_is_shown_with_the_graphs(tmp_path: Path) -> None:
    fork = premise_of(Graph.parse("A -> B; A -> C"))
    row = {"premise": fork, "hypothesis": "B directly affects C.", "relation": "neutral", "id": "x__prob=0.33"}
    verdict = verify_corr2cause([write(tmp_path, [row])]).verdicts[0]
    assert (verdict.state, verdict.ours, verdict.exact, verdict.published, verdict.off) == (
        "wrong", "contradiction", 0, 0.33, True,
    )  # fmt: skip
    assert verdict.enumeration[0] == "true in 0 of the 3 graphs that fit the premise"
    assert len(verdict.enumeration) == 4


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    fork = premise_of(Graph.parse("A -> B; A -> C"))
    square = "Suppose there is a closed system of 3 variables, A, B and C. All the statistical relations among these 3 "
    square += "variables are as follows: A correlates with B. A correlates with C. B is independent of C. "
    square += "B and C are independent given A."
    rows = [
        {"premise": fork, "hypothesis": "B is nice.", "relation": "neutral"},
        {"premise": "Once upon a time.", "hypothesis": "A directly affects B.", "relation": "neutral"},
        {"premise": square, "hypothesis": "A directly affects B.", "relation": "neutral"},
        {"premise": fork, "hypothesis": "A directly affects B.", "relation": "neutral"},
    ]
    found = verify_corr2cause([write(tmp_path, rows)])
    assert (found.total.n, found.total.unread, found.total.agree) == (4, 3, 1)
    assert [verdict.kind for verdict in found.unread] == ["unread", "parent", "parent"]
    assert ["wording" in found.unread[0].why, "opens with" in found.unread[1].why] == [True, True]
    assert "no acyclic graph" in found.unread[2].why


def test_the_authors_file(public) -> None:
    public("corr2cause")
    found = verify_corr2cause()
    assert {count.kind: (count.n, count.agree, count.wrong, count.off) for count in found.counts()} == {
        "parent": (416, 384, 32, 110),
        "through a mediator": (416, 380, 36, 124),
        "common effect": (207, 175, 32, 58),
        "common cause": (207, 183, 24, 68),
        "all": (1246, 1122, 124, 360),
    }
    premises = {row.premise for row in corr2cause()}
    assert all(members_of(statements(premise)) for premise in premises)
