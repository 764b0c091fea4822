"""A story as a small structural model, in lines that a model can write, and the one question that is put to it.

    A: Alice shoots               variables, rules and what is seen: the lines of `data/reading.py`
    B: Bob shoots
    C: the window breaks
    C := A or B
    seen: A=1, B=1                what is so, of every variable without a rule
    usual: A=0                    what would be normal, where the story tells (leave it out where it does not)
    cause: A                      the cause that the question names, as it is in the story (or with its value: A=1)
    event: C=1                    what happened
    set: A=0                      in the place of a cause: what would have been otherwise

Read      by `parse_story`, which never raises: what could be read, and every fault with its line. A story is whole
          where all that its kind of question needs is there and the rules agree with what is said to be so.
Limits    Two values a variable, a rule with "and" or with "or"; phrases are data, whatever they say. Marks of lists and
          of code around the lines are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from butfor.core.errors import UserError
from butfor.data.reading import MOST_LINES, MOST_NAMES, Event, Fault, Lines, Reading, Unreadable
from butfor.scm.equations import Equations
from butfor.scm.equations import Rule as Equation

Kind = Literal["caused", "necessary", "sufficient", "is", "would"]
OURS = ("usual", "cause", "event", "set")
FENCE, MARK = re.compile(r"```\w*|[-*•]"), re.compile(r"^(?:[-*•]|\d+[.)])\s+")


@dataclass(frozen=True, slots=True)
class Story:
    """What a story comes to."""

    reading: Reading
    usual: Event = field(default_factory=dict[str, int])
    cause: Event = field(default_factory=dict[str, int])
    event: Event = field(default_factory=dict[str, int])
    set: Event = field(default_factory=dict[str, int])

    def equations(self) -> Equations:
        """The structural model; a `UserError` where there is a cycle, or a variable without rule and value."""
        ruled = {rule.name: rule for rule in self.reading.rules}
        found: dict[str, object] = {}
        for name in self.reading.names:
            if name in ruled:
                rule = ruled[name]
                found[name] = Equation(tuple(cause for cause, _ in rule.causes), _follows(rule.causes, rule.every))
            elif name in self.reading.seen:
                found[name] = self.reading.seen[name]
            else:
                raise Unreadable(f"{name} has no rule, and it is not said whether it is so; write  seen: {name}=1")
        return Equations(found)


@dataclass(frozen=True, slots=True)
class Drawn:
    """The story as far as it could be read; whole where `missing` is empty. `faults`: lines that were passed over."""

    story: Story
    missing: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


def parse_story(text: str, kind: Kind) -> Drawn:
    """The story of a text, for a question of this kind; never raises."""
    lines, made = text.splitlines(), Lines()
    ours: dict[str, dict[str, int]] = {name: {} for name in OURS}
    faults, bare = list[Fault](), list[str]()
    for number, line in enumerate(lines[:MOST_LINES], 1):
        line = MARK.sub("", line.strip())
        if not line or FENCE.fullmatch(line):
            continue
        try:
            name, colon, rest = line.partition(":")
            if name == "cause" and rest.strip() in made.names:
                bare.append(rest.strip())
            elif colon and name in OURS and not rest.startswith("="):
                ours[name] |= _event(rest, made.names)
            else:
                made.take(line)
        except UserError as error:
            faults.append(Fault(number, str(error).splitlines()[0]))
    if len(lines) > MOST_LINES:
        faults.append(Fault(0, f"{len(lines)} lines; {MOST_LINES} at most"))
    story = Story(made.reading(), **ours)
    if bare:
        story = replace(story, cause=_as_it_is(story, bare))
    return Drawn(story, tuple(_missing(story, kind)), tuple(faults))


def show_story(story: Story) -> str:
    """The lines of a story."""
    from butfor.data.reading import show

    lines = [show(replace(story.reading, asked=None))]
    lines += [f"{name}: {_told(getattr(story, name))}" for name in OURS if getattr(story, name)]
    return "\n".join(lines)


def _missing(story: Story, kind: Kind) -> list[str]:
    """What is wrong with the story as a whole."""
    if len(story.reading.names) > MOST_NAMES:
        return [f"{len(story.reading.names)} variables; {MOST_NAMES} at most"]
    found = [f"no line  {name}: …" for name in _needed(kind) if not getattr(story, name)]
    if kind not in ("is", "would") and len(story.cause) > 1:
        found.append("the cause is one variable, such as  cause: A")
    try:
        world = story.equations().solve()
    except (UserError, RecursionError) as error:
        return [*found, str(error).splitlines()[0]]
    told = {"seen": story.reading.seen}
    if kind not in ("is", "would"):
        told |= {"cause": story.cause, "event": story.event}
        if set(story.cause) & set(story.event):
            found.append("the cause and the event are the same variable")
    for name, event in told.items():
        wrong = [one for one, value in event.items() if world[one] != value]
        found += [f"{name}: {one}={event[one]}, but the rules give {one}={world[one]}" for one in wrong]
    return found


def _as_it_is(story: Story, names: Sequence[str]) -> Event:
    """These variables at their values in the story; at 1 where it has none."""
    try:
        world = story.equations().solve()
    except (UserError, RecursionError):
        world = {}
    return {**story.cause, **{name: int(world.get(name, 1)) for name in names}}


def _needed(kind: Kind) -> tuple[str, ...]:
    return {"is": ("event",), "would": ("set", "event")}.get(kind, ("cause", "event"))


def _event(text: str, names: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """A=1, B=0"""
    one = Lines(names)
    one.take(f"seen: {text.strip()}")
    return one.seen


def _told(event: Event) -> str:
    return ", ".join(f"{name}={value}" for name, value in event.items())


def _follows(causes: tuple[tuple[str, int], ...], every: bool) -> Callable[..., int]:
    """Whether all of the causes, or any of them, have their values."""
    values = [value for _, value in causes]

    def rule(*inputs: int) -> int:
        same = [given == value for given, value in zip(inputs, values, strict=True)]
        return int(all(same) if every else any(same))

    return rule
