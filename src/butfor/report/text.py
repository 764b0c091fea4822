"""The effects on a terminal: effect with interval first, p last, within 80 columns.

Takes what it is given: a run folder, the list in effects.json, or the effects of a comparison of two runs.
Names and units are printed as text, never as markup; control characters are spelled out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from butfor.report.folder import Effect, as_mapping, mappings, open_run, to_effect
from butfor.report.words import SYMBOL, holds, interval, percent, probability, reading, short_word, visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

STYLE = {"better": "bold green", "worse": "bold red", "changed": "bold", "none": "dim", "unknown": "dim"}
PIECES = re.compile(r"(?<=[ ._])")
Source = Path | Sequence[Mapping[str, Any]] | Mapping[str, Any]


def table(source: Source) -> Table:
    """A rich table of the effects of a run folder, of effects.json, or of a list of effects."""
    from rich import box
    from rich.table import Table

    effects = effects_of(source)
    level = percent(effects[0].level) if effects else "95%"
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, caption_justify="left")
    grid.add_column(Name("treatment − control"))
    grid.add_column(said(f"effect [{level} interval]"), no_wrap=True, overflow="fold")
    grid.add_column("reading", no_wrap=True)
    grid.add_column("p", justify="right", no_wrap=True)
    for treatment, control in dict.fromkeys((effect.treatment, effect.control) for effect in effects):
        group = [effect for effect in effects if (effect.treatment, effect.control) == (treatment, control)]
        if grid.row_count:
            grid.add_section()
        grid.add_row(Name(f"{group[0].who} − {group[0].whom}", style="bold"))
        for suite in dict.fromkeys(effect.suite for effect in group):
            grid.add_row(Name(suite, 1))
            for effect in group:
                if effect.suite == suite:
                    grid.add_row(*cells(effect))
    if not effects:
        grid.add_row(said("no effects yet", "dim"))
    if any("*" in short(effect) for effect in effects):
        grid.caption = said("* not after the correction for several effects")
    return grid


def plain(source: Source, width: int = 80) -> str:
    """The same table as plain text, at most `width` columns wide."""
    from rich.console import Console

    out = StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False).print(table(source))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n") + "\n"


def effects_of(source: Source) -> list[Effect]:
    if isinstance(source, Path | str):
        return open_run(Path(source)).effects
    rows = as_mapping(source).get("effects") if isinstance(source, Mapping) else list(source)
    return [to_effect(row) for row in mappings(rows)]


def cells(effect: Effect) -> list[Text | Name]:
    p = effect.p if effect.p_adjusted is None else effect.p_adjusted
    size = interval(effect.estimate, effect.low, effect.high, sign=True)
    return [
        Name(effect.metric if effect.metric.startswith(effect.unit) else f"{effect.metric}, {effect.unit}", 2),
        said(size if effect.n is None else f"{size} (n={effect.n})"),
        said(short(effect), STYLE[reading(effect)]),
        said(probability(p)),
    ]


def short(effect: Effect) -> str:
    """The reading in a word; a star where it does not survive the correction."""
    found = reading(effect)
    shown = short_word(effect).replace("no effect found", "none found")
    return f"{SYMBOL[found]} {shown}" + ("" if found in {"none", "unknown"} or holds(effect) else "*")


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a column: indented, and on several lines where the column is narrow (see `broken`)."""

    value: str
    by: int = 0
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        by = min(self.by, options.max_width - 1)
        for line in broken(said(self.value).plain, options.max_width - by):
            yield said(" " * by + line, self.style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.cells import cell_len
        from rich.measure import Measurement

        whole = said(self.value).plain
        longest = max(map(cell_len, PIECES.split(whole)))
        return Measurement(self.by + longest, self.by + cell_len(whole))


def broken(name: str, width: int) -> list[str]:
    """The lines of a name, broken behind a blank, '.' or '_'; inside a word only where that is too wide alone."""
    from rich.cells import cell_len, chop_cells

    lines = [""]
    for piece in PIECES.split(name):
        if cell_len(lines[-1] + piece.rstrip()) > width:
            lines += [piece] if cell_len(piece.rstrip()) <= width else chop_cells(piece.rstrip(), width)
        else:
            lines[-1] += piece
    return [line.rstrip() for line in lines if line] or [""]


def said(value: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(visible(value, 400).replace("\n", " "), style=style)
