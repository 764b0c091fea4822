"""The numbers behind the questions: sums of probabilities, what a world offers to ask about, what mistakes compute.

    seeing   P(Y=1 | X=1) - P(Y=1 | X=0)          doing    P(Y=1 | do(X=1)) - P(Y=1 | do(X=0))
    ett      E[Y_1 - Y_0 | X=1]                   cde      doing, with a mediator held
    nde      E[Y_{1, M_0} - Y_0]                  nie      E[Y_{0, M_1} - Y_0]
    path_specific   E[Y - Y_0] where one effect of X alone reads X as 1
    PN, PS   where X never works against Y        least    the lower Balke-Pearl end of the effect

A function of (world, generator) finds the particulars of a question, or None where the world does not offer it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.random import Generator

from butfor.data.ladder import brute
from butfor.data.ladder.brute import Part
from butfor.data.ladder.draw import between
from butfor.data.ladder.world import World
from butfor.scm import balke_pearl, identify
from butfor.scm.graphs.adjust import is_adjustment_set

Ask = Mapping[str, Any]
Parts = list[Part]
IGNORES, COLLIDER, RUNG, EFFECT, ARITHMETIC, CONDITION, CARRIES, LIKELY = (
    "ignores the intervention", "conditions on a collider", "wrong rung", "wrong effect", "arithmetic",
    "ignores the condition", "carries over", "takes likely for proven",
)  # fmt: skip
FRONT = identify("P(Y=1 | do(X=1)) - P(Y=1 | do(X=0))", "X -> M1 -> Y; X <-> Y")
FRONT_SEEN = identify("P(Y=1 | do(X=1)) - P(Y=1 | do(X=0))", "C1 -> X -> M1 -> Y; C1 -> Y; X <-> Y", how="id")
LEAST_Y = "P(Y=1 | do(X=1)) - P(Y=1 | do(X=0))"


# sums of probabilities ------------------------------------------------------------------------------------------------


def seeing(world: World, given: Mapping[str, int] | None = None, *, second: bool = False) -> Parts:
    """P(Y=1 | X=1, given) - P(Y=1 | X=0, given)"""
    return [Part(s, {world.y: 1}, {world.x: v, **(given or {})}, second=second) for s, v in ((1, 1), (-1, 0))]


def doing(world: World, held: Mapping[str, int] | None = None, *, second: bool = False) -> Parts:
    """P(Y=1 | do(X=1, held)) - P(Y=1 | do(X=0, held))"""
    return [Part(s, {world.y: 1}, do={world.x: v, **(held or {})}, second=second) for s, v in ((1, 1), (-1, 0))]


def marginal(world: World, _: Ask) -> Parts:
    return [Part(1, {world.y: 1})]


def exp_away(world: World, ask: Ask) -> Parts:
    y, x, e = {world.y: 1}, {world.x: 1}, {ask["given"]: 1}
    return [Part(1, y, {**x, **e}), Part(-1, y, e)]


def ett(world: World, _: Ask) -> Parts:
    """P(Y_1 = 1 | X=1) - P(Y_0 = 1 | X=1): all that X causes reads it as 1, or as 0."""
    out = [(world.x, name) for name in (*between(world), world.y) if (world.x, name) in world.edges]
    return [Part(s, {world.y: 1}, {world.x: 1}, reads=dict.fromkeys(out, v)) for s, v in ((1, 1), (-1, 0))]


def nde(world: World, _: Ask) -> Parts:
    reads = {edge: 1 for edge in world.edges if edge == (world.x, world.y)}
    return [Part(1, {world.y: 1}, do={world.x: 0}, reads=reads), Part(-1, {world.y: 1}, do={world.x: 0})]


def nie(world: World, _: Ask) -> Parts:
    reads = {(world.x, name): 1 for name in between(world) if (world.x, name) in world.edges}
    return [Part(1, {world.y: 1}, do={world.x: 0}, reads=reads), Part(-1, {world.y: 1}, do={world.x: 0})]


def path_specific(world: World, ask: Ask) -> Parts:
    reads = {(world.x, ask["through"]): 1}
    return [Part(1, {world.y: 1}, do={world.x: 0}, reads=reads), Part(-1, {world.y: 1}, do={world.x: 0})]


def cde(world: World, ask: Ask) -> Parts:
    return doing(world, {ask["held"]: ask["at"]})


def plain(_: World, __: Generator) -> Ask | None:
    return {}


def effect_of_both(world: World, rng: Generator) -> Ask | None:
    found = [name for name in world.seen if name not in (world.x, world.y) and _below(world, name)]
    return {"given": found[int(rng.integers(len(found)))]} if found else None


def _below(world: World, name: str) -> bool:
    """Is it an effect of Y, and of X not by Y alone?"""
    around = [edge for edge in world.edges if world.y not in edge]
    return name in brute.reaches(world.edges, world.y) and name in brute.reaches(around, world.x)


def held(world: World, rng: Generator) -> Ask | None:
    found = [name for name in between(world) if (world.x, name) in world.edges]
    if not found or (world.x, world.y) not in world.edges:
        return None
    return {"held": found[int(rng.integers(len(found)))], "at": int(rng.integers(2))}


def direct(world: World, _: Generator) -> Ask | None:
    return {} if between(world) and (world.x, world.y) in world.edges else None


def indirect(world: World, _: Generator) -> Ask | None:
    return {} if between(world) else None


def through(world: World, rng: Generator) -> Ask | None:
    found = [name for name in between(world) if (world.x, name) in world.edges]
    out = len(found) + ((world.x, world.y) in world.edges)
    return {"through": found[int(rng.integers(len(found)))]} if found and out > 1 else None


def moved(world: World, _: Generator) -> Ask | None:
    return {} if world.moved else None


def collider(world: World) -> dict[str, float]:
    found = [name for name in world.seen if name not in (world.x, world.y) and _below(world, name)]
    return {COLLIDER: brute.value(world, seeing(world, {found[0]: 1}))} if found else {}


def lured(world: World, **more: Parts) -> dict[str, float]:
    names = {"ignores": IGNORES, "rung": RUNG, "effect": EFFECT, "condition": CONDITION, "carries": CARRIES}
    return {names[key]: brute.value(world, parts) for key, parts in more.items()}


def even(world: World, parts: Parts, line: float = 0.0) -> dict[str, float]:
    return {ARITHMETIC: brute.value(world, parts, even=True) - line}


def through_edges(world: World, ask: Ask) -> float:
    kept = [edge for edge in world.edges if edge[0] != world.x] + [(world.x, ask["through"])]
    return world.model.path_specific(world.x, world.y, edges=kept)


def seen_difference(model: Any, x: str, y: str, given: Mapping[str, int]) -> float:
    return model.p({y: 1}, {x: 1, **given}) - model.p({y: 1}, {x: 0, **given})


# monotone: necessity and sufficiency ----------------------------------------------------------------------------------


def necessity(world: World, _: Ask) -> float:
    """PN - 1/2, where X keeps no one from Y: PN = (P(X=1, Y=1) - P(X=1, Y_0=1)) / P(X=1, Y=1)."""
    x, y = world.x, world.y
    happened = brute.probability(world, Part(1, {x: 1, y: 1}))
    anyway = brute.probability(world, Part(1, {x: 1, y: 1}, reads={(x, y): 0}))
    return (happened - anyway) / happened - 0.5


def sufficiency(world: World, _: Ask) -> float:
    """PS - 1/2, likewise: PS = (P(X=0, Y_1=1) - P(X=0, Y=1)) / P(X=0, Y=0)."""
    x, y = world.x, world.y
    happened = brute.probability(world, Part(1, {x: 0, y: 1}))
    then = brute.probability(world, Part(1, {x: 0, y: 1}, reads={(x, y): 1}))
    return (then - happened) / brute.probability(world, Part(1, {x: 0, y: 0})) - 0.5


def half(world: World, parts: Parts) -> float:
    return brute.value(world, parts) - 0.5


# graphs ---------------------------------------------------------------------------------------------------------------


def signed(yes: bool) -> float:
    return 1.0 if yes else -1.0


def _some(names: list[str], rng: Generator, most: int = 2) -> list[str]:
    count = int(rng.integers(0, min(most, len(names)) + 1))
    return sorted(names[i] for i in rng.permutation(len(names))[:count])


def adjusted(world: World, rng: Generator) -> Ask | None:
    """A set to adjust for; both the back-door rule and the complete one must agree on it."""
    others = [name for name in world.seen if name not in (world.x, world.y)]
    needed = [name for name in others if (name, world.x) in world.edges and rng.random() < 0.7]
    rest = _some([name for name in others if name not in needed], rng)
    chosen = tuple(name for name in others if name in (*needed, *rest))[:4]
    rules = {is_adjustment_set(world.graph, world.x, world.y, chosen, rule=r) for r in ("back-door", "general")}
    return {"given": list(chosen)} if len(rules) == 1 else None


def pair(world: World, rng: Generator) -> Ask | None:
    names = list(world.seen)
    a, b, *rest = (names[i] for i in rng.permutation(len(names)))
    if (a, b) in world.edges or (b, a) in world.edges:
        return None
    return {"a": a, "b": b, "given": _some(rest, rng)}


def two_causes(world: World, rng: Generator) -> Ask | None:
    """Two causes of one effect; A does or does not lead to B, and B never to A."""
    found: list[Ask] = []
    for e in world.seen:
        above = world.tables[e].causes
        for a in above:
            for b in above:
                if a == b or a in brute.reaches(world.edges, b):
                    continue
                parts = [Part(s, {b: 1}, {a: v, e: 1}) for s, v in ((1, 1), (-1, 0))]
                moved = brute.value(world, [Part(s, {b: 1}, do={a: v}) for s, v in ((1, 1), (-1, 0))])
                linked = b in brute.reaches(world.edges, a)
                if abs(link := brute.value(world, parts)) > 0.02 and (abs(moved) > 0.01) == linked:
                    found.append({"a": a, "b": b, "given": e, "more": link > 0})
    wanted = [ask for ask in found if (ask["b"] in brute.reaches(world.edges, ask["a"])) == (rng.random() < 0.5)]
    return wanted[int(rng.integers(len(wanted)))] if wanted else None


def candidate(world: World, rng: Generator) -> Ask | None:
    """An effect of X that is linked to Y by X alone is not asked about: conventions differ on such a proxy."""
    names = [name for name in world.seen if name not in (world.x, world.y)]
    z = names[int(rng.integers(len(names)))]
    around = [edge for edge in world.edges if world.x not in edge]
    proxy = z in brute.reaches(world.edges, world.x) and not brute.connected(around, z, world.y)
    return None if proxy else {"z": z}


def instrument_lures(world: World, ask: Ask) -> dict[str, float]:
    return {EFFECT: signed(brute.connected(world.edges, ask["z"], world.x))}


def set_lures(world: World, ask: Ask) -> dict[str, float]:
    enough = set(brute.common_causes(world.edges, world.x, world.y)) <= set(ask["given"])
    return {COLLIDER: signed(enough)} | ({} if ask["given"] else {IGNORES: 1.0})


# rules ----------------------------------------------------------------------------------------------------------------


def observed(world: World, rng: Generator) -> Ask | None:
    """What is seen of a case, so much that Y under the change of X is settled."""
    roots = {name: int(rng.integers(2)) for name, table in world.tables.items() if not table.causes}
    actual = brute.followed(world, roots, {})
    seen = [name for name in world.tables if rng.random() < 0.5 or name == world.x]
    evidence = {name: actual[name] for name in seen if name != world.y}
    to = 1 - actual[world.x]
    found = brute.imagined(world, evidence, {world.x: to})
    return {"evidence": evidence, "to": to} if found in (0.0, 1.0) else None


def rule_lures(world: World, ask: Ask) -> dict[str, float]:
    now = brute.imagined(world, ask["evidence"], {})
    other = brute.probability(world, Part(1, {world.y: 1}, {world.x: ask["to"]}))
    found = {IGNORES: now - 0.5, RUNG: other - 0.5}
    return {kind: s for kind, s in found.items() if abs(s) > 1e-9}


# instruments ----------------------------------------------------------------------------------------------------------


def wald(world: World, _: Ask) -> float:
    top, bottom = (world.model.p({name: 1}, {"Z": 1}) - world.model.p({name: 1}, {"Z": 0}) for name in ("Y", "X"))
    return top / bottom


def among_compliers(world: World, _: Ask) -> float:
    every, helped, kept = brute.compliers(world.types)
    return (helped - kept) / every


def types_seen(world: World) -> float:
    """P(Y=1 | X=1) - P(Y=1 | X=0), Z as common as it is."""
    share = world.tables["Z"].yes[0] / 100
    zxy = brute.cells(world.types)
    xy = zxy[0] * (1 - share) + zxy[1] * share
    return float(xy[1, 1] / xy[1].sum() - xy[0, 1] / xy[0].sum())


def complied(world: World, _: Generator) -> Ask | None:
    every, helped, kept = brute.compliers(world.types)
    return {} if every >= 10 and abs(helped - kept) >= 3 else None


def least(world: World, _: Ask) -> float:
    return balke_pearl(LEAST_Y, "Z -> X -> Y; X <-> Y", world.model).low


def front_door(world: World, _: Ask) -> float:
    return (FRONT_SEEN if "C1" in world.tables else FRONT).evaluate(world.model)
