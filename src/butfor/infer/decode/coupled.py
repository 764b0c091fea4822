"""What would it have said, had the prompt been another? Two texts of one model, drawn with the same noise.

Idea      Sampling is a structural equation: token = argmax of (log-probability / temperature + Gumbel noise) over the
          vocabulary. Hold the noise of every place fixed and change the prompt, the persona or a fact: what differs
          then is the effect of the change, and where nothing matters, nothing differs.
Equation  w[t] = argmax_v l(v | prompt, w[<t]) + u[t, v],     w'[t] = argmax_v l(v | changed prompt, w'[<t]) + u[t, v]
          drawn     u is standard Gumbel, from the seed: both texts are new
          seen      a text that was said under the first prompt gives u by hindsight (`lm.coupled`): only w' is new
Reading   Up to the first token that differs, both texts are read alike. There `swapped` tells what each prompt gave to
          both tokens. After it the two stand on different texts, and only the noise is still shared.
Source    Oberst & Sontag 2019 (Gumbel-max); Ravfogel et al. 2024 (strings of language models). From the equations.
Limits    The same prompt gives the same text, token for token. The chance that the first tokens differ is at least the
          total variation TV between the two distributions, and at most 2 TV / (1 + TV). Gumbel-max is one mechanism
          with these probabilities; data do not say which one is true. Greedy (temperature 0) has no noise: one draw.
Address   A server draws with noise that nobody sees. There the two prompts are asked with the same seed, word by word,
          and the unchanged prompt is asked again with another seed: what chance alone changes. `coupled` is False.

    found = what_if(Exchange(lm), Prompt("The nurse said that", raw=True), Prompt("The judge said that", raw=True))
    found.pairs[0].parts, found.pairs[0].before.text, found.pairs[0].after.text
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UserError
from butfor.core.keys import digest
from butfor.core.seeds import derive
from butfor.lm.asking import is_remote
from butfor.lm.exchange import FORM, Cost, Exchange, Look, Say, essence
from butfor.lm.prompt import Prompt, rendered

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm.world import LM

BATCH = 16  # draws at once
ENDED = -1  # stands for whichever token ended the text
WORD = re.compile(r"\s*\S+|\s+$")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two texts, in tokens (behind an address, in words); the last one is "" where the text came to its end.

    `p`: how likely each token was where it was said, at this temperature; () where nobody tells.
    """

    text: str
    tokens: tuple[str, ...]
    ids: tuple[int, ...] = ()
    p: tuple[float, ...] = ()

    @property
    def said(self) -> tuple[Any, ...]:
        """What two sides are compared by."""
        return self.ids or self.tokens


@dataclass(frozen=True, slots=True)
class Pair:
    """The two texts of one draw. `again`: behind an address, the unchanged prompt with another seed."""

    before: Side
    after: Side
    again: Side | None = None
    swapped: tuple[tuple[float, float], ...] = ()  # of the token before and the token after: p before, p after

    @property
    def parts(self) -> int | None:
        """The place of the first token that differs; None where none does."""
        return parts(self.before, self.after)

    @property
    def alike(self) -> float:
        """Share of places with the same token, of the longer text."""
        return alike(self.before, self.after)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """All draws, what they cost, and whether the noise was held fixed."""

    pairs: tuple[Pair, ...]
    coupled: bool
    cost: Cost


def parts(one: Side, other: Side) -> int | None:
    """The first place where two texts differ; None: they do not."""
    short, long = sorted((one.said, other.said), key=len)
    first = next((at for at, token in enumerate(short) if token != long[at]), len(short))
    return None if first == len(long) else first


def alike(one: Side, other: Side) -> float:
    """Share of places with the same token, of the longer text."""
    longer = max(len(one.said), len(other.said))
    same = sum(a == b for a, b in zip(one.said, other.said, strict=False))
    return same / longer if longer else 1.0


def what_if(
    exchange: Exchange,
    before: Prompt,
    after: Prompt,
    *,
    draws: int = 1,
    temperature: float = 1.0,
    room: int = 40,
    seed: int = 0,
    said: str = "",
) -> WhatIf:
    """Both texts of every draw. `said`: a text that was seen after the first prompt; it is the first side then."""
    _check(draws, temperature, room, said)
    seeds = [derive(seed, "whatif", number) for number in range(draws)]
    shape = _Shape(before, after, temperature, room, said)
    looks = [shape.look(seeds[at : at + BATCH] if temperature else [0]) for at in range(0, draws, BATCH)]
    kept = digest(FORM, essence(looks[0])) in exchange.memory
    if not kept and (exchange.world is None or is_remote(exchange.world)):
        if said:
            raise UserError("a text that was seen tells of its noise only where the model is in memory; leave out said")
        return _behind(exchange, before, after, seeds, temperature, room)
    found = [one for look in looks for one in exchange([look])[0].value]
    pairs = tuple(_read(one) for one in found)
    written = sum(len(pair.before.ids) * (not said) + len(pair.after.ids) for pair in pairs)
    return WhatIf(pairs, True, Cost(len(pairs) * (1 if said else 2), sum(one["read"] for one in found), written))


@dataclass(frozen=True, slots=True)
class _Shape:
    """What all draws share."""

    before: Prompt
    after: Prompt
    temperature: float
    room: int
    said: str

    def look(self, seeds: Sequence[int]) -> Look:
        """Some of the draws; each is written down as soon as it is known."""

        def call(lm: LM) -> list[dict[str, Any]]:
            texts = rendered(lm, self.before, scoring=False), rendered(lm, self.after, scoring=False)
            if self.said:
                made = _seen(lm, texts, seeds, self.temperature, self.said)
            else:
                made = _drawn(lm, texts, seeds, self.temperature, self.room)
            return [_pair(lm, texts, ids, self.temperature, ended=not self.said and self.room) for ids in made]

        return Look("what if", {**asdict(self), "seeds": list(seeds)}, call)


