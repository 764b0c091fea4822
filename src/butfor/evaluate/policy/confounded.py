"""A policy planned from the log of people who saw more than is logged: what is it worth in the world itself?

Idea      The analyst learns from a log what actions do, and plans with that. The plan is then followed in the world
          that wrote the log, where the noise hangs on nothing that was chosen.
Equation  value = (V(π) − V(random)) / (V(best) − V(random)): 1 is the plan of one who knows the world, 0 is choosing
          at random.
Metrics   value      as above;   least_squares  the same of the plan that takes what goes together for what actions do
          off        how far the learnt effect of the action on states and reward is from the true one (root of squares)
          answered   whether there was a plan; one that refuses leaves this 0, and no other metric but least_squares
Data      `data/decision_worlds.py`: open, hidden, strong, weak, dialogue (whose states are real reviews).
Limits    Four steps, nine actions, states of two numbers. In `weak` a plan can only be luck: what counts is whether it
          is refused. Where nobody saw more (`open`) an instrument costs precision and gains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.core.errors import UserError
from butfor.core.seeds import generator
from butfor.data.decision_worlds import CHOICES, FAMILIES, HORIZON, DecisionWorld, world
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, refuse_lists, spread
from butfor.scm.decisions import plan, regressed

if TYPE_CHECKING:
    from butfor.scm.analyst import Analyst

SHARE = "share of the best"
ACTS = [3, 5, 6]  # columns of φ that hold what the action does: a, x₁ a, x₂ a


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ConfoundedDecisions:
    """What plans are worth that were made from confounded logs."""

    card: ClassVar[Card] = Card(
        measures="what a policy is worth that was planned from the log of people who saw more than the log holds",
        chance="0 is choosing at random; `least_squares` is the plan that takes what goes together for what actions do",
        source="our own worlds: open, hidden, strong, weak, dialogue; the states of the last are reviews of CEBaB",
        faults=("in weak nothing can be learnt: what counts is whether the plan is refused",),
    )
    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("value", "higher", SHARE, "what the plan is worth in the world", null="least_squares"),
        Metric("off", "lower", "units of the state", "how far the learnt effect of an action is from the true one"),
        Metric("answered", "higher", "share", "share of logs for which there was a plan", "binary", null=1.0),
        Metric("least_squares", "higher", SHARE, "what the plan by least squares is worth"),
    )
    chunk: ClassVar[int] = 1  # each log is timed by itself

    episodes: Annotated[int, Field(ge=25)] = 500  # of a log, four steps each
    repeats: Annotated[int, Field(ge=1)] = 6  # worlds of each family
    families: tuple[str, ...] = FAMILIES
    limit: Limit = None
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_lists(self, families=FAMILIES)

    def ready(self) -> None:
        """The reviews are here where they are asked for."""
        if "dialogue" in self.families:
            world("dialogue", 0, self.seed)

    def items(self, world: Analyst) -> list[Item]:  # noqa: ARG002
        """One item a world."""
        found = [
            Item(f"{family} {number}", f"{family} {number}", {"family": family, "of": number, "seed": self.seed})
            for family in self.families
            for number in range(self.repeats)
        ]
        return spread(found, self.limit, lambda item: (item.data["family"], ""))

    def measure(self, world: Analyst, items: Sequence[Item]) -> list[Record]:
        """Write each log, learn, plan, and follow the plan."""
        return [self._record(world, item) for item in items]

    def _record(self, analyst: Analyst, item: Item) -> Record:
        family, number, seed = (item.data[key] for key in ("family", "of", "seed"))
        known, random, best = _marks(family, number, seed)
        log = known.log(self.episodes, generator(seed, "logs of decisions", family, number))
        naive = (known.value(plan(regressed(log), CHOICES, HORIZON)) - random) / (best - random)
        metrics, show = {"least_squares": naive, "answered": 0.0}, {"best": f"{best:.3f}", "at random": f"{random:.3f}"}
        group = {"family": family}
        try:
            found = analyst.learn(log)
        except UserError as error:
            show["said"] = str(error).splitlines()[0]
            return Record(item.id, item.cluster, metrics, show, group, "refused")
        value = known.value(plan(found, CHOICES, HORIZON))
        metrics |= {"value": (value - random) / (best - random), "answered": 1.0}
        metrics["off"] = float(np.sqrt(np.square((found.weights - known.weights)[:, ACTS]).mean()))
        show["planned"] = f"{value:.3f}"
        return Record(
            item.id, item.cluster, metrics, show, group, "" if metrics["value"] > 0 else "no better than chance"
        )


@lru_cache(maxsize=64)
def _marks(family: str, number: int, seed: int) -> tuple[DecisionWorld, float, float]:
    """A world, what choosing at random is worth in it, and what the best policy is worth."""
    known = world(family, number, seed)
    return known, known.value(None), known.value(known.best())
