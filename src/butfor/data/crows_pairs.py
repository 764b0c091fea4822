"""CrowS-Pairs: two sentences that differ in the group they are about; one of them is more stereotyping.

Format    the authors' CSV: index, sent_more, sent_less, stereo_antistereo, bias_type, annotations, and two columns of
          writers. `sent_more` is the more stereotyping sentence in both directions.
Source    Nangia et al. 2020. Facts: 1,508 pairs, nine bias types (262 gender), 218 of them antistereo.
Limits    Blodgett et al. 2021 find many pairs that are unclear or that differ in more than the group.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines
from butfor.data.pairs import Pair

FILE = "crows_pairs_anonymized.csv"
COLUMNS = ("", "sent_more", "sent_less", "stereo_antistereo", "bias_type")
DIRECTIONS = ("stereo", "antistereo")
BiasType = Literal[
    "age",
    "disability",
    "gender",
    "nationality",
    "physical-appearance",
    "race-color",
    "religion",
    "sexual-orientation",
    "socioeconomic",
]


@dataclass(frozen=True, slots=True)
class CrowsPair:
    """One pair: the more and the less stereotyping sentence, what kind of bias, and which was written first."""

    id: str
    more: str
    less: str
    direction: str
    bias_type: str

    @property
    def pair(self) -> Pair:
        """The counterfactual pair: the group differs, how likely the sentence is should not."""
        return Pair.of(self.more, self.less, self.bias_type, keeps="how likely the sentence is")


def crows_pairs(path: str | Path | None = None) -> list[CrowsPair]:
    """The pairs, in the order of the file."""
    file = find("crows_pairs", FILE, path)
    reader = csv.reader(io.StringIO("\n".join(lines(file)), newline=""), strict=True)
    header: list[str] = []
    rows: dict[str, CrowsPair] = {}
    try:
        for cells in reader:
            if not header:
                header = _header(file, cells)
            elif cells:
                row = _row(file, reader.line_num, header, cells)
                if row.id in rows:
                    raise MalformedData(file, reader.line_num, f"the index {row.id!r} stands twice")
                rows[row.id] = row
    except csv.Error as error:
        raise MalformedData(file, reader.line_num, f"not CSV ({error})") from error
    if not rows:
        raise MalformedData(file, 1, "no pair in this file")
    return list(rows.values())


def _header(file: Path, cells: list[str]) -> list[str]:
    if missing := [name for name in COLUMNS if name not in cells]:
        raise MalformedData(file, 1, f"the header lacks {', '.join(name or 'an index column' for name in missing)}")
    return cells


def _row(file: Path, line: int, header: list[str], cells: list[str]) -> CrowsPair:
    if len(cells) != len(header):
        raise MalformedData(file, line, f"{len(cells)} cells, but the header has {len(header)}")
    row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    if empty := [name for name in COLUMNS if not row[name]]:
        raise MalformedData(file, line, f"{empty[0] or 'the index'} is empty")
    if row["stereo_antistereo"] not in DIRECTIONS:
        raise MalformedData(file, line, f"stereo_antistereo is {row['stereo_antistereo']!r}, not stereo or antistereo")
    if row["bias_type"] not in get_args(BiasType):
        raise MalformedData(file, line, f"bias_type is {row['bias_type']!r}, not {', '.join(get_args(BiasType))}")
    if row["sent_more"].split() == row["sent_less"].split():
        raise MalformedData(file, line, "sent_more and sent_less are the same sentence")
    return CrowsPair(row[""], row["sent_more"], row["sent_less"], row["stereo_antistereo"], row["bias_type"])
