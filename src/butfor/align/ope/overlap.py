"""Overlap: does the log hold enough of what the target policy would do? Judged by more than effective sample size.

Equation  w = π / μ of what was done; for each context, all K probabilities under both policies are known, so
          expected     n (1 - missing)² / mean over contexts of Σ_a π² / μ: the effective rows that such a log has on
                       average, weights that happened not to be seen among them
          missing      mean over contexts of Σ_a π [μ = 0]    what the target does and the log cannot show
          effective    (Σ w)² / Σ w²                          of the weights that were seen
          largest      max w / Σ w                            the share of one row in the estimate
          tail         index ξ of a generalised Pareto distribution fitted to the largest weights; 1/2: no variance
          mean         mean of w, which is 1 - missing where the logged probabilities are right
Verdict   "abstain" where `missing` is over 1 % or fewer than 30 rows are expected to be effective. What was seen does
          not decide: a log that holds a huge weight has a wide interval, and one that missed it looks healthy. In our
          worlds (`python -m butfor.align.ope.calibrate --far`, docs/ope.md) coverage falls as `expected` does, and
          hardly moves with `effective`. What was seen makes checks: not ok, they say that a few rows decide, or that an
          action never came that the logged probabilities promise.
          Where no more is known than the weights (`of_weights`, whole texts), what was seen has to decide: "abstain"
          under 30 effective rows, at a row over a tenth of the estimate, or at ξ > 0.7.
Source    Kish 1965 (effective sample size; `expected` is its limit); Zhang & Stephens 2009 and Vehtari et al. 2024 (the
          tail, 0.7); Owen 2013, ch. 9.
Limits    Weights are judged, not outcomes: where outcomes hardly vary, an estimate survives worse weights than these.
          Rows are counted, not clusters: where whole clusters were chosen for at once, there are fewer choices. The
          standard error of the mean weight knows of clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from butfor.align.ope.short import clusters
from butfor.core.errors import Abstained
from butfor.scm.columns import Codes, Floats
from butfor.scm.policies import Log
from butfor.stats.effect import Check

ANYWAY = "; abstain = false answers anyway"  # in Python and in experiments
MISSING = 0.01  # share of the target's choices that the logging policy never makes
FEWEST, FEW = 30.0, 50.0  # effective rows
LARGEST = 0.1  # share of one row
HEAVIEST = 0.7  # tail index
FLATTERED = 2.0  # by what factor seen rows may look better than expected
TAIL_FROM = 25  # rows with weight from which a tail can be fitted
UNSEEN = 5.0  # times that an action was to be expected and never came
WRONG = 3.5  # standard errors by which the mean weight may be off


@dataclass(frozen=True, slots=True)
class Overlap:
    """What was found of the weights, and what follows."""

    rows: int
    effective: float
    expected: float
    largest: float
    tail: float
    missing: float
    mean: float  # of the weights
    error: float  # standard error of that
    verdict: Literal["trust", "doubt", "abstain"]
    checks: tuple[Check, ...]

    @property
    def why(self) -> str:
        """What is wrong, in one line."""
        return "; ".join(check.message for check in self.checks if not check.ok)


def overlap(log: Log) -> Overlap:
    """Judge a log of short actions."""
    used = log.logging > 0
    missing = float(np.where(used, 0.0, log.target).sum(1).mean())
    square = np.divide(log.target**2, log.logging, out=np.zeros_like(log.target), where=used).sum(1)
    expected = len(square) * (1 - missing) ** 2 / float(square.mean()) if square.any() else 0.0
    found = of_weights(log.weights, expected=expected, missing=missing, cluster=clusters(log))
    if not (wrong := unseen(log)):
        return found
    verdict = "abstain" if found.verdict == "abstain" else "doubt"
    return replace(found, checks=(*found.checks, *wrong), verdict=verdict)


def unseen(log: Log) -> tuple[Check, ...]:
    """A check that is not ok where an action of the target never came, though the log's probabilities promise it."""
    code = clusters(log)
    sizes = np.bincount(code)
    k = log.logging.shape[1]
    due = (log.logging / sizes[code][:, None]).sum(0)  # expected choices, those of one cluster as one
    never = (np.bincount(log.action, minlength=k) == 0) & (due > UNSEEN + math.log(k))
    share = float(log.target[:, never].sum(1).mean())
    if share <= MISSING:
        return ()
    told = (
        f"{share:.1%} of the target's choices never came in {len(code)} rows, though the logged probabilities promise "
        f"{log.logging[:, never].sum():.0f} of them: these are not what the choices were made by"
    )
    return (Check("unseen-actions", False, told),)


