"""RATE: the effect of a rewritten attribute on a score, free of what rewriting itself does to a text.

Idea      Who compares a text with its rewrite compares the attribute and the rewriter's hand: its shorter sentences,
          its mended spelling. Rewrite twice, there and back, and compare two rewrites: the hand is in both.
Equation  x1 a text with the attribute, x0 one without; r(x, w) the text rewritten so that the attribute is w.
            ATT = mean over x1 of f(r(r(x1, 0), 1)) - f(r(x1, 0))
            ATU = mean over x0 of f(r(x0, 1)) - f(r(r(x0, 1), 0))
            ATE = mean of both over all texts;  standard errors from the differences, text by text.
          once: the same with one rewrite, f(x1) - f(r(x1, 0)) and f(r(x0, 1)) - f(x0).
Source    Reber et al. 2024 (RATE: causal explainability of reward models with imperfect counterfactuals).
Limits    Unbiased where what the rewriter does beside the attribute does not depend on the direction of the rewrite and
          does not grow with the second one. A rewriter that fails to set the attribute dilutes the effect. The interval
          covers which texts were drawn, not which rewriter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UserError
from butfor.data.counterfactual import generate
from butfor.data.counterfactual.made import Made, Maker
from butfor.stats import mean

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from butfor.stats import Effect

Score = Callable[[Sequence[str]], "ArrayLike"]


@dataclass(frozen=True, slots=True)
class Rate:
    """Effects of the attribute on the score, with standard errors; `once` is the average effect by one rewrite."""

    att: Effect
    atu: Effect
    ate: Effect
    once: Effect
    se: Mapping[str, float]  # by the names above
    there: tuple[Made, ...]
    back: tuple[Made, ...]


def rate(
    maker: Maker,
    rows: Sequence[Mapping[str, Any]],
    variable: str,
    values: tuple[str, str],
    score: Score,
    *,
    seed: int,
    folder: Path | None = None,
) -> Rate:
    """The effect on `score` of having values[1] instead of values[0]; every row is rewritten to the other and back."""
    import numpy as np

    there, back = twice(maker, rows, variable, values, seed=seed, folder=folder)
    second = {one.id: one.pair.counterfactual for one in back}
    texts = [text for one in there for text in (one.pair.base, one.pair.counterfactual, second[one.id])]
    f = np.asarray(score(texts), dtype=float).reshape(len(there), 3)  # as it was, there, back
    if not np.isfinite(f).all():
        raise UserError("the score of a text is not finite; nothing can be averaged over it")
    treated = np.array([one.before == values[1] for one in there])
    sign = np.where(treated, 1.0, -1.0)
    double, once = sign * (f[:, 2] - f[:, 1]), sign * (f[:, 0] - f[:, 1])
    parts = {"att": double[treated], "atu": double[~treated], "ate": double, "once": once}
    effects = {name: mean(part) for name, part in parts.items()}
    se = {name: float(part.std(ddof=1)) / math.sqrt(len(part)) for name, part in parts.items()}
    return Rate(**effects, se=se, there=there, back=back)


def twice(
    maker: Maker,
    rows: Sequence[Mapping[str, Any]],
    variable: str,
    values: tuple[str, str],
    *,
    seed: int,
    folder: Path | None = None,
) -> tuple[tuple[Made, ...], tuple[Made, ...]]:
    """Every row rewritten to the other value, and that one rewritten back."""
    if values[0] == values[1]:
        raise UserError(f"an effect is one of two values; both are {values[0]!r}")
    there = [
        one
        for wanted in values
        for one in generate(maker, rows, variable, wanted, seed=seed, folder=folder)
        if {one.before, one.wanted} == set(values)
    ]
    again = [{"id": one.id, "text": one.pair.counterfactual, variable: one.wanted} for one in there]
    back = [one for wanted in values for one in generate(maker, again, variable, wanted, seed=seed, folder=folder)]
    few = next((value for value in values if sum(one.before == value for one in there) < 2), "")
    if few:
        raise UserError(f"RATE needs two rows or more of each value; there are too few with {variable} = {few!r}")
    return tuple(there), tuple(back)
