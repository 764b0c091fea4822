"""Deterministic worlds that are told in made-up words, and what would have been in them.

Read      "rixq or swoy causes zuph and not xevu": both effects follow from the disjunction, xevu as its opposite.
          "causes not zuph and xevu": both are its opposite; the published answers hold with this reading alone.
          "We observed an individual is not swoy": what is so in the actual world.
          "Would an individual is not xevu if rixq instead of not rixq?": what would be, with rixq set.
Answer    Every assignment of the variables that nothing causes, with what follows from it, is a world. Those in which
          the observations hold are gone through again with the variable set: yes or no if all of them say so. None if
          they do not agree, if there is none, or if a sentence is worded otherwise.
Source    Pearl 2009, 7.1: abduction, action, prediction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

Literals = tuple[tuple[str, bool], ...]
LITERAL = r"(?:not )?[a-z]{3,6}"
RULE = re.compile(rf"({LITERAL}(?: (?:and|or) {LITERAL})*) causes ({LITERAL}(?: and {LITERAL})*)")
SEEN = re.compile(rf"We observed an individual is ({LITERAL}(?: and an individual is {LITERAL})*)")
WOULD = re.compile(rf"Would an individual is ({LITERAL}) if ({LITERAL}) instead of ({LITERAL})\?")


@dataclass(frozen=True, slots=True)
class Rule:
    """All (or any) of the causes bring about every one of the effects, and without them its opposite."""

    causes: Literals
    any: bool
    effects: Literals


def would(facts: str, question: str) -> bool | None:
    """Whether it would be so, as far as the words decide it."""
    asked, read = WOULD.fullmatch(question), _read(facts)
    if not asked or read is None:
        return None
    (outcome,), (action,), (other,) = (_literals(part) for part in asked.groups())
    if action[0] != other[0] or action[1] == other[1]:
        return None
    rules, seen = read
    made = {name for rule in rules for name, _ in rule.effects}
    told = {name for rule in rules for name, _ in (*rule.causes, *rule.effects)} | {action[0], outcome[0]}
    free = sorted(told - made)
    answers: set[bool] = set()
    for values in product((False, True), repeat=len(free)):
        roots = dict(zip(free, values, strict=True))
        actual, imagined = _world(rules, roots, {}), _world(rules, roots, dict([action]))
        if all(actual.get(name) == value for name, value in seen):
            answers.add(imagined[outcome[0]] == outcome[1])
    return answers.pop() if len(answers) == 1 else None


def as_it_is(question: str) -> str:
    """The same question with the variable at the value that it is set against."""
    return WOULD.sub(r"Would an individual is \1 if \3 instead of \2?", question)


def _read(facts: str) -> tuple[list[Rule], Literals] | None:
    """The rules and the observations, or None where a sentence is neither."""
    rules: list[Rule] = []
    seen: Literals = ()
    for sentence in re.split(r"\. |, and we know that ", facts.removeprefix("We know that ").removesuffix(".")):
        if observed := SEEN.fullmatch(sentence):
            seen += _literals(observed[1].replace("an individual is ", ""))
        elif rule := RULE.fullmatch(sentence):
            effects = _literals(rule[2])
            if not effects[0][1]:  # "not zuph and xevu" denies both
                effects = tuple((name, False) for name, _ in effects)
            rules.append(Rule(_literals(rule[1]), " or " in rule[1], effects))
        else:
            return None
    return rules, seen


def _literals(text: str) -> Literals:
    parts = re.split(r" (?:and|or) ", text)
    return tuple((part.removeprefix("not "), not part.startswith("not ")) for part in parts)


def _world(rules: list[Rule], roots: Mapping[str, bool], do: Mapping[str, bool]) -> dict[str, bool]:
    """Every variable's value; rules are told causes first."""
    world = {**roots, **do}
    for rule in rules:
        held = [world[name] == value for name, value in rule.causes]
        brought = any(held) if rule.any else all(held)
        world |= {name: brought == value for name, value in rule.effects if name not in do}
    return world
