"""Figures as inline SVG: numbers to positions, and nothing else.

Every drawing is one strip of a table row. Positions are percentages, so the strip stretches with the page while
lines, marks and letters keep their size at 400 px and at 1400 px. Shape and word carry what colour repeats: ● better,
■ worse, ◆ changed, ○ no effect found; a hollow shape does not survive the correction for several effects.
"""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup

from butfor.report.words import fixed, plain, visible

Figure = dict[str, Any]
EDGE = 3.0
HALF = 13


def share(value: float, scale: Figure) -> float:
    """Where a value lies between the ends of its scale: 0 to 1, or beyond."""
    low, high = scale["low"], scale["high"]
    if scale["log"]:
        value, low, high = (math.log(max(x, 1e-300)) for x in (value, low, high))
    return (value - low) / (high - low) if high > low else 0.5


def place(value: float, scale: Figure) -> float:
    """Where a value lies on the strip, in percent; what is off the scale ends just beyond it."""
    return round(EDGE + (100 - 2 * EDGE) * min(max(share(value, scale), -0.03), 1.03), 2)


def svg(body: Markup, label: str, height: int, kind: str = "strip") -> Markup:
    hidden = Markup('role="img" aria-label="{}"').format(visible(label, 300)) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="{}" width="100%" height="{}" {}>{}</svg>').format(kind, height, hidden, body)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line x1="{}%" y1="{}" x2="{}%" y2="{}" class="{}"/>').format(x1, y1, x2, y2, kind)


def word(x: float, y: float, shown: str, anchor: str = "middle", kind: str = "") -> Markup:
    return Markup('<text x="{}%" y="{}" text-anchor="{}" class="{}">{}</text>').format(x, y, anchor, kind, shown)


def mark(x: float, y: float, found: str, solid: bool = True) -> Markup:
    """The shape of a reading, centred at x percent."""
    shapes = {
        "worse": '<rect x="-4.5" y="-4.5" width="9" height="9"/>',
        "changed": '<path d="M0-6.5 6.5 0 0 6.5-6.5 0Z"/>',
    }
    shape = Markup(shapes.get(found, '<circle r="5"/>'))
    kind = f"mark {found} {'solid' if solid and found not in {'none', 'unknown', 'control'} else 'hollow'}"
    return Markup('<svg x="{}%" y="{}" class="{}">{}</svg>').format(x, y, kind, shape)


def ground(scale: Figure, height: int, side: str = "") -> Markup:
    """The zero line, and a tint on the side that is better."""
    parts = Markup("")
    if scale["zero"] is None:
        return parts
    zero = place(scale["zero"], scale)
    if side in {"left", "right"}:
        start, width = (EDGE, zero - EDGE) if side == "left" else (zero, 100 - EDGE - zero)
        parts += Markup('<rect x="{}%" y="0" width="{}%" height="{}" class="good"/>').format(
            round(start, 2), round(width, 2), height
        )
    return parts + line(zero, 0, zero, height, "zero")


def whisker(row: Figure, scale: Figure, found: str, *, solid: bool = True, side: str = "", label: str = "") -> Markup:
    """One estimate with its interval; an end that runs off the scale has no cap."""
    height = 2 * HALF
    body = ground(scale, height, side)
    estimate = row["ratio"] if "ratio" in row else row["estimate"]
    low, high = row["low"], row["high"]
    if low is not None and high is not None:
        left, right = place(low, scale), place(high, scale)
        body += line(left, HALF, right, HALF, f"reach {found}")
        for x, value in ((left, low), (right, high)):
            if -1e-6 < share(value, scale) < 1 + 1e-6:
                body += line(x, HALF - 4, x, HALF + 4, f"reach {found}")
    if estimate is not None:
        body += mark(place(estimate, scale), HALF, found, solid)
    return svg(body, label, height)


def axis(scale: Figure, side: str = "", *, sign: bool = False, times: bool = False) -> Markup:
    """The ends of the scale, its zero, and which side is better."""
    ends = [scale["low"], scale["high"]]
    if scale["zero"] is not None and scale["low"] < scale["zero"] < scale["high"]:
        ends.insert(1, scale["zero"])
    body = line(EDGE, 0.5, 100 - EDGE, 0.5, "axis")
    for value in ends:
        x = place(value, scale)
        anchor = "start" if value == scale["low"] else "end" if value == scale["high"] else "middle"
        shown = f"{value:{'+' if sign and value else ''}.6g}".replace("-", "−") + ("×" if times else "")
        body += line(x, 0.5, x, 4, "axis") + word(EDGE if anchor == "start" else x, 15, shown, anchor)
    if side:
        x, shown = (29.0, "← better") if side == "left" else (71.0, "better →")
        body += word(x, 15, shown, "middle", "side")
    return svg(body, "", 19, "ticks")


def dots(values: list[float], scale: Figure, label: str) -> Markup:
    """One hollow dot a seed."""
    body = ground(scale, 2 * HALF)
    for value in values:
        body += Markup('<circle cx="{}%" cy="{}" r="4" class="seed"/>').format(place(value, scale), HALF)
    return svg(body, label, 2 * HALF)


def histogram(row: Figure, figure: Figure, label: str) -> Markup:
    """How many items changed by how much; items that did not change are a line on zero, cut where the bars end."""
    height, top = 92, 14
    scale, edges = figure["scale"], figure["edges"]
    unit = (height - top - 1) / max(figure["tallest"], 1)
    body = Markup("")
    for start, end, n in zip(edges[:-1], edges[1:], row["counts"], strict=True):
        if n:
            left, right = place(start, scale), place(end, scale)
            kind = "bar down" if end <= 0 else "bar up"
            tall = round(max(n * unit, 1), 2)
            body += Markup('<rect x="{}%" y="{}" width="{}%" height="{}" class="{}"/>').format(
                left, round(height - tall, 2), round(right - left, 2), tall, kind
            )
    zero, mean = place(0.0, scale), place(row["mean"], scale)
    if row["unchanged"]:
        body += line(zero, round(height - min(row["unchanged"], figure["tallest"]) * unit, 2), zero, height, "same")
    body += line(zero, top, zero, height, "zero")
    shown = "mean " + (fixed(0, 0) if row["mean"] == 0 else plain(row["mean"], sign=True))
    anchor = "end" if mean > 80 else "start" if mean < 20 else "middle"
    body += line(mean, top, mean, height, "mean") + word(mean, 10, shown, anchor, "meanword")
    return svg(body, label, height, "histogram")
