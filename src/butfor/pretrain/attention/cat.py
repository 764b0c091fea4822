"""Causal Attention Tuning: while a model learns, its attention is drawn from what goes with an effect to what causes it.

Equation  A = mean of the attention over layers and heads; M[j, i] = 1 where token i tells of a cause of what token j
          tells. For each row j with both kinds among the tokens that it may look at:
              m1 = mean of A[j, i] over M = 1,  m0 = mean over M = 0;   where m1 / m0 < alpha:
              div = −log(1 + m1) / log(1 + m0)      nll = −m1 / (m1 + m0)      hinge = alpha − m1 / m0;   else 0
          L = L_next-token + g(t) · mean over such rows;  g falls from `strength` to 0 over the steps, or is constant.
Signals   the rows' own `links` (see `train/marks.py`), a `graph` over their named spans, or a language model, `marker`,
          that is asked about a few rows, or whose answer is weighed without each span (see `signals`).
Own       A number says nothing before it has found its name; the loss on the answer's row leaves that to chance, and
          over all layers it works against it. With `own` every named span is its own cause too: its tokens are drawn
          to each other, and the answer's to spans that are whole by then.
Source    Han et al. 2025 (CAT, EMNLP), whose alpha is 2 and who average all layers and heads. `own`, `layers`, `heads`
          and a marker that is weighed are ours. Written from the equation; a double loop in the tests agrees.
Cost      Only the rows that have a cause are computed again, from the queries and keys of the model's own fused
          attention. Off the model when training ends: what is saved is an ordinary model.
Limits    strength = 0 is standard training, bit for bit; so is a batch without links. A share of attention is no
          effect: a token may carry what it took from another one, unless `own` draws its attention too.
Example   [treatment]
          method = "pretrain.attention.cat"
          graph = "Smoking, Weight, Exercise -> Risk"
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, final

from pydantic import Field

from butfor.core.errors import GraphError, UserError
from butfor.pretrain.attention.signals import How, linked, marked, parsed
from butfor.pretrain.attention.switch import Call, Variant, attention_layers, held, switched
from butfor.train.method import Batch, Method, Rows, fed

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

Form = Literal["div", "nll", "hinge"]
Decay = Literal["linear", "cosine", "constant"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CausalAttentionTuning(Method):
    """Draw attention to the causes of what is said."""

    form: Form = "nll"
    strength: Annotated[float, Field(ge=0)] = 1.0
    alpha: Annotated[float, Field(gt=0)] = 2.0
    decay: Decay = "linear"
    own: bool = False
    layers: tuple[int, ...] = ()  # which are averaged, from 0, or from -1 backwards; none given = all
    heads: tuple[int, ...] = ()
    graph: str = ""
    marker: str = ""
    endpoint: str = ""  # the address that the marker is behind, if it is
    task: str = ""  # what the marker is told of the texts
    how: How = "ask"
    asked: Annotated[int, Field(ge=1)] = 8  # rows that the marker reads, where their spans have names

    def __post_init__(self) -> None:
        if self.graph and self.marker:
            raise ValueError("signals come from a graph or from a marker; leave one of the two out")
        if (self.endpoint or self.task) and not self.marker:
            raise ValueError("endpoint and task are for a marker; give marker = the model's name")
        if self.graph:
            try:
                parsed(self.graph)
            except GraphError as error:
                raise ValueError(str(error)) from None

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """The rows with links from a graph or a marker, or with their own."""
        if self.graph:
            return linked(rows, self.graph)
        if self.marker:
            return marked(rows, self.marker, self.endpoint, task=self.task, how=self.how, asked=self.asked, rng=rng)
        if not any(row.get("links") for row in rows):
            raise UserError("cat: no row says what causes what; give links in the corpus, a graph, or a marker")
        return rows

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        """Watch the attention of the rows that have a cause, while there is training."""
        if not self.strength:
            yield
            return
        count, heads = len(attention_layers(lm.model)), lm.model.config.get_text_config().num_attention_heads
        watch = Watch(chosen("layers", self.layers, count), chosen("heads", self.heads, heads), len(planned), self.own)
        with switched(lm.model, watch):
            yield

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The loss of the next token, and what attention strays from the causes."""
        watch = next((each for each in held(model) if isinstance(each, Watch)), None)
        seen = watch.taken() if watch else None
        if watch is None or seen is None:
            return outputs.loss
        gap = strayed(*seen, form=self.form, alpha=self.alpha)
        return outputs.loss + self.strength * share(batch["step"], watch.steps, self.decay) * gap


