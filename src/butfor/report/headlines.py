"""The headlines of an audit on a terminal: level with interval, reading, p last, within 80 columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from butfor.report.audited import CLAIMS, Line, Part, open_audit
from butfor.report.folder import number
from butfor.report.text import STYLE, Name, said
from butfor.report.words import SYMBOL, interval, percent, probability

if TYPE_CHECKING:
    from rich.table import Table


def headlines(folder: Path) -> Table:
    """A rich table of the headline of every suite of an audit."""
    from rich import box
    from rich.table import Table

    audit = open_audit(folder)
    level = number(audit.run.spec.get("level"))
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, caption_justify="left")
    grid.add_column("suite, headline", min_width=20)
    grid.add_column(said(f"level [{percent(level or 0.95)} interval]"), no_wrap=True)
    grid.add_column("reading", overflow="fold", min_width=12)
    grid.add_column("p", justify="right", no_wrap=True, min_width=7)
    for area, parts in audit.areas.items():
        if grid.row_count:
            grid.add_section()
        grid.add_row(Name(f"{area} ({_family(parts[0])}…)" if _family(parts[0]) else area, style="bold"))
        for part in parts:
            name, line = part.name.removeprefix(_family(part)), part.headline
            if line is None:
                grid.add_row(Name(name, 1), said("no item has a value"))
                continue
            own, effect = line.level, line.effect
            unit = f", {own.unit}" if own.unit not in ("", "share") else ""
            p = None if effect is None else effect.p if effect.p_adjusted is None else effect.p_adjusted
            star = "*" if _starred(line) else ""
            word = "" if effect is None else f"{SYMBOL[line.found]} {line.word}{star}"
            grid.add_row(
                Name(f"{name} {own.metric}{unit}", 1),
                said(interval(own.estimate, own.low, own.high)),
                said(word, STYLE.get(line.found, "")),
                said("" if effect is None or line.found == "unknown" else probability(p)),
            )
    if any(part.headline and _starred(part.headline) for part in audit.parts):
        grid.caption = said("* not after the correction for all headlines")
    return grid


def _starred(line: Line) -> bool:
    return line.found in CLAIMS and not line.holds


def _family(part: Part) -> str:
    """What the names of an area's suites begin with; nothing for a plug-in."""
    return "" if ":" in part.name else "".join(part.name.partition(".")[:2])
