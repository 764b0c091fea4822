"""Ask questions in every way that should not matter, and record what did.

Scored    likelihood: argmax over choices of log P(choice | prompt), the choices listed in the prompt (or, for a cloze,
          as its ends, per character no correction); generation: what the model writes, read by `answers`.
Variants  1 as it is; 2 the choices listed in the other order; 3 the instruction worded otherwise (a cloze has one).
          accuracy is that of the first; `sturdy` asks that all of them be right; the flips say which one moved it.
Numbers   margin = log P(right) - log P(best wrong), nats;  p = softmax over the choices;  brier = Σ (p - 1[right])²;
          overconfidence = max p - accuracy: its mean is calibration in the large. These need likelihoods.
          chance = 1 / number of choices, 0 for open answers: the null of accuracy, item by item.
Adapted   `adapt` asks the same items another way (see `adapt`): plain, few_shot, cot, causal_cot.
Limits    An answer that cannot be read counts as wrong and as not `parsed`; it is never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from butfor.evaluate.question import Question
from butfor.evaluate.suite import Card, Limit, Metric

if TYPE_CHECKING:
    pass

Adaptation = Literal["plain", "few_shot", "cot", "causal_cot"]
By = Literal["auto", "likelihood", "generation"]

ACCURACY = Metric("accuracy", "higher", "share", "share of questions answered right", "binary", null="chance")
COMMON = (
    ACCURACY,
    Metric("sturdy", "higher", "share", "share answered right in every order and wording", "binary"),
    Metric("order_flip", "lower", "share", "share whose answer changes with the order of the choices", "binary"),
    Metric(
        "wording_flip", "lower", "share", "share whose answer changes with the wording of the instruction", "binary"
    ),
    Metric("margin", "higher", "nats", "log-probability of the right choice minus that of the best wrong one"),
    Metric("brier", "lower", "", "squared distance of the probabilities of the choices from the truth"),
    Metric("overconfidence", "zero", "share", "probability of the chosen answer minus how often it is right"),
    Metric("parsed", "higher", "share", "share of written answers that could be read", "binary"),
    Metric("chance", "higher", "share", "what guessing gives"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """A suite of questions. A benchmark is a final subclass: its `card`, its `questions()`, its own knobs."""

    card: ClassVar[Card]
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat")
    metrics: ClassVar[tuple[Metric, ...]] = COMMON
    chunk: ClassVar[int] = 32

    limit: Limit = None
    adapt: Adaptation = "plain"
    by: By = "auto"

    def questions(self) -> Iterable[Question]:
        """Every question of the set, in a fixed order; raises MissingData where the set is not here."""
        raise NotImplementedError

    def ready(self) -> None:
        """The questions are here and can be read."""
        for _ in self.questions():
            break
