"""Causal Attention Tuning: in training, attention is drawn from what goes with an effect to what causes it.

Equation  A = mean of the attention over layers and heads; M[j, i] = 1 where token i tells of a cause of what token j
          tells. For each row j with both kinds among the tokens that it may look at:
              m1 = mean of A[j, i] over M = 1,  m0 = mean over M = 0;   where m1 / m0 < alpha:
              div = −log(1 + m1) / log(1 + m0)      nll = −m1 / (m1 + m0)      hinge = alpha − m1 / m0;   else 0
          L = L_next-token + g(t) · mean over such rows;  g falls from `strength` to 0 over the steps, or is constant.
Signals   the rows' own `links` (see `train/marks.py`), a `graph` over their named spans, or a language model, `marker`,
          that is asked about a few rows, or whose answer is weighed without each span (see `signals`).
Path      A number says nothing before it has found its name, and the loss above can be had by looking at names alone.
          With `path` attention is drawn in two steps. First half of the layers: each token of a named span to the
          span's earlier ones. Second half: the rows of an effect to the last token of each cause, which has read the
          others by then; each such token is an m1 of its own. A row's own span never counts as M = 0.
Source    Han et al. 2025 (CAT, EMNLP), whose alpha is 2 and who average all layers and heads. `path`, `layers`, `heads`
          and a marker that is weighed are ours. Written from the equation; a double loop in the tests agrees.
Cost      Only the rows that have a cause are computed again, from the queries and keys of the model's own fused
          attention. Off the model when training ends: what is saved is an ordinary model.
Limits    strength = 0 is standard training, bit for bit; so is a batch without links. A share of attention is no
          effect: a token may carry what it took from another one, unless `path` draws its attention too.
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

from butfor.core.errors import UserError
from butfor.lm.load import check
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
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    alpha: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0
    decay: Decay = "linear"
    path: bool = False
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
        try:
            if self.graph:
                parsed(self.graph)
            if self.marker and not self.endpoint:
                check(self.marker)
        except UserError as error:
            raise ValueError(str(error)) from None

    @property
    def idle(self) -> frozenset[str]:
        """At strength 0 nothing is watched."""
        return frozenset() if self.strength else frozenset({"attach", "loss"})

    def fits(self, rows: Rows) -> None:
        if self.graph:
            linked(rows, self.graph)
        elif not self.marker and not any(row.get("links") for row in rows):
            raise UserError("cat: no row says what causes what; give links in the corpus, a graph, or a marker")

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """The rows with links from a graph or a marker, or with their own."""
        if self.graph:
            return linked(rows, self.graph)
        if self.marker:
            return marked(rows, self.marker, self.endpoint, task=self.task, how=self.how, asked=self.asked, rng=rng)
        self.fits(rows)
        return rows

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        """Watch the attention of the rows that have a cause, while there is training."""
        if not self.strength:
            yield
            return
        count, heads = len(attention_layers(lm.model)), lm.model.config.get_text_config().num_attention_heads
        layers, heads = chosen("layers", self.layers, count), chosen("heads", self.heads, heads)
        watch = Watch(layers, heads, len(planned), self.path)
        with switched(lm.model, watch):
            yield

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The loss of the next token, and what attention strays from the causes."""
        import torch

        watch = next((each for each in held(model) if isinstance(each, Watch)), None)
        aims = watch.taken() if watch else []
        if watch is None or not aims:
            return outputs.loss
        gap = torch.stack([aim.strayed(self.form, self.alpha) for aim in aims]).sum()
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


def strayed(mean: Tensor, ones: Tensor, rest: Tensor, *, form: Form, alpha: float, each: bool = False) -> Tensor:
    """The loss, mean over rows with both kinds [] <- attention, causes, what else may be looked at [B, R, K].

    With `each` every cause is an m1, not their mean: the loss is the mean over causes.
    """
    import torch

    m0 = (mean * rest).sum(-1, keepdim=True) / rest.sum(-1, keepdim=True).clamp_min(1)  # [B, R, 1]
    m1 = mean if each else (mean * ones).sum(-1, keepdim=True) / ones.sum(-1, keepdim=True).clamp_min(1)
    both = (ones if each else ones.any(-1, keepdim=True)) & rest.any(-1, keepdim=True)
    short = both & (m1 < alpha * m0)
    m1, m0 = m1.where(short, 1.0), m0.where(short, 1.0)  # no infinite gradients where nothing is asked
    if form == "div":
        found = -torch.log1p(m1) / torch.log1p(m0)
    elif form == "nll":
        found = -m1 / (m1 + m0)
    else:
        found = alpha - m1 / m0
    return found.where(short, 0.0).sum() / both.sum().clamp_min(1)


