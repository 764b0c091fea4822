"""What mediation and the front door have to learn, in one fit: e = P(x | Z), p = P(x | M, Z), μ = E[Y | x, M, Z], and
the means of μ over the mediators of an arm, E[μ(x', M, Z) | X = a, Z], which are regressions of a fitted regression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from butfor.scm.columns import Codes
from butfor.scm.estimate.design import is_binary
from butfor.scm.estimate.nuisance import Learner, Model, learn
from butfor.scm.estimate.result import Floats, Mask

CLIP = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """Fits on the rows of a training set."""

    of_e: tuple[Model, ...]
    of_p: tuple[Model, ...]
    of_mu: tuple[Model, ...]
    x: Codes  # [rows]
    m: Floats  # [rows, k]
    z: Floats  # [rows, l]
    learner: Learner

    def e(self, z: Floats) -> Floats:
        """P(x | z) [n, levels]."""
        return _chances(self.of_e, z)

    def p(self, m: Floats, z: Floats) -> Floats:
        """P(x | m, z) [n, levels]."""
        return _chances(self.of_p, np.concatenate([m, z], axis=1))

    def mu(self, m: Floats, z: Floats) -> Floats:
        """E[Y | x, m, z] [n, levels]."""
        both = np.concatenate([m, z], axis=1)
        return np.stack([model.predict(both) for model in self.of_mu], axis=1)

    def through(self, a: int, z: Floats, levels: tuple[int, ...] | None = None) -> Floats:
        """E[μ(x', M, Z) | X = a, Z = z] for each x' of `levels` [n, levels]."""
        rows = self.x == a
        mu = self.mu(self.m[rows], self.z[rows])
        chosen = range(mu.shape[1]) if levels is None else levels
        found = [learn(self.learner, self.z[rows], mu[:, k], logit=False).predict(z) for k in chosen]
        return np.stack(found, axis=1)


def nested(x: Codes, levels: int, y: Floats, m: Floats, z: Floats, rows: Mask, learner: Learner) -> Nested:
    """Fit on some rows."""
    x, y, m, z = x[rows], y[rows], m[rows], z[rows]
    both = np.concatenate([m, z], axis=1)
    inside = [(x == k).astype(np.float64) for k in range(levels)]
    last = 1 if levels == 2 else levels
    return Nested(
        tuple(learn(learner, z, one, logit=True) for one in inside[:last]),
        tuple(learn(learner, both, one, logit=True) for one in inside[:last]),
        tuple(learn(learner, both[x == k], y[x == k], logit=is_binary(y)) for k in range(levels)),
        x, m, z, learner,
    )  # fmt: skip


def _chances(models: tuple[Model, ...], z: Floats) -> Floats:
    """Chances of each level [n, levels] of sum 1, none under CLIP; of two levels one was fitted."""
    found = np.stack([model.predict(z) for model in models], axis=1)
    if len(models) == 1:
        found = np.concatenate([found, 1 - found], axis=1)
    found = np.clip(found, CLIP, 1.0)
    return found / found.sum(axis=1, keepdims=True)
