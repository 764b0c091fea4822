"""What a policy that was not followed would bring: logs of short choices whose answer is known, asked of an analyst.

Idea      One log, and five policies at growing distance from the one that wrote it. How far off is the estimate, does
          its interval hold, and does the estimator say so where it cannot know?
Data      `data/policy_worlds.py`: nine families, one of them around real reviews; in three of them something that
          estimators rest on does not hold (the logged probabilities are wrong, something unseen, no support).
Metrics   error     |estimate - true value| in deviations of the logged outcomes
          covered   whether the interval holds the true value;  width  how wide it is, in deviations
          answered  whether there was an answer; an estimator that abstains or fails leaves this 0, and no metric but
                    `naive`: refusals never flatter a mean unseen
          warned    whether a check of an answer was not ok;  covered_unwarned  `covered` where none was
          naive     the error of the mean of what was logged
Limits    All policies of a world share its log, so they are a cluster. The unseen of `hidden` changes odds by a factor
          of at most 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.core.errors import ButforError
from butfor.core.seeds import generator
from butfor.data.policy_worlds import FAMILIES, world
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, refuse_lists, spread

if TYPE_CHECKING:
    from butfor.scm.analyst import Analyst
    from butfor.scm.policies import Answers, Log
    from butfor.stats.effect import Effect

DEVIATIONS = "sd of the outcome"
DISTANCES = (0.0, 0.25, 0.5, 0.75, 1.0)
Distance = Annotated[float, Field(ge=0, le=1)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyOPE:
    """Error, coverage, width and refusals of off-policy estimates where the value is known."""

    card: ClassVar[Card] = Card(
        measures="how well an estimator tells, from the choices of one policy, what another would bring",
        chance="none; `naive` is the error of the logged mean",
        source="our own worlds: linear, curved, binary, heavy, cells, reviews, misreported, hidden, unsupported",
        faults=(
            "in misreported, hidden and unsupported most estimators must be wrong: what counts is whether they say so",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("error", "lower", DEVIATIONS, "how far the estimated value is from the true one", null="naive"),
        Metric("covered", "higher", "share", "share of intervals that hold the true value", "binary", null=0.95),
        Metric("width", "lower", DEVIATIONS, "how wide the interval is"),
        Metric("answered", "higher", "share", "share of questions with an answer", "binary", null=1.0),
        Metric("warned", "zero", "share", "share of answers with a check that is not ok", "binary"),
        Metric(
            "covered_unwarned", "higher", "share", "share of intervals that hold, where no check warns", "binary",
            null=0.95,
        ),
        Metric("naive", "lower", DEVIATIONS, "the error of the mean of what was logged"),
    )  # fmt: skip
    chunk: ClassVar[int] = 1  # each question is timed by itself

    rows: Annotated[int, Field(ge=50)] = 1000
    repeats: Annotated[int, Field(ge=1)] = 4  # worlds of each family
    families: tuple[str, ...] = FAMILIES
    distances: tuple[Distance, ...] = DISTANCES
    limit: Limit = None
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_lists(self, families=FAMILIES, distances=None)

    def ready(self) -> None:
        """The reviews are here where they are asked for."""
        if "reviews" in self.families:
            world("reviews", 0, self.seed)

    def items(self, world: Analyst) -> list[Item]:  # noqa: ARG002
        """One item a world and distance."""
        found = [
            _item(family, number, distance, self.rows, self.seed)
            for family in self.families
            for number in range(self.repeats)
            for distance in self.distances
        ]
        return spread(found, self.limit, lambda item: (item.data["family"], str(item.data["distance"])))

    def measure(self, world: Analyst, items: Sequence[Item]) -> list[Record]:
        """Write each log, and ask."""
        return [_record(world, item) for item in items]


def _item(family: str, number: int, distance: float, rows: int, seed: int) -> Item:
    name = f"{family} {number}"
    data = {"family": family, "of": number, "distance": distance, "rows": rows, "seed": seed}
    return Item(f"{name}, distance {distance:g}", name, data)


def _record(analyst: Analyst, item: Item) -> Record:
    family, number, distance, rows, seed = (item.data[key] for key in ("family", "of", "distance", "rows", "seed"))
    known = world(family, number, seed)
    truth = known.value(distance)
    log = known.log(distance, rows, generator(seed, "logs", family, number))
    group = {"family": family, "distance": f"{distance:g}"}
    return asked(analyst, log, truth, item, group)


def asked(analyst: Analyst, log: Log | Answers, truth: float, item: Item, group: dict[str, str]) -> Record:
    """What an analyst says of a log whose target has this value."""
    outcome = log.outcome[np.isfinite(log.outcome)]
    scale = float(outcome.std()) or 1.0
    show = {"true": f"{truth:.4f}", "logged": f"{outcome.mean():.4f}"}
    metrics = {"naive": abs(float(outcome.mean()) - truth) / scale, "answered": 0.0}
    return answered(lambda: analyst.value(log), truth, scale, Record(item.id, item.cluster, metrics, show, group))


def answered(ask: Callable[[], Effect], truth: float, scale: float, bare: Record) -> Record:
    """The record with what was answered, or with why there is no answer; `bare` has what is known without one."""
    try:
        effect = ask()
        metrics = bare.metrics | scored(effect, truth, scale)
    except MemoryError:
        raise
    except Exception as error:  # whatever an estimator may fail by is its failure, not the experiment's
        refused = isinstance(error, ButforError)
        said = str(error).splitlines()[0] if refused else f"{type(error).__name__}: {error}"
        return replace(bare, show=bare.show | {"said": said}, error="abstained" if refused else "failed")
    said = f"{effect}{''.join(f'; {check.code}' for check in effect.checks if not check.ok)}"
    missed = "" if metrics["covered"] else "interval misses"
    return replace(bare, metrics=metrics, show=bare.show | {"said": said}, error=missed)


def scored(effect: Effect, truth: float, scale: float) -> dict[str, float]:
    """The metrics of an answer; ValueError where it is none."""
    if not np.isfinite(effect.estimate):
        raise ValueError(f"the estimate is {effect.estimate}")
    covered = float(not effect.excludes(truth))
    metrics = {"error": abs(effect.estimate - truth) / scale, "covered": covered, "answered": 1.0}
    metrics["warned"] = float(not effect.ok)
    if np.isfinite(effect.high - effect.low):
        metrics["width"] = (effect.high - effect.low) / scale
    if effect.ok:
        metrics["covered_unwarned"] = covered
    return metrics
