"""Worlds told as text: what a passage says is what the engine says, unit by unit and in the long run."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from butfor.core.seeds import generator
from butfor.data.told import LEVELS, RUNGS, Mix, Place, passage, passages, place, told, under, units
from butfor.scm.graph import Graph
from butfor.scm.models.worlds import random_scm

ROWS = told(400, Mix(variables=(3, 4)), generator(0, "test"))
WORDS = re.compile(r"\b(was|turned out|would have been|would still have been) (low|high)\b")


def small(seed: int = 3) -> Place:
    model: Any = random_scm(Graph.parse("A -> B -> C; A <-> C"), seed, "discrete")
    return Place(seed, "town", model, {"A": "rain", "B": "yield", "C": "rent"})


def test_what_would_have_been_is_what_the_engine_says_of_the_same_unit() -> None:
    of = small()
    seen = replace(of.model, latent=frozenset())  # the noise is evidence too: abduction leaves no doubt
    for unit in units(of, 25, seed=0):
        for x in of.graph.names:
            do = {x: 1 - unit[x]}
            after = under(of, unit, do)
            imagined = seen.counterfactual(unit, do)
            for name in of.graph.names:
                assert imagined.p({name: after[name]}) == pytest.approx(1.0)
        assert under(of, unit, {}) == unit


@pytest.mark.parametrize("rung", RUNGS)
def test_told_frequencies_are_the_engine_s_probabilities(rung: Any) -> None:
    of, rng, count = small(), generator(1, "told"), 2500
    found: Counter[tuple[Any, ...]] = Counter()
    for unit in units(of, count, seed=5):
        row = passage(of, rung, unit, rng)
        for name, value in (row["would"] or row["facts"]).items():
            given = (tuple(row["do"].items()), row["facts"][name] if row["would"] else None)
            found[name, given, value] += 1
    for (name, given, value), number in found.items():
        total = found[name, given, 0] + found[name, given, 1]
        do, fact = dict(given[0]), given[1]
        if not do:
            right = of.model.p({name: value})
        elif fact is None:
            right = of.model.do(do).p({name: value})
        else:  # x was the other value, since it is told what had been with this one
            ((x, level),) = do.items()
            right = of.model.counterfactual({x: 1 - level, name: fact}, do).p({name: value})
        assert abs(number / total - right) < 4.5 * np.sqrt(max(right * (1 - right), 1e-9) / total) + 1e-9


def test_the_text_says_what_the_fields_say() -> None:
    for row in ROWS:
        words = [word for _, word in WORDS.findall(row["text"])]
        assert words == [LEVELS[value] for value in [*row["facts"].values(), *row["would"].values()]]
        assert row["text"][0].isupper() and row["text"].endswith(".") and "{" not in row["text"]
        assert (row["rung"] == "observational") == (not row["do"])
        assert (row["rung"] == "counterfactual") == bool(row["would"])


def test_still_is_said_where_nothing_would_have_changed() -> None:
    for row in ROWS:
        same = [row["facts"][name] == value for name, value in row["would"].items()]
        assert [verb == "would still have been" for verb, _ in WORDS.findall(row["text"])[len(row["facts"]) :]] == same


def test_spans_name_their_variables_and_links_are_the_graph_s() -> None:
    of, rng = small(), generator(2, "spans")
    nouns = {noun: name for name, noun in of.words.items()}
    for unit in units(of, 60, seed=1):
        for rung in RUNGS:
            row = passage(of, rung, unit, rng)
            spans, set_ = row["spans"], of.words[next(iter(row["do"]))] if row["do"] else ""
            for start, stop, noun in spans:
                assert row["text"][start:stop].lower().startswith(noun) and row["text"][start:stop].endswith(LEVELS)
            assert len(spans) == len(row["facts"]) + len(row["would"]) + bool(row["do"])
            for i, j in row["links"]:
                assert nouns[spans[i][2]] in of.graph.parents(nouns[spans[j][2]])
                assert row["would"] or spans[j][2] != set_
            if rung == "counterfactual":  # what was seen and what is imagined are told apart
                seen = len(row["facts"])
                assert all((i < seen) == (j < seen) for i, j in row["links"])


def test_the_marks_fit_the_loop() -> None:
    from butfor.train.marks import checked

    assert len(checked(ROWS)) > 10


def test_shares_are_as_asked_and_rows_follow_from_the_generator() -> None:
    found = Counter(row["rung"] for row in told(300, Mix(observational=0.0, counterfactual=3.0), generator(0, "mix")))
    assert set(found) == set(RUNGS[1:]) and 2 < found["counterfactual"] / found["interventional"] < 4.5
    assert (
        told(30, Mix(), generator(7, "a")) == told(30, Mix(), generator(7, "a")) != told(30, Mix(), generator(8, "a"))
    )
    stream = passages(Mix(each=5), generator(0, "stream"))
    worlds = [next(stream)["world"] for _ in range(20)]
    assert [len(set(worlds[at : at + 5])) for at in range(0, 20, 5)] == [1] * 4 and len(set(worlds)) == 4


def test_wording_varies() -> None:
    forms = {
        re.sub(r"\b(low|high)\b", "_", re.sub("|".join(n for _, _, n in row["spans"]), "_", row["text"]))[:12]
        for row in ROWS
    }
    assert len(forms) > 8
    assert len({place(seed, Mix(), generator(seed, "p")).place for seed in range(30)}) > 5


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"observational": -1.0}, "weights"),
        ({"observational": 0.0, "interventional": 0.0, "counterfactual": 0.0}, "one above 0"),
        ({"variables": (5, 3)}, r"variables is \[least, most\]"),
        ({"hidden": 3.0}, "hidden is a number"),
        ({"density": 2.0}, "density is a share"),
        ({"each": 0}, "each is 1 or more"),
    ],
)
def test_wrong_knobs_name_the_fix(knobs: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Mix(**knobs)
