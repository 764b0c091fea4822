"""Numbers as people read them, and the sentences that are computed from them.

Rule      Two significant digits of the interval's shorter half decide how many decimals an effect is printed with. An
          interval that holds zero is worded as "no effect was found", with the changes that the data exclude; never as
          a proof that there is none.
          Below NOISE with both ends, an effect is the rounding of a computer, printed and read as 0.
Limits    A metric whose best value is zero is judged by the two levels: toward zero, away from it, or past it.
"""

from __future__ import annotations

import itertools
import math
import re

from butfor.report.folder import Effect

SYMBOL = {"better": "●", "worse": "■", "changed": "◆", "none": "○", "unknown": "·"}
NOISE = 1e-12  # what sums of floating-point numbers of the size of 1 leave of a zero
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff"
    "\U000e0000-\U000e0fff]"
)


def visible(value: str, limit: int | None = None) -> str:
    """Text that hides nothing: control, bidirectional and invisible characters are spelled out, length is bounded."""
    value = value.replace("\r\n", "\n")
    if limit is not None and len(value) > limit:
        value = f"{value[:limit]} … ({len(value) - limit:,} more characters)"
    return HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", value)


def fixed(value: float, decimals: int, *, sign: bool = False) -> str:
    """`value` with that many decimals, thousands apart, a real minus; scientific where that would be unreadable."""
    shown = f"{value:{'+' if sign else ''},.{decimals}f}" if abs(value) < 1e7 else f"{value:{'+' if sign else ''}.3g}"
    if decimals >= 7:
        shown = f"{value:{'+' if sign else ''}.2e}"
    if not re.search("[1-9]", shown):
        shown = shown.lstrip("+-")
    return shown.replace("-", "−")


def plain(value: float | None, *, sign: bool = False) -> str:
    """`value` alone: three significant digits, whole numbers whole."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if abs(value) < 1e15 and value == int(value):
        return fixed(value, 0, sign=sign)
    return fixed(value, max(0, 2 - math.floor(math.log10(abs(value)))), sign=sign)


def rounded_away(estimate: float | None, low: float | None, high: float | None) -> bool:
    """Is nothing left of an effect but what rounding makes of a zero?"""
    return all(value is not None and abs(value) < NOISE for value in (estimate, low, high))


def decimals(estimate: float, low: float | None, high: float | None) -> int:
    """How many decimals the interval's shorter half (or, without an interval, the estimate) deserves."""
    half = 0.0 if low is None or high is None else min(abs(high - estimate), abs(estimate - low)) or abs(high - low)
    size = half if half > 0 else abs(estimate) / 10
    if size <= 0 or not math.isfinite(size):
        return 1
    return min(7, max(0, 1 - math.floor(math.log10(size))))


def interval(
    estimate: float | None, low: float | None, high: float | None, *, sign: bool = False, most: int = 9
) -> str:
    """`−0.312 [−0.401, −0.222]`, or what of it there is; at most `most` decimals."""
    if estimate is None:
        return "not measured"
    if rounded_away(estimate, low, high):
        return "0 [0, 0]"
    if estimate == low == high:
        return "{0} [{0}, {0}]".format(plain(estimate, sign=sign))
    places = min(most, decimals(estimate, low, high))
    shown = fixed(estimate, places, sign=sign)
    if low is None or high is None:
        return f"{shown} (no interval)"
    return f"{shown} [{fixed(low, places, sign=sign)}, {fixed(high, places, sign=sign)}]"


def tight(value: str) -> str:
    """The same text with no line break inside an interval or an n."""
    return re.sub(r"(?<=\d,) (?=[+−\d])|(?<=\bn) (?== )|(?<=\bn =) (?=\d)", "\u00a0", value)


def with_unit(shown: str, unit: str) -> str:
    return f"{shown} {unit}" if unit else shown


def probability(p: float | None) -> str:
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def percent(level: float) -> str:
    return f"{100 * level:.4g}%"


def amount(value: float | None, cost: str) -> str:
    """A cost in the unit that its name gives away: seconds, bytes of memory, or a bare count."""
    if value is None:
        return "–"
    if "seconds" in cost:
        return f"{plain(value)} s"
    scales = (("GiB", 2.0**30), ("MiB", 2.0**20)) if "memory" in cost else (("T", 1e12), ("G", 1e9), ("M", 1e6))
    unit, size = next(((unit, size) for unit, size in scales if abs(value) >= size), ("", 1.0))
    return with_unit(plain(value / size), unit or ("bytes" if "memory" in cost else ""))


