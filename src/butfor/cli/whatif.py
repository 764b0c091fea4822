"""whatif: what a model says, and what it would have said but for a change of its prompt, side by side."""

from __future__ import annotations

import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from butfor.cli.app import show_json
from butfor.cli.talk import WIDTH, Talk, about, clean, in_utf8, spent, told

if TYPE_CHECKING:
    from butfor.infer.decode.coupled import Pair, Side, WhatIf
    from butfor.lm.prompt import Prompt

COLUMN = 36  # of a text; with the number of a row and the line between them, 79
SIGNS = {"\n": "⏎", "\t": "→", "": "■"}  # what stands for a line break, a tab, and the end of a text
SAME = "the same to the end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is put to the model, and what is changed of it. A persona or a fact given twice is changed, once: added."""

    prompt: str
    instead: str | None = None
    persona: tuple[str, ...] = ()
    fact: tuple[str, ...] = ()
    raw: bool = False

    def __post_init__(self) -> None:
        from butfor.core.errors import UserError

        for name, given in (("--persona", self.persona), ("--fact", self.fact)):
            if len(given) > 2:
                raise UserError(f"{name} {len(given)} times: give it once (added), or twice (before, and instead)")
        if self.instead is None and not self.persona and not self.fact:
            raise UserError("nothing is changed: give --instead TEXT, --persona TEXT or --fact TEXT")
        if not self.prompt.strip() or (self.instead is not None and not self.instead.strip()):
            raise UserError(
                "a prompt is empty; give --prompt TEXT, and --instead TEXT if it is the prompt that changes"
            )

    @property
    def sides(self) -> tuple[Prompt, Prompt]:
        """The prompt as it is, and as it is changed."""
        (persona, other), (fact, instead) = (
            ("", *given)[-2:] if given else ("", "") for given in (self.persona, self.fact)
        )
        changed = self.prompt if self.instead is None else self.instead
        return self._side(self.prompt, persona, fact), self._side(changed, other, instead)

    def _side(self, prompt: str, persona: str, fact: str) -> Prompt:
        from butfor.lm.prompt import Prompt

        if self.raw:
            return Prompt("\n\n".join(part for part in (persona, fact, prompt) if part), raw=True)
        return Prompt("\n\n".join(part for part in (fact, prompt) if part), system=persona)


def whatif_command(
    talk: Talk, change: Change, *, draws: int, temperature: float, room: int, said: str, as_json: bool
) -> None:
    """Both texts of every draw, token by token, and where they part."""
    from butfor.infer.decode.coupled import what_if

    before, after = change.sides
    in_utf8("what is put to the model", before.system, before.user, after.system, after.user, said)
    exchange = talk.begin()
    found = what_if(
        exchange, before, after, draws=draws if temperature else 1, temperature=temperature, room=room,
        seed=talk.seed, said=said,
    )  # fmt: skip
    if as_json:
        show_json({**about(talk, exchange), "change": asdict(change), **described(found)})
    else:
        print("\n".join(lines(found)))
        sys.stdout.flush()
        told(talk, exchange)


def described(found: WhatIf) -> dict[str, Any]:
    """All draws as JSON, each with the place where its texts part."""
    pairs = [{**asdict(pair), "parts": pair.parts, "alike": pair.alike} for pair in found.pairs]
    return {"coupled": found.coupled, "cost": asdict(found.cost), "draws": pairs}


def lines(found: WhatIf) -> list[str]:
    """What a person reads, in 80 columns."""
    shown: list[str] = []
    for number, pair in enumerate(found.pairs, 1):
        head = f"draw {number} of {len(found.pairs)}: {_where(pair, found.coupled)}"
        shown += [head, *_beside(pair), *_swapped(pair), ""]
    return [*shown, *_summary(found)]


def _where(pair: Pair, coupled: bool) -> str:
    unit = "token" if coupled else "word"
    return SAME if pair.parts is None else f"they part at {unit} {pair.parts + 1}"


