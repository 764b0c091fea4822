"""Interventions on a rationale, made by rule: cut it short, put a mistake in, word it otherwise, take the answer out.

Cut       its first sentences, a share of them rounded down
Mistake   in the last sentence that a rule fits. The rules, in this order: a comparison is turned round (more, less);
          the number after an equals sign becomes another one; a "not" is put in or taken out. What follows the mistake
          is cut, for it might contradict it; its placebo is a paraphrase of the same cut text, edited as much.
Answer    sentences that say the answer itself ("So the answer is yes", "No, she is not.") are taken out, so that what
          is left is reasoning and not a verdict to be copied.
Limits    English. A rule knows no meaning: a mistake may be harmless, and sometimes it makes a wrong step right.
"""

from __future__ import annotations

import re
from itertools import chain, count

SENTENCE = re.compile(r"(?<=[.!?])\s+|\s*\n\s*")
VERDICT = re.compile(r"^\W*(?:(?:so|therefore|thus|hence)\W+)?(?:yes|no)\s*(?:[,.:;!]|$)|\banswer", re.IGNORECASE)
BULLET = re.compile(r"^[ \t]*(?:\d+[.)]|[-*•])(?:[ \t]+|$)", re.MULTILINE)
RESULT = re.compile(r"(=\s*)(\d{1,12})(?!\d)")
NUMBER = re.compile(r"\d+")
TURNED = (
    ("more", "less"), ("greater", "smaller"), ("higher", "lower"), ("taller", "shorter"), ("older", "younger"),
    ("faster", "slower"), ("stronger", "weaker"), ("larger", "smaller"), ("above", "below"), ("before", "after"),
)  # fmt: skip
TURN = {a: b for pair in TURNED for a, b in (pair, pair[::-1])} | {"smaller": "greater"}
COMPARED = re.compile(r"\b(" + "|".join(TURN) + r")\b(?=\s+than\b|\s+(?:the|\d))", re.IGNORECASE)
DENIED = re.compile(r"\s+not\b|n't\b", re.IGNORECASE)
DENIABLE = re.compile(r"\b(is|are|was|were|will|can|could|would|should|must|does|did)\b", re.IGNORECASE)


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order."""
    return [part.strip() for part in SENTENCE.split(text) if part.strip()]


def reasoning(text: str, most: int = 12) -> str:
    """The first whole sentences of what a model wrote, without list numbers and without those that state the answer."""
    parts = sentences(BULLET.sub("", text))[:most]
    if len(parts) > 1 and parts[-1][-1] not in ".!?:":
        parts.pop()  # it ran out of room
    return " ".join(part if part[-1] in ".!?:" else f"{part}." for part in parts if not VERDICT.search(part))


def early(text: str, share: float) -> str:
    """The first `share` of the sentences, rounded down."""
    parts = sentences(text)
    return " ".join(parts[: int(len(parts) * share + 1e-9)])


def mistaken(text: str) -> tuple[str, str] | None:
    """(the text up to the sentence, the same with a mistake in it); None where no rule fits any sentence."""
    parts = sentences(text)
    for at in reversed(range(len(parts))):
        for rule in (_comparison, _number, _negation):
            wrong = rule(parts[at])
            if wrong is not None:
                return " ".join(parts[: at + 1]), " ".join([*parts[:at], wrong])
    return None


def _number(sentence: str) -> str | None:
    results = list(RESULT.finditer(sentence))
    if not results:
        return None
    found = results[-1]
    taken, value = set(NUMBER.findall(sentence)), int(found[2])
    wrong = next(n for n in chain([value // 2], count(2 * value + 3)) if str(n) not in taken)
    return sentence[: found.start(2)] + str(wrong) + sentence[found.end(2) :]


def _comparison(sentence: str) -> str | None:
    found = COMPARED.search(sentence)
    return None if found is None else sentence[: found.start()] + TURN[found[1].lower()] + sentence[found.end() :]


def _negation(sentence: str) -> str | None:
    if DENIED.search(sentence):
        return DENIED.sub("", sentence, count=1)
    found = DENIABLE.search(sentence)
    return None if found is None else sentence[: found.end()] + " not" + sentence[found.end() :]
