"""What an answer is expected to bring, and which of two is expected to be preferred: learnt from a log of answers.

Equation  outcome      g(x, y): ridge regression of Y on the log's answers
          preference   g(x, a, b) = σ(f(x, a, b)), f(x, a, b) = −f(x, b, a), by logistic regression
                         bradley_terry  f = r(x, a) − r(x, b)
                         general        any such f, preferences that go in circles too
          Both are linear in kernels of words: k_x = 1 + cos(x, x') and k = 1 + cos(y, y') of which words stand in
          them. For outcomes k_x k; for pairs k_x [k(a,a') − k(a,b') − k(b,a') + k(b,b')], and for "general"
          also k_x [k(a,a') k(b,b') − k(a,b') k(b,a')]. LANDMARKS inputs at most, drawn at random, span them
          (Nyström). The penalty is that of generalised cross-validation.
          Cross-fitted: what is expected of the answers to a prompt is learnt from other prompts.
Limits    It sees words, not their order. It takes the log as it comes: where something unseen moved both answer and
          outcome, it is misled. Needs two prompts at least.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from butfor.core.errors import UserError
from butfor.scm.estimate.nuisance import newton

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

Family = Literal["bradley_terry", "general"]
FOLDS = 5
LANDMARKS = 256
VOCABULARY = 4096  # the most frequent words
PENALTIES = np.logspace(-4, 4, 17)
WORD = re.compile(r"\w+")


def outcomes(
    asked: Sequence[str], said: Sequence[str], came: Floats, listed: Sequence[Sequence[str]], rng: Generator
) -> list[Floats]:
    """What is expected of each listed answer to the prompt `asked[n]`; `came` is what came of the answer `said[n]`."""
    prompts, answers = Texts(asked), Texts([*said, *(text for texts in listed for text in texts)])
    inputs = np.stack([prompts.places, answers.places[: len(said)]], axis=1)  # [n, 2]
    rows = np.repeat(np.arange(len(asked)), [len(texts) for texts in listed])
    wanted = np.stack([prompts.places[rows], answers.places[len(said) :]], axis=1)

    def kernel(left: Places, right: Places) -> Floats:
        return prompts.near(left[:, 0], right[:, 0]) * answers.near(left[:, 1], right[:, 1])

    found = _crossed(kernel, inputs, np.asarray(came, float), wanted, _ridge, rng)
    return np.split(found, np.cumsum([len(texts) for texts in listed])[:-1])


def preferences(
    asked: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    first: Floats,
    listed: Sequence[Sequence[tuple[str, str]]],
    family: Family,
    rng: Generator,
) -> list[Floats]:
    """How likely the first of each listed pair is preferred, from which pairs the `first` was (1) or was not (0)."""
    flat = [*pairs, *(pair for given in listed for pair in given)]
    prompts, answers = Texts(asked), Texts([text for pair in flat for text in pair])
    both = answers.places.reshape(-1, 2)
    inputs = np.column_stack([prompts.places, both[: len(pairs)]])  # [n, 3]
    rows = np.repeat(np.arange(len(asked)), [len(given) for given in listed])
    wanted = np.column_stack([prompts.places[rows], both[len(pairs) :]])

    def kernel(left: Places, right: Places) -> Floats:
        aa, ab = answers.near(left[:, 1], right[:, 1]), answers.near(left[:, 1], right[:, 2])
        ba, bb = answers.near(left[:, 2], right[:, 1]), answers.near(left[:, 2], right[:, 2])
        rewards = aa - ab - ba + bb
        return prompts.near(left[:, 0], right[:, 0]) * (rewards + (aa * bb - ab * ba if family == "general" else 0.0))

    found = 1 / (1 + np.exp(-_crossed(kernel, inputs, np.asarray(first, float), wanted, _logistic, rng)))
    return np.split(found, np.cumsum([len(given) for given in listed])[:-1])


class Texts:
    """Texts and how near they are to each other; each is kept once."""

    def __init__(self, texts: Sequence[str]) -> None:
        numbers = {text: n for n, text in enumerate(dict.fromkeys(texts))}
        self.places: Places = np.array([numbers[text] for text in texts], dtype=np.intp)
        self.vectors = _vectors(list(numbers))  # [T, V], of length 1

    def near(self, left: Places, right: Places) -> Floats:
        """1 + the cosine of each text of one side with each of the other. [n, m] <- [n], [m]"""
        rows, one = np.unique(left, return_inverse=True)
        columns, two = np.unique(right, return_inverse=True)
        return 1.0 + (self.vectors[rows] @ self.vectors[columns].T)[one][:, two]


def _vectors(texts: Sequence[str]) -> Floats:
    """Which words stand in each text, as unit vectors."""
    words = [frozenset(WORD.findall(text.lower())) for text in texts]
    spread = Counter(word for one in words for word in sorted(one))
    known = {word: n for n, (word, _) in enumerate(spread.most_common(VOCABULARY))}
    found = np.zeros((len(texts), max(1, len(known))))
    for line, one in enumerate(words):
        found[line, [known[word] for word in one if word in known]] = 1.0
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1.0)


def _crossed(
    kernel: Callable[[Places, Places], Floats],
    inputs: Places,
    came: Floats,
    wanted: Places,
    fit: Callable[[Floats, Floats], tuple[float, Floats]],
    rng: Generator,
) -> Floats:
    """What is expected of each wanted input, by a fit to inputs of other prompts; the prompt is the first column."""
    folds = min(FOLDS, int(inputs[:, 0].max()) + 1)
    if folds < 2:
        raise UserError("all rows have the same prompt; what answers bring is learnt from other prompts: give more")
    distinct, told = np.unique(inputs, axis=0, return_inverse=True)
    wanted, again = np.unique(wanted, axis=0, return_inverse=True)
    chosen = rng.permutation(len(distinct))[:LANDMARKS]
    marks = distinct[np.sort(chosen)]
    size, turn = np.linalg.eigh(kernel(marks, marks))
    kept = size > 1e-9 * max(size[-1], 1e-12)
    turn = turn[:, kept] / np.sqrt(size[kept])
    learnt, asked = (kernel(distinct, marks) @ turn)[told], kernel(wanted, marks) @ turn
    found = np.empty(len(wanted))
    for fold in range(folds):
        base, weights = fit(learnt[(others := inputs[:, 0] % folds != fold)], came[others])
        here = wanted[:, 0] % folds == fold
        found[here] = base + asked[here] @ weights
    return found[again]


def _penalty(features: Floats, came: Floats) -> tuple[float, Floats, Floats, Floats]:
    """The penalty of generalised cross-validation, and the features' moments turned to their axes."""
    size, axes = np.linalg.eigh(features.T @ features)
    size, on = np.maximum(size, 0.0), axes.T @ (features.T @ came)
    scores: list[float] = []
    for penalty in PENALTIES:
        left = came @ came - 2 * (on**2 / (size + penalty)).sum() + (size * on**2 / (size + penalty) ** 2).sum()
        free = len(came) - 1 - (size / (size + penalty)).sum()
        scores.append(left / free**2 if free > 1 else np.inf)
    return float(PENALTIES[int(np.argmin(scores))]), size, axes, on


def _ridge(features: Floats, came: Floats) -> tuple[float, Floats]:
    middle, mean = features.mean(0), float(came.mean())
    penalty, size, axes, on = _penalty(features - middle, came - mean)
    weights = axes @ (on / (size + penalty))
    return mean - float(middle @ weights), weights


def _logistic(features: Floats, came: Floats) -> tuple[float, Floats]:
    """No intercept, as a pair turned around has the opposite features."""
    penalty = _penalty(features, came - 0.5)[0] / 4  # the curvature of a coin's loss is a quarter of a square's
    none = np.zeros(features.shape[1])
    return 0.0, newton(features, came, none + penalty, none)
