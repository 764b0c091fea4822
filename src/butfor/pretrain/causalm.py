"""CausaLM: a representation that has forgotten one concept and kept another, to ask what the concept caused.

Equation  L = L_text + control · CE(c_k(h), controlled) + CE(c_t(R(h)), treated)
          h = mean of the last hidden states over a text's tokens; c = linear heads, attached while training;
          R = gradient reversal: R(h) = h, dR/dh = -strength: the head learns to read the treated concept at any
          strength, the model to hide it
          L_text: the next token for decoders, hidden words for encoders.
Effect    TReATE = mean over texts of ‖f(h_O(x)) - f(h_CF(x))‖₁, O = the model as it was, CF = as trained here; f = a
          classifier of the question's label, fitted on each representation by itself: `treate`. The same between O and
          a model trained as long without the adversary is its placebo: the L1 distance is never below zero.
Source    Feder et al. 2021, "CausaLM: causal model explanation through counterfactual language models". There BERT, a
          learning rate of 3e-5, and a reversal of 1.
Labels    `treated`, `controlled`: "gender" (by words, `data/labels.py`), or a column of whole numbers of the corpus;
          rows without a label teach the heads nothing.
Limits    strength = 0 and controlled = "" is standard training, bit for bit. An adversary that reads nothing is no
          proof that the concept is gone (Elazar & Goldberg 2018): on the planted texts of the tests its own head is at
          chance while a fresh linear probe reads every text right; large strengths drive the classes apart instead.
          Measure with `concept.probe`. What goes with the treated concept goes too, unless it is controlled.
Example   [treatment]
          method = "pretrain.causalm"
          treated = "gender"
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, final

from pydantic import Field

from butfor.core.errors import UserError
from butfor.data.labels import NONE, labels
from butfor.train.method import Batch, Method, Rows

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.stats import Effect
    from butfor.train.batches import Batches

HEADS = "butfor_causalm_heads"
TREATED, CONTROLLED = "causalm_treated", "causalm_controlled"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CausaLM(Method):
    """Make a representation forget the treated concept and keep the controlled one."""

    treated: str = "gender"
    controlled: str = ""
    strength: Annotated[float, Field(ge=0)] = 1.0
    control: Annotated[float, Field(ge=0)] = 1.0

    def __post_init__(self) -> None:
        if self.treated == self.controlled:
            raise ValueError(f"treated and controlled are both {self.treated!r}; a concept is forgotten or kept")

    @property
    def _weights(self) -> dict[str, float]:
        """The columns of labels in use, and how much each counts; the treated one counts against the model."""
        weights = {TREATED: -self.strength, CONTROLLED: self.control if self.controlled else 0.0}
        return {name: weight for name, weight in weights.items() if weight}

    def fits(self, rows: Rows) -> None:
        self._labels(rows)

    def _labels(self, rows: Rows) -> dict[str, list[int]]:
        concepts = {TREATED: self.treated, CONTROLLED: self.controlled}
        return {name: labels(rows, concepts[name]) for name in self._weights}

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: ARG002
        """The rows with their labels as numbers."""
        columns = self._labels(rows)
        return [{**row, **{name: found[n] for name, found in columns.items()}} for n, row in enumerate(rows)]

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:
        """Hang a head for each concept on the model, and a hook that keeps the last hidden states."""
        import torch

        if not self._weights:
            yield
            return
        draw = torch.Generator().manual_seed(int(rng.integers(2**63)))
        heads = torch.nn.ModuleDict()
        for name in self._weights:
            head = torch.nn.Linear(lm.dim, 1 + max(row[name] for row in planned.rows))
            with torch.no_grad():
                head.weight.normal_(0.0, 0.02, generator=draw)
                head.bias.zero_()
            heads[name] = head.to(lm.device, lm.embedding.dtype)

        def keep(module: Any, inputs: Any, output: Any) -> None:  # noqa: ARG001
            heads.states = output[0]

        setattr(lm.model, HEADS, heads)
        hook = lm.model.base_model.register_forward_hook(keep)
        try:
            yield
        finally:
            hook.remove()
            delattr(lm.model, HEADS)

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        if not self._weights:
            return outputs.loss
        heads: Any = getattr(model, HEADS)
        states, heads.states = heads.states, None
        loss, pooled = outputs.loss, mean_over_tokens(states, batch["attention_mask"])  # [B, d]
        for name, weight in self._weights.items():
            loss = loss + concept_loss(heads[name], pooled, batch[name], weight)
        return loss


def mean_over_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """[B, d] <- [B, L, d], [B, L]."""
    weights = mask[..., None].to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)


def concept_loss(head: Any, pooled: Tensor, label: Tensor, weight: float) -> Tensor:
    """The head's cross-entropy on labelled rows. Below zero, `weight` is the strength of a gradient reversal."""
    from torch.nn.functional import cross_entropy

    known = label != NONE
    if not known.any():
        return pooled.new_zeros(())
    read = pooled[known] if weight > 0 else reversed_gradient(pooled[known], -weight)
    found = cross_entropy(head(read).float(), label[known])
    return weight * found if weight > 0 else found


def reversed_gradient(x: Tensor, strength: float) -> Tensor:
    """x itself, whose gradient comes back as -strength times what it was."""
    return x.detach() - strength * (x - x.detach())


def treate(
    original: LM,
    counterfactual: LM,
    learn: tuple[Sequence[str], Sequence[int]],
    texts: Sequence[str],
    *,
    level: float = 0.95,
) -> Effect:
    """How far the predicted probabilities move, text by text, when the representation forgets: mean L1 distance.

    `learn`: texts and labels on which the classifier is fitted, once on each representation; none may be in `texts`.
    """
    import numpy as np

    from butfor.lm.pooling import features
    from butfor.stats import mean
    from butfor.stats.nullspace import softmax_fit

    seen, targets = list(learn[0]), np.asarray(learn[1], dtype=np.int64)
    if shared := set(seen) & set(texts):
        raise UserError(f"{len(shared)} texts are both learnt from and asked about: {next(iter(shared))[:60]!r}")
    if len(seen) != len(targets) or len(set(targets.tolist())) < 2 or targets.min(initial=0) < 0:
        raise UserError("learn = (texts, labels): as many labels as texts, whole numbers from 0 on, two or more kinds")
    told: list[Any] = []
    for world in (original, counterfactual):
        weights, offsets = softmax_fit(features(world, seen).astype(np.float64), targets, int(targets.max()) + 1)
        scores = features(world, texts) @ weights.T + offsets  # [n, classes]
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        told.append(raised / raised.sum(axis=1, keepdims=True))
    return mean(np.abs(told[0] - told[1]).sum(axis=1), level=level)
