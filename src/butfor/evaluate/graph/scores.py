"""How far are probabilities of edges from a graph?

AUROC, AUPRC   of all ordered pairs, ties counted half; AUPRC is the mean precision at the true edges.
Decided graph  a pair is joined where p_ij + p_ji ≥ ½ and points where the larger lies; equal: without a direction.
SHD            pairs decided wrongly: joined in one graph alone, or the wrong way round 1, without a direction ½; over
               the number of pairs.
F1             of directed edges; an edge without a direction is half an edge each way.
Orientation    over true edges: 1 where p_ij > p_ji, ½ where they are equal. The skeleton is given, so a missed edge
               says ½.
Brier          mean square of p − truth over ordered pairs.
Limits         With no edge, or every one, there is no AUROC; with no edge no AUPRC, F1 or orientation: such keys are
               absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from butfor.evaluate.suite import Metric

if TYPE_CHECKING:
    from butfor.scm.columns import Floats

METRICS = (
    Metric("auroc", "higher", "share", "how often a true edge is likelier than a pair that is none", null=0.5),
    Metric("auprc", "higher", "share", "mean precision at the true edges", null="density"),
    Metric("shd", "lower", "share", "pairs of variables decided wrongly, of all pairs", null="shd_empty"),
    Metric("f1", "higher", "share", "F1 of directed edges"),
    Metric("orientation", "higher", "share", "true edges whose direction is right, the skeleton given", null=0.5),
    Metric("brier", "lower", "", "square distance of the probabilities from the truth", null="density"),
    Metric("calibration", "zero", "share", "mean probability of an edge minus the share of edges", null=0.0),
    Metric("cyclic", "lower", "share", "whether the decided graph has a directed cycle", "binary"),
    Metric("answered", "higher", "share", "whether there was an answer", "binary"),
    Metric("density", "lower", "share", "edges, of all ordered pairs"),
    Metric("shd_empty", "lower", "share", "SHD of the empty graph"),
)
BINS = 10


def scored(p: Floats, truth: Floats) -> dict[str, float]:
    """The metrics of probabilities [d, d] against a graph [d, d] of 0 and 1."""
    d = len(truth)
    off = ~np.eye(d, dtype=bool)
    q, t = p[off], truth[off]
    found = {
        "shd": shd(p, truth),
        "shd_empty": float(truth.sum()) / (d * (d - 1) / 2),
        "brier": float(np.mean((q - t) ** 2)),
        "calibration": float(q.mean() - t.mean()),
        "cyclic": float(cyclic(decided(p))),
        "density": float(t.mean()),
    }
    if 0 < t.sum() < len(t):
        found["auroc"] = auroc(q, t)
    if t.sum():
        graph = decided(p)
        both = float(np.minimum(graph, truth).sum())
        found["auprc"] = auprc(q, t)
        found["f1"] = 2 * both / float(graph.sum() + truth.sum())
        right = np.where(p > p.T, 1.0, np.where(p == p.T, 0.5, 0.0))
        found["orientation"] = float(right[truth > 0].mean())
    return found


def decided(p: Floats) -> Floats:
    """The graph that probabilities decide for: 1 for an edge, ½ both ways for one without a direction."""
    joined = (p + p.T >= 0.5) & ~np.eye(len(p), dtype=bool)
    return np.where(joined, np.where(p > p.T, 1.0, np.where(p == p.T, 0.5, 0.0)), 0.0)


def shd(p: Floats, truth: Floats) -> float:
    """Pairs decided wrongly, of all pairs."""
    graph, d = decided(p), len(truth)
    joined, true = graph + graph.T > 0, truth + truth.T > 0
    cost = np.where(joined != true, 1.0, np.where(true, np.abs(graph - truth), 0.0))
    return float(np.triu(cost, 1).sum()) / (d * (d - 1) / 2)


def cyclic(graph: Floats) -> bool:
    """Whether the directed edges close a cycle."""
    left = graph == 1
    while len(left):
        roots = ~left.any(axis=0)
        if not roots.any():
            return True
        left = left[np.ix_(~roots, ~roots)]
    return False


def auroc(p: Floats, truth: Floats) -> float:
    """The probability that a true one stands above a false one, ties half."""
    ones = float(truth.sum())
    _, place, count = np.unique(p, return_inverse=True, return_counts=True)
    below = np.cumsum(count) - count  # of each value
    rank = below[place] + (count[place] + 1) / 2
    return (float(rank[truth > 0].sum()) - ones * (ones + 1) / 2) / (ones * (len(truth) - ones))


def auprc(p: Floats, truth: Floats) -> float:
    """Mean over the true ones of the precision among all that are at least as likely."""
    levels, place = np.unique(-p, return_inverse=True)
    true = np.bincount(place, weights=truth, minlength=len(levels))
    precision = np.cumsum(true) / np.cumsum(np.bincount(place, minlength=len(levels)))
    return float((true * precision).sum() / truth.sum())


def reliability(p: Floats, truth: Floats, bins: int = BINS) -> list[tuple[float, float, int]]:
    """Of each bin of equal width that holds any: mean probability, share of edges, number of ordered pairs."""
    place = np.minimum((p * bins).astype(int), bins - 1)
    held = [place == number for number in range(bins)]
    return [(float(p[mine].mean()), float(truth[mine].mean()), int(mine.sum())) for mine in held if mine.any()]
