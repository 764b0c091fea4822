"""The way to an answer, in lines that a person can redo: names, graph, formula, terms, comparison."""

from __future__ import annotations

from itertools import pairwise, product
from math import prod

from butfor.data.ladder import brute
from butfor.data.ladder.brute import Part
from butfor.data.ladder.kinds import KINDS
from butfor.data.ladder.quantities import Ask
from butfor.data.ladder.words import Words
from butfor.data.ladder.world import World

TERMS = 8  # of a sum that is written out


def why(kind: str, world: World, words: Words, ask: Ask, number: float, *, up: bool) -> str:
    """The derivation, its last line the answer."""
    names = "; ".join(f"{name} = {words.noun(name)}" for name in world.seen)
    arrows = ", ".join(f"{a} -> {b}" for a, b in world.edges)
    yes = (number > 0) == up
    lines = [f"names: {names}", f"graph: {arrows}{' (' + world.hidden[0] + ' unseen)' if world.hidden else ''}"]
    lines += _steps(kind, world, ask, number)
    return "\n".join([*lines, f"the question asks whether {_claim(kind, up)}: {'yes' if yes else 'no'}"])


def _claim(kind: str, up: bool) -> str:
    if kind in ("separation", "backadj", "collider_bias", "instrument"):
        told = {
            "separation": ("they must be independent", "they can be associated"),
            "backadj": ("the way is valid", "the way is not valid"),
            "collider_bias": ("there is an effect", "there is no effect"),
            "instrument": ("the instrument is valid", "the instrument is not valid"),
        }[kind]
        return told[0] if up else told[1]
    if kind == "det-counterfactual":
        return "Y would be" if up else "Y would not be"
    if kind == "bounds":
        return "the least effect is above 0" if up else "the least effect may be 0 or below"
    line = "1/2" if kind in ("marginal", "pn", "ps", "pns") else "0"
    return f"it is {'above' if up else 'below'} {line}"


def _steps(kind: str, world: World, ask: Ask, number: float) -> list[str]:
    made = KINDS[kind]
    if made.parts is not None:
        parts = made.parts(world, ask)
        if kind == "pns":
            head = ["X never works against Y, so PNS = P(Y=1 | do(X=1)) - P(Y=1 | do(X=0))"]
        elif kind == "front_door":
            head = ["front door: what U is, X shows wherever X is left alone; so U's percentages are those told of X"]
        else:
            head = []
        lines = [*head, *(line for part in parts for line in _lines(world, part))]
        values = [brute.probability(world, part) for part in parts]
        if len(values) == 2:
            lines.append(f"{values[0]:.4f} - {values[1]:.4f} = {values[0] - values[1]:.4f}")
        return lines
    if kind in ("pn", "ps"):
        return _causation(kind, world, number)
    if kind in ("iv", "bounds"):
        return _types(kind, world, number)
    if kind == "det-counterfactual":
        return _rules(world, ask, number)
    return _paths(kind, world, ask, number)


# sums -----------------------------------------------------------------------------------------------------------------


def title(part: Part) -> str:
    """What a part is, as a formula."""
    said = ", ".join(f"{name}={value}" for name, value in part.event.items())
    said += f"; {told}" if (told := _told(part)) else ""
    behind = [f"do({', '.join(f'{name}={value}' for name, value in part.do.items())})"] if part.do else []
    behind += [f"{name}={value}" for name, value in part.given.items()]
    return f"P({said}{' | ' + ', '.join(behind) if behind else ''})" + (" in the second group" if part.second else "")


def _told(part: Part) -> str:
    return ", ".join(f"{b} reads {a} as {value}" for (a, b), value in part.reads.items())


def _lines(world: World, part: Part) -> list[str]:
    top = _sum(world, part, {**part.event, **part.given})
    if not part.given:
        return [f"{title(part)} = {top}"]
    bottom = _sum(world, part, dict(part.given))
    return [f"{title(part)} = {brute.probability(world, part):.4f}", f"  above: {top}", f"  below: {bottom}"]


def _sum(world: World, part: Part, event: dict[str, int]) -> str:
    """The sum of products behind P(event under do), written out where it is short."""
    edges = [(a, b) for a, b in world.edges if b not in part.do and (a, b) not in part.reads]
    needed = {a for a in world.tables if a not in part.do and set(event) & brute.reaches(edges, a)}
    names = [name for name in world.tables if name in needed]
    free = [name for name in names if name not in event]
    terms: list[str] = []
    value = 0.0
    for case in product((0, 1), repeat=len(free)):
        full = {**part.do, **event, **dict(zip(free, case, strict=True))}
        factors = [_entry(world, part, name, full) for name in names]
        value += prod(factors)
        if all(factors):
            terms.append(" × ".join(f"{factor:g}" for factor in factors if factor != 1) or "1")
    if len(terms) > TERMS:
        return f"the sum over {', '.join(free)} of the products of {', '.join(names)}, {len(terms)} terms = {value:.4f}"
    written = " + ".join(terms) or "0"
    return f"{written} = {value:.4f}" if "×" in written or "+" in written else f"{value:g}"


