"""The data of every figure: what is drawn, the scale it is drawn on, and the sentence that goes with it.

Each function returns a plain value that stands in figures/<name>.json; `draw` turns it into SVG and the page prints its
sentence. Effects of different metrics never share a scale: each metric has its own, symmetric about zero, so that
the zero line is one line down the whole figure. Ratios of costs share one logarithmic scale about 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from butfor.report.folder import Effect, Level, Run, number, text
from butfor.report.items import Paired
from butfor.report.words import holds, many, percent, plain, reading, short_word, size_of

Figure = dict[str, Any]
Row = TypeVar("Row", Effect, Level)
STEPS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
TIMES = (1, 1.25, 2, 4, 5, 10)  # their inverses are round too
TINY = 1e-300  # powers of ten below it lose their digits
FAR = math.log(30)  # an end of an interval farther than 30 times from 1 runs off the scale of costs


def nice(value: float, steps: Sequence[float] = STEPS) -> float:
    """The next round number that is at least `value`: one of `steps` times a power of ten; 1 for next to nothing."""
    if not math.isfinite(value) or value < TINY:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    step = next((step for step in steps if step * power >= value * (1 - 1e-9)), 10)
    return float(f"{step * power:.12g}")


def bounds(rows: Iterable[Sequence[float | None]]) -> list[float]:
    return [value for row in rows for value in row if value is not None]


def forest(run: Run) -> Figure:
    """Every effect, by suite, metric and arm."""
    return {
        "figure": "forest",
        "sentence": forest_sentence(run.effects),
        "facets": [
            {
                **_metric(effects[0]),
                "better_side": better_side(effects),
                "scale": symmetric(bounds((e.estimate, e.low, e.high) for e in effects)),
                "rows": [mark(run, effect) for effect in effects],
            }
            for effects in _by_metric(run.effects)
        ],
    }


def _by_metric(rows: Iterable[Row]) -> list[list[Row]]:
    """The rows of each metric of each suite, in the order in which they first come."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.suite, row.metric), []).append(row)
    return list(found.values())


def _metric(row: Effect | Level) -> Figure:
    return {"suite": row.suite, "metric": row.metric, "unit": row.unit, "better": row.better, "about": row.about}


def mark(run: Run, effect: Effect) -> Figure:
    return {
        "treatment": effect.treatment,
        "label": run.label(effect.treatment),
        "against": run.label(effect.control),
        "estimate": effect.estimate,
        "low": effect.low,
        "high": effect.high,
        "level": effect.level,
        "n": effect.n,
        "seeds": effect.seeds,
        "p": effect.p,
        "p_adjusted": effect.p_adjusted,
        "reading": reading(effect),
        "holds": holds(effect),
        "word": short_word(effect),
        "shown": size_of(effect),
        "primary": effect.primary,
    }


def forest_sentence(effects: list[Effect]) -> str:
    """How many of how many, and what the correction leaves."""
    if not effects:
        return "No effects have been computed yet."
    found = [effect for effect in effects if reading(effect) not in {"none", "unknown"}]
    lost = sum(not holds(effect) for effect in found)
    words = [reading(effect) for effect in found]
    parts = [f"{words.count(word)} {word}" for word in ("better", "worse", "changed") if word in words]
    level = percent(effects[0].level)
    sentence = f"Of {many(len(effects), 'effect')}, {len(found)} {'has' if len(found) == 1 else 'have'} "
    sentence += f"a {level} interval that excludes zero" + (f" ({', '.join(parts)})" if parts else "")
    if any(effect.p_adjusted is not None for effect in effects) and found:
        sentence += (
            f"; {lost} of them {'does' if lost == 1 else 'do'} not survive the correction for several effects"
            if lost
            else "; all of them survive the correction for several effects"
        )
    return sentence + "."


def better_side(effects: list[Effect]) -> str:
    """Which side of zero is an improvement: left, right, or neither for all rows alike."""
    if effects[0].better in {"higher", "lower"}:
        return "right" if effects[0].better == "higher" else "left"
    above = {effect.control_level > 0 for effect in effects if effect.better == "zero" and effect.control_level}
    return "" if len(above) != 1 else "left" if True in above else "right"


