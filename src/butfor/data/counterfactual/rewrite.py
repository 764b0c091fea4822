"""A language model rewrites: any local model or any chat endpoint; what it was asked stands beside what it wrote.

Prompt    an instruction with the places {variable}, {before} and {wanted}; then examples, those of the case's own
          direction (an example serves both: turned round, it is one of the other direction); then the text. Style
          "chat": as turns of a conversation. "lines": as lines to go on with, for models that follow patterns better
          than instructions; the instruction is not said.
Unit      "text": the whole text at once. "sentence": sentence by sentence, for models that lose the thread of a longer
          text: what stands around a sentence is not seen. With a `guide`, a judge of the variable, sentences that have
          the wanted value already are left alone.
Pull      a model in memory may be pulled away from what it writes when asked to keep the value (`lm.contrast`): a small
          model mostly copies, and that cancels.
Read      Of the answer: a preamble that ends in a colon, quotes around everything and a label are dropped; a base
          model's answer is its first line. An empty answer leaves the text (or sentence) as it was.
Seed      At temperature 0 a draft does not depend on it. Sampling needs a model in memory (`lm.generation`): an
          endpoint is asked greedily.
Limits    A weak model copies, or changes more than it was asked to: look at the scores, and filter. A rewriter changes
          what it was not asked to change, too: for an effect on average see `rate`, which cancels that out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from butfor.core.errors import UserError
from butfor.data.counterfactual.judge import Judge, place
from butfor.data.counterfactual.made import Case, Draft
from butfor.lm.asking import answer_of, is_base, say
from butfor.lm.contrast import contrasted
from butfor.lm.generation import generate
from butfor.lm.prompt import Prompt, rendered

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

SENTENCE = re.compile(r"(?<=[.!?…])([\"”')\]]*\s+)")
PREAMBLE = re.compile(r"^(?:(?:sure|here|okay|certainly)\b[^\n:]{0,80}:\s*|rewritten[^\n:]{0,40}:\s*)", re.IGNORECASE)
INSTRUCTION = (
    "Rewrite what the user writes so that its {variable} becomes {wanted} instead of {before}. "
    "Change as few words as possible. Answer with the rewritten text alone."
)
FEWEST = 3  # a sentence of fewer words is left alone
ROOM = 1.6  # an answer may have so many times the tokens of what is rewritten, and a few more


@dataclass(frozen=True, slots=True)
class Example:
    """A text, what the variable is in it, the same text rewritten, and what it is there."""

    text: str
    before: str
    rewritten: str
    wanted: str

    def towards(self, wanted: str) -> tuple[str, str]:
        """The example as question and answer, turned so that it ends in `wanted`."""
        return (self.text, self.rewritten) if wanted == self.wanted else (self.rewritten, self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewriter:
    """Ask a model to rewrite each case."""

    world: LM | Chat
    instruction: str = INSTRUCTION
    examples: tuple[Example, ...] = ()
    style: Literal["chat", "lines"] = "chat"
    unit: Literal["text", "sentence"] = "text"
    guide: Judge | None = None
    pull: float = 0.0
    temperature: float = 0.0
    longest: int = 512
    name: str = "rewrite"
    batch: int = 8

    def __post_init__(self) -> None:
        if self.unit not in ("text", "sentence") or self.style not in ("chat", "lines"):
            raise UserError("a rewriter's unit is text or sentence, its style chat or lines")
        if self.temperature < 0 or self.pull < 0 or self.longest < 1:
            raise UserError("a rewriter needs temperature ≥ 0, pull ≥ 0 and longest ≥ 1")
        if self.temperature and self.pull:
            raise UserError("sampling and pull do not go together; leave one of them at 0")
        if (self.temperature or self.pull) and getattr(self.world, "remote", False):
            raise UserError("an endpoint is asked greedily; leave temperature and pull at 0")
        if getattr(self.world, "is_encoder", False):
            raise UserError(f"{self.world.name} is an encoder: it cannot rewrite; take a model that generates")
        if self.style == "lines" and not self.examples:
            raise UserError("style 'lines' shows the model examples to go on with; give some")
        if self.guide and self.unit != "sentence":
            raise UserError("a guide chooses sentences; set unit to 'sentence'")
        _filled(self.instruction, "", "", "")

    def identity(self) -> Any:
        """Model, instruction, examples, guide and decoding."""
        world: Any = self.world
        remote = getattr(world, "remote", False)
        model = world.identity() if remote else [world.fingerprint(), world.tokenizer_fingerprint()]
        examples = [[one.text, one.before, one.rewritten, one.wanted] for one in self.examples]
        guide = self.guide.identity() if self.guide else None
        how = self.style, self.unit, self.pull, self.temperature, self.longest
        return [model, self.instruction, examples, guide, how]

    def make(self, cases: Sequence[Case], seed: int) -> list[Draft]:
        """A draft for every case; the sentences of all of them are asked together."""
        pieces = [self._pieces(case.text) for case in cases]
        asked = self._chosen(
            [
                (case, number, piece)
                for case, parts in zip(cases, pieces, strict=True)
                for number, (piece, _) in enumerate(parts)
                if len(piece.split()) >= FEWEST
            ]
        )
        said = self._said([(case, piece) for case, _, piece in asked], seed)
        new = {(case.id, number): text for (case, number, _), text in zip(asked, said, strict=True) if text}
        shown = {case.id: self.prompt(case, piece, case.wanted) for case, _, piece in reversed(asked)}
        drafts: list[Draft] = []
        for case, parts in zip(cases, pieces, strict=True):
            text = "".join(new.get((case.id, n), piece) + gap for n, (piece, gap) in enumerate(parts))
            silent = case.id in shown and not any(name == case.id for name, _ in new)
            drafts.append(
                Draft(
                    text, told(shown[case.id]) if case.id in shown else "", "the model wrote nothing" if silent else ""
                )
            )
        return drafts

    def prompt(self, case: Case, piece: str, towards: str) -> Prompt:
        """What is asked of a piece of a text; towards the value that it has already, every example is a copy."""
        fitting = [one for one in self.examples if {one.before, one.wanted} == {case.before, case.wanted}]
        shots = [one.towards(case.wanted) for one in fitting]
        if towards == case.before:
            shots = [(text, text) for text, _ in shots]
        if self.style == "chat":
            system = _filled(self.instruction, case.variable, case.before, towards)
            return Prompt(piece, system=system, shots=tuple(shots))
        lines = [f"{case.before}: {text}\nRewritten, {towards}: {new}\n\n" for text, new in shots]
        return Prompt("".join(lines) + f"{case.before}: {piece}\nRewritten, {towards}:", raw=True)

    def _pieces(self, text: str) -> list[tuple[str, str]]:
        """The parts of a text that are rewritten one by one, each with what stands after it."""
        if self.unit == "text":
            return [(text, "")]
        parts = [*SENTENCE.split(text), ""]
        return [(parts[at], parts[at + 1]) for at in range(0, len(parts) - 1, 2)]

    def _chosen(self, asked: list[tuple[Case, int, str]]) -> list[tuple[Case, int, str]]:
        """The pieces that the guide does not find as they are wanted already."""
        if self.guide is None or not asked:
            return asked
        held = self.guide.likely([piece for _, _, piece in asked])
        return [
            one for one, row in zip(asked, held, strict=True) if int(row.argmax()) != place(self.guide, one[0].wanted)
        ]

    def _said(self, asked: Sequence[tuple[Case, str]], seed: int) -> list[str]:
        """What the model answers, cleaned; pieces of like length share a call, so that none waits for a longer one."""
        found = [""] * len(asked)
        rooms = [_room(piece, self.longest) for _, piece in asked]
        for room in sorted(set(rooms)):
            group = [at for at, size in enumerate(rooms) if size == room]
            for at, answer in zip(group, self._answers([asked[at] for at in group], room, seed), strict=True):
                found[at] = cleaned(self.world, answer, asked[at][1])
        return found

    def _answers(self, asked: Sequence[tuple[Case, str]], room: int, seed: int) -> list[str]:
        world: Any = self.world
        prompts = [self.prompt(case, piece, case.wanted) for case, piece in asked]
        if getattr(world, "remote", False):
            return say(world, prompts, max_new_tokens=room)
        texts = [rendered(world, prompt, scoring=False) for prompt in prompts]
        stop = "\n" if self.style == "lines" else ""
        if self.pull:
            kept = [rendered(world, self.prompt(case, piece, case.before), scoring=False) for case, piece in asked]
            return contrasted(world, texts, kept, pull=self.pull, max_new_tokens=room, stop=stop)
        return generate(world, texts, max_new_tokens=room, temperature=self.temperature, seed=seed, stop=stop)


def told(prompt: Prompt) -> str:
    """A prompt as a person reads it."""
    if prompt.raw:
        return prompt.user
    shots = [f"> {asked}\n< {answered}" for asked, answered in prompt.shots]
    return "\n".join([prompt.system, *shots, f"> {prompt.user}"])


def cleaned(world: LM | Chat, said: str, piece: str) -> str:
    """The rewritten text in an answer."""
    text = PREAMBLE.sub("", said.strip()).strip()
    text = answer_of(world, text) if is_base(world) or "\n" not in piece else text
    text = text.strip().removeprefix(">").removeprefix("<").strip()
    if len(text) > 1 and text[0] in '"“' and text[-1] in '"”' and piece[0] not in '"“':
        text = text[1:-1].strip()
    return text if re.search(r"\w", text) else ""


def _room(piece: str, longest: int) -> int:
    """Tokens for an answer, by the length of what is rewritten, in steps of 16 so that few calls are needed."""
    return min(longest, 16 * -(-int(len(piece) / 4 * ROOM + 8) // 16))


def _filled(instruction: str, variable: str, before: str, wanted: str) -> str:
    try:
        return instruction.format(variable=variable, before=before.lower(), wanted=wanted.lower())
    except (KeyError, IndexError, ValueError) as error:
        raise UserError("an instruction has the places {variable}, {before} and {wanted}, and no others") from error
