"""Ask an analyst for the effect in a table where it is known: one record a table.

Metrics   ate_error   |estimate − truth| in deviations of the outcome; truth = mean effect over the rows of the table
          pehe        root mean square error of the rows' effects, likewise; only where the estimator gives them
          covered     whether the interval holds the truth;   width   how wide it is, in deviations of the outcome
          answered    whether there was an answer. An estimator that fails leaves this 0, and no other metric: its
                      failures are counted here and in the table of errors, and never flatter its mean error unseen.
Time      Not in the records: the runner times every table.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from butfor.core.keys import digest
from butfor.evaluate.suite import Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from butfor.data.known import Known
    from butfor.scm.analyst import Analyst, Answer

DEVIATIONS = "sd of the outcome"
METRICS = (
    Metric("ate_error", "lower", DEVIATIONS, "how far the estimated average effect is from the true one", null="naive"),
    Metric("pehe", "lower", DEVIATIONS, "root mean square error of the effects of single rows"),
    Metric("covered", "higher", "share", "share of intervals that hold the truth", "binary", null=0.95),
    Metric("width", "lower", DEVIATIONS, "how wide the interval is"),
    Metric("answered", "higher", "share", "share of tables for which there was an answer", "binary", null=1.0),
    Metric("naive", "lower", DEVIATIONS, "the error of the bare difference of means"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfFiles:
    """A suite whose tables stand in files of a public set, each of them an item."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    chunk: ClassVar[int] = 16  # read once

    limit: Limit = None
    path: str | None = None

    @abstractmethod
    def known(self) -> list[Known]:
        """The tables with their true effects."""
        ...

    def ready(self) -> None:
        """The files are here and can be read."""
        self.known()

    def items(self, world: Analyst) -> list[Item]:  # noqa: ARG002
        """One item a table."""
        return spread([item_of(known) for known in self.known()], self.limit)

    def measure(self, world: Analyst, items: Sequence[Item]) -> list[Record]:
        """Ask about each table."""
        known = {one.id: one for one in self.known()}
        return [asked(world, known[item.id], item.id, item.cluster, {}) for item in items]


def item_of(known: Known) -> Item:
    """The item of a table from a file; `what` names its content, so that another table of this name never pairs."""
    what = digest([known.data[name].tolist() for name in known.data.names], known.each.tolist())
    return Item(known.id, known.id, {"what": what})


def asked(world: Analyst, known: Known, item: str, cluster: str, group: Mapping[str, str]) -> Record:
    """The record of one table."""
    show = {"truth": f"{known.truth:.4f}"}
    try:
        answer = world.estimate(known.table)
        metrics = scored(answer, known)
    except MemoryError:
        raise
    except Exception as error:  # whatever an estimator may fail by is its failure, not the experiment's
        show["failed"] = f"{type(error).__name__}: {error}"
        return Record(item, cluster, {"answered": 0.0}, show, dict(group), "no answer")
    show["said"] = str(answer.effect)
    return Record(item, cluster, metrics, show, dict(group), "" if metrics["covered"] else "interval misses")


def scored(answer: Answer, known: Known) -> dict[str, float]:
    """The metrics of an answer; ValueError where it is none."""
    effect, scale = answer.effect, known.spread or 1.0
    if not np.isfinite(effect.estimate):
        raise ValueError(f"the estimate is {effect.estimate}")
    metrics = {"ate_error": abs(effect.estimate - known.truth) / scale, "answered": 1.0}
    metrics["covered"] = float(not effect.excludes(known.truth))
    if np.isfinite(effect.high - effect.low):
        metrics["width"] = (effect.high - effect.low) / scale
    if answer.each is not None:
        if answer.each.shape != known.each.shape or not np.isfinite(answer.each).all():
            raise ValueError("the effects of the rows are not one finite number for each row")
        metrics["pehe"] = float(np.sqrt(np.mean((answer.each - known.each) ** 2))) / scale
    y, treated = known.data[known.table.y], known.data[known.table.x] == 1
    metrics["naive"] = abs(float(y[treated].mean() - y[~treated].mean()) - known.truth) / scale
    return metrics
