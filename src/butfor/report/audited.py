"""The audit of one model as a value: every suite with its headline, other metrics, groups, mistakes and items.

Reading   a metric against its null: the interval of the difference leaves zero out (better, worse, changed), or holds
          it (none). A share of right answers above chance is better; an effect of an edit beyond its placebo is worse
          where less is better. Levels and differences share one strip: the level's interval, the null as a line.
Limits    Like the page of an experiment: nothing is computed that changes a number, what is missing costs a sentence,
          what a model wrote is text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from butfor.core.folder import write_bytes, write_json
from butfor.report import figures
from butfor.report.folder import (
    Effect,
    Level,
    Run,
    as_mapping,
    mappings,
    number,
    open_run,
    optional,
    records,
    rows_of,
    text,
    to_effect,
)
from butfor.report.strip import drawing
from butfor.report.words import holds, interval, many, percent, plain, reading

AREAS = {
    "bias": "Bias",
    "shortcut": "Shortcuts",
    "reason": "Causal reasoning",
    "concept": "Concepts",
    "faithful": "Faithfulness",
    "robust": "Robustness",
    "own": "Your own items",
    "probe": "Context",
    "text": "Text",
    "standard": "Standard benchmarks",
}
SHOWN = {
    "chance": "chance",
    "0": "zero",
    "placebo": "its placebo",
    "placebo_size": "its placebo",
    "placebo_flip": "its placebo",
}
WORDS = {
    ("better", "chance"): "above chance",
    ("worse", "chance"): "below chance",
    ("none", "chance"): "as by chance",
    ("none", ""): "none found",
    ("unknown", ""): "no interval",
    ("better", ""): "below its null",
    ("worse", ""): "an effect",
    ("changed", ""): "an effect",
}
Figure = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One metric of one suite: where the model stands, and how far from the null."""

    level: Level
    effect: Effect | None
    scale: Figure

    @property
    def found(self) -> str:
        """better, worse, changed, none, unknown; a metric without a null is a level alone."""
        if self.effect is None:
            return "level"
        found = reading(self.effect)
        if found in {"better", "worse", "changed"} and self.effect.better == "zero":
            return "worse"
        return found

    @property
    def word(self) -> str:
        """The reading in a few words."""
        if self.effect is None:
            return ""
        null = "chance" if self.null == "chance" else ""
        if not null and self.level.better == "higher" and self.found in {"better", "worse"}:
            return "above its null" if self.found == "better" else "below its null"
        return WORDS.get((self.found, null), self.found)

    @property
    def null(self) -> str:
        return "" if self.effect is None else SHOWN.get(self.effect.control, self.effect.control)

    @property
    def holds(self) -> bool:
        return self.effect is None or holds(self.effect)

    @property
    def row(self) -> Figure:
        """What a whisker draws."""
        return {"estimate": self.level.estimate, "low": self.level.low, "high": self.level.high}


@dataclass(slots=True)
class Part:
    """One suite."""

    name: str
    area: str
    facts: dict[str, Any]
    headline: Line | None
    lines: list[Line]
    groups: dict[str, list[dict[str, Any]]]
    contrasts: list[Effect]  # adaptations against the plain form
    checks: list[dict[str, Any]]
    items: list[dict[str, Any]] = field(default_factory=list)
    strips: list[dict[str, Any]] = field(default_factory=list)

    @property
    def card(self) -> dict[str, Any]:
        return as_mapping(self.facts.get("card"))

    @property
    def sees(self) -> str:
        """The power line."""
        least = number(self.facts.get("detectable"))
        if least is None or self.headline is None:
            return ""
        unit = self.headline.level.unit
        shown = f"{100 * least:.1f} points" if unit == "share" else f"{plain(least)} {unit}".strip()
        n = as_mapping(self.facts).get("n")
        return f"With {many(int(n or 0), 'item')} this audit sees a difference of {shown} with chance 0.8."

    @property
    def mistakes(self) -> list[tuple[str, int]]:
        return [(text(kind), int(n)) for kind, n in as_mapping(self.facts.get("mistakes")).items()]


@dataclass(slots=True)
class Audited:
    """All that an audit's report is made of."""

    run: Run
    parts: list[Part]
    passed: list[dict[str, Any]]
    world: dict[str, Any]

    @property
    def areas(self) -> dict[str, list[Part]]:
        """The suites that have a headline, by area, in the order of `AREAS`."""
        found: dict[str, list[Part]] = {}
        for part in self.parts:
            found.setdefault(part.area, []).append(part)
        order = list(AREAS.values())
        return dict(sorted(found.items(), key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order)))

    @property
    def items(self) -> int:
        return sum(int(part.facts.get("n") or 0) for part in self.parts)


def open_audit(folder: Path) -> Audited:
    """Read an audit's run folder."""
    run = open_run(folder)
    gaps = run.gaps
    told = as_mapping(optional(folder / "suites.json", gaps))
    groups = rows_of(optional(folder / "groups.json", gaps), "groups") or []
    run.gaps = [gap for gap in gaps if not gap.startswith(("diff.json", "overhead.json"))]
    parts = [_part(run, facts, groups) for facts in mappings(told.get("suites"))]
    return Audited(run, parts, mappings(told.get("passed")), as_mapping(told.get("world")))


