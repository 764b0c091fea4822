"""report.html and figures/*.json from a run folder's files alone.

Rule      Same folder, same bytes: no clock, no host. One file under 3 MB that asks for nothing from anywhere: a content
          policy forbids every load, and only the script whose hash stands in it may run. What a model wrote is text.
Limits    A page that would be too big is made again with fewer items, shorter texts and shorter tables; it says how
          many of how many it shows. The files of the run folder hold them all.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from butfor.core.folder import write_bytes, write_json
from butfor.report import draw, figures, items
from butfor.report.folder import Effect, Run, open_run
from butfor.report.recipe import recipe
from butfor.report.words import (
    SYMBOL,
    amount,
    clause,
    direction,
    excluded,
    fixed,
    interval,
    many,
    percent,
    plain,
    probability,
    reading,
    size_of,
    tight,
    verdict,
    verdict_word,
    visible,
)

if TYPE_CHECKING:
    from jinja2 import Environment

LIMIT = 3_000_000


@dataclass(frozen=True, slots=True)
class Caps:
    """How much of everything a page may show."""

    largest: int
    sampled: int
    others: int
    text: int
    lines: int
    arms: int
    tables: int
    any_string: int


DETAIL = (
    Caps(120, 40, 30, 700, 400, 24, 24, 2000),
    Caps(60, 20, 10, 300, 200, 16, 12, 1000),
    Caps(20, 10, 0, 160, 80, 10, 4, 400),
    Caps(0, 0, 0, 120, 24, 6, 0, 160),
)


def render(run_folder: Path) -> Path:
    """Write figures/*.json and report.html; returns the page's path."""
    run = open_run(Path(run_folder))
    data, tables = compute(run)
    for name, figure in data.items():
        write_json(run.folder / "figures" / f"{name}.json", figure)
    path = run.folder / "report.html"
    write_bytes(path, fitted(run, data, tables))
    return path


def fitted(run: Run, data: Mapping[str, Any], tables: list[items.Paired]) -> bytes:
    """The page in the most detail that fits."""
    *some, least = DETAIL
    for caps in some:
        if len(page := html(run, data, tables, caps)) < LIMIT:
            return page
    return html(run, data, tables, least)


def compute(run: Run) -> tuple[dict[str, Any], list[items.Paired]]:
    """The data of every figure, and the paired items behind them; what was missing is added to the run's gaps."""
    records = items.Records(run)
    pairs = [records.paired(e.suite, e.metric, e.treatment, e.control, e.unit) for e in ordered(run)]
    run.gaps += [f"{path}: {many(n, 'line')} cannot be read." for path, n in records.damaged.items()]
    pairs = [pair for pair in pairs if pair.items]
    first = run.primary
    central = [pair for pair in pairs if first and (pair.suite, pair.metric) == (first.suite, first.metric)]
    data = {
        "forest": figures.forest(run),
        "levels": figures.levels(run),
        "overhead": figures.costs(run),
        "spread": figures.spread(run, central),
        "seeds": figures.seeds(run, pairs),
    }
    return data, chosen(run, pairs, central)


def ordered(run: Run) -> list[Effect]:
    """Every effect once, those of the primary metric first and the primary one before all."""
    first = run.primary
    rank = {
        effect.key: (
            first is None or effect.key != first.key,
            first is None or (effect.suite, effect.metric) != (first.suite, first.metric),
        )
        for effect in run.effects
    }
    unique = {effect.key: effect for effect in ([first] if first else []) + run.effects}
    return sorted(unique.values(), key=lambda effect: rank.get(effect.key, (False, False)))


def chosen(run: Run, pairs: list[items.Paired], central: list[items.Paired]) -> list[items.Paired]:
    """The pairs that get a per-item table: the primary metric in every arm, then each other suite's first metric."""
    suites = {pair.suite for pair in central}
    more: list[items.Paired] = []
    for pair in pairs:
        if pair.suite not in suites and (run.primary is None or pair.treatment == run.primary.treatment):
            suites.add(pair.suite)
            more.append(pair)
    return central + more


def html(run: Run, data: Mapping[str, Any], tables: list[items.Paired], caps: Caps) -> bytes:
    """The whole page, at one level of detail."""
    failed = [check for check in run.checks or () if check["ok"] is False]
    first = f"{run.primary.name}: {run.primary.treatment} against" if run.primary else ""
    return page_of(
        "page.html.j2",
        caps,
        run=run,
        figures=data,
        central=[e for e in ordered(run) if run.primary and e.name == run.primary.name],
        verdict=verdict(run.primary, run.effects),
        tables=[table(run, pair, caps, first=place == 0) for place, pair in enumerate(tables[: caps.tables])],
        untabled=max(0, len(tables) - caps.tables),
        failed=failed,
        central_failed=[check for check in failed if first and str(check["about"]).startswith(first)],
        checks=grouped(run.checks or []),
        methods=method_lines(run),
        recipe=recipe(run.spec).splitlines(),
    )


def page_of(template: str, caps: Caps, **values: Any) -> bytes:
    """A template with the style and the one script that may run."""
    source = files("butfor.report")
    style = (source / "page.css").read_text(encoding="utf-8")
    script = (source / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    made = environment(caps.any_string).get_template(template)
    page = made.render(caps=caps, style=style, script=script, digest=digest, **values)
    return defuse(page).encode("utf-8", errors="replace")


def table(run: Run, pair: items.Paired, caps: Caps, *, first: bool) -> dict[str, Any]:
    """One per-item table: the sentence and the lines."""
    largest, sampled = (caps.largest, caps.sampled) if first else (caps.others, 0)
    lines = items.shown(run, pair, items.choose(pair, largest, sampled))
    places = places_of(pair.difference)
    return {"pair": pair, "rule": items.rule(pair, largest, sampled), "lines": lines, "open": first, "places": places}


def places_of(differences: NDArray[np.float64]) -> int:
    """Decimals for one table: two significant digits of its middling change."""
    moved = np.abs(differences[differences != 0])
    return min(6, max(0, 1 - math.floor(math.log10(float(np.median(moved)))))) if moved.size else 2


def grouped(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Checks that say the same, once with all that they are about; those that failed come first."""
    groups: dict[tuple[Any, str, str], list[str]] = {}
    for check in sorted(checks, key=lambda check: {False: 0, None: 1}.get(check["ok"], 2)):
        groups.setdefault((check["ok"], check["code"], check["message"]), []).append(check["about"])
    return [
        {"ok": ok, "code": code, "message": message, "about": [about for about in abouts if about]}
        for (ok, code, message), abouts in groups.items()
    ]


def method_lines(run: Run) -> list[str]:
    """How the intervals were made, each way once with the number of effects it made."""
    ways: dict[str, int] = {}
    for effect in run.effects:
        ways[effect.method] = ways.get(effect.method, 0) + 1
    return [f"{method or 'not recorded'} ({many(n, 'effect')})" for method, n in ways.items()]


@cache
def environment(limit: int) -> Environment:
    """Templates that escape everything, after every string has been made visible and bounded."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: Any) -> Any:
        return visible(value, limit) if isinstance(value, str) and not isinstance(value, Markup) else value

    made = Environment(
        loader=PackageLoader("butfor.report", "."),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"plain": plain, "p": probability, "percent": percent, "many": many}
    made.filters |= {"tight": tight}
    made.globals |= {"draw": draw, "symbol": SYMBOL, "raw": Markup, "clip": visible, "amount": amount, "fixed": fixed}
    made.globals |= {"size_of": size_of, "reading": reading, "verdict_word": verdict_word, "clause": clause}
    made.globals |= {"interval": interval, "excluded": excluded, "direction": direction}
    return made


def defuse(page: str) -> str:
    """Addresses that a model wrote stay readable, but nothing in the file is an address."""
    return re.sub(r"(?i)\b(https?|ftps?|wss?|file):(?=//)", r"\1&#58;", page)
