"""Causal effect tuning: fine-tune along the effect of what the model knew, not along the new rows alone.

Idea      What a pre-trained model makes of a text, h0, is a collider of all it knew. Held fixed, it opens a path from
          old data to the prediction of a new row: through the rows that h0 holds alike. Their questions, each with the
          row's own options, join in the prediction, so that what they share with the row is kept.
Equation  p_i = W p(y | x_i) + (1 - W) 1/K_i Σ_k p(y | x_ik),   p_i = p(y | x_i) where K_i = 0
          loss = - mean log p_i(gold)
          x_ik: the question of a neighbour of row i, with row i's options; W = `own`; K_i <= k neighbours, whose gold
          answers are alike by `least` or more (`neighbours`); p: softmax over options or classes, text by text
          mix = "losses": - W log p(gold | x_i) - (1 - W) 1/K_i Σ_k log p(gold | x_ik), never below the above (Jensen)
Objective "choice" and "label" as above, the gold answer being the right option, or the label. "text": rows with
          `answer_at`; the question stands before it, the answer from there on, and p is that of the whole answer; the
          loss is per answer token (the joint loss of a language model).
Source    Zheng et al. 2023, Preserving Commonsense Knowledge from Pre-trained Language Models via Causal Inference.
          Published: k = 5, least = 1 (the same answer), W of 0.7, 0.9 or 0.97, RoBERTa-large.
Example   [treatment]
          method = "finetune.effect_tuning"
          own = 0.9
          k = 5
          least = 0.5
Limits    W = 1 is plain fine-tuning, bit for bit, and so is a row without neighbours. A run in which no row has one is
          refused: W would have no effect. A step reads up to 1 + k times as much text as a plain one. `by` is what
          makes answers comparable: "words" (shared words), or a model ("minilm", "glove-50d"). `within`: a column that
          a row and its neighbours share, e.g. asks_for.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

from pydantic import Field

from butfor.core.errors import UserError
from butfor.finetune.neighbours import EXACT, WORDS, neighbours
from butfor.lm.head import has_head
from butfor.train.method import Batch, Method, Rows
from butfor.train.naming import named
from butfor.train.task import read, under

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches
    from butfor.train.loop import TrainSettings

NEAR, WEIGHT = "near", "weight"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EffectTuning(Method):
    """Mix a row's prediction with those under the questions of rows with answers like its own."""

    objectives: ClassVar[tuple[str, ...]] = ("choice", "label", "text")

    own: Annotated[float, Field(ge=0, le=1)] = 0.9
    k: Annotated[int, Field(ge=1, le=64)] = 5
    least: Annotated[float, Field(gt=0, le=1)] = 1.0
    by: str = WORDS
    within: str | None = None
    mix: Literal["probabilities", "losses"] = "probabilities"

    @property
    def idle(self) -> frozenset[str]:
        return frozenset({"data", "attach", "loss"}) if self.own == 1 else frozenset()

    @property
    def rests_on(self) -> list[str]:
        if self.by == WORDS:
            return []
        from butfor.lm.load import kind, stamp

        if kind(self.by) not in ("lm", "vectors"):
            raise UserError(f"by = {self.by!r} reads no text; give 'words', or a language model or word vectors")
        return [stamp(self.by)]

    def fits(self, rows: Rows) -> None:
        self._readable(rows)
        if self.own < 1 and self.by == WORDS and len(rows) <= EXACT:
            self._neighbours(rows)

    def suits(self, settings: TrainSettings, rows: Rows, model: str) -> str:  # noqa: ARG002
        if self.own == 1 or settings.objective != "text":
            return ""
        how = "set train.objective = 'choice' or 'label', or train.corpus = 'ecare-told'"
        lacking = (named(row, place) for place, row in enumerate(rows) if "answer_at" not in row)
        return next(
            (f"row {name} has no answer_at, where its answer begins in its text; {how}" for name in lacking), ""
        )

    def _readable(self, rows: Rows) -> None:
        """Refuse rows without a question, an answer or a group."""
        for place, row in enumerate(rows):
            _parts(row, place)
            if self.within is not None and self.within not in row:
                raise UserError(f"row {named(row, place)} has no column {self.within!r}, which `within` names")

    def _neighbours(self, rows: Rows) -> NDArray[np.int64]:
        """The places of each row's neighbours; refuses rows of which none has one."""
        questions, answers = zip(*(_parts(row, place) for place, row in enumerate(rows)), strict=True)
        groups = tuple(None if self.within is None else row[self.within] for row in rows)
        found = neighbours(answers, questions, groups, self.k, self.least, self.by)
        if (found < 0).all():
            raise UserError(
                f"own = {self.own} has no effect: no answer is like another by least = {self.least}; give a lower least"
            )
        return found

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: ARG002
        """The rows, and beside each its neighbours' questions; "near0" is the nearest."""
        if self.own == 1:
            return rows
        self._readable(rows)
        found = self._neighbours(rows)
        counts = (found >= 0).sum(1)
        beside = [
            {f"{NEAR}{n}": _near(row, rows, int(place), int(count)) for n, place in enumerate(line[: counts.max()])}
            for row, line, count in zip(rows, found, counts, strict=True)
        ]
        return [{**row, "beside": {**row.get("beside", {}), **more}} for row, more in zip(rows, beside, strict=True)]

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        """Say how many rows have neighbours; nothing hangs on the model."""
        if self.own < 1:
            _refuse_unread(lm, planned)
            fed = [planned.rows[place]["beside"] for batch in planned.plan for place, _ in batch]
            counts = [sum(row[WEIGHT] > 0 for name, row in beside.items() if _is_near(name)) for beside in fed]
            if not any(counts):
                raise UserError(
                    f"own = {self.own} has no effect: no row that is trained on has a neighbour; lower least"
                )
            share = sum(count > 0 for count in counts) / len(counts)
            mean = sum(counts) / len(counts)
            lm.notes.append(f"effect tuning: {share:.0%} of the rows trained on have neighbours, {mean:.2f} a row")
        yield

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """Minus the mean log-probability of the gold answers, mixed with that under the neighbours' questions."""
        import torch

        if self.own == 1:
            return outputs.loss
        told, tokens = gold(batch, outputs)  # [B], []
        terms, weights = [told], [torch.ones_like(told)]
        for name in sorted({key.partition(".")[0] for key in batch if _is_near(key.partition(".")[0])}):
            near = under(batch, name)
            there = near[WEIGHT] > 0
            if there.any():
                part = {key: value[there] for key, value in near.items()}
                scores, _ = gold(part, read(model, part))
                terms.append(torch.zeros_like(told).masked_scatter(there, scores.to(told.dtype)))
                weights.append((1 - self.own) * near[WEIGHT].to(told.dtype))
        if len(terms) == 1:
            return outputs.loss
        weight = torch.stack(weights)  # [1 + K, B]
        weight[0] = torch.where(weight[1:].sum(0) > 0, told.new_tensor(self.own), told.new_ones(()))
        return -mixed(torch.stack(terms), weight, self.mix).sum() / tokens


