"""IHDP: 747 children, of whom a biased part was visited at home; real covariates, simulated outcomes (surface B).

Format    ihdp_npci_1.csv, _2, …: a replication each, without a header: treatment (1 or 0), outcome, the other outcome,
          the expected outcome untreated and treated, then 25 covariates (6 numbers, 19 that are 0 or 1, one of them
          written 1 and 2).
Source    Hill 2011; the files are those of Louizos et al. 2017 (AMLab-Amsterdam/CEVAE), which carry no licence.
Facts     139 of 747 are treated. The true effect of a row is the difference of the two expected outcomes; the mean over
          the rows is near 4 in every replication of this surface.
Limits    Not fetched: no licence is stated.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines, saw
from butfor.data.known import Known, X, Y
from butfor.scm.columns import Columns

NAME, FILE = "ihdp_twins", "IHDP/csv/ihdp_npci_1.csv"
NUMBERED = re.compile(r"ihdp_npci_(\d+)\.csv")
COVARIATES = tuple(f"x{i}" for i in range(1, 26))
CELLS = 5 + len(COVARIATES)
UNFETCHED = (
    ", and no command brings it: its files carry no licence\n"
    "take datasets/IHDP/csv/ of AMLab-Amsterdam/CEVAE yourself, and put the files into $BUTFOR_DATA/ihdp_twins/IHDP/csv"
)


def ihdp(path: str | Path | None = None) -> list[Known]:
    """The replications that are here, by number; `path`: a file, or a folder that holds them."""
    first = find(NAME, FILE, path, UNFETCHED)
    alone = path is not None and Path(path).is_file()
    near = [first] if alone else first.parent.iterdir()
    files = {int(name[1]): file for file in near if (name := NUMBERED.fullmatch(file.name))} or {1: first}
    return [_read(files[number], f"ihdp {number}") for number in sorted(files)]


def _read(file: Path, name: str) -> Known:
    rows: list[list[float]] = []
    for line, text in enumerate(lines(saw(file)), 1):
        if not text.strip():
            continue
        cells = text.split(",")
        if len(cells) != CELLS:
            raise MalformedData(file, line, f"{len(cells)} cells, not {CELLS}")
        try:
            row = [float(cell) for cell in cells]
        except ValueError as error:
            raise MalformedData(file, line, str(error)) from None
        if not np.isfinite(row).all():
            raise MalformedData(file, line, "a number that is not finite")
        if row[0] not in (0.0, 1.0):
            raise MalformedData(file, line, f"the treatment is {cells[0]}, not 0 or 1")
        rows.append(row)
    if not rows:
        raise MalformedData(file, 1, "no row in this file")
    table = np.array(rows)
    columns = {X: table[:, 0], Y: table[:, 1], **dict(zip(COVARIATES, table[:, 5:].T, strict=True))}
    return Known(name, Columns.read(columns), COVARIATES, table[:, 4] - table[:, 3])
