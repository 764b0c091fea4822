"""A text read piece by piece: each piece is a short task of copying; what was read of them is put together.

Pieces    told      the sentences before the question (also the parts behind a semicolon, or a colon and a capital)
          question  the last paragraph; where there is only one, the last sentence
Rounds    1  sentences without a digit, each alone: what causes what, in the text's own phrases
          2  the other ones, each after the list of variables that round 1 found: "old age; smoking"
          3  the question, after the same list
Round 1   -                            nothing                  @    of single variables: to be read in round 2
          old age > smoking, recovery  causes, then effects     recovery < old age, smoking     the other way round
          smoking <> recovery          something unseen affects both          hidden old age    nobody sees it
          smoking ^ recovery           no one is kept from the second by the first
          recover := smoke and not age exactly if (all "and", or all "or")
Letters   A is the first variable of the list, B the next. What is written and learnt are the phrases themselves, which
          are copied more easily than letters are looked up: "recovery1 | smoking1 old age0 = 40" (`worded`, `lettered`)
Round 2   D1 | B1 C0 = 40; …           percentages; D1 C0 | B1 = 7: of both; "second D1 = 40": in the second group
          seen B1 C0; D := B and not C as above, in letters
          1: by C                      a way to find an effect, with a number: adjusting for C, or for none
Question  two numbers, one against the other or against one half; `do`: if that were made so
          D1 > half                    D1 | B1 > D1 | B0        D1 | do B1 > D1 | do B0      … do B1 C0 > … do B0 C0
          D1 | B1 do B0 < D1 | B1      D1 | do B1, C as B0 > D1 | do B0                      …, only C as B1 > …
          D0 | B1 D1 do B0 > half      D1 do B1, D0 do B0 > half                             surely …; second …; by A: …
          B D apart | C                B to D by C right        B to D by 1 over 2 right
          E: B to D right              A for B to D right
Limits    What is copied from a text is data: a piece that does not fit these forms is a fault, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from butfor.data.reading import MOST_NAMES, Fault, Parsed, parse

LETTERS = "ABCDEFGHIJKL"
CUT = re.compile(r"(?<=[.?!;])\s+|(?<=[^\d\s]:)\s+(?=[A-Z])")
PHRASE = r"[^<>^|;:=@]{1,300}?"
EVENT = r"[A-L][01]"
EVENTS = rf"{EVENT}(?: {EVENT}){{0,7}}"
SET = r"none|[A-L](?: [A-L])*"


class Odd(ValueError):
    """What was written is none of the forms."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of a text."""

    told: tuple[str, ...]
    question: str

    @property
    def first(self) -> tuple[str, ...]:
        """What round 1 reads."""
        return tuple(piece for piece in self.told if not has_digit(piece))


def has_digit(piece: str) -> bool:
    """Whether a sentence tells a number."""
    return bool(re.search(r"\d", piece))


def pieces(text: str) -> Pieces:
    """The sentences that tell, and the question."""
    *told, asked = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]
    sentences = [one for part in told for one in CUT.split(part) if one]
    if not told:
        *sentences, asked = [one for one in CUT.split(asked) if one] or [""]
    return Pieces(tuple(sentences), asked)


def prompt(piece: str, names: Iterable[str] = ()) -> str:
    """What stands before a reading."""
    known = "; ".join(names)
    return f"{known}\n{piece}\n=" if known else f"{piece}\n="


def worded(said: str, names: Sequence[str]) -> str:
    """A reading of round 2 with the phrase in the place of each letter: "A1 | B0" is "recovery1 | smoking0"."""
    phrase = dict(zip(LETTERS, names, strict=False))
    return re.sub(r"\b[A-L](?=[01]?(?!\w))", lambda found: phrase.get(found[0], found[0]), said)


