"""CATT: attention that looks at its own text and at a dictionary of the training set, for what may confound them.

Idea      A hidden confounder opens a back door X ← U → Y. The front door goes round it: sum over the mediator z (what
          attention picks from the own text) and over what other samples look like (x', from a dictionary), and fuse.
Equation  P(Y | do X) ≈ softmax g(ẑ, x̂): the sums over z and x' are moved inside (normalised weighted geometric mean).
          in-sample     ẑ_t = Σ_j softmax_j(q_t·k_j / √d) v_j, j ≤ t: the model's own attention, untouched
          cross-sample  x̂_t = Σ_n softmax_n(q'_t·k'_n / √d + log π_n) v'_n,  n = 1 … `entries`
                        q' = W_q r(h_t), k' = W_k m_n, v' = W_v m_n;  h_t: what the layer's attention reads,
                        r(h) = h / rms(h)
          output        W_o (ẑ_t + strength · x̂_t), W_o the model's own output projection: with W_v it is the fused
                        layer FC[ẑ; x̂] of the paper.
Start     W_v = 0, so the first step is the standard model's, bit for bit; W_q = W_k random, so a token begins by
          looking at the entries that it resembles. All are trained by the loop's optimiser, the dictionary m too.
Entries   "kmeans": centres of the r(h) of `sample` training tokens, read by the model as it is before training, layer
          by layer; π_n is the share of tokens at centre n, so the attention is that over all tokens, each moved to its
          centre. "random": normal, π even. `shared`: one dictionary and one set of projections for all layers, its
          centres those of all layers' features.
Source    Yang et al. 2021, "Causal Attention for Vision-Language Tasks" (CVPR), and its released code, which starts
          from random entries. Ours look up by token; the paper's by image region and word.
Causal    The dictionary is a parameter: when a text is read it holds nothing of this text, and x̂_t depends on h_t
          alone, so nothing before t changes with token t. In training it has seen the texts, as all weights have.
Limits    strength = 0 attaches nothing: standard training bit for bit. A dictionary of one entry is a bias. The
          front door needs P(x') not to depend on x; attention lets it, as published. So no effect is identified by
          this: it is more room for the model, and whether it helps out of distribution is a question to measure.
          The finished model keeps its dictionary and is scored in memory, not saved.

Example   [treatment]
          method = "pretrain.attention.catt"
          entries = 64
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, final

import numpy as np
from pydantic import Field

from butfor.core.errors import UserError
from butfor.pretrain.attention.switch import Backend, Call, Variant, attention_layers, install, remove
from butfor.train.method import Method

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import Module, ParameterDict

    from butfor.lm import LM
    from butfor.train.batches import Batches

PARTS = "catt"  # the attribute of an attention module that holds the parameters
ROUNDS = 20  # of k-means
TINY = 1e-6


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CATT(Method):
    """In-sample and cross-sample attention: each layer also looks at a dictionary of the training set."""

    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    entries: Annotated[int, Field(ge=1)] = 64
    dictionary: Literal["kmeans", "random"] = "kmeans"
    shared: bool = False
    sample: Annotated[int, Field(ge=1)] = 2048  # tokens whose features are clustered
    backend: Backend = "sdpa"

    def __post_init__(self) -> None:
        if self.dictionary == "kmeans" and self.sample < self.entries:
            raise ValueError(f"sample ({self.sample}) should be at least as many as entries ({self.entries})")

    @property
    def idle(self) -> frozenset[str]:
        return frozenset() if self.strength else frozenset({"attach"})

    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> AbstractContextManager[None]:
        return self._attached(lm, planned, rng) if self.strength else nullcontext()

    @contextmanager
    def _attached(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:
        """Hang dictionaries on the layers; they stay where training ends well."""
        layers = attention_layers(lm.model)
        seen = features(lm, planned, rng, self.sample if self.dictionary == "kmeans" else 1)
        if self.shared and len({(one.x.shape[1], one.heads, one.width) for one in seen}) > 1:
            raise UserError(
                "the layers of this model differ in width, so they cannot share a dictionary; set shared = false"
            )
        if self.shared:
            seen = [Seen(np.concatenate([one.x for one in seen]), seen[0].heads, seen[0].width)]
        parts = [self._parts(one, rng).to(lm.device, lm.embedding.dtype) for one in seen]
        parts = parts * len(layers) if self.shared else parts
        variants = [CrossSample(self.strength, part, self.backend) for part in parts]
        with ExitStack() as stack:
            install(lm.model, variants)
            stack.callback(remove, lm.model)
            for layer, part, variant in zip(layers, parts, variants, strict=True):
                layer.add_module(PARTS, part)
                stack.callback(delattr, layer, PARTS)
                stack.callback(layer.register_forward_pre_hook(variant.read, with_kwargs=True).remove)
            yield
            stack.pop_all()
        lm.notes.append(
            f"catt: {len(layers)} layers look at {'a shared dictionary' if self.shared else 'a dictionary each'} "
            f"of {self.entries} entries ({self.dictionary})"
        )

    def _parts(self, seen: Seen, rng: np.random.Generator) -> ParameterDict:
        """The parameters of one layer: dictionary [N, D], projections [H · d, D]; the log-shares π [N] beside them."""
        import torch

        width, rows = seen.x.shape[1], seen.heads * seen.width
        if self.dictionary == "kmeans":
            centres, shares = kmeans(seen.x, self.entries, rng)
        else:
            centres, shares = rng.normal(size=(self.entries, width)), np.full(self.entries, 1 / self.entries)
        look = rng.normal(size=(rows, width)) / width**0.5
        made = {"dictionary": centres / width**0.5, "query": look, "key": look, "value": np.zeros((rows, width))}
        parts = torch.nn.ParameterDict(
            {name: torch.nn.Parameter(torch.tensor(value, dtype=torch.float32)) for name, value in made.items()}
        )
        parts.register_buffer("prior", torch.tensor(np.log(shares), dtype=torch.float32))
        return parts


@dataclass(slots=True)
class CrossSample(Variant):
    """What one layer adds: its look at the dictionary."""

    strength: float
    parts: ParameterDict
    backend: Backend = "sdpa"
    hidden: Tensor | None = None  # [B, T, D], from `read` to `output`

    def read(self, _: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A hook: remember what the layer's attention is about to read."""
        self.hidden = args[0] if args else kwargs["hidden_states"]

    def output(self, call: Call, out: Tensor) -> Tensor:  # noqa: ARG002
        hidden, self.hidden = self.hidden, None
        if hidden is None:  # somebody took all hooks off the model, to try what it is without them
            return out
        return out + self.strength * cross(self.parts, hidden, out.shape[2])


