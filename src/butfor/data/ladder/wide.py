"""The same things said in other words: pieces of text with their readings, so that a reader does not learn one wording.

Concepts  everyday variables with a noun, what it is called when it is there and when it is not, and who has it and who
          does not: "not" is often another word (well rested, tired); some are phrases of `vocabulary`. Three texts in
          ten speak of made-up words.
Said      sentences of single percentages, of both at once, of ways to compare, of rules and of what was seen; questions
          of the kinds KINDS, each in several wordings of our own.
Limits    Only what a piece says is meant: the percentages of a text belong to no world, its rules may run in circles,
          and no answer follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from numpy.random import Generator

from butfor.data.ladder.vocabulary import OPPOSITES
from butfor.data.ladder.vocabulary import told as random_words
from butfor.data.ladder.words import capital, listed, words
from butfor.data.units import LETTERS

T = TypeVar("T")
Piece = tuple[str, str]
KINDS = ("marginal", "correlation", "ate", "better_set", "collider_bias", "ett", "nde", "nie", "det-counterfactual")


@dataclass(frozen=True, slots=True)
class Concept:
    """One variable: its noun; the event and the group where it is there, and where it is not."""

    noun: str
    yes: str
    no: str
    who: str
    who_not: str


_TOLD = """
sleep|good sleep|poor sleep|people who sleep well|people who sleep badly
diet|a healthy diet|an unhealthy diet|people with a healthy diet|people with an unhealthy diet
the driver|fast driving|slow driving|drivers who go fast|drivers who go slowly
the teacher|strict teaching|gentle teaching|strict teachers|gentle teachers
noise|loud noise|silence|noisy places|silent places
mood|a good mood|a bad mood|cheerful people|gloomy people
work load|a high work load|a low work load|employees with much work|employees with little work
fitness|being fit|being unfit|fit people|unfit people
tiredness|being tired|being rested|tired workers|rested workers
the engine|a running engine|a stopped engine|cars whose engine runs|cars whose engine has stopped
fuel|a full tank|an empty tank|cars with a full tank|cars with an empty tank
road|an icy road|a clear road|icy roads|clear roads
accident|an accident|no accident|drivers who have an accident|drivers who have no accident
insurance|having insurance|having no insurance|insured owners|uninsured owners
fever|fever|normal temperature|patients with fever|patients without fever
infection|infection|no infection|infected animals|healthy animals
treatment|getting the treatment|no treatment|treated patients|untreated patients
pain|severe pain|mild pain|patients in severe pain|patients in mild pain
ability to cook|being able to cook|not being able to cook|people who can cook|people who cannot cook
music practice|much practice|little practice|players who practise much|players who do not practise much
concert|a successful concert|a failed concert|musicians whose concert succeeds|musicians whose concert fails
the gardener|watering by the gardener|no watering by the gardener|gardeners who water|gardeners who don't water
soil|rich soil|poor soil|plots with rich soil|plots with poor soil
harvest|a large harvest|a small harvest|farms with a large harvest|farms with a small harvest
pest level|many pests|few pests|fields with many pests|fields with few pests
the mayor|approval by the mayor|refusal by the mayor|mayors who approve|mayors who refuse
tax rate|a high tax|a low tax|towns with a high tax|towns with a low tax
housing|expensive housing|cheap housing|towns with expensive housing|towns with cheap housing
employment status|having a job|having no job|people who have a job|people who are jobless
marital status|being married|being single|married people|single people
screen time|long screen time|short screen time|children who watch much|children who watch little
the parent|permission by the parent|refusal by the parent|parents who permit it|parents who don't permit it
grade|a top grade|a low grade|pupils with a top grade|pupils with a low grade
team size|a large team|a small team|large teams|small teams
deadline|a met deadline|a missed deadline|teams that meet the deadline|teams that miss the deadline
computer|a working computer|a broken computer|offices with a working computer|offices with a broken computer
battery charge|a charged battery|a flat battery|phones that are charged|phones that are not charged
signal|a strong signal|a weak signal|phones with a strong signal|phones with a weak signal
the guard|the guard's warning|no warning by the guard|guards who warn|guards who stay silent
the thief|the thief's escape|the thief's arrest|thieves who escape|thieves who are caught
door|an open door|a closed door|houses with an open door|houses with a closed door
visitor number|many visitors|few visitors|museums with many visitors|museums with few visitors
honesty|honesty|dishonesty|honest people|dishonest people
bravery|bravery|fear|brave people|fearful people
club membership|being admitted to the club|being turned away by the club|members of the club|non-members
luck|good luck|bad luck|lucky people|unlucky people
voting|voting|abstaining|citizens who vote|citizens who abstain
allergy|having an allergy|having no allergy|allergic children|children without allergy
"""
CONCEPTS = tuple(Concept(*line.split("|")) for line in _TOLD.strip().splitlines()) + tuple(
    Concept(*line) for line in OPPOSITES
)
UNSEEN = tuple(
    Concept(noun, f"{noun} at work", f"{noun} absent", f"cases with {noun}", f"cases without {noun}")
    for noun in ("hidden influences", "unmeasured causes", "other unseen conditions", "unknown circumstances")
)
LEADS = (
    "Think of a closed world in which nothing but the following holds:",
    "Imagine a small made-up world, with these causes and no others:",
    "Suppose that only the following is the case, and that no other causes are at work:",
    "In this hypothetical world there are only the following relationships, and nothing unmentioned matters:",
)


def wide(rng: Generator) -> tuple[list[Piece], list[Piece], tuple[str, ...]]:
    """Pieces of round 1 and of round 2 about a few variables, and the list of these variables."""
    size, how = int(rng.integers(3, 6)), rng.random()
    if how < 0.3:
        stems = [verb for _, verb in words("nonsense", dict.fromkeys(map(str, range(size)), "x"), rng).phrases.values()]
        them = [Concept(s, s, f"not {s}", f"those who are {s}", f"those who are not {s}") for s in stems]
    elif how < 0.45:
        drawn = random_words(list(map(str, range(size))), rng)
        them = [
            Concept(noun, noun, f"the absence of {noun}", drawn.those({name: 1}), drawn.those({name: 0}))
            for name, (noun, _) in drawn.phrases.items()
        ]
    else:
        them = [CONCEPTS[int(at)] for at in rng.permutation(len(CONCEPTS))[:size]]
    hidden = rng.random() < 0.4
    if hidden and rng.random() < 0.4:
        them[0] = _one(rng, *UNSEEN)
    first, names = _graph(them, hidden, rng)
    told = {concept.noun.lower(): concept for concept in them}
    ordered = [told[name.lower()] for name in names]
    second: list[Piece] = []
    makers = [_share, _share, _share, _both, _way, _stated, _rules, _rules, _seen, _ask, _ask, _ask]
    for at in rng.permutation(len(makers)):
        second.append(makers[int(at)](ordered, rng))
    if rng.random() < 0.5:
        first += [(text, "@") for make in (_rules, _rules, _seen) for text, _ in [make(ordered, rng)]]
    return [first[int(at)] for at in rng.permutation(len(first))], second, tuple(names)


def _one(rng: Generator, *options: T) -> T:
    return options[int(rng.integers(len(options)))]


def _graph(them: Sequence[Concept], hidden: bool, rng: Generator) -> tuple[list[Piece], list[str]]:
    """Sentences that say what causes what, and the nouns in the order in which they are read."""
    found: list[Piece] = [(_one(rng, *LEADS), "-")]
    names: list[str] = []
    for place, cause in enumerate(them[:-1]):
        later = them[place + 1 :]
        count = 1 + int(rng.integers(min(3, len(later))))
        effects = [later[int(at)].noun for at in sorted(rng.permutation(len(later))[:count])]
        noun, all_of = cause.noun, listed(effects)
        text = _one(
            rng, f"{noun} has a direct effect on {all_of}.", f"{noun} directly affects {all_of}.",
            f"{noun} is a direct cause of {all_of}.", f"{noun} has an influence on {all_of}.",
            f"{noun} acts directly on {all_of}.", f"{noun} has a direct bearing on {all_of}.",
            f"There is a direct influence of {noun} on {all_of}.",
        )  # fmt: skip
        found.append((capital(text), f"{noun} > {', '.join(effects)}"))
        names += [name for name in (noun, *effects) if name not in names]
    if hidden:
        noun = them[0].noun
        text = _one(rng, f"{noun} is unobserved.", f"{noun} is not observed.", f"No one observes {noun}.")
        found.append((capital(text), f"hidden {noun}"))
    names += [one.noun for one in them if one.noun not in names]
    return found, names


def _picked(them: Sequence[Concept], rng: Generator, count: int) -> list[tuple[Concept, str]]:
    return [(them[int(at)], LETTERS[int(at)]) for at in rng.permutation(len(them))[:count]]


def _event(concept: Concept, value: int) -> str:
    return concept.yes if value else concept.no


def _group(concepts: Sequence[Concept], values: Sequence[int]) -> str:
    return " and ".join(one.who if value else one.who_not for one, value in zip(concepts, values, strict=True))


def _share(them: Sequence[Concept], rng: Generator) -> Piece:
    count = int(rng.integers(min(3, len(them) - 1) + 1))
    (target, y), *given = _picked(them, rng, 1 + count)
    values, share = [int(v) for v in rng.integers(0, 2, count)], int(rng.integers(1, 100))
    if not given:
        text = _one(
            rng, f"The overall probability of {target.yes} is {share}%.", f"In general, {target.yes} has a probability "
            f"of {share}%.", f"{capital(target.yes)} is found in {share}% of all cases.",
        )  # fmt: skip
        return text, f"{y}1 = {share}"
    who = _group([one for one, _ in given], values)
    text = _one(
        rng, f"For {who}, the probability of {target.yes} is {share}%.", f"Among {who}, {target.yes} is seen in "
        f"{share}% of cases.", f"For {who}, the chance of {target.yes} is {share}%.",
        f"The probability of {target.yes} is {share}% for {who}.",
    )  # fmt: skip
    cases = " ".join(f"{letter}{value}" for (_, letter), value in zip(given, values, strict=True))
    return text, f"{y}1 | {cases} = {share}"


def _both(them: Sequence[Concept], rng: Generator) -> Piece:
    (one, a), (other, b) = _picked(them, rng, 2)
    v, w, share = int(rng.integers(2)), int(rng.integers(2)), int(rng.integers(1, 100))
    both = f"{_event(one, v)} and {_event(other, w)}"
    text = _one(
        rng, f"The probability of {both} is {share}%.", f"The chance of {both} together is {share}%.",
        f"In {share}% of all cases there is {both}.",
    )  # fmt: skip
    return text, f"{a}{v} {b}{w} = {share}"


def _way(them: Sequence[Concept], rng: Generator) -> Piece:
    (x, _), (y, _), (z, c) = _picked(them, rng, 3)
    number = int(rng.integers(1, 3))
    if rng.random() < 0.4:
        text = _one(
            rng, f"we compare {y.noun} directly with and without {x.noun}, over all.",
            f"we look at how {x.noun} goes along with {y.noun} in general.",
            f"we study directly, and in general, how {x.noun} is associated with {y.noun}.",
        )  # fmt: skip
        return f"{_one(rng, 'Method', 'Way', 'Plan')} {number}: {text}", f"{number}: by none"
    text = _one(
        rng, f"we compare {y.noun} with and without {x.noun}, case by case for each {z.noun}.",
        f"we look at how {x.noun} goes along with {y.noun} within each level of {z.noun}.",
        f"we study this association separately, according to {z.noun}.",
        f"we look at the same thing case by case, by {z.noun}.",
    )  # fmt: skip
    return f"{_one(rng, 'Method', 'Way', 'Plan')} {number}: {text}", f"{number}: by {c}"


def _stated(them: Sequence[Concept], rng: Generator) -> Piece:
    (x, _), (y, _), (z, _) = _picked(them, rng, 3)
    number = f"{_one(rng, '', '-')}0.{int(rng.integers(1, 100)):02d}"
    return f"For {z.who}, the correlation between {x.yes} and {y.yes} is {number}.", "-"


def _rules(them: Sequence[Concept], rng: Generator) -> Piece:
    """A sentence of one rule or two, with a word before them or none."""
    lead = _one(rng, "", "", "We know that ", "It is certain that ", "As a rule, ")
    if rng.random() < 0.25:  # one cause of two things
        (cause, x), *effects = _picked(them, rng, 3)
        value, *made = (int(v) for v in rng.random(3) < 0.7)
        said = " and ".join(_event(one, way) for (one, _), way in zip(effects, made, strict=True))
        text = f"{_event(cause, value)} {_one(rng, 'causes', 'leads to', 'brings about')} {said}"
        what = "; ".join(
            f"{y} := {'' if way == value else 'not '}{x}" for (_, y), way in zip(effects, made, strict=True)
        )
    else:
        target, *others = _picked(them, rng, len(them))
        text, what = _rule(target, others, rng)
        if len(text) < 90 and rng.random() < 0.4:
            again, more = _rule(others[0], [*others[1:], target], rng)
            text, what = f"{text}, and {_one(rng, '', 'we know that ', 'it holds that ')}{again}", f"{what}; {more}"
    text = f"{lead}{text}."
    return (text if rng.random() < 0.3 else capital(text)), what


def _rule(target: tuple[Concept, str], others: Sequence[tuple[Concept, str]], rng: Generator) -> Piece:
    (effect, y), causes = target, others[: 1 + int(rng.integers(2))]
    values, every = [int(v) for v in rng.random(len(causes)) < 0.7], bool(rng.integers(2))
    sign, made = (" and " if every else " or "), int(rng.random() < 0.7)
    events = [
        _group([one], [v]) if rng.random() < 0.15 else _event(one, v)
        for (one, _), v in zip(causes, values, strict=True)
    ]
    text = f"{sign.join(events)} {_one(rng, 'causes', 'leads to', 'brings about')} {_event(effect, made)}"
    if not made:  # the opposite follows from the opposite
        values, sign = [1 - value for value in values], " or " if every else " and "
    parts = [f"{'' if value else 'not '}{letter}" for (_, letter), value in zip(causes, values, strict=True)]
    return text, f"{y} := {sign.join(parts)}"


def _seen(them: Sequence[Concept], rng: Generator) -> Piece:
    shown = _picked(them, rng, 1 + int(rng.integers(2)))
    values = [int(v) for v in rng.integers(0, 2, len(shown))]
    said = " and ".join(_event(one, value) for (one, _), value in zip(shown, values, strict=True))
    text = _one(rng, f"We observed {said}.", f"In this case there is {said}.", f"We saw that there was {said}.")
    return text, "seen " + " ".join(f"{letter}{value}" for (_, letter), value in zip(shown, values, strict=True))


def _ask(them: Sequence[Concept], rng: Generator) -> Piece:
    """A question of one of the kinds."""
    (x, a), (y, b), (z, c), *more_of = _picked(them, rng, 4)
    up = bool(rng.integers(2))
    by, cs = z.noun, c
    if more_of and rng.random() < 0.4:
        ((w, d),) = more_of
        by, cs = f"{z.noun} and {w.noun}", f"{c} {d}"
    more, sign = ("more", ">") if up else ("less", "<")
    raise_, positive = _one(rng, "raise", "increase") if up else _one(rng, "lower", "decrease"), (
        "positive" if up else "negative")  # fmt: skip
    asks: dict[str, Callable[[], Iterator[Piece]]] = {
        "marginal": lambda: iter([
            (f"In general, is {y.yes} {more} probable than {y.no}?", f"{b}1 {sign} half"),
            (f"Is {y.yes} {more} likely than {y.no} over all cases?", f"{b}1 {sign} half")]),
        "correlation": lambda: iter([
            (f"Is the chance of {y.yes} {'higher' if up else 'smaller'} where we observe {x.yes}?",
             f"{b}1 | {a}1 {sign} {b}1 | {a}0"),
            (f"Does seeing {x.yes} make {y.yes} {more} likely?", f"{b}1 | {a}1 {sign} {b}1 | {a}0"),
            (f"Is the probability of {y.yes} {'greater' if up else 'lower'} on observing {x.yes}?",
             f"{b}1 | {a}1 {sign} {b}1 | {a}0")]),
        "ate": lambda: iter([
            (f"Would {x.yes} {raise_} the chance of {y.yes}?", f"{b}1 | do {a}1 {sign} {b}1 | do {a}0"),
            (f"Does {x.yes} {raise_} the probability of {y.yes}?", f"{b}1 | do {a}1 {sign} {b}1 | do {a}0")]),
        "ett": lambda: iter([
            (f"For {x.who}, would {y.yes} be {more} likely if there had been {x.no}?",
             f"{b}1 | {a}1 do {a}0 {sign} {b}1 | {a}1"),
            (f"Among {x.who}, would it be {more} likely to find {y.yes} if they had been {x.who_not}?",
             f"{b}1 | {a}1 do {a}0 {sign} {b}1 | {a}1")]),
        "nde": lambda: iter([
            (f"Setting aside the effect through {by}, would {x.noun} have a {positive} effect on {y.noun}?",
             f"{b}1 | do {a}1, {cs} as {a}0 {sign} {b}1 | do {a}0"),
            (f"If we ignore what {by} mediates, does {x.noun} {positive}ly influence {y.noun}?",
             f"{b}1 | do {a}1, {cs} as {a}0 {sign} {b}1 | do {a}0")]),
        "nie": lambda: iter([
            (f"Does {x.noun} have a {positive} effect on {y.noun} by way of {by}?",
             f"{b}1 | do {a}0, {cs} as {a}1 {sign} {b}1 | do {a}0"),
            (f"Is it true that {x.noun} {positive}ly influences {y.noun} through {by}?",
             f"{b}1 | do {a}0, {cs} as {a}1 {sign} {b}1 | do {a}0")]),
        "collider_bias": lambda: iter([
            (f"If we only look at {z.who}, does it follow that {x.yes} {'affects' if up else 'has no effect on'} "
             f"{y.yes}?", f"{c}: {a} to {b} {'right' if up else 'wrong'}")]),
        "better_set": lambda: iter([
            (f"To learn how {x.noun} affects {y.noun}, is method {1 if up else 2} better than method {2 if up else 1}?",
             f"{a} to {b} by {1 if up else 2} over {2 if up else 1} right"),
            (f"For the effect of {x.noun} on {y.noun}, is it {'more' if up else 'less'} correct to take Method 1 than "
             "Method 2?", f"{a} to {b} by 1 over 2 {'right' if up else 'wrong'}")]),
        "det-counterfactual": lambda: iter([
            (f"Would there be {_event(y, int(up))} with {x.no} instead of {x.yes}?", f"{b}{int(up)} | do {a}0 > half"),
            (f"Would we see {_event(y, int(up))} if {x.yes} had held instead of {x.no}?",
             f"{b}{int(up)} | do {a}1 > half"),
            (f"Would {_event(y, int(up))} follow if {x.no} took the place of {x.yes}?",
             f"{b}{int(up)} | do {a}0 > half")]),
    }  # fmt: skip
    return _one(rng, *asks[_one(rng, *KINDS)]())
