"""What does one edit of a prompt do to the answer, beyond what any edit of its size does?

Equation  y(text) = log P(first choice | text) - log P(second | text)
          effect = sign · (y(changed) - y(base));   placebo = sign · (y(placebo) - y(base)), the placebo being a
          paraphrase edited at the same places and by as many words (`data.paraphrase`);   reported: effect - placebo
          size, placebo_size: the same without a sign;   flip, placebo_flip: does the preferred choice change?
Behind an address there are no log-probabilities: the choice is asked for by generation, and only the flips are known.
Limits    An edit without a placebo has an effect but no difference to one: it is left out of the net, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from butfor.evaluate.suite import Card, Limit, Metric
from butfor.lm.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Edit:
    """One intervention on a prompt, with the placebo that goes with it."""

    id: str
    base: Prompt
    changed: Prompt
    placebo: Prompt | None
    choices: tuple[str, str]  # the effect is on the log-odds of the first over the second
    sign: int = 1  # +1: the edit is expected to raise them, -1: to lower them, 0: no direction is expected
    cluster: str = ""
    group: Mapping[str, str] = field(default_factory=dict)
    shape: str = ""  # stratum of `limit`


EFFECT = Metric(
    "effect", "zero", "nats", "how far the edit moves the log-odds in the expected direction", null="placebo"
)
EDITED = (
    EFFECT,
    Metric("size", "lower", "nats", "how far it moves them in either direction", null="placebo_size"),
    Metric("flip", "lower", "share", "share whose preferred choice changes", "binary", null="placebo_flip"),
    Metric("placebo", "zero", "nats", "the effect of a paraphrase edited at the same places by as many words"),
    Metric("placebo_size", "lower", "nats", "the size of the placebo's effect"),
    Metric("placebo_flip", "lower", "share", "share whose preferred choice changes with the placebo", "binary"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """A suite of edits. A benchmark is a final subclass: its `card`, its `edits()`, its own knobs."""

    card: ClassVar[Card]
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat")
    metrics: ClassVar[tuple[Metric, ...]] = EDITED
    chunk: ClassVar[int] = 32

    limit: Limit = None

    def edits(self) -> Iterable[Edit]:
        """Every edit of the set, in a fixed order; raises MissingData where the set is not here."""
        raise NotImplementedError

    def ready(self) -> None:
        """The edits are here and can be read."""
        for _ in self.edits():
            break
