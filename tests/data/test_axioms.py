"""Demonstrations of axioms: labels recomputed by another way, dials that do what they say, sides that share nothing."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from butfor.core.seeds import generator
from butfor.data.axioms import (
    SIDES,
    TAKEN,
    Dials,
    demonstrations,
    drawn_premise,
    new_names,
    passage,
    separation,
    side,
    told,
    transitivity,
    walks,
)
from butfor.data.causal_axioms import AxiomRow, asked, edges

QA = re.compile(r"((?:Does|Are) [^?]*\?) (Yes|No)\.")


def rows(count: int = 120, **dials: Any) -> list[dict[str, Any]]:
    return demonstrations(count, Dials(**dials), generator(0, "test"))


def parts(row: dict[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The told edges of a row, and its questions with their answers."""
    premise = row["text"][: re.search(r" (?:Does|Are) ", row["text"]).start()]  # pyright: ignore[reportOptionalMemberAccess]
    assert premise[0] == " "
    return edges(premise[1:]), QA.findall(row["text"])


def reached(told_edges: list[tuple[str, str]], start: str) -> set[str]:
    found, todo = set[str](), [start]
    while todo:
        at = todo.pop()
        new = {b for a, b in told_edges if a == at} - found
        found |= new
        todo += new
    return found


def blocked(told_edges: list[tuple[str, str]], a: str, b: str, given: set[str]) -> bool:
    """d-separation path by path: no path between a and b is open."""
    near: dict[str, set[str]] = {}
    for one, other in told_edges:
        near.setdefault(one, set()).add(other)
        near.setdefault(other, set()).add(one)
    paths = [[a]]
    while paths:
        path = paths.pop()
        if path[-1] == b and _open(told_edges, path, given):
            return False
        paths += [[*path, name] for name in near[path[-1]] - set(path) if path[-1] != b]
    return True


def _open(told_edges: list[tuple[str, str]], path: list[str], given: set[str]) -> bool:
    for left, at, right in zip(path, path[1:], path[2:], strict=False):
        collider = (left, at) in told_edges and (right, at) in told_edges
        if collider and not ({at} | reached(told_edges, at)) & given:
            return False
        if not collider and at in given:
            return False
    return True


def question(text: str) -> Any:
    kind = "d-separation" if text.startswith("Are") else "transitivity"
    return asked(AxiomRow(None, 0, kind, "", text, "Yes"))  # type: ignore[arg-type]


@pytest.mark.parametrize("dials", [{}, {"branching": 1.0, "nodes": (4, 5)}, {"graphs": (2, 3), "shuffling": 0.5}])
def test_every_answer_is_right_when_worked_out_another_way(dials: dict[str, Any]) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for row in rows(60, **dials):
        graph, questions = parts(row)
        for text, answer in questions:
            what = question(text)
            if text.startswith("Does"):
                right = what.b in reached(graph, what.a)
            else:
                right = blocked(graph, what.a, what.b, set(what.given))
            assert answer == ("Yes" if right else "No"), row["text"]
            seen[text.split()[0], answer] += 1
    assert len(seen) == 4 and min(seen.values()) > 20


def test_marks_name_the_answers() -> None:
    for row in rows(20, questions=3):
        words = [row["text"][start:stop] for start, stop, name in row["spans"] if name == "answer"]
        assert words == [answer for _, answer in parts(row)[1]] and len(words) == 3
        assert row["answer_at"] == row["spans"][0][0]


def test_the_same_generator_gives_the_same_rows() -> None:
    assert rows(10) == rows(10) != demonstrations(10, Dials(), generator(1, "test"))


