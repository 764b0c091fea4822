"""What is learnt from a row: its text, its label, which of its options comes next, or what it is worth.

objective   row                                                   outputs.logits          loss
"text"      {"text"}                                              next (hidden) tokens    the model's own
"label"     {"text", "label": 0…C-1}                              [B, C], of a head       cross-entropy
"choice"    {"text", "options": ["…", …], "label": 0…K-1}         [B, K], log P(o | text) cross-entropy
"reward"    {"text", "beside": {"rejected": {"text"}}}            [B, 1], r of a head     −log σ(r − r of the rejected)
            {"text", "score"}                                                             (r − score)² / 2

"label" and "reward" hang a head on the model (`lm.head`), which stays; "choice" needs a decoder and adds nothing to it:
the logits are log-probabilities of the options, summed over their tokens, so a label may be said in words (" good").

A method asks the same of any row of a batch: `read(model, batch)` of the batch's own rows, and of those that stand
beside them `read(model, under(batch, "pair"))`. All outputs have `logits`, `loss` (without a label None) and `features`
[B, d]: what the head reads, or the last hidden state of the text, from which options go on.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

from butfor.core.errors import UserError
from butfor.lm.choice import weighed
from butfor.lm.head import NAME, frozen, hang, has_head, keep, narrow, pooled
from butfor.lm.load import classes
from butfor.train.adapt import adapted
from butfor.train.batches import misfit
from butfor.train.naming import named

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm import LM
    from butfor.train.batches import Batches
    from butfor.train.loop import TrainSettings
    from butfor.train.method import Batch, Rows

Objective = Literal["text", "label", "choice", "reward"]
HEADS = ("label", "reward")  # objectives that hang a head on the model
REJECTED, SCORE = "rejected", "score"  # what stands beside a row that is preferred to it; what a row is worth
INPUTS = ("input_ids", "attention_mask", "labels")


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a model makes of a batch of rows with labels."""

    loss: Tensor | None
    logits: Tensor  # [B, C] or [B, K]; minus infinity where a row has fewer options
    features: Tensor  # [B, d]
    rejected: Outputs | None = None  # of "reward": of what stands beside the batch, where something does


def under(batch: Batch, name: str) -> dict[str, Any]:
    """The rows that stand beside those of the batch under this name, as a batch of their own."""
    prefix = f"{name}."
    found = {key.removeprefix(prefix): value for key, value in batch.items() if key.startswith(prefix)}
    if not found:
        raise UserError(f"no row has another beside it under {name!r}; look at the method's data hook")
    return found


def read(model: Any, batch: Batch) -> Any:
    """What the model makes of a batch, or of what `under` gives, by the objective that it is being trained for."""
    if "options" in batch:
        return _outputs(batch, *weighed(model, batch["input_ids"], batch["attention_mask"], batch["options"]))
    if hasattr(model, NAME):
        return _label(model, batch) if getattr(model, NAME)[1].out_features > 1 else _reward(model, batch)
    return model(**{name: batch[name] for name in INPUTS})


@contextmanager
def ready(lm: LM, planned: Batches, settings: TrainSettings, seed: int) -> Generator[None]:
    """The model as its training needs it: the head for its labels, additions or frozen weights."""
    with adapted(lm, settings.adapt, settings.rank, seed):
        if settings.objective in HEADS:
            needed = _classes(planned.rows) if settings.objective == "label" else 1
            if not has_head(lm):
                hang(lm, needed, settings.length, seed)
            elif settings.objective == "reward" and getattr(lm.model, NAME)[1].out_features > 1:
                raise UserError(
                    f"the head of {lm.name} tells classes; a reward needs a model without it, or a reward's"
                )
            keep(lm, needed, settings.length)
            if settings.adapt == "head":
                _keep_features(lm, planned, settings.length)
        yield


def _classes(rows: Rows) -> int:
    """How many classes the labels of the rows, and of those beside them, tell apart."""
    return 1 + max(one.get("label", 0) for row in rows for one in (row, *row.get("beside", {}).values()))


def outgrown(model: str, rows: Rows) -> str:
    """Why the head beside the model of this name, or a new one, cannot learn these rows; "" where it can."""
    known = classes(model)
    return _gap(rows) if known is None else narrow(model, known, _classes(rows))