def symmetric(values: list[float]) -> Figure:
    reach = nice(max((abs(value) for value in values), default=1.0) or 1.0)
    return {"low": -reach, "high": reach, "zero": 0.0, "log": False}


def spanning(values: list[float], zero: bool) -> Figure:
    """A scale that just holds the values, and zero where zero means something."""
    shown = [*values, 0.0] if zero else values
    low, high = (min(shown), max(shown)) if shown else (0.0, 1.0)
    if high - low < TINY:
        low, high = (
            low - (abs(low) / 10 if abs(low) > TINY else 0.5),
            high + (abs(high) / 10 if abs(high) > TINY else 0.5),
        )
    step = nice((high - low) / 4)
    start, end = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return {"low": float(f"{start:.12g}"), "high": float(f"{end:.12g}"), "zero": 0.0 if zero else None, "log": False}


def levels(run: Run) -> Figure:
    """The value of every metric in every arm."""
    return {
        "figure": "levels",
        "sentence": "Where each arm stands, with its own interval. The effects above are computed from paired items, "
        "so two intervals that overlap here can still belong to a clear effect.",
        "facets": [
            {
                **_metric(rows[0]),
                "scale": spanning(bounds((r.estimate, r.low, r.high) for r in rows), rows[0].better == "zero"),
                "rows": [
                    {
                        "arm": row.arm,
                        "label": run.label(row.arm),
                        "control": row.arm == run.control,
                        "estimate": row.estimate,
                        "low": row.low,
                        "high": row.high,
                        "n": row.n,
                        "seeds": row.seeds,
                    }
                    for row in rows
                ],
            }
            for rows in _by_metric(run.levels)
        ],
    }


def costs(run: Run) -> Figure:
    """What the treatment costs, as ratios on one logarithmic scale."""
    rows = []
    for row in run.overhead or ():
        ratio, low, high = (number(row.get(key)) for key in ("ratio", "low", "high"))
        cost, treatment = text(row.get("cost")), text(row.get("treatment"))
        rows.append(
            {
                "cost": cost,
                "treatment": treatment,
                "label": run.label(treatment),
                "ratio": ratio if ratio and ratio > 0 else None,
                "low": low if low is not None and low > 0 else None,
                "high": high,
                "n": number(row.get("n")),
                "unit_of_n": text(row.get("unit_of_n")),
                "treatment_value": number(row.get("treatment_value")),
                "control_value": number(row.get("control_value")),
                "word": cost_word(cost, ratio, low, high),
            }
        )
    order = list(dict.fromkeys(row["cost"] for row in rows))
    rows.sort(key=lambda row: order.index(row["cost"]))
    ratios = [abs(math.log(row["ratio"])) for row in rows if row["ratio"]]
    ends = [abs(math.log(value)) for row in rows for value in (row["low"], row["high"]) if value and value > 0]
    reach = nice(math.exp(min(max([*ratios, *(end for end in ends if end < FAR), math.log(1.2)]), 300.0)), TIMES)
    return {
        "figure": "overhead",
        "sentence": cost_sentence(rows),
        "scale": {"low": 1 / reach, "high": reach, "zero": 1.0, "log": True},
        "rows": rows,
    }


def cost_word(cost: str, ratio: float | None, low: float | None, high: float | None) -> str:
    """more, less, the same, no difference found; a rate (per second) is faster or slower."""
    if ratio is None:
        return "no ratio: one side is 0"
    if low is None or high is None:
        return "no interval"
    if low <= 1 <= high:
        return "the same" if low == high else "no difference found"
    rate = "per second" in cost or "/s" in cost
    return ("faster" if ratio > 1 else "slower") if rate else ("more" if ratio > 1 else "less")


def cost_sentence(rows: list[Figure]) -> str:
    if not rows:
        return "No costs were recorded for this run."
    told = [row for row in rows if row["word"] in {"more", "less", "faster", "slower"}]
    bare = sum(row["word"] == "no interval" for row in rows)
    said = [f"{row['label']} took {plain(row['ratio'])}× the {row['cost']} of its control" for row in told[:3]]
    sentence = "; ".join(said) if said else "No cost differs from its control by more than its interval"
    if not said and bare == len(rows):
        sentence = "Each cost was measured once, so its ratio has no interval and may be noise"
    elif bare:
        sentence += f"; {many(bare, 'ratio')} of {len(rows)} {'has' if bare == 1 else 'have'} no interval"
    return sentence + "."


