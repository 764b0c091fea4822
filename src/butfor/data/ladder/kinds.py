"""What can be asked of a world: each kind of question as a number whose sign decides, computed in two ways.

A kind gives    asks    the particulars of a question on this world, or none if the world does not offer it
                exact   the number, by the engine: elimination, parallel worlds, identified estimands, bounds
                brute   the same number from the whole joint distribution (`brute`)
                lures   the number that each kind of mistake computes instead
Answer          yes exactly if the number is positive and the question asks "up", or negative and it asks "down".
Mistakes        ignores the intervention   what is seen among those with X, for what would be if X were set
                conditions on a collider   comparing within a common effect; or holding that conditioning always blocks
                ignores the condition      the answer for everyone, where a group was asked about
                wrong rung                 the effect on the whole population, where single cases are asked about (or
                                           an effect, where an association is asked for)
                wrong effect               direct for indirect, all for direct
                arithmetic                 the right sum, with every root cause taken as half-half
                carries over               the first population's answer for the second
                takes likely for proven    the most plausible effect, where a proof is asked for
Sources         Jin et al. 2023 (the first ten kinds); Pearl 2009; Balke & Pearl 1997; Imbens & Angrist 1994.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from numpy.random import Generator

from butfor.data.ladder import brute
from butfor.data.ladder import quantities as q
from butfor.data.ladder.brute import Part
from butfor.data.ladder.quantities import Ask, Parts
from butfor.data.ladder.world import Family, World
from butfor.scm.graphs.adjust import is_adjustment_set
from butfor.scm.graphs.instruments import instrument_fault

Asks = Callable[[World, Generator], Ask | None]
Number = Callable[[World, Ask], float]
Lures = Callable[[World, Ask], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of question."""

    name: str
    rung: int
    family: Family
    asks: Asks
    exact: Number
    brute: Number
    lures: Lures
    parts: Callable[[World, Ask], Parts] | None = None  # where the number is a sum of probabilities
    numbers: bool = True  # does the text have to tell percentages?


def summed(
    name: str, rung: int, parts: Callable[[World, Ask], Parts], exact: Number, lures: Lures, asks: Asks = q.plain,
    family: Family = "dag", line: float = 0.0,
) -> Kind:  # fmt: skip
    """A kind whose number is a sum of probabilities, less `line`."""

    def by_cells(w: World, a: Ask) -> float:
        return brute.value(w, parts(w, a)) - line

    return Kind(name, rung, family, asks, exact, by_cells, lures, parts)


def _half(w: World) -> dict[str, float]:
    return {q.IGNORES: q.half(w, [Part(1, {w.y: 1}, {w.x: 1})]), q.RUNG: q.half(w, q.doing(w))}


