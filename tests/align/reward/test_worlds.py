"""Rewards over many planted worlds: what a deviation of length is worth to each, in deviations of quality.

A reward has no interval of its own. Over worlds it has: the mean of what is learnt, beside that of the plain reward,
and beside the truth, which is 0. Of scores an instrument that moves quality tells what quality is worth, 1, and nothing
of length: there it is quality that is asked about. `pytest -m slow -s tests/align/reward/test_worlds.py` prints the
table of the page.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from tests.align.reward.planted import World, effects, learnt, preferences
from tests.align.reward.test_instrument import judged, scored
from tests.align.reward.test_observed import chosen

from butfor.align.reward.deconfound import Deconfound
from butfor.align.reward.disentangle import Disentangle
from butfor.align.reward.instrument import Instrument
from butfor.align.reward.invariant import Invariant
from butfor.align.reward.observed import Observed
from butfor.stats import mean
from butfor.train.standard import Standard

WORLDS = 12
QUALITY = "instrument, scores: quality"
CASES = {  # worlds by their seeds, the method, and how far its mean may be from the truth
    "invariant, apart": (lambda seed: preferences(seed, n=300), Invariant(strength=5.0, bins=4), 0.15),
    "disentangle, apart": (lambda seed: preferences(seed, n=300), Disentangle(strength=0.3), 0.15),
    "deconfound, entangled": (lambda seed: preferences(seed, 300, 0.7, 0.8), Deconfound(), 0.25),
    QUALITY: (lambda seed: scored(seed, n=400), Instrument(), 0.15),
    "instrument, preferences": (lambda seed: judged(seed, n=400), Instrument(first="first"), 0.15),
    "observed, chances logged": (
        lambda seed: chosen(300, seed)[0],
        Observed(observed="rated", propensity="chance", least=0.01),
        0.15,
    ),
}


def rated(world):
    """The rows with feedback, which are all that a plain reward can learn from."""
    found = World()
    found.read, found.rows = world.read, [row for row in world.rows if row.get("rated", 1)]
    return found


@dataclass(frozen=True, slots=True)
class Found:
    """What length is worth over worlds, and the share of pairs in the order of quality."""

    plain: np.ndarray
    method: np.ndarray
    right: np.ndarray  # [W, 2], of both

    def line(self, name):
        told = [mean(one) for one in (self.plain, self.method, self.method - self.plain)]
        cells = " | ".join(f"{one.estimate:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in told)
        return f"| {name} | {cells} | {self.right[:, 0].mean():.3f} → {self.right[:, 1].mean():.3f} |"


def asked(found, name):
    """What is asked of a reward whose effects these are."""
    return found[0] if name == QUALITY else found[1] / found[0]


def over_worlds(name, monkeypatch):
    make, method, _ = CASES[name]
    found = []
    for seed in range(100, 100 + WORLDS):
        world = make(seed)
        plain = effects(learnt(Standard(), rated(world), monkeypatch, steps=60, rate=0.1)[0])
        causal = effects(learnt(method, world, monkeypatch, steps=60, rate=0.1)[0])
        found.append([asked(plain, name), asked(causal, name), plain[2], causal[2]])
    table = np.array(found)
    return Found(table[:, 0], table[:, 1], table[:, 2:])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_over_worlds_a_reward_is_near_the_truth(name, monkeypatch):
    found, off, truth = over_worlds(name, monkeypatch), CASES[name][2], float(name == QUALITY)
    print(f"\n{found.line(name)}")
    assert abs(found.method.mean() - truth) < off < abs(found.plain.mean() - truth)
