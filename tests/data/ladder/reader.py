"""A reader of prompts: graph, percentages and question from the text alone, and the answer from these.

Nothing here is taken from the generator but the stories' phrases (a noun and a verb are one variable); worlds, formulas
and sums are written anew, as plain loops over all cells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np
from scipy.optimize import linprog

from butfor.data.ladder.stories import STORIES

Case = dict[str, int]
PHRASES = [phrase for story in STORIES for phrase in story.phrases]


def bare(verb: str) -> str:
    """take the drug → take the drug; are fit → be fit; were built → have been built"""
    first, _, rest = verb.partition(" ")
    return {"are": f"be {rest}", "were": f"have been {rest}"}.get(first, verb)


FORMS = {form: noun for noun, verb in PHRASES for form in (verb, bare(verb))}
NOUNS = {noun for noun, _ in PHRASES}


def variable(text: str) -> tuple[str, int]:
    """The noun of a verb phrase, and whether it is said or denied; a made-up verb is its noun without "ing"."""
    text, value = text.strip(), 1
    for start, back in (("do not ", ""), ("are not ", "are "), ("were not ", "were "), ("not ", "")):
        if text.startswith(start):
            text, value = back + text.removeprefix(start), 0
            break
    return FORMS.get(text, f"{text}ing"), value


def verbs(text: str) -> Case:
    """take the drug and do not smoke; commas too"""
    return dict(variable(part) for part in re.split(r", | and ", text))


def nouns(text: str) -> list[str]:
    return re.split(r", | and ", text)


class Read:
    """A prompt, read."""

    def __init__(self, prompt: str) -> None:
        self.told, _, self.question = prompt.partition("\n\n")
        self.sentences = [s.rstrip(".:") for s in re.split(r"(?<=[.:]) (?=[A-Z])", self.told)]
        self.edges: list[tuple[str, str]] = []
        self.shares: dict[str, list[tuple[Case, float]]] = {}
        self.second: dict[str, float] = {}
        self.types: dict[int, dict[tuple[int, int], float]] = {}
        self.rules: dict[str, tuple[str, Case]] = {}
        self.unseen = "Something unseen affects" in self.told
        for sentence in self.sentences:
            self.read(sentence)

    def read(self, s: str) -> None:
        if m := re.fullmatch(r"There (?:is a|are) direct effects? of (.+?) on (.+)", s):
            self.edges += [(m[1], b) for b in nouns(m[2])]
        elif m := re.fullmatch(r"The (?:only )?direct causes? of (.+?) (?:is|are) (.+)", s):
            self.edges += [(a, m[1]) for a in nouns(m[2])]
        elif m := re.fullmatch(r"Direct effects: (.+)", s):
            self.edges += [tuple(e.split(" -> ")) for e in m[1].split("; ")]  # type: ignore[misc]
        elif m := re.fullmatch(r"Chance alone decides on (.+): (\d+)% of all .+", s):
            self.z = m[1]
        elif self.types is not None and len(found := re.findall(r"(\d+)% (.+?) and (.+?)(?:, | and (?=\d)|$)", s)) == 4:
            given = re.match(r"Of \w+ (?:who|that) (.+?), \d", s)
            assert given is not None
            cells = {tuple(verbs(f"{a} and {b}").values()): float(p) / 100 for p, a, b in found}
            self.types[variable(given[1])[1]] = cells  # type: ignore[assignment]
        elif m := re.fullmatch(r"Of the second group, (\d+)% (.+)", s):
            self.second[variable(m[2])[0]] = float(m[1]) / 100
        elif m := re.fullmatch(r"The share (?:who|that) (.+) is (\d+)% in the second group", s):
            self.second[variable(m[1])[0]] = float(m[2]) / 100
        elif m := re.fullmatch(r"P\((.+): yes \| second group\) = (\d+)%", s):
            self.second[m[1]] = float(m[2]) / 100
        elif m := re.fullmatch(r"Of (?:all \w+|\w+ (?:who|that) (.+?)), (\d+)% (.+)", s):
            self.share(variable(m[3])[0], verbs(m[1]) if m[1] else {}, m[2])
        elif m := re.fullmatch(r"The share (?:who|that) (.+) is (\d+)% among (?:all \w+|\w+ (?:who|that) (.+))", s):
            self.share(variable(m[1])[0], verbs(m[3]) if m[3] else {}, m[2])
        elif m := re.fullmatch(r"P\((.+?): yes(?: \| (.+))?\) = (\d+)%", s):
            pairs = [part.split(": ") for part in m[2].split(", ")] if m[2] else []
            self.share(m[1], {a: int(v == "yes") for a, v in pairs}, m[3])
        elif m := re.fullmatch(
            r"\w+ (.+?) (?:exactly if|if, and only if,|in these cases and in no others:) they (.+)", s
        ):
            how = "or" if " or " in m[2] else "and"
            self.rules[variable(m[1])[0]] = (how, verbs(m[2].replace(" or ", " and ")))

    def share(self, name: str, case: Case, percent: str) -> None:
        self.shares.setdefault(name, []).append((case, float(percent) / 100))

    # sums

    def cells(self, do: Case, reads: dict[tuple[str, str], int], second: bool = False) -> Iterator[tuple[Case, float]]:
        names = list(self.shares)
        for values in product((0, 1), repeat=len(names)):
            case, weight = dict(zip(names, values, strict=True)), 1.0
            for name in names:
                if name in do:
                    weight *= case[name] == do[name]
                    continue
                (yes,) = [p for given, p in self.shares[name]
                          if all(reads.get((a, name), case[a]) == v for a, v in given.items())]  # fmt: skip
                yes = self.second.get(name, yes) if second else yes
                weight *= yes if case[name] else 1 - yes
            yield case, weight

    def p(
        self, event: Case, given: Case | None = None, do: Case | None = None, reads: Any = None, second: bool = False
    ) -> float:
        top = bottom = 0.0
        for case, weight in self.cells(do or {}, reads or {}, second):
            if (given or {}).items() <= case.items():
                bottom += weight
                top += weight * (event.items() <= case.items())
        return top / bottom

    def effect(self, x: str, y: str, **how: Any) -> float:
        held = how.pop("held", {})
        return self.p({y: 1}, do={x: 1, **held}, **how) - self.p({y: 1}, do={x: 0, **held}, **how)

    def reaches(self, a: str) -> set[str]:
        found = {a}
        while new := {d for c, d in self.edges if c in found} - found:
            found |= new
        return found

    def joined(self, a: str, b: str, given: set[str], edges: list[tuple[str, str]] | None = None) -> bool:
        """Is some path open? Every path is tried."""
        edges = self.edges if edges is None else edges
        below = {n: Read.reaches(self, n) for edge in self.edges for n in edge}

        def ways(path: list[str]) -> Iterator[list[str]]:
            if path[-1] == b:
                yield path
                return
            for c, d in edges:
                for here, there in ((c, d), (d, c)):
                    if here == path[-1] and there not in path:
                        yield from ways([*path, there])

        def passes(path: list[str]) -> bool:
            for (u, v), (_, w) in pairwise(pairwise(path)):
                collider = (u, v) in edges and (w, v) in edges
                if bool(below[v] & given) != collider if collider else v in given:
                    return False
            return True

        return any(passes(path) for path in ways([a]))


def least(cells: dict[int, dict[tuple[int, int], float]]) -> float:
    """The least effect of X on Y that the cells P(x, y | z) allow: a linear programme over all sixteen types."""
    types = list(product((0, 1), repeat=4))
    rows, right = [], []
    for z, x, y in product((0, 1), repeat=3):
        rows.append([float(t[z] == x and t[2 + x] == y) for t in types])
        right.append(cells[z].get((x, y), 0.0))
    found = linprog([t[3] - t[2] for t in types], A_eq=np.array(rows), b_eq=right, bounds=(0, 1))
    return float(found.fun)


MORE = {"more": 1, "raise": 1, "fewer": -1, "less": -1, "lower": -1}
MADE = r"made (not )?to (.+?)"


def made(negated: str | None, verb: str) -> Case:
    return {variable(verb)[0]: 0 if negated else 1}


def answer(kind: str, prompt: str) -> str:
    """yes or no, by the text."""
    r = Read(prompt)
    return "yes" if ANSWERS[kind](r, r.question) > 0 else "no"


def _match(pattern: str, text: str) -> re.Match[str]:
    found = re.search(pattern, text)
    assert found is not None, (pattern, text)
    return found


def _x_y(q: str) -> tuple[str, str, int]:
    """Of questions on all: the treatment, the outcome, and whether more is asked for."""
    if m := re.search(r"decide on (.+) for all \w+\. Would (more|fewer) of them (.+) with it", q):
        return m[1], variable(m[3])[0], MORE[m[2]]
    m = _match(r"made to (.+?)(?:, w|\. W)ould (more|fewer) of them (.+) than if", q)
    return variable(m[1])[0], variable(m[3])[0], MORE[m[2]]


def _marginal(r: Read, q: str) -> float:
    m = _match(r"(more|less|fewer) (?:likely than not that they|than half of all \w+) (.+)\?", q)
    return MORE[m[1]] * (r.p({variable(m[2])[0]: 1}) - 0.5)


def _correlation(r: Read, q: str) -> float:
    if m := re.search(r"Are \w+ (?:who|that) (.+) (more|less) likely to (.+) than", q):
        x, more, y = m[1], m[2], m[3]
    else:
        m = _match(r"is it (more|less) likely that they (.+) where they (.+) than where"[1:], q[q.index("Is it") + 1 :])
        more, y, x = m[1], m[2], m[3]
    xs, ys = variable(x)[0], variable(y)[0]
    return MORE[more] * (r.p({ys: 1}, {xs: 1}) - r.p({ys: 1}, {xs: 0}))


def _exp_away(r: Read, q: str) -> float:
    if m := re.search(
        r"only at \w+ (?:who|that) (.+)\. .* those (?:who|that) (.+) (more|less) likely to (.+) than these", q
    ):
        e, x, more, y = m.groups()
    else:
        m = _match(r"that they (.+)\. Now we learn that they (.+) as well\. .* (more|less) likely that they (.+)\?", q)
        e, x, more, y = m.groups()
    es, xs, ys = (variable(name)[0] for name in (e, x, y))
    return MORE[more] * (r.p({ys: 1}, {xs: 1, es: 1}) - r.p({ys: 1}, {es: 1}))


def _separation(r: Read, q: str) -> float:
    alike = re.search(r" among \w+ (?:who|that) are alike in (.+)\?", q)
    given = set(nouns(alike[1])) if alike else set()
    m = _match(
        r"(Must|Can|follow that) (.+?)(?: and | tells? (?:nothing|something) about )(.+?)"
        r"(?: be independent| be associated)?(?: among .*)?\?$", q
    )  # fmt: skip
    joined = r.joined(m[2], m[3], given)
    return (1 if joined else -1) * (1 if m[1] == "Can" else -1)


def _backadj(r: Read, q: str) -> float:
    m = _match(r"effect of (.+?) on (.+?), someone", q)
    alike = re.search(r"are alike in (.+), and averages", q)
    given = set(nouns(alike[1])) if alike else set()
    entering = [edge for edge in r.edges if edge[0] != m[1]]
    valid = not (r.reaches(m[1]) & given) and not r.joined(m[1], m[2], given, entering)
    return (1 if valid else -1) * (1 if "valid way" in q or "give the effect" in q else -1)


def _collider_bias(r: Read, q: str) -> float:
    m = _match(r"those (?:who|that) (.+?) are (?:more|less) likely to (.+?) than the others", q)
    linked = variable(m[2])[0] in r.reaches(variable(m[1])[0])
    return (1 if linked else -1) * (-1 if "without any effect" in q or "just as many" in q else 1)


def _instrument(r: Read, q: str) -> float:
    if m := re.search(r"(?:Is|Does) (.+) (?:a valid|fail as an) instrument for the effect of (.+) on (.+), with", q):
        z, x, y = m.groups()
    else:
        m = _match(r"linked to (.+), and to (.+) only through \1\. (?:Is|Does) (.+?) (?:such|fail to be such) a", q)
        x, y, z = m.groups()
    cut = [(a, b) for a, b in r.edges if not (a == x and y in r.reaches(b))]
    valid = r.joined(z, x, set(), cut) and not r.joined(z, y, set(), cut) and z not in r.reaches(x)
    return (1 if valid else -1) * (-1 if "fail to" in q or "fail as" in q else 1)


def _cde(r: Read, q: str) -> float:
    m = _match(rf"all \w+ were {MADE}\. Would (more|fewer) of them (.+) if they were also made to (.+?) than", q)
    return MORE[m[3]] * r.effect(variable(m[5])[0], variable(m[4])[0], held=made(m[1], m[2]))


def _ate(r: Read, q: str) -> float:
    x, y, more = _x_y(q)
    return more * r.effect(x, y)


def _transport(r: Read, q: str) -> float:
    x, y, more = _x_y(q)
    return more * r.effect(x, y, second=True)


def _front_door(r: Read, q: str) -> float:
    x, y, more = _x_y(q)
    ((_, m),) = [edge for edge in r.edges if edge[0] == x]
    others = [name for name in r.shares if name not in (x, y, m)]
    total = 0.0
    for values in product((0, 1), repeat=len(others) + 2):
        c, (mv, xv) = dict(zip(others, values, strict=False)), values[len(others) :]
        change = r.p({m: mv}, {x: 1}) - r.p({m: mv}, {x: 0})
        weight = r.p({x: xv, **c})
        total += change * weight * r.p({y: 1}, {x: xv, m: mv, **c})
    return more * total


def _ett(r: Read, q: str) -> float:
    m = _match(r"(?:who|that)(?: in fact)? (.+)\. Would (more|fewer) of them (.+) if they had been", q)
    x, y = variable(m[1])[0], variable(m[3])[0]
    out = [edge for edge in r.edges if edge[0] == x and y in r.reaches(edge[1])]
    up, down = (r.p({y: 1}, {x: 1}, reads=dict.fromkeys(out, v)) for v in (1, 0))
    return -MORE[m[2]] * (up - down)


def _natural(r: Read, q: str) -> float:
    """nde, nie, path_specific: which causes read X as it would be."""
    m = _match(
        r"all \w+ were made (not )?to (.+?), (while|and only) (.+?)(?:, w|\. W)ould (more|fewer) of them (.+) than", q
    )
    x, y = variable(m[2])[0], variable(m[6])[0]
    if m[3] == "and only":
        edges = [(x, re.sub(r" reacted as .*", "", m[4]))]
    else:
        middle = nouns(re.sub(r" (?:stayed|became) as .*", "", m[4]))
        edges = [e for e in r.edges if e[0] == x and ((e[1] in middle) == bool(m[1])) and y in r.reaches(e[1])]
    there = r.p({y: 1}, do={x: 0}, reads=dict.fromkeys(edges, 1))
    return MORE[m[5]] * (there - r.p({y: 1}, do={x: 0}))


def _half(r: Read, q: str, kind: str) -> float:
    more = MORE[_match(r"(more|fewer) than half", q)[1]]
    if kind == "pns":
        m = _match(r"would (.+?) if made to (.+?), but", q)
        return more * (r.effect(variable(m[2])[0], variable(m[1])[0]) - 0.5)
    m = _match(r"Think of \w+ (?:who|that) (.+?)\. ", q)
    (x, xv), (y, yv) = verbs(m[1]).items()
    assert (xv, yv) == ((1, 1) if kind == "pn" else (0, 0))
    changed = sum(  # in each case of the causes, those whom X moves: X never works against Y
        weight * (high - low)
        for case, weight in r.cells({y: 1}, {})
        if case[x] == xv and case[y] == 1
        for low, high in [[r.p({y: 1}, do={**{n: v for n, v in case.items() if n != y}, x: v_}) for v_ in (0, 1)]]
    )
    return more * (changed / r.p({x: xv, y: yv}) - 0.5)


def _iv(r: Read, q: str) -> float:
    m = _match(r"(more|fewer) of these|(raise|lower) the share", q)
    return MORE[m[1] or m[2]] * (r.types[1][0, 1] + r.types[1][1, 1] - r.types[0][0, 1] - r.types[0][1, 1])


def _bounds(r: Read, q: str) -> float:
    return (1 if "prove" in q or "certain" in q else -1) * least(r.types)


def _rules(r: Read, q: str) -> float:
    m = _match(r"(?:see that some \w+|know that they) (.+?)\. (?:If|Is)", q)
    seen = verbs(m[1])
    to = _match(rf"been {MADE}(?:, would|\?)", q)
    change = made(to[1], to[2])
    said = _match(r"true that they would (not )?(.+) if they|would they (not )?(.+)\?", q)
    y, wanted = variable(said[2] or said[4])[0], 0 if said[1] or said[3] else 1
    names = dict.fromkeys(n for name, (_, case) in r.rules.items() for n in (*case, name))
    roots = [n for n in names if n not in r.rules]
    found: set[int] = set()
    for values in product((0, 1), repeat=len(roots)):
        start = dict(zip(roots, values, strict=True))
        if seen.items() <= _followed(r, start, {}).items():
            found.add(_followed(r, start, change)[y])
    (result,) = found
    return 1 if result == wanted else -1


def _followed(r: Read, roots: Case, do: Case) -> Case:
    values = {**roots, **do}
    while len(values) < len({*roots, *r.rules}):
        for name, (how, case) in r.rules.items():
            if name not in values and set(case) <= set(values):
                met = [values[a] == v for a, v in case.items()]
                values[name] = int(all(met) if how == "and" else any(met))
    return values


ANSWERS: dict[str, Callable[[Read, str], float]] = {
    "marginal": _marginal, "correlation": _correlation, "exp_away": _exp_away, "separation": _separation, "ate": _ate,
    "backadj": _backadj, "collider_bias": _collider_bias, "cde": _cde, "instrument": _instrument, "iv": _iv,
    "front_door": _front_door, "bounds": _bounds, "transport": _transport, "ett": _ett, "nde": _natural,
    "nie": _natural, "path_specific": _natural, "det-counterfactual": _rules,
    **{kind: lambda r, q, kind=kind: _half(r, q, kind) for kind in ("pn", "ps", "pns")},
}  # fmt: skip
