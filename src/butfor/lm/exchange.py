"""What a method puts to a model whose weights it leaves alone, what comes back, and what that cost.

Asks      Say      write on: greedily, or drawn with a seed of its own; perhaps in a form that it has to keep to
          Weigh    log-probabilities of given choices
          Look     what only a model in memory can do (another attention, contrasted logits), by a name and a key
Steps     a method answers one question as a generator: it yields the asks of a round and is sent what came back. So
          `converse` answers many questions in step, and a round of all of them is one batch, or one crowd of requests.
Kept      with a memory, every answer is written down under the digest of what was asked, with both in plain text: a
          transcript. A killed process asks nothing twice; without a model (`world=None`) the transcript is replayed.
          A file is signed, and refused to another model; a memory without one is for one model, and nobody checks it.
Cost      calls, tokens read, tokens written, of each question: what was asked for it, whether it came from memory or
          not. In memory the tokens are counted, behind an address they are what the server tells.
Limits    The same seed gives the same answer of a model in memory, whatever else is in the batch, up to rounding; a
          server may draw otherwise. What cannot be asked (a prompt that is too long to be read, choices to be weighed
          behind an address) is not: `Said.why` says so, nothing is counted, and the method goes on without.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import exp
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from butfor.core.errors import UserError
from butfor.core.keys import digest
from butfor.lm.asking import is_remote, weigh
from butfor.lm.chat_memory import Memory
from butfor.lm.prompt import Prompt, rendered
from butfor.lm.tokens import encode

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

FORM = 1  # of what is written down: another form is another transcript
PIECE = 64  # asks of a round that are written down together: what a killed process loses at most
SPARE = 8  # tokens that a chat template may add
WHO = digest("who answers")


@dataclass(frozen=True, slots=True)
class Form:
    """What a written answer has to look like: a JSON schema, a regular expression, or a grammar (Lark)."""

    schema: str = ""
    pattern: str = ""
    grammar: str = ""


@dataclass(frozen=True, slots=True)
class Say:
    """Write on after the prompt, at most `room` tokens; `stop`: up to this text."""

    prompt: Prompt
    room: int = 256
    temperature: float = 0.0
    seed: int = 0
    stop: str = ""
    form: Form | None = None


@dataclass(frozen=True, slots=True)
class Weigh:
    """How likely is each choice after the prompt? A choice begins with its own space where it needs one."""

    prompt: Prompt
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """Something else, done by `call` on a model in memory; (`name`, `key`) decide what it is, as JSON.

    A call that returns `Said` has counted its tokens by itself.
    """

    name: str
    key: Any
    call: Callable[[LM], Any] = field(compare=False)
    read: int = 0  # tokens that it reads
    written: int = 0


Ask: TypeAlias = Say | Weigh | Look


@dataclass(frozen=True, slots=True)
class Said:
    """What came back: a text, log-probabilities (nats, in the order of the choices), or a value, as JSON."""

    text: str = ""
    logprobs: tuple[float, ...] = ()
    value: Any = None
    read: int = 0
    written: int = 0
    why: str = ""  # why it was not asked

    @property
    def best(self) -> int:
        """The place of the likeliest choice, the first of equals; -1 where none was weighed."""
        return max(range(len(self.logprobs)), key=lambda at: self.logprobs[at], default=-1)

    @property
    def shares(self) -> tuple[float, ...]:
        """Probabilities of the choices among themselves."""
        top = max(self.logprobs, default=0.0)
        weights = [exp(value - top) if value < top else 1.0 for value in self.logprobs]
        return tuple(weight / sum(weights) for weight in weights)


@dataclass(frozen=True, slots=True)
class Cost:
    """What was asked for one answer."""

    calls: int = 0
    read: int = 0
    written: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.calls + other.calls, self.read + other.read, self.written + other.written)


T = TypeVar("T")
Steps: TypeAlias = Generator[Sequence[Ask], list[Said], T]


class Exchange:
    """A world that is asked, and the memory of what it said; without a world, the memory alone."""

    def __init__(self, world: LM | Chat | None, memory: Memory | None = None) -> None:
        self.world = world
        self.memory = memory if memory is not None else Memory(None)
        self.reused = 0  # answers that were in memory before they were asked for
        if world is not None and self.memory.path is not None:
            self._sign(world)
        elif world is None and not len(self.memory):
            raise UserError(f"{self.memory.path or 'the transcript'} holds no answers; there is nothing to replay")

    def __call__(self, asks: Sequence[Ask]) -> list[Said]:
        """What came back, in order; equal asks are asked once."""
        keys = [digest(FORM, essence(ask)) for ask in asks]
        todo = {key: ask for key, ask in zip(keys, asks, strict=True) if key not in self.memory}
        self.reused += len(set(keys)) - len(todo)
        if todo and self.world is None:
            raise UserError(
                f"{self.memory.path or 'the transcript'} has no answer to {_shown(next(iter(todo.values())))!r}: it is "
                "of another question, seed or version; ask again with the model"
            )
        groups: dict[Any, dict[str, Ask]] = {}
        for key, ask in todo.items():
            how = (ask.room, ask.temperature, ask.stop) if isinstance(ask, Say) else type(ask)
            groups.setdefault(how, {})[key] = ask
        size = PIECE if self.memory.path is not None else len(todo)
        for group in groups.values():
            names = list(group)
            for piece in (names[at : at + size] for at in range(0, len(names), size)):
                for key, said in zip(piece, self._ask([group[key] for key in piece]), strict=True):
                    self.memory.put(key, {"ask": essence(group[key]), "said": asdict(said)})
        return [self._kept(key) for key in keys]

    def _ask(self, asks: Sequence[Any]) -> list[Said]:
        """Asks of one kind, all alike but for their texts and seeds."""
        world: Any = self.world
        if isinstance(asks[0], Look):
            if is_remote(world):
                raise UserError(f"{asks[0].name} looks inside the model; it needs one in memory, not an address")
            return [_looked(ask, ask.call(world)) for ask in asks]
        why = self._cannot(asks)
        asked = [ask for ask, no in zip(asks, why, strict=True) if not no]
        found = iter((self._say if isinstance(asks[0], Say) else self._weigh)(asked) if asked else [])
        return [Said(why=no) if no else next(found) for no in why]

    def _say(self, asks: Sequence[Say]) -> list[Said]:
        from butfor.lm.generation import generate

        world: Any = self.world
        first = asks[0]
        how = {
            "temperature": first.temperature,
            "seeds": [ask.seed for ask in asks],
            "forms": [ask.form for ask in asks],
        }
        if is_remote(world):
            said = world.write([ask.prompt for ask in asks], max_new_tokens=first.room, stop=first.stop, **how)
            return [Said(text, read=read, written=written) for text, read, written in said]
        texts = [rendered(world, ask.prompt, scoring=False) for ask in asks]
        said = generate(world, texts, max_new_tokens=first.room, stop=first.stop, **how)
        lengths = zip(map(len, encode(world, texts)), map(len, encode(world, said)), strict=True)
        return [  # bytes that are no text come back as more tokens than were written
            Said(text, read=read, written=min(new, first.room)) for text, (read, new) in zip(said, lengths, strict=True)
        ]

    def _weigh(self, asks: Sequence[Weigh]) -> list[Said]:
        world: Any = self.world
        scored = weigh(world, [(ask.prompt, ask.choices) for ask in asks])
        return [
            Said(logprobs=tuple(s.logprobs), read=length + sum(s.counts))
            for s, length in zip(scored, self._lengths(asks), strict=True)
        ]

    def _lengths(self, asks: Sequence[Say | Weigh]) -> list[int]:
        world: Any = self.world
        return list(map(len, encode(world, [rendered(world, ask.prompt, scoring=True) for ask in asks])))

    def _cannot(self, asks: Sequence[Say | Weigh]) -> list[str]:
        """Why each of these, all of one kind, cannot be asked; "" where it can."""
        world: Any = self.world
        if is_remote(world):
            return ["an address weighs nothing" if isinstance(asks[0], Weigh) else ""] * len(asks)
        if world.context is None:
            return [""] * len(asks)
        new = [ask.room if isinstance(ask, Say) else max(map(len, encode(world, list(ask.choices)))) for ask in asks]
        longest = world.context - SPARE
        return [
            "does not fit" if length + more > longest else ""
            for length, more in zip(self._lengths(asks), new, strict=True)
        ]

    def _kept(self, key: str) -> Said:
        kept = self.memory.get(key)
        assert kept is not None
        return Said(**{**kept["said"], "logprobs": tuple(kept["said"]["logprobs"])})

    def _sign(self, world: Any) -> None:
        """Write down who answers; a transcript of somebody else is refused."""
        who = world.identity() if is_remote(world) else [world.fingerprint(), world.tokenizer_fingerprint()]
        signed = {"name": world.name, "who": digest(who)}
        kept = self.memory.get(WHO)
        if kept is None:
            self.memory.put(WHO, signed)
        elif kept["who"] != signed["who"]:
            raise UserError(
                f"{self.memory.path} holds what another model said ({kept['name']}); give another place with --out"
            )


def converse(exchange: Exchange, runs: Iterable[Steps[T]]) -> list[tuple[T, Cost]]:
    """Let all generators run in step, and say what each came to and cost."""
    step, said = in_step(runs), None
    while True:
        try:
            said = exchange(step.send(said))  # type: ignore[arg-type]
        except StopIteration as end:
            return end.value


def in_step(runs: Iterable[Steps[T]]) -> Steps[list[tuple[T, Cost]]]:
    """Several generators as one: a round of all of them is one round."""
    turns = list(runs)
    found: list[T | None] = [None] * len(turns)
    costs = [Cost()] * len(turns)
    waiting: dict[int, Sequence[Ask]] = {}

    def on(number: int, said: list[Said] | None) -> None:
        try:
            waiting[number] = turns[number].send(said)  # type: ignore[arg-type]
        except StopIteration as end:
            found[number] = end.value

    for number in range(len(turns)):
        on(number, None)
    while waiting:
        now, waiting = waiting, {}
        replies = iter((yield [ask for asks in now.values() for ask in asks]))
        for number, asks in now.items():
            said = [next(replies) for _ in asks]
            asked = [one for one in said if not one.why]
            costs[number] += Cost(len(asked), sum(s.read for s in asked), sum(s.written for s in asked))
            on(number, said)
    return [(value, cost) for value, cost in zip(found, costs, strict=True)]  # type: ignore[misc]


def essence(ask: Ask) -> dict[str, Any]:
    """What decides an answer, as JSON."""
    if isinstance(ask, Look):
        return {"look": ask.name, "key": ask.key}
    said = asdict(ask)
    if isinstance(ask, Say) and not ask.temperature:
        said["seed"] = 0  # nothing is drawn
    if isinstance(ask, Say) and ask.form:
        grammar = said["form"].pop("grammar")
        said["form"] |= {"grammar": digest(grammar)} if grammar else {}  # it may be long
    return {("say" if isinstance(ask, Say) else "weigh"): said}


def _looked(ask: Look, found: Any) -> Said:
    """What a look came to, as from a transcript, whether there is one or not."""
    if isinstance(found, Said):
        return replace(found, value=json.loads(json.dumps(found.value)))
    return Said(value=json.loads(json.dumps(found)), read=ask.read, written=ask.written)


def _shown(ask: Ask) -> str:
    text = ask.name if isinstance(ask, Look) else ask.prompt.user
    return text if len(text) <= 60 else text[:57] + "…"
