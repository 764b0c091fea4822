"""The rows of a CSV file with a header, each with the line where it stands.

Limits    Cells are stripped. A row of another length, an open quote or a header that lacks a column is MalformedData.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from butfor.core.errors import MalformedData
from butfor.data.find import lines


def table(file: Path, columns: tuple[str, ...], delimiter: str = ",") -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file that has these columns, each with the line on which it ends, cells stripped."""
    reader = csv.reader(io.StringIO("\n".join(lines(file)), newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows = 0
    try:
        for cells in reader:
            if not header:
                header = cells
                if missing := [name for name in columns if name not in header]:
                    raise MalformedData(file, 1, f"the header lacks {', '.join(missing)}")
            elif cells:
                if len(cells) != len(header):
                    raise MalformedData(file, reader.line_num, f"{len(cells)} cells, but the header has {len(header)}")
                rows += 1
                yield reader.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    except csv.Error as error:
        raise MalformedData(file, reader.line_num, f"not CSV ({error})") from error
    if not rows:
        raise MalformedData(file, 1, "no row in this file")
