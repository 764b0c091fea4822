"""Does the model find the more plausible cause, or effect, more likely?

Idea      The premise becomes the start of a sentence with a connector ("... because", "... so"), the alternatives its
          two ends. The model answers by which end it finds more likely; it never sees which one is right.
Equation  margin = log p(right end | start) - log p(wrong end | start), in nats;   accuracy = 1[margin > 0]
Data      default: 64 questions of our own; `data = "copa"`: the public development set (Roemmele et al. 2011);
          `data = "copa_balanced"`: with mirrored questions, so that a cue in the alternatives alone is worth nothing
          (Kavumba et al. 2019); or the path of an .xml file in the authors' format.
Limits    Log-probabilities are summed, so a shorter end has an advantage; it is the same in both arms. Chance is 0.5.
          Small models are near it: read the paired difference, and `margin` where accuracy is too coarse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from butfor.core.errors import UnknownName
from butfor.data import builtin
from butfor.data.copa import FILES, Copa, copa
from butfor.evaluate.suite import Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm import LM

CONNECTOR = {"cause": "because", "effect": "so"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class COPA:
    """Choice of plausible alternatives. `data`: our own questions, "copa", "copa_balanced" or a path."""

    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("accuracy", "higher", "share", "share of questions whose right end is the likelier one", "binary"),
        Metric("margin", "higher", "nats", "log-probability of the right end minus that of the wrong one"),
    )
    chunk: ClassVar[int] = 64

    data: str | None = None
    limit: Limit = None

    def ready(self) -> None:
        """The questions are here and can be read."""
        self._questions()

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """One item a question; a mirrored question shares the cluster of its original."""
        items = [
            Item(
                q.id,
                _cluster(q.id),
                {
                    "prompt": start(q),
                    "choices": [end(c) for c in q.choices],
                    "gold": q.gold,
                    "asks_for": q.asks_for,
                },
            )
            for q in self._questions()
        ]
        mirrored = len({item.cluster for item in items}) < len(items)
        return spread(items, self.limit, _mirror if mirrored else _kind)

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Score both ends of every question."""
        from butfor.lm import score

        asked = [{"prompt": item.data["prompt"], "choices": item.data["choices"]} for item in items]
        return [_record(item, s.logprobs) for item, s in zip(items, score(world, asked), strict=True)]

    def _questions(self) -> list[Copa]:
        if self.data is None:
            return builtin.cause_effect()
        if self.data in FILES:
            return copa(name=self.data)
        if not self.data.endswith(".xml"):
            raise UnknownName("data", self.data, FILES, "or the path of an .xml file in the authors' format")
        return copa(self.data)


def start(question: Copa) -> str:
    """The premise and the connector, without a space at the end."""
    return f"{question.premise.rstrip().rstrip('.!?')} {CONNECTOR[question.asks_for]}"


def end(choice: str) -> str:
    """An alternative as the end of a sentence: a leading space, the first letter small unless the word is I."""
    first = choice.split(maxsplit=1)[0]
    keep = first == "I" or first.startswith("I'")
    return " " + (choice if keep else choice[0].lower() + choice[1:])


def _cluster(name: str) -> str:
    """Balanced COPA numbers the mirror of question n as 1000 + n."""
    return str(int(name) - 1000) if name.isdecimal() and int(name) > 1000 else name


def _mirror(item: Item) -> tuple[str, str]:
    """A question and its mirror come together: a cue in the alternatives alone is worth nothing."""
    return item.cluster, item.id


def _kind(item: Item) -> tuple[str, str]:
    """As many questions for a cause as for an effect, and the answer as often first as second."""
    return "", f"{item.data['asks_for']} {item.data['gold']}"


def _record(item: Item, logprobs: list[float]) -> Record:
    gold, choices = item.data["gold"], item.data["choices"]
    margin = logprobs[gold] - logprobs[1 - gold]
    show = {
        "start": item.data["prompt"],
        "right": choices[gold].strip(),
        "wrong": choices[1 - gold].strip(),
        "margin": f"{margin:+.2f}",
    }
    return Record(item.id, item.cluster, {"accuracy": float(margin > 0), "margin": margin}, show)
