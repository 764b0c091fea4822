"""Pairs of questions: answers follow from their texts, cells come equally often, what is kept for the test is new."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product

import pytest

from butfor.data.ladder.paired import OPTIONS, UNSEEN, made_a_difference, pairs, unseen_graph

SPLITS = ("train", "test", "queries", "graphs")


def solved(text: str) -> int:
    """What a short text's question comes to, from its letters alone: 1 if the asked one is there."""
    found = re.fullmatch(r"((?:\w if [\w ]+\. )+)seen ([\w ]+)\.(?: if (\w)\.)? (\w)\?", text)
    assert found
    told, seen, change, asked = found.groups()
    rules = {rule[0].lower(): rule[5:] for rule in told.strip().rstrip(".").split(". ")}

    def values(words: str) -> dict[str, int]:
        return {letter.lower(): int(letter.isupper()) for letter in re.findall(r"\b[a-hA-H]\b", words)}

    facts, to = values(seen), values(change or "")
    roots = sorted(set(values(told)) - set(rules))

    def followed(case: dict[str, int], to: dict[str, int]) -> dict[str, int]:
        state = {**case, **to}
        for letter, rule in rules.items():
            if letter not in to:
                parts = [state[name] == wanted for name, wanted in values(rule).items()]
                state[letter] = int(any(parts) if " or " in rule else all(parts))
        return state

    cases = [dict(zip(roots, case, strict=True)) for case in product((0, 1), repeat=len(roots))]
    agree = [case for case in cases if facts.items() <= followed(case, {}).items()]
    (answer,) = {followed(case, to)[asked.lower()] for case in agree}
    return answer


@pytest.mark.parametrize("split", SPLITS)
def test_every_answer_follows_from_the_short_text(split):
    for pair in pairs(48, split, "short"):
        assert [solved(text) for text in pair.texts] == [pair.factual, pair.counterfactual]
        assert pair.texts[0] != pair.texts[1]


def test_cells_come_equally_often_so_that_constant_answers_are_right_for_a_half():
    found = list(pairs(64, "test", "short"))
    cells = Counter((p.query, p.facts[p.changed], p.factual, p.counterfactual) for p in found)
    assert set(cells.values()) == {2}
    assert len(cells) == 32
    unseen = Counter(p.query for p in pairs(len(UNSEEN) * 8, "queries", "short"))
    assert set(unseen) == {f"{a}->{b}" for a, b in UNSEEN}


def test_worlds_and_graphs_of_the_test_are_not_those_of_training():
    worlds = {split: {repr(p.world.as_json()["tables"]) for p in pairs(150, split, "short")} for split in SPLITS[:3]}
    assert not worlds["train"] & (worlds["test"] | worlds["queries"])
    for split in SPLITS:
        assert {unseen_graph(p.world) for p in pairs(50, split, "short")} == {split == "graphs"}
    trained = {p.world.edges for p in pairs(200, "train", "short")}
    assert len(trained) == 6
    assert len({p.world.edges for p in pairs(64, "graphs", "short")}) == 3


def test_a_seed_repeats_and_stories_say_the_same_as_letters_do():
    one, again = ([p.texts for p in pairs(10, "train", "story")] for _ in range(2))
    assert one == again
    assert one != [p.texts for p in pairs(10, "train", "story", seed=1)]
    factual, counterfactual = one[0]
    assert factual.partition("Is it true")[0] == counterfactual.partition("Is it true")[0]
    assert "had been made" in counterfactual
    assert set(OPTIONS) == {"story", "short"}


def test_a_difference_is_made_where_the_fact_would_not_be():
    assert made_a_difference(1, 0, 1)
    assert made_a_difference(0, 1, 0)
    assert not made_a_difference(0, 1, 1)
    assert not made_a_difference(1, 1, 1)
