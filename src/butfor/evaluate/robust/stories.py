"""Word problems from templates, each with the interventions that its answer should follow and those it should not.

Idea      Operands, operation and surface of a problem are set apart by the template, so that each can be changed alone.
Changed   operands: other numbers, another result            operator: the same story and numbers, another operation
Kept      operands_kept: other numbers, the same result      surface: another story, the same operation and numbers
          irrelevant: one more sentence with a number that has nothing to do with it
Operations add (a + b), sub (a - b), mul (a · b), two (a + b - c); an operator becomes sub, add, add and a + b + c
Limits    Our own templates, whole positive numbers. Sums and differences change two operands of two digits each, in
          `operands` and `operands_kept` alike; factors may have one digit or two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from butfor.core.seeds import generator

if TYPE_CHECKING:
    from numpy.random import Generator

Numbers = tuple[int, ...]
NAMES = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Karla", "Leo")
RESULT: Mapping[str, Callable[[Numbers], int]] = {
    "add": lambda n: n[0] + n[1],
    "sub": lambda n: n[0] - n[1],
    "mul": lambda n: n[0] * n[1],
    "two": lambda n: n[0] + n[1] - n[2],
    "three": lambda n: n[0] + n[1] + n[2],
}
TURNED = {"add": "sub", "sub": "add", "mul": "add", "two": "three"}


@dataclass(frozen=True, slots=True)
class Story:
    """A surface: what is told for each operation, what is asked, and a sentence that does not matter."""

    name: str
    told: Mapping[str, str]
    asked: str
    aside: str


@dataclass(frozen=True, slots=True)
class Told:
    """One text and the right answer to it."""

    text: str
    result: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A word problem and its interventions by name."""

    id: str
    operation: str
    story: str
    base: Told
    arms: Mapping[str, Told]
    numbers: Numbers  # every number at play: what an answer may be led to


def _flow(name: str, start: str, turns: tuple[str, str, str, str], asked: str, aside: str) -> Story:
    """A story of more and fewer; `turns`: b comes, b goes, c comes, c goes."""
    gain, loss, more, less = turns
    told = {
        "add": f"{start} {gain}",
        "sub": f"{start} {loss}",
        "two": f"{start} {gain} {less}",
        "three": f"{start} {gain} {more}",
    }
    return Story(name, told, asked, aside)


FLOWS = (
    _flow("marbles", "{who} has {a} marbles.",
          ("A friend gives {who} {b} more.", "{who} gives {b} of them to a friend.",
           "On the way home {who} finds another {c}.", "On the way home {who} loses {c}."),
          "How many marbles does {who} have now?", "The school of {who} has {z} classrooms."),
    _flow("bus", "A bus sets off with {a} passengers.",
          ("At the station {b} people get on.", "At the station {b} people get off.",
           "At the market another {c} get on.", "At the market {c} get off."),
          "How many passengers are on the bus now?", "The bus line has {z} stops."),
    _flow("shelf", "A shelf holds {a} books.",
          ("{who} adds {b} books.", "{who} takes away {b} books.",
           "Later, {c} more books are put on it.", "Later, {c} books are borrowed from it."),
          "How many books are on the shelf now?", "The shelf stands in room {z}."),
    _flow("bakery", "A baker has {a} rolls in the morning.",
          ("By noon the baker has made {b} more.", "By noon customers have bought {b} of them.",
           "In the afternoon the baker makes another {c}.", "In the afternoon {c} are sold."),
          "How many rolls does the baker have now?", "The bakery is at number {z} of the street."),
    _flow("box", "{who} keeps {a} euros in a box.",
          ("{who} puts in {b} euros.", "{who} takes out {b} euros.",
           "On Sunday {who} adds {c} euros.", "On Sunday {who} spends {c} euros from it."),
          "How many euros are in the box now?", "The box is {z} centimetres wide."),
    _flow("birds", "There are {a} birds on a roof.",
          ("Then {b} birds join them.", "Then {b} birds fly away.",
           "A little later {c} birds arrive.", "A little later {c} birds leave."),
          "How many birds are on the roof now?", "The house is {z} years old."),
)  # fmt: skip
GROUPS = (
    Story("pencils", {"mul": "There are {a} boxes. Each box holds {b} pencils.",
                      "add": "There are {a} pencils in one box. Another box holds {b} pencils."},
          "How many pencils are there in total?", "The desk has {z} drawers."),
    Story("oranges", {"mul": "{who} buys {a} bags with {b} oranges in each.",
                      "add": "{who} buys one bag with {a} oranges and one with {b} oranges."},
          "How many oranges does {who} buy in total?", "The market has {z} stalls."),
    Story("chairs", {"mul": "A hall has {a} rows of chairs with {b} chairs in every row.",
                     "add": "A hall has {a} red chairs and {b} blue chairs."},
          "How many chairs are there in total?", "The hall is {z} metres long."),
    Story("running", {"mul": "{who} trains on {a} days and runs {b} kilometres each day.",
                      "add": "{who} runs {a} kilometres on Monday and {b} kilometres on Tuesday."},
          "How many kilometres does {who} run in total?", "{who} wears the number {z}."),
    Story("flowers", {"mul": "In a garden there are {a} beds with {b} flowers in each bed.",
                      "add": "In a garden there are {a} red flowers and {b} white flowers."},
          "How many flowers are there in total?", "The garden is open for {z} weeks a year."),
)  # fmt: skip
STORIES = {"add": FLOWS, "sub": FLOWS, "mul": GROUPS, "two": FLOWS}
PAIRS = [(a, b) for a in range(2, 13) for b in range(2, 13) if 10 <= a * b < 100 and a != b]


