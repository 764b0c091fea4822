"""What equations answer to a question about one case: necessary, sufficient, a cause, judged to be one.

    necessary("ST=1", "BS=1", rocks)      no: had ST been 0, BS=1 would still have come about

necessary    but for X=x, all else as it was, φ would not have happened:  [X <- x'] not φ  for some x'
sufficient   X=x alone brings φ about: [X <- x, every other root away] φ; a root has no causes, and is away at its usual
             value, or at 0 where none is told
caused       X=x is an actual cause of φ, or a part of one (`scm.actual`, Halpern & Pearl)
judged       and a world that shows it is at least as normal as the actual one: whatever is unusual in that world was so
             in the actual one too (Halpern & Hitchcock 2015). Only what is told to be usual counts.
Source       Halpern 2016, ch. 2 and 3; Halpern & Hitchcock 2015; Pearl 2009, ch. 9 (necessity and sufficiency).
Limits       The worlds that show a cause are the ones of fewest changes. What people call a cause has more sides to it
             than these four: see Kominsky et al. 2015 and Icard et al. 2017 on what is usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from butfor.core.errors import QueryError
from butfor.scm.actual import Definition, causes
from butfor.scm.equations import Equations
from butfor.scm.models.event import read_conditions
from butfor.scm.questions.evaluation import place

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes or no, and why, in a sentence or two."""

    holds: bool
    why: tuple[str, ...]


def happened(event: Event | str, model: Equations, settings: Event | None = None) -> Verdict:
    """Does the event come about, as things are or with these settings?"""
    wanted = _settings(event, model)
    world = model.solve(None, **_settings(settings or {}, model))
    holds = _there(wanted, world)
    told = f"had it been that {_listed(settings)}, " if settings else ""
    return Verdict(holds, (f"{told}the rules give {_listed({name: world[name] for name in wanted})}",))


def necessary(cause: Event | str, event: Event | str, model: Equations) -> Verdict:
    """Would the event not have happened but for the cause?"""
    name, value, wanted = _asked(cause, event, model)
    instead = [other for other in model.values(name) if other != value]
    undone = [other for other in instead if not _there(wanted, model.solve(None, **{name: other}))]
    if undone:
        return Verdict(True, (f"had it been that {name}={undone[0]}, {_listed(wanted)} would not have come about",))
    others = " or ".join(f"{name}={other}" for other in instead)
    return Verdict(False, (f"had it been that {others}, {_listed(wanted)} would still have come about",))


def sufficient(cause: Event | str, event: Event | str, model: Equations, usual: Event | None = None) -> Verdict:
    """Would the cause alone have brought the event about?"""
    name, value, wanted = _asked(cause, event, model)
    away = {
        root: (usual or {}).get(root, model.values(root)[0])
        for root in model.equations
        if not model.causes[root] and root != name and root not in wanted
    }
    holds = _there(wanted, model.solve(None, **away, **{name: value}))
    told = f"with {_listed(away)}, " if away else ""
    return Verdict(holds, (f"{told}{name}={value} {'brings' if holds else 'does not bring'} {_listed(wanted)} about",))


def caused(cause: Event | str, event: Event | str, model: Equations, definition: Definition = "modified") -> Verdict:
    """Is the cause an actual one, or a part of one?"""
    name, value, wanted = _asked(cause, event, model)
    found = [one for one in causes(wanted, model, definition=definition) if one.cause.get(name) == value]
    if not found:
        return Verdict(False, (f"{name}={value} is no actual cause of {_listed(wanted)}, nor a part of one",))
    return Verdict(True, (str(found[0]),))


def judged(
    cause: Event | str, event: Event | str, model: Equations, usual: Event, definition: Definition = "modified"
) -> Verdict:
    """Is it an actual cause that a world as normal as the actual one shows?"""
    name, value, wanted = _asked(cause, event, model)
    found = [one for one in causes(wanted, model, definition=definition) if one.cause.get(name) == value]
    if not found:
        return caused(cause, event, model, definition)
    odd = _odd(model.solve(), usual)
    worlds = [_odd(model.solve(None, **one.held, **one.instead), usual) - odd for one in found]
    for one, more in zip(found, worlds, strict=True):
        if not more:
            return Verdict(True, (str(one), "the world that shows it is as normal as what happened"))
    told = _listed(dict(sorted(worlds[0])))
    return Verdict(False, (str(found[0]), f"the world that shows it is less normal than what happened: {told}"))


def _asked(cause: Event | str, event: Event | str, model: Equations) -> tuple[str, Any, dict[str, Any]]:
    """The one variable of the cause with its value, and the event; both have to be so."""
    given, wanted = _settings(cause, model), _settings(event, model)
    if len(given) != 1 or set(given) & set(wanted):
        raise QueryError("a cause is one variable at a value, such as 'ST=1', and none of the event's")
    ((name, value),) = given.items()
    world = model.solve()
    for part in (given, wanted):
        if not _there(part, world):
            raise QueryError(f"{_listed(part)} is not so: the rules give {_listed({one: world[one] for one in part})}")
    return name, value, wanted


def _settings(event: Event | str, model: Equations) -> dict[str, Any]:
    """Variables at values, as the model has them."""
    found: dict[str, Any] = {}
    for condition in read_conditions(event):
        model.graph.at(condition.name)
        if condition.sign != "=":
            raise QueryError(f"an event here is a variable at a value, not {condition}")
        levels = model.values(condition.name)
        found[condition.name] = levels[place(condition.name, condition.value, levels)]
    return found


def _odd(world: Event, usual: Event) -> set[tuple[str, Any]]:
    """What is not as usual."""
    return {(name, world[name]) for name, value in usual.items() if world[name] != value}


def _there(event: Event, world: Event) -> bool:
    return all(world[name] == value for name, value in event.items())


def _listed(event: Event) -> str:
    return ", ".join(f"{name}={value}" for name, value in event.items())
