"""Tables that were read with a gap: each of their sentences is weighed against all cells that are still open.

Whole     A table of 2^k sentences tells of each case of k variables once. Where a case is read twice, or never, some
          sentence was misread, though each alone looks well.
Open      the cells of the tables that are not whole, and, where round 1 found any causes, of P(variable | its causes)
          of each variable, be they none, of which no such table was read: that is what most texts tell. What a
          sentence was read as is among them.
Chosen    one cell for each sentence, no cell twice: the likeliest assignment, by the model's own probabilities.
Limits    A whole table of the wrong variable is not seen. A model behind an address weighs nothing, and keeps what it
          read; so does a text with more than MOST pairs of a sentence and a cell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product

from butfor.data.units import EVENT, LETTERS, prompt, worded
from butfor.lm.exchange import Steps, Weigh
from butfor.lm.prompt import Prompt

MOST = 800
CELL = re.compile(rf"(?P<head>(?:second )?[A-L]1)(?: \| (?P<given>{EVENT}(?: {EVENT}){{0,4}}))? = (?P<share>\d+)")

Cell = tuple[str, tuple[str, ...]]  # what is told of: "D1", ("B0", "C1")
Table = tuple[str, frozenset[str]]  # "D1", the letters behind the bar


def mended(
    told: Sequence[str], read: Sequence[str], names: Sequence[str], causes: Mapping[str, Sequence[str]]
) -> Steps[list[str]]:
    """Readings of sentences, those of tables with a gap weighed again; `causes`: of each variable, as phrases."""
    from scipy.optimize import linear_sum_assignment

    found = list(read)
    letter = dict(zip(names, LETTERS, strict=False))
    above = {letter[effect]: [letter[cause] for cause in of] for effect, of in causes.items()}
    places, cells = gaps(read, len(names), above)
    if not places or len(places) * len(cells) > MOST:
        return found
    shares = [read[at].rpartition(" = ")[2] for at in places]
    replies = yield [
        Weigh(
            Prompt(prompt(told[at], names), raw=True),
            tuple(f" {worded(shown(cell, share), names)}\n" for cell in cells),
        )
        for at, share in zip(places, shares, strict=True)
    ]
    scores = [reply.logprobs for reply in replies]
    if all(scores):
        for row, column in zip(*linear_sum_assignment(scores, maximize=True), strict=True):
            found[places[row]] = shown(cells[column], shares[row])
    return found


def gaps(read: Sequence[str], size: int, causes: Mapping[str, Sequence[str]]) -> tuple[list[int], list[Cell]]:
    """The places of sentences of tables that are not whole, and the cells that are open to them."""
    tables: dict[Table, dict[int, Cell]] = {}
    for at, said in enumerate(read):
        if found := CELL.fullmatch(said):
            head, given = found["head"], tuple((found["given"] or "").split())
            tables.setdefault((head, frozenset(event[0] for event in given)), {})[at] = head, given
    broken = {table: cells for table, cells in tables.items() if not _whole(table, cells)}
    places = sorted(at for cells in broken.values() for at in cells)
    order = {table: [event[0] for event in next(iter(cells.values()))[1]] for table, cells in broken.items()}
    if causes:
        for letter in LETTERS[:size]:
            above = causes.get(letter, ())
            if (table := (f"{letter}1", frozenset(above))) not in tables:
                order[table] = sorted(above)
    open_ = [
        (head, tuple(f"{letter}{value}" for letter, value in zip(letters, case, strict=True)))
        for (head, _), letters in order.items()
        for case in product((0, 1), repeat=len(letters))
    ]
    return places, open_ if places else []


def _whole(table: Table, cells: Mapping[int, Cell]) -> bool:
    cases = {frozenset(given) for _, given in cells.values()}
    return len(cells) == len(cases) == 2 ** len(table[1]) and all(len(case) == len(table[1]) for case in cases)


def shown(cell: Cell, share: str) -> str:
    """A cell as it is written."""
    head, given = cell
    return f"{head}{' | ' if given else ''}{' '.join(given)} = {share}"
