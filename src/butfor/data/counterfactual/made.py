"""A counterfactual that was made: from which text, by whom, towards what, and what speaks against using it.

Idea      A maker (rules, an editor, a model that rewrites) is given cases: a text, what a variable is in it and what it
          is to become. It hands back drafts; each case with its draft is a `Made`, whose two texts are a `Pair`.
          A draft that changed nothing stays on the list, with its reason: what a maker cannot do is a result, too.
File      JSON lines: id, text, counterfactual, variable, before, wanted, maker, prompt, reasons, scores.
Limits    The spans are found again by comparing the two texts, so a file holds none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from butfor.core.errors import MalformedData
from butfor.core.folder import write_lines
from butfor.data.find import objects, saw
from butfor.data.pairs import Pair

UNCHANGED = "unchanged"
TEXTS = ("id", "text", "counterfactual", "variable", "before", "wanted", "maker")


@dataclass(frozen=True, slots=True)
class Case:
    """A text, what the variable is in it, and what it is to become."""

    id: str
    text: str
    variable: str
    before: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What a maker wrote for a case, the prompt that it was asked with, and why not, where it could not."""

    text: str
    prompt: str = ""
    refused: str = ""


class Maker(Protocol):
    """What makes counterfactuals. A draft depends on its own case and the seed alone, never on the cases beside it."""

    @property
    def name(self) -> str:
        """What it is called in files and on pages."""
        ...

    @property
    def batch(self) -> int:
        """How many cases it takes at once; between two batches what is made is saved."""
        ...

    def identity(self) -> Any:
        """Everything that its drafts depend on beside the case and the seed, as JSON."""
        ...

    def make(self, cases: Sequence[Case], seed: int) -> list[Draft]:
        """One draft for each case, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """One counterfactual; `reasons` say why a filter would not use it, and are empty where none objects."""

    id: str
    pair: Pair
    before: str
    wanted: str
    maker: str
    prompt: str = ""
    reasons: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict[str, float])

    @classmethod
    def of(cls, case: Case, draft: Draft, maker: str) -> Made:
        """A case with what a maker wrote for it."""
        pair = Pair.of(case.text, draft.text, case.variable, changes=case.variable)
        reasons = (draft.refused,) if draft.refused else () if pair.base_spans else (UNCHANGED,)
        return cls(case.id, pair, case.before, case.wanted, maker, draft.prompt, reasons)

    @property
    def kept(self) -> bool:
        """No filter objects."""
        return not self.reasons

    @property
    def case(self) -> Case:
        """What was asked for."""
        return Case(self.id, self.pair.base, self.pair.variable, self.before, self.wanted)

    def because(self, *reasons: str) -> Made:
        """The same with reasons against it added, none of them twice."""
        return replace(self, reasons=tuple(dict.fromkeys((*self.reasons, *reasons))))

    def scored(self, **scores: float) -> Made:
        """The same with scores added."""
        return replace(self, scores={**self.scores, **scores})

    def row(self) -> dict[str, Any]:
        """One line of a file."""
        return {
            "id": self.id,
            "text": self.pair.base,
            "counterfactual": self.pair.counterfactual,
            "variable": self.pair.variable,
            "before": self.before,
            "wanted": self.wanted,
            "maker": self.maker,
            "prompt": self.prompt,
            "reasons": list(self.reasons),
            "scores": dict(self.scores),
        }


def write(path: Path, made: Sequence[Made]) -> None:
    """Write a file of counterfactuals, whole or not at all."""
    write_lines(path, [one.row() for one in made])


def read(path: str | Path) -> list[Made]:
    """The counterfactuals of a file that `write` wrote."""
    file = saw(Path(path).expanduser())
    return [parsed(file, line, row) for line, row in objects(file)]


def parsed(file: Path, line: int, row: Mapping[str, Any]) -> Made:
    """One row of a file as a `Made`."""
    for name in TEXTS:
        if not isinstance(row.get(name), str):
            raise MalformedData(file, line, f"{name!r} is missing or not a text")
    reasons: Any = row.get("reasons", [])
    scores: Any = row.get("scores", {})
    if not isinstance(reasons, list) or not isinstance(scores, dict):
        raise MalformedData(file, line, "'reasons' is not a list, or 'scores' not an object")
    pair = Pair.of(row["text"], row["counterfactual"], row["variable"], changes=row["variable"])
    return Made(
        row["id"], pair, row["before"], row["wanted"], row["maker"], str(row.get("prompt", "")),
        tuple(map(str, reasons)), {str(name): float(score) for name, score in scores.items()},
    )  # fmt: skip
