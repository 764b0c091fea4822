"""Was it necessary, was it sufficient? Probabilities of causation, from the model itself.

    PN  = P(Y_control is not the outcome | X=treated, Y is the outcome)      it would not have happened, but for X
    PS  = P(Y_treated is the outcome | X=control, Y is not the outcome)      X would have brought it about
    PNS = P(Y_treated is the outcome, Y_control is not)                      both at once

The outcome is `Y=outcome` (1 by default) or an event of one condition ("lung=yes", "Y>2").
Source    Pearl 1999; Tian & Pearl 2000: PNS = P(x, y) PN + P(x', not y) PS where X has two values;
          under monotonicity PNS is the average effect.
"""

from __future__ import annotations

from typing import Any

from butfor.core.errors import QueryError
from butfor.scm.models.event import Condition, is_event, read_conditions
from butfor.scm.models.model import SCM, World


def necessity(model: SCM, x: str, y: str, treated: Any, control: Any, outcome: Any) -> float:
    """PN."""
    happened = _outcome(y, outcome)
    worlds = model.parallel([World({x: control})], (Condition(x, "=", treated), happened))
    return worlds.p({0: happened.opposite})


def sufficiency(model: SCM, x: str, y: str, treated: Any, control: Any, outcome: Any) -> float:
    """PS."""
    happened = _outcome(y, outcome)
    worlds = model.parallel([World({x: treated})], (Condition(x, "=", control), happened.opposite))
    return worlds.p({0: happened})


def both(model: SCM, x: str, y: str, treated: Any, control: Any, outcome: Any) -> float:
    """PNS."""
    happened = _outcome(y, outcome)
    worlds = model.parallel([World({x: treated}), World({x: control})])
    return worlds.p({0: happened, 1: happened.opposite})


def _outcome(y: str, outcome: Any) -> Condition:
    if not is_event(y):
        return Condition(y, "=", outcome)
    conditions = read_conditions(y)
    if len(conditions) != 1:
        raise QueryError(f"{y!r}: the outcome of PN, PS and PNS is one condition, such as 'Y=1'")
    return conditions[0]
