"""What the commands that talk to a model share: who is asked, where what was said is kept, and how it is shown.

--model NAME                  a model on this machine: an alias, a Hugging Face id, a folder
--endpoint URL --model NAME   a model behind an OpenAI-compatible address, by its name there
--out DIR                     DIR/transcript.jsonl holds every question and answer as soon as it is known, so that a
                              killed command goes on where it ended; without --out, DIR is talks/NAME
--replay DIR                  the answers of DIR/transcript.jsonl, without the model

    talk = Talk(model="smollm2-135m", seed=0)
    exchange = talk.begin()
    method.through(exchange, questions, seed=talk.seed)

Limits    A transcript holds the answers of one model; another one is refused (see `lm.exchange`). What a model wrote is
          shown without what could steer a terminal (`clean`), folded to 80 columns.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from butfor.core.errors import Untrusted, UserError

if TYPE_CHECKING:
    from butfor.data.question import Answer, Step
    from butfor.lm.chat import Chat
    from butfor.lm.exchange import Cost, Exchange
    from butfor.lm.world import LM

FILE = "transcript.jsonl"
REPLIES = "replies.jsonl"  # of an address: each reply as it comes in, where the transcript waits for the whole round
WIDTH = 80
HEAD = 12
SERVED = "served:"
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Who is asked, and where what was said is kept."""

    model: str = ""
    endpoint: str = ""
    out: Path | None = None
    replay: Path | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.replay is not None:
            if not (self.replay / FILE).is_file():
                raise UserError(f"{self.replay} holds no {FILE}; --replay takes the --out of a command that was run")
            return
        if self.endpoint and not self.model:
            raise UserError("an address needs the name of a model, as its /models lists it: --model NAME")
        if not self.model:
            raise UserError("name a model: --model smollm2-135m, or --endpoint URL --model NAME")
        if self.endpoint and self.model.startswith(SERVED):
            raise UserError(f"{self.model!r} names an address already; leave out --endpoint")

    @property
    def local(self) -> bool:
        """Whether the model is to be in memory."""
        return self.replay is None and not self.endpoint and not self.model.startswith(SERVED)

    @property
    def folder(self) -> Path:
        """Where the transcript is."""
        name = re.sub(r"[^\w.-]+", "-", self.model).strip("-.") or "model"
        return self.replay or self.out or Path("talks") / name[-80:]

    def begin(self) -> Exchange:
        """The model and its transcript; with `replay`, the transcript alone."""
        from butfor.lm.chat_memory import Memory
        from butfor.lm.exchange import Exchange

        if self.replay is not None:
            return Exchange(None, Memory(self.folder / FILE, kept=True))
        world = self._world()
        return Exchange(world, Memory(self.folder / FILE))

    def _world(self) -> LM | Chat:
        from butfor.lm import served
        from butfor.lm.chat import Chat
        from butfor.lm.load import load
        from butfor.lm.world import LM

        name, url = self.model, self.endpoint
        if name.startswith(SERVED):
            served.check(name)
            name, _, url = name.removeprefix(SERVED).rpartition("@")
        if url:
            return Chat(url, name, memory=self.folder / REPLIES)
        world = load(name, dtype=_dtype())
        if not isinstance(world, LM) or world.is_encoder:
            raise UserError(f"{name} writes no text; give a language model with --model, such as smollm2-135m")
        return world


def _dtype() -> str:
    """float32 on processors: coarser numbers differ with the batch, and so with where a killed command went on."""
    import torch

    return "auto" if torch.cuda.is_available() else "float32"


def in_utf8(what: str, *texts: str) -> None:
    """Refuse bytes of a command line or of stdin that are no text."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        raise UserError(f"{what} holds bytes that are no UTF-8; write it in UTF-8, or take them out") from None


def about(talk: Talk, exchange: Exchange) -> dict[str, Any]:
    """Who answered, from where, as JSON."""
    from butfor.lm.exchange import WHO

    signed = exchange.memory.get(WHO) or {}
    found = {"model": signed.get("name", talk.model), "seed": talk.seed, "transcript": str(talk.folder / FILE)}
    return {**found, "reused": exchange.reused, "notes": list(getattr(exchange.world, "notes", ()))}


def facts(answer: Answer) -> dict[str, Any]:
    """An answer as JSON."""
    return asdict(answer)


def told(talk: Talk, exchange: Exchange) -> None:
    """Say on stderr where the transcript is, and what a reader of the answers must know."""
    found = about(talk, exchange)
    reused = f" ({found['reused']} answers were there already)" if found["reused"] and talk.replay is None else ""
    print("\n".join([*found["notes"], f"transcript: {found['transcript']}{reused}"]), file=sys.stderr)


def derivation(steps: Sequence[Step]) -> list[str]:
    """One paragraph a step, with who took it at the left: `model` is what nobody has checked."""
    return [line for step in steps for line in beside(step.by, step.text)]


def beside(head: str, text: str) -> list[str]:
    """A word at the left, a text beside it, folded; its own line breaks stay."""
    lines = [
        part
        for line in clean(text).split("\n")
        for part in (textwrap.wrap(line, WIDTH - HEAD, break_on_hyphens=False) or [""])
    ]
    return [f"{head if number == 0 else '':<{HEAD}}{line}".rstrip() for number, line in enumerate(lines)]


def spent(cost: Cost) -> str:
    """What an answer cost, in words."""
    calls = "1 call" if cost.calls == 1 else f"{cost.calls:,} calls"
    return f"{calls}, {cost.read:,} tokens read, {cost.written:,} written"


def clean(text: str) -> str:
    """The text as it may stand on a terminal: signs that steer it are spelled out, tabs are blanks."""
    return STEERS.sub(lambda sign: ascii(sign[0])[1:-1], text.expandtabs(4))


def stand(answer: Answer) -> None:
    """Exit code 3 where there is no answer: what was shown is no more than the way there."""
    if answer.read is None:
        raise Untrusted(f"there is no answer: {clean(answer.why) or 'nothing could be read'}")
