"""A small model as a reader: it reads a text sentence by sentence into the formal language, and the engine computes.

Idea      Reading is the weak link of a small model, and a whole text is more than it can hold. A sentence with the list
          of variables known so far is one short task of copying, and can be learnt: the corpus "ladder-reading".
Rounds    1  sentences without a number: what causes what, in the text's own words
          2  the others, each after the list of variables that round 1 found
          3  the question, after that list
          then all is put together (`data/units.py`), parsed strictly, and computed (`data/computed.py`)
Forms     a line can only say what the engine could use (`forms`); sentences that do not fit together are weighed
          against each other (`mending`)
Trained   on "ladder-reading", objective "text": of a row with spans named "read" the tokens of these spans alone are
          learnt, and nothing else goes through the output layer: loss = −mean over t in spans of log P(t | before t)
Source    Jin et al. 2023 (CausalCoT: reading before reckoning); the split into sentences is ours.
Example   [treatment]
          method = "infer.reason.reader"
Limits    A model that was not trained to read so reads hardly anything: name the one that the recipe `reader` saves.
          What cannot be read or computed is answered "cannot", with the reason, and counts as wrong. Only yes-or-no
          questions are answered.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, final

from pydantic import Field

from butfor.data.computed import Computed, compute
from butfor.data.ladder.formal import READ
from butfor.data.question import Answer, Question, Step
from butfor.data.reading import Parsed
from butfor.data.units import LETTERS, assembled, has_digit, lettered, pieces, prompt, settled, structure, unclipped
from butfor.infer.answering import Answering
from butfor.infer.reason.forms import facts, questions, structural
from butfor.infer.reason.mending import mended
from butfor.lm.exchange import Form, Say, Steps
from butfor.lm.prompt import Prompt
from butfor.train.method import fed

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from butfor.lm import LM
    from butfor.train.batches import Batches

MOST = 80  # sentences
NO_RULE = re.compile(r" = |: by ")  # a percentage, or a way to find an effect
NOT_READ, NO_CHOICE = "could not be read", "is no yes-or-no question"


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: phrases, each a variable; each piece with what was written of it; all of it as one reading."""

    names: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    parsed: Parsed


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reader(Answering):
    """Read sentence by sentence, then compute."""

    form: bool = True  # keep what is written to the forms of `data/units.py`
    repair: bool = True  # weigh sentences again where what was read of them does not fit together
    room: Annotated[int, Field(ge=8)] = 192  # new tokens a sentence, at most: four cells with long names need over 80

    def steps(self, question: Question, seed: int) -> Steps[Answer]:  # noqa: ARG002 (nothing is drawn)
        """Three rounds, then the engine."""
        yes, no = (_place(question.choices, word) for word in ("yes", "no"))
        if yes is None or no is None:
            return Answer(None, why=f"the question {NO_CHOICE}")
        found = yield from self.read(question.text)
        computed = compute(found.parsed.reading)
        steps = _derivation(found, computed)
        if computed.yes is None:
            odd = "; ".join(map(str, found.parsed.faults[:3]))
            return Answer(None, derivation=steps, why=f"cannot: {computed.why or NOT_READ}{f' ({odd})' if odd else ''}")
        place = yes if computed.yes else no
        return Answer(place, question.choices[place], steps)

    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> AbstractContextManager[None]:  # noqa: ARG002
        """While it trains, only what is to be read goes through the output layer."""
        return _learning(lm.model) if READ in planned.variables else nullcontext()

    def read(self, text: str) -> Steps[Read]:
        """What the model reads of a text, and what that is in the formal language."""
        parts = pieces(text)
        told = parts.told[:MOST]
        first = [piece for piece in told if piece in parts.first]
        heard = yield [self._say(piece, (), structural(piece) if self.form else None) for piece in first]
        said = settled(unclipped(first, [reply.text.strip() for reply in heard]))
        found = structure(said)
        causes = found.causes
        later = {piece for piece, read in zip(first, said, strict=True) if read == "@"}
        rest = [piece for piece in told if piece not in first or piece in later]
        form = {some: facts(found.names, causes, numbers=some) for some in set(map(has_digit, rest)) if self.form}
        replies = yield [self._say(piece, found.names, form.get(has_digit(piece))) for piece in rest]
        read = [lettered(reply.text.strip(), found.names) for reply in replies]
        if self.repair:
            read = yield from mended(rest, read, found.names, causes)
        ruled = any(" := " in one for one in (*found.lines, *read)) and not any(NO_RULE.search(one) for one in read)
        asking = questions(found.names, numbers=not ruled) if self.form else None
        (reply,) = yield [self._say(parts.question, found.names, asking)]
        asked = lettered(reply.text.strip(), found.names)
        pairs = (*zip(first, said, strict=True), *zip(rest, read, strict=True), (parts.question, asked))
        return Read(found.names, pairs, assembled(found, read, asked))

    def _say(self, piece: str, names: Sequence[str], form: Form | None) -> Say:
        return Say(Prompt(prompt(piece, names), raw=True), room=self.room, stop="\n", form=form)


def _derivation(found: Read, computed: Computed) -> tuple[Step, ...]:
    named = "; ".join(f"{letter}: {phrase}" for phrase, letter in zip(found.names, LETTERS, strict=False))
    steps = [
        Step(f"variables: {named}", "model"),
        *(Step(f"{piece} => {said}", "model") for piece, said in found.pairs),
    ]
    steps += [Step(step, "engine") for step in computed.steps]
    return (*steps, *(Step(f"assumed: {one}", "rule") for one in computed.assumed))


def _place(choices: Sequence[str], word: str) -> int | None:
    return next((at for at, choice in enumerate(choices) if choice.strip().lower() == word), None)


# training -------------------------------------------------------------------------------------------------------------


@contextmanager
def _learning(model: Any) -> Generator[None]:
    """The output layer sees the positions before a token that is learnt, and the loss is theirs."""

    def chosen(_: Any, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:  # [1, N, d] <- [B, L, d]
        at = _places()
        return given if at is None else (given[0][:, :-1][at][None],)

    def loss(logits: Tensor, labels: Tensor, vocab_size: int, **_: Any) -> Tensor:  # [] <- [1, N, V], [B, L]
        import torch

        at = _places()
        if at is None:
            return plain(logits=logits, labels=labels, vocab_size=vocab_size)
        return torch.nn.functional.cross_entropy(logits[0].float(), labels[:, 1:][at])

    plain, handle = model.loss_function, model.get_output_embeddings().register_forward_pre_hook(chosen)
    model.loss_function = loss
    try:
        yield
    finally:
        handle.remove()
        model.loss_function = plain


def _places() -> Tensor | None:
    """[B, L - 1]: is the next token one that is learnt? None where no batch is fed, or nothing in it is."""
    batch = fed()
    if batch is None or "spans" not in batch:
        return None
    at = batch["spans"][:, 1:] > 0
    return at if bool(at.any()) else None
