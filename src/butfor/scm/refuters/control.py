"""Negative controls: an outcome that the treatment cannot move, or an exposure that cannot move the outcome.

If the estimator finds an effect there, then something that it does not adjust for joins the two, and the same thing
may join treatment and outcome. Unlike every shuffled world, this can see a hidden confounder.

Null     The effect on the control is zero: the estimator's own interval and p-value.
Source   Lipsitch, Tchetgen Tchetgen & Cohen 2010.
Limits   That the control shares the hidden causes, and that treatment does not move it, is for the user to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from butfor.core.errors import QueryError, UnknownName
from butfor.scm.refuters.case import Case, Refutation, between, implied_se, shown
from butfor.stats.quantiles import z_below


@dataclass(frozen=True, slots=True)
class NegativeControl:
    """The same estimator on an `outcome` that treatment cannot move, or an `exposure` that cannot move the outcome."""

    outcome: str = ""
    exposure: str = ""
    name: ClassVar[str] = "negative_control"

    def __post_init__(self) -> None:
        if bool(self.outcome) == bool(self.exposure):
            raise QueryError('a negative control is an outcome or an exposure: NegativeControl(outcome="W")')

    def unfit(self, _case: Case) -> str:
        return ""

    def __call__(self, case: Case) -> Refutation:
        column = self.outcome or self.exposure
        ask = case.estimator
        if column not in case.data:
            raise UnknownName("column", column, case.data.names)
        if column in (ask.x, ask.y, *case.given):
            raise QueryError(f"{column} is part of the estimate itself; a negative control must not be")
        found = (case.altered(y=column) if self.outcome else case.altered(x=column))(case.data)
        p = found.p
        if p is None:
            se = implied_se(found)
            p = float(2 * z_below(-abs(found.estimate) / se)) if se > 0 else float(found.estimate == 0)
        ok = p >= case.alpha
        pair = f"{ask.x} on {column}" if self.outcome else f"{column} on {ask.y}"
        verdict = (
            "which agrees with 0, as it must"
            if ok
            else f"where none can be (p = {shown(p)}): something unseen joins them, and may join {ask.x} to {ask.y}"
        )
        size = f"{shown(found.estimate)} {between(found.low, found.high)}"
        sentence = f"The same estimator finds an effect of {pair} of {size}, {verdict}."
        return Refutation(self.name, found.estimate, found.low, found.high, p, ok, 1, sentence)
