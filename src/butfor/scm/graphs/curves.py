"""The lines of a drawing: cubic curves through points, around nodes, cut where they meet a box.

A path is a list of cubics; the place `s` on it runs from 0 to the number of its cubics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

Point = tuple[float, float]
Cubic = tuple[Point, Point, Point, Point]
Path = list[Cubic]
Box = tuple[float, float, float, float]  # left, top, right, bottom
STEPS = 24  # of a cubic, to find where it leaves a box


def through(points: Sequence[Point]) -> Path:
    """A smooth path through the points: at each, along the line between its two neighbours, but never flat.

    A flat piece would run through what stands beside a point.
    """
    found: Path = []
    for k, (a, b) in enumerate(pairwise(points)):
        leave = _minus(b, points[k - 1] if k else a)
        arrive = _minus(points[k + 2] if k + 2 < len(points) else b, a)
        share = 1 / 3 if len(points) == 2 else 1 / 5
        found.append((a, _plus(a, _steep(leave), share), _plus(b, _steep(arrive), -share), b))
    return found


def _steep(way: Point) -> Point:
    return math.copysign(min(abs(way[0]), 0.8 * abs(way[1])), way[0]), way[1]


def routed(at: Sequence[Point], bends: Mapping[tuple[int, int], Sequence[Point]], i: int, j: int) -> Path:
    """The path of a line from node i to node j through the points that the layout kept free for it."""
    points = bends[i, j] if (i, j) in bends else bends[j, i][::-1]
    return through([at[i], *points, at[j]])


def arc(at: Sequence[Point], boxes: Sequence[Box], lines: Sequence[Sequence[Point]], i: int, j: int) -> Path:
    """A bow from node i to node j: of several, flat and high, left and right, the one that meets least of `lines`."""
    (ax, ay), (bx, by) = at[i], at[j]
    dx, dy = bx - ax, by - ay
    far = math.hypot(dx, dy)
    others = [box for k, box in enumerate(boxes) if k not in {i, j}]
    best, chosen = math.inf, Path()
    for share in (0.3, -0.3, 0.45, -0.45, 0.65, -0.65, 0.9, -0.9):
        rise = math.copysign(max(abs(share) * far, 52 + 60 * (abs(share) - 0.3)), share)
        nx, ny = dy / far * rise, -dx / far * rise
        bow = [((ax, ay), (ax + dx / 4 + nx, ay + dy / 4 + ny), (bx - dx / 4 + nx, by - dy / 4 + ny), (bx, by))]
        points = flat(bow, 16)
        cost = 12.0 * sum(inside(point, box, 4) for point in points for box in others)
        cost += sum(crossing(a, b, c, d) for a, b in pairwise(points[::2]) for line in lines for c, d in pairwise(line))
        ends = point(bow, leaves(bow, boxes[i], 2)), point(bow, 1 - leaves(reverse(bow), boxes[j], 2))
        cost += 5.0 * sum(math.dist(end, spot) < 14 for end in ends for line in lines for spot in line)
        if cost + abs(rise) / 40 < best:
            best, chosen = cost + abs(rise) / 40, bow
    return chosen


def point(path: Path, s: float) -> Point:
    """The point at place `s`."""
    k = min(int(s), len(path) - 1)
    a, b, c, d = path[k]
    t, u = s - k, 1 - s + k
    return (
        u * u * u * a[0] + 3 * u * u * t * b[0] + 3 * u * t * t * c[0] + t * t * t * d[0],
        u * u * u * a[1] + 3 * u * u * t * b[1] + 3 * u * t * t * c[1] + t * t * t * d[1],
    )


def flat(path: Path, steps: int) -> list[Point]:
    """The path as a polyline."""
    return [point(path, k / steps) for k in range(len(path) * steps + 1)]


def reverse(path: Path) -> Path:
    return [(d, c, b, a) for a, b, c, d in reversed(path)]


def leaves(path: Path, box: Box, room: float) -> float:
    """The place where the path is out of the box, widened by `room`, in which it begins, for good."""
    steps = STEPS * len(path)
    k = next((k for k in range(steps, -1, -1) if inside(point(path, k / STEPS), box, room)), 0)
    low, high = k / STEPS, min(k + 1, steps) / STEPS
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if inside(point(path, middle), box, room) else (low, middle)
    return high


def onwards(path: Path, s: float, far: float) -> float:
    """The first place after `s` whose point is `far` away from the one at `s`."""
    start = point(path, s)
    for k in range(1, 40 * len(path)):
        if math.dist(start, point(path, min(s + k / 40, len(path)))) >= far:
            low, high = s + (k - 1) / 40, min(s + k / 40, len(path))
            for _ in range(10):
                middle = (low + high) / 2
                low, high = (low, middle) if math.dist(start, point(path, middle)) >= far else (middle, high)
            return high
    return float(len(path))


def between(path: Path, s: float, e: float) -> Path:
    """The part from place `s` to place `e`."""
    found: Path = []
    for k, cubic in enumerate(path):
        low, high = max(s - k, 0.0), min(e - k, 1.0)
        if low < high:
            found.append(_part(cubic, low, high))
    return found


def inside(spot: Point, box: Box, room: float = 0.0) -> bool:
    """Is a point in a box that is widened by `room`?"""
    return box[0] - room < spot[0] < box[2] + room and box[1] - room < spot[1] < box[3] + room


def crossing(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Do two segments cross?"""
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _part(cubic: Cubic, low: float, high: float) -> Cubic:
    """Part of a cubic: its polar form at the new ends."""

    def polar(*t: float) -> Point:
        points = list(cubic)
        for each in t:
            points = [_plus(a, _minus(b, a), each) for a, b in pairwise(points)]
        return points[0]

    return polar(low, low, low), polar(low, low, high), polar(low, high, high), polar(high, high, high)


def _plus(a: Point, b: Point, share: float) -> Point:
    return a[0] + share * b[0], a[1] + share * b[1]


def _minus(a: Point, b: Point) -> Point:
    return a[0] - b[0], a[1] - b[1]
