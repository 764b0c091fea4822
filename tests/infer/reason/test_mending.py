"""A table with a gap is read again as a whole; what was read whole stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from butfor.data.units import lettered
from butfor.infer.reason.mending import gaps, mended, shown
from butfor.lm.exchange import Said, Weigh

NAMES = ("rain", "wind", "mud")
CAUSES = {"mud": ["rain", "wind"]}
RIGHT = ("A1 = 30", "B1 = 60", *(f"C1 | A{a} B{b} = {10 * (2 * a + b)}" for a in (0, 1) for b in (0, 1)))


def run(read: Sequence[str], likely: Any, causes: Any = CAUSES) -> tuple[list[str], list[Weigh]]:
    """What is read in the end, and what was weighed; `likely`: the log-probability of a cell for a place."""
    asked: list[Weigh] = []
    steps = mended([f"sentence {at}" for at in range(len(read))], read, NAMES, causes)
    try:
        asks: Any = next(steps)
        asked += asks
        steps.send([Said(logprobs=likely(ask)) for ask in asks])
    except StopIteration as end:
        return end.value, asked
    raise AssertionError("asked twice")


def knows(ask: Weigh) -> tuple[float, ...]:
    """Prefers, a little, what is right for the sentence."""
    at = int(ask.prompt.user.split("sentence ")[1].split("\n")[0])
    return tuple(-1.0 if lettered(choice.strip(), NAMES) == RIGHT[at] else -1.5 for choice in ask.choices)


def test_what_was_read_whole_stays_and_costs_nothing() -> None:
    for read in (RIGHT, ["-", "A1 B1 = 4", "seen C1", "C1 = 7", "C1 | A0 = 3", "C1 | A1 = 4"], []):
        assert run(read, knows) == (list(read), [])


@pytest.mark.parametrize(
    "changes",
    [
        {3: "C1 | A0 B0 = 10"},  # a case twice
        {3: "C1 | B1 = 10"},  # a cause left out
        {2: "B1 | A0 = 0", 5: "B1 | A1 B0 = 30"},  # another table
        {0: "B1 = 30", 4: "A1 | B1 = 20"},
    ],
)
def test_sentences_of_a_table_with_a_gap_go_where_they_fit(changes: dict[int, str]) -> None:
    read = [changes.get(at, said) for at, said in enumerate(RIGHT)]
    found, asked = run(read, knows)
    assert found == list(RIGHT)
    assert len(asked) >= len(changes)
    assert all(f" {NAMES[2]}1 | rain0 wind1" in " ".join(ask.choices) for ask in asked if 3 in changes)


@pytest.mark.parametrize("changes", [{0: "C1 = 30"}, {0: "A1 | B1 = 30", 1: "A1 | B0 = 60"}])
def test_whole_tables_that_no_cause_asks_for_are_read_again(changes: dict[int, str]) -> None:
    read = [changes.get(at, said) for at, said in enumerate(RIGHT)]
    found, asked = run(read, knows)
    assert found == list(RIGHT) and len(asked) == len(changes)
    assert gaps(read, 3, {}) == ([], [])  # each of them is whole


@pytest.mark.parametrize(("clearly", "stays"), [(15.0, True), (5.0, False)])
def test_shares_against_the_arrow_stay_where_they_are_said_clearly(clearly: float, stays: bool) -> None:
    read = ["C1 = 30", "A1 | C0 = 4", "A1 | C1 = 6", "B1 = 6"]
    found, asked = run(
        read,
        lambda ask: (*(-clearly for _ in ask.choices[1:]), 0.0),  # what was read stands last
        causes={"mud": ["rain"]},
    )
    assert len(asked) == 3 and (found == read) is stays
    assert {said.partition(" = ")[0] for said in found[:3]} == (
        {"C1", "A1 | C0", "A1 | C1"} if stays else {"A1", "C1 | A0", "C1 | A1"}
    )


@pytest.mark.parametrize("nats", [14.0, 40.0])
def test_a_sentence_that_stands_twice_makes_no_share_up(nats: float) -> None:
    told = ["Without rain, 10% mud.", "With rain, 80% mud.", "With rain, 80% mud."]
    read = ["B1 | A0 = 10", "B1 | A1 = 80", "B1 | A1 = 80"]
    steps = mended(told, read, ("rain", "mud"), {"mud": ["rain"]})
    try:
        asks: Any = next(steps)
        while True:
            asks = steps.send([Said(logprobs=tuple(-nats * at for at in range(len(ask.choices)))) for ask in asks])
    except StopIteration as end:
        assert end.value == read


def test_what_was_read_is_among_what_it_may_be() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        read = list(RIGHT)
        for at in rng.integers(len(read), size=2):
            read[at] = shown((f"{'ABC'[rng.integers(3)]}1", tuple(f"{x}{rng.integers(2)}" for x in "AB")), "7")
        places, cells = gaps(read, 3, {"C": ["A", "B"]})
        whole = {frozenset(said.rpartition(" = ")[0].split()) for said in (read[at] for at in places)}
        assert whole <= {frozenset(shown(cell, "7").rpartition(" = ")[0].split()) for cell in cells}


def test_no_cell_is_taken_twice_and_nothing_is_lost() -> None:
    read = ["C1 | A0 B0 = 1", "C1 | A0 B0 = 2", "C1 | A1 B0 = 3", "C1 | A1 B1 = 4", "-"]
    found, _ = run(read, lambda ask: tuple(-float(len(choice)) for choice in ask.choices), causes={})
    assert len({said.partition(" = ")[0] for said in found}) == 5
    assert [said.rpartition(" = ")[2] for said in found] == ["1", "2", "3", "4", "-"]


def test_who_weighs_nothing_keeps_what_was_read() -> None:
    read = [*RIGHT[:3], RIGHT[2], *RIGHT[4:]]
    found, asked = run(read, lambda _: ())
    assert found == read and asked


def test_more_sentences_than_cells_keep_their_reading() -> None:
    read = ["C1 | A0 = 1", "C1 | A0 = 2", "C1 | A1 = 3"]
    found, _ = run(read, lambda ask: (0.0,) * len(ask.choices), causes={})
    assert sum(a == b for a, b in zip(found, read, strict=True)) >= 1 and len(found) == 3