def many(n: int, word: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def reading(effect: Effect) -> str:
    """better, worse, changed (no better side, or past zero), none (interval holds zero), unknown (no interval)."""
    if effect.estimate is None or effect.low is None or effect.high is None:
        return "unknown"
    if effect.low <= 0 <= effect.high or rounded_away(effect.estimate, effect.low, effect.high):
        return "none"
    if effect.better == "zero":
        before, after = effect.control_level, effect.treatment_level
        if before is None or after is None or before * after < 0:
            return "changed"
        return "better" if abs(after) < abs(before) else "worse"
    if effect.better not in {"higher", "lower"}:
        return "changed"
    return "better" if (effect.estimate > 0) == (effect.better == "higher") else "worse"


def holds(effect: Effect) -> bool:
    """Does the effect survive the correction for several effects? True where none was made."""
    return effect.p_adjusted is None or effect.p_adjusted <= 1 - effect.level


def verdict_word(effect: Effect) -> str:
    """The reading in words, as a sentence says it."""
    found, word = reading(effect), short_word(effect)
    if effect.better == "zero" and found in {"better", "worse", "changed"}:
        before, after = effect.control_level, effect.treatment_level
        if before is not None and after is not None:
            past = before * after < 0
            word = "past zero" if past else {"better": "better: nearer zero", "worse": "worse: away from zero"}[found]
    return f"{word} (not after correction)" if found not in {"none", "unknown"} and not holds(effect) else word


def short_word(effect: Effect) -> str:
    """The reading in a word or two, for a table."""
    found = reading(effect)
    if found == "none" and effect.low == effect.high:
        return "identical"
    return {"none": "no effect found", "unknown": "no interval"}.get(found, found)


def direction(better: str) -> str:
    return {"higher": "higher is better", "lower": "lower is better", "zero": "zero is best"}.get(better, "")


def size_of(effect: Effect) -> str:
    """`−0.312 [−0.401, −0.222] nats (n = 60)`."""
    shown = with_unit(interval(effect.estimate, effect.low, effect.high, sign=True), effect.unit)
    return f"{shown} (n = {effect.n:,})" if effect.n is not None else shown


def excluded(effect: Effect) -> str:
    """What an interval around zero still rules out."""
    if effect.low is None or effect.high is None or effect.estimate is None:
        return ""
    if effect.low == effect.high:
        return "the two arms gave the same value on every item"
    if rounded_away(effect.estimate, effect.low, effect.high):
        return "the two arms differ by less than a computer's rounding"
    places = decimals(effect.estimate, effect.low, effect.high)
    drop = with_unit(fixed(abs(effect.low), places), effect.unit)
    rise = with_unit(fixed(effect.high, places), effect.unit)
    return f"the data exclude a drop of more than {drop} and a rise of more than {rise}"


def clause(effect: Effect, *, short: bool = False, nor: bool = False) -> str:
    """What one effect says, without a full stop; `short` where the treatment is named already, `nor` after a "no"."""
    found = reading(effect)
    if effect.estimate is None:
        return f"{effect.name} was not measured"
    if found == "unknown":
        return f"{effect.name} differed by {size_of(effect)}, and without an interval nothing can be concluded"
    if found == "none":
        if nor:
            return f"nor on {effect.name}: {size_of(effect)}"
        who = "" if short else f" of {effect.who}"
        tail = "" if short else f"; {excluded(effect)}"
        return f"no effect{who} on {effect.name} was found: {size_of(effect)}{tail}"
    who = effect.name if short else f"{effect.who} changed {effect.name}"
    word = verdict_word(effect)
    return f"{who} {'changed ' if short else ''}by {size_of(effect)}" + ("" if word == "changed" else f", {word}")


def verdict(primary: Effect | None, effects: list[Effect]) -> str:
    """The run in one sentence: the primary effect, then the first effect of up to three other suites."""
    if primary is None:
        return "There is no primary effect to report yet."
    firsts: dict[str, Effect] = {}
    for effect in effects:
        if effect.treatment == primary.treatment and effect.suite != primary.suite:
            firsts.setdefault(effect.suite, effect)
    told = [primary, *list(firsts.values())[:3]]
    clauses = [clause(primary)]
    for before, effect in itertools.pairwise(told):
        clauses.append(clause(effect, short=True, nor=reading(before) == "none"))
    sentence = "; ".join(clauses)
    return sentence[:1].upper() + sentence[1:] + "." if sentence.startswith("no effect") else sentence + "."
