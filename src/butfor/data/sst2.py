"""SST-2: sentences of film reviews, each good or bad; what the raters of the whole sentence said.

Format    one sentence a line, a tab, and 1 (good) or 0 (bad); no header. Lower case, marks set apart by blanks.
Source    Socher et al. 2013. The copies in use state no licence, so butfor fetches none.
Facts     train.tsv: 6,920 sentences, 3,610 good; dev.tsv: 872, 444 good; test.tsv: 1,821, 909 good.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines

NAME = "sst2"
Split = Literal["train", "dev", "test"]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One line; `label` is 1 for good."""

    line: int
    text: str
    label: int


def sst2(split: Split, path: str | Path | None = None) -> list[Sentence]:
    """The sentences of a split, in the order of the file."""
    unfetched = (
        "; the copies in use state no licence, so none is fetched\n"
        f"set BUTFOR_DATA to a folder that holds {NAME}/{split}.tsv: a sentence, a tab and 0 or 1 on each line"
    )
    file = find(NAME, f"{split}.tsv", path, unfetched)
    found: list[Sentence] = []
    for number, line in enumerate(lines(file), 1):
        text, tab, label = line.rpartition("\t")
        if not tab or not text.strip() or label.strip() not in ("0", "1"):
            raise MalformedData(file, number, "not a sentence, a tab and 0 or 1")
        found.append(Sentence(number, text.strip(), int(label)))
    return found
