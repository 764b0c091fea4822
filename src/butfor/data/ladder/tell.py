"""A world as text: who it is about, what causes what, and every percentage, in one of three wordings.

Complete  The text holds all that the answer follows from: the graph with what is unseen, and each percentage as the
          whole number that it is. Nothing has to be known of the world outside.
Wordings  1 sentences ("Of patients who smoke, 40% recover."), 2 the share first, 3 formal ("P(recovery: yes | …)").
"""

from __future__ import annotations

from itertools import product

from butfor.data.ladder.brute import cells
from butfor.data.ladder.words import Words, capital, listed
from butfor.data.ladder.world import World

WORDINGS = ("1", "2", "3")


def premises(world: World, words: Words, wording: str, *, numbers: bool) -> str:
    """All that is said before the question."""
    if world.family == "rules":
        return " ".join([words.setting, *_rules(world, words, wording)])
    told = [words.setting, *_graph(world, words, wording), "Nothing else plays a part."]
    if world.family == "instrument":
        told += _types(world, words)
    elif numbers:
        told += [_share(words, name, case, percent, wording) for name, case, percent in shares(world)]
    if world.family == "monotone":
        noun, verb = words.noun(world.x), words.base(world.y)
        units = words.units
        told.append(
            f"{capital(noun)} never works against {words.noun(world.y)}: all {units} {words.who} would {verb} without "
            f"{noun} would {verb} with {noun} too."
        )
    if world.family == "transport":
        told.append(f"There is a second group of {words.units}, where all of this works in the same way, except that:")
        told += [_second(words, name, percent, wording) for name, percent in world.moved.items()]
    return " ".join(told)


def shares(world: World) -> list[tuple[str, dict[str, int], int]]:
    """(variable, case of its causes, percentage of yes), as it is seen: of U, which is X left alone, X is told."""
    found: list[tuple[str, dict[str, int], int]] = []
    for name, table in world.tables.items():
        if name == world.x and world.hidden:
            continue
        causes = [world.x if cause in world.hidden else cause for cause in table.causes]
        for case, percent in zip(product((0, 1), repeat=len(causes)), table.yes, strict=True):
            told = world.x if name in world.hidden else name
            found.append((told, dict(zip(causes, case, strict=True)), percent))
    return found


def told_arrows(world: World) -> list[tuple[str, str]]:
    """The arrows as they are told: of what is unseen, X takes the place."""
    arrows = [(a, b) for a, b in world.edges if a not in world.hidden and b not in world.hidden]
    return arrows + [(a, world.x) for u in world.hidden for a in world.tables[u].causes]


def _graph(world: World, words: Words, wording: str) -> list[str]:
    arrows = told_arrows(world)
    if wording == "1":
        causes = {a: [b for c, b in arrows if c == a] for a, _ in sorted(arrows, key=lambda e: world.seen.index(e[0]))}
        found = [_effects(words, a, effects) for a, effects in causes.items()]
    elif wording == "2":
        above = {b: [a for a, c in arrows if c == b] for b in world.seen}
        found = [_causes(words, b, causes) for b, causes in above.items() if causes]
    else:
        told = "; ".join(f"{words.noun(a)} -> {words.noun(b)}" for a, b in arrows)
        found = [f"Direct effects: {told}."]
    if world.hidden:
        found.append(f"Something unseen affects both {words.noun(world.x)} and {words.noun(world.y)}.")
    return found


def _share(words: Words, name: str, case: dict[str, int], percent: int, wording: str) -> str:
    if wording == "1":
        return f"Of {words.those(case)}, {percent}% {words.verb(name)}."
    if wording == "2":
        return f"The share {words.who} {words.verb(name)} is {percent}% among {words.those(case)}."
    given = ", ".join(f"{words.noun(cause)}: {'yes' if value else 'no'}" for cause, value in case.items())
    return f"P({words.noun(name)}: yes{given and f' | {given}'}) = {percent}%."


def _effects(words: Words, cause: str, effects: list[str]) -> str:
    what = "is a direct effect" if len(effects) == 1 else "are direct effects"
    return f"There {what} of {words.noun(cause)} on {words.nouns(effects)}."


def _causes(words: Words, effect: str, causes: list[str]) -> str:
    what = "only direct cause of {} is" if len(causes) == 1 else "direct causes of {} are"
    return f"The {what.format(words.noun(effect))} {words.nouns(causes)}."


def _second(words: Words, name: str, percent: int, wording: str) -> str:
    if wording == "1":
        return f"Of the second group, {percent}% {words.verb(name)}."
    if wording == "2":
        return f"The share {words.who} {words.verb(name)} is {percent}% in the second group."
    return f"P({words.noun(name)}: yes | second group) = {percent}%."


def _types(world: World, words: Words) -> list[str]:
    zxy = cells(world.types)
    found = [
        f"Chance alone decides on {words.noun('Z')}: "
        f"{world.tables['Z'].yes[0]}% of all {words.units} {words.verb('Z')}."
    ]
    for z in (1, 0):
        parts = [
            f"{round(zxy[z, x, y])}% {words.verb(world.x, x)} and {words.verb(world.y, y)}"
            for x, y in ((1, 1), (1, 0), (0, 1), (0, 0))
        ]
        found.append(f"Of {words.those({'Z': z})}, {listed(parts)}.")
    return found


def _rules(world: World, words: Words, wording: str) -> list[str]:
    found: list[str] = []
    for name, table in world.tables.items():
        if table.causes:
            rows = list(zip(product((0, 1), repeat=len(table.causes)), table.yes, strict=True))
            every = sum(percent == 100 for _, percent in rows) == 1
            (one,) = [case for case, percent in rows if (percent == 100) == every]
            case = one if every else tuple(1 - v for v in one)
            told = (" and " if every else " or ").join(
                words.verb(cause, value) for cause, value in zip(table.causes, case, strict=True)
            )
            how = {"1": "exactly if they", "2": "if, and only if, they", "3": "in these cases and in no others: they"}
            found.append(f"{capital(words.units)} {words.verb(name)} {how[wording]} {told}.")
    return found
