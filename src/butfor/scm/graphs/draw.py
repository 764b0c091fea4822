"""A graph or a pattern as an SVG drawing: causes above effects, latent common causes as dashed bows with two heads.

    Path("graph.svg").write_text(svg(Graph.parse("X -> M -> Y; X <-> Y")))

Ends are drawn as they are marked: nothing for a tail, a filled head for an arrowhead, a ring for a circle. `weights`
gives edges a number between 0 and 1, such as a bootstrap frequency, that is written beside the edge and makes it
fainter; `labels` writes any text instead. The drawing holds its own colours for light and for dark, no script and no
font, and the same graph always gives the same bytes. Where nodes stand is decided in `layout.py`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TypeVar

from butfor.core.errors import GraphError, UnknownName
from butfor.scm.graph import Graph
from butfor.scm.graphs.curves import Box, Path, Point, arc, between, flat, leaves, onwards, point, reverse, routed
from butfor.scm.graphs.equivalence import ARROW, ARROWS, CIRCLE, EDGE, Pattern
from butfor.scm.graphs.layout import Pair, acyclic, layout

T = TypeVar("T")
MARGIN, LINE, HEIGHT, PAD, LONGEST = 16.0, 16.0, 30.0, 11.0, 18
HEAD, RING, GAP = 9.5, 3.6, 2.0
BOTH = (ARROW, ARROW)
STYLE = """
.butfor-graph{--paper:#fdfdfb;--ink:#1c1d1f;--soft:#5c5f66;--fill:#efefea;--hidden:#b2400b;color-scheme:light dark;
max-width:100%;height:auto;font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
@media(prefers-color-scheme:dark){.butfor-graph{--paper:#15171a;--ink:#e9e7e2;--soft:#a4a6ab;--fill:#26292e;
--hidden:#f59a68}}
.butfor-graph .ground{fill:var(--paper)}
.butfor-graph .node rect{fill:var(--fill);stroke:var(--soft);stroke-width:1}
.butfor-graph text{fill:var(--ink);text-anchor:middle}
.butfor-graph .edge path{fill:none;stroke:var(--ink);stroke-width:1.4}
.butfor-graph .edge .head{fill:var(--ink);stroke:none}
.butfor-graph .edge circle{fill:var(--paper);stroke:var(--ink);stroke-width:1.4}
.butfor-graph .hidden path{stroke:var(--hidden);stroke-dasharray:5 4}
.butfor-graph .hidden .head{fill:var(--hidden)}
.butfor-graph .told{font-size:11px;stroke:var(--paper);stroke-width:4;paint-order:stroke;stroke-linejoin:round}
""".strip().replace("\n", "")


@dataclass(frozen=True, slots=True)
class Line:
    """One edge to be drawn."""

    pair: Pair
    ends: tuple[int, int]  # the marks at both
    told: str
    strength: float


def svg(
    graph: Graph | Pattern,
    weights: Mapping[tuple[str, str], float] | None = None,
    labels: Mapping[tuple[str, str], str] | None = None,
) -> str:
    """The drawing; `weights` (0 to 1) and `labels` are by pair of names, in either order."""
    names = graph.names
    texts = [_wrapped(name) for name in names]
    sizes = [(max(map(_wide, text)) + 2 * PAD, HEIGHT + LINE * (len(text) - 1)) for text in texts]
    lines = _lines(graph, _by_pair(names, weights or {}), _by_pair(names, labels or {}))
    strong = [each.pair for each in lines if each.ends[1] == ARROW != each.ends[0]]
    down = acyclic(len(names), strong, [each.pair for each in lines if ARROW not in each.ends])
    found = layout(sizes, down, [each.pair for each in lines if each.ends == BOTH])
    boxes = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(found.at, sizes, strict=True)]
    paths = {line: routed(found.at, found.bends, *line.pair) for line in lines if line.ends != BOTH}
    drawn = [flat(path, 12) for path in paths.values()]
    for line in lines:
        if line.ends == BOTH:
            paths[line] = arc(found.at, boxes, drawn, *line.pair)
            drawn.append(flat(paths[line], 12))
    shapes, words, taken = list[str](), list[str](), list(boxes)
    for line in sorted(lines, key=lambda each: each.strength):
        shapes.append(_edge(names, line, paths[line], boxes))
        if line.told:
            words.append(_told(line, paths[line], boxes, taken))
    nodes = [_node(name, text, box) for name, text, box in zip(names, texts, boxes, strict=True)]
    points = [spot for path in paths.values() for spot in flat(path, 12)]
    points += [corner for box in taken for corner in ((box[0], box[1]), (box[2], box[3]))]
    return _page(points or [(0.0, 0.0)], f"{len(names)} variables: {graph}", "".join(shapes + nodes + words))


def _page(points: list[Point], about: str, body: str) -> str:
    left, top = min(x for x, _ in points) - MARGIN, min(y for _, y in points) - MARGIN
    width, height = max(x for x, _ in points) + MARGIN - left, max(y for _, y in points) + MARGIN - top
    size = f'width="{_n(width)}" height="{_n(height)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="butfor-graph" role="img" {size} '
        f'viewBox="{_n(left)} {_n(top)} {_n(width)} {_n(height)}"><title>{_text(about[:600])}</title>'
        f'<style>{STYLE}</style><rect class="ground" x="{_n(left)}" y="{_n(top)}" {size}/>{body}</svg>\n'
    )


def _lines(graph: Graph | Pattern, weights: dict[Pair, float], labels: dict[Pair, str]) -> list[Line]:
    index = {name: i for i, name in enumerate(graph.names)}
    if isinstance(graph, Graph):
        parts = [(a, "->", b) for a, b in graph.edges] + [(a, "<->", b) for a, b in graph.confounded]
    else:
        parts = graph.edges  # an arrowhead at one end alone is at the second
    found: list[Line] = []
    for a, arrow, b in parts:
        i, j = index[a], index[b]
        key = (min(i, j), max(i, j))
        weight = weights.pop(key, None)  # of two edges between the same nodes the directed one is meant
        if weight is not None and not 0 <= weight <= 1:
            raise GraphError(f"the weight of the edge between {a} and {b} is {weight:g}; weights lie between 0 and 1")
        told = labels.pop(key, "" if weight is None else f"{weight:.2f}")
        found.append(Line((i, j), EDGE[arrow], told, 1.0 if weight is None else weight))
    for i, j in [*weights, *labels]:
        raise GraphError(f"{graph.names[i]} and {graph.names[j]} have a weight or a label, but no edge joins them")
    return found


def _by_pair(names: tuple[str, ...], given: Mapping[tuple[str, str], T]) -> dict[Pair, T]:
    index = {name: i for i, name in enumerate(names)}
    found: dict[Pair, T] = {}
    for pair, value in given.items():
        for name in pair:
            if name not in index:
                raise UnknownName("variable", name, names)
        i, j = index[pair[0]], index[pair[1]]
        found[min(i, j), max(i, j)] = value
    return found


def _edge(names: tuple[str, ...], line: Line, path: Path, boxes: list[Box]) -> str:
    """The line, cut off at both nodes, and what stands at its ends."""
    i, j = line.pair
    start, near = _end(path, boxes[i], line.ends[0])
    stop, far = _end(reverse(path), boxes[j], line.ends[1])
    kind = "edge hidden" if line.ends == BOTH else "edge"
    faint = "" if line.strength >= 1 else f' opacity="{_n(0.2 + 0.8 * line.strength)}"'
    title = " ".join([names[i], ARROWS[line.ends], names[j], line.told]).strip()
    drawn = _d(between(path, start, len(path) - stop))
    return f'<g class="{kind}"{faint}><title>{_text(title)}</title><path d="{drawn}"/>{near}{far}</g>'


def _end(path: Path, box: Box, mark: int) -> tuple[float, str]:
    """Where the line begins, and the mark between it and the node."""
    if mark == CIRCLE:
        touch = leaves(path, box, 0.5)
        x, y = point(path, onwards(path, touch, RING))
        return onwards(path, touch, 2 * RING), f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{RING}"/>'
    if mark != ARROW:
        return leaves(path, box, 0.0), ""
    touch = leaves(path, box, GAP)
    (x, y), (u, v) = point(path, touch), point(path, onwards(path, touch, HEAD))
    far = math.hypot(u - x, v - y) or 1.0
    side, rise = 0.38 * HEAD * (v - y) / far, -0.38 * HEAD * (u - x) / far
    head = f"M{_n(x)} {_n(y)}L{_n(u + side)} {_n(v + rise)}L{_n(u - side)} {_n(v - rise)}Z"
    return onwards(path, touch, 0.8 * HEAD), f'<path class="head" d="{head}"/>'


def _told(line: Line, path: Path, boxes: list[Box], taken: list[Box]) -> str:
    """The words of an edge, at that place on it where they cover least."""
    wide = 0.85 * _wide(line.told) + 4
    first, last = leaves(path, boxes[line.pair[0]], 0), len(path) - leaves(reverse(path), boxes[line.pair[1]], 0)
    best, chosen = math.inf, (0.0, 0.0, 0.0, 0.0)
    for share in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82):
        x, y = point(path, first + share * (last - first))
        if line.ends == BOTH:  # outside the bow, which may be short
            (ax, ay), (bx, by) = path[0][0], path[-1][-1]
            out = 11 / (math.dist((x, y), ((ax + bx) / 2, (ay + by) / 2)) or 1.0)
            x, y = x + out * (x - (ax + bx) / 2), y + out * (y - (ay + by) / 2)
        box = (x - wide / 2, y - 7, x + wide / 2, y + 7)
        cost = sum(_shared(box, other) for other in taken) + abs(share - 0.5)
        if cost < best:
            best, chosen = cost, box
    taken.append(chosen)
    x, y = (chosen[0] + chosen[2]) / 2, (chosen[1] + chosen[3]) / 2 + 4
    return f'<text class="told" x="{_n(x)}" y="{_n(y)}">{_text(line.told)}</text>'


def _shared(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _node(name: str, text: list[str], box: Box) -> str:
    left, top, right, bottom = box
    size = f'x="{_n(left)}" y="{_n(top)}" width="{_n(right - left)}" height="{_n(bottom - top)}" rx="8"'
    x, y = (left + right) / 2, top + HEIGHT / 2 + 4.5
    rows = "".join(f'<text x="{_n(x)}" y="{_n(y + k * LINE)}">{_text(row)}</text>' for k, row in enumerate(text))
    return f'<g class="node"><title>{_text(name)}</title><rect {size}/>{rows}</g>'


def _wrapped(name: str) -> list[str]:
    """A name in at most three rows, broken behind spaces and signs; what is longer is cut, the title holds it all."""
    rows = [""]
    for word in re.findall(r"[^\s_.\-/]*[\s_.\-/]*", name):
        for part in (word[k : k + LONGEST] for k in range(0, len(word), LONGEST)):
            if rows[-1] and len(rows[-1]) + len(part.rstrip()) > LONGEST:
                rows.append("")
            rows[-1] += part
    shown = [row.strip() for row in rows]
    return shown if len(shown) <= 3 else [*shown[:2], shown[2][: LONGEST - 1] + "…"]


def _wide(text: str) -> float:
    """Roughly the width of a text in a sans-serif of 13 pixels."""
    found = 0.0
    for sign in text:
        if unicodedata.combining(sign):
            continue
        if unicodedata.east_asian_width(sign) in "WF":
            found += 13.5
        else:
            found += (
                4.4 if sign in "iljtfrI.,:;'|!()[] " else 11.5 if sign in "mwMW@%…" else 9.2 if sign.isupper() else 7.5
            )
    return found


def _d(path: Path) -> str:
    begin = f"M{_n(path[0][0][0])} {_n(path[0][0][1])}" if path else "M0 0"
    return begin + "".join("C" + " ".join(f"{_n(x)} {_n(y)}" for x, y in cubic[1:]) for cubic in path)


def _text(text: str) -> str:
    """Text as XML holds it: escaped, without signs that XML refuses."""
    return escape(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "\ufffd", text))


def _n(value: float) -> str:
    return f"{value + 0.0:.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.005 else "0"
