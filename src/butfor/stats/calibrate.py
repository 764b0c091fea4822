"""Does every promise hold? Simulations behind the defaults of `butfor.stats`, as one command:

    python -m butfor.stats.calibrate [--quick] [--jobs N] [--out FILE]

Each study draws data whose truth is known, calls the package's own functions, and counts. A `Cell` is one count: the
share of repetitions in which an interval held the truth (promised 95 %), or in which a true null was rejected
(promised 5 %, or the level that the row names). The same seed gives the same table, whatever the number of jobs; each
study at each size has a stream of its own. Full: about eight minutes of one core; `--quick`: one minute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from zlib import crc32

import numpy as np
from numpy.random import Generator

from butfor.stats import bootstrap, permutation
from butfor.stats.bands import simultaneous
from butfor.stats.calibrate_designs import clustered, seeds, tails
from butfor.stats.cells import DATA, LEVEL, SIZES, Cell, holds, markdown, share_of, three
from butfor.stats.checks import shape_checks
from butfor.stats.compare import mean_reach, paired_sample
from butfor.stats.equivalence import equivalent
from butfor.stats.multiplicity import adjust
from butfor.stats.proportions import TangoReach, clopper_pearson, mcnemar, score_p, wilson
from butfor.stats.quantiles import Floats
from butfor.stats.reach import StudentReach, p_values
from butfor.stats.sequences import anytime
from butfor.stats.study import command

SEED = 20261121


def means(rng: Generator, reps: int, sizes: Iterable[int] = SIZES) -> list[Cell]:
    """Coverage of a mean difference; the bootstraps run on the first hundredth of the repetitions."""
    study, cells = "Mean of paired differences: coverage of 95 % intervals", list[Cell]()
    slow = reps // 100
    for name, draw in DATA.items():
        for n in sizes:
            x = draw(rng, (reps, n))
            m, z = x.mean(1), x - x.mean(1, keepdims=True)
            reach = mean_reach(z)
            hold = holds(m, *reach(LEVEL))
            flagged = np.array([bool(shape_checks(row)) for row in z[:2000]])
            t = holds(m, *StudentReach(reach.se, n - 1)(LEVEL))
            cells += [
                Cell(study, name, "default", str(n), float(hold.mean()), reps, 0.95),
                Cell(study, name, "share with a warning", str(n), float(flagged.mean()), len(flagged), None),
                Cell(study, name, "Student's t", str(n), float(t.mean()), reps, None),
            ]
            for label, method in (("studentised bootstrap", bootstrap.studentised), ("BCa bootstrap", bootstrap.bca)):
                ends = [method(row, level=LEVEL, rng=rng, draws=999) for row in x[:slow]]
                if ends:
                    rate = float(np.mean([low <= 0 <= high for low, high in ends]))
                    cells.append(Cell(study, name, label, str(n), rate, slow, None))
    return cells


def tests(rng: Generator, reps: int, sizes: Iterable[int] = SIZES) -> list[Cell]:
    """How often p falls below a level where the mean difference is 0, and how often without a warning."""
    study, cells = "Mean of paired differences: how often a true null is rejected", list[Cell]()
    for name in ("normal", "t3", "exponential", "lognormal", "lognormal, σ = 1.5", "lognormal, σ = 2"):
        for n in sizes:
            x = DATA[name](rng, (reps, n))
            m = x.mean(1)
            z = x - m[:, None]
            p = p_values(mean_reach(z), m)
            quiet = np.array([bool(a < 0.05) and not shape_checks(row, d) for a, row, d in zip(p, z, m, strict=True)])
            flips = [permutation.sign_flip(row, rng=rng, draws=999) < 0.05 for row in x[: reps // 8]]
            promise = 0.05 if name in ("normal", "t3") else None
            for alpha in (0.05, 0.0025):
                at, claims = f"p < {100 * alpha:g} %", p < alpha
                cells += [
                    Cell(study, name, f"default, {at}", str(n), float(claims.mean()), reps, alpha),
                    Cell(study, name, f"{at} without a warning", str(n), float((claims & quiet).mean()), reps, alpha),
                ]
            cells.append(Cell(study, name, "sign flips, p < 5 %", str(n), float(np.mean(flips)), len(flips), promise))
    return cells


def binary(rng: Generator, reps: int, sizes: Iterable[int] = SIZES) -> list[Cell]:
    """Right or wrong: paired differences of accuracy, their tests, and one accuracy."""
    study, cells = "Right or wrong", list[Cell]()
    for won, lost in ((0.25, 0.10), (0.08, 0.02), (0.15, 0.15), (0.03, 0.03)):
        for n in sizes:
            b, c = np.split(rng.multinomial(n, [won, lost, 1 - won - lost], size=reps)[:, :2].astype(float), 2, axis=1)
            b, c = b[:, 0], c[:, 0]
            hold = holds((b - c) / n - (won - lost), *TangoReach(b, c, n)(LEVEL))
            name = f"alone right: {won:.2f} treatment, {lost:.2f} control"
            cells.append(Cell(study, name, "Tango (default): coverage", str(n), float(hold.mean()), reps, 0.95))
            if won == lost:
                score = float(np.mean(score_p(b, c) < 0.05))
                cells.append(Cell(study, name, "score p (default): rejects", str(n), score, reps, 0.05))
                for how in ("mid-p", "exact"):
                    table = {(i, j): mcnemar(int(i), int(j), how) for i, j in set(zip(b, c, strict=True))}
                    rate = float(np.mean([table[pair] < 0.05 for pair in zip(b, c, strict=True)]))
                    cells.append(Cell(study, name, f"McNemar {how}: rejects", str(n), rate, reps, 0.05))
    for share in (0.5, 0.9):
        for n in sizes:
            k = rng.binomial(n, share, size=reps)
            for label, method in (
                ("Wilson (default): coverage", wilson),
                ("Clopper–Pearson: coverage", clopper_pearson),
            ):
                low, high = method(k, n, LEVEL)
                rate = float(np.mean((low <= share) & (share <= high)))
                cells.append(Cell(study, f"accuracy {share}", label, str(n), rate, reps, 0.95))
    return cells


def ratios(rng: Generator, reps: int, sizes: Iterable[int] = (2, 3, 5, *SIZES)) -> list[Cell]:
    """Ratios of lognormal costs that share half of their variance."""
    study, cells = "Ratio of costs (`overhead`): coverage of 95 % intervals", list[Cell]()
    for spread in (0.1, 0.5, 1.0):
        for n in sizes:
            hold = 0
            for _ in range(reps):
                shared = rng.normal(size=n)
                t, c = (np.exp(spread * (shared + rng.normal(size=n)) / math.sqrt(2)) for _ in range(2))
                sample = paired_sample(t, c, clusters=None, weights=None, kind="ratio")
                low, high = sample.ends(sample.reach()[0], LEVEL)
                hold += low <= 1 <= high
            cells.append(Cell(study, f"log sd {spread}", "default", str(n), hold / reps, reps, 0.95))
    return cells


def many(rng: Generator, reps: int, sizes: Iterable[int] = SIZES, effects: int = 144) -> list[Cell]:
    """Simultaneous bands over many independent effects, none of them real."""
    study, cells = f"{effects} effects at once: how often one or more is rejected at 5 %", list[Cell]()
    for name in ("normal", "t3", "exponential", "lognormal", "-1/0/1 (.10, .10)"):
        draw = DATA.get(name, three(0.10, 0.10))
        for n in sizes:
            hits = np.zeros(3)
            for _ in range(reps):
                d = draw(rng, (n, effects))
                m = d.mean(0)
                hits += (
                    min(effect.p or 0.0 for effect in simultaneous(d, rng=rng, draws=499)) <= 0.05,
                    permutation.max_t(d, rng=rng, draws=499).min() <= 0.05,
                    effects * p_values(mean_reach((d - m).T), m).min() <= 0.05,
                )
            labels = ("bands (default)", "sign-flip max-t", "Bonferroni of the default p")
            for label, count, promise in zip(labels, hits, (0.05, None, None), strict=True):
                cells.append(Cell(study, name, label, str(n), float(count) / reps, reps, promise))
    return cells


def families(rng: Generator, reps: int, sizes: Iterable[int] = SIZES) -> list[Cell]:
    """Twenty metrics, fifteen of them unchanged and five changed by 0.8 sd: Holm's and BH's promises."""
    study, cells = "20 metrics, 15 unchanged: Holm's family-wise error and BH's false-discovery rate", list[Cell]()
    for name in ("normal", "t3", "exponential", "lognormal", "tied (half zeros)"):
        for n in sizes:
            x = DATA[name](rng, (reps, 20, n))
            x[:, 15:] += 0.8 * float(DATA[name](np.random.default_rng(0), (20_000,)).std())
            m = x.mean(-1)
            alike = np.ptp(x, axis=-1) == 0
            p = np.where(alike, 2.0 ** (1 - n), p_values(mean_reach(x - m[..., None]), m))  # as `paired` does
            false_holm = [np.flatnonzero(adjust(row, "holm")[:15] <= 0.05) for row in p]
            wrong = [len(found) > 0 for found in false_holm]
            quiet = [any(not shape_checks(x[i, j] - m[i, j], m[i, j]) for j in js) for i, js in enumerate(false_holm)]
            claims = [adjust(row, "bh") <= 0.05 for row in p]
            false = [claim[:15].sum() / max(1, claim.sum()) for claim in claims]
            cells.append(Cell(study, name, "Holm", str(n), float(np.mean(wrong)), reps, 0.05))
            cells.append(Cell(study, name, "Holm, false without a warning", str(n), float(np.mean(quiet)), reps, 0.05))
            cells.append(Cell(study, name, "Benjamini–Hochberg", str(n), float(np.mean(false)), reps, 0.05))
    return cells


def looks(rng: Generator, reps: int, sizes: Iterable[int] = (32, 64, 200)) -> list[Cell]:
    """Looking after every pair, and equivalence claimed where the truth sits on the margin."""
    study, cells = "Looking after every pair, and claims of equivalence at the margin", list[Cell]()
    for won, lost in ((0.25, 0.10), (0.03, 0.03)):
        for n in sizes:
            x = three(won, lost)(rng, (reps, n))
            ever = [anytime(row, bounds=(-1, 1)).excludes(won - lost) is not None for row in x]
            name = f"-1/0/1 ({won:.2f}, {lost:.2f})"
            cells.append(Cell(study, name, "anytime: ever leaves the truth out", str(n), share_of(ever), reps, 0.05))
            t = [_ever_outside(row, won - lost) for row in x]
            cells.append(
                Cell(study, name, "95 % t interval, looked at from the 8th pair on", str(n), share_of(t), reps, None)
            )
    for name in ("normal", "exponential"):
        for n in sizes:
            x = DATA[name](rng, (reps, n)) + 0.5
            claims = [(equivalent(row, row * 0, margin=0.5).p or 0.0) < 0.05 for row in x]
            cells.append(Cell(study, name, "TOST: claims equivalence", str(n), share_of(claims), reps, 0.05))
    return cells


def _ever_outside(x: Floats, truth: float) -> bool:
    n = np.arange(1.0, len(x) + 1)
    m = np.cumsum(x) / n
    se = np.sqrt(np.maximum(np.cumsum(x**2) / n - m**2, 0) / np.maximum(n - 1, 1))[7:]
    half = StudentReach(se, n[7:] - 1)(LEVEL)[0]
    return bool((np.abs(m[7:] - truth) > half).any())


STUDIES: dict[str, tuple[Callable[[Generator, int, Iterable[int]], list[Cell]], int, tuple[int, ...]]] = {
    "means": (means, 20_000, SIZES),
    "tests": (tests, 10_000, SIZES),
    "binary": (binary, 20_000, SIZES),
    "clustered": (clustered, 1_000, SIZES),
    "ratios": (ratios, 2_000, (2, 3, 5, *SIZES)),
    "seeds": (seeds, 2_000, (16, 64, 200)),
    "tails": (tails, 20_000, (16, 64, 200)),
    "many": (many, 400, SIZES),
    "families": (families, 1_000, SIZES),
    "looks": (looks, 500, (32, 64, 200)),
}


def part(task: tuple[str, int, bool]) -> list[Cell]:
    """One study at one size, on a stream of its own."""
    name, size, quick = task
    study, reps, _ = STUDIES[name]
    return study(np.random.default_rng([SEED, crc32(name.encode()), size]), reps // 10 if quick else reps, (size,))


def run(quick: bool = False, jobs: int = 1) -> list[Cell]:
    """All studies at all sizes; the figures do not depend on `jobs`."""
    tasks = [(name, size, quick) for name, (_, _, sizes) in STUDIES.items() for size in sizes]
    if jobs == 1:
        return [cell for task in tasks for cell in part(task)]
    with ProcessPoolExecutor(jobs) as pool:
        return [cell for cells in pool.map(part, tasks) for cell in cells]


def main() -> None:
    """The command."""
    command(
        "butfor.stats.calibrate",
        "Simulate every promise.",
        "a tenth of the repetitions",
        lambda quick, jobs: markdown(run(quick, jobs)),
    )


if __name__ == "__main__":
    main()
