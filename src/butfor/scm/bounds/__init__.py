"""Bounds of what the data do not settle: with a graph, with an experiment, with monotone responses, or with nothing.

balke_pearl(query, graph, source)     sharp bounds of any question in a small discrete graph
manski(source, x, y)                  no graph: outcomes within limits, perhaps monotone response and selection
tian_pearl(source, x, y)              probabilities of necessity and sufficiency
"""

from butfor.scm.bounds.manski import manski
from butfor.scm.bounds.programme import balke_pearl
from butfor.scm.bounds.tian_pearl import tian_pearl
from butfor.scm.bounds.value import Bounds

__all__ = ["Bounds", "balke_pearl", "manski", "tian_pearl"]
