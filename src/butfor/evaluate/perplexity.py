"""How surprised is the model by plain text? What an intervention costs in fluency.

Equation  nll(window) = - mean over t of log p(x_t | opening, x_<t), in nats per token; perplexity is exp of its mean.
          The opening is what the tokenizer itself puts before a text (Llama, Gemma: one token). Where it puts nothing
          (SmolLM2, GPT-2), a window's first token has nothing before it and is not scored.
Idea      The text is cut into passages (paragraphs, articles, lines of a file), each passage into windows of `length`
          tokens that do not overlap; every window is read alone. One record a window, one cluster a passage.
Data      default: our own prose on everyday subjects (data/builtin/plain_test.txt), which no arm trains on;
          `data = "wikitext2"`: the validation text of WikiText-2 (Merity et al. 2016) by article; or a path.
Limits    The last, shorter window of a passage counts if it is at least half a window, or if it is the only one and has
          8 tokens; every window weighs the same. Nats per token do not compare between tokenizers; `nats_per_byte`
          does, up to the window cuts; it counts the bytes of scored tokens alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, final

from pydantic import Field

from butfor.core.errors import UserError
from butfor.data import builtin
from butfor.data.corpora import rows
from butfor.data.wikitext2 import wikitext2
from butfor.evaluate.suite import Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm import LM

SHORTEST = 8  # tokens of a passage that is read although it fills no window


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Perplexity:
    """Nats per token on plain text. `data`: our own prose, "wikitext2" or a path; `length`: tokens a window."""

    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("nats_per_token", "lower", "nats", "mean negative log-probability of a token; perplexity is its exp"),
        Metric("nats_per_byte", "lower", "nats", "the same text's surprise per byte: compares between tokenizers"),
    )
    chunk: ClassVar[int] = 32

    data: str | None = None
    limit: Limit = None
    length: Annotated[int, Field(ge=8, le=4096)] = 128

    def ready(self) -> None:
        """The text is here, and some passage of it is long enough."""
        if all(len(text.encode()) < SHORTEST for _, text in self._passages()):  # a token is a byte at least
            raise UserError(self._too_short())

    def items(self, world: LM) -> list[Item]:
        """The windows of every passage, as token ids."""
        from butfor.lm.tokens import encode, opening

        passages = self._passages()
        items: list[Item] = []
        for (name, _), ids in zip(passages, encode(world, [text for _, text in passages]), strict=True):
            cut = _cut(ids, self.length)
            items += [Item(f"{name}/{n}", name, {"tokens": window}) for n, window in enumerate(cut, 1)]
        if not items:
            raise UserError(self._too_short())
        longest = max(len(item.data["tokens"]) for item in items)
        room = longest if world.context is None else world.context - len(opening(world))
        if longest > room:
            raise UserError(
                f"text.perplexity: windows of {longest} tokens are too long, {world.name} reads {world.context} with "
                f"what its tokenizer puts before them; set length = {room} or less"
            )
        return spread(items, self.limit)

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Each window alone, after the tokenizer's opening."""
        from butfor.lm.logprobs import token_logprobs
        from butfor.lm.tokens import opening

        head = opening(world)
        values = token_logprobs(world, [(head + item.data["tokens"], max(1, len(head))) for item in items])
        return [_record(world, item, logprobs) for item, logprobs in zip(items, values, strict=True)]

    def _too_short(self) -> str:
        return f"text.perplexity: no passage of {self.data} has {SHORTEST} tokens; separate passages by blank lines"

    def _passages(self) -> list[tuple[str, str]]:
        """(name, text) of every passage; a passage is one cluster."""
        if self.data is None:
            return [(f"plain/{n}", text) for n, text in enumerate(builtin.passages("plain_test"), 1)]
        if self.data == "wikitext2":
            return [(f"wikitext2/{n}", "\n".join(a.paragraphs)) for n, a in enumerate(wikitext2(), 1)]
        return [(row["id"], row["text"]) for row in rows(self.data)]


def _cut(ids: list[int], length: int) -> list[list[int]]:
    """Windows of `length` tokens; what is left at the end counts if it is half a window, or all there is."""
    cut = [ids[at : at + length] for at in range(0, len(ids), length)]
    return [window for n, window in enumerate(cut) if 2 * len(window) >= length or (n == 0 and len(window) >= SHORTEST)]


def _record(world: LM, item: Item, logprobs: list[float]) -> Record:
    from butfor.lm.tokens import decode

    tokens, total = item.data["tokens"], -sum(logprobs)
    scored = decode(world, tokens[len(tokens) - len(logprobs) :])
    metrics = {"nats_per_token": total / len(logprobs), "nats_per_byte": total / max(1, len(scored.encode()))}
    text = decode(world, tokens)
    return Record(item.id, item.cluster, metrics, {"text": text if len(text) <= 300 else text[:300] + "…"})