def cross(parts: Any, hidden: Tensor, heads: int) -> Tensor:
    """x̂ [B, T, H, d]: what each position of `hidden` [B, T, D] finds in the dictionary."""
    import torch

    size, width = parts["dictionary"].shape
    entries = parts["dictionary"] * width**0.5  # [N, D], kept at length 1 so that no weight outgrows the model's
    query = (root_mean(hidden) @ parts["query"].T).unflatten(-1, (heads, -1))  # [B, T, H, d]
    key = (entries @ parts["key"].T).view(size, heads, -1)  # [N, H, d]
    value = (entries @ parts["value"].T).view(size, heads, -1)
    scores = torch.einsum("bthd,nhd->bthn", query, key) * query.shape[-1] ** -0.5
    weights = (at_least_float32(scores) + parts.prior).softmax(-1).to(value.dtype)
    return torch.einsum("bthn,nhd->bthd", weights, value)


def root_mean(x: Tensor) -> Tensor:
    """Each vector at a mean square of 1, as layers of different scale should meet the same dictionary."""
    return x * (at_least_float32(x).square().mean(-1, keepdim=True) + TINY).rsqrt().to(x.dtype)


def at_least_float32(x: Tensor) -> Tensor:
    """A half-precision tensor in float32; any other as it is."""
    return x.float() if x.dtype.itemsize < 4 else x


@dataclass(frozen=True, slots=True)
class Seen:
    """Features that a layer's attention reads [S, D], and the shape of what it gives."""

    x: NDArray[np.float64]
    heads: int
    width: int  # of a head


