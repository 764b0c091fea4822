"""What every suite of shortcuts and concepts promises the engine."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from tests.evaluate.scripted import WORLD, weighing

from butfor.core.registry import BUILT_IN, resolve
from butfor.evaluate.concept import cebab
from butfor.evaluate.suite import Item
from butfor.lm import head
from butfor.lm.prompt import Prompt

NEEDS = {"shortcut.cad": "cad", "shortcut.monli": "monli", "concept.cebab": "cebab"}
APART = {"concept.probe"}  # fits a classifier on all of its texts at once: no record is an item's alone
SUITES = [name for name in BUILT_IN["suite"] if name.startswith(("shortcut.", "concept.")) and name not in APART]
ASKED_FOR = {  # metrics of a model with a head, and of a file of counterfactuals
    "concept.cebab": [
        f"{distance}_{name}" for distance in ("l2", "cosine", "norm") for name in ("coordinates", "written")
    ]
}
SMALL = {"concept.cebab": {"train": 20, "rounds": 1}, "shortcut.position": {"sizes": (2, 3)}}


def noise(prompt: Prompt, choices: Sequence[str]) -> list[float]:
    """A likelihood that depends on all that is asked, and on nothing else."""
    text = repr((prompt, tuple(choices)))
    return [-hashlib.blake2b(f"{text}{n}".encode()).digest()[0] / 64 for n in range(len(choices))]


def letters(_: Any, texts: Sequence[str]) -> np.ndarray:
    return np.array([[text.count(letter) for letter in "etaoinshrdlu"] for text in texts], dtype=np.float64)


def judged(_: Any, texts: Sequence[str], options: Sequence[str], length: int) -> np.ndarray:
    assert length > 0
    return np.array([noise(Prompt(text), options) for text in texts])


@pytest.mark.parametrize("name", SUITES)
def test_promises(name: str, public: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    if name in NEEDS:
        public(NEEDS[name])
    weighing(monkeypatch, noise)
    monkeypatch.setattr(head, "judged", judged)
    monkeypatch.setattr(cebab, "_features", letters)
    kind: Any = resolve("suite", name)
    suite = kind(limit=12, **SMALL.get(name, {}))
    assert (sys.modules[kind.__module__].__doc__ or "").count("Equation") == 1
    assert suite.card.measures and suite.card.chance and suite.card.source and suite.card.faults
    suite.ready()
    items = suite.items(WORLD)
    assert items == suite.items(None) and len({item.id for item in items}) == len(items) == 12
    read = [Item(item.id, item.cluster, json.loads(json.dumps(item.data))) for item in items]
    records = suite.measure(WORLD, items)
    assert suite.measure(WORLD, read) == records
    assert [suite.measure(WORLD, [item])[0].metrics for item in items[:1]] == [r.metrics for r in records[:1]]
    kinds = {metric.name: metric.kind for metric in suite.metrics}
    nulls = {metric.null for metric in suite.metrics if isinstance(metric.null, str)}
    assert nulls <= set(kinds) and len(kinds) == len(suite.metrics)
    for item, record in zip(items, records, strict=True):
        assert (record.item, record.cluster) == (item.id, item.cluster)
        assert set(record.metrics) <= set(kinds) and all(map(math.isfinite, record.metrics.values()))
        assert all(value in (0, 1) for metric, value in record.metrics.items() if kinds[metric] == "binary")
        assert all(isinstance(text, str) for text in (*record.show.values(), *record.group.values()))
    unseen = set(kinds) - {metric for record in records for metric in record.metrics}
    assert unseen <= {"parsed", *ASKED_FOR.get(name, ())}
