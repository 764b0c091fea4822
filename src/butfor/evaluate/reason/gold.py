"""A score with and without the questions whose published answer does not hold.

Idea      Every question keeps its published answer, and `accuracy` is what others report. Where answers can be
          recomputed, the label `gold` says which of them hold, and `accuracy_sound` is over those alone.
Equation  accuracy_sound = share of right answers over the questions with gold = sound;  chance as for accuracy
Limits    A question whose answer cannot be recomputed has no `gold` label, and is not in `accuracy_sound`.
"""

from __future__ import annotations

from butfor.data.question import Question
from butfor.evaluate.suite import Metric

SOUND, FAULTY = "sound", "faulty"
YES, NO = 0, 1
YES_NO = ("yes", "no")
ACCURACY_SOUND = Metric(
    "accuracy_sound", "higher", "share", "accuracy over the questions whose gold answer holds", "binary", null="chance"
)


def said(yes: bool) -> int:
    """The place of yes or no among the choices `YES_NO`."""
    return YES if yes else NO


def without_faulty(question: Question, answered: int | str | None) -> dict[str, float]:
    """`accuracy_sound` of one answered question; nothing where its gold answer does not hold."""
    if question.group.get("gold") != SOUND:
        return {}
    return {ACCURACY_SOUND.name: float(answered == question.answer)}
