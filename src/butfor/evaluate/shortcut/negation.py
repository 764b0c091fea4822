"""Does "not" turn the answer around, and does a second one turn it back?

Idea      A fact and a question about it. The fact is negated; then its negation is denied. Both edits must turn the
          answer around. The question names the state itself or its opposite, so that neither a preference for "yes" nor
          words that fact and question share are worth anything.
Equation  effect of "not": ± [y(The lamp is not on.) − y(The lamp is on.)],  y = log-odds of yes over no
          double: ± [y(It is not true that the lamp is not on.) − y(The lamp is not on.)]
          placebo: "indeed" where the "not" would stand.
Data      our own: 24 things with two states of which one must hold, both states in turn, 3 frames.
Known     A model that does not see "not" has effect = 0 = placebo, is right before (or after) and never both.
Limits    English, one way to negate a sentence and one to deny it. "Not closed" is taken to mean "open".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, final

from butfor.evaluate.edits import Edit
from butfor.evaluate.shortcut.flips import Flips
from butfor.evaluate.suite import Card
from butfor.lm.prompt import Prompt

THINGS = (
    ("lamp", "on", "off"),
    ("radio", "on", "off"),
    ("heating", "on", "off"),
    ("printer", "on", "off"),
    ("door", "open", "closed"),
    ("window", "open", "closed"),
    ("bridge", "open", "closed"),
    ("shop", "open", "closed"),
    ("gate", "locked", "unlocked"),
    ("safe", "locked", "unlocked"),
    ("bird", "alive", "dead"),
    ("old tree", "alive", "dead"),
    ("baby", "awake", "asleep"),
    ("guard", "awake", "asleep"),
    ("teacher", "present", "absent"),
    ("witness", "present", "absent"),
    ("bill", "paid", "unpaid"),
    ("fine", "paid", "unpaid"),
    ("seat", "taken", "free"),
    ("statue", "finished", "unfinished"),
    ("report", "true", "false"),
    ("rumour", "true", "false"),
    ("ring", "real", "fake"),
    ("painting", "real", "fake"),
)
FRAMES = ("{}", "It is five o'clock, and {}", "Anna has just looked: {}")
KINDS = ("negation", "double negation")
YES_NO = (" yes", " no")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Negation(Flips):
    """The effect of "not", and of denying it, on the answer to a yes-or-no question."""

    card: ClassVar[Card] = Card(
        measures="whether a negation turns the answer around, and a second one turns it back",
        chance="accuracy 0.5 for guessing and for any constant answer; both texts right: 0.25 and 0",
        source="our own: 24 things, 2 states, 3 frames, 2 questions, 2 edits: 576 pairs of texts",
        faults=("a double negation is rare in English; some readers take it for emphasis",),
        published=(
            "masked models name the same words after “A robin is” and “A robin is not” (Kassner & Schütze 2020; "
            "not checked by us)",
        ),
    )

    def edits(self) -> Iterator[Edit]:
        """Every thing, state, frame, question and edit."""
        for thing, *states in THINGS:
            for state, other in (states, states[::-1]):
                for frame, words in enumerate(FRAMES, 1):
                    for asked in (state, other):
                        yield from _edits(thing, state, words, frame, asked)

    def paraphrased(self, edit: Edit) -> Edit:
        """ "Indeed" in the place of the "not" that the edit brings."""
        return replace(edit, placebo=Prompt(edit.changed.user.replace("is not", "is indeed", 1), start="Answer:"))


def told(thing: str, state: str, frame: str, kind: str) -> str:
    """The fact in words: plain, negated, or its negation denied."""
    fact = {
        "plain": f"the {thing} is {state}.",
        "negation": f"the {thing} is not {state}.",
        "double negation": f"it is not true that the {thing} is not {state}.",
    }[kind]
    text = frame.format(fact)
    return text[0].upper() + text[1:]


def _edits(thing: str, state: str, words: str, frame: int, asked: str) -> Iterator[Edit]:
    plain, negated, denied = (
        Prompt(
            f"{told(thing, state, words, kind)}\nIs the {thing} {asked}? Answer with one of: yes, no.", start="Answer:"
        )
        for kind in ("plain", *KINDS)
    )
    holds = asked == state
    for kind, before, after in ((KINDS[0], plain, negated), (KINDS[1], negated, denied)):
        was_yes = holds if kind == KINDS[0] else not holds
        yield Edit(
            f"{thing}/{state}/{frame}/{asked}/{kind}",
            before,
            after,
            None,
            YES_NO,
            sign=-1 if was_yes else 1,
            cluster=thing,
            group={"type": kind, "asks": "the state told" if holds else "its opposite"},
            shape=kind,
        )
