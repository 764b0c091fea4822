"""The headlines of an audit on a terminal: level with interval, reading, p last, within 80 columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from butfor.report.audited import open_audit
from butfor.report.folder import number
from butfor.report.text import STYLE, indented, said
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
    grid.add_column("suite", no_wrap=True)
    grid.add_column(said(f"level [{percent(level or 0.95)} interval]"), no_wrap=True)
    grid.add_column("reading", overflow="fold")
    grid.add_column("p", justify="right", no_wrap=True)
    for area, parts in audit.areas.items():
        if grid.row_count:
            grid.add_section()
        grid.add_row(said(area, "bold"))
        for part in parts:
            line = part.headline
            if line is None:
                grid.add_row(indented(part.name, 1), said("–"))
                continue
            own, effect = line.level, line.effect
            shown = interval(own.estimate, own.low, own.high)
            p = None if effect is None else effect.p if effect.p_adjusted is None else effect.p_adjusted
            star = "*" if line.found in {"better", "worse", "changed"} and not line.holds else ""
            word = "" if effect is None else f"{SYMBOL[line.found]} {line.word}{star}"
            grid.add_row(
                indented(part.name, 1),
                said(f"{own.metric} {shown}" + (f" {own.unit}" if own.unit not in ("", "share") else "")),
                said(word, STYLE.get(line.found, "")),
                said("" if effect is None else probability(p)),
            )
    grid.caption = said("* not after the correction for all headlines")
    return grid
