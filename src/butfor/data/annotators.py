"""Annotators of different leniency around real texts: what a feature of a text does to its outcome, truth known.

World     Every row is a real restaurant review (CEBaB) that one of 20 annotators, drawn at random, looks at. Its
          quality q (how many stars five people read from it) moves what the annotator does and what comes of it, and
          is no column. Columns: `y`, the outcome; `annotator`; what can be counted in the review (given); and:
            t        1 where the annotator lets the review pass:   s λ_annotator + 0.8 q + … + noise > 0
            length   tens of words that are shown: the annotator has 0 to 5 neutral sentences added, by the same rule
            y = β · treatment + γ q + what is counted + noise
Families  passed, length   as above
          uneven       length, with noise that goes with the annotator and with how good the review is
          strata       passed; lenient annotators mostly get the long reviews, which the column `long` tells
          two          length; annotators have their own taste in politeness, too (column `polite`), and both act on y
          weak, alike  passed; annotators hardly differ, or not at all
          direct       passed; the annotator also scores the outcome, with a level of their own
          sorted       passed; lenient annotators get the better reviews, and nobody logged why
          differs      passed, by strict annotators; the effect is larger the better the review, and those on which
                       annotators differ are better than most: the truth is the average over all
Limits    Where an instrument cannot know (`HARD`), what counts is whether an estimator refuses or warns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr

from butfor.core.errors import UnknownName
from butfor.core.seeds import generator
from butfor.data.policy_worlds import FEATURES, counted
from butfor.data.preferences import MOST, texts
from butfor.scm.analyst import Table
from butfor.scm.columns import Codes, Columns, Floats

FAMILIES = ("passed", "length", "uneven", "strata", "two", "weak", "alike", "direct", "sorted", "differs")
HARD = ("weak", "alike", "direct", "sorted", "differs")  # where what an instrument needs does not hold
OF_LENGTH = ("length", "uneven", "two")
ANNOTATORS = 20
SPREAD = 1.0  # how far annotators differ, as a rule
WEAK = 0.2  # of that
PULL = 0.8  # of a deviation of quality on what the annotator does
LEVEL = 0.7  # how far annotators' own levels lie apart where they score
SORTED = 0.6  # how far who looks at a review goes with it
GROWS = 0.6  # the effect, by a deviation of quality
STRICT = 1.0  # how much better than the middle a review has to be for annotators to differ on it, where effects do


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The question put to an estimator, and its answer, which is not."""

    table: Table
    truth: float


class Reviews(NamedTuple):
    """The population: quality, what can be counted in each review, and its words with 0 to 5 sentences added."""

    quality: Floats  # [N]
    seen: Floats  # [N, 7]
    words: Floats  # [N, 6], in tens


@lru_cache(maxsize=1)
def reviews() -> Reviews:
    """Every rated review once."""
    found = texts("reviews", "train")
    quality = np.array([one.quality for one in found])
    words = [[len(one.text(length=level).split()) / 10 for level in range(MOST + 1)] for one in found]
    return Reviews(quality, counted(tuple(one.body for one in found)), np.array(words))


def world(family: str, number: int, rows: int = 1000, seed: int = 0, spread: float = SPREAD) -> Judged:
    """The world of this number of a family, with so many rows, where annotators lie so far apart."""
    if family not in FAMILIES:
        raise UnknownName("family", family, FAMILIES)
    constants = generator(seed, "annotators", family, number)
    rng = generator(seed, "annotators", family, number, rows)
    found = reviews()
    lean = constants.normal(size=ANNOTATORS)
    lean = (lean - lean.mean()) / lean.std()
    beta, gamma = constants.uniform(-1, 1), constants.choice([-1.0, 1.0]) * constants.uniform(0.7, 1.3)
    a, b = constants.normal(size=(2, found.seen.shape[1])) * 0.2
    where = rng.integers(len(found.quality), size=rows)
    q = found.quality[where]
    long = (found.seen[where, 0] > np.median(found.seen[:, 0])).astype(np.float64)
    who = _drawn(family, lean, long, q, rng)
    seen = (found.seen[where] - found.seen.mean(0)) / found.seen.std(0)
    latent = (
        spread * {"weak": WEAK, "alike": 0.0}.get(family, 1.0) * lean[who]
        + PULL * q
        + seen @ a
        + rng.normal(size=rows)
        - STRICT * (family == "differs")
    )
    if family in OF_LENGTH:
        level = np.minimum((MOST + 1) * ndtr(latent / 1.7), MOST).astype(np.int64)
        x = found.words[where, level]
    else:
        x = (latent > 0).astype(np.float64)
    size = np.exp(0.4 * lean[who] - 0.3 * q) if family == "uneven" else 1.0
    y = beta * x + gamma * q + seen @ b + size * rng.normal(size=rows)
    columns = {"words": found.seen[where, 0], "exclaimed": found.seen[where, 1]}
    columns |= dict(zip(FEATURES, found.seen[where, 2:].T, strict=True))
    truth = beta
    if family == "strata":
        columns["long"] = long
    if family == "direct":
        y = y + LEVEL * constants.normal(size=ANNOTATORS)[who]
    if family == "differs":
        y, truth = y + GROWS * q * x, beta + GROWS * float(found.quality.mean())
    given = tuple(columns)
    if family == "two":
        taste = constants.normal(size=ANNOTATORS)
        columns["polite"] = (taste[who] + 0.5 * q + rng.normal(size=rows) > 0).astype(np.float64)
        y = y + columns["polite"] * constants.choice([-1.0, 1.0]) * constants.uniform(1, 2)
    name = "length" if family in OF_LENGTH else "t"
    names = np.array([f"a{number:02d}" for number in range(ANNOTATORS)])
    data = Columns({"y": y, name: x, **columns, "annotator": names[who]})
    return Judged(Table(data, name, "y", given, instruments=("annotator",)), float(truth))


def _drawn(family: str, lean: Floats, long: Floats, q: Floats, rng: Generator) -> Codes:
    """Who looks at each review. [n]"""
    if family == "strata":
        pull = np.outer(2 * long - 1, lean)
    elif family == "sorted":
        pull = SORTED * np.outer(q, lean)
    else:
        return rng.integers(ANNOTATORS, size=len(q))
    edges = np.exp(pull).cumsum(1)
    return (edges < rng.random((len(q), 1)) * edges[:, -1:]).sum(1).astype(np.int64)
