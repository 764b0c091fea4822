"""Readings that do not fit together: the sentences are weighed against all cells that are still open.

As many   Most texts tell P(variable | its causes) of every variable. Where as many shares were read as that has cells,
          but not the same ones, the sentences that were read as none of them get those that are left; not where they
          lose more than FURTHEST nats by that, on the mean: P(cause | effect) is told in as many sentences.
Gaps      Elsewhere each table is looked at: 2^k sentences tell of each case of k variables once. Where a case is read
          twice, or never, some sentence was misread, though each alone looks well.
Open      there are the cells of the tables that are not whole, and, where round 1 found any causes, of P(variable | its
          causes) of each variable, be they none, of which no such table was read. What a sentence was read as is one.
Chosen    one cell for each sentence, no cell twice: the likeliest assignment, by the model's own probabilities. A
          sentence that stands twice counts once.
Limits    Where less is told than every variable's causes, a whole table of the wrong variable is not seen. Variables
          that nobody sees count like others: some texts tell of them. A model behind an address weighs nothing, and
          keeps what it read; so does a text with more than MOST pairs of a sentence and a cell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product

from butfor.data.units import EVENT, LETTERS, prompt, worded
from butfor.lm.exchange import Steps, Weigh
from butfor.lm.prompt import Prompt

MOST = 800
FURTHEST = 8.0
CELL = re.compile(rf"(?P<head>(?:second )?[A-L]1)(?: \| (?P<given>{EVENT}(?: {EVENT}){{0,4}}))? = (?P<share>\d+)")

Cell = tuple[str, tuple[str, ...]]  # what is told of: "D1", ("B0", "C1")
Case = tuple[str, frozenset[str]]  # the same, in no order
Table = tuple[str, frozenset[str]]  # "D1", the letters behind the bar


def mended(
    told: Sequence[str], read: Sequence[str], names: Sequence[str], causes: Mapping[str, Sequence[str]]
) -> Steps[list[str]]:
    """Readings of sentences, those that do not fit together weighed again; `causes`: of each variable, as phrases."""
    letter = dict(zip(names, LETTERS, strict=False))
    above = {letter[effect]: [letter[cause] for cause in of] for effect, of in causes.items()}
    earliest = {piece: told.index(piece) for piece in told}
    once = [said if earliest[piece] == at else "-" for at, (piece, said) in enumerate(zip(told, read, strict=True))]
    for find, furthest in ((as_many, FURTHEST), (gaps, float("inf"))):
        places, cells = find(once, len(names), above)
        if places and len(places) * len(cells) <= MOST:
            found, lost = yield from _assigned(told, read, names, places, cells)
            if lost <= furthest:
                return [found[earliest[piece]] for piece in told]
    return list(read)


def _assigned(
    told: Sequence[str], read: Sequence[str], names: Sequence[str], places: Sequence[int], cells: Sequence[Cell]
) -> Steps[tuple[list[str], float]]:
    """The likeliest assignment of cells to sentences, and by how many nats it is less likely, on the mean of them."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    found = list(read)
    shares = [read[at].rpartition(" = ")[2] for at in places]
    options = [
        [*dict.fromkeys([*(shown(cell, share) for cell in cells), read[at]])]
        for at, share in zip(places, shares, strict=True)
    ]
    replies = yield [
        Weigh(Prompt(prompt(told[at], names), raw=True), tuple(f" {worded(text, names)}\n" for text in texts))
        for at, texts in zip(places, options, strict=True)
    ]
    if not all(reply.logprobs for reply in replies):
        return found, 0.0
    scores = np.array([reply.logprobs[: len(cells)] for reply in replies])
    own = [reply.logprobs[texts.index(read[at])] for at, texts, reply in zip(places, options, replies, strict=True)]
    rows, columns = linear_sum_assignment(scores, maximize=True)
    for row, column in zip(rows, columns, strict=True):
        found[places[row]] = options[row][column]
    return found, float(np.mean(np.array(own)[rows] - scores[rows, columns]))


def as_many(read: Sequence[str], size: int, causes: Mapping[str, Sequence[str]]) -> tuple[list[int], list[Cell]]:
    """Where as many shares were read as P(variable | its causes) has cells: the places that are none of these, or one
    of them twice, and the cells that are left."""
    told = {at: (head, frozenset(given)) for at, (head, given) in _cells(read).items() if not head.startswith("second")}
    wanted = _factors(size, causes) if causes else {}
    if len(told) != len(wanted):
        return [], []
    once = {case for case, times in Counter(told.values()).items() if times == 1 and case in wanted}
    places = [at for at, case in told.items() if case not in once]
    return places, [cell for case, cell in wanted.items() if case not in once]


def gaps(read: Sequence[str], size: int, causes: Mapping[str, Sequence[str]]) -> tuple[list[int], list[Cell]]:
    """The places of sentences of tables that are not whole, and the cells that are open to them."""
    tables: dict[Table, dict[int, Cell]] = {}
    for at, (head, given) in _cells(read).items():
        tables.setdefault((head, frozenset(event[0] for event in given)), {})[at] = head, given
    broken = {table: cells for table, cells in tables.items() if not _whole(table, cells)}
    places = sorted(at for cells in broken.values() for at in cells)
    order = {table: [event[0] for event in next(iter(cells.values()))[1]] for table, cells in broken.items()}
    if causes:
        for letter in LETTERS[:size]:
            above = causes.get(letter, ())
            if (table := (f"{letter}1", frozenset(above))) not in tables:
                order[table] = sorted(above)
    open_ = [cell for (head, _), letters in order.items() for cell in _table(head, letters)]
    return places, open_ if places else []


def _cells(read: Sequence[str]) -> dict[int, Cell]:
    found = {at: match for at, said in enumerate(read) if (match := CELL.fullmatch(said))}
    return {at: (match["head"], tuple((match["given"] or "").split())) for at, match in found.items()}


def _table(head: str, letters: Sequence[str]) -> list[Cell]:
    """Its cells, all cases of these variables."""
    cases = product((0, 1), repeat=len(letters))
    return [(head, tuple(f"{letter}{value}" for letter, value in zip(letters, case, strict=True))) for case in cases]


def _factors(size: int, causes: Mapping[str, Sequence[str]]) -> dict[Case, Cell]:
    """P(variable | its causes), of all variables, by what a cell tells of."""
    cells = (cell for letter in LETTERS[:size] for cell in _table(f"{letter}1", sorted(causes.get(letter, ()))))
    return {(head, frozenset(given)): (head, given) for head, given in cells}


def _whole(table: Table, cells: Mapping[int, Cell]) -> bool:
    cases = {frozenset(given) for _, given in cells.values()}
    return len(cells) == len(cases) == 2 ** len(table[1]) and all(len(case) == len(table[1]) for case in cases)


def shown(cell: Cell, share: str) -> str:
    """A cell as it is written."""
    head, given = cell
    return f"{head}{' | ' if given else ''}{' '.join(given)} = {share}"
