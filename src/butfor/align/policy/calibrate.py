"""How right the values of CPO and DRPO are where either of their two models is wrong: many logs of a known world.

Idea      Visits to the world of `data.outcomes` are logged, stars and replies alone, no text. A policy that was not
          followed is valued by `cpo.weighted` and `drpo.robust` as in training, and by what it is truly worth.
Wrong     probabilities: those of a reply as they look to who cannot see R, in place of those that the staff acted by.
          model: what the log shows of each reply, or of each pair of replies, R unseen; the right one sees R.
Blind     A model that sees no R but is right about what each reply would bring does not make up for wrong
          probabilities: where R moved reply and outcome, the weighted remainders do not cancel. In the table, "blind".
Table     of each estimate the mean error, its standard deviation, and how often a 95 % interval of the mean over visits
          holds the truth.
Run       python -m butfor.align.policy.calibrate [LOGS]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import erf, sqrt
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from butfor.align.policy.cpo import weighted
from butfor.align.policy.drpo import robust
from butfor.core.seeds import generator
from butfor.data.outcomes import CONFOUNDING, FIT, MOOD, NOISE, REGULAR, logged, staff

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

Model = Literal["right", "blind", "wrong"]
VISITS = 1000
STARS = (1, 2, 3, 4, 5)
TARGET = np.array([(0.2, 0.4, 0.2, 0.2), (0.2, 0.2, 0.2, 0.4), (0.5, 0.1, 0.2, 0.2)])  # by mood: the policy in question
NO_CLIP = 1e9
METHODS = ("CPO, weights alone", "CPO, self-normalised", "DR-CPO", "outcome alone", "DRPO")


@dataclass(frozen=True, slots=True)
class Line:
    """How an estimate did over many logs."""

    method: str
    weights: bool  # whether they were right
    model: Model
    error: float
    deviation: float
    coverage: float
    logs: int

    @property
    def biased(self) -> bool:
        """Whether the mean error is more than chance would make it."""
        return abs(self.error) > 4 * self.deviation / sqrt(self.logs)


@dataclass(frozen=True, slots=True)
class Visits:
    """A log: two visits a row."""

    stars: Places  # [n]
    reply: Places  # [n, 2]
    regular: Places  # [n, 2]
    came: Floats  # [n, 2]


@cache
def tables() -> dict[str, Floats]:
    """Probabilities and expectations by mood; "right" and "wrong" ones."""
    moods = [STARS[1], STARS[2], STARS[4]]  # any stars of each mood
    fit = np.array(FIT)
    acted = np.array([[staff(s, r, CONFOUNDING) for r in (0, 1)] for s in moods])  # [mood, R, reply]
    seen = np.array([logged(s, CONFOUNDING) for s in moods])
    regular = acted / acted.sum(1, keepdims=True)  # P(R | mood, reply)
    won = np.array([[[0.5 * (1 + erf((d + REGULAR * (a - b)) / (2 * NOISE))) for b in (0, 1)] for a in (0, 1)]
                    for d in (fit[:, :, None] - fit[:, None, :]).ravel()]).reshape(3, 4, 4, 2, 2)  # fmt: skip
    shown = np.einsum("mabrs,mra,msb->mab", won, regular, regular)
    true = np.einsum("mabrs,msb->mab", won, regular) / 2  # R of a visit is a coin's where the policy replies
    return {
        "acted": acted,
        "seen": seen,
        "fit": fit,
        "looks": fit + REGULAR * (regular[:, 1] - 0.5),
        "won": won,  # how often a is preferred to b, by R of both
        "true": true,  # where the staff gave b
        "shown": shown,  # where it gave both
        "value": np.array([(TARGET[MOOD[s]] * fit[MOOD[s]]).sum() for s in STARS]),
        "wins": np.array([TARGET[MOOD[s]] @ true[MOOD[s]] @ seen[MOOD[s]] for s in STARS]),
    }


def visits(rng: np.random.Generator, count: int = VISITS) -> Visits:
    """A log of this many rows."""
    known, stars = tables(), rng.integers(1, 6, count)
    mood, regular = np.array(MOOD)[stars], rng.integers(0, 2, (count, 2))
    chances = known["acted"][mood[:, None], regular]  # [n, 2, K]
    reply = (rng.random((count, 2, 1)) > chances.cumsum(-1)[..., :-1]).sum(-1)
    came = known["fit"][mood[:, None], reply] + REGULAR * (regular - 0.5) + NOISE * rng.standard_normal((count, 2))
    return Visits(stars, reply, regular, came)


def estimates(log: Visits, weights: bool, model: Model) -> Iterator[tuple[str, float, Floats]]:
    """Of each method its name, its value of the policy, and the parts of which that is the mean."""
    import torch

    known, mood = tables(), np.array(MOOD)[log.stars]
    both = mood[:, None], log.reply
    chances = known["acted"][mood[:, None], log.regular, log.reply] if weights else known["seen"][both]
    told = torch.from_numpy(np.log(TARGET[mood]))
    policy, log_p = np.log(TARGET[both]), np.log(chances)
    table = known["looks" if model == "wrong" else "fit"][mood][:, None].repeat(2, 1)  # [n, 2, K]
    if model == "right":
        table = table + REGULAR * (log.regular - 0.5)[..., None]
    direct = (TARGET[mood][:, None] * table).sum(2).mean(1)
    missed = log.came - np.take_along_axis(table, log.reply[..., None], 2)[..., 0]
    ratios = torch.from_numpy((policy - log_p).ravel())
    part = np.exp(policy - log_p)

    def valued(values: Floats, normalised: bool) -> float:
        return weighted(ratios, torch.from_numpy(values.ravel()), None, normalised).item()

    yield METHODS[0], valued(log.came, normalised=False), (part * log.came).mean(1)
    alone = valued(log.came, normalised=True)
    yield METHODS[1], alone, alone + (part * (log.came - alone)).mean(1)
    yield METHODS[2], direct.mean() + valued(missed, normalised=False), direct + (part * missed).mean(1)
    yield METHODS[3], direct.mean(), direct
    value, parts = 0.0, np.zeros(len(mood))
    for a, b in ((0, 1), (1, 0)):
        said = known["shown" if model == "wrong" else "true"][mood, :, log.reply[:, b]]  # [n, K]
        if model == "right":
            said = known["won"][mood, :, log.reply[:, b], log.regular[:, a], log.regular[:, b]]
        lacks = (log.came[:, a] > log.came[:, b]) - np.take_along_axis(said, log.reply[:, [a]], 1)[:, 0]
        given = torch.from_numpy(policy[:, a]), torch.from_numpy(log_p[:, a]), torch.from_numpy(lacks)
        value += robust(*given, told, torch.from_numpy(said), NO_CLIP).item() / 2
        parts += (part[:, a] * lacks + (TARGET[mood] * said).sum(1)) / 2
    yield METHODS[4], value, parts


def calibrated(logs: int, draw: Callable[[int], Visits] | None = None) -> list[Line]:
    """Every method with right and wrong models, over this many logs."""
    draw = draw or (lambda n: visits(generator(0, "policy", "calibrate", n)))
    truth = {method: float(tables()["wins" if method == METHODS[4] else "value"].mean()) for method in METHODS}
    found: dict[tuple[str, bool, Model], list[tuple[float, bool]]] = {}
    for n in range(logs):
        log = draw(n)
        for weights, model in product((True, False), get_args(Model)):
            for method, value, parts in estimates(log, weights, model):
                off, room = value - truth[method], 1.96 * parts.std(ddof=1) / sqrt(len(parts))
                found.setdefault((method, weights, model), []).append((off, bool(abs(off) <= room)))
    lines: list[Line] = []
    for (method, weights, model), each in found.items():
        off = np.array([one for one, _ in each])
        held = float(np.mean([inside for _, inside in each]))
        lines.append(Line(method, weights, model, float(off.mean()), float(off.std(ddof=1)), held, logs))
    return sorted(lines, key=lambda line: METHODS.index(line.method))


def main(logs: int) -> None:
    """Print the table; what a method does not use is left out."""
    print(f"| method | probabilities | model | mean error | deviation | 95 % interval holds ({logs} logs) |")
    print("|---|---|---|---|---|---|")
    for line in calibrated(logs):
        unused = line.model != "right" if line.method in METHODS[:2] else line.method == METHODS[3] and not line.weights
        if not unused:
            weights = "–" if line.method == METHODS[3] else "right" if line.weights else "wrong"
            model = "–" if line.method in METHODS[:2] else line.model
            numbers = f"{line.error:+.4f} | {line.deviation:.4f} | {line.coverage:.1%}"
            print(f"| {line.method} | {weights} | {model} | {numbers} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
