"""A classifier as the judge of counterfactuals: how likely it holds each value, and which words that hangs on.

Idea      A model with a head, or a decoder that weighs options after a text, is a classifier f. Saliency of a word for
          the value y is the length of the gradient there: max over its tokens of |d log f_y / d embedding|_1.
Source    Simonyan et al. 2014 (gradients as saliency); the L1 norm as in MiCE (Ross et al. 2021).
Limits    A gradient is local: a word whose effect is saturated gets little. Words beyond the first `length` tokens,
          which the classifier does not read, get none.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from butfor.core.errors import UnknownName, UserError
from butfor.data.swaps import WORD
from butfor.lm.choice import padded, weighed
from butfor.lm.head import NAME, has_head, judged, pooled
from butfor.lm.rope import settle
from butfor.lm.tokens import encode
from butfor.lm.world import LM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class Judge(Protocol):
    """What says which value a text has."""

    @property
    def values(self) -> tuple[str, ...]:
        """The values that it tells apart."""
        ...

    def identity(self) -> Any:
        """What decides its answers, as JSON."""
        ...

    def likely(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Probabilities of the values [n, C]."""
        ...

    def saliency(self, text: str, value: int) -> list[float]:
        """How much the probability of a value hangs on each word of the text (a run of letters or digits), ≥ 0."""
        ...


@dataclass(frozen=True, slots=True)
class Classifier:
    """A language model as a judge: by its head, or by how likely `options` are after a text, in the order of values."""

    lm: LM
    values: tuple[str, ...]
    options: tuple[str, ...] = ()
    length: int = 256

    def __post_init__(self) -> None:
        if self.options and len(self.options) != len(self.values):
            raise UserError(f"{len(self.values)} values and {len(self.options)} options: give each value one")
        if not has_head(self.lm) and not self.options:
            raise UserError(f"{self.lm.name} has no head: give options, or train it with train.objective = 'label'")

    def identity(self) -> Any:
        return [self.lm.fingerprint(), self.lm.tokenizer_fingerprint(), self.values, self.options, self.length]

    def likely(self, texts: Sequence[str]) -> NDArray[np.float64]:
        from scipy.special import softmax

        found: NDArray[np.float64] = softmax(judged(self.lm, texts, self.options or self.values, self.length), axis=1)
        return found

    def saliency(self, text: str, value: int) -> list[float]:
        encoded = self.lm.tokenizer(text, return_offsets_mapping=True, verbose=False)
        ids, offsets = encoded["input_ids"][: self.length], encoded["offset_mapping"][: self.length]
        weights = self._weights(ids, value)
        return [
            max(
                (weights[at] for at, (start, stop) in enumerate(offsets) if start < word.end() and word.start() < stop),
                default=0.0,
            )
            for word in WORD.finditer(text)
        ]

    def _weights(self, ids: list[int], value: int) -> list[float]:
        """The L1 length of the gradient at each token."""
        import torch

        model: Any = self.lm.model
        training = model.training
        model.eval()
        settle(model)
        try:
            with torch.enable_grad(), _embeddings(model) as seen:
                scores = self._by_head(ids) if has_head(self.lm) else self._by_options(ids)  # [C]
                (slope,) = torch.autograd.grad(scores.log_softmax(-1)[value], seen[0])  # [rows, L, d]
        finally:
            model.train(training)
        return slope[:, : len(ids)].sum(0).abs().sum(-1).tolist()

    def _by_head(self, ids: list[int]) -> Tensor:
        import torch

        row = torch.tensor([ids], device=self.lm.device)
        head: Any = getattr(self.lm.model, NAME)
        return head(pooled(self.lm.model, row, torch.ones_like(row)))[0]

    def _by_options(self, ids: list[int]) -> Tensor:
        import torch

        row = torch.tensor([ids], dtype=torch.long, device=self.lm.device)
        options = padded([encode(self.lm, self.options)]).to(row)
        return weighed(self.lm.model, row, torch.ones_like(row), options)[0][0]


def place(judge: Judge, value: str) -> int:
    """The number of a value; an unknown one is named."""
    if value not in judge.values:
        raise UnknownName("value", value, judge.values)
    return judge.values.index(value)


@contextmanager
def _embeddings(model: Any) -> Generator[list[Tensor]]:
    """The embedded tokens of the next pass, cut off from the weights and open to gradients."""
    seen: list[Tensor] = []

    def keep(_: Any, __: Any, output: Tensor) -> Tensor:
        seen.append(output.detach().requires_grad_(True))
        return seen[-1]

    handle = model.get_input_embeddings().register_forward_hook(keep)
    try:
        yield seen
    finally:
        handle.remove()
