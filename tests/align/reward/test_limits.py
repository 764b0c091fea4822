"""Rewards at no strength are the plain one, bit for bit; a killed training resumes; wrong columns are refused."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from butfor.align.reward.deconfound import Deconfound
from butfor.align.reward.disentangle import Disentangle
from butfor.align.reward.instrument import Instrument
from butfor.align.reward.invariant import Invariant
from butfor.align.reward.observed import Observed
from butfor.core.errors import UserError
from butfor.core.read import read
from butfor.lm.head import NAME, worth
from butfor.lm.load import load
from butfor.train.loop import TrainSettings, train
from butfor.train.standard import Standard

WORDS = ["good", "bad", "dull", "fine", "nice", "poor"]


def text(n, k):
    said = " ".join(WORDS[(n * 7 + k * 3 + j) % 6] for j in range(2 + (n + 3 * k) % 5))
    return {"text": f"{said} {n}", "length": float(len(said)), "ranker": "abc"[(n + k) % 3], "polite": (n + k) % 2}


PAIRS = [{**text(n, 0), "observed": int(n % 4 > 0), "beside": {"rejected": text(n, 1)}} for n in range(100)]
SCORES = [{**text(n, 0), "score": n % 2, "observed": int(n % 4 > 0)} for n in range(100)]
ALL_SEEN = [{**row, "observed": 1} for row in PAIRS], [{**row, "observed": 1} for row in SCORES]
STRONG = [
    Invariant(strength=2.0, bins=4),
    Deconfound(),
    Disentangle(),
    Instrument(weakest=1e-9),
    Observed(mistaken=0.2, missed=0.2),
]


def trained(folder, rows, method, adapt="head", progress=None, **more):
    lm = load("debug")
    more = {"steps": 4, "batch_size": 24, "length": 16, "learning_rate": 1e-2, "save_every": 2, **more}
    settings = TrainSettings(objective="reward", adapt=adapt, **more)
    train(lm, rows, method, settings=settings, seed=0, folder=folder, progress=progress)
    return lm


def weights(lm):
    return {name: value.numpy() for name, value in lm.model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@cache
def plain(kind):
    with TemporaryDirectory() as folder:
        return weights(trained(Path(folder), (PAIRS, SCORES)[kind], Standard()))


@pytest.mark.parametrize("kind", [0, pytest.param(1, marks=pytest.mark.slow)], ids=["pairs", "scores"])
@pytest.mark.parametrize("method", [Invariant(strength=0), Deconfound(strength=0), Disentangle(strength=0), Observed()])
def test_without_strength_it_is_the_plain_reward(tmp_path, method, kind):
    rows = (ALL_SEEN if isinstance(method, Observed) else (PAIRS, SCORES))[kind]
    assert same(weights(trained(tmp_path, rows, method)), plain(kind))


@pytest.mark.parametrize("kind", [0, pytest.param(1, marks=pytest.mark.slow)], ids=["pairs", "scores"])
@pytest.mark.parametrize("method", STRONG, ids=lambda method: type(method).__name__)
def test_with_strength_it_is_another_and_nothing_is_left_hanging(tmp_path, method, kind):
    lm = trained(tmp_path, (PAIRS, SCORES)[kind], method)
    assert not same(weights(lm), plain(kind))
    assert weights(lm).keys() == plain(kind).keys()
    assert not {name for name in vars(lm.model) if name.startswith("butfor_") and name != NAME}
    assert np.isfinite(worth(lm, ["good", "bad"])).all()


@pytest.mark.parametrize(
    "method", [Instrument(weakest=1e-9), *(pytest.param(method, marks=pytest.mark.slow) for method in STRONG[1:3])]
)
def test_a_killed_training_goes_on_bit_for_bit(tmp_path, method):
    class Stop(Exception):
        pass

    def stop(step, *_):
        if step == 3:
            raise Stop

    whole = trained(tmp_path / "whole", PAIRS, method)
    with pytest.raises(Stop):
        trained(tmp_path / "torn", PAIRS, method, progress=stop)
    assert same(weights(trained(tmp_path / "torn", PAIRS, method)), weights(whole))


def lacking(row, name):
    return {key: value for key, value in row.items() if key != name}


ONE_SIDED = [*PAIRS, lacking(PAIRS[0], "beside")]
BARE = [*PAIRS[:50], {**PAIRS[50], "beside": {"rejected": {"text": "a b"}}}, *PAIRS[51:]]
FLAT = [{**row, "length": 1.0, "beside": {"rejected": {**row["beside"]["rejected"], "length": 1.0}}} for row in PAIRS]


@pytest.mark.parametrize("method", [Invariant(), Deconfound(), Disentangle(), Instrument(instruments=("length",))])
@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (ONE_SIDED, "one-sided preference"),
        (BARE, r"row 51 .counted from 1.: the rejected text has no column 'length' \(it has: none\)"),
        (FLAT, "'length' is 1.0 of every text"),
    ],
    ids=["one-sided", "bare", "flat"],
)
def test_columns_that_tell_nothing_are_refused_before_training(method, rows, problem):
    with pytest.raises(UserError, match=problem) as caught:
        method.fits(rows)
    assert len(str(caught.value).splitlines()) == 1


def test_the_experiment_on_the_page_of_rewards_is_one():
    page = (Path(__file__).parents[3] / "docs" / "rewards.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert read(tomllib.loads(block)).treatment is not None
