"""The question itself: each kind, upwards and downwards, in two phrasings.

`up` asks whether the number of `kinds` is positive, down whether it is negative; every question asks for yes or no.
"""

from __future__ import annotations

from butfor.data.ladder.draw import between
from butfor.data.ladder.quantities import Ask
from butfor.data.ladder.words import Words, listed
from butfor.data.ladder.world import World

MONOTONE_Z = "There are no {units} {who} would {x} if {not_z}, but would {not_x} if {z}."


def question(kind: str, world: World, words: Words, ask: Ask, *, up: bool, phrasing: int) -> str:
    """The question on a world whose premises have been told."""
    made = _seen(kind, world, words, ask, up, phrasing) or _graphs(kind, world, words, ask, up, phrasing)
    return made or _done(kind, world, words, ask, up, phrasing) or _imagined(kind, world, words, ask, up, phrasing)


def _all(words: Words, name: str, value: int) -> str:
    return f"all {words.units} were {words.made(name, value)}"


def _seen(kind: str, world: World, words: Words, ask: Ask, up: bool, phrasing: int) -> str:
    w, x, y = words, world.x, world.y
    much, more = ("more", "more likely") if up else ("fewer", "less likely")
    match kind, phrasing:
        case "marginal", 0:
            return f"Over all {w.units}, is it {more} than not that they {w.verb(y)}?"
        case "marginal", _:
            return f"Do {much} than half of all {w.units} {w.base(y)}?"
        case "correlation", 0:
            return f"Are {w.those({x: 1})} {more} to {w.base(y)} than {w.those({x: 0})}?"
        case "correlation", _:
            return (
                f"Someone only learns whether {w.units} {w.verb(x)}. Is it {more} that they {w.verb(y)} where they "
                f"{w.verb(x)} than where they {w.verb(x, 0)}?"
            )
        case "exp_away", 0:
            return (
                f"Look only at {w.those({ask['given']: 1})}. Among these, are those {w.who} {w.verb(x)} {more} to "
                f"{w.base(y)} than these are on the whole?"
            )
        case "exp_away", _:
            return (
                f"Of some {w.units} we know that they {w.verb(ask['given'])}. Now we learn that they {w.verb(x)} as "
                f"well. Does that make it {more} that they {w.verb(y)}?"
            )
        case "bounds", _:
            one, other = _all(w, x, 1), _all(w, x, 0)
            if up:
                proof = ("Do these figures alone prove", "Is it certain from these figures alone")[phrasing]
                return f"{proof} that more of the {w.units} would {w.base(y)} if {one} than if {other}?"
            doubt = ("Do these figures leave it possible", "Could it be, for all that these figures show,")[phrasing]
            return f"{doubt} that no more of the {w.units} would {w.base(y)} if {one} than if {other}?"
        case _:
            return ""


def _graphs(kind: str, world: World, words: Words, ask: Ask, up: bool, phrasing: int) -> str:
    w, x, y = words, world.x, world.y
    match kind:
        case "separation":
            alike = f" among {w.units} {w.who} are alike in {w.nouns(ask['given'])}" if ask["given"] else ""
            a, b = w.noun(ask["a"]), w.noun(ask["b"])
            if up:
                return (
                    f"Must {a} and {b} be independent{alike}?",
                    f"Does it follow that {a} tells nothing about {b}{alike}?",
                )[phrasing]
            return (f"Can {a} and {b} be associated{alike}?", f"Can {a} tell something about {b}{alike}?")[phrasing]
        case "backadj":
            how = f"compares {w.those({x: 1})} with those {w.who} {w.verb(x, 0)}"
            if ask["given"]:
                how += f", each time among {w.units} {w.who} are alike in {w.nouns(ask['given'])}, and averages"
            else:
                how += ", without any further distinction"
            start = f"To find the effect of {w.noun(x)} on {w.noun(y)}, someone only observes, and {how}."
            if up:
                return f"{start} {('Is this a valid way?', 'Does this give the effect?')[phrasing]}"
            return f"{start} {('Can this way mislead?', 'Is this way unsound?')[phrasing]}"
        case "collider_bias":
            a, b, e = ask["a"], ask["b"], ask["given"]
            more = "more" if ask["more"] else "less"
            start = (
                f"Among {w.those({e: 1})}, those {w.who} {w.verb(a)} are {more} likely to {w.base(b)} than the others."
            )
            if up:
                ends = (f"Does {w.noun(a)} have an effect on {w.noun(b)}?",
                        f"Would it change how many {w.units} {w.verb(b)} if all were {w.made(a, 1)}?")  # fmt: skip
            else:
                ends = (f"Is {w.noun(a)} without any effect on {w.noun(b)}?",
                        f"Would just as many {w.units} {w.base(b)} if all were {w.made(a, 1)}?")  # fmt: skip
            return f"{start} {ends[phrasing]}"
        case "instrument":
            z = w.noun(ask["z"])
            if phrasing == 0:
                fit = "Is {z} a valid instrument" if up else "Does {z} fail as an instrument"
                return f"{fit.format(z=z)} for the effect of {w.noun(x)} on {w.noun(y)}, with nothing adjusted for?"
            start = f"An instrument must be linked to {w.noun(x)}, and to {w.noun(y)} only through {w.noun(x)}."
            return f"{start} {f'Is {z} such a variable' if up else f'Does {z} fail to be such a variable'}?"
        case _:
            return ""


