"""Data as columns: a DataFrame, a mapping of arrays or a CSV file becomes numbers and labels, checked once.

    Columns.read({"X": [0, 1, 1], "Y": ["no", "yes", "no"]})

A column is numeric (float64) where every cell is a number, else labels (strings). What no estimate survives is refused
where it is read: an unknown name, a name that stands twice, columns of unequal length, missing or infinite values
(unless `missing="drop"`), a few words in a long column of numbers. What only some uses forbid is refused there:
`number` refuses labels, `varying` a constant column.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError, UnknownName

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Column = NDArray[Any]
EMPTY = frozenset({"", "na", "nan", "null", "none", "n/a", "?"})
LEVELS = 20  # a number column with at most so many whole values counts as discrete


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Columns of equal length: float64 for numbers, strings for labels."""

    values: Mapping[str, Column]

    @classmethod
    def read(
        cls, source: Any, names: Iterable[str] | None = None, *, missing: Literal["refuse", "drop"] = "refuse"
    ) -> Self:
        """The columns `names` (all of them by default) of a DataFrame, a mapping of arrays, a CSV path or Columns."""
        if missing not in ("refuse", "drop"):
            raise DataError(
                f"missing={missing!r}: rows with missing values are refused ('refuse') or left out ('drop')"
            )
        if isinstance(source, cls):
            return cls({name: source[name] for name in names}) if names is not None else source
        raw = _csv(Path(source)) if isinstance(source, str | Path) else _mapping(source)
        wanted = list(raw) if names is None else list(dict.fromkeys(names))
        for name in wanted:
            if name not in raw:
                raise UnknownName("column", name, raw)
        found = {name: _column(name, raw[name]) for name in wanted}
        sizes = {name: len(column) for name, column in found.items()}
        if len(set(sizes.values())) > 1:
            raise DataError(f"the columns have different lengths: {sizes}")
        gaps = {name: _gaps(column) for name, column in found.items()}
        worst = {name: int(gap.sum()) for name, gap in gaps.items() if gap.any()}
        if worst and missing == "refuse":
            told = ", ".join(f"{name} ({count})" for name, count in list(worst.items())[:6])
            raise DataError(
                f"missing or infinite values in {told}; fill them in, or leave those rows out:"
                ' missing="drop", --drop-missing'
            )
        if worst:
            keep = ~np.any(list(gaps.values()), axis=0)
            found = {name: column[keep] for name, column in found.items()}
        if not found or not len(next(iter(found.values()))):
            raise DataError("the data have no rows")
        return cls(found)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.values)

    @property
    def n(self) -> int:
        """The number of rows."""
        return len(next(iter(self.values.values())))

    def __getitem__(self, name: str) -> Column:
        try:
            return self.values[name]
        except KeyError:
            raise UnknownName("column", name, self.values) from None

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def take(self, rows: NDArray[Any]) -> Columns:
        """Some of the rows, by index or by mask."""
        return Columns({name: column[rows] for name, column in self.values.items()})

    def with_(self, /, **columns: Column) -> Columns:
        """These columns added or replaced."""
        return Columns({**self.values, **columns})

    def is_number(self, name: str) -> bool:
        return self[name].dtype.kind == "f"

    def number(self, name: str) -> Floats:
        """A numeric column; labels are refused, except two of them, which become 0 and 1 in sorted order."""
        column = self[name]
        if column.dtype.kind == "f":
            return column
        codes, levels = self.codes(name)
        if len(levels) == 2:
            return codes.astype(np.float64)
        shown = ", ".join(map(repr, levels[:4]))
        raise DataError(f"column {name!r} holds labels ({shown}, …), and this needs numbers; code them first")

    def varying(self, name: str) -> Floats:
        """A numeric column that is not constant."""
        column = self.number(name)
        if column.min() == column.max():
            raise DataError(f"column {name!r} is constant ({self[name][0]}): nothing can be learnt from it")
        return column

    def codes(self, name: str) -> tuple[Codes, tuple[Any, ...]]:
        """Whole-number codes [n] of a column and the sorted values they stand for (ints where all are whole)."""
        levels, codes = np.unique(self[name], return_inverse=True)
        whole = levels.dtype.kind == "f" and bool(np.all(levels == np.round(levels)))
        values: Sequence[Any] = [int(level) for level in levels] if whole else levels.tolist()
        return codes.astype(np.int64), tuple(values)

    def is_discrete(self, name: str) -> bool:
        """Labels, or few whole numbers."""
        column = self[name]
        if column.dtype.kind != "f":
            return True
        levels = np.unique(column)
        return len(levels) <= LEVELS and bool(np.all(levels == np.round(levels)))

    def matrix(self, names: Iterable[str]) -> Floats:
        """Columns of a regression [n, k]: numbers as they are, labels as indicators of all levels but the first."""
        parts: list[Floats] = []
        for name in names:
            if self.is_number(name):
                parts.append(self[name][:, None])
                continue
            codes, levels = self.codes(name)
            parts.append((codes[:, None] == np.arange(1, len(levels))).astype(np.float64))
        return np.concatenate(parts, axis=1) if parts else np.zeros((self.n, 0))


def _mapping(source: Any) -> dict[str, Any]:
    if not isinstance(cast("object", source), Mapping) and not hasattr(source, "columns"):
        raise DataError(f"data are a DataFrame, a mapping of arrays or a CSV path, not {type(source).__name__}")
    keys: list[Any] = list(source.columns if hasattr(source, "columns") else source)
    names = [str(name) for name in keys]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"a column name stands twice: {', '.join(twice)}")
    return {name: source[key] for name, key in zip(names, keys, strict=True)}


def _csv(path: Path) -> dict[str, list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            file.seek(0)
            mark = next((mark for mark in ",;\t " if mark in header.strip()), ",")
            rows = [row for row in csv.reader(file, delimiter=mark, skipinitialspace=True) if row]
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a CSV file ({error})") from error
    if len(rows) < 2:
        raise DataError(f"{path} has no rows below its header")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"{path}: a column name stands twice: {', '.join(map(repr, twice))}")
    for line, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise DataError(f"{path}, row {line}: {len(row)} cells where the header has {len(names)}")
    cells: list[tuple[str, ...]] = list(zip(*rows[1:], strict=True))
    return {name: list(column) for name, column in zip(names, cells, strict=True)}


def _column(name: str, raw: Any) -> Column:
    array = np.asarray(raw)
    if array.ndim != 1:
        raise DataError(f"column {name!r} is not flat: shape {array.shape}")
    if array.dtype.kind in "buif":
        return array.astype(np.float64, copy=False)
    cells = [None if _is_empty(cell) else cell for cell in array.tolist()]
    numbers, words = 0, list[tuple[int, Any]]()
    found: list[float] = []
    for row, cell in enumerate(cells):
        value = _number(cell)
        found.append(np.nan if value is None else value)
        if cell is not None:
            if value is None:
                words.append((row, cell))
            else:
                numbers += 1
    if not words:
        return np.array(found, dtype=np.float64)
    if numbers > 10 * len(words) and numbers > len({str(cell) for cell in cells}) / 2:
        row, cell = words[0]
        raise DataError(
            f"column {name!r} holds numbers, but {cell!r} in row {row + 1}: mend that cell, or leave it empty"
        )
    return np.array(["" if cell is None else str(cell) for cell in cells])


def _is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in EMPTY) or cell != cell


def _number(cell: Any) -> float | None:
    if isinstance(cell, bool | int | float):
        return float(cell)
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def _gaps(column: Column) -> NDArray[np.bool_]:
    return ~np.isfinite(column) if column.dtype.kind == "f" else column == ""