def _beside(pair: Pair) -> list[str]:
    """Rows of both texts; a token has the same row on both sides."""
    one, two = _shown(pair.before), _shown(pair.after)
    rows = [f"{'':5}{'before':<{COLUMN}} | after"]
    at = 0
    while at < max(len(one), len(two)):
        size = min(_fits(one[at:]), _fits(two[at:]))
        left, right = one[at : at + size], two[at : at + size]
        rows.append(f"{at + 1:>4} {_padded(left)} | {''.join(right)}".rstrip())
        if pair.parts is not None and at <= pair.parts < at + size:
            marks = [_mark(row, pair.parts - at) for row in (left, right)]
            rows.append(f"{'':5}{marks[0]:<{COLUMN}} | {marks[1]}".rstrip())
        at += size
    return rows


def _shown(side: Side) -> list[str]:
    """Its tokens as they may stand on a terminal, each on one line and not longer than a column."""
    found: list[str] = []
    for token in side.tokens:
        signs = SIGNS[""] if not token else "".join(SIGNS.get(sign, sign) for sign in token)
        text = clean(signs)
        while _width(text) > COLUMN:
            text = text[: COLUMN // 2 - 1] + "…"
        found.append(text)
    return found


def _fits(tokens: Sequence[str]) -> int:
    """How many of these tokens fit into a column; all of them, and any more that the other side has."""
    width = 0
    for number, token in enumerate(tokens):
        width += _width(token)
        if width > COLUMN:
            return number
    return sys.maxsize


def _padded(tokens: Sequence[str]) -> str:
    return "".join(tokens) + " " * (COLUMN - sum(map(_width, tokens)))


def _mark(row: Sequence[str], at: int) -> str:
    """A line of ^ under one token of a row."""
    before = sum(map(_width, row[:at]))
    return " " * before + "^" * (_width(row[at]) if at < len(row) else 1)


def _width(text: str) -> int:
    """Columns of a terminal: letters of East Asia take two, signs that stand on others none."""
    return sum(0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF") for sign in text)


def _swapped(pair: Pair) -> list[str]:
    """How likely both prompts made the two tokens at which the texts part."""
    if pair.parts is None or not pair.swapped:
        return []
    rows = [f"{'':5}{'':<{COLUMN}}   before    after"]
    for side, (before, after) in zip((pair.before, pair.after), pair.swapped, strict=True):
        token = _shown(side)[pair.parts]
        told = f"p of the token {token!r}" if token != SIGNS[""] else "p of the end"
        rows.append(f"{'':5}{told}{' ' * max(COLUMN - _width(told), 1)}   {before:6.4f}   {after:6.4f}")
    return rows


def _summary(found: WhatIf) -> list[str]:
    """Of all draws: where they part; behind an address, what chance alone does."""
    unit = "token" if found.coupled else "word"
    places = [pair.parts for pair in found.pairs]
    parted = sorted(place + 1 for place in places if place is not None)
    same = len(places) - len(parted)
    told = [f"{same} of {len(places)} draws are the same to the end"]
    told += [f"the others part at {unit} {', '.join(map(str, parted))}"] if parted else []
    alike = sum(pair.alike for pair in found.pairs) / len(found.pairs)
    rows = [
        *textwrap.wrap(f"{'; '.join(told)}.", WIDTH - 1),
        f"The same {unit} at the same place: {alike:.2f} of all places.",
    ]
    if not found.coupled:
        rows += _chance(found)
    return [*rows, spent(found.cost)]


def _chance(found: WhatIf) -> list[str]:
    from butfor.infer.decode.coupled import alike

    again = [alike(pair.before, pair.again) for pair in found.pairs if pair.again is not None]
    if not again:
        return ["Greedy answers of a server; nothing was drawn."]
    return [
        f"By chance alone, the unchanged prompt drawn again: {sum(again) / len(again):.2f}.",
        "The model is behind an address: nobody sees its noise, so these are two draws",
        "with one seed. Only what exceeds chance, over many draws, is due to the change.",
    ]