def of_weights(
    weights: Floats, *, expected: float | None = None, missing: float = 0.0, cluster: Codes | None = None
) -> Overlap:
    """Judge weights; without `expected`, of weights of which no more is known than themselves."""
    n, total = len(weights), float(weights.sum())
    share = weights / total if total else weights  # squares of weights themselves may be no numbers
    effective = 1 / float(share @ share) if total else 0.0
    largest = float(share.max()) if total else 1.0
    tail = tail_index(weights)
    sums = np.bincount(np.arange(n) if cluster is None else cluster, share - (total > 0) / n)
    apart = float(np.linalg.norm(sums)) * total
    error = apart * math.sqrt(len(sums) / (len(sums) - 1)) / n if len(sums) > 1 else math.inf
    known = effective if expected is None else expected
    fatal = missing > MISSING or known < min(FEWEST, n / 2)
    if expected is None:
        fatal = fatal or largest > max(LARGEST, 2 / n) or tail > HEAVIEST
    checks = [
        Check("support", missing <= MISSING, f"{missing:.1%} of the target's choices are never made by the logged one"),
        Check(
            "effective-rows", known >= min(FEW, n / 2) and effective <= FLATTERED * known,
            f"{n} rows count as {effective:.0f}" + (f", and on average as {known:.0f}" if expected is not None else ""),
        ),
        Check("largest-weight", largest <= max(LARGEST, 2 / n), f"one row is {largest:.1%} of the estimate"),
        Check("tail", tail <= HEAVIEST, _of_tail(tail)),
    ]  # fmt: skip
    if abs(total / n - (1 - missing)) > WRONG * error + 1e-9 and not fatal:
        told = (
            f"the mean weight is {total / n:.3f} ± {error:.3f} and should be {1 - missing:.3f}: "
            "the logged probabilities are not those that the choices were made by"
        )
        checks.append(Check("probabilities", False, told))
    verdict = "abstain" if fatal else "trust" if all(check.ok for check in checks) else "doubt"
    return Overlap(n, effective, known, largest, tail, missing, total / n, error, verdict, tuple(checks))


def _of_tail(tail: float) -> str:
    if math.isfinite(tail):
        return f"the weights have the tail index {tail:.2f}, and no variance from 0.5 on"
    return "the largest weights are too few or too alike to show a tail"


def trusted(log: Log, abstain: bool) -> tuple[Check, ...]:
    """The checks of a log's overlap; where it is too poor and `abstain` is on, a refusal."""
    found = overlap(log)
    if abstain and found.verdict == "abstain":
        raise Abstained(
            f"no answer: {found.why}\n"
            f"log more choices like the target's, or ask for a policy nearer to the logged one{ANYWAY}"
        )
    return found.checks


def tail_index(weights: Floats) -> float:
    """The shape ξ of a generalised Pareto distribution of the largest weights; -inf where few values come back."""
    weights = weights[weights > 0]
    n = len(weights)
    if n < TAIL_FROM:
        return -math.inf
    m = int(min(n / 5, 3 * math.sqrt(n)))
    ordered = np.sort(weights)
    above = ordered[-m:] - ordered[-m - 1]
    if len(np.unique(above)) < m / 2 or above[m // 4] <= 0:
        return -math.inf
    return pareto_shape(above)


def pareto_shape(x: Floats) -> float:
    """ξ of positive values in rising order: the posterior mean of Zhang & Stephens, with a weak pull towards 1/2."""
    n = len(x)
    count = 30 + int(math.sqrt(n))
    quartile = x[max(int(n / 4 + 0.5) - 1, 0)]
    grid = 1 / x[-1] + (1 - np.sqrt(count / (np.arange(1, count + 1) - 0.5))) / (3 * quartile)
    shape = np.log1p(-grid[:, None] * x).mean(axis=1)
    fit = n * (np.log(-grid / shape) - shape - 1)
    share = np.exp(fit - fit.max())
    best = float(grid @ share / share.sum())
    found = float(np.log1p(-best * x).mean())
    return (n * found + 5) / (n + 10)
