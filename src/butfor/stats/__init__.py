"""Statistics of paired experiments: effects with intervals that hold their level. Importing costs nothing.

paired, mean, overhead                                  two arms, one arm, two costs: calibrated defaults
adjust, simultaneous, max_t                             many effects at once
equivalent                                              small enough not to matter?
power_of, detectable, pairs_needed, paired_sd, ...      before the run
anytime                                                 looking while it runs
sign_flip, studentised, bca, crossed_bootstrap, wilson, clopper_pearson, tango, mcnemar      the methods by name
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from butfor.stats.bands import simultaneous as simultaneous
    from butfor.stats.bootstrap import bca as bca
    from butfor.stats.bootstrap import crossed_bootstrap as crossed_bootstrap
    from butfor.stats.bootstrap import studentised as studentised
    from butfor.stats.compare import mean as mean
    from butfor.stats.compare import overhead as overhead
    from butfor.stats.compare import paired as paired
    from butfor.stats.effect import Check as Check
    from butfor.stats.effect import Effect as Effect
    from butfor.stats.equivalence import equivalent as equivalent
    from butfor.stats.multiplicity import adjust as adjust
    from butfor.stats.permutation import max_t as max_t
    from butfor.stats.permutation import sign_flip as sign_flip
    from butfor.stats.power import detectable as detectable
    from butfor.stats.power import paired_sd as paired_sd
    from butfor.stats.power import pairs_for_equivalence as pairs_for_equivalence
    from butfor.stats.power import pairs_needed as pairs_needed
    from butfor.stats.power import power_of as power_of
    from butfor.stats.proportions import clopper_pearson as clopper_pearson
    from butfor.stats.proportions import mcnemar as mcnemar
    from butfor.stats.proportions import tango as tango
    from butfor.stats.proportions import wilson as wilson
    from butfor.stats.sequences import Sequence as Sequence
    from butfor.stats.sequences import anytime as anytime

_HOME = {
    "Check": "effect",
    "Effect": "effect",
    "Sequence": "sequences",
    "adjust": "multiplicity",
    "anytime": "sequences",
    "bca": "bootstrap",
    "clopper_pearson": "proportions",
    "crossed_bootstrap": "bootstrap",
    "detectable": "power",
    "equivalent": "equivalence",
    "max_t": "permutation",
    "mcnemar": "proportions",
    "mean": "compare",
    "overhead": "compare",
    "paired": "compare",
    "paired_sd": "power",
    "pairs_for_equivalence": "power",
    "pairs_needed": "power",
    "power_of": "power",
    "sign_flip": "permutation",
    "simultaneous": "bands",
    "studentised": "bootstrap",
    "tango": "proportions",
    "wilson": "proportions",
}

__all__ = [
    "Check",
    "Effect",
    "Sequence",
    "adjust",
    "anytime",
    "bca",
    "clopper_pearson",
    "crossed_bootstrap",
    "detectable",
    "equivalent",
    "max_t",
    "mcnemar",
    "mean",
    "overhead",
    "paired",
    "paired_sd",
    "pairs_for_equivalence",
    "pairs_needed",
    "power_of",
    "sign_flip",
    "simultaneous",
    "studentised",
    "tango",
    "wilson",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