def _check(draws: int, temperature: float, room: int, said: str) -> None:
    if draws < 1 or room < 1 or temperature < 0:
        raise UserError("what if: draws and room should be at least 1, temperature at least 0")
    if not temperature and (draws > 1 or said):
        raise UserError("temperature 0 is greedy: nothing is drawn, so there is one draw, and no noise to be seen")


def _drawn(
    lm: LM, texts: tuple[str, str], seeds: Sequence[int], temperature: float, room: int
) -> list[tuple[list[int], list[int]]]:
    """Both sides of every draw: a side's draws are one batch, so that equal prompts are equal passes."""
    import torch

    from butfor.lm.forward import scoring_mode
    from butfor.lm.generation import Gumbel, continued, prompted

    sides: list[list[list[int]]] = []
    with scoring_mode(lm.model):
        for [head] in [prompted(lm, [text], room) for text in texts]:
            noise = [Gumbel(temperature, [torch.Generator().manual_seed(one) for one in seeds])] if temperature else []
            sides.append(continued(lm, [head] * len(seeds), room, noise))
    return list(zip(*sides, strict=True))


def _seen(
    lm: LM, texts: tuple[str, str], seeds: Sequence[int], temperature: float, said: str
) -> list[tuple[list[int], list[int]]]:
    """The seen text, and what would have been said, as many tokens at most; each draw is another noise behind it."""
    from butfor.lm.coupled import abduct, spoken

    made: list[tuple[list[int], list[int]]] = []
    for one in seeds:  # one at a time: the noise of a text is as large as the vocabulary
        [noise] = abduct(lm, [texts[0]], [said], temperature=temperature, seed=one, ended=False)
        made.append((list(noise.ids), spoken(lm, noise, texts[1], len(noise.ids))))
    return made


def _pair(
    lm: LM, texts: tuple[str, str], made: tuple[list[int], list[int]], temperature: float, *, ended: int
) -> dict[str, Any]:
    """One draw as JSON. `ended`: a text of fewer tokens than this came to its end."""
    from butfor.lm.coupled import beginning_of, logprobs_before
    from butfor.lm.generation import ends

    stops = ends(lm)
    heads = [beginning_of(lm, text) for text in texts]
    sides: list[dict[str, Any]] = []
    probabilities: list[Tensor] = []
    for head, ids in zip(heads, made, strict=True):
        over = bool(stops) and len(ids) < (ended or len(made[0]))
        p = logprobs_before(lm, head, [*ids, *stops[: int(over)]], temperature or 1.0).exp()  # [T, V]
        told = [*ids, *([ENDED] if over else [])]
        each = [_chance(p, at, token, stops) for at, token in enumerate(told)]
        sides.append({"text": _text(lm, ids), "tokens": [*_pieces(lm, ids), *([""] if over else [])]})
        sides[-1] |= {"ids": told, "p": each}
        probabilities.append(p)
    first = parts(_side(sides[0]), _side(sides[1]))
    tokens = [side["ids"][first] for side in sides] if first is not None and _both(sides, first) else []
    swapped = [[_chance(p, first or 0, token, stops) for p in probabilities] for token in tokens]
    return {"before": sides[0], "after": sides[1], "swapped": swapped, "read": sum(map(len, heads))}


def _both(sides: Sequence[dict[str, Any]], place: int) -> bool:
    return all(place < len(side["ids"]) for side in sides)


def _chance(p: Tensor, at: int, token: int, stops: Sequence[int]) -> float:
    return float(p[at, list(stops)].sum() if token == ENDED else p[at, token])


def _text(lm: LM, ids: Sequence[int]) -> str:
    from butfor.lm.tokens import decode

    return decode(lm, ids)


def _pieces(lm: LM, ids: Sequence[int]) -> list[str]:
    """What each token adds to the text."""
    found: list[str] = []
    before = ""
    for number, token in enumerate(ids, 1):
        text = _text(lm, ids[:number])
        found.append(text[len(before) :] if text.startswith(before) else _text(lm, [token]))
        before = text
    return found


def _behind(
    exchange: Exchange, before: Prompt, after: Prompt, seeds: Sequence[int], temperature: float, room: int
) -> WhatIf:
    """Both prompts with the same seed, and the first one with another, as a server draws them."""
    prompts = (before, after, before) if temperature else (before, after)
    asks = [
        Say(prompt, room, temperature, derive(one, "again") if number == 2 else one)
        for one in seeds
        for number, prompt in enumerate(prompts)
    ]
    said = exchange(asks)
    sides = [Side(one.text, tuple(WORD.findall(one.text))) for one in said]
    cost = Cost(len(said), sum(one.read for one in said), sum(one.written for one in said))
    step = len(prompts)
    rows = [sides[at : at + step] for at in range(0, len(sides), step)]
    pairs = [Pair(row[0], row[1], row[2] if temperature else None) for row in rows]
    return WhatIf(tuple(pairs), False, cost)


def _side(data: dict[str, Any]) -> Side:
    return Side(data["text"], tuple(data["tokens"]), tuple(data["ids"]), tuple(data["p"]))


def _read(data: dict[str, Any]) -> Pair:
    return Pair(_side(data["before"]), _side(data["after"]), swapped=tuple((p, q) for p, q in data["swapped"]))