def chosen(what: str, wanted: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Places among `count`, all where none is wanted."""
    for place in wanted:
        if not -count <= place < count:
            raise UserError(f"cat: {what} are {-count} to {count - 1} on this model, not {place}")
    return tuple(sorted({place % count for place in wanted})) if wanted else tuple(range(count))


def share(step: Tensor, steps: int, decay: Decay) -> Tensor:
    """How much of the strength is left at a step, counted from 0: 1 at the first, nearly 0 at the last."""
    import torch

    done = step.to(torch.float32) / steps
    if decay == "linear":
        return 1 - done
    return (1 + torch.cos(torch.pi * done)) / 2 if decay == "cosine" else torch.ones_like(done)


def strayed(mean: Tensor, cause: Tensor, seen: Tensor, *, form: Form, alpha: float) -> Tensor:
    """The loss, mean over rows with both kinds [] <- attention, causes, what may be looked at [B, R, K]."""
    import torch

    ones, rest = cause & seen, ~cause & seen
    both = ones.any(-1) & rest.any(-1)  # [B, R]
    m1 = (mean * ones).sum(-1) / ones.sum(-1).clamp_min(1)
    m0 = (mean * rest).sum(-1) / rest.sum(-1).clamp_min(1)
    short = both & (m1 < alpha * m0)
    m1, m0 = m1.where(short, torch.ones_like(m1)), m0.where(short, torch.ones_like(m0))  # no infinite gradients
    if form == "div":
        each = -torch.log1p(m1) / torch.log1p(m0)
    elif form == "nll":
        each = -m1 / (m1 + m0)
    else:
        each = alpha - m1 / m0
    return each.where(short, torch.zeros_like(each)).sum() / both.sum().clamp_min(1)


class Watch(Variant):
    """Keeps how the rows with a cause attend: the mean over the chosen layers and heads."""

    def __init__(self, layers: tuple[int, ...], heads: tuple[int, ...], steps: int, own: bool) -> None:
        self.layers, self.heads, self.steps, self.own = frozenset(layers), heads, steps, own
        self._marked: tuple[Tensor, Tensor] | None = None
        self._seen: Tensor | None = None
        self._mean: Tensor | None = None

    def begin(self, model: Any, inputs: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Which rows of this batch have a cause, and which tokens tell of it."""
        batch = fed()
        self._seen = self._mean = None
        self._marked = rows_of(batch, own=self.own) if batch is not None else None

    def watch(self, call: Call) -> None:
        """Add this layer's attention of those rows."""
        if self._marked is None or call.layer not in self.layers:
            return
        at, _ = self._marked
        size, heads, _, width = call.query.shape
        query = call.query.gather(2, at[:, None, :, None].expand(-1, heads, -1, width))  # [B, H, R, d]
        if self._seen is None or call.mask is not None:
            may = call.allowed().expand(size, 1, -1, -1)
            self._seen = may.gather(2, at[:, None, :, None].expand(-1, 1, -1, may.shape[-1]))  # [B, 1, R, K]
        weights = call.weights(query, self._seen)
        if len(self.heads) < heads:
            weights = weights[:, list(self.heads)]
        mean = weights.mean(1) / len(self.layers)  # [B, R, K]
        self._mean = mean if self._mean is None else self._mean + mean

    def taken(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Mean attention, causes and what may be looked at of the batch just read, once; None where it has no links."""
        mean, seen, marked = self._mean, self._seen, self._marked
        self._mean = self._seen = self._marked = None
        return None if mean is None or seen is None or marked is None else (mean, marked[1], seen[:, 0])


def rows_of(batch: Batch, *, own: bool) -> tuple[Tensor, Tensor] | None:
    """The rows of a batch that have a cause, padded by their first [B, R], and their causes [B, R, K]."""
    import torch

    links: Tensor | None = batch.get("links")
    if own and "spans" in batch:
        spans: Tensor = batch["spans"]
        same = (spans[:, :, None] == spans[:, None, :]) & (spans[:, :, None] > 0)
        links = same if links is None else links | same
    if links is None:
        return None
    has = links.any(-1) & (batch["attention_mask"] > 0)  # [B, L]
    most = int(has.sum(-1).max())
    if not most:
        return None
    at = has.to(torch.uint8).argsort(dim=-1, descending=True, stable=True)[:, :most]  # those that have one come first
    cause = links.gather(1, at[:, :, None].expand(-1, -1, links.shape[-1]))
    return at, cause & has.gather(1, at)[:, :, None]
