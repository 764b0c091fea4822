"""Position-invariant inference: choices, or facts, are read in no order, so that their order cannot matter.

Idea      A model prefers the choice that stands first, or last, whatever it says. Here the choices (or the sentences of
          the context) are segments without an order: they see one another in both directions, and whoever reads them
          finds the most important one nearest (`lm.segments`). The answer is then the same for every order.
Equation  score(choice) = (1 - s) log P(choice | listed) + s log P(choice | segments in no order),      s = `strength`;
          both are shares of the choices.
Listed    `of = "choices"`: each choice on a line of its own, without a letter, for a letter is a place; its own words
          are weighed. `of = "sentences"`: the sentences before the question are the segments; the choices stay as they
          are.
Peers     `read = "given"`: the very same list, read plainly in the order that it came in; `read = "sorted"`: plainly,
          by the alphabet. Sorting alone makes the answer the same for every order, and costs nothing; but it still has
          a first and a last. What "unordered" adds is its difference from these two.
Source    Wang et al. 2024 (PINE). Written from the equations.
Example   [treatment]
          method = "infer.decode.position"
          of = "sentences"
Limits    strength = 0 is the plain answer to the listed question; so is a question without segments (yes or no, one
          sentence), and it says so. Segments are read in the order of the alphabet, so that even rounding is the same.
          A story told in another order is another story: "sentences" is for facts and rules. Words are weighed in
          full, so that a long choice has a handicap, the same in every order. Models with rotary positions, in memory;
          choices alone, for nothing is written. A question that could be gone on with is listed here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, final

from pydantic import Field

from butfor.data.adapt import START, ways
from butfor.data.answers import is_verdict
from butfor.data.question import Answer, Question, Step
from butfor.infer.answering import Answering
from butfor.infer.decode.context import NEXT, asks
from butfor.infer.prompt.direct import TOO_LONG
from butfor.lm.exchange import Look, Said, Steps, Weigh
from butfor.lm.prompt import Prompt, rendered

if TYPE_CHECKING:
    from butfor.lm.segments import Segmented
    from butfor.lm.world import LM

OPEN = "an open question has no choices to weigh"
ORDERED = "nothing in this question stands in an order that could be changed"
REWRITTEN = "the model's template changes the text of the question"
LEAST = 1e-300  # of a share: its logarithm is a number
HOW = "Answer with one of these, word for word."


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PositionInvariant(Answering):
    """Read choices or facts in no order."""

    worlds: ClassVar[tuple[str, ...]] = ("lm",)

    of: Literal["choices", "sentences"] = "choices"
    read: Literal["unordered", "given", "sorted"] = "unordered"
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0

    def steps(self, question: Question, seed: int) -> Steps[Answer]:  # noqa: ARG002
        """Weigh the choices with the segments in no order, as listed, or both."""
        if not question.choices:
            return Answer(None, why=OPEN)
        form = ways(question, "plain")["as it is"]
        parts = self._parts(question) if self.strength else None
        plain = [Weigh(form.prompt, form.weighed)] if parts is None or self.strength < 1 else []
        looks = [self._asked(*parts)] if parts is not None else []
        found = yield [*plain, *looks]
        if why := next((said.why for said in found if said.why), ""):
            return Answer(None, why=TOO_LONG if why == "does not fit" else why)
        shares = found[0].shares if len(found) == 1 else self._mixed(*found)
        names = self._names(plain, looks)
        steps = [
            Step(f"{name}: {question.choices[said.best]}", "model") for name, said in zip(names, found, strict=True)
        ]
        steps += [Step(ORDERED, "rule")] if parts is None and self.strength else []
        best = max(range(len(shares)), key=shares.__getitem__)
        return Answer(best, question.choices[best], tuple(steps), shares=shares)

    def _asked(self, prompt: Prompt, segments: tuple[str, ...], choices: tuple[str, ...]) -> Look | Weigh:
        return _look(prompt, segments, choices) if self.read == "unordered" else Weigh(prompt, choices)

    def _names(self, plain: Sequence[Weigh], others: Sequence[Look | Weigh]) -> list[str]:
        how = {"unordered": "in no order", "given": "as a list", "sorted": "as a sorted list"}[self.read]
        return ["as it is, likeliest"] * len(plain) + [f"{how}, likeliest"] * len(others)

    def _ordered(self, segments: Iterable[str]) -> tuple[str, ...]:
        return tuple(segments) if self.read == "given" else tuple(sorted(segments))

    def _mixed(self, plain: Said, other: Said) -> tuple[float, ...]:
        """Both kinds of shares, mixed as their logarithms."""
        s = self.strength
        pairs = [(max(one, LEAST), max(other, LEAST)) for one, other in zip(plain.shares, other.shares, strict=True)]
        mixed = [exp((1 - s) * log(one) + s * log(two)) for one, two in pairs]
        return tuple(value / sum(mixed) for value in mixed)

    def _parts(self, question: Question) -> tuple[Prompt, tuple[str, ...], tuple[str, ...]] | None:
        """The prompt, its segments as they stand in it, side by side, and what is weighed; None without segments."""
        if self.of == "choices":
            if is_verdict(question.choices):
                return None
            segments = self._ordered(f"- {choice}\n" for choice in question.choices)
            text = f"{question.text.strip()}\n{''.join(segments)}{HOW}"
            return Prompt(text, start=START), segments, tuple(f" {choice}" for choice in question.choices)
        asked = asks(question.text)
        told = question.text.strip().removesuffix(asked).strip()
        segments = self._ordered(f"{part.strip()}\n" for part in NEXT.split(told) if part.strip())
        if not asked or len(segments) < 2:
            return None
        form = ways(question, "plain")["as it is"]
        rest = form.prompt.user.removeprefix(question.text.strip())
        return Prompt(f"{''.join(segments)}{asked}{rest}", start=START), segments, form.weighed


def _look(prompt: Prompt, segments: tuple[str, ...], choices: tuple[str, ...]) -> Look:
    key = {"prompt": asdict(prompt), "segments": list(segments), "choices": list(choices)}
    return Look("position-invariant reading", key, lambda lm: weighed(lm, prompt, segments, choices))


def weighed(lm: LM, prompt: Prompt, segments: tuple[str, ...], choices: tuple[str, ...]) -> Said:
    """log P(choice | prompt) with these parts of the prompt, which stand side by side in it, read in no order."""
    from butfor.lm.probes import longest_row
    from butfor.lm.segments import Segmented, segment_logits
    from butfor.lm.tokens import encode, opening

    before, block, after = rendered(lm, prompt, scoring=True).rpartition("".join(segments))
    if not block:
        return Said(why=REWRITTEN)
    head = (*opening(lm), *encode(lm, [before])[0])
    middle = tuple(map(tuple, encode(lm, list(segments))))
    tails = encode(lm, [after + choice for choice in choices])
    texts = [Segmented(head, middle, tuple(tail)) for tail in tails]
    if max(len(text.ids) for text in texts) > longest_row(lm):
        return Said(why="does not fit")
    shared = _shared([*tails, encode(lm, [after])[0]])
    passes: dict[tuple[int, ...], tuple[Segmented, list[int]]] = {}
    for text, tail in zip(texts, tails, strict=True):
        first = text.starts[-2] + shared - 1
        passes.setdefault(tuple(tail[:-1]), (text, list(range(first, len(text.ids) - 1))))
    logits = {known: segment_logits(lm, text, keep).double().log_softmax(-1) for known, (text, keep) in passes.items()}
    found = [
        float(sum(logits[tuple(tail[:-1])][at, token] for at, token in enumerate(tail[shared:]))) for tail in tails
    ]
    return Said(logprobs=tuple(found), read=sum(len(text.ids) for text, _ in passes.values()))


def _shared(rows: list[list[int]]) -> int:
    """How many first tokens all rows share."""
    short = min(map(len, rows))
    return next((at for at in range(short) if any(row[at] != rows[0][at] for row in rows)), short)