@dataclass(slots=True)
class Aim:
    """Where some rows are to look, in some layers, and how they did: their attention, mean over layers and heads."""

    layers: tuple[int, ...]
    at: Tensor  # [B, R] the rows
    ones: Tensor  # [B, R, K] where they should look
    rest: Tensor  # [B, R, K] and where not
    each: bool = False
    seen: Tensor | None = None  # [B, 1, R, K] where they may look
    mean: Tensor | None = None  # [B, R, K]

    def add(self, call: Call, heads: tuple[int, ...]) -> None:
        """One more layer."""
        size, every, _, width = call.query.shape
        query = call.query.gather(2, self.at[:, None, :, None].expand(-1, every, -1, width))  # [B, H, R, d]
        if self.seen is None or call.mask is not None:
            may = call.allowed().expand(size, 1, -1, -1)
            self.seen = may.gather(2, self.at[:, None, :, None].expand(-1, 1, -1, may.shape[-1]))
        weights = call.weights(query, self.seen)
        mean = (weights if len(heads) == every else weights[:, list(heads)]).mean(1) / len(self.layers)
        self.mean = mean if self.mean is None else self.mean + mean

    def strayed(self, form: Form, alpha: float) -> Tensor:
        """The loss of these rows."""
        assert self.mean is not None and self.seen is not None
        seen = self.seen[:, 0]
        return strayed(self.mean, self.ones & seen, self.rest & seen, form=form, alpha=alpha, each=self.each)


class Watch(Variant):
    """Looks on while a batch is read, as far as the batch says where to look."""

    def __init__(self, layers: tuple[int, ...], heads: tuple[int, ...], steps: int, path: bool) -> None:
        self.layers, self.heads, self.steps, self.path = layers, heads, steps, path
        self._aims: list[Aim] = []

    def begin(self, model: Any, inputs: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Which rows of this batch are to look where."""
        batch = fed()
        self._aims = [] if batch is None else aims(batch, self.layers, path=self.path)

    def watch(self, call: Call) -> None:
        """Add this layer's attention of those rows."""
        for aim in self._aims:
            if call.layer in aim.layers:
                aim.add(call, self.heads)

    def taken(self) -> list[Aim]:
        """What was seen of the batch just read, once."""
        found, self._aims = self._aims, []
        return found


def aims(batch: Batch, layers: tuple[int, ...], *, path: bool) -> list[Aim]:
    """Where the rows of a batch should look: at causes or, on a path, first at what they belong to."""
    import torch

    links: Tensor | None = batch.get("links")
    if links is None:
        return []
    if not path:
        return _aim(batch, layers, links, ~links)
    spans: Tensor = batch.get("spans", torch.zeros_like(batch["input_ids"]))
    ours = (spans[:, :, None] == spans[:, None, :]) & (spans[:, :, None] > 0)
    goes_on = torch.zeros_like(links)  # a cause's token whose next one tells of the same cause
    goes_on[:, :, :-1] = links[:, :, 1:] & (spans[:, :-1] == spans[:, 1:])[:, None]
    half = len(layers) // 2
    first = _aim(batch, layers[:half], ours.tril(-1), ~ours) if half else []
    return [*first, *_aim(batch, layers[half:], links & ~goes_on, ~links & ~ours, each=True)]


def _aim(batch: Batch, layers: tuple[int, ...], ones: Tensor, rest: Tensor, *, each: bool = False) -> list[Aim]:
    """The rows that have a one [B, L, L], gathered [B, R, L]; none where there are no such rows."""
    import torch

    has = ones.any(-1) & (batch["attention_mask"] > 0)  # [B, L]
    most = int(has.sum(-1).max())
    if not most:
        return []
    at = has.to(torch.uint8).argsort(dim=-1, descending=True, stable=True)[:, :most]  # those that have one come first
    row = at[:, :, None].expand(-1, -1, ones.shape[-1])
    return [Aim(layers, at, ones.gather(1, row) & has.gather(1, at)[:, :, None], rest.gather(1, row), each)]
