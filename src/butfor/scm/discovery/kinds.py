"""What kind of data this is, and whether a search can stand on it.

A column is discrete (labels, or few whole numbers) or a number. What no search survives is refused here, each with its
reason: constant columns, two columns that say the same, a column that is a linear function of others, fewer rows than a
resample needs.

Limits    A category that determines a number is not found; nor is a column that others determine, but not linearly.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from scipy import linalg

from butfor.core.errors import DataError
from butfor.scm.columns import Columns, Floats

Kind = Literal["discrete", "mixed", "numbers"]
FEWEST = 20  # rows
SAME = 1e-10  # share of a column's variance that others leave unexplained: less is rounding


def discrete_of(data: Columns, chosen: Iterable[str] | None = None) -> tuple[str, ...]:
    """The columns to read as categories: those chosen, and all labels; by default also few whole numbers."""
    if isinstance(chosen, str):
        chosen = [chosen]
    if chosen is None:
        fractions = _fractions(data)
        return tuple(name for name in data.names if name not in fractions and data.is_discrete(name))
    wanted = set(chosen)
    for name in wanted:
        data[name]  # an unknown name is refused
    return tuple(name for name in data.names if name in wanted or not data.is_number(name))


def _fractions(data: Columns) -> set[str]:
    """Columns of numbers with a fraction in the first rows: these alone tell most of them."""
    names = [name for name in data.names if data.is_number(name)]
    first = np.array([data[name][:64] for name in names]).reshape(len(names), min(64, data.n))
    whole = (first == np.round(first)).all(axis=1).tolist()
    return {name for name, yes in zip(names, whole, strict=True) if not yes}


def kind_of(data: Columns, discrete: Sequence[str]) -> Kind:
    """All categories, all numbers, or both."""
    return "numbers" if not discrete else "discrete" if len(discrete) == len(data.names) else "mixed"


def checked(data: Columns, discrete: Sequence[str]) -> None:
    """Refuse columns that no search survives."""
    names = data.names
    if len(names) < 2:
        raise DataError(f"a search for causes needs two columns or more; there is {len(names)}")
    for name in names:
        column = data[name]
        if column[0] == column[-1] and (column == column[0]).all():
            raise DataError(f"column {name!r} is constant ({data[name][0]}): drop it, nothing can be learnt from it")
    needed = max(FEWEST, 2 * len(names))
    if data.n < needed:
        raise DataError(f"{data.n} rows are too few for {len(names)} columns: a search needs {needed} or more")
    _refuse_recoded(data, discrete)


def _refuse_recoded(data: Columns, discrete: Sequence[str]) -> None:
    """Two discrete columns that split the rows in the same way."""
    seen: dict[bytes, str] = {}
    for name in discrete:
        codes = data.codes(name)[0]
        _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
        by_appearance = np.argsort(np.argsort(first))[inverse].astype(np.int64).tobytes()
        if by_appearance in seen:
            raise DataError(f"columns {seen[by_appearance]!r} and {name!r} say the same in every row: drop one of them")
        seen[by_appearance] = name


def _free(x: Floats) -> bool:
    """No column is near a linear function of others: what holds of some rows holds of all."""
    centred = x - x.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    if not size.all():
        return False
    try:
        left = np.diag(np.linalg.cholesky(centred.T @ centred / np.outer(size, size)))
    except np.linalg.LinAlgError:
        return False
    return bool(left.min() > 1e-3)


def refuse_collinear(x: Floats, names: Sequence[str]) -> None:
    """A column [n, k] that is a linear function of others, named with those that it is made of."""
    if x.shape[1] < 2 or _free(x[: x.shape[1] + 50]):
        return
    centred = x - x.mean(axis=0)
    z = centred / np.sqrt((centred**2).sum(axis=0))
    parts: Any = linalg.qr(z, mode="r", pivoting=True)
    left: Floats = np.diag(parts[0][: z.shape[1]]) ** 2
    order: list[int] = parts[1].tolist()
    if left.min() > SAME:
        return
    rank = int((left > SAME).sum())
    base, extra = sorted(order[:rank]), order[rank]
    weights: Floats = np.linalg.lstsq(z[:, base], z[:, extra])[0]
    made_of = [names[base[k]] for k in np.flatnonzero(np.abs(weights) > 1e-6)]
    if len(made_of) == 1:
        raise DataError(f"columns {made_of[0]!r} and {names[extra]!r} say the same in every row: drop one of them")
    told = ", ".join(map(repr, made_of[:6])) + (", …" if len(made_of) > 6 else "")
    raise DataError(f"column {names[extra]!r} is a linear function of {told}: drop one of them")
