"""What a check of a public set's gold answers says: one verdict an item, and their count by kind.

agree     our exact answer is the gold one
wrong     it is another one; `why` names the class, `enumeration` shows the way to ours
zero      the quantity is zero, so its sign decides nothing; counted apart, with the gold answer
unread    the item could not be read or has no answer; `why` says what was missing. Never dropped
off       the number published with the item is not the exact one, whatever the answer
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["agree", "wrong", "zero", "unread"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One item: the gold answer, ours, the two numbers where there are numbers."""

    file: str
    line: int
    id: str
    kind: str
    question: str
    gold: str
    ours: str
    state: State
    why: str = ""
    published: float | None = None
    exact: float | None = None
    off: bool = False
    enumeration: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """Another way to read the questions of some kinds, and how many gold answers disagree with that."""

    kinds: str
    text: str
    n: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Count:
    """The verdicts of one kind, counted."""

    kind: str
    n: int
    agree: int
    wrong: int
    zero: int
    unread: int
    off: int


@dataclass(frozen=True, slots=True)
class Verification:
    """All verdicts on some files of one set; `notes` are sentences on the whole."""

    name: str
    files: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    readings: tuple[Reading, ...]
    notes: tuple[str, ...]

    @property
    def wrong(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.state == "wrong"]

    @property
    def unread(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.state == "unread"]

    def counts(self) -> list[Count]:
        """One row a kind, in the order in which kinds first appear, and one for all."""
        kinds = dict.fromkeys(verdict.kind for verdict in self.verdicts)
        return [*(_count(kind, [v for v in self.verdicts if v.kind == kind]) for kind in kinds), self.total]

    @property
    def total(self) -> Count:
        return _count("all", list(self.verdicts))

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "set": self.name,
            "files": list(self.files),
            "counts": [asdict(count) for count in self.counts()],
            "readings": [asdict(reading) for reading in self.readings],
            "notes": list(self.notes),
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
        }


def _count(kind: str, verdicts: list[Verdict]) -> Count:
    states = [verdict.state for verdict in verdicts]
    return Count(
        kind,
        len(states),
        *(states.count(state) for state in ("agree", "wrong", "zero", "unread")),
        off=sum(verdict.off for verdict in verdicts),
    )
