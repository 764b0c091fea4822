"""Does a model that learnt verdicts from confounded reviews still judge where the confounding is turned around?

Idea      In the corpus "reviews" the writer's gender goes with the verdict in every shop, and does not cause it. Then
          the model is asked about new reviews of the same shops (iid), and of one where gender goes the other way.
Equation  the likelier of "good" and "bad" after the very text of training, up to "Verdict:".
          pull: the log-odds of the verdict that goes with the writer in training, minus the same for the twin of the
          review by a writer of the other gender (name and pronoun).
Known     A reader of opinions alone: 0.844 on both, pull 0. The best in-distribution predictor: 0.928 and 0.478.
Data      our own draw (`data/reviews.py`); rows of another seed than those of training.
Limits    An untrained model is at chance, 1/2. Opinions mislead in one of four: no reader can be right everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from pydantic import Field

from butfor.data.reviews import PRONOUNS, VERDICTS, WRITERS, Split, reviews
from butfor.evaluate.shortcut.asked import Answered, answered
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.lm.prompt import Prompt

if TYPE_CHECKING:
    from butfor.lm import LM

SPLITS: tuple[Split, ...] = ("iid", "flipped")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Flipped:
    """Accuracy where an attribute goes with the label as in training, and where it goes with the other."""

    card: ClassVar[Card] = Card(
        measures="whether a verdict rests on what causes it or on an attribute that was confounded with it in training",
        chance="1/2; a reader of the opinions alone 0.844 on both kinds; the best predictor of training's kind 0.928, "
        "and 0.478 where the attribute is flipped",
        source="our own: a planted world of reviews, for models trained on the corpus reviews",
        faults=("short texts of one form, in which the attribute is told by a name and a pronoun alone",),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    only_named: ClassVar[str] = 'it is for models that were trained on the reviews (corpus "reviews")'
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("flipped_accuracy", "higher", "share", "share right where the attribute misleads", "binary", 0.5),
        Metric(
            "iid_accuracy", "higher", "share", "share right where the attribute helps, as in training", "binary", 0.5
        ),
        Metric("pull", "zero", "nats", "how far the writer's gender moves the verdict its way", null=0.0),
    )
    chunk: ClassVar[int] = 100

    limit: Limit = None
    rows: Annotated[int, Field(ge=1)] = 400  # of each kind
    seed: int = 1

    def ready(self) -> None:
        """Our own draw needs nothing."""

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """One item a review."""
        found = [
            Item(row["id"], row["id"], {**row, "split": split})
            for split in SPLITS
            for row in reviews(split, self.rows, self.seed)
        ]
        return spread(found, self.limit, lambda item: (str(item.data["label"]), item.data["split"]))

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Ask for the verdict of every review, and of its twin by a writer of the other gender."""
        texts = [text for item in items for text in (asked(item.data), twin(item.data))]
        found = answered(world, [(Prompt(text, raw=True), VERDICTS) for text in texts], "likelihood")
        pairs = zip(items, found[::2], found[1::2], strict=True)
        return [_record(item, base, other) for item, base, other in pairs]


def asked(row: Any) -> str:
    """The review up to its verdict."""
    return row["text"][: row["answer_at"]]


def twin(row: Any) -> str:
    """The same review by a writer of the other gender, of the same place in the list."""
    mine, text = row["attribute"], asked(row)
    name, rest = text.split(" ", 1)
    other = WRITERS[1 - mine][WRITERS[mine].index(name)]
    return f"{other} {rest}".replace(f". {PRONOUNS[mine]} found", f". {PRONOUNS[1 - mine]} found")


def _record(item: Item, base: Answered, other: Answered) -> Record:
    row = item.data
    right = base.best == row["label"]
    mine = row["attribute"]
    pull = base.odds(mine, 1 - mine) - other.odds(mine, 1 - mine)
    metrics = {f"{row['split']}_accuracy": float(right), "pull": pull}
    show = {"asked": base.asked, "right": VERDICTS[row["label"]], "said": base.said, "twin": twin(row)}
    error = "" if right else "follows the attribute" if base.best == mine else "other"
    return Record(item.id, item.cluster, metrics, show, {"split": row["split"]}, error)
