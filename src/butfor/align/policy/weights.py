"""How much likelier a policy gives a logged answer than the log did: importance weights, and whether they carry.

Equation  w = π(y | x) / p: p the row's column `propensity` ("logged"), or what the model said before it was trained
          ("before"). Where the rows list their answers (`answers.listed`), both are among these.
Watched   When training ends, the weights of WATCHED answers are judged as those of a log are (`align.ope.overlap`), and
          what was found is noted: the effective sample size (Σ w)² / Σ w², and what is wrong with them.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from butfor.align.ope.overlap import of_weights
from butfor.align.policy.answers import PROPENSITY, REPLY, among, listed_in
from butfor.train.method import Batch
from butfor.train.policy import answered, before, part, remembered
from butfor.train.task import REJECTED

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm import LM
    from butfor.train.batches import Batches

Source = Literal["logged", "before"]
WATCHED = 1000


def names(batch: Batch) -> tuple[str, ...]:
    """The sides of the batch that hold answers of the log."""
    return ("", REJECTED) if f"{REJECTED}.input_ids" in batch else ("",)


def given(batch: Batch, told: Tensor, name: str) -> Tensor:
    """What is said of the answer that was given, of the listed ones. [B] <- [B, K]"""
    return told.gather(1, part(batch, name)[REPLY][:, None])[:, 0]


def said(model: Any, batch: Batch) -> list[Tensor]:
    """log π of the answers of the log, side by side [B]: each alone, or among the listed ones."""
    if listed_in(batch):
        told = among(model, batch)
        return [given(batch, told, name) for name in names(batch)]
    return [answered(model, part(batch, name)) for name in names(batch)]


def known(lm: LM, planned: Batches, source: Source) -> AbstractContextManager[None]:
    """While this holds, `chosen` knows by what the answers of the log were chosen."""
    if source == "logged":
        return nullcontext()
    if listed_in(planned[0]):
        return remembered(lm, planned, ("",), among)
    return remembered(lm, planned, names(planned[0]))


def chosen(model: Any, batch: Batch, source: Source) -> list[Tensor]:
    """log p of the answers of the log, side by side [B]."""
    if source == "logged":
        return [part(batch, name)[PROPENSITY].log() for name in names(batch)]
    if listed_in(batch):
        return [given(batch, before(model, batch), name) for name in names(batch)]
    return [before(model, batch, name) for name in names(batch)]


@contextmanager
def watched(lm: LM, planned: Batches, source: Source) -> Generator[None]:
    """When this ends, what the weights have become is noted."""
    import torch

    yield
    was_training = lm.model.training
    lm.model.eval()
    found: list[Tensor] = []
    with torch.inference_mode():
        for step in range(len(planned)):
            batch = {name: value.to(lm.device) for name, value in planned[step].items()}
            both = zip(said(lm.model, batch), chosen(lm.model, batch, source), strict=True)
            found += [(policy - log).double().cpu() for policy, log in both]
            if sum(map(len, found)) >= WATCHED:
                break
    lm.model.train(was_training)
    ratios = torch.cat(found)
    if not listed_in(
        planned[0]
    ):  # the log holds few of all texts: the mean weight says nothing, and might be no number
        ratios = ratios - ratios.logsumexp(0) + math.log(len(ratios))
    lm.notes.append(_note(ratios.exp().numpy()))


def _note(weights: Any) -> str:
    judged = of_weights(weights)
    share = judged.effective / judged.rows
    text = f"weights: {judged.effective:.0f} of {judged.rows} logged answers are effective ({share:.0%})"
    return text if judged.verdict == "trust" else f"{text}; {judged.verdict}: {judged.why}"
