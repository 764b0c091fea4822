"""A maker: what the model itself would have written with the same noise, had the prompt said another value.

Idea      A text is read as said after a prompt that names its value ("Negative review: …"). Its noise is inferred, and
          the same noise speaks after the prompt that names the wanted value (`lm.coupled`).
Limits    The counterfactual is one of the language model, with all that the value changes in it, not a minimal edit:
          from its first other word on a text may go its own way, and it is as long as the old one at most. A prompt
          that says nothing of the value gives every text back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from butfor.core.errors import UserError
from butfor.core.seeds import derive
from butfor.data.counterfactual.made import Case, Draft
from butfor.lm.world import LM


@dataclass(frozen=True, slots=True)
class Coupled:
    """The same noise after another prompt; `prompt` says the {value} that a text has."""

    lm: LM
    prompt: str = "{value} review:\n"
    temperature: float = 1.0
    name: str = "coupled"
    batch: int = 1

    def __post_init__(self) -> None:
        if "{value" not in self.prompt:
            raise UserError(f"the prompt {self.prompt!r} says no value; put {{value}} where it belongs")

    def identity(self) -> Any:
        return [self.lm.fingerprint(), self.lm.tokenizer_fingerprint(), self.prompt, self.temperature]

    def make(self, cases: Sequence[Case], seed: int) -> list[Draft]:
        return [self._made(case, derive(seed, "strings", case.text, case.wanted)) for case in cases]

    def _made(self, case: Case, seed: int) -> Draft:
        from butfor.lm.coupled import abduct, coupled
        from butfor.lm.tokens import decode, encode

        asked = self.prompt.format(value=case.wanted)
        if decode(self.lm, encode(self.lm, [case.text])[0]) != case.text:
            return Draft(case.text, asked, "the tokenizer does not give this text back")
        noises = abduct(
            self.lm, [self.prompt.format(value=case.before)], [case.text], temperature=self.temperature, seed=seed
        )
        return Draft(coupled(self.lm, noises, prompts=[asked])[0], asked)
