"""Variable elimination against the joint, at any order, evidence and size; and against pgmpy."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import QueryError
from butfor.scm.graph import bits
from butfor.scm.models import factor
from butfor.scm.models.bif import read_bif, write_bif
from butfor.scm.models.factor import Layout, drawn, make_order, make_plan, set_of, sizes_of, summed
from butfor.scm.models.model import SCM
from butfor.scm.models.network import Network

NETWORKS = ("asia", "sachs", "child", "alarm")


def random_network(rng: np.random.Generator, size: int) -> Network:
    parents: list[tuple[int, ...]] = []
    tables: list[np.ndarray] = []
    for v in range(size):
        above = tuple(int(i) for i in rng.choice(v, int(rng.integers(0, min(v, 3) + 1)), replace=False)) if v else ()
        shape = (*(tables[i].shape[-1] for i in above), int(rng.integers(1, 4)))
        p = rng.random(shape) * (rng.random(shape) > 0.1) + 1e-3 * (rng.random() < 0.5)
        p[..., 0] += p.sum(axis=-1) == 0
        parents.append(above)
        tables.append(p / p.sum(axis=-1, keepdims=True))
    return Network(parents, tables)


def scopes_of(network: Network) -> list[tuple[int, ...]]:
    return [tuple(bits(nodes)) for nodes in network.around]


def product(scopes: Any, tables: Any, keep: tuple[int, ...]) -> np.ndarray:
    """One einsum over everything."""
    operands: list[Any] = []
    for scope, table in zip(scopes, tables, strict=True):
        operands += [table, list(scope)]
    return np.einsum(*operands, list(keep))


def test_any_query_is_the_sum_of_the_joint() -> None:
    for seed in range(150):
        rng = np.random.default_rng(seed)
        network = random_network(rng, 7)
        places = [int(i) for i in rng.permutation(7)]
        keep, given, weighed = tuple(places[: seed % 4]), places[4 : 4 + seed % 3], places[6 : 6 + seed % 2]
        evidence = {v: int(rng.integers(network.tables[v].shape[-1])) for v in given}
        masks = {v: rng.integers(0, 2, network.tables[v].shape[-1]).astype(float) for v in weighed}
        joint = product(scopes_of(network), network.tables, tuple(range(7)))
        for v, level in evidence.items():
            joint = joint * np.expand_dims(np.eye(joint.shape[v])[level], tuple(i for i in range(7) if i != v))
        for v, mask in masks.items():
            joint = joint * np.expand_dims(mask, tuple(i for i in range(7) if i != v))
        expected = np.einsum(joint, list(range(7)), list(keep))
        for _ in range(2):  # the second time by the plan that was kept
            assert np.abs(network.table(keep, evidence, masks) - expected).max() < 1e-12
            part = network.table(keep, evidence, masks, scale=False)
            assert (part.sum() > 0) == (expected.sum() > 0)
            if expected.sum() > 0:
                assert np.abs(part / part.sum() - expected / expected.sum()).max() < 1e-12


def test_large_products_go_two_at_a_time_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    network = random_network(rng, 8)
    expected = product(scopes_of(network), network.tables, (7, 2))
    for small, cheap in ((0, 0), (0, 2**16), (256, 0)):
        monkeypatch.setattr(factor, "SMALL", small)
        monkeypatch.setattr(factor, "CHEAP", cheap)
        network._plans.clear()
        found = network.table((7, 2))
        assert np.abs(found - expected).max() < 1e-12
        assert np.abs(summed(scopes_of(network), network.tables, (7, 2)) - expected).max() < 1e-12


def test_draws_follow_the_product() -> None:
    rng = np.random.default_rng(1)
    scopes = [(0, 1), (1, 2), (2, 0), (3,), (2, 3)]
    tables = [rng.random([2 + v % 2 for v in scope]) for scope in scopes]
    n = 60_000
    found = drawn(scopes, tables, n, np.random.default_rng(2))
    expected = product(scopes, tables, (0, 1, 2, 3))
    counts = np.zeros_like(expected)
    np.add.at(counts, tuple(found[v] for v in range(4)), 1 / n)
    assert np.abs(counts - expected / expected.sum()).max() < 5 * np.sqrt(0.25 / n)


def test_an_order_leaves_a_grid_narrow() -> None:
    """A 6 x 6 grid has treewidth 6: no table of a good order joins more than seven or eight binary variables."""
    edges = [(6 * i + j, 6 * i + j + 1) for i in range(6) for j in range(5)]
    edges += [(6 * i + j, 6 * i + j + 6) for i in range(5) for j in range(6)]
    tables = [np.ones((2, 2))] * len(edges)
    near = {v: {v} for v in range(36)}
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    widest = 0
    for v in make_order([set_of(edge) for edge in edges], sizes_of(edges, tables)):
        widest = max(widest, len(near[v]))
        for i in near[v]:
            near[i] = (near[i] | near[v]) - {v}
    assert widest <= 8
    plan = make_plan([set_of(edge) for edge in edges], Layout(sizes_of(edges, tables)), ())
    assert max(nodes.bit_count() for nodes in plan.nodes) <= 8  # what is summed together adds nothing to the width
    assert summed(edges, tables) == pytest.approx(2.0**36)


def test_what_does_not_fit_is_refused() -> None:
    clique = [(i, j) for i in range(40) for j in range(i)]
    with pytest.raises(QueryError, match="does not fit in memory"):
        summed(clique, [np.ones((2, 2))] * len(clique))


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")  # pgmpy's own
@pytest.mark.parametrize("name", NETWORKS)
def test_pgmpy_agrees_and_takes_longer(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pgmpy")
    import pgmpy
    from pgmpy.inference import VariableElimination
    from pgmpy.readwrite import BIFReader

    packed = Path(pgmpy.__file__).parent / "utils" / "example_models" / f"{name}.bif.gz"
    path = Path(os.environ.get("BUTFOR_DATA", ".")) / "bnlearn" / f"{name}.bif"
    if not packed.exists() and not path.exists():
        pytest.skip(f"{name}.bif is neither in pgmpy nor in BUTFOR_DATA")
    tables = read_bif(gzip.decompress(packed.read_bytes()).decode() if packed.exists() else path)
    model = SCM.discrete(tables)
    engine = VariableElimination(BIFReader(string=write_bif(model.tables)).get_model())
    rng = np.random.default_rng(0)
    names, rows = list(model.labels), model.sample(200, seed=1)
    ratios: list[float] = []
    for i in range(200):
        y, *given = (str(v) for v in rng.choice(names, 1 + i % 5, replace=False))
        evidence = {v: rows[v][i] for v in given}
        start = perf_counter()
        found = [model.p({y: level}, evidence) for level in model.labels[y][:1]]
        ours = perf_counter() - start
        start = perf_counter()
        answer = engine.query([y], {v: str(level) for v, level in evidence.items()}, show_progress=False)
        ratios.append((perf_counter() - start) / ours)
        states = answer.state_names[y]
        expected = [answer.values[states.index(str(level))] for level in model.labels[y][:1]]
        assert np.abs(np.array(found) - expected).max() < 1e-9
    with capsys.disabled():
        print(f"\n{name}: pgmpy takes {np.median(ratios):.1f} times as long")
    assert np.median(ratios) > 2  # bench/inference.py measures it
