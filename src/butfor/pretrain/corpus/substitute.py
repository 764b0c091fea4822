"""Counterfactual data augmentation and substitution over a named variable: gender, names, nationality, religion, age.

Equation  text' = text with every listed word w replaced by its partner m(w). `add`: both versions, taking turns in the
          row's slot, so the budget is the same; `replace`: the counterfactual; `half`: one of the two by a fair coin.
Source    Lu et al. 2018 (augmentation); Hall Maudslay et al. 2019 (substitution, names).
Variable  gender, names, nationality, religion, age; several as "gender+names"; a .json, .toml or .csv file of pairs
          or cycles of words; "module:function", a function from text to text.
Side      "both", or one way: "female:male", "young:old", "French:Irish".
Example   [treatment]
          method = "pretrain.corpus.substitute"
          variable = "gender+names"
          mode = "half"
Limits    No listed word would be standard training, bit for bit: such a corpus is refused. Marks of a row (spans,
          links, answer_at) move with its text. What else a text says of a value than by its listed words stays.
          `pretrain.swap` is gender with names given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

from butfor.core.errors import UserError
from butfor.pretrain.corpus.edits import carried, some
from butfor.pretrain.corpus.variables import editor, reads
from butfor.train.method import Method, Rows

if TYPE_CHECKING:
    import numpy as np

Mode = Literal["add", "replace", "half"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Substitute(Method):
    """Train on the text as it would read, had the variable been otherwise."""

    variable: str = "gender"
    mode: Mode = "add"
    side: str = "both"
    seed: int = 0  # of the pairs of nations and religions

    def __post_init__(self) -> None:
        try:
            editor(self.variable, self.side, self.seed)
        except UserError as error:
            raise ValueError(str(error)) from error

    @property
    def rests_on(self) -> list[str]:
        return reads(self.variable)

    def fits(self, rows: Rows) -> None:
        """Refuse a corpus in which no word would change: both arms would read the same."""
        one_way = "" if self.side == "both" else f" ({self.side})"
        some(editor(self.variable, self.side, self.seed).edits, rows, f"word of {self.variable}{one_way}")

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """The rows under `mode`; a counterfactual row keeps its number."""
        edit = editor(self.variable, self.side, self.seed)
        made = [carried(row, edit.edits(row["text"])) for row in rows]
        if self.mode == "replace":
            return made
        if self.mode == "half":
            coins = rng.random(len(rows)) < 0.5
            return [other if coin else row for row, other, coin in zip(rows, made, coins, strict=True)]
        return [*rows, *(other for row, other in zip(rows, made, strict=True) if other["text"] != row["text"])]
