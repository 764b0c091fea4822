"""A planted world of judged texts: what a text is worth rises with its judgement, as if it were known."""

from __future__ import annotations

import numpy as np

from butfor.scm.policies import Answers


def worth(judge: np.ndarray) -> np.ndarray:
    """The outcome expected at a judgement."""
    return 1 / (1 + np.exp(-2 * judge))


def drawn(
    seed: int, n: int = 300, labels: int = 100, shift: float = 0.5, own: int = 0, flatters: float = 0.0
) -> Answers:
    """`n` prompts; judgements are normal, those of the target's texts by `shift` higher, and by `flatters` for nothing.

    The log-ratio is exact where nothing flatters: log N(s; shift, 1) − log N(s; 0, 1).
    """
    rng = np.random.default_rng(seed)
    logged, fresh = rng.normal(size=n), rng.normal(size=n) + shift
    outcome, of_fresh = ((rng.random(n) < worth(part)).astype(float) for part in (logged, fresh))
    outcome[labels:] = np.nan
    of_fresh[own:] = np.nan
    prompts = np.arange(n)
    ratio, of_own = (shift * judge - shift**2 / 2 for judge in (logged, fresh))
    return Answers(prompts, logged, outcome, prompts, fresh + flatters, ratio, of_fresh, of_own)


def truth(shift: float = 0.5) -> float:
    """What the target is worth, by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    return float(weights @ worth(nodes + shift) / np.sqrt(2 * np.pi))
