"""Where the nodes of a drawing stand: in rows, causes above effects, with few crossings and short, straight lines.

Rows     Each node goes one row below its lowest cause, or down to its effects where that shortens lines; a row of too
         many is dealt out into several.
Order    A line across several rows passes a point in each; nodes and points of a row are ordered by the mean place of
         their neighbours one row up, then down, in turns, then by swaps of two that stand side by side; the order with
         the fewest crossings is kept.
Places   Each row is moved as near to the mean of its neighbours as order and widths allow: least squares under
         x[k + 1] - x[k] >= gap, which is a monotone regression, solved by pooling those that collide.

Source    Sugiyama, Tagawa & Toda 1981; Ayer et al. 1955 (pooling).
Limits    A good drawing, not the best one: the fewest crossings are NP-hard. The same graph always gives the same one.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Pair = tuple[int, int]
Point = tuple[float, float]
ACROSS, DOWN, BEND = 26.0, 56.0, 12.0  # space between nodes, between rows, and for a line that passes
SWEEPS = 16


@dataclass(frozen=True, slots=True)
class Layout:
    """Centres of the nodes, the points that each line passes from its upper to its lower end, the size of it all."""

    at: list[Point]
    bends: dict[Pair, list[Point]]
    width: float
    height: float


def layout(sizes: Sequence[Point], down: Sequence[Pair], loose: Sequence[Pair] = ()) -> Layout:
    """Places for nodes of these sizes [w, h]; `down` edges lead downwards, with no cycle, `loose` ones only attract."""
    n = len(sizes)
    alone = [i for i in range(n) if not any(i in pair for pair in [*down, *loose])]
    rows = Rows.of(n, _rows(n, down, loose, set(alone)), down, loose)
    rows.arrange()
    widest = max(3.0, 1.6 * math.sqrt(n)) * (max((w for w, _ in sizes), default=0.0) + ACROSS)
    left = _left_over(alone, sizes, max(widest, 300.0) if len(alone) < n else widest)
    widths = [w for w, _ in sizes] + [BEND] * sum(map(len, rows.bends.values()))
    x = _places(rows, widths)
    lift = _depths(rows, sizes, x)
    at = [(x[i], lift[rows.row_of[i]]) if i in rows.row_of else (0.0, 0.0) for i in range(n)]
    bends = {pair: [(x[p], lift[rows.row_of[p]]) for p in points] for pair, points in rows.bends.items()}
    right = max((x[i] + widths[i] / 2 for i in rows.row_of), default=0.0)
    bottom = max((at[i][1] + sizes[i][1] / 2 for i in range(n) if i in rows.row_of), default=-DOWN / 2)
    for i, (a, b) in left.items():
        at[i] = (a, b + bottom + DOWN / 2)
    right = max([right, *(a + sizes[i][0] / 2 for i, (a, _) in left.items())])
    bottom = max([bottom, *(at[i][1] + sizes[i][1] / 2 for i in left)])
    return Layout(at, bends, right, bottom)


def acyclic(n: int, strong: Sequence[Pair], weak: Sequence[Pair]) -> list[Pair]:
    """All pairs, turned so that they have no cycle: strong ones as they are where that can be, weak ones as it comes.

    One node after the other is taken, one with no cause left and, among those, one beside a node already taken.
    """
    causes: list[set[int]] = [set() for _ in range(n)]
    beside: list[set[int]] = [set() for _ in range(n)]
    for a, b in strong:
        causes[b].add(a)
    for a, b in [*strong, *weak]:
        beside[a].add(b)
        beside[b].add(a)
    place: dict[int, int] = {}
    left = set(range(n))
    while left:
        chosen = min(
            left, key=lambda i: (len(causes[i] & left), -max((place.get(j, -1) for j in beside[i]), default=-1), i)
        )
        place[chosen] = len(place)
        left.discard(chosen)
    return [(a, b) if place[a] < place[b] else (b, a) for a, b in [*strong, *weak]]


def _rows(n: int, down: Sequence[Pair], loose: Sequence[Pair], alone: set[int]) -> dict[int, int]:
    """The row of each node that has an edge."""
    up: list[list[int]] = [[] for _ in range(n)]
    low: list[list[int]] = [[] for _ in range(n)]
    for a, b in down:
        up[b].append(a)
        low[a].append(b)
    row: dict[int, int] = {}
    waiting = {i: len(up[i]) for i in range(n) if i not in alone}
    while waiting:
        i = next(k for k in waiting if waiting[k] == 0)
        del waiting[i]
        for j in low[i]:
            waiting[j] -= 1
        row[i] = max((row[j] + 1 for j in up[i]), default=0)
    for i in sorted(row, key=lambda k: -row[k]):
        if len(low[i]) > len(up[i]):
            row[i] = min(row[j] for j in low[i]) - 1
    for a, b in loose:
        for i, j in ((a, b), (b, a)):
            if not up[i] and not low[i] and (up[j] or low[j]):
                row[i] = row[j]
    return _split(row, max(6, math.ceil(1.7 * math.sqrt(n))))


def _split(row: dict[int, int], most: int) -> dict[int, int]:
    """Rows with more than `most` nodes become several, dealt out like cards."""
    members: dict[int, list[int]] = {}
    for i in sorted(row):
        members.setdefault(row[i], []).append(i)
    found: dict[int, int] = {}
    first = 0
    for _, nodes in sorted(members.items()):
        parts = math.ceil(len(nodes) / most)
        found |= {i: first + k % parts for k, i in enumerate(nodes)}
        first += parts
    return found


@dataclass(slots=True)
class Rows:
    """Nodes and passing points in rows, with their neighbours above and below."""

    rows: list[list[int]]
    row_of: dict[int, int]
    up: dict[int, list[int]]
    low: dict[int, list[int]]
    near: dict[int, list[int]]  # loose neighbours
    bends: dict[Pair, list[int]]
    place: dict[int, int] = field(default_factory=dict[int, int])

    @classmethod
    def of(cls, n: int, row_of: dict[int, int], down: Sequence[Pair], loose: Sequence[Pair]) -> Rows:
        row_of, bends = dict(row_of), dict[Pair, list[int]]()
        lines: list[Pair] = []
        for a, b in down:
            points = list(range(n, n + row_of[b] - row_of[a] - 1))
            n += len(points)
            row_of |= {p: row_of[a] + 1 + k for k, p in enumerate(points)}
            bends[a, b] = points
            chain = [a, *points, b]
            lines += pairwise(chain)
        made = cls([], row_of, {i: [] for i in row_of}, {i: [] for i in row_of}, {i: [] for i in row_of}, bends)
        for a, b in lines:
            made.low[a].append(b)
            made.up[b].append(a)
        for a, b in loose:
            made.near[a].append(b)
            made.near[b].append(a)
        made._first()
        return made

    def _first(self) -> None:
        """Depth first: what hangs together stands together."""
        self.rows = [[] for _ in range(max(self.row_of.values(), default=-1) + 1)]
        seen: set[int] = set()
        for start in sorted(self.row_of, key=lambda i: (self.row_of[i], i)):
            todo = [start]
            while todo:
                i = todo.pop()
                if i in seen:
                    continue
                seen.add(i)
                self.rows[self.row_of[i]].append(i)
                todo += [*self.near[i][::-1], *self.up[i][::-1], *self.low[i][::-1]]
        self._placed()

    def _placed(self) -> None:
        self.place = {i: k for row in self.rows for k, i in enumerate(row)}

    def crossings(self) -> int:
        return sum(self._between(k) for k in range(len(self.rows) - 1))

    def _between(self, k: int) -> int:
        found, ends = 0, list[int]()
        for i in self.rows[k]:
            below = sorted(self.place[j] for j in self.low[i])
            found += sum(len(ends) - bisect_left(ends, at + 1) for at in below)
            for at in below:
                insort(ends, at)
        return found

    def arrange(self) -> None:
        """Sweep and swap; keep the order with the fewest crossings and the shortest loose edges."""
        best, kept = self._cost(), [list(row) for row in self.rows]
        for sweep in range(SWEEPS):
            upwards = bool(sweep % 2)
            for row in self.rows[::-1] if upwards else self.rows:
                self._sort(row, self.low if upwards else self.up)
            if sweep % 4 == 3:
                for row in self.rows:
                    self._swap(row)
            cost = self._cost()
            if cost < best:
                best, kept = cost, [list(row) for row in self.rows]
        self.rows = kept
        self._placed()

    def _cost(self) -> tuple[int, float]:
        return self.crossings(), sum(abs(self.place[i] - self.place[j]) for i in self.near for j in self.near[i])

    def _sort(self, row: list[int], side: dict[int, list[int]]) -> None:
        def aim(i: int) -> float:
            places = [self.place[j] for j in side[i]] * 2 + [self.place[j] for j in self.near[i]]
            return sum(places) / len(places) if places else self.place[i]

        row.sort(key=aim)
        for k, i in enumerate(row):
            self.place[i] = k

    def _swap(self, row: list[int]) -> None:
        for k in range(len(row) - 1):
            a, b = row[k], row[k + 1]
            gain = 0
            for side in (self.up, self.low):
                left, right = [self.place[j] for j in side[a]], [self.place[j] for j in side[b]]
                gain += sum((p > q) - (p < q) for p in left for q in right)
            if gain > 0:
                row[k], row[k + 1] = b, a
                self.place[a], self.place[b] = k + 1, k


def _places(rows: Rows, widths: Sequence[float]) -> dict[int, float]:
    """The x of every node and point."""
    x: dict[int, float] = {}
    for row in rows.rows:
        at = 0.0
        for i in row:
            x[i] = at + widths[i] / 2
            at += widths[i] + ACROSS
        for i in row:
            x[i] -= at / 2
    for sweep in range(SWEEPS):
        for row in rows.rows if sweep % 2 == 0 else rows.rows[::-1]:
            aims: list[float] = []
            for i in row:
                both = rows.up[i] + rows.low[i] if sweep >= SWEEPS // 2 else (rows.up, rows.low)[sweep % 2][i]
                aims.append(sum(x[j] for j in both) / len(both) if both else x[i])
            room = [
                (widths[a] + widths[b]) / 2 + (ACROSS / 2 if BEND in (widths[a], widths[b]) else ACROSS)
                for a, b in pairwise(row)
            ]
            weight = [4.0 if widths[i] == BEND else 1.0 for i in row]
            x |= zip(row, spaced(aims, weight, room), strict=True)
    shift = min((x[i] - widths[i] / 2 for i in x), default=0.0)
    return {i: at - shift for i, at in x.items()}


def spaced(aims: Sequence[float], weight: Sequence[float], room: Sequence[float]) -> list[float]:
    """The places nearest to `aims` in weighted squares with at least `room` between each and the next."""
    offset = [0.0]
    for gap in room:
        offset.append(offset[-1] + gap)
    pools: list[tuple[float, float, int]] = []  # mean, weight, count
    for aim, w, o in zip(aims, weight, offset, strict=False):
        pool = (aim - o, w, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, total, count = pools.pop()
            pool = ((mean * total + pool[0] * pool[1]) / (total + pool[1]), total + pool[1], count + pool[2])
        pools.append(pool)
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + o for mean, o in zip(means, offset, strict=False)]


def _depths(rows: Rows, sizes: Sequence[Point], x: dict[int, float]) -> list[float]:
    """The y of every row; rows with long slanting lines between them stand further apart."""
    y, found, before = 0.0, list[float](), 0.0
    for k, row in enumerate(rows.rows):
        half = max([sizes[i][1] / 2 for i in row if i < len(sizes)] or [0.0])
        slant = [abs(x[i] - x[j]) for i in row for j in rows.up[i]]
        gap = DOWN + min(110.0, 0.16 * max(slant)) if slant else DOWN
        y = half if k == 0 else y + before + gap + half
        found.append(y)
        before = half
    return found


def _left_over(alone: Sequence[int], sizes: Sequence[Point], width: float) -> dict[int, Point]:
    """Nodes without an edge, in lines below the drawing."""
    found: dict[int, Point] = {}
    x = y = tall = 0.0
    for i in alone:
        w, h = sizes[i]
        if x and x + w > width:
            x, y, tall = 0.0, y + tall + ACROSS, 0.0
        found[i] = (x + w / 2, y + h / 2)
        x, tall = x + w + ACROSS, max(tall, h)
    return found
