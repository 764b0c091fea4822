"""What an estimator sees of the data: outcome, two arms, covariates as numbers, and whom the effect is about.

Rows of other treatment values than the two compared stay in: an average effect over everyone is about them, too, and
their covariates count. Covariates that are labels become indicators; constant ones and exact copies are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from butfor.core.errors import DataError
from butfor.scm.columns import LEVELS, Codes, Columns
from butfor.scm.estimate.result import Floats, Mask

Target = Literal["ate", "att", "atc"]
Label = str | int | float
FEWEST = 2  # rows of an arm
FLAT = 1e-14  # a spread of this share of a column's size is rounding


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """Two arms to compare. Every array has a row for each row of the data."""

    y: Floats  # [n]
    treated: Mask  # [n]
    control: Mask  # [n]
    z: Floats  # [n, k] covariates
    names: tuple[str, ...]  # of the columns of z
    about: Floats  # [n] weights of mean 1: whom the effect is about
    levels: tuple[Label, Label]

    @property
    def n(self) -> int:
        return len(self.y)

    @property
    def two(self) -> bool:
        """Everyone is in one of the two arms."""
        return bool(np.all(self.treated | self.control))

    @property
    def binary(self) -> bool:
        """The outcome is only ever 0 or 1."""
        return is_binary(self.y)

    @property
    def arms(self) -> tuple[tuple[Mask, float], tuple[Mask, float]]:
        """Each arm with its sign in the contrast."""
        return (self.treated, 1.0), (self.control, -1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Dose:
    """A treatment that is a number: the effect is that of moving it from `control` to `treated`."""

    y: Floats  # [n]
    x: Floats  # [n]
    z: Floats  # [n, k]
    names: tuple[str, ...]
    step: float


def read_arms(
    data: Columns, x: str, y: str, given: Sequence[str], treated: Label, control: Label, target: Target = "ate"
) -> Arms:
    """The two arms, with what makes a comparison impossible refused."""
    distinct(x=(x,), y=(y,), given=given)
    one, zero = (arm(data, x, label) for label in (treated, control))
    for label, rows in ((treated, one), (control, zero)):
        if (count := int(rows.sum())) < FEWEST:
            raise DataError(f"{x} = {label} on {count} row{'s' * (count != 1)}: an arm needs {FEWEST} or more")
    if bool(np.any(one & zero)):
        raise DataError(f"treated and control are the same value of {x} ({treated}); an effect compares two")
    if target not in ("ate", "att", "atc"):
        raise DataError(f"target must be 'ate', 'att' or 'atc', not {target!r}")
    about = np.ones(data.n) if target == "ate" else (one if target == "att" else zero).astype(np.float64)
    z, names = covariates(data, given)
    return Arms(outcome(data, y), one, zero, z, names, about / about.mean(), (treated, control))


def read_dose(data: Columns, x: str, y: str, given: Sequence[str], treated: Label, control: Label) -> Dose:
    """A treatment that is a number, with the step asked about."""
    distinct(x=(x,), y=(y,), given=given)
    if isinstance(treated, str) or isinstance(control, str):
        raise DataError(f"{x} is a number: treated and control must be numbers, not {treated!r} and {control!r}")
    if treated == control:
        raise DataError(f"treated and control are the same value of {x} ({treated}); an effect compares two")
    z, names = covariates(data, given)
    return Dose(outcome(data, y), data.varying(x), z, names, float(treated - control))


def is_dose(data: Columns, x: str, treated: Label, control: Label) -> bool:
    """Is the treatment a number that is compared along a line, not between two of its values?"""
    if not data.is_number(x):
        return False
    levels = np.unique(data[x])
    return len(levels) > 1 and not (len(levels) <= LEVELS and treated in levels and control in levels)


def arm(data: Columns, x: str, label: Label) -> Mask:
    """The rows where `x` has this value; of two labels, 0 is the first in sorted order and 1 the second."""
    codes, levels = data.codes(x)
    if len(levels) == 1:
        raise DataError(f"column {x!r} is constant ({levels[0]}): there is nothing to compare")
    known: list[Any] = [level if isinstance(level, int | float) else str(level) for level in levels]
    for place, level in enumerate(known):
        if level == label or str(level) == str(label):
            return codes == place
    if not data.is_number(x) and len(levels) == 2 and label in (0, 1):
        return codes == int(label)
    shown = ", ".join(map(repr, known[:6])) + (", …" if len(known) > 6 else "")
    raise DataError(f"{x} is never {label!r}; it is one of {shown}: name two of them as treated= and control=")


def outcome(data: Columns, y: str) -> Floats:
    """The outcome as numbers; two labels become 0 and 1."""
    return data.varying(y)


def covariates(data: Columns, given: Sequence[str]) -> tuple[Floats, tuple[str, ...]]:
    """Covariates as numbers [n, k] with their names: no constant column, and none twice."""
    columns: list[Floats] = []
    names: list[str] = []
    for name in given:
        if data.is_number(name):
            columns.append(data[name])
            names.append(name)
        else:
            codes, levels = data.codes(name)
            if len(levels) > max(LEVELS, data.n // 5):
                raise DataError(
                    f"{name} has {len(levels)} different labels on {data.n} rows: it names rows; leave it out"
                )
            columns += [(codes == place).astype(np.float64) for place in range(1, len(levels))]
            names += [f"{name}={level}" for level in levels[1:]]
    if not columns:
        return np.zeros((data.n, 0)), ()
    seen: set[bytes] = set()
    kept: list[int] = []
    for place, column in enumerate(columns):
        spread = column.std()
        if spread <= FLAT * float(np.abs(column).max()):
            continue
        key = np.asarray(np.round((column - column.mean()) / spread, 9), dtype=np.float64).tobytes()
        if key not in seen:
            seen.add(key)
            kept.append(place)
    if not kept:
        return np.zeros((data.n, 0)), ()
    return np.stack([columns[i] for i in kept], axis=1), tuple(names[i] for i in kept)


def cells(data: Columns, names: Sequence[str]) -> tuple[Codes, int]:
    """One code for each combination of discrete columns that occurs [n], and how many there are."""
    code = np.zeros(data.n, dtype=np.int64)
    for name in names:
        if not data.is_discrete(name):
            raise DataError(f"{name} is not discrete, and counting needs columns that are; cut it into bins, or use"
                            " another `how`")  # fmt: skip
        codes, levels = data.codes(name)
        _, code = np.unique(code * len(levels) + codes, return_inverse=True)
    return code.astype(np.int64), int(code.max()) + 1


def is_binary(y: Floats) -> bool:
    """Only ever 0 or 1."""
    return bool(np.all((y == 0) | (y == 1)))


def distinct(**roles: Sequence[str]) -> None:
    """No column plays two parts."""
    seen: dict[str, str] = {}
    for role, names in roles.items():
        for name in names:
            if name in seen:
                raise DataError(f"{name} is both {seen[name]} and {role}; a column plays one part")
            seen[name] = role
