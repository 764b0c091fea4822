"""A table whose effect is known: what an estimator is given, and the true effect of every row, which it is not."""

from __future__ import annotations

from dataclasses import dataclass

from butfor.scm.analyst import Table
from butfor.scm.columns import Columns, Floats

X, Y = "t", "y"


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Columns `t` (0 or 1), `y` and covariates, and E[Y(1) − Y(0) | row] of each row."""

    id: str
    data: Columns
    given: tuple[str, ...]
    each: Floats  # [n]

    @property
    def table(self) -> Table:
        """The question: what does t do to y, where the covariates confound them?"""
        return Table(self.data, X, Y, self.given)

    @property
    def truth(self) -> float:
        """The average effect over the rows of this table."""
        return float(self.each.mean())

    @property
    def spread(self) -> float:
        """The standard deviation of the outcome."""
        return float(self.data[Y].std())
