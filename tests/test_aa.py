"""A/A: with `standard` in both arms and nothing but chance between them, a run rejects as often as it says it does."""

from __future__ import annotations

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


def experiment(seeds: int, **changes: Any) -> Experiment:
    table = {
        "name": "aa",
        "model": "debug",
        "seeds": list(range(seeds)),
        "seeding": "own",
        "treatment": {"method": "standard"},
        "measure": [{"suite": "plugs:Norm", "primary": True}],
    }
    return load({**table, **changes})


def simulated(folder: Path, seeds: int, items: int, clusters: int, rng: np.random.Generator) -> None:
    """Records of two equal arms: what an item is worth is shared, what an arm, a seed or a cluster adds is chance."""
    worth = rng.normal(size=items)
    cluster = np.arange(items) % clusters
    for arm in ("control", "treatment"):
        of_items = rng.normal(size=clusters)[cluster] + 0.5 * rng.normal(size=items)
        for seed in range(seeds):
            values = worth + of_items + 0.2 * rng.normal(size=items) + (0.3 * rng.normal() if seeds > 1 else 0)
            rows = [
                {"item": f"i{k}", "cluster": f"c{cluster[k]}", "metrics": {"weight": v, "positive": float(v > 0)}}
                for k, v in enumerate(values.tolist())
            ]
            write_lines(folder / arm / f"seed-{seed}" / "records" / "plugs:Norm.jsonl", rows)


@pytest.mark.parametrize(("seeds", "items", "clusters"), [(1, 40, 40), (1, 120, 30), (5, 60, 60)])
def test_simulated_replicates_reject_at_the_nominal_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: int, items: int, clusters: int
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    rng, spec = np.random.default_rng(20261121 + seeds + items), experiment(seeds)
    p = []
    for _ in range(REPLICATES):
        simulated(tmp_path, seeds, items, clusters, rng)
        found = find(tmp_path, spec)
        assert found.primary is not None
        p.append(found.primary["p"])
    rejected = int((np.array(p) <= 0.05).sum())
    assert LOW <= rejected <= HIGH, f"{rejected} of {REPLICATES} at 0.05, expected {LOW:.0f} to {HIGH:.0f}"
    assert 0.3 < np.mean(p) < 0.7, "p is uniform under the null"


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
