"""The audit of one model as a value: every suite with its headline, other metrics, groups, mistakes and items.

Reading   a metric against its null: the interval of the difference leaves zero out (better, worse, changed), or holds
          it (none). A share of right answers above chance is better; an effect of an edit beyond its placebo is worse
          where less is better. A claim that a check leaves without a meaning (one unit, no spread) is no claim.
          Levels and differences share one strip: the level's interval, the null as a line.
Limits    Like the page of an experiment: nothing is computed that changes a number, what is missing costs a sentence,
          what a model wrote is text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from butfor.report.words import holds, interval, many, percent, reading

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
    "contamination": "Contamination",
    "standard": "Standard benchmarks",
}
CLAIMS = {"better", "worse", "changed"}
DOUBTS = {
    "single-unit": "one unit only",
    "constant": "all items alike",
    "sparse": "nearly all alike",
    "unread": "many unread",
}
Figure = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One metric of one suite: where the model stands, and how far from the null."""

    level: Level
    effect: Effect | None
    scale: Figure
    doubt: str = ""  # the check that leaves the effect without a meaning

    @property
    def found(self) -> str:
        """better, worse, none, unknown; a metric without a null is a level alone."""
        if self.effect is None:
            return "level"
        found = reading(self.effect)
        if found in CLAIMS and self.doubt and not (self.doubt == "unread" and found == "better"):
            return "unknown"  # an unread answer counts as wrong: it can make a model worse than it is, never better
        return "worse" if found in CLAIMS and self.effect.better == "zero" else found

    @property
    def word(self) -> str:
        """The reading in a few words."""
        effect, found = self.effect, self.found
        if effect is None:
            return ""
        if found == "unknown":
            return DOUBTS.get(self.doubt, "no interval")
        null = {"chance": "chance", "its placebo": "placebo"}.get(self.null, "null")
        if found == "none":
            if effect.low == effect.high:
                return f"same as {null}"
            wanted = effect.better == "higher"
            return "as by chance" if null == "chance" else f"not above {null}" if wanted else "none found"
        if effect.better == "zero" or (effect.better == "lower" and found == "worse"):
            return "an effect"
        return f"{'above' if (effect.estimate or 0) > 0 else 'below'} {null}"

    @property
    def null(self) -> str:
        """What the effect is a difference from, in words."""
        name = "" if self.effect is None else self.effect.control
        if "placebo" in name:
            return "its placebo"
        return "zero" if name == "0" else name.replace("_", " ")

    @property
    def holds(self) -> bool:
        return self.effect is None or holds(self.effect)

    def claims(self, found: str) -> bool:
        """Whether this is the reading, after the correction too."""
        return self.found == found and self.holds

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
    def least(self) -> str:
        """The smallest distance of the headline from its null that these items would show four times of five."""
        least = number(self.facts.get("detectable"))
        if least is None or self.headline is None:
            return ""
        unit = self.headline.level.unit
        shown = (
            f"{100 * least:.3g}"
            if unit == "share" and 100 * least >= 10
            else f"{100 * least if unit == 'share' else least:.2g}"
        )
        return f"{shown} {'points' if unit == 'share' else unit}".strip()

    @property
    def sees(self) -> str:
        """The power line."""
        if not self.least or self.headline is None:
            return ""
        line, facts = self.headline, f"With {many(self.headline.level.n or 0, 'item')}, "
        what = (
            f"{line.level.metric} has to lie"
            if line.effect is None
            else f"{line.level.metric} minus its null has to lie"
        )
        return f"{facts}{what} {self.least} from zero to be found with chance 0.8; most smaller effects stay hidden."

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
    checks = [
        check for check in run.checks or () if str(check["about"]).startswith(f"{name}/") and check["ok"] is False
    ]
    lines = [_line(level, own.get(level.metric), known, checks) for level in levels]
    labels: dict[str, list[dict[str, Any]]] = {}
    for row in groups:
        if row.get("suite") == name:
            labels.setdefault(text(row.get("label")), []).append(_group(row, known.get(text(row.get("metric")))))
    return Part(
        name=name,
        area="Plug-ins" if ":" in name else AREAS.get(name.partition(".")[0], name.partition(".")[0].capitalize()),
        facts=facts,
        headline=next((line for line in lines if line.level.metric == head), None),
        lines=lines,
        groups=labels,
        contrasts=[effect for effect in effects if effect.treatment != "model"],
        checks=checks,
    )


def _line(level: Level, effect: Effect | None, known: Mapping[str, Level], failed: Sequence[Mapping[str, Any]]) -> Line:
    about = f"{level.suite}/{level.metric}: "
    null: float | None = None
    if effect is not None and effect.estimate is not None and level.estimate is not None:
        named = known.get(effect.control)
        null = named.estimate if named else number_of(effect.control)
    doubts = [
        str(check["code"]) for check in failed if str(check["about"]).startswith(about) and check["code"] in DOUBTS
    ]
    if level.metric == "accuracy" and any(str(check["about"]) == f"{level.suite}/parsed" for check in failed):
        doubts.append("unread")
    return Line(level, effect, scale_of(level, null), doubts[0] if doubts else "")


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
        "less": text(rest.get("less")).replace("_", " "),
        "unit": level.unit if level else "",
    }


def verdict(audited: Audited) -> str:
    """What the headlines say, area by area: what should lie above its null, and effects that should not be there."""
    said: list[str] = []
    for area, parts in audited.areas.items():
        lines = [part.headline for part in parts if part.headline and part.headline.effect]
        wanted = [line for line in lines if line.level.better == "higher"]
        unwanted = [line for line in lines if line.level.better != "higher"]
        clauses: list[str] = []
        if wanted:
            above, below = (len([line for line in wanted if line.claims(side)]) for side in ("better", "worse"))
            nulls = {line.null for line in wanted}
            null = nulls.pop() if len(nulls) == 1 else "its null"
            clauses.append(
                f"above {null} on {above} of {many(len(wanted), 'suite')}" + f", below on {below}" * (below > 0)
            )
        if unwanted:
            some = len([line for line in unwanted if line.claims("worse") or line.claims("changed")])
            clauses.append(f"an effect on {some} of {many(len(unwanted), 'suite')}")
        if clauses:
            said.append(f"{area.lower()}: {', '.join(clauses)}")
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
