"""Position bias: how much likelier is an answer chosen only because it stands first?

Idea      The same question with its choices rotated, so that every choice stands once in every place. Whatever a choice
          gains in one place is then the effect of the place: the words are the same.
Equation  y(c, k) = log-odds that choice c is chosen when it stands in place k.
          first = mean over c of [y(c, 1) − mean over k > 1 of y(c, k)];   last: the same of the last place.
          moved = mean over c of [max over k − min over k of y(c, k)]: how far the place matters, in any direction. It
          stands first, as a model may prefer the first of four and the last of two. The null of first and last is 0;
          moved is never below 0, so it is a level without a test.
          first_share = share of answers that choose the first, of those that can be read;   its null is 1 / choices.
Data      our own questions of cause and effect, with their two choices, and filled up to more with choices of other
          questions (`sizes`); behind an address the shares alone are known.
Known     A model that reads the words alone: 0. One that takes the first with probability p: first = 2 · logit p at two
          choices, and in general logit p − logit((1 − p) / (n − 1)).
Limits    A filled-up choice is wrong, and usually clearly so: the effect is smaller where the model knows the answer.
          Place and letter move together (the first is always A).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from string import ascii_uppercase
from typing import TYPE_CHECKING, Annotated, ClassVar, final

from pydantic import Field

from butfor.core.seeds import generator
from butfor.data import builtin
from butfor.data.copa import Copa
from butfor.evaluate.questions import By
from butfor.evaluate.shortcut.asked import Answered, Put, answered
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.lm.prompt import Prompt

if TYPE_CHECKING:
    from butfor.lm import LM
    from butfor.lm.chat import Chat

ASKS = {"cause": "What is the most likely cause of this?", "effect": "What most likely happened as a result?"}
Size = Annotated[int, Field(ge=2, le=len(ascii_uppercase))]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The effect of a choice's place on whether it is chosen, by number of choices."""

    card: ClassVar[Card] = Card(
        measures="whether a choice is preferred because of the place that it stands in",
        chance="first = last = 0; first_share = 1 / number of choices",
        source="our own questions of cause and effect; filled up with choices of other questions",
        faults=("place and letter move together: a preference for the letter A is counted as one for the first place",),
        published=(
            "GPT-4 as a judge of two answers: 65 % consistent when they are swapped, 30 % biased to the first "
            "(Zheng et al. 2023; not checked by us)",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat")
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("moved", "lower", "nats", "how far its place moves the log-odds of a choice, either way"),
        Metric("first", "zero", "nats", "how far standing first raises the log-odds that a choice is chosen", null=0.0),
        Metric("last", "zero", "nats", "how far standing last raises them", null=0.0),
        Metric("first_share", "zero", "share", "share of read answers that choose the first choice", null="chance"),
        Metric("same", "higher", "share", "share of questions answered alike in every order", "binary"),
        Metric("accuracy", "higher", "share", "share of orders in which the right choice is chosen", null="chance"),
        Metric("parsed", "higher", "share", "share of written answers that could be read"),
        Metric("chance", "higher", "share", "1 / number of choices"),
    )
    chunk: ClassVar[int] = 16
    cost: ClassVar[int] = 2  # as many prompts an item as there are choices

    limit: Limit = None
    by: By = "auto"
    sizes: tuple[Size, ...] = (2, 4)
    seed: int = 0

    def ready(self) -> None:
        """The questions are part of the package."""

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """Every question with each number of choices; all sizes of a question are a cluster."""
        bank = builtin.cause_effect()
        found: list[Item] = []
        for question in bank:
            rng = generator(self.seed, "position", question.id)
            others = [other for other in bank if other.id != question.id and other.asks_for == question.asks_for]
            more = [others[place].choices[1 - others[place].gold] for place in rng.permutation(len(others))]
            more = [text for text in dict.fromkeys(more) if text not in question.choices]
            for size in self.sizes:
                choices = [*question.choices, *more[: size - 2]]
                order = [int(place) for place in rng.permutation(len(choices))]
                data = {
                    "text": asked(question),
                    "choices": [choices[place] for place in order],
                    "right": order.index(question.gold),
                }
                found.append(Item(f"{question.id}/{len(choices)}", question.id, data))
        return spread(found, self.limit, lambda item: ("", str(len(item.data["choices"]))))

    def measure(self, world: LM | Chat, items: Sequence[Item]) -> list[Record]:
        """Ask in every rotation."""
        put: list[Put] = []
        for item in items:
            size = len(item.data["choices"])
            put += [listed(item.data["text"], rotated(item.data["choices"], by)) for by in range(size)]
        answers = iter(answered(world, put, self.by))
        return [_record(item, [next(answers) for _ in item.data["choices"]]) for item in items]


def asked(question: Copa) -> str:
    """The premise and what is asked about it."""
    return f"{question.premise} {ASKS[question.asks_for]}"


def rotated(choices: Sequence[str], by: int) -> list[str]:
    """Choice c stands in place (c − by) modulo their number."""
    return [*choices[by:], *choices[:by]]


def listed(text: str, choices: Sequence[str]) -> Put:
    """The question with lettered choices."""
    letters = ascii_uppercase[: len(choices)]
    lines = "\n".join(f"{letter}. {choice}" for letter, choice in zip(letters, choices, strict=True))
    return Prompt(f"{text}\n\n{lines}\n\nAnswer with one letter.", start="Answer:"), tuple(letters)


def _record(item: Item, answers: Sequence[Answered]) -> Record:
    size, right = len(answers), item.data["right"]
    read = [answer.best for answer in answers]
    chosen = [(by + place) % size if place is not None else None for by, place in enumerate(read)]
    metrics = {
        "accuracy": fmean(choice == right for choice in chosen),
        "chance": 1 / size,
    }
    if places := [place for place in read if place is not None]:
        metrics["first_share"] = fmean(place == 0 for place in places)
    if None not in chosen:
        metrics["same"] = float(len(set(chosen)) == 1)
    if answers[0].logprobs:
        metrics["first"], metrics["last"] = gain(answers, 0), gain(answers, size - 1)
        metrics["moved"] = fmean(_range([answers[(c - k) % size].chosen(k) for k in range(size)]) for c in range(size))
    else:
        metrics["parsed"] = fmean(place is not None for place in read)
    names = ["?" if choice is None else item.data["choices"][choice] for choice in chosen]
    show = {
        "asked": answers[0].asked,
        "right": item.data["choices"][right],
        "said": " | ".join(names),
    }
    return Record(item.id, item.cluster, metrics, show, {"choices": str(size)})


def gain(answers: Sequence[Answered], place: int) -> float:
    """What standing in this place adds to the log-odds of being chosen, mean over the choices.

    Answer `by` is to the choices rotated by `by`; over all rotations every choice stands once in every place, so the
    mean over choices at a place is the mean over rotations.
    """
    here = [answer.chosen(place) for answer in answers]
    elsewhere = [answer.chosen(k) for answer in answers for k in range(len(answers)) if k != place]
    return fmean(here) - fmean(elsewhere)


def _range(values: Sequence[float]) -> float:
    return max(values) - min(values)
