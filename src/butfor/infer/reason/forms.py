"""What a small reader may write of a sentence: the forms of `data/units.py`, without what cannot be so.

Round 1   every phrase stands in the sentence, word by word; cause and effect lie on two sides of some place in it, so
          that nothing causes itself which the sentence names once
Round 2   a cell, a rule or what was seen names no variable twice; where round 1 found causes, a rule is of a variable
          that has some, and stands on these; a sentence without a digit has no number
Question  two numbers of one variable, under two values of one cause: the comparisons that mean something, and no other;
          where rules are told, and no percentage, one event under what is done, against one half
Why       What these forms leave out could not be computed, or says what round 1 did not. A small model that begins a
          line wrongly is led to the next likely one.
Limits    With more than WIDE variables a list of them may name one twice, and in a sentence of more than LONG words
          something may cause itself: the grammar would be too large.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from butfor.lm.exchange import Form

LONGEST = 12  # words of a phrase
LONG = 100  # words of a sentence that is still looked at place by place
WIDE = 6
MARKS = r"[<>^|;:=@,.?!()\n]"
ENDS = (
    'value: "0" | "1"', 'sign: "<" | ">"', 'parted: "apart" | "linked"', 'right: "right" | "wrong"',
    "NUMBER: /[0-9]{1,3}/", "DIGIT: /[0-9]/",
)  # fmt: skip


def structural(piece: str) -> Form:
    """A sentence of round 1."""
    runs = [run.split() for run in re.split(MARKS, piece)]
    words = [word for run in runs for word in run]
    ends = [end for run, end in zip(runs, accumulate(map(len, runs)), strict=True) for _ in run]
    rules: dict[str, str] = {}

    def phrase(begin: int, end: int) -> str:
        """One that lies between two places."""
        if (name := f"p{begin}x{end}") not in rules:
            rules[name] = " | ".join(start(at, min(ends[at], end, at + LONGEST)) for at in range(begin, end))
        return name

    def start(at: int, end: int) -> str:
        """The word at a place, and as many of those behind it as are wanted, as far as the end."""
        if (name := f"s{at}x{end}") not in rules:
            small = words[at][0].lower() + words[at][1:]
            rules[name] = f"({_any({small, words[at]})}){further(at + 1, end)}"
        return name

    def further(at: int, end: int) -> str:
        if at == end:
            return ""
        if (name := f"w{at}x{end}") not in rules:
            behind = further(at + 1, end)
            left_out = f" |{behind}" if behind and words[at] == "not" else ""  # "are not fit": the phrase is "are fit"
            rules[name] = f"{_quoted(f' {words[at]}')}{behind}{left_out}"
        return f" {name}?"

    told = ['"-"', '"@"', *([f'"hidden " {phrase(0, len(words))}'] if words else [])]
    whole = (0, len(words))
    cuts = [((0, at), (at, len(words))) for at in range(1, len(words))] if len(words) <= LONG else [(whole, whole)]
    for before, behind in cuts:
        for one, other in ((phrase(*before), phrase(*behind)), (phrase(*behind), phrase(*before))):
            told.append(f'{one} " " ("<" | ">") " " {other} (", " {other})*')
            told.append(f'{one} " " ("<>" | "^") " " {other} | {one} {_rule(other)}')
    return _form(told, rules)


def facts(names: Sequence[str], causes: Mapping[str, Iterable[str]], *, numbers: bool = True) -> Form:
    """A sentence of round 2; `causes`: those that round 1 found, of each that has any. Without `numbers` it tells a
    rule or what was seen, and no percentage."""
    place, rules = {name: at for at, name in enumerate(names)}, dict[str, str]()
    everything = _lists(range(len(names)), rules)
    rules["cell"] = f'("second ")? joint{everything} " = " NUMBER'
    ruled = {name: [place[other] for other in causes.get(name, names) if other != name] for name in causes or names}
    found = [
        f'n{place[name]} " := " (all{some} | any{some})'
        for name, others in ruled.items() if others for some in [_lists(others, rules)]
    ]  # fmt: skip
    rules["rule"] = " | ".join(found or ['"-"'])
    told = ['"-"', f'"seen " given{everything}', 'rule ("; " rule)*']
    if numbers:
        told += ['cell ("; " cell)*', f'DIGIT ": by " ("none" | bare{everything})']
    return _form(told if names else told[:1], rules | _names(names))


def questions(names: Sequence[str], *, numbers: bool = True) -> Form:
    """A question. Without `numbers` it asks whether something would be so if something else were made so, and no more:
    what rules alone can answer."""
    every, rules = range(len(names)), dict[str, str]()
    told: list[str] = []
    for y in every:
        if seen := [z for z in every if z != y]:
            told.append(f'n{y} value " |" (" " given{_lists(seen, rules)})? " do " {_or(seen)} value " " sign " half"')
        if not numbers:
            continue
        told.append(f'n{y} value " " sign " half"')
        for x in every:
            if x != y:
                rest = [z for z in every if z not in (x, y)]
                told += _compared(x, y, rest, rules)
                told += _graphical(x, y, rest, rules)
    return _form(told or ['"-"'], rules | _names(names))


def _graphical(x: int, y: int, rest: Sequence[int], rules: dict[str, str]) -> list[str]:
    """What the graph says of x and y: apart, an adjustment, an instrument, a collider."""
    way = f'n{x} " to " n{y} " "'
    found = [f'n{x} " " n{y} " " parted', f'{way} "by none " right', f'{way} "by " DIGIT " over " DIGIT " " right']
    if rest:
        bare = f"bare{_lists(rest, rules)}"
        found += [f'n{x} " " n{y} " " parted " | " ("none" | {bare})', f'{way} "by " {bare} " " right']
        found.append(f'{_or(rest)} (" for " | ": ") {way} right')
    return found


def _compared(x: int, y: int, rest: Sequence[int], rules: dict[str, str]) -> list[str]:
    """Two numbers of y, under two values of x; or one of them, of those who had it otherwise, against one half."""

    def two(one: str, other: str, sign: str = "sign") -> str:
        return f'n{y} "1 | " {one} " " {sign} " " n{y} "1 | " {other}'

    def do(value: int) -> str:
        return f'"do " n{x} "{value}"'

    pair, one = f"{x}x{y}", _or(rest)
    rules[f"made{pair}"] = two(do(1), do(0))
    rules[f"half{pair}"] = " | ".join([
        f'n{y} "0 | " n{x} "1 " n{y} "1 " {do(0)}', f'n{y} "1 | " n{x} "0 " n{y} "0 " {do(1)}',
        f'n{y} "1 " {do(1)} ", " n{y} "0 " {do(0)}',
    ])  # fmt: skip
    found = [
        f'("second " | "by " {one} ": ")? made{pair}' if rest else f'("second ")? made{pair}',
        '("not ")? "surely " ' + two(do(1), do(0), '">"'),
        two(f'n{x} "1"', f'n{x} "0"'), two(f'n{x} "1 " {do(0)}', f'n{x} "1"'), f'half{pair} " " sign " half"',
    ]  # fmt: skip
    if rest:
        some = f"bare{_lists(rest, rules)}"
        found += [
            two(f'{do(1)} ", " {some} " as " n{x} "0"', do(0)),
            two(f'{do(0)} ", " ({some} | "only " {one}) " as " n{x} "1"', do(0)),
        ]
    for held in [f"n{z}" for z in rest] if len(rest) + 2 <= WIDE else [one] if rest else []:
        found.append(two(f'n{x} "1 " {held} "1"', f'{held} "1"'))
        found += [two(f'{do(1)} " " {held} "{v}"', f'{do(0)} " " {held} "{v}"') for v in (0, 1)]
    return found


def _lists(places: Iterable[int], rules: dict[str, str]) -> str:
    """The name of lists in which each of these variables stands once at most: of events, of bare names, of events on
    both sides of a bar, and of causes that are all needed, or of which any will do."""
    left = list(places)
    name = "x".join(map(str, left))
    if f"given{name}" in rules:
        return name
    if len(left) > WIDE:
        one = _or(left)
        rules[f"given{name}"] = f'{one} value (" " {one} value)*'
        rules[f"joint{name}"] = f'given{name} (" | " given{name})?'
        rules[f"bare{name}"] = f'{one} (" " {one})*'
        rules[f"all{name}"] = f'("not ")? {one} (" and " ("not ")? {one})*'
        rules[f"any{name}"] = f'("not ")? {one} (" or " ("not ")? {one})*'
        return name
    then = {place: _lists([other for other in left if other != place], rules) for place in left if len(left) > 1}
    for kind, one, more in (
        ("given", "n{0} value", '" " given{1}'),
        ("joint", "n{0} value", '" " joint{1} | " | " given{1}'),
        ("bare", "n{0}", '" " bare{1}'),
        ("all", '("not ")? n{0}', '" and " all{1}'),
        ("any", '("not ")? n{0}', '" or " any{1}'),
    ):
        rules[f"{kind}{name}"] = " | ".join(
            f"{one} ({more})?".format(place, then[place]) if place in then else one.format(place) for place in left
        )
    return name


def _rule(other: str) -> str:
    side = f'("not ")? {other}'
    return f'" := " {side} ((" and " {side})+ | (" or " {side})+)?'


def _or(places: Iterable[int]) -> str:
    return f"({' | '.join(f'n{place}' for place in places)})"


def _names(names: Sequence[str]) -> dict[str, str]:
    return {f"n{place}": _quoted(name) for place, name in enumerate(names)}


def _any(texts: Iterable[str]) -> str:
    return " | ".join(map(_quoted, sorted(texts)))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _form(told: Sequence[str], rules: Mapping[str, str]) -> Form:
    """A line: a space, one of these, an end of line.

    A matcher reads the longest literal that may stand somewhere, and does not come back: they are cut at blanks.
    """
    lines = ['start: " " line "\\n"', f"line: {' | '.join(told)}", *(f"{name}: {rule}" for name, rule in rules.items())]
    return Form(grammar=re.sub(r'"((?:[^"\\]|\\.)+)"', _cut, "\n".join([*lines, *ENDS, ""])))


def _cut(literal: re.Match[str]) -> str:
    return " ".join(f'"{part}"' for part in re.split("( )", literal[1]) if part)
