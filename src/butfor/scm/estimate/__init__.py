"""Effects from data: estimators that take a table and give an `Effect` with its interval and checks.

Adjust                back-door adjustment: aipw, dml, regression, ipw, matching, plugin
FrontDoor             through mediators, where the confounder of treatment and outcome is unseen
Instrument, IVFit     2SLS and LIML, with first-stage F, Anderson–Rubin region, Sargan and Hansen tests
Mediate               natural direct and indirect effects
Plugin, Empirical     any estimand on discrete data, by counting
cate                  the effect of each row
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from butfor.scm.estimate.adjust import Adjust as Adjust
    from butfor.scm.estimate.frontdoor import FrontDoor as FrontDoor
    from butfor.scm.estimate.heterogeneity import cate as cate
    from butfor.scm.estimate.instrument import Instrument as Instrument
    from butfor.scm.estimate.instrument import IVFit as IVFit
    from butfor.scm.estimate.mediate import Mediate as Mediate
    from butfor.scm.estimate.plugin import Empirical as Empirical
    from butfor.scm.estimate.plugin import Plugin as Plugin

_HOME = {
    "Adjust": "adjust",
    "Empirical": "plugin",
    "FrontDoor": "frontdoor",
    "IVFit": "instrument",
    "Instrument": "instrument",
    "Mediate": "mediate",
    "Plugin": "plugin",
    "cate": "heterogeneity",
}

__all__ = ["Adjust", "Empirical", "FrontDoor", "IVFit", "Instrument", "Mediate", "Plugin", "cate"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
