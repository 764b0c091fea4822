"""What is looked at once a model is fitted: thin tables, noise that is not just added, a graph that data contradict.

The graph says that a variable V, given its causes, has nothing to do with what it does not cause. So for each such W

    z = Σ e w / √(Σ e² w²),   e = V - E[V | causes],   w = W less what V's causes explain of it

is about standard normal (labels count as 0, 1, 2, …). The largest |z| over all pairs is judged, corrected for how many.

Limits    Straight dependence alone is seen here; `residual.independence` sees the causes' own bent one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from butfor.scm.columns import Columns
from butfor.scm.graph import Graph, bits
from butfor.scm.models.learn import Learner, Regression, TableLearner
from butfor.scm.models.residual import independence, lopsided
from butfor.stats.effect import Check
from butfor.stats.quantiles import z_below

Floats = NDArray[np.float64]

THIN = 5  # rows that a row of a table should rest on
ALPHA = 0.01  # of each kind of check together


def table_checks(learners: Mapping[str, Learner], n: int) -> list[Check]:
    """Rows of tables that rest on few cases."""
    found: list[Check] = []
    for name, learner in learners.items():
        if isinstance(learner, TableLearner):
            rows = learner.counts(np.ones(n)).sum(1)
            thin = int(np.sum(rows < THIN))
            told = f"{thin} of {len(rows)} rows of the table of {name} rest on fewer than {THIN} cases"
            found.append(Check("thin-table", thin == 0, told))
    return found


def noise_checks(learners: Mapping[str, Learner], n: int, seed: int) -> list[Check]:
    """Residuals that depend on causes."""
    found: list[Check] = []
    for name, learner in learners.items():
        if isinstance(learner, Regression) and learner.parents:
            p = independence(learner.residuals(np.ones(n)), learner.x[:, 1 : learner.design.straight], seed)
            ok = p > ALPHA / len(learners)
            told = (
                f"the residuals of {name} {'show no dependence' if ok else 'depend'} on its causes (HSIC, p = {p:.2g})"
            )
            told += "" if ok else ": noise is not just added, so counterfactuals and probabilities are off"
            found.append(Check("residual-dependence", ok, told))
    return found


def all_normal(learners: Mapping[str, Learner], n: int) -> bool:
    """Are all variables numbers whose residuals look normal?"""
    return all(
        isinstance(learner, Regression) and lopsided(learner.residuals(np.ones(n))) > ALPHA / len(learners)
        for learner in learners.values()
    )


def graph_check(graph: Graph, learners: Mapping[str, Learner], data: Columns) -> Check:
    """The independences that the graph promises, against the data."""
    columns = np.stack([data[v] if data.is_number(v) else data.codes(v)[0].astype(np.float64) for v in graph.names])
    columns = (columns - columns.mean(1)[:, None]) / columns.std(1)[:, None]
    worst, pair, count = 0.0, ("", ""), 0
    for i, name in enumerate(graph.names):
        others = list(bits(graph.all & ~graph.descendants_of(1 << i) & ~graph.pa[i]))
        if not graph.pa[i]:
            others = [j for j in others if graph.pa[j] or j > i]  # two roots make one pair
        if not others:
            continue
        e = learners[name].residuals(np.ones(data.n))
        w = learners[name].without(columns[others].T)
        size = np.sqrt((e**2) @ w**2)
        z = np.abs(e @ w) / np.maximum(size, 1e-9 * float(np.sqrt(e @ e)) + 1e-300)
        z[w.std(0) < 1e-6] = 0.0  # the causes explain all of it
        count += len(others)
        if z.max() > worst:
            worst, pair = float(z.max()), (name, graph.names[others[int(np.argmax(z))]])
    if not count:
        return Check("graph", True, "the graph promises no independence that the data could contradict")
    p = min(count * 2 * float(z_below(-worst)), 1.0)
    if p > ALPHA:
        return Check("graph", True, f"none of {count} independences that the graph promises fails (least p = {p:.2g})")
    behind = f" given {', '.join(parents)}" if (parents := graph.named(graph.pa[graph.at(pair[0])])) else ""
    told = f"the data contradict the graph: {pair[0]} and {pair[1]} go together{behind} (p = {p:.2g} of {count} pairs)"
    return Check("graph", False, f"{told}; draw an edge, or a common cause")
