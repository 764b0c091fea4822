"""butfor: what would your language model have said, but for X? Measure it, change it, prove it.

```python
import butfor as bf

result = bf.run("quickstart")   # a controlled experiment: the same model with and without one causal change
print(bf.load("smollm2-135m").model.config.model_type)
```

Importing costs nothing: every name below is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from butfor._version import __version__ as __version__

if TYPE_CHECKING:
    from butfor.core.errors import ButforError as ButforError
    from butfor.core.spec import Arm as Arm
    from butfor.core.spec import Budget as Budget
    from butfor.core.spec import Experiment as Experiment
    from butfor.core.spec import Measure as Measure
    from butfor.core.spec import Train as Train
    from butfor.data.pairs import Pair as Pair
    from butfor.experiment import compare as compare
    from butfor.experiment import open_run as open_run
    from butfor.experiment import plan as plan
    from butfor.experiment import run as run
    from butfor.lm import LM as LM
    from butfor.lm import Site as Site
    from butfor.lm import Vectors as Vectors
    from butfor.lm import do as do
    from butfor.lm import generate as generate
    from butfor.lm import score as score
    from butfor.lm.load import load as load
    from butfor.stats import Check as Check
    from butfor.stats import Effect as Effect

_HOME = {
    "Arm": "core.spec",
    "Budget": "core.spec",
    "ButforError": "core.errors",
    "Check": "stats",
    "Effect": "stats",
    "Experiment": "core.spec",
    "LM": "lm",
    "Measure": "core.spec",
    "Pair": "data.pairs",
    "Site": "lm",
    "Train": "core.spec",
    "Vectors": "lm",
    "compare": "experiment",
    "do": "lm",
    "generate": "lm",
    "load": "lm.load",
    "open_run": "experiment",
    "plan": "experiment",
    "run": "experiment",
    "score": "lm",
}

__all__ = [
    "LM",
    "Arm",
    "Budget",
    "ButforError",
    "Check",
    "Effect",
    "Experiment",
    "Measure",
    "Pair",
    "Site",
    "Train",
    "Vectors",
    "__version__",
    "compare",
    "do",
    "generate",
    "load",
    "open_run",
    "plan",
    "run",
    "score",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'butfor' has no attribute {name!r}")
    return getattr(import_module(f"butfor.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
