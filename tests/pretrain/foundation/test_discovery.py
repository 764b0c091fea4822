"""Amortised discovery as a method: what ships finds planted graphs, and what it cannot read costs one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import DataError, MalformedData, MissingData
from butfor.data.graph_worlds import FAMILIES, Family, draw, one
from butfor.pretrain.foundation.discovery import SHIPPED, Discovery, Network, numbers, without_cycles
from butfor.scm.analyst import Analyst
from butfor.scm.columns import Columns

RNG = np.random.default_rng(0)


def columns(x: np.ndarray) -> Columns:
    return Columns.read({f"V{j}": x[:, j] for j in range(x.shape[1])})


@pytest.fixture(scope="module")
def world() -> Analyst:
    return Discovery().model(Analyst(), np.random.default_rng(0))


def test_the_checkpoint_that_ships_is_small(world: Analyst) -> None:
    assert SHIPPED.stat().st_size < 2**20
    assert "weights from discovery.safetensors, as probabilities" in world.notes[0]
    assert SHIPPED.with_suffix(".log.jsonl").is_file() and SHIPPED.with_suffix(".scores.json").is_file()


def test_it_finds_a_linear_cause_by_the_shape_of_the_noise(world: Analyst) -> None:
    right = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cause = rng.uniform(-1, 1, 300)
        effect = cause + rng.uniform(-1, 1, 300)
        p = world.discover(columns(np.stack([cause, effect, rng.uniform(size=300)], axis=1)))
        right.append(p[0, 1] > p[1, 0])
        assert p[0, 1] + p[1, 0] > 0.9 and p[:, 2].max() < 0.5
    assert sum(right) >= 18


def test_with_normal_noise_it_says_that_a_direction_is_open(world: Analyst) -> None:
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(300)
        found.append(world.discover(columns(np.stack([x, x + rng.standard_normal(300)], axis=1)))[0, 1])
    assert 0.35 < np.mean(found) < 0.65 and np.std(found) < 0.2


def test_a_collider_is_told_from_a_chain(world: Analyst) -> None:
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((400, 5))  # two causes, their effect, and two that have nothing to do with it
        x[:, 2] = x[:, 0] + x[:, 1] + 0.7 * x[:, 2]
        found.append(world.discover(columns(x)))
    p = np.mean(found, axis=0)
    assert min(p[0, 2], p[1, 2]) > 0.8 and max(p[2, 0], p[2, 1], p[0, 1], p[1, 0]) < 0.2
    assert max(p[3].max(), p[4].max(), p[:, 3:].max()) < 0.2


def test_names_and_rows_in_another_order(world: Analyst) -> None:
    x = one("curves", 5, 0).x[0]
    p, order = world.discover(columns(x)), RNG.permutation(x.shape[1])
    assert np.allclose(world.discover(columns(RNG.permutation(x)[:, order])), p[np.ix_(order, order)], atol=1e-5)


def test_it_reads_any_size(world: Analyst) -> None:
    for n, d in ((3, 2), (10, 30), (2000, 3)):
        p = world.discover(columns(draw(Family(), 1, n, d, RNG).x[0]))
        assert p.shape == (d, d) and np.isfinite(p).all()


def test_what_it_cannot_read() -> None:
    x = RNG.normal(size=(50, 3))
    with pytest.raises(DataError, match="V1 hold categories; search for those with"):
        numbers(columns(np.stack([x[:, 0], np.arange(50) % 3], axis=1)))
    with pytest.raises(DataError, match="A hold categories"):
        numbers(Columns.read({"A": ["yes", "no"] * 25, "B": x[:, 0]}))
    with pytest.raises(DataError, match="constant"):
        numbers(columns(np.stack([x[:, 0], np.full(50, 0.5)], axis=1)))
    with pytest.raises(DataError, match="2 columns and 3 rows"):
        numbers(columns(x[:, :1]))


def test_a_wrong_checkpoint_costs_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="train_discovery --out"):
        Network.load(tmp_path / "none.safetensors")
    (tmp_path / "no.safetensors").write_bytes(b"no weights")
    with pytest.raises(MalformedData, match="no checkpoint of amortised discovery"):
        Network.load(tmp_path / "no.safetensors")


def test_form_and_checkpoint_name_the_analyst(world: Analyst, tmp_path: Path) -> None:
    acyclic = Discovery(form="acyclic").model(Analyst(), RNG)
    copied = tmp_path / "copy.safetensors"
    copied.write_bytes(SHIPPED.read_bytes())
    assert acyclic.fingerprint() != world.fingerprint()
    assert Discovery(checkpoint=str(copied)).model(Analyst(), RNG).fingerprint() == world.fingerprint()


def test_without_cycles_drops_the_least_likely_edge_alone() -> None:
    p = np.array([[0, 0.9, 0.1], [0.0, 0, 0.8], [0.6, 0.1, 0]])
    kept = without_cycles(p)
    assert kept[2, 0] == 0 and np.array_equal(np.delete(kept.ravel(), 6), np.delete(p.ravel(), 6))
    rng = np.random.default_rng(3)
    for _ in range(20):
        q = np.triu(rng.random((6, 6)), 1)
        q = q + (1 - q.T) * np.tri(6, k=-1)
        left = (kept := without_cycles(q)) * ((kept + kept.T >= 0.5) & (kept > kept.T))
        assert np.trace(np.linalg.matrix_power((left > 0).astype(float) + 0, 6)) == 0
        assert all(not np.trace(np.linalg.matrix_power((left > 0).astype(float), k)) for k in range(1, 7))
    assert np.array_equal(without_cycles(np.triu(q, 1)), np.triu(q, 1))


def test_worlds_have_variance_one_and_no_order_of_it() -> None:
    for name in FAMILIES:
        x = one(name, 0, 0).x[0]
        assert abs(np.log(x.var(axis=0))).max() < 1.6, name
    many = draw(Family(mechanisms=("linear",), noises=("normal",)), 60, 400, 6, np.random.default_rng(0))
    depth = many.edges.sum(axis=1)  # how many causes a variable has
    assert abs(np.corrcoef(depth.ravel(), many.x.var(axis=1).ravel())[0, 1]) < 0.1


@pytest.mark.slow
def test_it_beats_the_search_where_it_was_trained(world: Analyst) -> None:
    from butfor.evaluate.graph.scores import shd
    from butfor.scm.analyst import searched

    worlds = [one("curves", 77, number) for number in range(40)]
    wrong = [
        [shd(find(columns(w.x[0])), w.edges[0].astype(float)) for w in worlds] for find in (world.discover, searched)
    ]
    assert np.mean(wrong[0]) < 0.8 * np.mean(wrong[1])