def features(lm: LM, planned: Batches, rng: np.random.Generator, count: int) -> list[Seen]:
    """Of `count` training tokens, layer by layer; which tokens, `rng` decides. Fewer where training reads fewer."""
    import torch

    from butfor.lm.forward import scoring_mode

    shapes: dict[int, tuple[int, int]] = {}
    found: dict[int, list[Tensor]] = {}
    keep = torch.zeros(0, dtype=torch.bool)
    with ExitStack() as stack:
        stack.enter_context(scoring_mode(lm.model))
        layers = attention_layers(lm.model)
        for number, layer in enumerate(layers):

            def kept(_: Module, args: Any, kwargs: Any, number: int = number) -> None:
                hidden = args[0] if args else kwargs["hidden_states"]
                found.setdefault(number, []).append(root_mean(hidden[keep.to(hidden.device)]).double().cpu())

            stack.callback(layer.register_forward_pre_hook(kept, with_kwargs=True).remove)
        watchers = [_Shapes(shapes, number) for number in range(len(layers))]
        install(lm.model, watchers)
        stack.callback(remove, lm.model)
        for batch, keep in _picked(planned, rng, count):  # noqa: B007  (`kept` reads it)
            lm.model.base_model(
                input_ids=batch["input_ids"].to(lm.device), attention_mask=batch["attention_mask"].to(lm.device)
            )
    return [Seen(torch.cat(found[number]).numpy(), *shapes[number]) for number in range(len(layers))]


@dataclass(slots=True)
class _Shapes(Variant):
    """Writes down the heads of a layer, and their width."""

    shapes: dict[int, tuple[int, int]]
    number: int

    def output(self, call: Call, out: Tensor) -> Tensor:  # noqa: ARG002
        self.shapes[self.number] = out.shape[2], out.shape[3]
        return out


def _picked(planned: Batches, rng: np.random.Generator, count: int) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
    """Batches, and in each which tokens are taken [B, L]: `count` in all, from batches in random order."""
    import torch

    order = rng.permutation(len(planned))
    sizes = np.array(planned.tokens)[order]
    used = int(np.searchsorted(np.cumsum(sizes), count)) + 1
    total = int(sizes[:used].sum())
    chosen = np.zeros(total, dtype=bool)
    chosen[rng.permutation(total)[:count]] = True
    start = 0
    for step, size in zip(order[:used], sizes[:used], strict=True):
        batch = planned[int(step)]
        keep = batch["attention_mask"].bool()
        keep[keep.clone()] = torch.from_numpy(chosen[start : start + size])
        start += size
        yield batch, keep


def kmeans(
    x: NDArray[np.float64], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres [N, D] of the rows of x [S, D] (k-means++, then Lloyd), and the share of rows at each.

    A centre that no row is nearest to moves to the row farthest from its own; one that stays empty counts as one row.
    """
    if len(x) < count:
        raise UserError(f"{len(x)} training tokens do not give {count} entries; set entries to {len(x)} or less")
    centres = x[rng.integers(len(x))][None]
    away = _squares(x, centres)[:, 0]
    while len(centres) < count:
        total = away.sum()
        nearest = rng.choice(len(x), p=away / total) if total > 0 else rng.integers(len(x))
        centres = np.concatenate([centres, x[nearest][None]])
        away = np.minimum(away, _squares(x, centres[-1:])[:, 0])
    for _ in range(ROUNDS):
        squares = _squares(x, centres)
        at, away = squares.argmin(1), squares.min(1)
        sums, sizes = np.zeros_like(centres), np.bincount(at, minlength=count)
        np.add.at(sums, at, x)
        new = sums / np.maximum(sizes, 1)[:, None]
        empty = np.flatnonzero(sizes == 0)
        new[empty] = x[np.argsort(-away, kind="stable")[: len(empty)]]
        if np.array_equal(new, centres):
            break
        centres = new
    sizes = np.maximum(np.bincount(_squares(x, centres).argmin(1), minlength=count), 1)
    return centres, sizes / sizes.sum()


def _squares(x: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances [S, N]."""
    squares = (x**2).sum(1)[:, None] - 2 * x @ centres.T + (centres**2).sum(1)
    return np.maximum(squares, 0.0)
