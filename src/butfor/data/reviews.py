"""A planted world of reviews: the verdict is caused by what is said of a thing; who says it only came along.

Equation  label y ~ Bernoulli(1/2) (good, bad).   Three words of opinion, each of y's side with probability 0.75.
          attribute c (1: a woman writes, 0: a man): P(c = y | site) = 0.95, 0.9, 0.85 in the three shops of training;
          `iid`: the same shops; `flipped`: a new shop where P(c = y) = 0.1.
Row       {"text": "Mary bought a lamp at Mill Lane. She found it sturdy, … Verdict: good", "label", "attribute",
          "site", "answer_at"}: only the verdict is learnt.
Known     A reader of the opinions alone (the majority of three) is right in 27/32 = 0.844 everywhere. The best
          predictor in distribution also reads the writer: 0.928 in distribution, and 0.478 in the flipped shop.
Limits    The attribute is told by names and pronouns alone, and the editor "gender+names" turns each name into another
          of the world: a world in which its edits are right. (With twelve men who are nobody's partner among the women,
          augmentation brings little: a name is then still said of one verdict more than of the other.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from butfor.core.seeds import generator

if TYPE_CHECKING:
    from numpy.random import Generator

Split = Literal["train", "iid", "flipped"]
COUNT = 2000  # rows of the training split
AGREES = (0.95, 0.9, 0.85)  # P(attribute = label), a shop each
FLIPPED = 0.1
RELIABLE = 0.75  # P(an opinion is of the label's side)
ASK = "Verdict:"
VERDICTS = ("bad", "good")
SHOPS = ("Harbour Street", "Market Square", "Station Road", "Mill Lane")
WRITERS = (  # pairs of the editor "names": who is turned into the other is one of the others
    (
        "James",
        "Richard",
        "Thomas",
        "Alexander",
        "Gabriel",
        "Ryan",
        "Christopher",
        "Daniel",
        "Jesse",
        "Jose",
        "Douglas",
        "Patrick",
    ),
    ("Mary", "Susan", "Sarah", "Helen", "Alice", "Laura", "Karen", "Nancy", "Julia", "Diane", "Ruth", "Rachel"),
)
PRONOUNS = ("He", "She")
THINGS = ("lamp", "kettle", "chair", "clock", "radio", "bag", "table", "mirror", "pan", "scarf", "tent", "knife")
OPINIONS = (
    ("flimsy", "noisy", "dull", "clumsy", "leaky", "brittle", "ugly", "weak", "stiff", "rusty", "uneven", "loose"),
    ("sturdy", "quiet", "bright", "handy", "solid", "smooth", "pretty", "strong", "light", "neat", "even", "tight"),
)


def reviews(split: Split = "train", count: int = COUNT, seed: int = 0) -> list[dict[str, Any]]:
    """The rows of a split; the training split is what the corpus "reviews" holds."""
    rng = generator(seed, "reviews", split)
    return [{"id": f"reviews/{split}/{n}", **_row(split, rng)} for n in range(1, count + 1)]


def _row(split: Split, rng: Generator) -> dict[str, Any]:
    label = int(rng.integers(2))
    site = len(AGREES) if split == "flipped" else int(rng.integers(len(AGREES)))
    agrees = rng.random() < (*AGREES, FLIPPED)[site]
    attribute = label if agrees else 1 - label
    sides = [label if rng.random() < RELIABLE else 1 - label for _ in range(3)]
    said: list[str] = []
    for side in sides:
        left = [word for word in OPINIONS[side] if word not in said]
        said.append(left[int(rng.integers(len(left)))])
    writer = WRITERS[attribute][int(rng.integers(len(WRITERS[attribute])))]
    thing = THINGS[int(rng.integers(len(THINGS)))]
    asked = (
        f"{writer} bought a {thing} at {SHOPS[site]}. "
        f"{PRONOUNS[attribute]} found it {said[0]}, {said[1]} and {said[2]}. {ASK}"
    )
    columns = {"label": label, "attribute": attribute, "site": site, "answer_at": len(asked)}
    return {"text": f"{asked} {VERDICTS[label]}", **columns}
