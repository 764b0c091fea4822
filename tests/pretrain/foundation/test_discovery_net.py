"""The network of amortised discovery: its symmetries are exact, its probabilities are a distribution, it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from butfor.data.graph_worlds import Family, draw
from butfor.pretrain.foundation.discovery_net import Shape, drawn, log_shares, loss, odds, probabilities, sizes

SMALL = Shape(cell=8, heads=2, points=3, outer=4, pair=8, pair_blocks=2)


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Weights as drawn, but with biases and gains that are no longer alike, as after training."""
    rng = torch.Generator().manual_seed(1)
    return {name: value + 0.2 * torch.randn(value.shape, generator=rng) for name, value in drawn(SMALL, 0).items()}


def data(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.tensor(draw(Family(), 2, n, d, np.random.default_rng(seed)).x, dtype=torch.float32)


@pytest.mark.parametrize(("n", "d"), [(5, 2), (60, 5), (40, 17)])
def test_the_order_of_variables_reorders_and_that_of_rows_does_nothing(
    weights: dict[str, torch.Tensor], n: int, d: int
) -> None:
    x, rng = data(n, d), torch.Generator().manual_seed(2)
    p = probabilities(odds(weights, SMALL, x))
    assert p.shape == (2, d, d)
    columns, rows = torch.randperm(d, generator=rng), torch.randperm(n, generator=rng)
    moved = probabilities(odds(weights, SMALL, x[:, rows][:, :, columns]))
    assert torch.allclose(moved, p[:, columns][:, :, columns], atol=1e-5)
    assert p[0, ~torch.eye(d, dtype=torch.bool)].std() > 1e-4


def test_units_and_origin_of_a_variable_tell_nothing(weights: dict[str, torch.Tensor]) -> None:
    x = data(50, 4)
    other = x * torch.tensor([1.0, 10.0, 0.1, 3.0]) + torch.tensor([0.0, 5.0, -1.0, 2.0])
    assert torch.allclose(odds(weights, SMALL, x), odds(weights, SMALL, other), atol=1e-3)


def test_worlds_of_a_batch_do_not_mix(weights: dict[str, torch.Tensor]) -> None:
    x = data(30, 4)
    assert torch.allclose(odds(weights, SMALL, x)[1:], odds(weights, SMALL, x[1:]), atol=1e-4)


def test_the_three_states_of_a_pair_sum_to_one(weights: dict[str, torch.Tensor]) -> None:
    found = odds(weights, SMALL, data(30, 5))
    states = log_shares(found).exp()
    assert torch.allclose(states.sum(dim=-1), torch.ones(2, 5, 5))
    assert torch.allclose(states[..., 1], states.transpose(1, 2)[..., 2])
    p = probabilities(found)
    assert (p + p.transpose(1, 2) <= 1 + 1e-6).all() and not p.diagonal(dim1=1, dim2=2).any()


def test_the_loss_is_the_cross_entropy_of_pairs() -> None:
    rng = np.random.default_rng(0)
    found, edges = rng.normal(size=(3, 4, 4)), np.triu(rng.random((3, 4, 4)) < 0.5, 1)
    edges[0] = edges[0].T
    expected = []
    for world in range(3):
        for i in range(4):
            for j in range(i + 1, 4):
                weigh = np.exp([0.0, found[world, i, j], found[world, j, i]])
                state = 1 if edges[world, i, j] else 2 if edges[world, j, i] else 0
                expected.append(-np.log(weigh[state] / weigh.sum()))
    assert loss(torch.tensor(found), torch.tensor(edges)).item() == pytest.approx(np.mean(expected))


def test_gradients_are_right() -> None:
    tiny = Shape(cell=4, heads=2, points=2, outer=2, pair=4, pair_blocks=1)
    weights = {name: value.double().requires_grad_(True) for name, value in drawn(tiny, 0).items()}
    x = data(6, 3).double()
    edges = torch.tensor(draw(Family(), 2, 6, 3, np.random.default_rng(0)).edges)
    names = ["read.in.matrix", "row.0.points", "pool.out.matrix", "pair.0.gate.bias", "pair.0.third.out.matrix", "same"]

    def value(*given: torch.Tensor) -> torch.Tensor:
        return loss(odds({**weights, **dict(zip(names, given, strict=True))}, tiny, x), edges)

    assert torch.autograd.gradcheck(value, [weights[name] for name in names], fast_mode=True)


def test_every_weight_matters(weights: dict[str, torch.Tensor]) -> None:
    held = {name: value.clone().requires_grad_(True) for name, value in weights.items()}
    edges = torch.tensor(draw(Family(), 2, 30, 5, np.random.default_rng(0)).edges)
    loss(odds(held, SMALL, data(30, 5)), edges).backward()
    quiet = [name for name, value in held.items() if value.grad is None or not value.grad.abs().sum() > 0]
    assert not quiet and set(held) == set(sizes(SMALL))


def test_a_shape_is_read_from_its_header() -> None:
    assert Shape.read(SMALL.told()) == SMALL
    with pytest.raises(KeyError):
        Shape.read({"cell": "8"})
