"""The Spurious Token Game for a model that was trained on it: does it answer by what causes the risk, or by company?

Idea      A model learns the game from people whose spurious numbers always move with the causes (corpus "stg").
          Then it is asked about new people: some of the same kind (iid), some whose spurious numbers are drawn alone
          (ood), where only a reader of the causes is still right.
Equation  the likeliest of three risks after the very text of training, up to "Answer:"; of a model with a head (corpus
          "stg-mixed", train.objective = "label"), the one that its head says.
          strength, placebo, causal: see `token_game`; a number is changed on the iid people.
Known     A reader of the causes alone: iid = ood, strength 0. A reader of what is spurious: iid > ood, strength > 0.
Data      our own draw; nobody in it has the values of anybody in the training rows. `data = "published"`: the authors'
          files, with their labels (train on "stg-published").
Limits    No examples and no chat template stand before a question: an untrained model is at chance. Other people come
          with another `seed`: choose knobs on those, and leave seed 0 for the last look.
          The three causes have 1,000 combinations, and the 8,000 people of the corpus "stg" have them all: new people
          are new in what else is told of them. So this asks which numbers a model goes by, and not whether it could
          apply the rule to causes that it never met: a table of all combinations is right everywhere, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from butfor.core.errors import UserError
from butfor.data.stg import RISKS, TRAINED, Person, Split, asked, drawn, stg
from butfor.evaluate.shortcut.asked import Answered, answered
from butfor.evaluate.shortcut.token_game import MOVES, STRENGTH, arms, by_arm, effects, numbers, signs
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.lm.prompt import Prompt

if TYPE_CHECKING:
    from butfor.lm import LM

ASKED: tuple[Split, ...] = ("iid", "ood")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedGame:
    """Accuracy in and out of distribution of a model that was trained on the game, and what a spurious number moves."""

    card: ClassVar[Card] = Card(
        measures="whether a model trained where causes and company agree answers by the causes once they part",
        chance="1/3 (three risks, about equally frequent in our draw); a constant answer reaches 0.37",
        source="the game: Han et al. 2025 (CAT), whose files carry no licence; our own draw, with its labels mended",
        faults=(
            "published files: Middle Risk has 6 of 1,600 training rows and 1 of 800 test rows, because the generator "
            "compares with one number where it means a range (counted by us): a game of two risks",
            "published files: out of distribution the spurious numbers leave their old range too (Hormones up to 10, "
            "before at most 5)",
            "published files: 8 of the 400 iid people have the values of somebody in the training file (counted by us)",
        ),
        published=(
            "Llama-3.1-8B fine-tuned on STG_M: ood accuracy 0.645, with causal attention tuning 0.905 "
            "(Han et al. 2025; not checked by us)",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    only_named: ClassVar[str] = 'it is for models that were trained on the token game (corpus "stg")'
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("ood_accuracy", "higher", "share", "share right where company parts from cause", "binary", "chance"),
        Metric("iid_accuracy", "higher", "share", "share right where both agree, as in training", "binary", "chance"),
        STRENGTH,
        *MOVES,
    )
    chunk: ClassVar[int] = 100

    limit: Limit = None
    data: Literal["own", "published"] = "own"
    people: Annotated[int, Field(ge=1)] = 500  # a split, of our own draw
    seed: int = 0

    def ready(self) -> None:
        """The published files are here and can be read; our own need nothing."""
        if self.data == "published":
            for split in ASKED:
                stg(split)

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """One item a person, the three spurious numbers in turn; half of them out of distribution."""
        found = [_item(split, place, person) for split in ASKED for place, person in enumerate(self._people(split))]
        return spread(found, self.limit, lambda item: (item.data["number"], item.data["split"]))

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Ask about every person as they are, and where they are of the kind of training, with one number changed."""
        found = by_arm(items, lambda put: _answers(world, [text for _, text in put]))
        return [_record(*pair) for pair in zip(items, found, strict=True)]

    def _people(self, split: Split) -> list[Person]:
        """New people; of our own draw, none with the values of somebody who was trained on."""
        if self.data == "published":
            return stg(split)
        new = [person for person in drawn(split, 2 * self.people + 10, self.seed) if _who(person) not in _known()]
        return new[: self.people]


def _answers(world: LM, texts: list[str]) -> list[Answered]:
    """The risk by the model's head, where it has one; else by what it would say next."""
    from butfor.lm.head import classify, has_head

    if not has_head(world):
        return answered(world, [(Prompt(text, raw=True), RISKS) for text in texts], "likelihood")
    logits = classify(world, texts)
    if logits.shape[1] != len(RISKS):
        raise UserError(f"the head of {world.name} knows {logits.shape[1]} classes, and there are {len(RISKS)} risks")
    said = [(int(row.argmax()), tuple(row - np.logaddexp.reduce(row))) for row in logits]
    return [Answered(best, odds, RISKS[best], text) for text, (best, odds) in zip(texts, said, strict=True)]


@cache
def _known() -> frozenset[frozenset[tuple[str, int]]]:
    """Everybody who is trained on."""
    return frozenset(_who(person) for person in drawn("train", TRAINED))


def _who(person: Person) -> frozenset[tuple[str, int]]:
    return frozenset(person.values.items())


def _item(split: Split, place: int, person: Person) -> Item:
    name, cause = numbers(place, len(RISKS))
    changed = arms(person, name, cause)
    shown = changed if split == "iid" else {"base": changed["base"]}
    texts = {arm: asked(values) for arm, values in shown.items()}
    data = {"texts": texts, "risk": person.risk, "split": split, "number": name, **signs(changed, name, cause)}
    return Item(person.id, person.id, data)


def _record(item: Item, answers: Mapping[str, Answered]) -> Record:
    base, split = answers["base"], item.data["split"]
    right = base.said == item.data["risk"]
    metrics = {f"{split}_accuracy": float(right), **effects(item.data, answers)}
    show = {"asked": base.asked, "right": item.data["risk"], "said": base.said}
    if "spurious" in answers:
        show["spurious number changed"] = item.data["texts"]["spurious"]
    group = {"split": split} | ({"number": item.data["number"]} if split == "iid" else {})
    return Record(item.id, item.cluster, metrics, show, group, "" if right else "other")
