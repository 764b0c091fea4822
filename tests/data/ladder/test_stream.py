"""The stream: the same whatever is asked for, balanced, told so that the text suffices."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

import pytest

from butfor.core.errors import RunError, UnknownName, UserError
from butfor.data.ladder import KINDS, SENSES, Dials, Ladder, check, ladder
from butfor.data.ladder import stream as module
from butfor.data.ladder.kinds import Kind
from butfor.data.ladder.world import World

from .reader import answer

Items = list[dict[str, Any]]


def test_a_question_is_the_same_however_many_there_are(items: Items) -> None:
    assert list(ladder(40, 11)) == items[:40]
    assert next(Ladder(seed=12).items())["id"] != items[0]["id"]
    assert len({item["id"] for item in items}) == len(items)


def test_a_selection_is_a_part_of_the_whole(items: Items) -> None:
    part = list(ladder(6, 11, kinds=["iv", "separation"], senses=["anti"]))
    whole = [i for i in items if i["group"]["query"] in ("iv", "separation") and i["group"]["sense"] == "anti"]
    assert part == whole[:6]


def test_every_kind_and_sense_has_as_many_yes_as_no(items: Items) -> None:
    count = Counter((i["group"]["query"], i["group"]["sense"], i["answer"]) for i in items)
    assert count == {(kind, sense, a): 2 for kind in KINDS for sense in SENSES for a in (0, 1)}
    for n in (1, 30, 126, 200):
        assert check(items[:n]).lean <= 1


def test_the_answer_cannot_be_told_from_how_the_question_is_put(items: Items) -> None:
    for label in ("polarity", "wording", "nodes"):
        for value in {i["group"][label] for i in items}:
            chosen = [i["answer"] for i in items if i["group"][label] == value]
            assert abs(sum(chosen) / len(chosen) - 0.5) < 2.6 * 0.5 / len(chosen) ** 0.5


def test_the_text_alone_gives_every_answer(items: Items) -> None:
    for item in items:
        assert answer(item["group"]["query"], item["prompt"]) == item["choices"][item["answer"]], item["prompt"]


def test_questions_of_one_cluster_are_told_of_one_world(items: Items) -> None:
    worlds: dict[str, Any] = {}
    for item in items:
        assert worlds.setdefault(item["cluster"], item["spec"]["world"]) == item["spec"]["world"]
    assert len(worlds) < len(items)


def test_the_derivation_ends_in_the_answer(items: Items) -> None:
    for item in items:
        assert item["why"].endswith(f": {item['choices'][item['answer']]}")
        assert item["why"].startswith("names: ")


def test_half_of_the_questions_mislead(items: Items) -> None:
    lured = [item for item in items if any(place != item["answer"] for place in item["lures"].values())]
    assert 0.4 < len(lured) / len(items) < 0.9


@pytest.mark.parametrize(("nodes", "confounding", "steps"), [(3, 1, 1), (6, 2, 3), (8, 3, 2)])
def test_the_dials_hold(nodes: int, confounding: int, steps: int) -> None:
    dials = Dials((nodes, nodes), (confounding, confounding), (steps, steps))
    for item in ladder(4, 3, dials=dials, kinds=["ate", "ett"]):
        group = item["group"]
        assert (group["nodes"], group["confounding"], group["steps"]) == (str(nodes), str(confounding), str(steps))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match="within 3-8"):
        Dials(nodes=(3, 9))
    with pytest.raises(UserError, match="no world has 3-3 nodes"):
        Dials((3, 3), (2, 2), (1, 1))
    with pytest.raises(UnknownName, match="or 'ate'"):
        Ladder(kinds=("aet",))
    with pytest.raises(UnknownName, match="sense"):
        Ladder(senses=("uncommon",))


def test_a_kind_that_no_such_world_offers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 20)
    with pytest.raises(UserError, match="'nde'"):
        next(ladder(1, dials=Dials((3, 3), (1, 1), (1, 1)), kinds=["nde"]))


def test_two_ways_that_differ_stop_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    ate = KINDS["ate"]
    off = Kind("ate", 2, "dag", ate.asks, lambda w, a: ate.exact(w, a) + 1e-6, ate.brute, ate.lures, ate.parts)
    monkeypatch.setattr(module, "KINDS", {**KINDS, "ate": off})
    with pytest.raises(RunError, match="the engine finds"):
        next(ladder(1, kinds=["ate"]))


def test_a_world_survives_json(items: Items) -> None:
    for item in items[:20]:
        assert World.read(item["spec"]["world"]).as_json() == item["spec"]["world"]


@pytest.mark.slow
def test_a_hundred_thousand_questions_verify_against_enumeration() -> None:
    found = check(islice(Ladder(seed=7).items(), 100_000))
    assert (found.questions, found.mismatches, found.lean) == (100_000, 0, found.lean)
    assert found.lean <= 1


@pytest.mark.slow
def test_the_text_alone_gives_two_thousand_answers() -> None:
    for item in ladder(2000, 8, dials=Dials((3, 8), (0, 3), (1, 3))):
        assert answer(item["group"]["query"], item["prompt"]) == item["choices"][item["answer"]], item["prompt"]