def spread(run: Run, pairs: list[Paired]) -> Figure:
    """How the change is spread over the items of the primary metric: one histogram an arm, on one scale."""
    shown = [pair for pair in pairs if pair.difference.size]
    values = np.concatenate([pair.difference for pair in shown]) if shown else np.zeros(1)
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    wanted = min(40.0, max(8.0, 2 * max((pair.difference.size for pair in shown), default=1) ** (1 / 3)))
    step = nice((high - low) / wanted)
    edges = [float(f"{step * k:.12g}") for k in range(math.floor(low / step), max(math.ceil(high / step), 1) + 1)]
    rows = [bars(run, pair, edges) for pair in shown]
    tallest = max((max(row["counts"], default=0) for row in rows), default=0)
    return {
        "figure": "spread",
        "sentence": spread_sentence(rows, tallest),
        "scale": {"low": edges[0], "high": edges[-1], "zero": 0.0, "log": False},
        "edges": edges,
        "tallest": tallest,
        "rows": rows,
    }


def bars(run: Run, pair: Paired, edges: list[float]) -> Figure:
    """One histogram; items that did not change at all are counted apart."""
    moved = pair.difference
    return {
        "treatment": pair.treatment,
        "label": run.label(pair.treatment),
        "n": int(moved.size),
        "mean": float(moved.mean()),
        "down": int((moved < 0).sum()),
        "up": int((moved > 0).sum()),
        "unchanged": int((moved == 0).sum()),
        "counts": np.histogram(moved[moved != 0], edges)[0].tolist(),
    }


def spread_sentence(rows: list[Figure], tallest: int) -> str:
    if not rows:
        return "There are no records to show how the change is spread over the items."
    first = rows[0]
    told = (
        f"With {first['label']}, of {many(first['n'], 'item')} {first['down']:,} went down, {first['up']:,} went up "
        f"and {first['unchanged']:,} did not change."
    )
    return told + (f" The tallest bar holds {many(tallest, 'item')}." if tallest else "")


def seeds(run: Run, pairs: list[Paired]) -> Figure:
    """The mean change of each seed alone."""
    rows = []
    for pair in pairs:
        if not pair.by_seed:
            continue
        means = {str(seed): value for seed, value in pair.by_seed.items()}
        row = {"suite": pair.suite, "metric": pair.metric, "treatment": pair.treatment}
        rows.append(
            row
            | {
                "label": run.label(pair.treatment),
                "unit": pair.unit,
                "means": means,
                "identical": pair.identical,
                "sentence": seed_sentence(pair),
                "scale": symmetric(list(pair.by_seed.values())),
            }
        )
    return {"figure": "seeds", "sentence": seeds_sentence(rows), "rows": rows}


def seed_sentence(pair: Paired) -> str:
    values = list(pair.by_seed.values())
    if len(values) == 1:
        return "one seed only: how much the effect varies with the seed is unknown"
    if pair.identical:
        return f"{len(values)} seeds gave the same numbers: nothing here is random, and the seeds count as one"
    signs = {np.sign(value) for value in values if value}
    span = f"from {plain(min(values), sign=True)} to {plain(max(values), sign=True)}"
    if len(signs) <= 1:
        return f"all {len(values)} seeds agree in direction, {span}"
    return f"the seeds disagree in direction, {span}: do not read a direction from this effect"


def seeds_sentence(rows: list[Figure]) -> str:
    if not rows:
        return "There are no records to compare the seeds by."
    apart = [row for row in rows if "disagree" in row["sentence"]]
    if len({len(row["means"]) for row in rows}) == 1 and len(rows[0]["means"]) == 1:
        return "The run has one seed, so it cannot say how much an effect varies with the seed."
    if not apart:
        return "On no metric do the seeds point in different directions."
    named = ", ".join(f"{row['suite']}/{row['metric']} ({row['label']})" for row in apart[:4])
    return f"The seeds point in different directions on {len(apart)} of {len(rows)} comparisons: {named}."