def test_dials_do_what_they_say() -> None:
    def forward(row: dict[str, Any]) -> bool:
        return all(before[1] == after[0] for before, after in pairwise(parts(row)[0]))

    assert all(forward(row) for row in rows(noise=0.0))
    assert not any(forward(row) for row in rows(noise=0.0, reversal=1.0))
    back = np.mean([forward(row) for row in rows(400, noise=0.3, nodes=(6, 6))])
    assert 0.7**5 / 2 < back < 2 * (0.7**5 + 0.3**5)  # all five edges point one way
    shuffled = rows(noise=0.0, shuffling=0.5, nodes=(5, 6))
    assert 0.35 < np.mean([forward(row) for row in shuffled]) < 0.65
    assert all(len({n for e in parts(row)[0] for n in e}) in (4, 5) for row in rows(nodes=(4, 5)))
    trees = rows(branching=1.0, nodes=(6, 6))
    degrees = [max(Counter(n for e in parts(row)[0] for n in e).values()) for row in trees]
    assert np.mean([degree > 2 for degree in degrees]) > 0.9
    assert {len(n) for row in rows(names=(2, 2)) for e in parts(row)[0] for n in e} == {2}
    kinds = Counter(row["text"].count("Are ") > 0 for row in rows(separation=0.25))
    assert 15 < kinds[True] < 45
    several = rows(graphs=(2, 2), noise=0.0)
    assert all(not forward(row) for row in several)


def test_names_are_made_of_so_many_letters() -> None:
    names = new_names(15, (1, 1), generator(0, "letters"), letters=20)
    assert len(set(names)) == 15 and set(names) <= set("abcefghijklmnopqrst")
    told_names = {name for row in rows(names=(1, 1), letters=16) for edge in parts(row)[0] for name in edge}
    assert told_names == set("abcefghijklmnop")


def test_easy_passages_have_small_graphs_and_few_letters() -> None:
    made = rows(200, easy=0.5, nodes=(3, 6), names=(1, 1), letters=20)
    names = [{name for edge in parts(row)[0] for name in edge} for row in made]
    easy = [found <= set("abcefg") and len(found) <= 4 for found in names]
    assert 0.4 < np.mean(easy) < 0.65 and max(map(len, names)) == 6
    assert rows(5, easy=0.0) == rows(5)


# proofs ---------------------------------------------------------------------------------------------------------------

PROVED = re.compile(r"Does (\S+) cause (\S+)\? ((?:[^?.]*\. )+)(Yes|No)\.")
SHAPES: list[dict[str, Any]] = [
    {},
    {"noise": 0.0, "reversal": 0.5, "shuffling": 0.5},
    {"branching": 1.0, "nodes": (4, 15), "shuffling": 0.5},
    {"graphs": (2, 3)},
]


@pytest.mark.parametrize("dials", SHAPES)
def test_a_proof_goes_along_the_told_edges_and_ends_in_the_right_answer(dials: dict[str, Any]) -> None:
    answers: Counter[str] = Counter()
    for row in rows(60, proof=True, separation=0.0, **dials):
        graph, _ = parts(row)
        found = PROVED.findall(row["text"])
        assert len(found) == 4
        for a, b, steps, answer in found:
            chains = [sentence.split() for sentence in steps.split(".")[:-1]]
            assert chains[0][0] == b
            assert all((cause, effect) in graph for chain in chains for effect, cause in pairwise(chain))
            named = [name for number, chain in enumerate(chains) for name in chain[number > 0 :]]
            assert len(named) == len(set(named)) and all(chain[0] in named for chain in chains)
            above = {name for name in {n for e in graph for n in e} if b in reached(graph, name)}
            assert (answer == "Yes") == (a in above)
            assert named[-1] == a if answer == "Yes" else set(named) == above | {b}
            answers[answer] += 1
    assert min(answers.values()) > 60


def test_the_marks_of_a_proof_cover_its_steps_and_the_answer() -> None:
    for row in rows(20, proof=True, separation=0.0, questions=2):
        whole = [row["text"][start:stop] for start, stop, _ in row["spans"]]
        assert whole == [f"{steps}{answer}" for _, _, steps, answer in PROVED.findall(row["text"])]
        assert row["answer_at"] == row["spans"][0][0]


def test_a_proof_changes_neither_the_graphs_nor_the_questions() -> None:
    for number in range(20):
        one, other = (passage(Dials(proof=proof), generator(number, "proof")) for proof in (False, True))
        assert parts(one)[0] == parts(other)[0]
        asked_of = [re.findall(r"(?:Does|Are) [^?]*\?", row["text"]) for row in (one, other)]
        assert asked_of[0] == asked_of[1]