SEEING = (
    summed("marginal", 1, q.marginal, lambda w, _: w.model.p({w.y: 1}) - 0.5,
           lambda w, _: {q.CONDITION: q.half(w, [Part(1, {w.y: 1}, {w.x: 1})]), **q.even(w, q.marginal(w, {}), 0.5)},
           line=0.5),
    summed("correlation", 1, lambda w, _: q.seeing(w), lambda w, _: q.seen_difference(w.model, w.x, w.y, {}),
           lambda w, _: {**q.lured(w, rung=q.doing(w)), **q.even(w, q.seeing(w))}),
    summed("exp_away", 1, q.exp_away,
           lambda w, a: w.model.p({w.y: 1}, {w.x: 1, a["given"]: 1}) - w.model.p({w.y: 1}, {a["given"]: 1}),
           lambda w, a: {**q.lured(w, rung=q.doing(w), condition=q.seeing(w)), **q.even(w, q.exp_away(w, a))},
           q.effect_of_both),
    Kind("separation", 1, "dag", q.pair, lambda w, a: q.signed(w.graph.separated(a["a"], a["b"], a["given"])),
         lambda w, a: -q.signed(brute.connected(w.edges, a["a"], a["b"], a["given"])),
         lambda w, a: {q.COLLIDER: -q.signed(brute.connected(w.edges, a["a"], a["b"], a["given"], colliders=False))},
         numbers=False),
)  # fmt: skip
DOING = (
    summed("ate", 2, lambda w, _: q.doing(w), lambda w, _: w.model.ate(w.x, w.y),
           lambda w, _: {**q.lured(w, ignores=q.seeing(w)), **q.collider(w), **q.even(w, q.doing(w))}),
    Kind("backadj", 2, "dag", q.adjusted,
         lambda w, a: q.signed(is_adjustment_set(w.graph, w.x, w.y, a["given"], rule="back-door")),
         lambda w, a: q.signed(brute.valid_adjustment(w.edges, w.x, w.y, a["given"])), q.set_lures, numbers=False),
    Kind("collider_bias", 2, "dag", q.two_causes, lambda w, a: q.signed(a["b"] in w.graph.descendants(a["a"])),
         lambda w, a: q.signed(
             abs(brute.value(w, [Part(s, {a["b"]: 1}, do={a["a"]: v}) for s, v in ((1, 1), (-1, 0))])) > 1e-9),
         lambda _, __: {q.COLLIDER: 1.0}, numbers=False),
    summed("cde", 2, q.cde, lambda w, a: w.model.cde(w.x, w.y, {a["held"]: a["at"]}),
           lambda w, a: q.lured(w, ignores=q.seeing(w, {a["held"]: a["at"]}), effect=q.doing(w)), q.held),
    Kind("instrument", 2, "dag", q.candidate,
         lambda w, a: q.signed(not instrument_fault(w.graph, a["z"], w.x, w.y)),
         lambda w, a: q.signed(brute.valid_instrument(w.edges, a["z"], w.x, w.y)), q.instrument_lures, numbers=False),
    summed("front_door", 2, lambda w, _: q.doing(w), q.front_door, lambda w, _: q.lured(w, ignores=q.seeing(w)),
           family="front_door"),
    Kind("iv", 2, "instrument", q.complied, q.wald, q.among_compliers, lambda w, _: {q.IGNORES: q.types_seen(w)}),
    Kind("bounds", 2, "instrument", q.plain, q.least, lambda w, _: brute.least_effect(w.types),
         lambda w, _: {q.IGNORES: q.types_seen(w), q.LIKELY: q.among_compliers(w, {})}),
    summed("transport", 2, lambda w, _: q.doing(w, second=True), lambda w, _: w.second.ate(w.x, w.y),
           lambda w, _: q.lured(w, carries=q.doing(w), ignores=q.seeing(w, second=True)), q.moved, "transport"),
)  # fmt: skip
IMAGINING = (
    summed("ett", 3, q.ett, lambda w, _: w.model.att(w.x, w.y),
           lambda w, a: {**q.lured(w, rung=q.doing(w), ignores=q.seeing(w)), **q.even(w, q.ett(w, a))}),
    summed("nde", 3, q.nde, lambda w, _: w.model.nde(w.x, w.y),
           lambda w, a: {**q.lured(w, rung=q.doing(w), effect=q.nie(w, a), ignores=q.seeing(w)),
                         **q.even(w, q.nde(w, a))},
           q.direct),
    summed("nie", 3, q.nie, lambda w, _: w.model.nie(w.x, w.y),
           lambda w, a: {**q.lured(w, rung=q.doing(w), effect=q.nde(w, a), ignores=q.seeing(w)),
                         **q.even(w, q.nie(w, a))},
           q.indirect),
    summed("path_specific", 3, q.path_specific, q.through_edges,
           lambda w, a: {**q.lured(w, rung=q.doing(w), ignores=q.seeing(w)), **q.even(w, q.path_specific(w, a))},
           q.through),
    Kind("pn", 3, "monotone", q.plain, lambda w, _: w.model.pn(w.x, w.y) - 0.5, q.necessity, lambda w, _: _half(w)),
    Kind("ps", 3, "monotone", q.plain, lambda w, _: w.model.ps(w.x, w.y) - 0.5, q.sufficiency, lambda w, _: _half(w)),
    summed("pns", 3, lambda w, _: q.doing(w), lambda w, _: w.model.pns(w.x, w.y) - 0.5,
           lambda w, a: {q.IGNORES: q.half(w, q.seeing(w)), q.EFFECT: q.necessity(w, a)}, family="monotone", line=0.5),
    Kind("det-counterfactual", 3, "rules", q.observed,
         lambda w, a: w.model.counterfactual(a["evidence"], {w.x: a["to"]}).p({w.y: 1}) - 0.5,
         lambda w, a: brute.imagined(w, a["evidence"], {w.x: a["to"]}) - 0.5, q.rule_lures),
)  # fmt: skip

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (*SEEING, *DOING, *IMAGINING)}
