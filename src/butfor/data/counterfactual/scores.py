"""How good is a counterfactual? Four questions, each a number of one edit; averages come with intervals.

flip      1 if the judge finds the wanted value in the new text, else 0. push: by how much its probability rose.
edit      words inserted, deleted or replaced (Levenshtein distance), per word of the old text. 0: a copy.
fluency   -(nll(new) - nll(old)), nats per token by a language model: below 0, the edit reads worse than the old text.
side      what else changed. length: |words new / words old - 1|. named: of the names and numbers of either text, the
          share that only one of them has. aspects: likewise of the things spoken of (`ASPECTS`). topic: 1 - cosine of
          the two texts in an encoder's space; the variable itself is part of it.
People    an edit by a person is no edit without side effects: where a row brings one, every maker is compared with it,
          review by review.
Source    flip, minimality, fluency: Ross et al. 2021; what else changed: the survey's demand, measures of our own.
Limits    flip is only as good as its judge, whose accuracy belongs beside it. Names are words with a capital inside a
          sentence. Aspects are words of a list. Averages of edit, fluency and side are over drafts that are no copies.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from butfor.core.errors import UserError
from butfor.data.counterfactual.judge import Judge, place
from butfor.data.counterfactual.made import UNCHANGED, Made
from butfor.data.counterfactual.wordmap import words
from butfor.data.swaps import OPENS, WORD
from butfor.stats import mean, paired

if TYPE_CHECKING:
    from butfor.lm.world import LM
    from butfor.stats import Effect

BINARY = {"flip"}
OF_ALL = {"flip", "push"}  # the others are averaged over drafts that changed something
BETTER = {"flip": "more", "push": "more", "edit": "less", "fluency": "more"}
ASPECTS: Mapping[str, frozenset[str]] = {
    name: frozenset(listed.split())
    for name, listed in {
        "acting": "acting actor actors actress actresses cast performance performances performer performers played "
        "plays role roles star stars portrayal portrayed",
        "story": "story plot script writing written writer writers screenplay dialog dialogue dialogues ending twist "
        "twists storyline character characters",
        "direction": "director directors directed directing direction pace pacing edited editing",
        "looks": "photography cinematography scenery visuals visual effects camera costumes shot sets animation",
        "sound": "music soundtrack score song songs sound singing voice",
        "humour": "funny humor humour comedy joke jokes laugh laughs laughed laughing hilarious",
        "fear": "scary horror scare scares frightening suspense thriller gore creepy",
        "food": "food dish dishes meal meals menu delicious steak salad dessert taste tasted",
        "service": "service waiter waitress staff server servers waited",
        "ambiance": "ambiance ambience atmosphere decor setting seating",
        "noise": "noise noisy loud quiet",
    }.items()
}


def scored(
    made: Sequence[Made], *, judge: Judge | None = None, lm: LM | None = None, space: LM | None = None
) -> list[Made]:
    """The same with scores: flip by `judge`, fluency by `lm`, topic by the encoder `space`, the others by words."""
    if not made:
        return []
    result = [
        one.scored(
            edit=distance(one.pair.base, one.pair.counterfactual), **_side(one.pair.base, one.pair.counterfactual)
        )
        for one in made
    ]
    texts = list(dict.fromkeys(text for one in made for text in (one.pair.base, one.pair.counterfactual)))
    if judge:
        held = dict(zip(texts, judge.likely(texts), strict=True))
        for at, one in enumerate(result):
            wanted = place(judge, one.wanted)
            old, new = held[one.pair.base], held[one.pair.counterfactual]
            flips = int(new.argmax()) == wanted
            result[at] = one.scored(flip=float(flips), push=float(new[wanted] - old[wanted]))
    if lm:
        strange = dict(zip(texts, _nll(lm, texts), strict=True))
        result = [one.scored(fluency=strange[one.pair.base] - strange[one.pair.counterfactual]) for one in result]
    if space:
        result = [one.scored(topic=far) for one, far in zip(result, _topics(space, texts, made), strict=True)]
    return result


@dataclass(frozen=True, slots=True)
class Line:
    """One score of one maker: its level, and the level less that of people on the same reviews, where they edited."""

    maker: str
    score: str
    level: Effect
    beyond: Effect | None


def summary(made: Sequence[Made], people: Sequence[Made] = ()) -> list[Line]:
    """Every score of every maker, with intervals; `people` are edits that persons made of the same texts."""
    human = {one.id: one for one in people}
    lines: list[Line] = []
    for maker in dict.fromkeys(one.maker for one in made):
        mine = [one for one in made if one.maker == maker]
        for score in dict.fromkeys(name for one in mine for name in one.scores):
            used = [one for one in mine if score in one.scores and (score in OF_ALL or UNCHANGED not in one.reasons)]
            if len(used) < 2:
                continue
            kind = "binary" if score in BINARY else "mean"
            level = mean([one.scores[score] for one in used], kind=kind)
            both = [(one, human[one.id]) for one in used if one.id in human and score in human[one.id].scores]
            beyond = None
            if len(both) > 1 and maker != people[0].maker:
                pairs = [(one.scores[score], other.scores[score]) for one, other in both]
                beyond = paired([one for one, _ in pairs], [other for _, other in pairs], kind=kind)
            lines.append(Line(maker, score, level, beyond))
    return lines


def distance(old: str, new: str) -> float:
    """Words to insert, delete or replace, per word of the old text."""
    one, two = words(old), words(new)
    if not one:
        raise UserError("a text without words has no edit distance")
    row = list(range(len(two) + 1))
    for n, word in enumerate(one, 1):
        last, row[0] = row[0], n
        for m, other in enumerate(two, 1):
            last, row[m] = row[m], min(row[m] + 1, row[m - 1] + 1, last + (word != other))
    return row[-1] / len(one)


def named(text: str) -> frozenset[str]:
    """Names and numbers: words with a capital that do not begin a sentence, and words with a digit."""
    found = [hit for hit in WORD.finditer(text) if hit[0] not in ("I", "I'm", "I've", "I'd", "I'll")]
    inside = [hit for hit in found if hit.start() and not OPENS.search(text[: hit.start()])]
    return frozenset(
        hit[0].lower() for hit in inside if re.match(r"[A-Z][a-z]", hit[0]) or any(c.isdigit() for c in hit[0])
    )


def aspects(text: str) -> frozenset[str]:
    """What a review speaks of."""
    said = set(words(text))
    return frozenset(name for name, listed in ASPECTS.items() if listed & said)


def _side(old: str, new: str) -> dict[str, float]:
    size = len(words(old))
    return {
        "length": abs(len(words(new)) / size - 1),
        "named": _unshared(named(old), named(new)),
        "aspects": _unshared(aspects(old), aspects(new)),
    }


def _unshared(one: Collection[str], two: Collection[str]) -> float:
    """The share of both together that only one of them has; 0 where neither has any."""
    both = {*one, *two}
    return len(both - ({*one} & {*two})) / len(both) if both else 0.0


def _nll(lm: LM, texts: Sequence[str]) -> list[float]:
    from butfor.lm.likelihood import nll

    return nll(lm, texts)


def _topics(space: LM, texts: Sequence[str], made: Sequence[Made]) -> list[float]:
    import numpy as np

    from butfor.lm.head import frozen

    rows = frozen(space, texts, space.context or 512).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    where = dict(zip(texts, rows, strict=True))
    return [max(0.0, 1.0 - float(where[one.pair.base] @ where[one.pair.counterfactual])) for one in made]
