"""Expected gradients: the attribution of marked words, averaged over references, is made small while a model learns.

Equation  phi_t = mean over references x' and alpha ~ U(0, 1) of  (x_t − x'_t) · d f(x' + alpha (x − x')) / d x_t,
          x the embeddings of a text's tokens, x' those of another text of the batch, place by place (padding where it
          is shorter);  f = logit of the right answer − mean logit of the others (`marked`).
          L = L_task + strength · mean over texts with marked words of the sum of |phi_t| over these.
Source    Erion et al. 2021 (attribution priors); the path from x' to x is that of integrated gradients
          (Sundararajan et al. 2017). One draw of (x', alpha) a step, as there, unless `samples` is raised.
Example   [treatment]
          method = "finetune.explain.expected_gradients"
          words = ["he", "she"]
          strength = 1.0
Known     f linear in the embeddings, f = sum_t w · x_t: phi_t = w · (x_t − x'_t), whatever alpha.  The sum of phi over
          all tokens is f(x) − f(x') in the mean over alpha.
Limits    strength = 0 is plain fine-tuning, bit for bit. A batch of one row has no reference and no penalty. An
          attribution is no effect: a word's share may be zero along the path while another word carries it. Costs a
          second forward and a double backward pass; dropout is off in both. A word that always stands at one place
          with one form is best marked in all its forms: where x' has the same word, there is no attribution.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from pydantic import Field

from butfor.core.seeds import derive
from butfor.finetune.explain.marked import Answers, Marked, answers, explaining
from butfor.train.method import Batch, Rows
from butfor.train.task import INPUTS, read

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.train.loop import TrainSettings


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedGradients(Marked):
    """Penalise the attribution of words that the answer must not rest on."""

    objectives: ClassVar[tuple[str, ...]] = ("text", "label", "choice")
    samples: Annotated[int, Field(ge=1)] = 1  # references for each step, whose attributions are averaged

    def suits(self, settings: TrainSettings, rows: Rows, model: str) -> str:  # noqa: ARG002
        if self.strength and settings.batch_size == 1:
            return "expected gradients compare a row with another one of its batch: set train.batch_size to 2 or more"
        return ""

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The loss and the penalty."""
        import torch

        if not self.strength or "spans" not in batch or len(batch["input_ids"]) < 2:
            return outputs.loss
        draw = torch.Generator().manual_seed(derive(int(batch["step"]), *batch["row"].tolist()) % 2**63)
        each = torch.stack([attributions(model, batch, *_drawn(batch, draw)) for _ in range(self.samples)]).mean(0)
        marked = batch["spans"] > 0
        return outputs.loss + self.strength * (each.abs() * marked).sum() / marked.any(1).sum()


def attributions(model: Any, batch: Batch, shift: int, alpha: Tensor) -> Tensor:
    """phi [B, L] of every token, against the row `shift` places on, at `alpha` [B] of the way from there."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    other = batch["input_ids"].roll(shift, 0)
    inputs = {name: batch[name] for name in (*INPUTS, "options") if name in batch}
    with explaining(model), _mixed(model, other, batch["attention_mask"], alpha) as kept, sdpa_kernel(SDPBackend.MATH):
        found = answers(read(model, inputs).logits, batch)
    (gradient,) = torch.autograd.grad(_right(found).sum(), kept["mixed"], create_graph=True)
    size, width = other.shape
    return (kept["step"] * gradient).sum(-1).reshape(size, -1, gradient.shape[1]).sum(1)[:, :width]


def _drawn(batch: Batch, draw: Any) -> tuple[int, Tensor]:
    """Which other row is the reference, and how far from it each row is looked at."""
    import torch

    size = len(batch["input_ids"])
    shift = int(torch.randint(1, size, (), generator=draw))
    return shift, torch.rand(size, generator=draw).to(batch["input_ids"].device)


def _right(found: Answers) -> Tensor:
    """The logit of the right answer less the mean of the others, [N]; answers that a row lacks do not count."""
    import torch

    there = torch.isfinite(found.logits)
    logits = found.logits.masked_fill(~there, 0.0)
    right = logits.gather(1, found.right[:, None])[:, 0]
    return right - (logits.sum(1) - right) / (there.sum(1) - 1).clamp_min(1)


@contextmanager
def _mixed(model: Any, other: Tensor, mask: Tensor, alpha: Tensor) -> Generator[dict[str, Tensor]]:
    """While it is read, a text is mixed with the other [B, L]; gives the mixture and its way from the reference."""
    import torch

    kept: dict[str, Tensor] = {}
    embedding = model.get_input_embeddings()
    reference = embedding.forward(other)  # without the hook

    def mix(_: Any, __: Any, whole: Tensor) -> Tensor:
        times = len(whole) // len(other)  # a text stands once for each of its options
        aim, share = (part.repeat_interleave(times, 0) for part in (reference, alpha))
        text = mask.repeat_interleave(times, 0)[:, :, None].to(whole.dtype)
        room = whole.shape[1] - text.shape[1]
        aim, text = (torch.nn.functional.pad(part, (0, 0, 0, room)) for part in (aim, text))
        if not whole.requires_grad:  # embeddings that are not trained
            whole.requires_grad_()
        kept["step"] = (whole - aim) * text
        kept["mixed"] = whole - (1 - share)[:, None, None].to(whole.dtype) * kept["step"]
        return kept["mixed"]

    handle = embedding.register_forward_hook(mix)
    try:
        yield kept
    finally:
        handle.remove()