def _entry(world: World, part: Part, name: str, values: dict[str, int]) -> float:
    table = world.tables[name]
    row = 0
    for cause in table.causes:
        row = 2 * row + part.reads.get((cause, name), values.get(cause, 0))
    percent = world.moved.get(name, table.yes[row]) if part.second and not table.causes else table.yes[row]
    return (percent if values[name] else 100 - percent) / 100


def _causation(kind: str, world: World, number: float) -> list[str]:
    x, y = world.x, world.y
    value = 1 if kind == "pn" else 0
    happened = Part(1, {x: value, y: 1})
    other = Part(1, {x: value, y: 1}, reads={(x, y): 1 - value})
    lines = [*_lines(world, happened), *_lines(world, other)]
    if kind == "pn":
        lines.append("X never works against Y, so PN = 1 - the second / the first")
    else:
        lines += _lines(world, Part(1, {x: 0, y: 0}))
        lines.append("X never works against Y, so PS = (the second - the first) / the third")
    return [*lines, f"{kind.upper()} = {number + 0.5:.4f}"]


def _types(kind: str, world: World, number: float) -> list[str]:
    zxy = brute.cells(world.types) / 100
    if kind == "iv":
        y, x = (zxy[:, :, 1].sum(axis=1), zxy[:, 1, :].sum(axis=1))
        return [
            "among those whose X follows Z: effect = (P(Y=1 | Z=1) - P(Y=1 | Z=0)) / (P(X=1 | Z=1) - P(X=1 | Z=0))",
            f"({y[1]:.2f} - {y[0]:.2f}) / ({x[1]:.2f} - {x[0]:.2f}) = {number:.4f}",
        ]
    return [
        "P(X, Y | Z) leaves the effect of X on Y open; the least that any population with these figures can have",
        "(the largest of the eight Balke-Pearl lower ends)",
        f"least E[Y | do(X=1)] - E[Y | do(X=0)] = {number:.4f}",
    ]


def _rules(world: World, ask: Ask, number: float) -> list[str]:
    seen = ", ".join(f"{name}={value}" for name, value in ask["evidence"].items())
    roots = [name for name, table in world.tables.items() if not table.causes]
    lines = [f"seen: {seen}; then X is set to {ask['to']}, and what does not follow from X stays"]
    for case in product((0, 1), repeat=len(roots)):
        fixed = dict(zip(roots, case, strict=True))
        actual = brute.followed(world, fixed, {})
        if all(actual[name] == value for name, value in ask["evidence"].items()):
            then = brute.followed(world, fixed, {world.x: ask["to"]})
            told = ", ".join(f"{name}={value}" for name, value in fixed.items())
            lines.append(f"{told}: " + ", ".join(f"{n}={v}" for n, v in then.items() if n not in fixed))
    return [*lines, f"so Y would be {round(number + 0.5)}"]


# graphs ---------------------------------------------------------------------------------------------------------------


def _paths(kind: str, world: World, ask: Ask, number: float) -> list[str]:
    if kind == "collider_bias":
        a, b, e = ask["a"], ask["b"], ask["given"]
        joined = f"{a} leads to {b}" if number > 0 else f"no way along the arrows leads from {a} to {b}"
        return [
            f"{e} is an effect of both {a} and {b}: looking within {e} joins them whether or not {a} acts on {b}",
            joined,
        ]
    if kind == "separation":
        return _listed(ask["a"], ask["b"], ask["given"], list(world.edges), "the paths between them")
    if kind == "backadj":
        after = sorted(brute.reaches(world.edges, world.x) & set(ask["given"]))
        if after:
            return [f"{', '.join(after)}: an effect of {world.x}; holding it is not valid"]
        entering = [edge for edge in world.edges if edge[0] != world.x]
        return _listed(world.x, world.y, ask["given"], entering, f"the paths that enter {world.x}")
    cut = [(a, b) for a, b in world.edges if not (a == world.x and world.y in brute.reaches(world.edges, b))]
    joined = brute.connected(cut, ask["z"], world.x)
    return [
        f"{ask['z']} is {'' if joined else 'not '}linked to {world.x}",
        *_listed(ask["z"], world.y, (), cut, f"apart from {world.x}'s own way to {world.y}, the paths"),
    ]


def _listed(a: str, b: str, given: list[str] | tuple[str, ...], edges: list[tuple[str, str]], what: str) -> list[str]:
    found = list(brute.paths(edges, a, b))
    held = "{" + ", ".join(given) + "}"
    lines = [f"{what} ({a} to {b}, given {held}): {len(found) or 'none'}"]
    for path in found[:TERMS]:
        state = "open" if brute.is_open(edges, path, given) else "blocked"
        arrows = path[0] + "".join(f" {'->' if (c, d) in edges else '<-'} {d}" for c, d in pairwise(path))
        lines.append(f"  {arrows}: {state}")
    return lines
