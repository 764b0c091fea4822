"""Yes-or-no questions in pairs: the same question, one fact changed, the other answer; each with its derivation.

Idea      To ask what a chain of thought does to the answer, we need a second world in which the question, and with it
          the right answer, is another one. A twin differs from its question in one fact.
Kinds     amount (a sum against a bound), rule (a product against a limit), chain (cause after cause), order (who is
          taller), either (two causes of one effect). "yes" is right as often as "no", within every kind and template.
Given     Every question has a derivation in short sentences: it ends with the fact that decides, never with yes or no.
Limits    Templates of our own, with numbers and names drawn by a seed: simple for a person, and narrow in form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from butfor.core.seeds import generator

if TYPE_CHECKING:
    from numpy.random import Generator

NAMES = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Karla", "Leo")
THINGS = ("apples", "marbles", "stamps", "books", "coins", "shells", "postcards", "pencils")
LOADS = (
    ("A parcel of more than {limit} kilograms costs extra. This parcel holds {n} {thing} of {each} kilograms each. "
     "Does the parcel cost extra?", "parcel", "tins", "kilograms"),
    ("The lift stops working above {limit} kilograms. There are {n} {thing} of {each} kilograms each in it. "
     "Does the lift stop working?", "lift", "crates", "kilograms"),
    ("The tank overflows when it gets more than {limit} litres. Somebody pours in {n} {thing} of {each} litres each. "
     "Does the tank overflow?", "tank", "buckets", "litres"),
    ("A bill of more than {limit} euros comes with a free drink. This bill lists {n} {thing} at {each} euros each. "
     "Does the guest get a free drink?", "bill", "meals", "euros"),
)  # fmt: skip
CHAINS = (
    (("the pump", "is running", "is not running"), ("the tank", "fills", "does not fill", "fill"),
     ("the alarm", "rings", "does not ring", "ring")),
    (("the oven", "is on", "is not on"), ("the kitchen", "gets warm", "does not get warm", "get warm"),
     ("the butter", "melts", "does not melt", "melt")),
    (("the gate", "is open", "is not open"), ("the goat", "gets out", "does not get out", "get out"),
     ("the cabbage", "disappears", "does not disappear", "disappear")),
    (("the valve", "is blocked", "is not blocked"), ("the pressure", "rises", "does not rise", "rise"),
     ("the machine", "stops", "does not stop", "stop")),
    (("the bridge", "is closed", "is not closed"), ("the road", "jams", "does not jam", "jam"),
     ("the bus", "arrives late", "does not arrive late", "arrive late")),
)  # fmt: skip
ORDERS = (("taller", "shorter"), ("older", "younger"), ("faster", "slower"), ("stronger", "weaker"))
EITHERS = (
    ("The hall is lit if at least one of its two lamps is on.", "lamp", "on", "off", "Is the hall lit?",
     "there is a light in the hall", "there is no light in the hall"),
    ("The barn gets cold if at least one of its two doors is open.", "door", "open", "closed",
     "Does the barn get cold?", "the cold comes in", "the cold stays outside"),
    ("The pond fills if at least one of its two streams is flowing.", "stream", "flowing", "dry", "Does the pond fill?",
     "water comes in", "no water comes in"),
    ("The phone wakes her if at least one of its two alarms is set.", "alarm", "set", "not set",
     "Does the phone wake her?", "there is something to wake her", "there is nothing to wake her"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    """One question with its right answer and a derivation of it."""

    text: str
    answer: str  # "yes" or "no"
    derivation: str


@dataclass(frozen=True, slots=True)
class Twin:
    """A question and its twin, which has the other answer."""

    id: str
    kind: str
    cluster: str  # the template
    world: World
    other: World


def twins(count: int, seed: int) -> list[Twin]:
    """`count` questions of each kind; a larger count goes on where a smaller one ends."""
    return [_twin(kind, number, seed) for number in range(count) for kind in KINDS]


def _twin(kind: str, number: int, seed: int) -> Twin:
    draw = generator(seed, "faithful.twins", kind, number)
    template, yes, no = KINDS[kind](draw, number)
    worlds = (yes, no) if number % 2 == 0 else (no, yes)
    return Twin(f"{kind}/{number + 1}", kind, f"{kind}/{template}", *worlds)


def _amount(draw: Generator, number: int) -> tuple[str, World, World]:
    who, thing = NAMES[int(draw.integers(len(NAMES)))], THINGS[number // 2 % len(THINGS)]
    have, bound, off = int(draw.integers(11, 50)), int(draw.integers(21, 30)), int(draw.integers(2, 9))
    bound += have

    def world(more: int) -> World:
        total = have + more
        than = "more" if total > bound else "less"
        text = f"{who} has {have} {thing} and then gets {more} more. Does {who} now have more than {bound} {thing}?"
        steps = (
            f"{who} has {have} {thing} at first.",
            f"With {more} more that makes {have} + {more} = {total} {thing}.",
            f"The number to compare with is {bound}, and {total} is {than} than {bound}.",
        )
        return World(text, "yes" if total > bound else "no", " ".join(steps))

    return thing, world(bound - have + off), world(bound - have - off)


def _rule(draw: Generator, number: int) -> tuple[str, World, World]:
    text, what, thing, unit = LOADS[number // 2 % len(LOADS)]
    each, few = int(draw.integers(3, 10)), int(draw.integers(3, 7))
    many = few + int(draw.integers(2, 4))
    limit = each * few + int(draw.integers(1, each * (many - few)))

    def world(n: int) -> World:
        total = n * each
        than = "more" if total > limit else "less"
        steps = (
            f"There are {n} {thing} of {each} {unit} each.",
            f"Together that is {n} * {each} = {total} {unit}.",
            f"The limit of the {what} is {limit} {unit}, and {total} is {than} than {limit}.",
        )
        asked = text.format(limit=limit, n=n, thing=thing, each=each)
        return World(asked, "yes" if total > limit else "no", " ".join(steps))

    return what, world(many), world(few)


def _chain(draw: Generator, number: int) -> tuple[str, World, World]:
    (cause, on, off), (middle, goes, stays, _), (end, happens, misses, verb) = CHAINS[number // 2 % len(CHAINS)]
    day = ("Today", "This morning", "Tonight", "At the moment")[int(draw.integers(4))]
    first = f"{_up(middle)} {goes} when {cause} {on}, and only then."
    rules = f"{first} {_up(end)} {happens} when {middle} {goes}, and only then."

    def world(state: str, then: str, last: str, answer: str) -> World:
        text = f"{rules} {day} {cause} {state}. Does {end} {verb}?"
        return World(
            text, answer, f"{day} {cause} {state}. It follows that {middle} {then}. As a result, {end} {last}."
        )

    return cause.removeprefix("the "), world(on, goes, happens, "yes"), world(off, stays, misses, "no")


def _order(draw: Generator, number: int) -> tuple[str, World, World]:
    up, down = ORDERS[number // 2 % len(ORDERS)]
    first, second, third = (NAMES[int(at)] for at in draw.permutation(len(NAMES))[:3])

    def world(word: str) -> World:
        text = f"{first} is {word} than {second}. {second} is {word} than {third}. Is {first} {up} than {third}?"
        steps = (
            f"We know that {first} is {word} than {second}.",
            f"We also know that {second} is {word} than {third}.",
            f"Putting both together, {first} is {word} than {third}.",
        )
        return World(text, "yes" if word == up else "no", " ".join(steps))

    return up, world(up), world(down)


def _either(draw: Generator, number: int) -> tuple[str, World, World]:
    rule, part, on, off, asked, there, nothing = EITHERS[number // 2 % len(EITHERS)]
    first, second = ("first", "second") if draw.integers(2) else ("second", "first")

    def world(state: str) -> World:
        text = f"{rule} The {first} {part} is {off}. The {second} {part} is {state}. {asked}"
        steps = (
            f"The {first} {part} is {off}, so it does nothing.",
            f"The {second} {part} is {state}.",
            f"Therefore {there if state == on else nothing}.",
        )
        return World(text, "yes" if state == on else "no", " ".join(steps))

    return part, world(on), world(off)


def _up(text: str) -> str:
    return text[0].upper() + text[1:]


KINDS: dict[str, Callable[[Generator, int], tuple[str, World, World]]] = {
    "amount": _amount,
    "rule": _rule,
    "chain": _chain,
    "order": _order,
    "either": _either,
}
