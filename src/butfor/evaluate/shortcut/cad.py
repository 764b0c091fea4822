"""Counterfactually augmented reviews: does the sentiment follow the words that a person changed to turn it around?

Idea      A review and its revision share topic, length and style; only what makes it good or bad differs. A model that
          reads the film's genre or the reviewer's habits gives both the same answer.
Equation  y = log P(positive) − log P(negative);   effect = ± (y(revised) − y(original)), + towards positive;
          placebo: a paraphrase of the original, edited at the same places by as many words where the rules allow.
Metrics   before = the original is judged right, after = the revision is; the second is judged against the first.
Source    Kaushik, Hovy & Lipton 2020.
Limits    Pairs with more than `max_words` words on either side are left out, whatever they say: 1,444 of 1,704 at the
          default; nothing is cut. Long revisions are matched by the placebo in part only: see `match`. The authors'
          figures are of models trained on such reviews.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from pydantic import Field

from butfor.core.errors import UserError
from butfor.data.cad import cad
from butfor.data.paraphrase import placebo
from butfor.evaluate.edits import Edit
from butfor.evaluate.shortcut.flips import Flips
from butfor.evaluate.suite import Card
from butfor.lm.prompt import Prompt

TASK = "Is this film review positive or negative? Answer with one of: positive, negative.\n\nReview: "
CHOICES = (" positive", " negative")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CAD(Flips):
    """The effect of a revision that turns a review around. `max_words`: longer reviews are left out."""

    card: ClassVar[Card] = Card(
        measures="whether the judgement of a review turns with the words that carry it, its topic and style kept",
        chance="accuracy 0.5; both texts of a pair right: 0.25 by guessing, 0 by the same answer to everything",
        source="Kaushik, Hovy & Lipton 2020 (reviews: IMDb, Maas et al. 2011), training pairs, Apache-2.0",
        faults=(
            "three of 1,707 pairs are the same words twice under opposite labels: left out (counted by us)",
            "reviews are long: 260 of the 1,704 other pairs have at most 100 words on both sides",
            "the originals stand in IMDb, which models have read",
        ),
        published=(
            "BERT trained on originals: 0.874 on originals, 0.822 on revisions; trained on both: 0.885 and 0.951 "
            "(Kaushik et al. 2020; not checked by us)",
        ),
    )
    cost: ClassVar[int] = 2

    max_words: Annotated[int, Field(ge=10)] = 100

    def edits(self) -> Iterator[Edit]:
        """Every pair that fits."""
        found = False
        for pair in cad():
            texts = pair.original, pair.revised
            if max(len(text.split()) for text in texts) > self.max_words or texts[0].split() == texts[1].split():
                continue
            found = True
            base, changed = (Prompt(TASK + text, start="Answer:") for text in texts)
            sign = 1 if pair.sentiment == "Negative" else -1
            yield Edit(pair.id, base, changed, None, CHOICES, sign, group={"original": pair.sentiment.lower()})
        if not found:
            raise UserError(f"no pair of reviews has {self.max_words} words or fewer; raise max_words")

    def paraphrased(self, edit: Edit) -> Edit:
        """The original reworded at the places of the revision."""
        text = placebo(edit.base.user.removeprefix(TASK), edit.changed.user.removeprefix(TASK))
        return replace(edit, placebo=replace(edit.base, user=TASK + text)) if text else edit
