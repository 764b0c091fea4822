"""The columns that say which label, attribute and site a row has, and how they hang together in a corpus."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from butfor.core.errors import UserError
from butfor.train.batches import ROW
from butfor.train.columns import column, values
from butfor.train.method import Method, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Confounded(Method):
    """A method for rows whose attribute hangs together with their label; its loss reads next-token predictions."""

    decoders_only: ClassVar[bool] = True
    label: str = "label"
    attribute: str = "attribute"

    def __post_init__(self) -> None:
        if self.label == self.attribute:
            raise ValueError("label and attribute name two columns")

    def fits(self, rows: Rows) -> None:
        column(rows, self.label)
        values(rows, self.attribute)


def shares(rows: Rows, label: str, attribute: str, site: str) -> dict[tuple[Hashable, Hashable], dict[Hashable, float]]:
    """P(attribute | site, label) as training sees it: versions of one row share its weight."""
    versions = Counter(row.get(ROW, place) for place, row in enumerate(rows))
    found: dict[tuple[Hashable, Hashable], dict[Hashable, float]] = defaultdict(lambda: defaultdict(float))
    for place, row in enumerate(rows):
        found[row[site], row[label]][row[attribute]] += 1 / versions[row.get(ROW, place)]
    return {cell: {c: part / sum(parts.values()) for c, part in parts.items()} for cell, parts in found.items()}


def weights(label: Sequence[Hashable], attribute: Sequence[Hashable]) -> list[float]:
    """P(c) P(y) / P(c, y) of each row; their mean is 1 where every pair of values occurs."""
    n, y, c, both = len(label), Counter(label), Counter(attribute), Counter(zip(attribute, label, strict=True))
    for one in c:
        for other in y:
            if not both[one, other]:
                raise UserError(f"no row has attribute {one!r} and label {other!r}: no weight makes up for that")
    return [c[one] * y[other] / (n * both[one, other]) for one, other in zip(attribute, label, strict=True)]