def problems(count: int, seed: int) -> list[Problem]:
    """`count` problems of each operation; a larger count goes on where a smaller one ends."""
    return [_problem(operation, number, seed) for number in range(count) for operation in TURNED]


def _problem(operation: str, number: int, seed: int) -> Problem:
    draw = generator(seed, "robust.stories", operation, number)
    stories = STORIES[operation]
    story, other = stories[number % len(stories)], stories[(number + 1 + number // len(stories) % 3) % len(stories)]
    who, aside = NAMES[int(draw.integers(len(NAMES)))], int(draw.integers(11, 60))
    given, kept, changed = _numbers(operation, draw)

    def told(surface: Story, way: str, numbers: Numbers, *, more: bool = False) -> Told:
        slots = {"who": who, "z": aside, **dict(zip("abc", numbers, strict=False))}
        parts = [surface.told[way], *([surface.aside] if more else []), surface.asked]
        return Told(" ".join(parts).format(**slots), RESULT[way](numbers))

    arms = {
        "operands": told(story, operation, changed),
        "operands_kept": told(story, operation, kept),
        "operator": told(story, TURNED[operation], given),
        "surface": told(other, operation, given),
        "irrelevant": told(story, operation, given, more=True),
    }
    base = told(story, operation, given)
    return Problem(f"{operation}/{number + 1}", operation, story.name, base, arms, (*given, *kept, *changed, aside))


def _numbers(operation: str, draw: Generator) -> tuple[Numbers, Numbers, Numbers]:
    """Operands; others with the same result; others with another result. First and second differ in all three."""
    while True:
        given = _drawn(operation, draw)
        kept, changed = _kept(operation, given, draw), (*_drawn(operation, draw)[:2], *given[2:])
        result, three = RESULT[operation], list(zip(given[:2], kept[:2], changed[:2], strict=True))
        apart = all(len(set(ones)) == 3 for ones in three) and set(given[:2]) != set(kept[:2])
        digits = operation == "mul" or all(len(str(n)) == 2 for ones in three for n in ones)
        other = result(changed) > 0 and abs(result(given) - result(changed)) > 1
        if apart and digits and other and result(given) == result(kept):
            return given, kept, changed


def _drawn(operation: str, draw: Generator) -> Numbers:
    if operation == "mul":
        return PAIRS[int(draw.integers(len(PAIRS)))]
    b = int(draw.integers(12, 40))
    a = b + int(draw.integers(11, 50)) if operation == "sub" else b + int(draw.integers(2, 20))
    return (a, b, int(draw.integers(11, b))) if operation == "two" else (a, b)


def _kept(operation: str, given: Numbers, draw: Generator) -> Numbers:
    """Other operands with the same result, where there are any."""
    if operation == "mul":
        same = [pair for pair in PAIRS if pair[0] * pair[1] == given[0] * given[1]]
        return same[int(draw.integers(len(same)))]
    by = int(draw.integers(1, 10)) * (1 if draw.integers(2) else -1)
    second = given[1] + by if operation == "sub" else given[1] - by
    return (given[0] + by, second, *given[2:])
