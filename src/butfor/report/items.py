"""The items behind an effect: paired across arms, averaged over seeds, and the few that a page can show.

Rule      Of n items the page shows those that changed most, then some taken at even steps of rank from the rest, so
          that what did not change is seen too. The sentence says how many of how many.
Limits    Values are averaged over seeds; the texts are those of the first seed. An item that one arm lacks is left out
          and counted. Texts are read again only for the items that are shown, so a huge run costs numbers, not texts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from butfor.report.folder import Run, as_mapping, number, records, text

Values = dict[str, dict[str, float]]


@dataclass(slots=True, kw_only=True)
class Paired:
    """One metric of one suite, treatment against control."""

    suite: str
    metric: str
    treatment: str
    control: str
    unit: str
    items: list[str]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    by_seed: dict[int, float]
    identical: bool
    gaps: list[str] = field(default_factory=list)

    @property
    def difference(self) -> NDArray[np.float64]:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the per-item table: texts that both arms share, then those that differ."""

    item: str
    shared: list[tuple[str, str]]
    differing: list[tuple[str, str, str]]
    before: float
    after: float

    @property
    def difference(self) -> float:
        return self.after - self.before


class Records:
    """The numbers of a run's records, each file read once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.read: dict[tuple[str, int, str], Values] = {}
        self.damaged: dict[str, int] = {}

    def of(self, arm: str, seed: int, suite: str) -> Values:
        key = arm, seed, suite
        if key not in self.read:
            self.read[key] = found = {}
            for record in records(self.run.folder, arm, seed, suite):
                item = text(record.get("item")) if record else ""
                if record is None or not item:
                    self.damaged[f"{arm}/seed-{seed}/records/{suite}.jsonl"] = (
                        self.damaged.get(f"{arm}/seed-{seed}/records/{suite}.jsonl", 0) + 1
                    )
                    continue
                values = {name: number(value) for name, value in as_mapping(record.get("metrics")).items()}
                found[item] = {name: value for name, value in values.items() if value is not None}
        return self.read[key]

    def paired(self, suite: str, metric: str, treatment: str, control: str, unit: str = "") -> Paired:
        """The items that both arms have in every seed that both arms have."""
        common = [seed for seed in self.run.seeds.get(treatment, []) if seed in self.run.seeds.get(control, [])]
        arms = [
            [{item: row[metric] for item, row in self.of(arm, seed, suite).items() if metric in row} for seed in common]
            for arm in (control, treatment)
        ]
        used = [place for place in range(len(common)) if arms[0][place] and arms[1][place]]
        tables = [arms[side][place] for side in (0, 1) for place in used]
        items = [item for item in tables[0] if all(item in table for table in tables)] if tables else []
        every = len(set().union(*tables)) if tables else 0
        grid = np.array([[table[item] for item in items] for table in tables]).reshape(2, len(used), len(items))
        gap = f"{every - len(items):,} of {every:,} items of {suite} are not in both arms and every seed"
        moved = grid[1] - grid[0]
        return Paired(
            suite=suite,
            metric=metric,
            treatment=treatment,
            control=control,
            unit=unit,
            items=items,
            before=grid[0].mean(0) if items else np.zeros(0),
            after=grid[1].mean(0) if items else np.zeros(0),
            by_seed={common[place]: float(moved[row].mean()) for row, place in enumerate(used)} if items else {},
            identical=bool(items) and bool((grid == grid[:, :1]).all()),
            gaps=[f"{gap}; they are left out here."] if every > len(items) else [],
        )


def choose(pair: Paired, largest: int, sampled: int) -> list[int]:
    """Which items are shown: the largest changes, then an even sample by rank of the rest."""
    order = sorted(range(len(pair.items)), key=lambda place: (-abs(pair.difference[place]), pair.items[place]))
    rest = order[largest:]
    if len(rest) <= sampled:
        return order
    return order[:largest] + [rest[(step * len(rest)) // sampled] for step in range(sampled)]


def rule(pair: Paired, largest: int, sampled: int) -> str:
    """The sentence that says what is shown of what there is."""
    n = len(pair.items)
    if n <= largest + sampled:
        return f"All {n:,} items, the largest change first."
    tail = f" and {sampled:,} taken at even steps of rank from the rest" if sampled else ""
    return (
        f"{largest + sampled:,} of {n:,} items are shown: the {largest:,} with the largest change{tail}. "
        f"All of them stand in records/{pair.suite}.jsonl of each arm and seed."
    )


def shown(run: Run, pair: Paired, places: list[int]) -> list[Shown]:
    """The chosen items with their texts."""
    wanted = {pair.items[place] for place in places}
    seed = next(iter(pair.by_seed), 0)
    sides: list[dict[str, dict[str, Any]]] = []
    for arm in (pair.control, pair.treatment):
        kept: dict[str, dict[str, Any]] = {}
        for record in records(run.folder, arm, seed, pair.suite) if wanted else ():
            item = text(record.get("item")) if record else ""
            if record and item in wanted:
                kept[item] = {key: text(value) for key, value in as_mapping(record.get("show")).items()}
        sides.append(kept)
    lines = []
    for place in places:
        item = pair.items[place]
        left, right = sides[0].get(item, {}), sides[1].get(item, {})
        keys = list(dict.fromkeys([*left, *right]))
        lines.append(
            Shown(
                item=item,
                shared=[(key, left[key]) for key in keys if left.get(key) == right.get(key)],
                differing=[
                    (key, left.get(key, "–"), right.get(key, "–")) for key in keys if left.get(key) != right.get(key)
                ],
                before=float(pair.before[place]),
                after=float(pair.after[place]),
            )
        )
    return lines
