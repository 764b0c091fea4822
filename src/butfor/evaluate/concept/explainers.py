"""Explainers of concept effects: each guesses what changing one concept of a text does to what a model says of it.

Case       a text with its concepts, what the model said of it, f(x) [K], and its features h(x) [d]; a concept and the
           value that it is to take. True answer: f(x') − f(x), x' written by a person.
approximate  f(r) − f(x), r a training text that has the wanted value and is alike in all other concepts (one at random;
             where there is none, one of those that differ least)
s_learner    one least-squares model of f on indicators of all concepts; the difference of its two predictions
inlp         a ridge regression of f on h; what it predicts once the concept is projected out of h, less what it
             predicts now. It removes the concept, and so cannot know which value was wanted.
matching     f(r) − f(x), r the nearest training text by the angle between features among those with the wanted value
learnt       the mean of f over the nearest such texts in a space that was trained for it, less f(x) (`learnt.py`)
made         f(m) − f(x), m what rules or a model made of x: "rules" (`data/counterfactual/aspects.py`), "pipeline"
             (`pipeline.py`), "written" (a file of counterfactuals that a model or a person wrote)
coordinates  the head's answer once the concept's own coordinates of h(x) are those of a training text with the wanted
             value, mean over these texts, less f(x): right for a causal proxy model (`finetune.proxy`), for models
             with a head alone
random       f(r) − f(x), r any training text: what knowing nothing of the concept is worth
Distance     l2 ‖e − t‖;  cosine 1 − e·t / (‖e‖ ‖t‖), none where one of them is zero;  norm | ‖e‖ − ‖t‖ |
Source       ICaCE and its errors: Abraham et al. 2022 (CEBaB); INLP: Ravfogel et al. 2020.
Ridge        its strength is chosen by leave-one-out error, which has a closed form: residual / (1 − leverage).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from butfor.evaluate.concept.learnt import Space, learnt
from butfor.stats.nullspace import classifiers, rowspace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MADE = ("rules", "pipeline", "written")
NAMES = ("approximate", "s_learner", "inlp", "matching", "learnt", *MADE, "coordinates", "random")
DISTANCES = ("l2", "cosine", "norm")
LEVELS = 3  # values that a concept can take
STRENGTHS = np.logspace(-3, 4, 15)  # of the ridge, relative to the mean square of the features


@dataclass(frozen=True, slots=True)
class Seen:
    """Training texts: their concepts [n, C], what the model said of each [n, K], their features [n, d]."""

    values: Ints
    outputs: Floats
    features: Floats


@dataclass(frozen=True, slots=True)
class Case:
    """One text, and the concept that is to take another value."""

    values: Ints
    concept: int
    target: int
    output: Floats
    feature: Floats
    made: Mapping[str, Floats] = field(default_factory=dict[str, "Floats"])  # what the model says of texts made of it


Explainer = Callable[[Case, np.random.Generator], "Floats"]


def fitted(seen: Seen, rounds: int, matches: int = 5) -> Mapping[str, Explainer]:
    """Every explainer but `coordinates`, fitted; `rounds` of null-space projection, `matches` in the learnt space."""
    space = learnt(seen.values, seen.features, 0)
    places = [space.place(seen.features, concept) for concept in range(seen.values.shape[1])]
    return {
        "approximate": partial(_approximate, seen),
        "s_learner": partial(_s_learner, _least_squares(seen)),
        "inlp": partial(_inlp, *_erasers(seen, rounds)),
        "matching": partial(_matching, seen),
        "learnt": partial(_learnt, seen, space, places, matches),
        **{name: partial(_made, name) for name in MADE},
        "random": partial(_random, seen),
    }


def distances(estimate: Floats, truth: Floats) -> dict[str, float]:
    """How far an estimate is from the truth, in each of the ways that has a meaning here."""
    one, other = float(np.linalg.norm(estimate)), float(np.linalg.norm(truth))
    found = {"l2": float(np.linalg.norm(estimate - truth)), "norm": abs(one - other)}
    if one > 0 and other > 0:
        found["cosine"] = 1 - float(estimate @ truth) / (one * other)
    return found


def indicators(values: Ints) -> Floats:
    """Concepts [n, C] as indicators [n, C · LEVELS]."""
    return np.eye(LEVELS)[values].reshape(len(values), -1)


def ridge(x: Floats, y: Floats) -> Floats:
    """Weights [d, K] of a ridge regression of y on x, both centred; the strength by leave-one-out error."""
    left, size, right = np.linalg.svd(x, full_matrices=False)
    best, chosen = np.inf, np.zeros((x.shape[1], y.shape[1]))
    for strength in STRENGTHS * float(np.mean(size**2)) if np.any(size > 0) else ():
        shrink = size**2 / (size**2 + strength)
        leverage = 1 / len(x) + np.sum(left**2 * shrink, axis=1)
        left_out = (y - left @ (shrink[:, None] * (left.T @ y))) / np.maximum(1 - leverage, 1e-9)[:, None]
        if (error := float(np.mean(left_out**2))) < best:
            best = error
            chosen = right.T @ ((size / (size**2 + strength))[:, None] * (left.T @ y))
    return chosen


def _approximate(seen: Seen, case: Case, rng: np.random.Generator) -> Floats:
    wanted = case.values.copy()
    wanted[case.concept] = case.target
    differ = np.sum(seen.values != wanted, axis=1) + seen.values.shape[1] * (
        seen.values[:, case.concept] != case.target
    )
    return seen.outputs[rng.choice(np.flatnonzero(differ == differ.min()))] - case.output


def _matching(seen: Seen, case: Case, rng: np.random.Generator) -> Floats:  # noqa: ARG001
    same = np.flatnonzero(seen.values[:, case.concept] == case.target)
    pool = same if len(same) else np.arange(len(seen.values))
    mean = seen.features.mean(axis=0)
    rows, own = seen.features[pool] - mean, case.feature - mean
    near = rows @ own / np.maximum(np.linalg.norm(rows, axis=1) * np.linalg.norm(own), 1e-300)
    return seen.outputs[pool[int(np.argmax(near))]] - case.output


def _learnt(
    seen: Seen,
    space: Space,
    places: list[Floats],
    matches: int,
    case: Case,
    rng: np.random.Generator,  # noqa: ARG001
) -> Floats:
    same = np.flatnonzero(seen.values[:, case.concept] == case.target)
    pool = same if len(same) else np.arange(len(seen.values))
    own = space.place(case.feature[None], case.concept)
    near = np.argsort(np.square(places[case.concept][pool] - own).sum(axis=1), kind="stable")[:matches]
    return seen.outputs[pool[near]].mean(axis=0) - case.output


def _made(name: str, case: Case, rng: np.random.Generator) -> Floats:  # noqa: ARG001
    return case.made[name] - case.output


def coordinates(
    seen: Seen,
    size: int,
    head: Callable[[Floats], Floats],
    case: Case,
    rng: np.random.Generator,  # noqa: ARG001
) -> Floats:
    """The explainer of a model with a head, whose probabilities [n, K] of features [n, d] are given."""
    same = np.flatnonzero(seen.values[:, case.concept] == case.target)
    mixed = np.repeat(case.feature[None], len(same), axis=0)
    own = slice(case.concept * size, (case.concept + 1) * size)
    mixed[:, own] = seen.features[same, own]
    return head(mixed).mean(axis=0) - case.output if len(same) else np.zeros_like(case.output)


def _random(seen: Seen, case: Case, rng: np.random.Generator) -> Floats:
    return seen.outputs[int(rng.integers(len(seen.outputs)))] - case.output


def _least_squares(seen: Seen) -> Floats:
    design = np.column_stack([np.ones(len(seen.values)), indicators(seen.values)])
    return np.asarray(np.linalg.lstsq(design, seen.outputs, rcond=None)[0][1:], dtype=np.float64)


def _s_learner(weights: Floats, case: Case, rng: np.random.Generator) -> Floats:  # noqa: ARG001
    changed = case.values.copy()
    changed[case.concept] = case.target
    return ((indicators(changed[None]) - indicators(case.values[None])) @ weights)[0]


def _erasers(seen: Seen, rounds: int) -> tuple[list[Floats], Floats, Floats]:
    """A basis of what tells each concept, the mean feature, and the model of the outputs."""
    mean = seen.features.mean(axis=0)
    x = seen.features - mean
    bases: list[Floats] = []
    for concept in range(seen.values.shape[1]):
        _, codes = np.unique(seen.values[:, concept], return_inverse=True)
        classes = int(codes.max()) + 1
        bases.append(rowspace(classifiers(x, codes, classes, rounds if classes > 1 else 0), x.shape[1]))
    return bases, mean, ridge(x, seen.outputs - seen.outputs.mean(axis=0))


def _inlp(bases: list[Floats], mean: Floats, weights: Floats, case: Case, rng: np.random.Generator) -> Floats:  # noqa: ARG001
    basis = bases[case.concept]
    return -((case.feature - mean) @ basis.T) @ basis @ weights
