"""Bounds of E[Y | do(X=t)] and of effects without a graph: only that outcomes stay within limits.

Who has X = t shows Y(t); of the others nothing is known but lo <= Y(t) <= hi:

    E[Y 1{X=t}] + lo P(X≠t)  <=  E[Y(t)]  <=  E[Y 1{X=t}] + hi P(X≠t)

Two assumptions narrow this. Monotone response: Y(t) rises with t for everyone, so Y is a lower bound of Y(t) where
X <= t and an upper bound where X >= t. Monotone selection: E[Y(t) | X=u] rises with u, so E[Y | X=t] bounds it for u on
one side. With both, and μ = E[Y | X=t]:  E[Y 1{X<t}] + μ P(X>=t) <= E[Y(t)] <= E[Y 1{X>t}] + μ P(X<=t).

Source   Manski 1990, 1997; Manski & Pepper 2000. The interval: Imbens & Manski 2004, equation 7, which covers the true
         value (rather than the whole set) with the stated probability.
Limits   Without assumptions, bounds of an effect always hold zero: their width is hi - lo.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError, QueryError, UnknownName
from butfor.scm.bounds.value import Bounds, Floats, Joint, Source, check_interval, check_pair
from butfor.scm.columns import Columns
from butfor.scm.questions.evaluation import numbers, place
from butfor.scm.questions.expression import Distribution
from butfor.stats.effect import Check
from butfor.stats.quantiles import z_below, z_quantile

Way = Literal["increasing", "decreasing"]
Ends = tuple[Floats, Floats]  # a row each, whose weighted means are the two ends


def manski(
    source: Source,
    x: str,
    y: str,
    *,
    treated: Any = 1,
    control: Any | None = 0,
    value: Any | None = None,
    limits: tuple[float, float] | None = None,
    response: Way | None = None,
    selection: Way | None = None,
    level: float = 0.95,
) -> Bounds:
    """Bounds of E[Y | do(X=treated)] - E[Y | do(X=control)]; of the first alone where control is None.

    `value` asks for P(Y=value) in place of the mean; `limits` are the least and the largest Y there can be.
    """
    check_pair(x, y, treated, control)
    check_interval(level)
    for name, way in (("response", response), ("selection", selection)):
        if way is not None and way not in get_args(Way):
            raise UnknownName(f"way of monotone {name}", str(way), get_args(Way))
    if response and selection and response != selection:
        raise QueryError("response and selection must be monotone in the same direction to be used together")
    atoms, checks = Atoms.read(source, x, y, value, limits)
    arms = [atoms.arm(arm, response, selection) for arm in (treated, *(() if control is None else (control,)))]
    quantity = _named(x, y, value, treated)
    ends = arms[0]
    if control is not None:
        quantity += f" - {_named(x, y, value, control)}"
        ends = arms[0][0] - arms[1][1], arms[0][1] - arms[1][0]
        if response:
            rising = (atoms.place(treated) >= atoms.place(control)) == (response == "increasing")
            still = np.zeros_like(ends[0])
            ends = (still, ends[1]) if rising else (ends[0], still)
    low, high = (atoms.mean(end) for end in ends)
    if low > high + 1e-12:
        raise DataError(
            f"the data contradict monotone {'response' if response else 'selection'}: {low:.3g} > {high:.3g}"
        )
    told = " and ".join(f"monotone {word}" for word, way in (("response", response), ("selection", selection)) if way)
    low, high = min(low, high), max(low, high)
    reach = None if atoms.n is None else _imbens_manski(low, high, atoms.se(ends[0]), atoms.se(ends[1]), level)
    return Bounds(quantity=quantity, low=low, high=high, method=f"Manski, {told or 'no assumption'}", reach=reach,
                  level=level, n=atoms.n, checks=checks)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Atoms:
    """Values of X (as codes) and of Y with weights that sum to one: rows of data, or cells of a distribution."""

    x: NDArray[np.int64]
    y: Floats
    weight: Floats
    levels: tuple[Any, ...]
    name: str
    limits: tuple[float, float]
    n: int | None

    @classmethod
    def read(
        cls, source: Source, x: str, y: str, value: Any | None, limits: tuple[float, float] | None
    ) -> tuple[Atoms, tuple[Check, ...]]:
        if isinstance(source, Distribution):
            joint = Joint.read(source, (x, y))
            kinds = joint.labels[y]
            codes, answers = (part.ravel() for part in np.indices(joint.values.shape))
            sizes = numbers(y, kinds) if value is None else np.arange(len(kinds)) == place(y, value, kinds)
            values, weight, levels, n = sizes[answers], joint.values.ravel(), joint.labels[x], None
            support = sizes
        else:
            data = Columns.read(source, (x, y))
            codes, levels = data.codes(x)
            if value is None:
                values = data.number(y)
            else:
                answers, kinds = data.codes(y)
                values = answers == place(y, value, kinds)
            weight, n, support = np.full(data.n, 1 / data.n), data.n, values
            if data.n < 2:
                raise DataError("one row says nothing of chance: bounds with an interval need two rows or more")
        checks: tuple[Check, ...] = ()
        if value is not None:
            limits = 0.0, 1.0
        elif limits is None:
            limits = float(support.min()), float(support.max())
            if n is not None and not set(np.unique(values)) <= {0.0, 1.0}:
                why = f"the limits of {y} were read off the data, {limits}; give limits=(least, largest)"
                checks = (Check("limits-from-data", False, why),)
        if values.min() < limits[0] or values.max() > limits[1]:
            raise DataError(f"{y} runs from {values.min():g} to {values.max():g}, outside its limits {limits}")
        return cls(codes.astype(np.int64), values.astype(np.float64), weight, tuple(levels), x, limits, n), checks

    def place(self, value: Any) -> int:
        return place(self.name, value, self.levels)

    def mean(self, row: Floats) -> float:
        return float(self.weight @ row)

    def se(self, row: Floats) -> float:
        assert self.n is not None
        return float(np.std(row, ddof=1)) / math.sqrt(self.n)

    def arm(self, value: Any, response: Way | None, selection: Way | None) -> Ends:
        """The ends of E[Y(value)]."""
        at = self.place(value)
        if "decreasing" in (response, selection):
            low, high = self._ends(at, -self.y, (-self.limits[1], -self.limits[0]), bool(response), bool(selection))
            low, high = -high, -low
        else:
            low, high = self._ends(at, self.y, self.limits, bool(response), bool(selection))
        if self.mean(low) > self.mean(high) + 1e-12:
            raise DataError(f"the data contradict the monotone assumptions at {self.name}={value}")
        return low, high

    def _ends(self, at: int, y: Floats, limits: tuple[float, float], response: bool, selection: bool) -> Ends:
        here, below, above = self.x == at, self.x < at, self.x > at
        low, high = limits
        if not selection:
            known_low, known_high = (~above, ~below) if response else (here, here)
            return np.where(known_low, y, low), np.where(known_high, y, high)
        lower = np.where(below, y if response else low, self._shown(y, here, ~below))
        upper = np.where(above, y if response else high, self._shown(y, here, ~above))
        return lower, upper

    def _shown(self, y: Floats, here: NDArray[np.bool_], where: NDArray[np.bool_]) -> Floats:
        """Rows over `where` with the mean E[Y | here] P(where) and the noise that the estimated mean adds."""
        share = self.mean(here.astype(np.float64))
        if share <= 0:
            raise DataError(f"{self.name} never takes that value in the data, so monotone selection says nothing of it")
        level = self.mean(y * here) / share
        return level + np.where(here, (y - level) * self.mean(where.astype(np.float64)) / share, 0.0)


def _named(x: str, y: str, value: Any | None, arm: Any) -> str:
    return f"E[{y} | do({x}={arm})]" if value is None else f"P({y}={value} | do({x}={arm}))"


def _imbens_manski(low: float, high: float, se_low: float, se_high: float, level: float) -> tuple[float, float]:
    """Both ends moved out by c standard errors, Φ(c + width / largest se) - Φ(-c) = level."""
    largest = max(se_low, se_high)
    if largest == 0:
        return low, high
    wide = (high - low) / largest
    least, most = z_quantile([level, (1 + level) / 2]).tolist()  # c where the set is wide, and where it is a point
    for _ in range(60):
        c = (least + most) / 2
        least, most = (c, most) if z_below(c + wide) - z_below(-c) < level else (least, c)
    return low - most * se_low, high + most * se_high