def _done(kind: str, world: World, words: Words, ask: Ask, up: bool, phrasing: int) -> str:
    w, x, y = words, world.x, world.y
    much = "more" if up else "fewer"
    match kind:
        case "ate" | "front_door":
            if phrasing == 0:
                return f"If {_all(w, x, 1)}, would {much} of them {w.base(y)} than if {_all(w, x, 0)}?"
            return (
                f"Someone can decide on {w.noun(x)} for all {w.units}. Would {much} of them {w.base(y)} with it than "
                "without it?"
            )
        case "cde":
            held = w.made(ask["held"], ask["at"])
            start = ("Suppose that", "Imagine that, whatever else happens,")[phrasing]
            return (
                f"{start} all {w.units} were {held}. Would {much} of them {w.base(y)} if they were also {w.made(x, 1)} "
                f"than if they were also {w.made(x, 0)}?"
            )
        case "iv":
            no_one = MONOTONE_Z.format(
                units=w.units, who=w.who, x=w.base(x), not_x=w.base(x, 0), z=w.made("Z", 1), not_z=w.made("Z", 0)
            )
            start = f"{no_one} Think of those {w.who} would {w.base(x)} if {w.made('Z', 1)}, and only then."
            if phrasing == 0:
                return f"{start} Would {much} of these {w.base(y)} if {w.made(x, 1)} than if {w.made(x, 0)}?"
            return f"{start} For these, does {w.noun(x)} {'raise' if up else 'lower'} the share {w.who} {w.verb(y)}?"
        case "transport":
            second = f"of the second group were {w.made(x, 1)}"
            start = (f"If all {w.units} {second}", f"Suppose that all {w.units} {second}")[phrasing]
            joint = (", would", ". Would")[phrasing]
            return f"{start}{joint} {much} of them {w.base(y)} than if they were {w.made(x, 0)}?"
        case _:
            return ""


def _imagined(kind: str, world: World, words: Words, ask: Ask, up: bool, phrasing: int) -> str:
    w, x, y = words, world.x, world.y
    much, less = ("more", "fewer") if up else ("fewer", "more")
    middle = w.nouns(between(world)) if kind in ("nde", "nie") else ""
    match kind:
        case "ett":
            start = (f"Think of {w.those({x: 1})}.", f"Take those {w.units} {w.who} in fact {w.verb(x)}.")[phrasing]
            return f"{start} Would {less} of them {w.base(y)} if they had been {w.made(x, 0)}?"
        case "nde":
            how = f"{w.made(x, 1)}, while {middle} stayed as without {w.noun(x)}"
            return _against(w, x, y, how, much, phrasing)
        case "nie":
            what = "it" if len(between(world)) == 1 else "they"
            how = f"{w.made(x, 0)}, while {middle} became as {what} would be with {w.noun(x)}"
            return _against(w, x, y, how, much, phrasing)
        case "path_specific":
            k = w.noun(ask["through"])
            only = f"only {k} reacted as if they were {w.made(x, 1)} (and what depends on {k} followed)"
            return _against(w, x, y, f"{w.made(x, 0)}, and {only}", much, phrasing)
        case "pn":
            start = f"Think of {w.those({x: 1, y: 1})}."
            end = (f"Would {much} than half of them not {w.base(y)} if they had been {w.made(x, 0)}?",
                   f"Was {w.noun(x)} necessary for {w.noun(y)} in {much} than half of these cases?")  # fmt: skip
            return f"{start} {end[phrasing]}"
        case "ps":
            start = f"Think of {w.those({x: 0, y: 0})}."
            if phrasing == 0:
                return f"{start} Would {much} than half of them {w.base(y)} if they had been {w.made(x, 1)}?"
            return f"{start} Would {w.noun(x)} have sufficed for {w.noun(y)} in {much} than half of these cases?"
        case "pns":
            both = f"would {w.base(y)} if {w.made(x, 1)}, but would not {w.base(y)} if {w.made(x, 0)}"
            if phrasing == 0:
                return f"Are there {much} than half of all {w.units} {w.who} {both}?"
            return f"Think of those {w.who} {both}. Are they {much} than half of all {w.units}?"
        case _:
            seen = listed([w.verb(name, value) for name, value in ask["evidence"].items()])
            start = ("We see that some {units} {seen}.", "Of some {units} we know that they {seen}.")[phrasing]
            would = f"would {'' if up else 'not '}{w.base(y)}" if phrasing else ""
            told = start.format(units=w.units, seen=seen)
            if phrasing:
                return f"{told} Is it true that they {would} if they had been {w.made(x, ask['to'])}?"
            return f"{told} If they had been {w.made(x, ask['to'])}, would they {w.base(y, int(up))}?"


def _against(words: Words, x: str, y: str, how: str, much: str, phrasing: int) -> str:
    w = words
    if phrasing == 0:
        return f"If all {w.units} were {how}, would {much} of them {w.base(y)} than if {_all(w, x, 0)}?"
    return f"Suppose that all {w.units} were {how}. Would {much} of them {w.base(y)} than if {_all(w, x, 0)}?"
