"""A heat strip: a text whose tokens are tinted by how much each mattered for one of them. Data to SVG, no more.

Data      {"tokens": [N texts], "targets": [places], "scores": [one row a target: a number or null a token]}
Drawing   one block a target: its context in reading order, a tint as strong as the score is large, blue where the token
          made the target likelier and rust where less likely; the target itself is boxed. Strength never stands alone:
          the largest scores are printed under their tokens.
Limits    A standalone file: it brings its own colours, light and dark. Widths are those of a fixed-width font.
"""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup, escape

from butfor.report.words import visible

COLUMNS, LETTER, LINE, PAD = 96, 7.8, 34, 8
NARROW = 44  # columns in a cell of the page: letters stay readable at 400 px
PRINTED = 4  # scores written out, a target
STYLE = Markup(
    "<style>.heat{{--ink:#1c1d1f;--soft:#5c5f66;--up:#00629b;--down:#b2400b;font:13px ui-monospace,SFMono-Regular,"
    "Menlo,Consolas,monospace}}.heat text{{fill:var(--ink);font:inherit;white-space:pre}}"
    ".heat text.n{{fill:var(--soft);font-size:10px}}.heat .up{{fill:var(--up)}}.heat .down{{fill:var(--down)}}"
    ".heat .box{{fill:none;stroke:var(--ink);stroke-width:1.5}}"
    "@media(prefers-color-scheme:dark){{.heat{{--ink:#e9e7e2;--soft:#a4a6ab;--up:#6fbdec;--down:#f59a68}}}}</style>"
).format()  # every rule names the figure: inside a page it must not reach anything else


def heat(figure: dict[str, Any], columns: int = COLUMNS) -> Markup:
    """The strips of a figure as one SVG."""
    body, top = Markup(""), PAD
    for target, scores in zip(figure["targets"], figure["scores"], strict=True):
        block, lines = _block(figure["tokens"][: target + 1], scores, columns, top)
        body += block
        top += lines * LINE + PAD
    label = visible(figure.get("sentence", ""), 300)
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="heat" width="100%" viewBox="0 0 {} {}" role="img" '
        'aria-label="{}">{}{}</svg>'
    ).format(round(columns * LETTER + 2 * PAD), top, label, STYLE, body)


def drawing(text: str) -> Markup:
    """The strip that a record shows as JSON; what is no strip is shown as the text that it is."""
    try:
        return heat(json.loads(text), NARROW)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        return escape(text)


def _block(tokens: list[str], scores: list[float | None], columns: int, top: float) -> tuple[Markup, int]:
    """One target with its context, and how many lines it takes."""
    known = {place: score for place, score in enumerate(scores[: len(tokens) - 1]) if score is not None}
    first = min(known, default=len(tokens) - 1)  # tokens before the context are left out
    peak = max(map(abs, known.values()), default=0.0) or 1.0
    printed = sorted(known, key=lambda place: -abs(known[place]))[:PRINTED]
    parts, line, column = Markup(""), 0, 0
    for place in range(first, len(tokens)):
        shown = visible(tokens[place]).replace("\n", "⏎")
        if column and column + len(shown) > columns:
            line, column = line + 1, 0
        x, y = PAD + column * LETTER, top + line * LINE
        width = max(len(shown), 1) * LETTER
        if place in known:
            parts += _tint(x, y, width, known[place], abs(known[place]) / peak, place in printed)
        elif place == len(tokens) - 1:
            parts += Markup('<rect x="{}" y="{}" width="{}" height="19" class="box"/>').format(
                round(x, 1), round(y, 1), round(width, 1)
            )
        parts += Markup('<text x="{}" y="{}">{}</text>').format(round(x, 1), round(y + 14, 1), shown)
        column += max(len(shown), 1)
    return parts, line + 1


def _tint(x: float, y: float, width: float, score: float, strength: float, printed: bool) -> Markup:
    kind = "up" if score >= 0 else "down"
    tint = Markup('<rect x="{}" y="{}" width="{}" height="19" class="{}" opacity="{}"><title>{}</title></rect>').format(
        round(x, 1), round(y, 1), round(width, 1), kind, round(0.65 * strength, 3), f"{score:+.2f} nats"
    )
    if printed:
        tint += Markup('<text x="{}" y="{}" class="n">{}</text>').format(
            round(x, 1), round(y + 29, 1), f"{score:+.1f}".replace("-", "−")
        )
    return tint