def gold(batch: Batch, outputs: Any) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the gold answers [B], and how many answers (or tokens of them) the loss is over []."""
    from torch.nn.functional import cross_entropy

    if outputs.logits.ndim == 2:  # options or classes
        label = batch["label"]
        return -cross_entropy(outputs.logits, label, reduction="none"), label.new_tensor(len(label))
    wanted = batch["labels"][:, 1:]
    losses = cross_entropy(outputs.logits[:, :-1].float().transpose(1, 2), wanted, ignore_index=-100, reduction="none")
    return -losses.sum(1), (wanted != -100).sum()


def mixed(terms: Tensor, weights: Tensor, mix: str) -> Tensor:
    """[B] <- log-probabilities and weights, which add up to one, [1 + K, B]: log of the mean, or mean of the logs."""
    if mix == "losses":
        return (weights * terms).sum(0)
    return (terms + weights.log()).logsumexp(0)


def _parts(row: dict[str, Any], place: int) -> tuple[str, str]:
    """The question of a row and its gold answer."""
    text, label, options = row["text"], row.get("label"), row.get("options")
    if "answer_at" in row:
        return text[: row["answer_at"]], text[row["answer_at"] :]
    if isinstance(label, bool) or not isinstance(label, int):
        raise UserError(
            f"row {named(row, place)} has no gold answer: effect tuning needs a label, or answer_at in the text; "
            "try train.corpus = 'ecare'"
        )
    if options is None:
        return text, str(label)
    if not 0 <= label < len(options):
        raise UserError(f"row {named(row, place)} has the label {label} and {len(options)} options")
    return text, options[label]


def _near(row: dict[str, Any], rows: Rows, place: int, count: int) -> dict[str, Any]:
    """The question of the row at this place with this row's own answer; of no place, this row with no weight."""
    other = row if place < 0 else rows[place]
    made = {key: row[key] for key in ("label", "options") if key in row}
    made |= {"text": other["text"], WEIGHT: 0.0 if place < 0 else 1.0 / count}
    if "answer_at" in row:
        made |= {"text": _parts(other, place)[0] + _parts(row, place)[1], "answer_at": other["answer_at"]}
    return made


def _refuse_unread(lm: LM, planned: Batches) -> None:
    """Refuse a training on text whose answers cannot be told from their questions."""
    if planned.options or has_head(lm):
        return
    if lm.is_encoder:
        raise UserError(f"{lm.name} is an encoder: effect tuning needs train.objective = 'label' for it, or a decoder")
    for name, near in planned.beside.items():  # an answer that is cut off would count as certain
        fed = [fed for batch in near.plan for fed in batch if _is_near(name) and near.rows[fed[0]][WEIGHT] > 0]
        if any(len(near.encoded[place]) > size for place, size in fed):
            raise UserError("a neighbour's question leaves no room for the whole answer of a row; raise train.length")


def _is_near(name: str) -> bool:
    return name.startswith(NEAR) and name.removeprefix(NEAR).isdecimal()
