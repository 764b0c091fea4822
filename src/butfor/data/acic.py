"""ACIC 2016: 4,802 pregnancies with real covariates, and treatments and outcomes simulated for a contest.

Format    x.csv: a header and 58 covariates, three of them letters. zymu_1.csv, _2, …: a simulation each, with a header
          and the columns z (treatment, 0 or 1), y0, y1 (outcomes), mu0, mu1 (expected outcomes), row by row with x.csv.
Source    Dorie et al. 2019; the files are those of causallib (BiomedSciAI, Apache-2.0): butfor fetch acic2016
Facts     The outcome is y1 where z = 1, else y0. The true effect of a row is mu1 − mu0.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from butfor.core.errors import DataError, MalformedData, UnknownName
from butfor.data.find import find, saw
from butfor.data.known import Known, X, Y
from butfor.scm.columns import Columns

NAME, FOLDER = "acic2016", "acic_challenge_2016"
NUMBERED = re.compile(r"zymu_(\d+)\.csv")
NEEDS = ("z", "y0", "y1", "mu0", "mu1")


def acic(path: str | Path | None = None) -> list[Known]:
    """The simulations that are here, by number; `path`: x.csv, or a folder that holds it."""
    file = find(NAME, f"{FOLDER}/x.csv", path)
    covariates = _columns(file)
    if clash := {X, Y} & set(covariates.names):
        raise MalformedData(file, 1, f"a covariate is called {min(clash)}, as the treatment or the outcome is here")
    beside = {int(name[1]): near for near in file.parent.iterdir() if (name := NUMBERED.fullmatch(near.name))}
    if not beside:
        raise MalformedData(file, 1, "no zymu_1.csv stands beside this file")
    return [_read(beside[number], f"acic {number}", covariates) for number in sorted(beside)]


def _read(file: Path, name: str, covariates: Columns) -> Known:
    found = _columns(file, NEEDS)
    if found.n != covariates.n:
        raise MalformedData(file, 1, f"{found.n} rows, where x.csv has {covariates.n}")
    for column in NEEDS:
        if not found.is_number(column):
            raise MalformedData(file, 1, f"the column {column} holds words")
    if len(off := np.flatnonzero((found["z"] != 0) & (found["z"] != 1))):
        raise MalformedData(file, int(off[0]) + 2, f"z is {found['z'][off[0]]:g}, not 0 or 1")
    y = np.where(found["z"] == 1, found["y1"], found["y0"])
    data = covariates.with_(**{X: found["z"], Y: y})
    return Known(name, data, covariates.names, found["mu1"] - found["mu0"])


def _columns(file: Path, names: tuple[str, ...] | None = None) -> Columns:
    try:
        return Columns.read(saw(file), names)
    except (DataError, UnknownName) as error:
        raise MalformedData(file, 1, str(error)) from None
