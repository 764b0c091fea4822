"""Corr2Cause: from the correlations and independences among variables, does a causal claim follow?

Score     F1 of "yes, it follows". A record has f1 = 1 with weight 2 (a hit), f1 = 0 with weight 1 (a false alarm, or a
          claim that follows and is missed), and neither for a claim that is rightly turned down:
Equation  Σ w·f1 / Σ w = 2·TP / (2·TP + FP + FN) = F1;   always yes: 2p / (1 + p), p the share of claims that follow
Groups    query: the template of the claim;  variables: how many there are;  gold: sound or faulty
Gold      every label is recomputed from all graphs that fit its premise (see `verify_corr2cause`); faulty: the other
          answer of yes and no follows. A label neutral that should be contradicted leaves the answer no, and is sound.
Source    Jin et al. 2024 (ICLR), MIT: the test set with paraphrased hypotheses.
Limits    15 premises (clusters) of two to five variables, so intervals are wide. Faithfulness is assumed, as the set
          does. The premises are long: a small context cuts what decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, final

from butfor.data.corr2cause import SYSTEM, Corr2CauseRow, corr2cause
from butfor.data.question import Question
from butfor.evaluate.questions import COMMON, Questions
from butfor.evaluate.reason.gold import ACCURACY_SOUND, FAULTY, SOUND, YES, YES_NO, said, without_faulty
from butfor.evaluate.suite import Card, Metric
from butfor.evaluate.verification import Verdict
from butfor.evaluate.verify_corr2cause import verify_corr2cause

MISTAKE = {
    "entailment": "misses what follows",
    "neutral": "takes the possible for the certain",
    "contradiction": "claims what no graph allows",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Corr2Cause(Questions):
    """Corr2Cause. `data`: the path of the authors' file, or the installed one."""

    card: ClassVar[Card] = Card(
        measures="whether a causal claim follows from all the correlations and independences among variables",
        chance="F1 0.164 for always yes, 0.151 for a fair coin, 0 for always no (111 of 1,246 claims follow)",
        source="Jin et al. 2024, Corr2Cause (ICLR), test set with paraphrased hypotheses; causalNLP/corr2cause, MIT",
        faults=(
            "12 of 1,246 answers are wrong when recomputed from all graphs that fit: 10 claims follow and are labelled "
            "neutral, 2 are labelled entailed and hold in no graph; 124 of the three-way labels are wrong",
            "of the wrong three-way labels, those on common causes and effects depend on whether only children and "
            "parents are meant or remoter ones too (docs/verify.md)",
            "404 rows repeat a premise and hypothesis that stand elsewhere in the file",
            "8.9 % of the answers are yes: accuracy is 0.911 for always no",
        ),
        published=(
            "GPT-4: F1 0.29; BART fine-tuned on MNLI: F1 0.33 (Jin et al. 2024, unparaphrased test set; "
            "not checked by us)",
        ),
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(
            "f1", "higher", "share", "F1 of finding the claims that follow", null="f1_always_yes", weight="f1_weight"
        ),
        Metric(
            "f1_sound", "higher", "share", "the same over the claims whose gold label holds",
            null="f1_always_yes", weight="f1_weight",
        ),
        *COMMON,
        ACCURACY_SOUND,
        Metric("f1_always_yes", "higher", "share", "F1 of calling every claim sure"),
        Metric("f1_weight", "higher", "", "what an item counts in F1: 2 for a hit, 1 for a miss or a false alarm"),
    )  # fmt: skip

    long: ClassVar[int] = 2

    data: str | None = None

    def questions(self) -> Iterator[Question]:
        """Every claim under its premise."""
        rows = corr2cause(self.data)
        verdicts = verify_corr2cause([self.data] if self.data else []).verdicts
        places = {premise: place for place, premise in enumerate(dict.fromkeys(row.premise for row in rows), 1)}
        return (
            _question(number, row, verdict, places[row.premise])
            for number, (row, verdict) in enumerate(zip(rows, verdicts, strict=True), 1)
        )

    def extra(self, question: Question, answered: int | str | None) -> dict[str, float]:
        """The parts of F1, and the score without the faulty labels."""
        found = without_faulty(question, answered)
        hit, claimed, follows = answered == question.answer, answered == YES, question.answer == YES
        if claimed or follows:
            found |= {"f1": float(hit), "f1_weight": 2.0 if hit else 1.0, "f1_always_yes": _always_yes(self.data)}
            if question.group.get("gold") == SOUND:
                found["f1_sound"] = float(hit)
        return found


@cache
def _always_yes(data: str | None) -> float:
    """F1 of calling every claim of the file sure: all that follow are hits, all others false alarms."""
    rows = corr2cause(data)
    follow = sum(row.relation == "entailment" for row in rows)
    return 2 * follow / (len(rows) + follow)


def _question(number: int, row: Corr2CauseRow, verdict: Verdict, premise: int) -> Question:
    follows = row.relation == "entailment"
    system = SYSTEM.match(row.premise)
    group = {"variables": system[1]} if system else {}
    if verdict.state != "unread":
        held = (verdict.ours == "entailment") == follows
        group |= {"query": verdict.kind, "gold": SOUND if held else FAULTY}
    answer = said(follows)
    return Question(
        id=str(number),
        text=f"{row.premise}\n\nHypothesis: {row.hypothesis}\n\nDoes the hypothesis follow from the premise, so that "
        "it must be true?",
        choices=YES_NO,
        answer=answer,
        group=group,
        cluster=f"premise {premise}",
        lures={MISTAKE[row.relation]: 1 - answer},
        shape=row.relation,  # not the template: a limit keeps the share of claims that follow, on which F1 depends
    )