def labelled(rows: Rows, objective: Objective) -> None:
    """Refuse rows that this objective cannot be trained on."""
    if objective == "text":
        return
    if objective == "reward":
        _worth(rows)
        return
    for place, row in enumerate(rows):
        label, options = row.get("label"), row.get("options")
        if isinstance(label, bool) or not isinstance(label, int) or label < 0:
            raise UserError(
                f"row {named(row, place)} has the label {label!r}; "
                f"train.objective = {objective!r} needs a whole number from 0 on, on every row"
            )
        if (objective == "choice" or options is not None) and (problem := misfit(label, options)):
            raise UserError(f"row {named(row, place)} {problem}")
        for name, other in _besides(row, place):
            label, options = other.get("label", 0), other.get("options")
            fits = isinstance(label, int) and not isinstance(label, bool) and label >= 0
            if not fits or (objective == "choice" and options is not None and misfit(label, options)):
                raise UserError(
                    f"row {named(row, place)}: {name!r} beside it has the label {label!r}; "
                    "give a whole number from 0 on, and options to match"
                )
    if objective == "label" and len(found := {row["label"] for row in rows}) < 2:
        raise UserError(f"all {len(rows)} rows have the label {min(found)}: there is nothing to tell apart")


def _gap(rows: Rows) -> str:
    """Which class below the highest no row has; "" where there is none."""
    found = {row["label"] for row in rows}
    found |= {other["label"] for row in rows for other in row.get("beside", {}).values() if "label" in other}
    missing = next((n for n in range(len(found)) if n not in found), None)
    if missing is None:
        return ""
    above = min(label for label in found if label > missing)
    row = next(
        named(row, place)
        for place, row in enumerate(rows)
        if above in (row["label"], *(other.get("label") for other in row.get("beside", {}).values()))
    )
    gap = str(missing) if above == missing + 1 else f"{missing} … {above - 1}"
    return (
        f"row {row} has the label {above}, and no row has {gap}; number the labels 0 … {len(found) - 1}, "
        "each on a row or more"
    )


def _besides(row: dict[str, Any], place: int) -> list[tuple[str, dict[str, Any]]]:
    """The rows that stand beside a row."""
    found = row.get("beside", {})
    if not isinstance(found, dict) or not all(isinstance(other, dict) for other in found.values()):
        raise UserError(
            f'row {named(row, place)}: what stands beside it is {found!r}, not rows: {{"pair": {{"text": "…"}}}}'
        )
    return list(found.items())


def _worth(rows: Rows) -> None:
    """Refuse rows of which no reward can be learnt: one-sided preferences, scores that are no numbers."""
    paired = any(REJECTED in row.get("beside", {}) for row in rows)
    for place, row in enumerate(rows):
        other, score = row.get("beside", {}).get(REJECTED), row.get(SCORE)
        if paired and (not isinstance(other, dict) or not other.get("text")):
            raise UserError(
                f"row {named(row, place)} is a one-sided preference; put the text that was not preferred beside it: "
                '{"text": "…", "beside": {"rejected": {"text": "…"}}}'
            )
        if paired and other["text"] == row["text"]:
            raise UserError(f"row {named(row, place)} prefers a text to itself; leave it out")
        if not paired and (isinstance(score, bool) or not isinstance(score, (int, float)) or not isfinite(score)):
            raise UserError(
                f"row {named(row, place)} has the score {score!r}; train.objective = 'reward' needs a number on "
                "every row, or beside every row the text that was not preferred, as 'rejected'"
            )


def _keep_features(lm: LM, planned: Batches, length: int) -> None:
    """What the frozen model makes of every text, so that each is read once."""
    import torch

    for batches in (planned, *planned.beside.values()):
        texts = batches.texts()
        rows = torch.from_numpy(frozen(lm, list(texts.values()), length))
        batches.features.update(zip(texts, rows, strict=True))


def _label(model: Any, batch: Batch) -> Outputs:
    seen = batch["features"] if "features" in batch else pooled(model, batch["input_ids"], batch["attention_mask"])
    return _outputs(batch, getattr(model, NAME)(seen), seen)


def _reward(model: Any, batch: Batch) -> Outputs:
    from torch.nn.functional import logsigmoid

    seen = batch["features"] if "features" in batch else pooled(model, batch["input_ids"], batch["attention_mask"])
    worth = getattr(model, NAME)(seen)  # [B, 1]
    if f"{REJECTED}.input_ids" in batch:
        other = _reward(model, under(batch, REJECTED))
        return Outputs(-logsigmoid(worth - other.logits).mean(), worth, seen, other)
    score = batch.get(SCORE)
    return Outputs(None if score is None else (worth[:, 0] - score).square().mean() / 2, worth, seen)


def _outputs(batch: Batch, logits: Tensor, seen: Tensor) -> Outputs:
    """What a model says of a batch, with the cross-entropy of its labels, where it has any."""
    from torch.nn.functional import cross_entropy

    label = batch.get("label")
    return Outputs(None if label is None else cross_entropy(logits, label), logits, seen)
