"""Causal News Corpus: does a sentence of protest news say that one event causes another?

Format    CSV with a byte order mark: index ("train_01_0_892": part, batch, document, sentence), text, label (0, 1)
Source    Tan et al. 2022 (version 2); tanfiona/CausalNewsCorpus, data/V2
Facts     train_subtask1.csv: 3,075 sentences, 1,624 (0.528) causal, of 2,602 documents; none stands twice.
Limits    The text is tokenized as the authors left it (a space before every comma and full stop). The documents of the
          batch 09 are known only by a letter (A, B), so that 339 sentences fall into two clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from butfor.core.errors import MalformedData
from butfor.data.find import find
from butfor.data.table import table

COLUMNS = ("index", "text", "label")


@dataclass(frozen=True, slots=True)
class NewsSentence:
    """One sentence; `causal` is 1 where it tells a cause and its effect."""

    id: str
    document: str
    text: str
    causal: int


def causal_news(path: str | Path | None = None) -> list[NewsSentence]:
    """The sentences in the order of the file."""
    file = find("causal_news_corpus", "train_subtask1.csv", path)
    found: dict[str, NewsSentence] = {}
    for line, cells in table(file, COLUMNS):
        row = _row(file, line, cells)
        if row.id in found:
            raise MalformedData(file, line, f"the index {row.id!r} stands twice")
        found[row.id] = row
    return list(found.values())


def _row(file: Path, line: int, row: dict[str, str]) -> NewsSentence:
    index, text, label = (row[name] for name in COLUMNS)
    if label not in ("0", "1"):
        raise MalformedData(file, line, f"label is {label!r}, not '0' or '1'")
    if not text:
        raise MalformedData(file, line, "text is empty")
    parts = index.split("_")
    if len(parts) < 4:
        raise MalformedData(file, line, f"the index {index!r} is not part_batch_document_sentence")
    return NewsSentence(index, "_".join(parts[:3]), text, int(label))
