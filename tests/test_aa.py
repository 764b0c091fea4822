"""A/A: with `standard` in both arms and nothing but chance between them, a run rejects as often as it says it does.

Where seeds differ more than their items' noise explains, that is 5 % of runs, within binomial bounds on both sides.
Where few seeds hardly differ it is less by design (docs/stats.md), and only the upper bound is a promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from butfor.core.folder import write_lines
from butfor.core.spec import Experiment
from butfor.effects import find
from butfor.experiment import load, run

REPLICATES = 200
LOW, HIGH = binom.ppf([0.005, 0.995], REPLICATES, 0.05)


@dataclass(frozen=True)
class World:
    """How chance falls where nothing was changed; `spread`: variance of seeds, in units of an item's noise / items."""

    seeds: int
    items: int
    clusters: int
    spread: float

    def __str__(self) -> str:
        return f"{self.seeds} seeds, {self.items} items, {self.clusters} clusters, spread {self.spread:g}"


NOMINAL = [World(1, 120, 30, 0), World(2, 24, 24, 60), World(3, 24, 24, 30), World(3, 40, 20, 60), World(5, 20, 20, 10)]
CONSERVATIVE = [World(2, 24, 24, 1), World(3, 24, 24, 0)]


def experiment(seeds: int, /, **changes: Any) -> Experiment:
    table = {
        "name": "aa",
        "model": "debug",
        "seeds": list(range(seeds)),
        "seeding": "own",
        "treatment": {"method": "standard"},
        "measure": [{"suite": "plugs:Norm", "primary": True}],
    }
    return load({**table, **changes})


def simulated(folder: Path, world: World, rng: np.random.Generator) -> None:
    """Records of two equal arms: what an item is worth is shared, what an arm, a seed or a cluster adds is chance."""
    worth = rng.normal(size=world.items)
    cluster = np.arange(world.items) % world.clusters
    for arm in ("control", "treatment"):
        of_items = 0.5 * rng.normal(size=world.clusters)[cluster] + 0.3 * rng.normal(size=world.items)
        for seed in range(world.seeds):
            values = worth + of_items + rng.normal(size=world.items)
            values += np.sqrt(world.spread / world.items) * rng.normal()  # what this training came to
            rows = [
                {"item": f"i{k}", "cluster": f"c{cluster[k]}", "metrics": {"weight": v, "positive": float(v > 0)}}
                for k, v in enumerate(values.tolist())
            ]
            write_lines(folder / arm / f"seed-{seed}" / "records" / "plugs:Norm.jsonl", rows)


def p_of_replicates(folder: Path, monkeypatch: pytest.MonkeyPatch, world: World) -> np.ndarray:
    """The primary p-value of each replicate, on the way from records to effects that every run takes."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    rng, spec = np.random.default_rng([20261121, world.seeds, world.items, int(world.spread)]), experiment(world.seeds)
    p: list[float] = []
    for _ in range(REPLICATES):
        simulated(folder, world, rng)
        found = find(folder, spec)
        assert found.primary is not None and found.primary["seeds"] == world.seeds
        p.append(found.primary["p"])
    return np.array(p)


@pytest.mark.parametrize("world", NOMINAL, ids=str)
def test_simulated_replicates_reject_at_the_nominal_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    p = p_of_replicates(tmp_path, monkeypatch, world)
    rejected = int((p <= 0.05).sum())
    assert LOW <= rejected <= HIGH, f"{rejected} of {REPLICATES} at 0.05, expected {LOW:.0f} to {HIGH:.0f}"
    assert 0.4 < np.mean(p) < 0.6, "p is uniform under the null"


@pytest.mark.parametrize("world", CONSERVATIVE, ids=str)
def test_simulated_replicates_with_few_seeds_that_hardly_differ_reject_no_oftener_than_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    """Two or three seeds that agree may do so by luck; the interval allows for that, and rejects 0.5 to 3 % instead."""
    p = p_of_replicates(tmp_path, monkeypatch, world)
    rejected = int((p <= 0.05).sum())
    assert rejected <= HIGH, f"{rejected} of {REPLICATES} at 0.05, expected {HIGH:.0f} at most"
    assert np.mean(p) > 0.4, "p is never smaller than uniform under the null"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_trained_replicates_reject_at_the_nominal_rate(tmp_path: Path) -> None:
    """The whole engine: two trainings of the same model on the same text, each with seeds of its own."""
    p = []
    for replicate in range(REPLICATES):
        spec = experiment(
            4,
            seeds=[4 * replicate + k for k in range(4)],
            budget={"steps": 3},
            train={"batch_size": 4, "length": 16, "learning_rate": 1e-3},
            keep="records",
            measure=[{"suite": "bias.professions", "primary": True, "limit": 60, "metric": "size"}],
        )
        p.append(run(spec, out=tmp_path / str(replicate)).primary["p"])
    rejected = int((np.array(p) <= 0.05).sum())
    print(f"{rejected} of {REPLICATES} rejected at 0.05, mean p {np.mean(p):.3f}")
    assert LOW <= rejected <= HIGH, f"{rejected} of {REPLICATES} at 0.05, expected {LOW:.0f} to {HIGH:.0f}"
