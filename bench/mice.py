"""Minimal edits of short film reviews by the default model, against people's edits of the same reviews.

reviews   of `cad`, both texts of 60 words or fewer, which the guide reads rightly, in an order drawn by the seed
guide     the classifier that is to be flipped: a head on frozen MiniLM, trained on sentences that people edited in half
          of the other pairs, before and after
judge     a stranger to the search: words and neighbours, trained on the other half; `flip` below is what it finds
Drafts are kept in `--out`: a killed process goes on where it was, and more `--rows` go on from fewer.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from butfor.core.seeds import generator
from butfor.data.cad import Review, cad
from butfor.data.counterfactual import generate
from butfor.data.counterfactual.blanks import sentences
from butfor.data.counterfactual.infill import SHORT, WHOLE, Guided
from butfor.data.counterfactual.made import Draft, Made
from butfor.data.counterfactual.mice import Mice
from butfor.data.counterfactual.scores import scored, summary
from butfor.data.counterfactual.trained import Trained, trained
from butfor.data.counterfactual.wordjudge import word_judge
from butfor.lm.load import load
from butfor.stats import mean

SENTENCES = 2000  # that the guide learns from
OTHER = {"Positive": "Negative", "Negative": "Positive"}
VALUES = sorted(OTHER)


def words(review: Review) -> int:
    return max(len(review.original.split()), len(review.revised.split()))


def taught(pairs: Sequence[Review], seed: int, lm: Any = None) -> Trained:
    """A judge of words, from both texts of these pairs; with `lm` a head on it, from their sentences that differ."""
    told: list[tuple[str, str, str]] = []
    for one in pairs:
        for old, new in sentences(one.original, one.revised) if lm else [(one.original, one.revised)]:
            told += [(old, one.sentiment, one.id), (new, OTHER[one.sentiment], one.id)] if old and new else []
    texts, labels, groups = (list(part[:SENTENCES] if lm else part) for part in zip(*told, strict=True))
    if lm:
        return trained(lm, texts, labels, seed=seed, groups=groups)
    return word_judge(texts, labels, seed=seed, groups=groups)


def right(judge: Trained, texts: Sequence[str], labels: Sequence[str]) -> list[float]:
    """Of each text, whether the judge finds its label."""
    found = judge.judge.likely(texts).argmax(1)
    return [float(VALUES[at] == label) for at, label in zip(found, labels, strict=True)]


def edited(asked: Sequence[Review], guide: Trained, lm: Any, given: argparse.Namespace) -> list[Made]:
    """What MiCE makes of the reviews, and how long that takes."""
    maker = Mice(judge=guide.judge, editor=Guided(lm, choices=4), most=0.3, levels=3, rounds=1, drafts=2)
    rows = [{"id": one.id, "text": one.original, "sentiment": one.sentiment, "options": VALUES} for one in asked]
    begun = time.process_time()

    def tell(done: int) -> None:
        print(f"{done} of {len(rows)}, {time.process_time() - begun:.0f} s of processor", flush=True)

    return generate(maker, rows, "sentiment", "other", seed=given.seed, folder=given.out, advance=tell)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/mice"))
    given = parser.parse_args()
    pairs = [one for one in cad() if one.original.split() != one.revised.split()]
    short, others = ([one for one in pairs if (words(one) <= SHORT) is brief] for brief in (True, False))
    guide = taught([one for one in others[::2] if words(one) <= WHOLE], given.seed, load(given.encoder))
    judge = taught(others[1::2], given.seed)
    known = right(guide, [one.original for one in short], [one.sentiment for one in short])
    read = [one for one, rightly in zip(short, known, strict=True) if rightly]
    asked = [read[at] for at in generator(given.seed, "mice").permutation(len(read))[: given.rows]]
    print(f"the guide reads {len(read)} of {len(short)} short reviews rightly")
    for name, one in (("guide", guide), ("judge", judge)):
        originals = right(one, [review.original for review in asked], [review.sentiment for review in asked])
        print(f"{name}: {one.rows} texts, right on held-out ones in {one.accuracy}", flush=True)
        print(f"{name}: right on the originals in {mean(originals, kind='binary')}", flush=True)
    lm: Any = load(given.model, dtype="auto")
    made = edited(asked, guide, lm, given)
    theirs = {one.id: one.revised for one in asked}
    people = [Made.of(one.case, Draft(theirs[one.id]), "people") for one in made]
    for name, texts in (("people", people), ("mice", made)):
        follows = right(guide, [one.pair.counterfactual for one in texts], [one.wanted for one in texts])
        print(f"{name}: the guide follows in {mean(follows, kind='binary')}")
    both = scored([*people, *made], judge=judge.judge, lm=lm)
    for line in summary(both, both[: len(people)]):
        print(f"{line.maker:<8} {line.score:<9} {line.level!s:<36} {line.beyond or ''}".rstrip())
    for one in made:
        why = f"; {one.reasons[0]}" if one.reasons else ""
        print(f"\n[{one.before} to {one.wanted}{why}]\n- {one.pair.base}\n+ {one.pair.counterfactual}")


if __name__ == "__main__":
    main()
