"""Minimal contrastive edits on a classifier whose flip words are known, and the editors and judges that they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.data.counterfactual import generate
from butfor.data.counterfactual.made import Case
from butfor.data.counterfactual.mice import Mice
from butfor.data.counterfactual.scores import distance
from butfor.data.pairs import substitute
from butfor.data.swaps import WORD

GOOD, BAD, PLAIN = ("fine", "great", "lovely"), ("bad", "awful", "dull"), ("the", "film", "cast", "was", "and", "it")
WEIGHTS = dict.fromkeys(GOOD, 1.0) | dict.fromkeys(BAD, -1.0)


def edits(one: str, other: str) -> int:
    return round(distance(one, other) * len(WORD.findall(one)))


@dataclass(frozen=True)
class Planted:
    """Positive where the good words outnumber the bad ones; nothing else counts."""

    values: tuple[str, ...] = ("Negative", "Positive")
    shuffled: bool = False
    asked: list[str] = field(default_factory=list[str], compare=False)

    def identity(self) -> Any:
        return "planted"

    def likely(self, texts: Sequence[str]) -> Any:
        self.asked.extend(texts)
        total = np.array([sum(WEIGHTS.get(word, 0.0) for word in WORD.findall(text)) for text in texts])
        good = 1 / (1 + np.exp(0.5 - total))
        return np.stack([1 - good, good], 1)

    def saliency(self, text: str, value: int) -> list[float]:
        weights = [WEIGHTS.get(word, 0.0) for word in WORD.findall(text)]
        return [0.0 for _ in weights] if self.shuffled else [w if value == 0 else -w for w in weights]


@dataclass(frozen=True)
class Words:
    """Fills every blank with a word: the first draft with words of the wanted value, the others with any."""

    def identity(self) -> Any:
        return "words"

    def asked(self, text: str, words: Sequence[tuple[int, int]], before: str, wanted: str) -> str:
        return f"{wanted}: {text}"

    def fill(self, text, words, before, wanted, *, drafts, seed):
        draw = Random(seed)
        best = GOOD if wanted == "Positive" else BAD
        made = [[draw.choice(best) for _ in words]]
        made += [[draw.choice((*GOOD, *BAD, *PLAIN)) for _ in words] for _ in range(drafts - 1)]
        return [substitute(text, tuple(words), fill) for fill in made]


def drawn(seed: int) -> str:
    draw = Random(seed)
    size = draw.randint(1, 4)
    words = [*draw.choices(BAD, k=size + draw.randint(0, 6)), *draw.choices(GOOD, k=size - 1)]
    words += draw.choices(PLAIN, k=draw.randint(8, 20))
    draw.shuffle(words)
    return " ".join(words)


def fewest(text: str) -> int:
    """How many words must become good ones before the planted classifier says Positive."""
    total = [WEIGHTS.get(word, 0.0) for word in WORD.findall(text)]
    gains = sorted((1 - weight for weight in total), reverse=True)
    return next(size for size in range(len(total)) if sum(total) + sum(gains[:size]) > 0.5)


@pytest.mark.parametrize("tidy", [True, False])
def test_the_smallest_edit_is_found_where_it_is_known(tidy: bool) -> None:
    rows = [{"text": drawn(seed), "sentiment": "Negative"} for seed in range(25)]
    made = generate(Mice(judge=Planted(), editor=Words(), tidy=tidy, levels=6), rows, "sentiment", "Positive", seed=0)
    assert all(one.kept for one in made)
    found = [edits(one.pair.base, one.pair.counterfactual) for one in made]
    known = [fewest(one.pair.base) for one in made]
    assert found == known
    assert len(set(known)) >= 3


def test_without_saliency_every_change_that_is_left_is_needed() -> None:
    judge, rows = Planted(shuffled=True), [{"text": drawn(seed), "sentiment": "Negative"} for seed in range(25)]
    made = generate(Mice(judge=judge, editor=Words()), rows, "sentiment", "Positive", seed=1)
    loose = generate(Mice(judge=judge, editor=Words(), tidy=False), rows, "sentiment", "Positive", seed=1)
    kept = [one for one in made if one.kept]
    assert len(kept) > 15
    for one in kept:
        each = zip(one.pair.contents, one.pair.counterfactual_spans, strict=True)
        less = [substitute(one.pair.counterfactual, (span,), [before]) for (before, _), span in each]
        assert not judge.likely(less).argmax(1).any()
    assert sum(edits(one.pair.base, one.pair.counterfactual) for one in kept) < sum(
        edits(one.pair.base, one.pair.counterfactual) for one in loose if one.kept
    )


def test_a_draft_depends_on_its_case_and_the_seed_alone() -> None:
    mice = Mice(judge=Planted(), editor=Words(), drafts=3)
    cases = [Case(str(seed), drawn(seed), "sentiment", "Negative", "Positive") for seed in range(3)]
    together = mice.make(cases, 0)
    assert together == [mice.make([case], 0)[0] for case in cases]
    assert together[0].prompt.startswith("Positive: ")


@dataclass(frozen=True)
class Mute(Words):
    """An editor that finds nothing."""

    def fill(self, text, words, before, wanted, *, drafts, seed):
        return [] if drafts == 1 else [text] * drafts


def test_what_cannot_be_edited_keeps_its_reason() -> None:
    for editor, drafts in ((Mute(), 1), (Mute(), 4)):
        [made] = generate(
            Mice(judge=Planted(), editor=editor, drafts=drafts), [{"text": "it was bad", "label": "Negative"}],
            "mood", "Positive", seed=0,
        )  # fmt: skip
        assert "no edit flipped it" in made.reasons[0] and not made.pair.base_spans
    mice = Mice(judge=Planted(), editor=Words())
    assert "already" in mice.make([Case("1", "it was fine", "x", "Negative", "Positive")], 0)[0].refused
    assert "no word" in mice.make([Case("1", "?!", "x", "Negative", "Positive")], 0)[0].refused
    with pytest.raises(UserError, match=r"unknown value 'positive'.*did you mean"):
        mice.make([Case("1", "it was bad", "x", "Negative", "positive")], 0)
    for wrong in ({"most": 0.0}, {"most": 1.5}, {"drafts": 0}, {"levels": 0}):
        with pytest.raises(UserError):
            Mice(judge=Planted(), editor=Words(), **wrong)
