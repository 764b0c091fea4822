"""Refuters: try to break an effect, and say in one sentence each what came of it.

    refute(data, Adjust("X", "Y", given=("Z",)))        -> a Refutation for every refuter that these data admit
    refute(data, estimator, which=["placebo", Subset(share=0.5), NegativeControl(outcome="W")])

Where it should find nothing        Placebo, DummyOutcome, SimulatedNull (`nulls`), NegativeControl (`control`)
Where it should not move            RandomCause, Subset, Bootstrap (`stability`)
How strong must the unseen be       UnobservedCause (`hidden`), EValueBound, MarginalBounds, RosenbaumBounds (`bounds`)

What is tested is stated in each class. A p-value is of that null and no other; `ok` is p >= alpha, or, for the last
group, that a hidden variable like the strongest observed covariate would not undo the effect.
"""

from __future__ import annotations

from butfor.scm.refuters.bounds import EValueBound, MarginalBounds, RosenbaumBounds
from butfor.scm.refuters.case import Case, Estimator, Refutation
from butfor.scm.refuters.control import NegativeControl
from butfor.scm.refuters.hidden import Tipping, UnobservedCause
from butfor.scm.refuters.nulls import DummyOutcome, Placebo, SimulatedNull
from butfor.scm.refuters.run import ALL, HOW_STRONG, Refuter, refute, tipping_point
from butfor.scm.refuters.stability import Bootstrap, RandomCause, Subset

__all__ = [
    "ALL",
    "HOW_STRONG",
    "Bootstrap",
    "Case",
    "DummyOutcome",
    "EValueBound",
    "Estimator",
    "MarginalBounds",
    "NegativeControl",
    "Placebo",
    "RandomCause",
    "Refutation",
    "Refuter",
    "RosenbaumBounds",
    "SimulatedNull",
    "Subset",
    "Tipping",
    "UnobservedCause",
    "refute",
    "tipping_point",
]
