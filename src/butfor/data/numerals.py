"""Numbers as people write them: with commas, units, signs of money and of percent, as fractions, as powers of ten.

Equal     a = b up to 1e-9, relatively; or a, rounded to as many decimals as the gold answer b shows, is b.
          25% is 0.25, and where the gold answer is a bare 25 also that.
Limits    Digits alone: "twelve" is no number here. A comma is a mark of thousands, a point that of decimals.
"""

from __future__ import annotations

import re
from math import isclose

NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-−]?) ?[$€£]? ?(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?P<part>\.\d+)?"
    r"(?:e(?P<ten>[-+]?\d+))?(?: */ *(?P<under>\d+(?:\.\d+)?))? *(?P<cent>%|percent\b|per cent\b)?",
    re.IGNORECASE,
)


def numbers(text: str) -> list[str]:
    """Every number of a text as digits, with its sign of percent; a fraction is divided out."""
    found: list[str] = []
    for hit in NUMBER.finditer(text):
        if not hit["whole"] and not hit["part"]:
            continue
        value = float((hit["whole"] or "0").replace(",", "") + (hit["part"] or "")) * 10.0 ** int(hit["ten"] or 0)
        if hit["under"]:
            if float(hit["under"]) == 0:
                continue
            value /= float(hit["under"])
        found.append(f"{-value if hit['sign'] else value:.12g}{'%' if hit['cent'] else ''}")
    return found


def same_number(read: str, gold: str) -> bool:
    """Equal, or equal when rounded to as many decimals as the gold answer has; 25% is 0.25, and 25 of a hundred."""
    golds = numbers(gold)
    if len(golds) != 1:
        return False
    decimals = len(gold.strip(" %").partition(".")[2]) if "/" not in gold and "e" not in gold.lower() else 0
    near = 0.5000001 * 10.0**-decimals if decimals else 0.0

    def same(a: str, b: str, scale: float, within: float) -> bool:
        return isclose(float(a) * scale, float(b), rel_tol=1e-9, abs_tol=within)

    mine, true = read.rstrip("%"), golds[0].rstrip("%")
    if same(mine, true, 1.0, near):
        return True
    if read.endswith("%") and not golds[0].endswith("%"):
        return same(mine, true, 0.01, near)
    return golds[0].endswith("%") and not read.endswith("%") and same(mine, true, 100.0, near)
