"""What a question of the ladder says, in the formal language: the gold reading, piece by piece, and a corpus of it.

Pieces    each sentence of an item with what is to be read of it (`data/units.py`); put together they are the reading.
Corpus    "ladder-reading": texts in which sentences are read one after the other, of worlds of the seed SEED, most of
          them told again in the phrases of `vocabulary`, and others in other words (`wide`). Spans mark the readings:
          `infer.reason.reader` learns these alone; without a method all that follows the first sentence is learnt.
Left out  kinds of questions (KINDS_OUT), stories (STORIES_OUT) and with the kind front_door its graphs: none of them is
          ever trained on, so that what is new to a reader can be told apart from what it has seen.
Checked   the engine, given the reading alone, comes to the item's answer (a test, on 2,000 items).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from butfor.core.errors import RunError
from butfor.core.seeds import generator
from butfor.data.ladder import vocabulary
from butfor.data.ladder.ask import question
from butfor.data.ladder.brute import cells
from butfor.data.ladder.draw import between
from butfor.data.ladder.kinds import KINDS
from butfor.data.ladder.stream import Ladder
from butfor.data.ladder.tell import premises, shares, told_arrows
from butfor.data.ladder.wide import wide
from butfor.data.ladder.words import Words
from butfor.data.ladder.world import World
from butfor.data.reading import Reading
from butfor.data.units import LETTERS, assembled, pieces, prompt, structure, worded

if TYPE_CHECKING:
    from numpy.random import Generator

    from butfor.data.ladder.quantities import Ask

SEED = 1_000_000  # of the first trained world; suites are asked with small seeds
KINDS_OUT = ("exp_away", "cde", "ps", "front_door")
STORIES_OUT = ("traffic", "office", "garden")
TRAINED = tuple(name for name in KINDS if name not in KINDS_OUT)
ROWS = 7200  # texts of the corpus
RETOLD = 0.75  # of the items that are told in a story
READ = "read"  # the spans of a text that hold a reading, its end of line included
LONGEST = 500  # characters of a text before its last reading, about 150 tokens

Piece = tuple[str, str]  # what stands in the text, what is read of it


def gold(item: Mapping[str, Any], told: Ladder) -> tuple[list[Piece], list[Piece], Piece]:
    """Round 1, round 2 and the question of an item of this ladder, each piece with its reading."""
    return _gold(item, _words(item, told), item["prompt"])


def _gold(item: Mapping[str, Any], words: Words, prompt: str) -> tuple[list[Piece], list[Piece], Piece]:
    world, ask, text = World.read(item["spec"]["world"]), item["spec"]["ask"], pieces(prompt)
    read = _premises(world, words, item["group"]["wording"], numbers=KINDS[item["group"]["query"]].numbers)
    if len(read) != len(text.told):
        raise RunError(f"{item['id']}: {len(text.told)} sentences, {len(read)} readings")
    first = [(one, said) for one, said in zip(text.told, read, strict=True) if one in text.first]
    named = structure([said for _, said in first])
    letters = _letters(world, words, named.names)
    rest = [(one, said.format(**letters)) for one, said in zip(text.told, read, strict=True) if one not in text.first]
    asked = _question(item["group"]["query"], world, ask, up=item["spec"]["up"]).format(**letters)
    return first, rest, (text.question, asked)


def reading(item: Mapping[str, Any], told: Ladder) -> Reading:
    """The gold reading."""
    first, rest, (_, asked) = gold(item, told)
    parsed = assembled(structure([said for _, said in first]), [said for _, said in rest], asked)
    if parsed.faults:
        raise RunError(f"{item['id']}: {parsed.faults[0]}")
    return parsed.reading


def _words(item: Mapping[str, Any], told: Ladder) -> Words:
    _, family, sense, number, attempt = item["cluster"].rsplit("-", 4)
    return told.words(sense, family, int(number), int(attempt))  # type: ignore[arg-type]


def _letters(world: World, words: Words, names: tuple[str, ...]) -> dict[str, str]:
    """Variable → letter, by its phrase: a noun, or where all is told in rules a verb."""
    phrase = words.verb if world.family == "rules" else words.noun
    places = {name.lower(): letter for name, letter in zip(names, LETTERS, strict=False)}
    return {name: places[phrase(name).lower()] for name in world.seen}


def _premises(world: World, words: Words, wording: str, *, numbers: bool) -> list[str]:
    """What is read of each sentence of `tell.premises`, in its order; {X} is the letter of X."""
    if world.family == "rules":
        return ["-", *(_rule(words, name, table) for name, table in world.tables.items() if table.causes)]
    found = ["-", *_graph(world, words, wording), "-"]
    if world.family == "instrument":
        found += _types(world)
    elif numbers:
        found += [f"{_event({name: 1})}{_given(case)} = {percent}" for name, case, percent in shares(world)]
    if world.family == "monotone":
        found.append(f"{words.noun(world.x)} ^ {words.noun(world.y)}")
    if world.family == "transport":
        found += ["-", *(f"second {_event({name: 1})} = {percent}" for name, percent in world.moved.items())]
    return found


def _graph(world: World, words: Words, wording: str) -> list[str]:
    arrows = told_arrows(world)
    if wording == "1":
        causes = {a: [b for c, b in arrows if c == a] for a, _ in sorted(arrows, key=lambda e: world.seen.index(e[0]))}
        found = [f"{words.noun(a)} > {', '.join(map(words.noun, effects))}" for a, effects in causes.items()]
    elif wording == "2":
        above = {b: [a for a, c in arrows if c == b] for b in world.seen}
        found = [f"{words.noun(b)} < {', '.join(map(words.noun, causes))}" for b, causes in above.items() if causes]
    else:
        found = [f"{words.noun(a)} > {words.noun(b)}" for a, b in arrows]
    return found + ([f"{words.noun(world.x)} <> {words.noun(world.y)}"] if world.hidden else [])


def _types(world: World) -> list[str]:
    zxy = cells(world.types)
    found = [f"{{Z}}1 = {world.tables['Z'].yes[0]}"]
    for z in (1, 0):
        parts = [
            f"{_event({world.x: x, world.y: y})} | {{Z}}{z} = {round(zxy[z, x, y])}"
            for x, y in ((1, 1), (1, 0), (0, 1), (0, 0))
        ]
        found.append("; ".join(parts))
    return found


def _rule(words: Words, name: str, table: Any) -> str:
    rows = [(tuple(int(bit) for bit in f"{at:0{len(table.causes)}b}"), yes) for at, yes in enumerate(table.yes)]
    every = sum(yes == 100 for _, yes in rows) == 1
    (one,) = [case for case, yes in rows if (yes == 100) == every]
    case = one if every else tuple(1 - value for value in one)
    parts = [f"{'' if v else 'not '}{words.verb(cause)}" for cause, v in zip(table.causes, case, strict=True)]
    return f"{words.verb(name)} := {(' and ' if every else ' or ').join(parts)}"


def _event(event: Mapping[str, int]) -> str:
    return " ".join(f"{{{name}}}{value}" for name, value in event.items())


def _given(event: Mapping[str, int]) -> str:
    return f" | {_event(event)}" if event else ""


def _question(kind: str, world: World, ask: Ask, *, up: bool) -> str:
    """What is read of a question, with {X} for the letter of X."""
    x, y, sign, right = f"{{{world.x}}}", f"{{{world.y}}}", ">" if up else "<", "right" if up else "wrong"
    doing = f"{y}1 | do {x}1 {sign} {y}1 | do {x}0"
    given = " ".join(f"{{{name}}}" for name in ask["given"]) if isinstance(ask.get("given"), list | tuple) else ""
    match kind:
        case "marginal":
            return f"{y}1 {sign} half"
        case "correlation":
            return f"{y}1 | {x}1 {sign} {y}1 | {x}0"
        case "exp_away":
            return f"{y}1 | {x}1 {{{ask['given']}}}1 {sign} {y}1 | {{{ask['given']}}}1"
        case "separation":
            return f"{{{ask['a']}}} {{{ask['b']}}} {'apart' if up else 'linked'}{f' | {given}' if given else ''}"
        case "ate" | "front_door":
            return doing
        case "transport":
            return f"second {doing}"
        case "bounds":
            return f"{'' if up else 'not '}surely {y}1 | do {x}1 > {y}1 | do {x}0"
        case "iv":
            return f"by {{Z}}: {doing}"
        case "backadj":
            return f"{x} to {y} by {given or 'none'} {right}"
        case "collider_bias":
            return f"{{{ask['given']}}}: {{{ask['a']}}} to {{{ask['b']}}} {right}"
        case "instrument":
            return f"{{{ask['z']}}} for {x} to {y} {right}"
        case "cde":
            held = f"{{{ask['held']}}}{ask['at']}"
            return f"{y}1 | do {x}1 {held} {sign} {y}1 | do {x}0 {held}"
        case _:
            return _imagined(kind, world, ask, up=up)


def _imagined(kind: str, world: World, ask: Ask, *, up: bool) -> str:
    x, y, sign, less = f"{{{world.x}}}", f"{{{world.y}}}", ">" if up else "<", "<" if up else ">"
    middle = " ".join(f"{{{name}}}" for name in between(world))
    match kind:
        case "ett":
            return f"{y}1 | {x}1 do {x}0 {less} {y}1 | {x}1"
        case "nde":
            return f"{y}1 | do {x}1, {middle} as {x}0 {sign} {y}1 | do {x}0"
        case "nie":
            return f"{y}1 | do {x}0, {middle} as {x}1 {sign} {y}1 | do {x}0"
        case "path_specific":
            return f"{y}1 | do {x}0, only {{{ask['through']}}} as {x}1 {sign} {y}1 | do {x}0"
        case "pn":
            return f"{y}0 | {x}1 {y}1 do {x}0 {sign} half"
        case "ps":
            return f"{y}1 | {x}0 {y}0 do {x}1 {sign} half"
        case "pns":
            return f"{y}1 do {x}1, {y}0 do {x}0 {sign} half"
        case _:
            return f"{y}{int(up)} | {_event(ask['evidence'])} do {x}{ask['to']} > half"


# the corpus -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def corpus() -> list[dict[str, Any]]:
    """Texts in which the pieces of an item are read one after the other, what is to be read marked as learnt."""
    found: list[dict[str, Any]] = []
    rng = generator(SEED, "ladder-reading")
    for number, (item, told) in enumerate(trained()):
        again = item["spec"]["story"] != "nonsense" and rng.random() < RETOLD
        words, (first, rest, asking) = told_again(item, rng) if again else (_words(item, told), gold(item, told))
        names = structure([said for _, said in first]).names
        asked = [asking, *_more(item, words, names, rng)]
        some = [rest[int(at)] for at in rng.permutation(len(rest))[:4]]
        both = [*asked, *some]
        found += _texts([both[int(at)] for at in rng.permutation(len(both))], names, f"ladder-reading/{item['id']}/2")
        if number % 3 == 0 or KINDS[item["group"]["query"]].family in ("rules", "monotone"):
            said = [piece for piece in first if piece[1] != "-" or rng.random() < 0.25]
            found += _texts([said[int(at)] for at in rng.permutation(len(said))], (), f"ladder-reading/{item['id']}/1")
        if number % 3:
            early, second, known = wide(rng)
            read, names = (early, ()) if rng.random() < 0.4 else (second, known)
            found += _texts(read, names, f"ladder-reading/{item['id']}/wide")
        if len(found) >= ROWS:
            return found[:ROWS]
    raise RunError("the ladder has no end")


def told_again(item: Mapping[str, Any], rng: Generator) -> tuple[Words, tuple[list[Piece], list[Piece], Piece]]:
    """An item in random phrases of `vocabulary`, the question in either phrasing."""
    world, group, spec = World.read(item["spec"]["world"]), item["group"], item["spec"]
    kind, words = KINDS[group["query"]], vocabulary.told(world.seen, rng)
    asked = question(kind.name, world, words, spec["ask"], up=spec["up"], phrasing=int(rng.integers(2)))
    return words, _gold(item, words, f"{premises(world, words, group['wording'], numbers=kind.numbers)}\n\n{asked}")


def _more(item: Mapping[str, Any], words: Words, names: tuple[str, ...], rng: Generator) -> list[Piece]:
    """Two more questions on the same world, of whatever kinds it offers."""
    world = World.read(item["spec"]["world"])
    letters = _letters(world, words, names)
    kinds = [KINDS[name] for name in TRAINED if KINDS[name].family == world.family]
    found: list[Piece] = []
    for at in rng.permutation(len(kinds)):
        kind, up = kinds[int(at)], bool(rng.integers(2))
        if len(found) < 2 and (ask := kind.asks(world, rng)) is not None:
            text = question(kind.name, world, words, ask, up=up, phrasing=int(rng.integers(2)))
            found.append((text, _question(kind.name, world, ask, up=up).format(**letters)))
    return found


def trained() -> Iterator[tuple[dict[str, Any], Ladder]]:
    """Items to train on, each with its ladder: no kind and no story that is left out."""
    told = Ladder(SEED, kinds=TRAINED)
    return ((item, told) for item in told.items() if item["spec"]["story"] not in STORIES_OUT)


def _texts(read: list[Piece], names: tuple[str, ...], name: str) -> list[dict[str, Any]]:
    """One text of as many pieces as fit; the spans named `READ` are what is to be learnt of it."""
    text = ""
    spans: list[list[Any]] = []
    for piece, said in read:
        more = f"{text}\n{piece}\n=" if text else prompt(piece, names)
        if spans and len(more) > LONGEST:
            break
        text = f"{more} {worded(said, names) if names else said}"
        spans.append([len(more), len(text) + 1, READ])
    return [{"id": name, "text": f"{text}\n", "answer_at": spans[0][0], "spans": spans}] if spans else []
