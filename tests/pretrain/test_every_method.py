"""Every method of the stage: its worked example runs; what touches the rows alone trains as standard training does."""

from __future__ import annotations

import inspect
import tomllib
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from butfor.cli.explain import sections
from butfor.core.registry import build, full, resolve, targets
from butfor.core.seeds import generator
from butfor.data.corpora import rows
from butfor.data.effect_worlds import world
from butfor.lm.load import load
from butfor.scm.analyst import Analyst
from butfor.scm.columns import Columns
from butfor.train.batches import numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.method import touched
from butfor.train.standard import Standard

NAMES = sorted({full("method", name) for name in targets("method") if full("method", name).startswith("pretrain.")})
TABLES = [name for name in NAMES if ".foundation." in name or name.endswith("dag_effect")]
TEXTS = [name for name in NAMES if name not in TABLES]
LESS = {"passages": 40, "steps": 2, "folds": 2, "sample": 200}  # of what an example would take long for
REVIEWS = ("reviews", "scratch:1x32,heads=2", 200)
CORPORA = {  # corpus, model, tokens of a text
    "pretrain.attention": ("stg", "scratch:1x32,heads=2", 280),
    "pretrain.corpus.latent_graph": ("in-context", "disentangled:2", 17),
    "pretrain.corpus.structure": REVIEWS,
    "pretrain.corpus.reweight": REVIEWS,
    "pretrain.corpus.mmd": REVIEWS,
    "pretrain.causalm": REVIEWS,
}
ROWS_AT_ONCE = {"pretrain.corpus.mmd": 64}  # where 16 hold no two groups to compare
PLAIN = ("plain", "scratch:1x32,heads=2,tokens=plain/3000", 160)
some = lru_cache(lambda corpus: rows(corpus)[:64])


def example(name: str) -> Any:
    """The method that its file shows an arm of, with less to do."""
    made = resolve("method", name)
    shown = sections(inspect.getdoc(inspect.getmodule(made)) or "")["Example"]
    (arm,) = tomllib.loads(shown).values()
    assert full("method", arm.pop("method")) == name
    method, problems = build(made, arm)
    assert not problems
    return replace(method, **{key: LESS[key] for key in LESS if key in {field.name for field in fields(method)}})


def made_for(name: str) -> tuple[str, str, int]:
    return next((found for prefix, found in CORPORA.items() if name.startswith(prefix)), PLAIN)


def trained(name: str, method: Any, given: Any, folder: Path) -> Any:
    _, model, length = made_for(name)
    lm = method.model(load(model, seed=0), np.random.default_rng(0))
    how = TrainSettings(steps=2, batch_size=ROWS_AT_ONCE.get(name, 16), length=length, learning_rate=1e-2)
    train(lm, given, method, settings=how, seed=0, folder=folder)
    return lm


@pytest.mark.parametrize("name", TEXTS)
def test_the_worked_example_trains(name: str, tmp_path: Path) -> None:
    lm = trained(name, example(name), some(made_for(name)[0]), tmp_path)
    assert all(weight.isfinite().all() for weight in lm.model.parameters())


@pytest.mark.parametrize("name", TABLES)
def test_the_worked_example_answers(name: str) -> None:
    method = example(name)
    analyst = method.model(Analyst(), np.random.default_rng(0))
    if name.endswith(("discovery", "search")):
        a, b, c = np.random.default_rng(0).standard_normal((3, 60))
        found = analyst.discover(Columns.read({"a": a, "b": b, "c": a + b + c}))
        assert found.shape == (3, 3) and (found >= 0).all() and (found <= 1).all()
    else:
        assert np.isfinite(analyst.estimate(world("linear", 1, 100).table).effect.estimate)


@pytest.mark.parametrize("name", [name for name in TEXTS if touched(example(name)) == {"data"}])
def test_what_touches_the_rows_alone_is_standard_training_on_its_rows_bit_for_bit(name: str, tmp_path: Path) -> None:
    method, given = example(name), some(made_for(name)[0])
    told = method.data(numbered(given), generator(0, "method", "data"))
    found = [
        trained(name, one, these, tmp_path / str(n))
        for n, (one, these) in enumerate(((method, given), (Standard(), told)))
    ]
    assert found[0].fingerprint() == found[1].fingerprint()
