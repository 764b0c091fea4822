"""Worlds told as text, as a method: slots, shares, knobs, and spans that the loop can read."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch

from butfor.core.registry import build, resolve
from butfor.core.seeds import generator
from butfor.data.scratch import make
from butfor.pretrain.corpus.slots import filled
from butfor.pretrain.corpus.worlds import Worlds
from butfor.train.batches import batches, numbered
from butfor.train.method import touched

ROWS = numbered([{"text": f"It rained on day {n}.", "spans": [[0, 2, "it"]]} for n in range(10)])


def made(**knobs: Any) -> list[dict[str, Any]]:
    return Worlds(**{"passages": 30, **knobs}).data(ROWS, generator(0, "data"))


def test_a_share_of_the_slots_tells_worlds() -> None:
    assert made(share=0.0) == ROWS
    rows = made(share=0.3)
    told = [row for row in rows if "world" in row]
    assert len(told) == 30 and len(rows) == 37 and len({row["row"] for row in told}) == 3
    assert made() == made() and made() != Worlds(passages=30).data(ROWS, generator(1, "data"))


def test_rungs_come_in_the_asked_shares() -> None:
    rungs = Counter(row["rung"] for row in made(passages=90, interventional=0.0, counterfactual=2.0))
    assert set(rungs) == {"observational", "counterfactual"} and rungs["counterfactual"] > rungs["observational"]


def test_spans_and_links_reach_the_batch() -> None:
    model = make("scratch:1x16,heads=1,tokens=bytes", seed=0, dtype=torch.float32, device=None)
    planned = batches(made(passages=10), model.tokenizer, seed=0, batch_size=5, length=512, steps=1)
    batch = planned[0]
    assert len(planned.variables) >= 3 and batch["spans"].max() <= len(planned.variables)
    assert batch["links"].any() and not batch["links"].diagonal(dim1=1, dim2=2).any()


def test_a_filled_slot_keeps_number_and_columns_but_no_marks() -> None:
    rows = numbered([{"text": "a b", "weight": n, "answer_at": 1} for n in range(4)])
    found = filled(rows, 0.5, 1, lambda: {"text": "new"}, generator(0, "slots"))
    new = [row for row, is_new in found if is_new]
    assert len(found) == 4 and len(new) == 2
    assert all(row == {"text": "new", "weight": row["row"], "row": row["row"]} for row in new)


def test_knobs_are_read_from_an_experiment() -> None:
    found, problems = build(resolve("method", "pretrain.corpus.worlds"), {"counterfactual": 2.0, "variables": [3, 4]})
    assert not problems and found == Worlds(counterfactual=2.0, variables=(3, 4))
    assert "from 0 on" in build(Worlds, {"observational": -1.0})[1][0][1]
    assert touched(Worlds()) == {"data"}
