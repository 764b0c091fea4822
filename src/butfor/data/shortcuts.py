"""Worlds with a planted shortcut of known strength: what causes the label, and a mark that only comes along with it.

World     weather, soil, care -> harvest -> mark <- region: a model of the engine, told as text without the region.
          P(rich harvest) = 0.04, 0.25, 0.75, 0.96 with 0 … 3 good causes. In a region the mark agrees with the harvest
          in a share of all reports: in the two regions of training 1 − 1.5 (1 − s) and 1 − 0.5 (1 − s), together s.
Splits    "train"; "iid", the same world; "ood", the same world under do(mark = a coin): half of its marks mislead.
Row       {"text": "Report: steady rain, thin soil and new fences. Signed in blue ink. The harvest was", "label": 1,
          "options": [" poor", " rich"], "environment": 0, "mark": 1}: a head or options may be learnt from it.
Known     A reader of the causes is right in 0.8025 of all reports, whatever the mark. `reader` works out the best
          reader of both for each strength, which the mark misleads.
Strength  "shortcuts/0.9" names the corpus of s = 0.9, from 0.5 (on the whole the mark says nothing) to 1 (it always
          agrees, the regions are alike, and nothing in the corpus tells a shortcut from a cause). Corpora of two
          strengths tell the same reports, marks aside: what is drawn does not depend on s.
Game      "stg-mixed/0.9": the Spurious Token Game with labels. In a share of people, per environment as above, the
          spurious numbers move with the causes (`follows` = 1: people of the corpus "stg"); others' are drawn alone.
Limits    Short texts of one form. The mark is an effect of the label: f(causes) ⊥ mark | label, not without the label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

from butfor.core.errors import UserError
from butfor.core.seeds import derive, generator
from butfor.data.stg import RISKS, asked, draw, drawn
from butfor.scm.models.discrete import discrete

if TYPE_CHECKING:
    from butfor.scm.models.discrete import Discrete

Split = Literal["train", "iid", "ood"]
COUNT = 4000  # rows of a corpus
STRENGTH = 0.9  # of "shortcuts" and "stg-mixed" without a number
LEAST = 0.5
MISSES = (1.5, 0.5)  # how often the mark disagrees in each region of training, as a multiple of 1 - s
RICH = (0.04, 0.25, 0.75, 0.96)  # P(rich harvest) by the number of good causes
ASK = "The harvest was"
HARVESTS = (" poor", " rich")
CAUSES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # of each, what stands for bad and for good
    "weather": (
        ("a dry spring", "late frost", "weeks of hail", "cold winds"),
        ("steady rain", "a mild spring", "warm nights", "early sun"),
    ),
    "soil": (
        ("thin soil", "stony ground", "salty clay", "tired earth"),
        ("deep soil", "black earth", "rich loam", "fresh compost"),
    ),
    "care": (
        ("many weeds", "broken fences", "dull ploughs", "old seed"),
        ("tidy rows", "new fences", "sharp ploughs", "good seed"),
    ),
}
MARKS = (
    ("Signed in red ink", "Filed under crimson", "Sealed with scarlet wax", "Tied with ruby string"),
    ("Signed in blue ink", "Filed under azure", "Sealed with navy wax", "Tied with indigo string"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says: levels of all variables, and which words are chosen for them in which order."""

    id: str
    levels: Mapping[str, int]
    words: Mapping[str, int]
    order: tuple[str, ...]

    def text(self, **levels: int) -> str:
        """The report; `levels` sets some variables to other values, in the same words where they stay."""
        said = {**self.levels, **levels}
        first, second, third = (CAUSES[name][said[name]][self.words[name]] for name in self.order)
        return f"Report: {first}, {second} and {third}. {MARKS[said['mark']][self.words['mark']]}. {ASK}"

    def row(self) -> dict[str, Any]:
        """The report as a row to learn from."""
        columns = {"environment": self.levels["region"], "mark": self.levels["mark"]}
        return {
            "id": self.id,
            "text": self.text(),
            "label": self.levels["harvest"],
            "options": list(HARVESTS),
        } | columns


def agreement(strength: float) -> tuple[float, ...]:
    """The share of each region's reports whose mark agrees with the harvest."""
    if not LEAST <= strength <= 1:
        raise UserError(f"a shortcut agrees in a share of {LEAST} to 1 of all rows, not {strength:g}")
    return tuple(1 - miss * (1 - strength) for miss in MISSES)


def world(strength: float) -> Discrete:
    """The model that the reports are told from."""
    agrees = agreement(strength)
    causes = dict.fromkeys(CAUSES, 0.5)
    rich = [[[RICH[a + b + c] for c in (0, 1)] for b in (0, 1)] for a in (0, 1)]
    mark = (("region", "harvest"), [[1 - share, share] for share in agrees])
    return discrete({"region": 0.5, **causes, "harvest": (tuple(CAUSES), rich), "mark": mark})


def reports(strength: float, split: Split = "train", count: int = COUNT, seed: int = 0) -> list[Report]:
    """Reports from the world, or from the same world where a coin sets the mark."""
    model = world(strength)
    if split == "ood":
        model = model.do(mark={0: 0.5, 1: 0.5})
    drawn = model.sample(count, derive(seed, "shortcuts", split))
    rng = generator(seed, "shortcuts", split, "words")
    found: list[Report] = []
    for n in range(count):
        words = {name: int(rng.integers(len(MARKS[0]))) for name in (*CAUSES, "mark")}
        order = tuple(list(CAUSES)[place] for place in rng.permutation(len(CAUSES)))
        levels = {name: int(column[n]) for name, column in drawn.items()}
        found.append(Report(f"shortcuts/{split}/{n + 1}", levels, words, order))
    return found


def reader(strength: float) -> dict[str, float]:
    """What the best reader of causes and mark in training reaches: iid, ood, and where the mark helps or misleads."""
    seen, split = world(strength), world(strength).do(mark={0: 0.5, 1: 0.5})
    right = {"iid": 0.0, "ood": 0.0, "helped": 0.0, "misled": 0.0}
    for *levels, mark in product((0, 1), repeat=len(CAUSES) + 1):
        told = {**dict(zip(CAUSES, levels, strict=True)), "mark": mark}
        best = int(seen.p({**told, "harvest": 1}) > seen.p({**told, "harvest": 0}))
        right["iid"] += seen.p({**told, "harvest": best})
        right["ood"] += (part := split.p({**told, "harvest": best}))
        right["helped" if best == mark else "misled"] += 2 * part
    return right


def shortcuts(strength: float = STRENGTH) -> list[dict[str, Any]]:
    """The corpus "shortcuts/STRENGTH"."""
    return [report.row() for report in reports(strength)]


def game(strength: float = STRENGTH) -> list[dict[str, Any]]:
    """The corpus "stg-mixed/STRENGTH"."""
    shares = agreement(strength)
    rng = generator(0, "shortcuts", "game")
    found: list[dict[str, Any]] = []
    for n, follower in enumerate(drawn("train", COUNT), 1):
        environment = int(rng.integers(len(shares)))
        follows = bool(rng.random() < shares[environment])
        loner = draw("ood", 1, rng)[0]
        person = follower if follows else loner
        columns = {"label": RISKS.index(person.risk), "environment": environment, "follows": int(follows)}
        options = [f" {risk}" for risk in RISKS]
        found.append({"id": f"stg-mixed/{n}", "text": asked(person.values), "options": options, **columns})
    return found
