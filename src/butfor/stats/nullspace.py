"""A linear classifier of a label, the next one once its directions are projected away, and the space of them all.

Classifier  min over W, b of  mean −log softmax(Wx + b)[y] + ‖W‖²/(2n),  x centred and scaled to unit mean variance:
            the usual strength (C = 1), independent of the scale of x. Solved by L-BFGS from zero, so every row of W
            lies in the span of the centred x, and the answer is a function of the data alone.
Null space  Round i: a classifier W_i of the label on P x; B_i = an orthonormal basis of the rows of W_i.
            P = I − the orthogonal projection on the rows of Σ_i B_i'B_i, the intersection of null spaces.
            The original x is projected anew each round; a product of projections would gather rounding.
            Then P² = P, W_i P = 0, and W_i W_j' = 0 for i ≠ j, as W_j was fitted on vectors without W_i's directions.
Source      Iterative null-space projection: Ravfogel et al. 2020.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def softmax_fit(x: Floats, y: Ints, classes: int) -> tuple[Floats, Floats]:
    """Weights [classes, d] and offsets [classes] of the classifier, in the units of x."""
    n, d = x.shape
    mean = x.mean(axis=0)
    scale = float(np.sqrt(np.mean((x - mean) ** 2))) or 1.0
    z = (x - mean) / scale
    target = np.eye(classes)[y]  # [n, classes]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, offsets = flat[: classes * d].reshape(classes, d), flat[classes * d :]
        scores = z @ weights.T + offsets  # [n, classes]
        logs = scores - cast("Floats", logsumexp(scores, axis=1, keepdims=True))
        slope = (np.exp(logs) - target) / n
        value = -np.sum(logs * target) / n + np.sum(weights**2) / (2 * n)
        return float(value), np.concatenate([(slope.T @ z + weights / n).ravel(), slope.sum(axis=0)])

    done = minimize(loss, np.zeros(classes * (d + 1)), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    found = cast("Floats", done.x)
    weights = found[: classes * d].reshape(classes, d) / scale
    return weights, found[classes * d :] - weights @ mean


def classifiers(x: Floats, y: Ints, classes: int, count: int) -> list[Floats]:
    """Orthonormal bases B_i [r_i, d] of `count` successive classifiers, each on the original x less all before it."""
    found: list[Floats] = []
    for _ in range(count):
        found.append(next_classifier(x, y, classes, found)[0])
    return found


def next_classifier(x: Floats, y: Ints, classes: int, found: list[Floats]) -> tuple[Floats, Floats, Floats]:
    """A basis of the next classifier's rows, the classifier's weights off all bases found so far, and its offsets."""
    basis = rowspace(found, x.shape[1])
    weights, offsets = softmax_fit(x - (x @ basis.T) @ basis, y, classes)
    weights = weights - (weights @ basis.T) @ basis  # so that it reads x and P x alike
    return orth(weights - weights.mean(axis=0)), weights, offsets


def rowspace(bases: list[Floats], d: int) -> Floats:
    """An orthonormal basis [r, d] of the rows of Σ B_i'B_i, which are the rows of all B_i together."""
    return orth(np.concatenate(bases)) if bases else np.empty((0, d))


def orth(rows: Floats) -> Floats:
    """An orthonormal basis of the row space."""
    _, size, basis = np.linalg.svd(rows, full_matrices=False)
    return basis[size > 1e-9 * max(size[0], 1e-300)]
