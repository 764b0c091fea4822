"""The placebo of an edit: a text edited at the same places and by as many words, that still says the same.

Idea      Any edit moves a model's answer a little. What an edit does beyond that is seen against a paraphrase that is
          edited just as much, just there, and changes nothing that matters.
Method    The places of an edit are the spans of `Pair.of`, widened to whole words; a place counts as many words as the
          longer of its two sides. Of the swaps that our rules allow (`data.swaps`) those are taken that minimise
          20 · |words swapped - words wanted| + Σ distance, in words: place by place, by dynamic programming; what one
          place lacks the next one makes up for. Two swaps never touch neighbouring words.
Match     `Placebo` says how well it fits: the words it edits, the words that were wanted, its mean distance from them.
Limits    Deterministic and offline: rules, no model. A long or scattered edit is often matched in part only. Meaning is
          kept by rule, not checked; what the rules get wrong is small but not nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection
from dataclasses import dataclass

from butfor.data.pairs import Pair, Span, substitute
from butfor.data.swaps import WORD, Swap, swaps

MISSING = 20.0  # one word too few or too many weighs as much as this many words of distance
MOST = 80  # no more candidates than this for a place, the nearest ones


@dataclass(frozen=True, slots=True)
class Placebo:
    """A paraphrase, and how well it matches the edit that it stands beside."""

    text: str
    words: int  # edited words
    wanted: int  # edited words of the edit
    distance: float  # mean distance of its swaps from the nearest edited place, in words


def placebo(base: str, changed: str, keep: Collection[str] = ()) -> str | None:
    """`base` edited where `changed` is and by as many words, its meaning kept; None where no rule applies."""
    found = matched(base, changed, keep)
    return found.text if found else None


def reworded(text: str, words: int, near: int = 0, keep: Collection[str] = ()) -> str | None:
    """The text with `words` words (or as near to it as the rules come) replaced around character `near`."""
    found = _edited(text, [((near, near), words)], swaps(text, keep)) if words > 0 else None
    return found.text if found else None


def matched(base: str, changed: str, keep: Collection[str] = ()) -> Placebo | None:
    """The placebo of an edit with how well it matches; None where no rule applies or nothing was edited."""
    places = edits(base, changed)
    if not places:
        return None
    new = {word.lower() for word in WORD.findall(changed)} - {word.lower() for word in WORD.findall(base)}
    return _edited(base, places, [swap for swap in swaps(base, keep, new) if _apply(base, [swap]) != changed])


def edits(base: str, changed: str) -> list[tuple[Span, int]]:
    """Where `base` is edited to become `changed`, in whole words, and how many words each place holds."""
    skip, end = _shared(base, changed)
    pair = Pair.of(base[skip : len(base) - end], changed[skip : len(changed) - end], "edit")
    found: list[tuple[Span, Span]] = []
    for one, two in zip(pair.base_spans, pair.counterfactual_spans, strict=True):
        (a, b), (c, d) = ((start + skip, stop + skip) for start, stop in (one, two))
        while a > 0 and c > 0 and _joined(base, a) | _joined(changed, c) and base[a - 1] == changed[c - 1]:
            a, c = a - 1, c - 1
        while b < len(base) and d < len(changed) and _joined(base, b) | _joined(changed, d) and base[b] == changed[d]:
            b, d = b + 1, d + 1
        if found and found[-1][0][1] >= a:
            (a, _), (c, _) = found.pop()
        found.append(((a, b), (c, d)))
    return [((a, b), max(len(WORD.findall(base[a:b])), len(WORD.findall(changed[c:d])))) for (a, b), (c, d) in found]


def _shared(one: str, two: str) -> tuple[int, int]:
    """How many characters two texts share at their start and, after these, at their end: up to a blank or all."""
    start = _prefix(one, two)
    start = one.rfind(" ", 0, start) + 1
    end = _prefix(one[start:][::-1], two[start:][::-1])
    return start, one[::-1].rfind(" ", 0, end) + 1


def _prefix(one: str, two: str) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


def size(base: str, changed: str) -> int:
    """How many words an edit touches."""
    return sum(words for _, words in edits(base, changed))


def _joined(text: str, place: int) -> bool:
    """Whether a word goes on across this place of the text."""
    around = text[max(0, place - 1) : place + 1]
    return len(around) == 2 and all(c.isalnum() or c in "_'’" for c in around)


def _edited(text: str, places: list[tuple[Span, int]], candidates: list[Swap]) -> Placebo | None:
    """Swaps for each place in turn; what one lacks is carried to the next."""
    starts, stops = (
        zip(*(found.span() for found in WORD.finditer(text)), strict=True) if WORD.search(text) else ((), ())
    )
    taken: list[tuple[Swap, float]] = []
    owed, wanted = 0, sum(words for _, words in places)
    for (start, stop), words in places:
        first, last = bisect_left(stops, start), bisect_right(starts, stop) - 1
        free = [(swap, _distance(swap, first, last)) for swap in candidates if _apart(swap, taken)]
        chosen = _chosen(free, owed + words, marks=words == 0 and not owed)
        owed += words - sum(swap.words for swap, _ in chosen)
        taken += chosen
    if not taken:
        (start, stop), _ = places[0]
        first, last = bisect_left(stops, start), bisect_right(starts, stop) - 1
        near = [(swap, _distance(swap, first, last)) for swap in candidates if swap.words]
        taken = sorted(near, key=lambda one: MISSING * abs(one[0].words - wanted) + one[1] + one[0].cost)[:1]
    changed = _apply(text, [swap for swap, _ in taken])
    if not taken or changed == text:
        return None
    return Placebo(changed, size(text, changed), wanted, sum(away for _, away in taken) / len(taken))


def _apart(swap: Swap, taken: list[tuple[Swap, float]]) -> bool:
    return all(swap.first > other.last + 1 or swap.last < other.first - 1 for other, _ in taken)


def _distance(swap: Swap, first: int, last: int) -> float:
    """Words between a swap and the place first..last; 0 where they meet."""
    return float(max(0, first - swap.last, swap.first - last))


def _chosen(free: list[tuple[Swap, float]], wanted: int, *, marks: bool) -> list[tuple[Swap, float]]:
    """The swaps, apart from each other, whose words come nearest to `wanted` at the least distance."""
    if marks:
        found = [one for one in free if not one[0].words]
        return sorted(found, key=lambda one: (one[1], one[0].start))[:1]
    usable = sorted((one for one in free if 0 < one[0].words <= wanted + 1), key=lambda one: one[1] + one[0].cost)
    usable = sorted(usable[:MOST], key=lambda one: (one[0].last, one[0].first))
    ends = [swap.last for swap, _ in usable]
    table: list[dict[int, tuple[float, tuple[tuple[Swap, float], ...]]]] = [
        {0: (0.0, ())}
    ]  # after n swaps: words → best
    for swap, away in usable:
        here = dict(table[-1])
        for total, (cost, chain) in table[bisect_left(ends, swap.first - 1)].items():
            new, price = total + swap.words, cost + away + swap.cost
            if new <= wanted + 1 and (new not in here or price < here[new][0]):
                here[new] = (price, (*chain, (swap, away)))
        table.append(here)
    best = min(table[-1], key=lambda total: (MISSING * abs(total - wanted) + table[-1][total][0], total))
    return list(table[-1][best][1])


def _apply(text: str, chosen: list[Swap]) -> str:
    """The text with its swaps made."""
    ordered = sorted(chosen, key=lambda swap: swap.start)
    return substitute(text, tuple((swap.start, swap.stop) for swap in ordered), [swap.text for swap in ordered])
