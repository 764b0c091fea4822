"""The verified ladder: fresh questions on all three rungs that no model can have seen, and what its mistakes are.

Idea      Random worlds told as text, twenty-one kinds of questions, each in common-sense, anti-sense and nonsense
          words; the answer is computed by the engine and by enumeration before a question is asked.
Mistakes  A question knows which answer each kind of mistake leads to. On questions where it leads to the wrong one,
          `fooled_*` says how often the model gives it: 1 for a model that makes this mistake throughout, 0 for one that
          never errs, one half (their null) for guessing.
Limits    Every choice is yes or no, so one wrong answer may fit several mistakes: `error` names the first of them, in
          the order of `butfor.data.ladder.kinds`. Arithmetic is part of most kinds; `separation`, `backadj`,
          `collider_bias` and `instrument` need none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, ClassVar, final

from pydantic import Field

from butfor.data.ladder import Dials, Ladder
from butfor.data.ladder.kinds import KINDS
from butfor.data.ladder.quantities import ARITHMETIC, COLLIDER, CONDITION, EFFECT, IGNORES, RUNG
from butfor.data.ladder.words import SENSES
from butfor.data.question import Question
from butfor.evaluate.questions import COMMON, Questions
from butfor.evaluate.suite import Card, Metric

FOOLED = {
    IGNORES: "fooled_seeing",
    RUNG: "fooled_rung",
    EFFECT: "fooled_effect",
    COLLIDER: "fooled_collider",
    CONDITION: "fooled_condition",
    ARITHMETIC: "fooled_arithmetic",
}
Span = tuple[int, int]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedLadder(Questions):
    """Fresh causal questions: `seed`, `n`, `kinds`, `senses` and three dials say which."""

    card: ClassVar[Card] = Card(
        measures="whether yes-or-no questions on association, intervention and counterfactuals are answered right",
        chance="0.5 (as many yes as no within each kind of question and each sense)",
        source="generated here; ten of the kinds follow Jin et al. 2023 (CLadder), the texts and worlds are our own",
        faults=(
            "the percentages make exact arithmetic part of most kinds: read the four kinds without numbers apart",
            "front_door, iv, bounds, pn, ps, pns and det-counterfactual keep to small graphs whatever the dials",
            "a coin says where a mistake misleads: the shares of mistakes are not those of nature",
        ),
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        *COMMON,
        *(
            Metric(name, "lower", "share", f"share answered as one who {told}, where that is wrong", "binary", null=0.5)
            for name, told in (
                ("fooled_seeing", "ignores the intervention"),
                ("fooled_rung", "answers on another rung"),
                ("fooled_effect", "takes another effect"),
                ("fooled_collider", "conditions on a collider"),
                ("fooled_condition", "ignores the condition"),
                ("fooled_arithmetic", "weighs all cases alike"),
            )
        ),
    )
    long: ClassVar[int] = 6

    seed: int = 0
    n: Annotated[int, Field(ge=1)] = 1260
    kinds: tuple[str, ...] = ()
    senses: tuple[str, ...] = ()
    nodes: Span = (3, 6)
    confounding: Span = (0, 2)
    steps: Span = (1, 3)

    def questions(self) -> Iterable[Question]:
        """The first `n` questions of the seed."""
        made = Ladder(
            self.seed,
            Dials(self.nodes, self.confounding, self.steps),
            self.kinds or tuple(KINDS),
            self.senses or SENSES,
        )
        return _questions(made, self.n)

    def ready(self) -> None:
        """The knobs make questions."""
        Ladder(self.seed, Dials(self.nodes, self.confounding, self.steps), self.kinds, self.senses)

    def extra(self, question: Question, answered: int | str | None) -> dict[str, float]:
        """Where a mistake misleads: was it made?"""
        return {
            FOOLED[mistake]: float(answered == place)
            for mistake, place in question.lures.items()
            if mistake in FOOLED and place != question.answer and answered is not None
        }


@lru_cache(maxsize=4)
def _questions(made: Ladder, n: int) -> tuple[Question, ...]:
    stream = made.items()
    return tuple(_question(next(stream)) for _ in range(n))


def _question(item: dict[str, Any]) -> Question:
    group = {key: item["group"][key] for key in ("rung", "query", "sense", "nodes", "confounding", "steps", "wording")}
    return Question(
        id=item["id"],
        text=item["prompt"],
        choices=tuple(item["choices"]),
        answer=item["answer"],
        group=group,
        cluster=item["cluster"],
        lures=item["lures"],
        shape=f"{group['query']} {group['sense']}",
    )