def lettered(said: str, names: Sequence[str]) -> str:
    """The other way round; the longest phrase that fits is taken."""
    places = {name.lower(): letter for name, letter in reversed(list(zip(names, LETTERS, strict=False)))}
    if not places:
        return said
    some = "|".join(re.escape(name) for name in sorted(places, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{some})(?=[01]?(?!\w))", lambda f: places[f[0].lower()], said, flags=re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Structure:
    """What round 1 found: phrases, each of which is a variable, and lines in letters."""

    names: tuple[str, ...]
    lines: tuple[str, ...]
    faults: tuple[str, ...] = ()

    @property
    def named(self) -> list[str]:
        """The lines that give each letter its phrase."""
        return [f"{letter}: {phrase.replace(' / ', ' ')}" for letter, phrase in zip(LETTERS, self.names, strict=False)]

    @property
    def causes(self) -> dict[str, list[str]]:
        """Effect → its causes, as phrases, each once: what the arrows say, and no rule."""
        phrase = dict(zip(LETTERS, self.names, strict=False))
        found: dict[str, list[str]] = {}
        for cause, effect in parse("\n".join([*self.named, *self.lines])).reading.arrows:
            found.setdefault(phrase[effect], []).append(phrase[cause])
        return found


@dataclass(slots=True)
class _Names:
    known: dict[str, str] = field(default_factory=dict[str, str])  # phrase in small letters → letter
    phrases: list[str] = field(default_factory=list[str])

    def letter(self, phrase: str) -> str:
        key = phrase.strip().lower()
        if not key:
            raise Odd("a phrase is missing")
        if key not in self.known:
            if len(self.known) == MOST_NAMES:
                raise Odd(f"more than {MOST_NAMES} variables")
            self.known[key] = LETTERS[len(self.known)]
            self.phrases.append(phrase.strip())
        return self.known[key]

    def letters(self, text: str) -> str:
        return ", ".join(self.letter(part) for part in text.split(", "))


def structure(said: Sequence[str]) -> Structure:
    """What round 1 wrote, put together; what fits no form is a fault."""
    names = _Names()
    lines: list[str] = []
    faults: list[str] = []
    for text in said:
        try:
            lines += _structure(text.strip(), names)
        except Odd as odd:
            faults.append(f"{_short(text.strip())!r}: {odd}")
    return Structure(tuple(names.phrases), tuple(dict.fromkeys(lines)), tuple(faults))


SIGNS = re.compile(r"(^hidden | <> | [<>^] |, )")
RULE_SIGNS = re.compile(r"( := | and | or |(?<![^ ])not )")


def unclipped(told: Sequence[str], said: Sequence[str]) -> list[str]:
    """Readings of round 1 with whole phrases: one that its sentence says only within a longer phrase, which another
    reading names, is that longer one ("a review" where all else is about "writing a review")."""
    split = [(RULE_SIGNS if " := " in text else SIGNS).split(text) for text in said]
    known = sorted({part for parts in split for part in parts[::2] if part}, key=lambda part: (-len(part), part))

    def whole(phrase: str, piece: str) -> str:
        inside = re.compile(_word(phrase), re.IGNORECASE)
        for longer in known if phrase else ():
            if len(longer) > len(phrase) and inside.search(longer):
                left, count = re.subn(_word(longer), "", piece, flags=re.IGNORECASE)
                if count and not inside.search(left):
                    return longer
        return phrase

    return [
        "".join(part if at % 2 else whole(part, piece) for at, part in enumerate(parts))
        for piece, parts in zip(told, split, strict=True)
    ]


def settled(said: Sequence[str]) -> list[str]:
    """Readings of round 1; where arrows are drawn, a rule of anything that no other line names is to be read again."""
    others = structure([text for text in said if " := " not in text])
    if not others.causes:
        return list(said)
    known = _small(others)
    return ["@" if " := " in text and not _small(structure([text])) <= known else text for text in said]


def _small(found: Structure) -> set[str]:
    return {name.lower() for name in found.names}


def _word(phrase: str) -> str:
    return rf"(?<!\w){re.escape(phrase)}(?!\w)"


def _structure(said: str, names: _Names) -> list[str]:
    if said in ("-", "@"):
        return []
    if found := re.fullmatch(rf"hidden ({PHRASE})", said):
        return [f"unseen: {names.letter(found[1])}"]
    if found := re.fullmatch(rf"({PHRASE}) := ({PHRASE})", said):
        target, sign = names.letter(found[1]), " or " if " or " in found[2] else " and "
        parts = [(part.startswith("not "), part.removeprefix("not ")) for part in found[2].split(sign)]
        return [f"{target} := {sign.join(('not ' if no else '') + names.letter(phrase) for no, phrase in parts)}"]
    found = re.fullmatch(rf"({PHRASE}) (<>|>|<|\^) ({PHRASE})", said)
    if not found:
        raise Odd("no form of round 1")
    one, sign, other = found[1], found[2], found[3]
    if sign in ("<>", "^"):
        a, b = names.letter(one), names.letter(other)
        return [f"{a} <-> {b}" if sign == "<>" else f"monotone: {a} -> {b}"]
    first = names.letter(one)
    return [f"{first} {'->' if sign == '>' else '<-'} {names.letters(other)}"]


def assembled(found: Structure, facts: Sequence[str], question: str) -> Parsed:
    """All rounds as one reading, judged by the strict parser of the formal language."""
    lines = [*found.named, *found.lines]
    odd = list(found.faults)
    ways: dict[str, str] = {}
    for said in facts:
        try:
            lines += _facts(said.strip(), ways)
        except Odd as error:
            odd.append(f"{_short(said.strip())!r}: {error}")
    try:
        lines += _question(question.strip(), ways)
    except Odd as error:
        odd.append(f"{_short(question.strip())!r}: {error}")
    parsed = parse("\n".join(dict.fromkeys(lines)))
    return Parsed(parsed.reading, (*(Fault(0, why) for why in odd), *parsed.faults))


def _facts(said: str, ways: dict[str, str]) -> list[str]:
    lines: list[str] = []
    for part in said.split("; "):
        if part == "-":
            continue
        if found := re.fullmatch(rf"seen ({EVENTS})", part):
            lines.append(f"seen: {_event(found[1])}")
        elif found := re.fullmatch(r"([A-L]) := ((?:not )?[A-L](?: (?:and|or) (?:not )?[A-L]){0,5})", part):
            lines.append(part)
        elif found := re.fullmatch(rf"(\d): by ({SET})", part):
            ways[found[1]] = _set(found[2])
        elif found := re.fullmatch(rf"(second )?({EVENTS})(?: \| ({EVENTS}))? = ([\d.]+)", part):
            behind = f" | {_event(found[3])}" if found[3] else ""
            lines.append(f"P{'*' if found[1] else ''}({_event(found[2])}{behind}) = {found[4]}")
        else:
            raise Odd("no form of round 2")
    return lines


def _event(text: str) -> str:
    return ", ".join(f"{one[0]}={one[1]}" for one in text.split())


HALF = re.compile(rf"(?P<y>{EVENT})(?: \|(?: (?P<seen>{EVENTS}))?(?: do (?P<do>{EVENT}))?)? (?P<sign>[<>]) half")
BOTH = re.compile(r"(?P<y>[A-L])1 do (?P<x>[A-L])1, (?P=y)0 do (?P=x)0 (?P<sign>[<>]) half")
PAIR = re.compile(
    r"(?P<how>second |surely |not surely |by (?P<z>[A-L]): )?(?P<y>[A-L])1 \| (?P<one>[^<>|]+) (?P<sign>[<>]) "
    r"(?P=y)1 \| (?P<other>[^<>|]+)"
)
APART = re.compile(rf"(?P<a>[A-L]) (?P<b>[A-L]) (?P<how>apart|linked)(?: \| (?P<given>{SET}))?")
WAY = re.compile(
    rf"(?:(?P<z>[A-L]) for |(?P<given>[A-L]): )?(?P<x>[A-L]) to (?P<y>[A-L])(?: by (?P<by>{SET}))? "
    r"(?P<right>right|wrong)"
)
BETTER = re.compile(r"(?P<x>[A-L]) to (?P<y>[A-L]) by (?P<one>\d) over (?P<other>\d) (?P<right>right|wrong)")


def _question(said: str, ways: Mapping[str, str]) -> list[str]:
    """The lines of a question."""
    if found := HALF.fullmatch(said):
        return _half(found)
    if found := BOTH.fullmatch(said):
        return [_ask("pns", (found["x"], found["y"]), found["sign"] == ">")]
    if found := PAIR.fullmatch(said):
        return [_pair(found)]
    if found := APART.fullmatch(said):
        return [_ask("separation", (found["a"], found["b"]), found["how"] == "apart", _set(found["given"]))]
    if found := WAY.fullmatch(said):
        return [_way(found)]
    if found := BETTER.fullmatch(said):
        if found["one"] not in ways or found["other"] not in ways:
            raise Odd("a way that was not told")
        sets = f"{ways[found['one']]} ; {ways[found['other']]}"
        return [_ask("better_set", (found["x"], found["y"]), found["right"] == "right", sets)]
    raise Odd("no form of a question")


def _ask(kind: str, names: tuple[str, ...], up: bool, behind: str = "") -> str:
    return f"ask: {kind}({', '.join(names)}{f' | {behind}' if behind else ''}) {'up' if up else 'down'}"


def _set(text: str | None) -> str:
    return "" if text in (None, "none") else ", ".join(text.split())


def _half(found: re.Match[str]) -> list[str]:
    (name, value), up = found["y"], found["sign"] == ">"
    seen, do = {one[0]: one[1] for one in (found["seen"] or "").split()}, found["do"]
    if not do:
        if seen:
            raise Odd("one half of a group")
        return [_ask("marginal", (name,), up == (value == "1"))]
    if name in seen:
        for kind, mine, wanted in (("pn", "0", "1"), ("ps", "1", "0")):
            if value == mine and do[1] == mine and seen == {do[0]: wanted, name: wanted}:
                return [_ask(kind, (do[0], name), up)]
        raise Odd("neither necessity nor sufficiency")
    lines = [f"seen: {_event(found['seen'])}"] if seen else []
    return [*lines, f"ask: counterfactual({name} | {do[0]}={do[1]}) {'up' if up == (value == '1') else 'down'}"]


def _pair(found: re.Match[str]) -> str:
    """Two numbers compared."""
    y, up = found["y"], found["sign"] == ">"
    one, other, how = found["one"], found["other"], (found["how"] or "").strip()
    if both := re.fullmatch(r"do ([A-L])1((?: [A-L][01])*) / do \1(0)\2", f"{one} / {other}"):
        x, held = both[1], both[2].split()
        if held:
            if how:
                raise Odd("held, and something else")
            return _ask("cde", (x, y), up, _event(" ".join(held)))
        kinds = {"": "ate", "second": "transport", "surely": "bounds", "not surely": "bounds"}
        if found["z"]:
            return _ask("iv", (found["z"], x, y), up)
        if kinds[how] == "bounds" and not up:
            raise Odd("sure of less")
        return _ask(kinds[how], (x, y), up != (how == "not surely"))
    if how:
        raise Odd("no such comparison")
    if both := re.fullmatch(r"([A-L])1 / \1(?:0)|([A-L])1 ([A-L])1 / ([A-L])1", f"{one} / {other}"):
        if both[1]:
            return _ask("correlation", (both[1], y), up)
        if both[3] != both[4]:
            raise Odd("two groups")
        return _ask("exp_away", (both[2], y), up, both[3])
    if both := re.fullmatch(r"([A-L])1 do \1(?:0) / \1(?:1)", f"{one} / {other}"):
        return _ask("ett", (both[1], y), not up)
    form = r"do ([A-L])([01]), (only )?([A-L](?: [A-L])*) as \1([01]) / do \1(?:0)"
    if both := re.fullmatch(form, f"{one} / {other}"):
        x, to, only, through, to_other = both[1], both[2], both[3], both[4], both[5]
        if to == to_other or (only and (to == "1" or " " in through)):
            raise Odd("no such path")
        return _ask("path_specific" if only else "nde" if to == "1" else "nie", (x, y), up, _set(through))
    raise Odd("no such comparison")


def _way(found: re.Match[str]) -> str:
    x, y, right = found["x"], found["y"], found["right"] == "right"
    if found["z"]:
        return _ask("instrument", (found["z"], x, y), right)
    if found["given"]:
        return _ask("collider_bias", (x, y), right, found["given"])
    if not found["by"]:
        raise Odd("no way is named")
    return _ask("backadj", (x, y), right, _set(found["by"]))


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "…"
