"""Edits that turn the right answer around: does the answer turn with them, and was it right before and after?

Sign      +1: the edit makes the first choice right, which was wrong before; −1: the other way round. So the right
          answers of both texts follow from it, and one record holds the effect and both accuracies, paired.
Metrics   those of `edits`, and: accuracy (of both texts, chance 0.5), before, after (judged against before: the gap),
          both (right twice: guessing each reaches 0.25, the same answer to everything 0).
Placebos  are made after the limit is applied, for the chosen items alone: a long review takes a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from butfor.evaluate.edits import EDITED, EFFECT, Edit, Edits
from butfor.evaluate.suite import Item, Metric, spread

if TYPE_CHECKING:
    from butfor.lm import LM
    from butfor.lm.chat import Chat

FLIPPED = (
    replace(EFFECT, better="higher", about="how far the edit moves the log-odds the way that makes it right"),
    Metric("accuracy", "higher", "share", "share of texts answered right, of both together", null=0.5),
    Metric("both", "higher", "share", "share of pairs of which both texts are answered right", "binary", null=0.25),
    Metric("before", "higher", "share", "share of texts answered right before the edit", "binary"),
    Metric("after", "higher", "share", "share of texts answered right after the edit", "binary", null="before"),
    *EDITED[1:],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips(Edits):
    """A suite of edits that turn the right answer around; `edits()` leaves the placebo to `paraphrased`."""

    metrics: ClassVar[tuple[Metric, ...]] = FLIPPED

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """One item an edit; as many of each direction as of the other, in every shape."""
        edits = {edit.id: edit for edit in self.edits()}
        items = [Item(edit.id, edit.cluster or edit.id, {}) for edit in edits.values()]
        chosen = spread(items, self.limit, lambda item: (edits[item.id].shape, str(edits[item.id].sign)))
        return [replace(item, data=asdict(self.paraphrased(edits[item.id]))) for item in chosen]

    def paraphrased(self, edit: Edit) -> Edit:
        """The edit with its placebo, where there is one."""
        raise NotImplementedError

    def extra(self, edit: Edit, answers: Mapping[str, int | None]) -> dict[str, float]:
        before, after = answers["base"] == first_right(edit), answers["changed"] == 1 - first_right(edit)
        return {
            "before": float(before),
            "after": float(after),
            "both": float(before and after),
            "accuracy": (before + after) / 2,
        }


def first_right(edit: Edit) -> int:
    """The place of the right choice before the edit."""
    return 0 if edit.sign < 0 else 1
