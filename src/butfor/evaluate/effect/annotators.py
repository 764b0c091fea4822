"""Effects where annotators confound: reviews judged by annotators of different leniency, asked of an analyst.

Idea      What an annotator lets pass, and how long it is shown, goes with how good it is, which no column tells; so
          does the outcome. Annotators are drawn at random and differ. What does an estimator make of that, and does it
          say so where annotators hardly differ, or act on the outcome by another way?
Data      `data/annotators.py`: ten families around real reviews; in five of them what an instrument needs fails.
Metrics   as `policy.ope`: error and width in deviations of the outcome, covered, answered, warned, covered_unwarned;
          naive    the error of the slope of a straight line, or of the difference of means
          An estimator that refuses leaves answered 0, and no metric but naive.
Limits    In `differs` the truth is the average over all reviews, of which instruments tell only those they move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.data.annotators import FAMILIES, SPREAD, Judged, reviews, world
from butfor.evaluate.policy.ope import DEVIATIONS, answered
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, refuse_lists, spread

if TYPE_CHECKING:
    from butfor.scm.analyst import Analyst


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EffectAnnotators:
    """Error, coverage, warnings and refusals of effects by instruments where the truth is known."""

    card: ClassVar[Card] = Card(
        measures="how far an estimate of an effect is from the truth where annotators confound it, and whether an "
        "estimator refuses or warns where their leniency does not help",
        chance="none; `naive` is the error of a straight line",
        source="our own worlds around CEBaB's reviews: " + ", ".join(FAMILIES),
        faults=(
            "in weak, alike, direct, sorted and differs most estimators must be wrong: what counts is what they say",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("error", "lower", DEVIATIONS, "how far the estimated effect is from the true one", null="naive"),
        Metric("covered", "higher", "share", "share of intervals that hold the true effect", "binary", null=0.95),
        Metric("width", "lower", DEVIATIONS, "how wide the interval is, where it ends"),
        Metric("answered", "higher", "share", "share of tables with an answer", "binary", null=1.0),
        Metric("warned", "zero", "share", "share of answers with a check that is not ok", "binary"),
        Metric(
            "covered_unwarned", "higher", "share", "share of intervals that hold, where no check warns", "binary",
            null=0.95,
        ),
        Metric("naive", "lower", DEVIATIONS, "the error of a straight line"),
    )  # fmt: skip
    chunk: ClassVar[int] = 10

    rows: Annotated[int, Field(ge=200)] = 1000
    repeats: Annotated[int, Field(ge=1)] = 20  # worlds of each family
    families: tuple[str, ...] = FAMILIES
    spread: Annotated[float, Field(ge=0, le=10)] = SPREAD  # how far annotators differ
    limit: Limit = None
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_lists(self, families=FAMILIES)

    def ready(self) -> None:
        """The reviews are here."""
        reviews()

    def items(self, world: Analyst) -> list[Item]:  # noqa: ARG002
        """One item a world."""
        drawn = {"rows": self.rows, "seed": self.seed, "spread": self.spread}
        found = [
            Item(f"{family} {n}", f"{family} {n}", {"family": family, "of": n, **drawn})
            for family in self.families
            for n in range(self.repeats)
        ]
        return spread(found, self.limit, lambda item: (item.data["family"], ""))

    def measure(self, world: Analyst, items: Sequence[Item]) -> list[Record]:
        """Draw each table, and ask."""
        return [_record(world, item) for item in items]


def _record(analyst: Analyst, item: Item) -> Record:
    family, *drawn = (item.data[key] for key in ("family", "of", "rows", "seed", "spread"))
    known = world(family, *drawn)
    scale = float(known.table.data[known.table.y].std()) or 1.0
    show = {"true": f"{known.truth:.4f}"}
    metrics = {"naive": abs(_line(known) - known.truth) / scale, "answered": 0.0}
    bare = Record(item.id, item.cluster, metrics, show, {"family": family})
    return answered(lambda: analyst.estimate(known.table).effect, known.truth, scale, bare)


def _line(known: Judged) -> float:
    """The slope of the outcome on the treatment, and on nothing else."""
    x, y = (known.table.data[name] for name in (known.table.x, known.table.y))
    return float(np.cov(x, y)[0, 1] / x.var(ddof=1))
