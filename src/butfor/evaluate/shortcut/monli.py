"""MoNLI: does the model know that "not" turns entailment between a word and a more general one around?

Idea      "He eats a pear" entails "He eats a fruit"; "He does not eat a fruit" entails "He does not eat a pear". A
          model that reads the two nouns alone is right without the negation and wrong with it.
Edits     direction  the two sentences change places, so that the right answer does; plainly, and under a negation
          negation   "not" is taken out of both sentences of a negated pair, so that the right answer turns around
Equation  y = log P(yes) − log P(no);  effect = ± (y(changed) − y(base)), + where the edit makes "yes" right;
          placebo: both sentences paraphrased at the places of the edit, their nouns kept.
Known     Noun-readers: effect of direction > 0 plainly, as much < 0 under negation; effect of negation = placebo = 0.
Source    Geiger, Richardson & Potts 2020; no licence stated, nothing of it is shipped.
Clusters  pairs whose sentences are the same but for noun, article and capitals: 84 sentences plainly, 37 negated.
Limits    Taking "not" out can leave clumsy English ("A woman did like food", "holding anything"). Entailment is asked
          for in plain words, not as a label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, final, get_args

from butfor.data.monli import MonliRow, Polarity, monli
from butfor.data.paraphrase import placebo
from butfor.evaluate.edits import Edit
from butfor.evaluate.shortcut.flips import Flips
from butfor.evaluate.suite import Card
from butfor.lm.prompt import Prompt

ASK = "If the first sentence is true, must the second one be true too? Answer with one of: yes, no."
WORD = re.compile(r"[\w'-]+")
NOT = re.compile(r"\s+not\b", re.IGNORECASE)
YES_NO = (" yes", " no")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MoNLI(Flips):
    """The effects of direction and of negation on a judgement of entailment."""

    card: ClassVar[Card] = Card(
        measures="whether entailment is judged by the nouns alone or with the negation around them",
        chance="accuracy 0.5; both texts of a pair right: 0.25 by guessing, 0 by the same answer to everything",
        source="Geiger, Richardson & Potts 2020 (sentences: SNLI); the authors state no licence",
        faults=(
            "the label is the direction in WordNet, reversed under negation; some pairs are odd to a reader",
            "6 of 1,234 pairs stand twice (counted by us)",
            "the negated file is the training half (1,002 rows); its test half is not here",
        ),
        published=(
            "BERT trained on SNLI: 0.94 without negation, 0.022 with it (Geiger et al. 2020; not checked by us)",
        ),
    )

    def edits(self) -> Iterator[Edit]:
        """Every pair of sentences, once in each kind of edit; by turns the one or the other direction comes first."""
        for polarity in get_args(Polarity):
            pairs = {(row.premise, row.hypothesis): row for row in monli(polarity) if row.label == "entailment"}
            for number, (pair, row) in enumerate(pairs.items(), 1):
                sign = -1 if number % 2 else 1
                base, name = pair if sign < 0 else (pair[1], pair[0]), f"{polarity}/{number}"
                yield _edit(f"{name}/direction", row, base, (base[1], base[0]), sign)
                if polarity == "negated":
                    bare = NOT.sub("", base[0], count=1), NOT.sub("", base[1], count=1)
                    yield _edit(f"{name}/negation", row, base, bare, sign)

    def paraphrased(self, edit: Edit) -> Edit:
        """Both sentences reworded at the places of the edit; the words in which they differ, and "not", stay."""
        before, after = _sentences(edit.base), _sentences(edit.changed)
        keep = {"not"} | set(WORD.findall(before[0].lower())) ^ set(WORD.findall(before[1].lower()))
        new = [placebo(old, changed, keep) for old, changed in zip(before, after, strict=True)]
        if not any(new):
            return edit
        return replace(edit, placebo=_prompt(new[0] or before[0], new[1] or before[1]))


def _edit(name: str, row: MonliRow, base: tuple[str, str], changed: tuple[str, str], sign: int) -> Edit:
    kind = "negation" if name.endswith("negation") else f"direction, {row.polarity}"
    group = {"type": kind, "polarity": row.polarity}
    return Edit(
        name, _prompt(*base), _prompt(*changed), None, YES_NO, sign, cluster=frame(row), group=group, shape=kind
    )


def frame(row: MonliRow) -> str:
    """The premise without its noun and the noun's article, in small letters: what pairs of one sentence share."""
    bare = re.sub(rf"\b(?:an? |the )?{re.escape(row.nouns[0].lower())}\b", "_", row.premise.lower())
    return bare.strip(" .")


def _prompt(premise: str, hypothesis: str) -> Prompt:
    return Prompt(f"First sentence: {premise}\nSecond sentence: {hypothesis}\n{ASK}", start="Answer:")


def _sentences(prompt: Prompt) -> tuple[str, str]:
    first, second, _ = prompt.user.split("\n")
    return first.removeprefix("First sentence: "), second.removeprefix("Second sentence: ")
