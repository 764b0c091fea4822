"""A forest holds every text once, and no text sees another."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from butfor.lm.forest import forests, needed, rows

TEXTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=12)


@given(TEXTS, st.integers(1, 30))
def test_every_text_is_a_path_from_a_root(texts: list[list[int]], budget: int) -> None:
    found: set[int] = set()
    for forest in forests(texts, budget):
        mask = forest.mask()
        for number, path in forest.paths.items():
            assert [forest.tokens[node] for node in path] == texts[number]
            assert [forest.depths[node] for node in path] == list(range(len(path)))
            assert list(np.flatnonzero(mask[path[-1]])) == path  # it sees its own beginning and nothing else
            found.add(number)
        assert len(forest) <= max(budget, *(len(texts[number]) for number in forest.paths))
    assert found == set(range(len(texts)))


@given(TEXTS, st.integers(1, 30), st.integers(0, 30))
def test_a_forest_is_never_larger_than_allowed(texts: list[list[int]], budget: int, more: int) -> None:
    made = list(forests(texts, budget, budget + more))
    assert sorted(number for forest in made for number in forest.paths) == list(range(len(texts)))
    for forest in made:
        assert len(forest) <= max(budget + more, *(len(texts[number]) for number in forest.paths))


def test_what_is_mostly_there_already_is_not_computed_again() -> None:
    stories = [[story] * 50 for story in range(4)]
    texts = [[*story, way] for story in stories for way in range(3)]
    assert sum(map(len, forests(texts, 40))) == 12 * 51  # every way of asking reads its whole story
    assert sum(map(len, forests(texts, 40, 91))) == 4 * 53 == needed(texts)


@given(TEXTS)
def test_one_forest_is_the_needed_work(texts: list[list[int]]) -> None:
    (forest,) = forests(texts, 10**6)
    distinct = {tuple(text[: depth + 1]) for text in texts for depth in range(len(text))}
    assert len(forest) == needed(texts) == len(distinct)


@given(TEXTS, st.integers(1, 30))
def test_rows_hold_every_text_as_a_prefix(texts: list[list[int]], budget: int) -> None:
    held: list[int] = []
    for batch in rows(texts, budget):
        width = len(texts[batch[0][0]])
        assert len(batch) == 1 or len(batch) * width <= budget
        for row in batch:
            assert len(texts[row[0]]) <= width
            assert all(texts[row[0]][: len(texts[number])] == texts[number] for number in row)
            held += row
    assert sorted(held) == list(range(len(texts)))


@given(TEXTS, st.integers(1, 30))
def test_even_rows_are_whole_and_of_one_length(texts: list[list[int]], budget: int) -> None:
    held: list[int] = []
    for batch in rows(texts, budget, even=True):
        width = len(texts[batch[0][0]])
        assert len(batch) == 1 or len(batch) * width <= budget
        for row in batch:
            assert len(texts[row[0]]) == width
            assert all(texts[row[0]] == texts[number] for number in row)
            held += row
    assert sorted(held) == list(range(len(texts)))
