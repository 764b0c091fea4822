"""What every suite on the Spurious Token Game shares: a person with one number changed, and what the answers then tell.

Equation  y = log P(High Risk) − log P(Low Risk).   strength = direction · (y(spurious changed) − y), the direction
          being that in which the number went together with the risk.   placebo: the same with a number that never
          meant anything, moved the same way.   causal: the same with a cause.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from butfor.data.stg import FOLLOWS, IRRELEVANT, LEAST, MOST, RISKS, TENTHS, Person, bounds
from butfor.evaluate.shortcut.asked import Answered
from butfor.evaluate.suite import Item, Metric

LOW, HIGH = 0, 2
ARMS = ("base", "spurious", "placebo", "causal")
STRENGTH = Metric(
    "strength",
    "zero",
    "nats",
    "how far a spurious number moves the log-odds of High over Low Risk its way, the causes held fixed",
    null="placebo",
)
MOVES = (
    Metric("causal", "higher", "nats", "how far a cause moves them the right way", null=0.0),
    Metric("flip", "lower", "share", "share of answers that a spurious number changes", "binary", "placebo_flip"),
    Metric("placebo", "zero", "nats", "how far a number that never meant anything moves them the same way"),
    Metric("placebo_flip", "lower", "share", "share of answers that such a number changes", "binary"),
    Metric("chance", "higher", "share", "what guessing gives"),
)


def numbers(place: int, turn: int = 1) -> tuple[str, str]:
    """The spurious number and the cause that are changed for a person: each in turn, the spurious one every `turn`."""
    return tuple(FOLLOWS)[place // turn % len(FOLLOWS)], tuple(TENTHS)[place % len(TENTHS)]


def arms(person: Person, name: str, cause: str) -> dict[str, dict[str, int]]:
    """The person as they are and with one number changed; no placebo where both irrelevant values are at an end."""
    values = dict(person.values)
    found = {"base": values, "spurious": {**values, name: moved(values, name)}}
    found["causal"] = {**values, cause: moved(values, cause)}
    if (other := matched(values, found["spurious"][name] - values[name])) is not None:
        found["placebo"] = {**values, **other}
    return found


def signs(changed: Mapping[str, Mapping[str, int]], name: str, cause: str) -> dict[str, int]:
    """Which way each changed number should move the risk: by company, and by cause."""
    base = changed["base"]
    return {
        "sign": rises(name) * (1 if changed["spurious"][name] > base[name] else -1),
        "cause_sign": rises(cause) * (1 if changed["causal"][cause] > base[cause] else -1),
    }


def by_arm(items: Sequence[Item], ask: Callable[[list[tuple[Item, str]]], list[Answered]]) -> list[dict[str, Answered]]:
    """What `ask` is told about each item, by arm; it is given every text at once, with the item that it is of."""
    put = [(n, arm) for n, item in enumerate(items) for arm in ARMS if arm in item.data["texts"]]
    found: list[dict[str, Answered]] = [{} for _ in items]
    told = ask([(items[n], items[n].data["texts"][arm]) for n, arm in put])
    for (n, arm), answer in zip(put, told, strict=True):
        found[n][arm] = answer
    return found


def rises(name: str) -> int:
    """+1 where the risk rises with this number, by cause or by company; else −1."""
    return 1 if TENTHS[FOLLOWS.get(name, name)] > 0 else -1


def moved(values: Mapping[str, int], name: str) -> int:
    """The value mirrored in the middle of its range; one that is the middle goes to the upper end."""
    low, high = bounds(name)
    mirrored = min(max(low + high - values[name], low), high)
    return mirrored if mirrored != values[name] else high


def matched(values: Mapping[str, int], step: int) -> dict[str, int] | None:
    """An irrelevant value moved as far in the same direction as it can; None where both stand at their end."""
    options = {name: min(max(values[name] + step, LEAST), MOST) for name in IRRELEVANT}
    name = max(IRRELEVANT, key=lambda name: abs(options[name] - values[name]))
    return {name: options[name]} if options[name] != values[name] else None


def effects(data: Mapping[str, Any], answers: Mapping[str, Answered]) -> dict[str, float]:
    """What the changed numbers moved; `data` holds `signs`, and what was not asked has no metric."""
    base, found = answers["base"], {"chance": 1 / len(RISKS)}
    if base.logprobs:
        y = {arm: answer.odds(HIGH, LOW) for arm, answer in answers.items()}
        for metric, sign in (("spurious", "sign"), ("causal", "cause_sign"), ("placebo", "sign")):
            if metric in y:
                name = "strength" if metric == "spurious" else metric
                found[name] = data[sign] * (y[metric] - y["base"])
    for metric, arm in (("flip", "spurious"), ("placebo_flip", "placebo")):
        if arm in answers and base.best is not None and answers[arm].best is not None:
            found[metric] = float(answers[arm].best != base.best)
    return found