def test_walks_go_on_where_a_cause_is_left() -> None:
    diamond = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("e", "c")]
    assert walks(diamond, "a", "d") == [["d", "b", "a"]]
    assert walks(diamond, "e", "d") == [["d", "b", "a"], ["d", "c", "e"]]
    assert walks(diamond, "d", "e") == [["e"]]


def test_sides_share_no_premise_and_follow_from_it_alone() -> None:
    rng = generator(0, "sides")
    for on in set(SIDES):
        for _ in range(20):
            one = drawn_premise(4, (1, 2), "line", "forward", 0.3, on, rng)
            assert side(one.text) == side(told(edges(one.text))) == on


def test_names_are_new_and_no_words() -> None:
    names = new_names(300, (1, 2), generator(0, "names"))
    assert len(set(names)) == 300 and not TAKEN & set(names)


def test_a_no_stands_in_the_order_of_its_pair_as_often_as_a_yes() -> None:
    rng = generator(0, "order")
    first: dict[bool, list[bool]] = {True: [], False: []}
    for number in range(600):
        of = drawn_premise(7, (1, 3), "branched" if number % 4 < 2 else "line", "shuffled", 0.0, "test", rng)
        found = transitivity(of, rng, yes=number % 2 == 0)
        first[found.yes].append(of.graph.names.index(found.a) < of.graph.names.index(found.b))
    assert abs(np.mean(first[True]) - np.mean(first[False])) < 0.1


@pytest.mark.parametrize(
    ("dials", "right"),
    [
        ({"noise": 0.0}, 1.0),
        ({"noise": 0.1, "nodes": (2, 6), "names": (1, 1)}, 0.87),
        ({"noise": 0.2, "nodes": (2, 6)}, 0.78),
        ({}, 0.64),
        ({"noise": 0.0, "shuffling": 1.0}, 0.65),
        ({"noise": 0.2, "nodes": (2, 6), "branching": 0.3, "reversal": 0.2, "shuffling": 0.2}, 0.68),
        ({"branching": 1.0}, 0.5),
        ({"branching": 1.0, "nodes": (6, 6)}, 0.51),
    ],
)
def test_what_the_order_of_names_gets_is_what_the_pages_say(dials: dict[str, Any], right: float) -> None:
    found: list[bool] = []
    for row in rows(1500, questions=1, separation=0.0, **dials):
        words = row["text"].replace(".", " ").split()
        [(text, answer)] = parts(row)[1]
        _, a, _, b = text.rstrip("?").split()
        found.append((words.index(a) < words.index(b)) == (answer == "Yes"))
    assert abs(np.mean(found) - right) < 0.04


def test_the_size_of_the_given_set_tells_nothing() -> None:
    rng = generator(0, "sizes")
    found: dict[int, list[bool]] = {}
    for number in range(800):
        of = drawn_premise(6, (1, 3), "line", "forward", 0.3, "train", rng)
        one = separation(of, rng, yes=number % 2 == 0)
        found.setdefault(len(one.given), []).append(one.yes)
    assert set(found) == {0, 1, 2, 3}
    assert all(0.4 < np.mean(yes) < 0.6 for yes in found.values())


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"noise": 1.5}, "noise is a share"),
        ({"nodes": (6, 3)}, r"nodes is \[least, most\]"),
        ({"nodes": (1, 3)}, "from 2 on"),
        ({"reversal": 0.7, "shuffling": 0.7}, "together"),
        ({"questions": 0}, "questions is 1 or more"),
        ({"nodes": (2, 2)}, "never d-separated"),
        ({"nodes": (3, 3200), "names": (1, 2)}, "let names be longer"),
        ({"names": (1, 1), "nodes": (3, 20), "graphs": (3, 3)}, "let names be longer"),
        ({"letters": 1}, "letters is a number"),
        ({"names": (1, 1), "nodes": (3, 15), "letters": 16}, "let names be longer"),
    ],
)
def test_wrong_dials_name_the_fix(knobs: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Dials(**knobs)


def test_the_corpus_goes_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from butfor.data.corpora import rows as corpus

    monkeypatch.setattr("butfor.data.axioms.COUNT", 200)
    found = corpus("axioms")
    assert len({row["id"] for row in found}) == 200
    assert {len({n for e in parts(row)[0] for n in e}) for row in found} == {3, 4, 5, 6}
