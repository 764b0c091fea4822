"""Counterfactual feedback: a factual question and its counterfactual twin are answered, and judged, together.

Idea      A model that is only ever asked what is the case may answer what would be the case in the same way. Here a row
          is a factual question, and beside it, as `pair`, stands the question on the same case but for one variable.
Equation  L = (1 − λ) L_task + λ L_feedback, L_task the cross-entropy of the row's own label
          turns        the two questions take turns in the slot of their row, the second one in half of the visits
                       of a share λ of the rows: no second loss, as many texts read as in plain fine-tuning
          supervised   the mean of the cross-entropies of the two questions
          preference   plain DPO: mean over both questions q, and the wrong answers w of each, of
                       −log σ(β [log π(r | q) − log π(w | q) − log π₀(r | q) + log π₀(w | q)])
                       r the right answer, log π of whole answers, summed over tokens; π₀ the model as training found it
          consistency  −log P(what the change does to the answer is right), the two answers taken as independent:
                       where it changes, log π(r | q) + log π(r' | q'); where it does not, log Σ_k π(k | q) π(k | q')
          Whether X was necessary (X and Y there) or would have been sufficient (neither there) for Y follows from the
          two answers together: that is what consistency rewards, and it leaves each single answer to L_task.
Source    Hüyük et al. 2025, who prefer among texts that the model writes (right answers, or dialogues on both questions
          that fit together); here the answers are listed, so that nothing is sampled. DPO: Rafailov et al. 2023.
Limits    λ = 0 is plain fine-tuning, bit for bit. λ = 1 of consistency says nothing of the answer where none changes.
          supervised, preference and consistency read two texts a row, which costs twice the computing; turns does not.
          π₀ is computed before training, once for each row: no second model is kept.
Example   [treatment]
          method = "finetune.feedback"
          variant = "preference"
          beta = 0.5
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

from pydantic import Field

from butfor.core.errors import UserError
from butfor.train.batches import ROW
from butfor.train.method import Batch, Method, Rows
from butfor.train.naming import named
from butfor.train.policy import before, remembered
from butfor.train.task import read, under

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

PAIR = "pair"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback(Method):
    """Learn factual and counterfactual answers together."""

    objectives: ClassVar[tuple[str, ...]] = ("label", "choice")

    variant: Literal["turns", "supervised", "preference", "consistency"] = "supervised"
    strength: Annotated[float, Field(ge=0, le=1)] = 0.5
    beta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.5  # of preference: how dear it is to leave π₀

    @property
    def idle(self) -> frozenset[str]:
        """Each variant has one place of its own; strength 0 has none."""
        if not self.strength:
            return frozenset({"data", "attach", "loss"})
        if self.variant == "turns":
            return frozenset({"attach", "loss"})
        return frozenset({"data"} if self.variant == "preference" else {"data", "attach"})

    def fits(self, rows: Rows) -> None:
        """Every row needs a twin with the same answers to choose from; in some the right one must differ."""
        if not self.strength:
            return
        labels = [label for row in rows if isinstance(label := row.get("label"), int)]
        classes = 1 + max(labels, default=-1)
        for place, row in enumerate(rows):
            if problem := _problem(row, classes):
                raise UserError(f"row {named(row, place)}: {problem}")
        if all(row["label"] == row["beside"][PAIR]["label"] for row in rows):
            raise UserError("no counterfactual question has another answer than its factual one: nothing to learn")

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """The rows; where the questions take turns, a share of them in two versions."""
        self.fits(rows)
        if self.variant != "turns" or not self.strength:
            return rows
        made: Rows = []
        for row, draw in zip(rows, rng.random(len(rows)).tolist(), strict=True):
            made.append(row)
            if draw < self.strength:
                twin = row["beside"][PAIR]
                made.append({**row, **twin, "id": f"{row.get('id', row[ROW])}/{PAIR}"})
        return made

    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> AbstractContextManager[None]:  # noqa: ARG002
        """For preference: what the model says before training."""
        if self.variant != "preference" or not self.strength:
            return nullcontext()
        return remembered(lm, planned, ("", PAIR), lambda model, batch: read(model, batch).logits)

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The task's loss and the feedback's."""
        if self.variant == "turns" or not self.strength:
            return outputs.loss
        twin = under(batch, PAIR)
        other = read(model, twin)
        if self.variant == "supervised":
            feedback = (outputs.loss + other.loss) / 2
        elif self.variant == "consistency":
            feedback = consistency(outputs.logits, other.logits, batch["label"], twin["label"])
        else:
            asked = (outputs, "", batch["label"]), (other, PAIR, twin["label"])
            feedback = sum(preference(a.logits, before(model, batch, b), label, self.beta) for a, b, label in asked) / 2
        return (1 - self.strength) * outputs.loss + self.strength * feedback


def preference(logits: Tensor, reference: Tensor, label: Tensor, beta: float) -> Tensor:
    """DPO of the right answer against each wrong one. [] <- [B, K], [B, K], [B]"""
    from torch.nn.functional import logsigmoid

    there = logits.isfinite()
    wrong = there.scatter(1, label[:, None], False)
    gain = (logits - reference).masked_fill(~there, 0.0)
    each = -logsigmoid(beta * (gain.gather(1, label[:, None]) - gain))  # [B, K]
    return ((each * wrong).sum(1) / wrong.sum(1)).mean()


def consistency(logits: Tensor, other: Tensor, label: Tensor, twin: Tensor) -> Tensor:
    """How unlikely the two answers make what the change does to the right one. [] <- [B, K], [B, K], [B], [B]"""
    one, two = logits.log_softmax(1), other.log_softmax(1)
    moved = (one.gather(1, label[:, None]) + two.gather(1, twin[:, None]))[:, 0]
    kept = (one + two).logsumexp(1)
    return -kept.where(label == twin, moved).mean()


def _problem(row: dict[str, Any], classes: int) -> str:
    """Why a row and what stands beside it are no factual and counterfactual question; "" if they are."""
    twin = row.get("beside", {}).get(PAIR)
    if twin is None or not str(twin.get("text") or "").strip():
        return "no counterfactual question stands beside it as 'pair'; train on a corpus such as ladder-pairs"
    if twin.get("text") == row["text"]:
        return "its counterfactual question is the same text: nothing is changed in it"
    if any(isinstance(one.get("label"), bool) or not isinstance(one.get("label"), int) for one in (row, twin)):
        return "feedback needs the right answers, as numbers: 'label', and 'label' of what stands beside it"
    if list(row.get("options", ())) != list(twin.get("options", ())):
        return f"its question has the options {row.get('options')}, the counterfactual one {twin.get('options')}"
    known = len(row.get("options", ())) or classes
    if not 0 <= twin["label"] < known:
        return f"the counterfactual question has the label {twin['label']}; known are 0 to {known - 1}"
    return ""
