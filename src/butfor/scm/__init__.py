"""The causal engine: graphs, identification, models, the three rungs, estimates, bounds, discovery. No torch.

```python
from butfor.scm import Graph, SCM, identify

g = Graph.parse("X -> M -> Y; X <-> Y")     # `<->`: a latent common cause
e = identify("P(Y | do(X))", g)
print(e, *e.steps, sep="\n")
```

Graph, Pattern                                          causal graphs; graphs with open ends (CPDAG, PAG)
adjustment_sets, front_door_sets, instruments           which variables to adjust for, go through, or lean on
identify, Estimand, Query                               from a question to what has to be computed
SCM                                                     models: discrete, linear, functional, random, fitted, from BIF
balke_pearl, manski, tian_pearl                         bounds where the graph does not settle the question
refute                                                  what would have to be true for an effect to be wrong
discover                                                graphs from data
butfor.scm.estimate, .actual, .worlds                   estimators; actual causes; random graphs
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from butfor.scm.bounds import balke_pearl as balke_pearl
    from butfor.scm.bounds import manski as manski
    from butfor.scm.bounds import tian_pearl as tian_pearl
    from butfor.scm.discovery.run import discover as discover
    from butfor.scm.graph import Graph as Graph
    from butfor.scm.graphs.adjust import adjustment_sets as adjustment_sets
    from butfor.scm.graphs.equivalence import Pattern as Pattern
    from butfor.scm.graphs.frontdoor import front_door_sets as front_door_sets
    from butfor.scm.graphs.instruments import instruments as instruments
    from butfor.scm.models.model import SCM as SCM
    from butfor.scm.questions.estimand import Estimand as Estimand
    from butfor.scm.questions.estimand import identify as identify
    from butfor.scm.questions.query import Query as Query
    from butfor.scm.refuters import refute as refute

_HOME = {
    "Estimand": "questions.estimand",
    "Graph": "graph",
    "Pattern": "graphs.equivalence",
    "Query": "questions.query",
    "SCM": "models.model",
    "adjustment_sets": "graphs.adjust",
    "balke_pearl": "bounds",
    "discover": "discovery.run",
    "front_door_sets": "graphs.frontdoor",
    "identify": "questions.estimand",
    "instruments": "graphs.instruments",
    "manski": "bounds",
    "refute": "refuters",
    "tian_pearl": "bounds",
}

__all__ = [
    "SCM",
    "Estimand",
    "Graph",
    "Pattern",
    "Query",
    "adjustment_sets",
    "balke_pearl",
    "discover",
    "front_door_sets",
    "identify",
    "instruments",
    "manski",
    "refute",
    "tian_pearl",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