def _part(run: Run, facts: dict[str, Any], groups: list[dict[str, Any]]) -> Part:
    name, head = text(facts.get("suite")), text(facts.get("headline"))
    levels = [level for level in run.levels if level.suite == name]
    effects = [effect for effect in run.effects if effect.suite == name]
    known = {level.metric: level for level in levels}
    own = {effect.metric: effect for effect in effects if effect.treatment == "model"}
    lines = [_line(level, own.get(level.metric), known) for level in levels]
    labels: dict[str, list[dict[str, Any]]] = {}
    for row in groups:
        if row.get("suite") == name:
            labels.setdefault(text(row.get("label")), []).append(_group(row, known.get(text(row.get("metric")))))
    checks = [check for check in run.checks or () if str(check["about"]).startswith(f"{name}/")]
    return Part(
        name=name,
        area=AREAS.get(name.partition(".")[0], name.partition(".")[0]),
        facts=facts,
        headline=next((line for line in lines if line.level.metric == head), None),
        lines=lines,
        groups=labels,
        contrasts=[effect for effect in effects if effect.treatment != "model"],
        checks=[check for check in checks if check["ok"] is False],
    )


def _line(level: Level, effect: Effect | None, known: Mapping[str, Level]) -> Line:
    null: float | None = None
    if effect is not None and effect.estimate is not None and level.estimate is not None:
        named = known.get(effect.control)
        null = named.estimate if named else number_of(effect.control)
    return Line(level, effect, scale_of(level, null))


def number_of(shown: str) -> float | None:
    try:
        return float(shown)
    except ValueError:
        return None


def scale_of(level: Level, null: float | None) -> Figure:
    """A strip that holds the level, its interval and the null; a share runs from 0 to 1."""
    values = [value for value in (level.estimate, level.low, level.high, null) if value is not None]
    if level.unit == "share" and all(0 <= value <= 1 for value in values):
        return {"low": 0.0, "high": 1.0, "zero": null, "log": False}
    return {**figures.spanning(values, zero=null is None and level.better == "zero"), "zero": null}


def _group(row: dict[str, Any], level: Level | None) -> dict[str, Any]:
    rest = as_mapping(row.get("rest"))
    found = to_effect({**rest, "suite": row.get("suite"), "metric": row.get("metric"), "treatment": row.get("value")})
    facts = {key: number(row.get(key)) for key in ("estimate", "low", "high", "n")}
    return {
        "value": text(row.get("value")),
        **facts,
        "rest": found if rest else None,
        "unit": level.unit if level else "",
    }


def verdict(audited: Audited) -> str:
    """What the headlines say, area by area."""
    said: list[str] = []
    for area, parts in audited.areas.items():
        lines = [part.headline for part in parts if part.headline and part.headline.effect]
        if not lines:
            continue
        found = [line for line in lines if line.found in {"better", "worse", "changed"} and line.holds]
        above = [line for line in found if line.found == "better"]
        if all(line.level.better == "higher" for line in lines):
            said.append(f"{area.lower()}: above its null on {len(above)} of {many(len(lines), 'suite')}")
        else:
            said.append(f"{area.lower()}: an effect on {len(found)} of {many(len(lines), 'suite')}")
    if not said:
        return "No headline has an interval yet."
    sentence = "; ".join(said)
    return sentence[:1].upper() + sentence[1:] + " (after correction for all headlines)."


def items_of(run: Run, part: Part, most: int) -> list[dict[str, Any]]:
    """The first items as they were asked: wrong and right ones in turn, so that both can be looked at."""
    head = part.headline.level.metric if part.headline else ""
    kept: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for row in records(run.folder, "model", 0, part.name):
        if row is None:
            continue
        metrics = as_mapping(row.get("metrics"))
        side = bool(number(metrics.get(head)) or 0)
        if len(kept[side]) < most:
            shown = {key: text(value) for key, value in as_mapping(row.get("show")).items()}
            numbers = {key: number(value) for key, value in metrics.items()}
            kept[side].append(
                {"item": text(row.get("item")), "show": shown, "metrics": numbers, "error": text(row.get("error"))}
            )
        if min(map(len, kept.values())) >= most:
            break
    return [row for pair in zip_longest(*kept.values()) for row in pair if row][:most]


def zip_longest(*columns: list[Any]) -> list[tuple[Any, ...]]:
    import itertools

    return list(itertools.zip_longest(*columns))


def figure_of(audited: Audited) -> Figure:
    """The headlines as data."""
    rows = []
    for part in audited.parts:
        if part.headline is None:
            continue
        line = part.headline
        effect = line.effect
        rows.append(
            {
                "suite": part.name,
                "metric": line.level.metric,
                "unit": line.level.unit,
                **line.row,
                "n": line.level.n,
                "null": line.null,
                "difference": None if effect is None else [effect.estimate, effect.low, effect.high],
                "p_adjusted": None if effect is None else effect.p_adjusted,
                "reading": line.found,
                "word": line.word,
            }
        )
    return {"figure": "headlines", "sentence": verdict(audited), "rows": rows}


def render(folder: Path) -> Path:
    """Write figures/headlines.json and report.html of an audit; returns the page's path."""
    from butfor.report.page import DETAIL, LIMIT, page_of

    audited = open_audit(folder)
    write_json(folder / "figures" / "headlines.json", figure_of(audited))
    page = b""
    for caps in DETAIL:
        for part in audited.parts:
            part.items = items_of(audited.run, part, min(12, caps.largest // 5))
        page = page_of(
            "audit.html.j2",
            caps,
            audit=audited,
            run=audited.run,
            verdict=verdict(audited),
            show=interval,
            percent=percent,
            drawing=drawing,
        )
        if len(page) < LIMIT:
            break
    path = folder / "report.html"
    write_bytes(path, page)
    return path
