"""Learners: weights are repeated rows, smooth functions are found, values outside the data's levels are refused."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.core.errors import QueryError
from butfor.scm.columns import Columns
from butfor.scm.models.features import Block, Design
from butfor.scm.models.learn import Learner, Logit, TableLearner, forms, line
from butfor.scm.models.mechanism import Categorical, Function
from butfor.scm.models.residual import independence, lopsided


def rows(n: int = 120, seed: int = 0) -> Columns:
    rng = np.random.default_rng(seed)
    x, c = rng.normal(size=n), rng.integers(0, 3, n)
    y = np.sin(2 * x) + c + 0.2 * rng.normal(size=n)
    return Columns.read({"x": x, "c": np.array(["a", "b", "c"])[c], "y": y, "up": np.where(y > 1, "yes", "no")})


@pytest.mark.parametrize("kind", ["table", "logit", "linear"])
def test_weights_are_repeated_rows(kind: str) -> None:
    data = rows()
    counts = np.random.default_rng(1).integers(0, 4, data.n)
    again = data.take(np.repeat(np.arange(data.n), counts))

    def learner(columns: Columns) -> Learner:
        if kind == "table":
            return TableLearner.of(columns, "up", ("c",), 1.0)
        return Logit.of(columns, "up", ("x", "c")) if kind == "logit" else line(columns, "y", ("x", "c"))

    one = learner(data).mechanism(counts.astype(float))
    two = learner(again).mechanism(np.ones(again.n))
    causes = [again[name] for name in one.causes]
    if isinstance(one, Categorical) and isinstance(two, Categorical):
        assert np.allclose(
            one.chances(*causes), two.chances(*causes), atol=2e-3
        )  # the logit's ridge is on scaled causes
    else:
        assert isinstance(one, Function) and isinstance(two, Function)
        assert np.allclose(one.run(causes, np.zeros(again.n)), two.run(causes, np.zeros(again.n)), atol=1e-6)


def test_the_simplest_form_that_fits() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 600))
    data = Columns.read({"a": a, "b": b, "sum": np.abs(a) + np.sin(b) + 0.3 * rng.normal(size=600),
                         "product": a * b + 0.3 * rng.normal(size=600)})  # fmt: skip
    straight, curves, surface = forms(data, "sum", ("a", "b"), 0)
    assert curves.beats(straight) and not surface.beats(curves) and curves.error < 0.12
    straight, curves, surface = forms(data, "product", ("a", "b"), 0)
    assert surface.beats(curves) and surface.beats(straight) and surface.error < 0.2


def test_residuals_have_the_noise_that_was_planted() -> None:
    rng = np.random.default_rng(3)
    x = rng.uniform(-2, 2, 400)
    data = Columns.read({"x": x, "y": np.sin(2 * x) + 0.5 * rng.normal(size=400)})
    for form in forms(data, "y", ("x",), 0)[1:]:
        left = form.learner.residuals(np.ones(400))
        assert left.mean() == pytest.approx(0, abs=1e-9) and left.std() == pytest.approx(0.5, abs=0.05)
        mechanism = form.learner.mechanism(np.ones(400))
        grid = np.linspace(-1.8, 1.8, 50)
        assert np.allclose(mechanism.run([grid], np.zeros(50)), np.sin(2 * grid), atol=0.25)


def test_a_block_is_the_kernel_where_its_centers_are() -> None:
    z = np.random.default_rng(0).normal(size=(30, 2))
    block = Block.of((0, 1), z, 1.0)
    made = block.kernel(z) @ block.whitening
    assert np.allclose(made @ made.T, block.kernel(z), atol=1e-4)


def test_labels_become_indicators_and_strange_values_are_refused() -> None:
    data = rows()
    design = Design.of(data, ("x", "c"))
    assert design.straight == 4 and design.inputs([data["x"], data["c"]], data.n).shape == (data.n, 3)
    with pytest.raises(QueryError, match="has no level q"):
        design.inputs([data["x"], np.full(data.n, "q")], data.n)
    with pytest.raises(QueryError, match="is a number"):
        design.inputs([data["c"], data["c"]], data.n)


def test_independence_holds_its_level_and_sees_spread() -> None:
    p = [independence(*_noise(seed, 0.0), seed) for seed in range(60)]
    assert 0.3 < float(np.mean(p)) < 0.7 and np.mean(np.array(p) < 0.05) < 0.15
    assert all(independence(*_noise(seed, 1.0), seed) < 0.001 for seed in range(10))


def _noise(seed: int, growth: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 2))
    return (1 + growth * np.abs(x[:, 0])) ** 2 * rng.normal(size=300), x


def test_normality_is_tested() -> None:
    rng = np.random.default_rng(0)
    assert np.mean([lopsided(rng.normal(size=500)) < 0.01 for _ in range(50)]) < 0.1
    assert lopsided(rng.exponential(size=500)) < 1e-6
