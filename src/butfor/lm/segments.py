"""Reading segments that stand in no order: each sees all others, and what matters most to it stands nearest.

Idea      Two things tell a decoder where a segment stands: who may look at whom, and how far apart they are. Here the
          segments look at each other in both directions, and every reader finds them in an order of its own: the least
          important first, the most important last, itself nearest. So nothing depends on the order in which they came.
Equation  text = before, segments s[1] … s[n] in any order, after.      Of a unit u (a segment; a token of `after`), in
          each layer and head:   I(u, j) = mean over its tokens and over the tokens of s[j] of softmax(q k / √d) without
          positions, over the other segments.   Position of s[j] for u = behind `before` and every s[i] with
          I(u, i) < I(u, j); u itself, if it is a segment, behind all of them; `after` behind all segments.
How       The model reads every token at place 0, which turns no query and no key. An attention function of ours turns
          them by rotary angles afterwards: a query, for each segment, by its distance to where that segment begins.
Source    Wang et al. 2024 (PINE). Written from the equations.
Limits    One segment, or none, is the plain reading; each model is tried for this before it is believed, and refused
          where it does not agree (positions that are not rotary, windows, caps). Equal up to rounding for every order.
          One text at a time, no cache: as dear as n passes of attention, and one pass of all else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from butfor.core.errors import UserError
from butfor.lm.forward import logits_at, scoring_mode
from butfor.lm.probes import longest_row, require_causal

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm.world import LM

NAME = "butfor_segments"
BENT = ("softcap", "s_aux")  # what attention may be given that is not computed here
TOLERANCE = 1e-3  # of the largest difference between two texts' logits, as in `probes`


@dataclass(frozen=True, slots=True)
class Segmented:
    """A text in tokens: what stands first, segments in any order, and what stands last."""

    before: tuple[int, ...]
    segments: tuple[tuple[int, ...], ...]
    after: tuple[int, ...]

    @property
    def ids(self) -> list[int]:
        """All tokens in a row."""
        return [*self.before, *(token for segment in self.segments for token in segment), *self.after]

    @property
    def starts(self) -> list[int]:
        """Where each block begins: `before`, the segments, `after`; and the end."""
        sizes = [len(self.before), *map(len, self.segments), len(self.after)]
        return [0, *accumulate(sizes)]


def segment_logits(lm: LM, text: Segmented, keep: Sequence[int]) -> Tensor:
    """The model's logits [K, V] at these places of `text.ids`, its segments read in no order."""
    if lm.model not in _TRIED:
        _TRIED[lm.model] = _agrees(lm)
    if not _TRIED[lm.model]:
        raise UserError(f"{lm.name} cannot read segments in no order: its positions are not plainly rotary")
    if len(text.ids) > longest_row(lm):
        raise UserError(f"the text has {len(text.ids)} tokens; {lm.name} reads at most {longest_row(lm):g} at once")
    return _logits(lm, text, keep)


def _logits(lm: LM, text: Segmented, keep: Sequence[int]) -> Tensor:
    import torch

    ids = torch.tensor([text.ids], device=lm.device)
    with scoring_mode(lm.model), _switched(lm.model, _Plan.of(lm, text)):
        at = torch.tensor(list(keep), device=lm.device)
        return logits_at(lm, at, input_ids=ids, position_ids=torch.zeros_like(ids))[0]


_TRIED: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def _agrees(lm: LM) -> bool:
    """Whether a text in one segment, and in none, gives the model's own logits."""
    import torch

    require_causal(lm)
    size = int(lm.embedding.shape[0])
    ids = [size * part // 23 for part in range(1, 20)]
    keep = range(12, 19)
    texts = [
        Segmented(tuple(ids), (), ()), Segmented(tuple(ids[:4]), (tuple(ids[4:11]),), tuple(ids[11:])),
    ]  # fmt: skip
    with scoring_mode(lm.model):
        row = torch.tensor([ids], device=lm.device)
        own = logits_at(lm, torch.tensor(list(keep), device=lm.device), input_ids=row)[0].double()
    try:
        found = [_logits(lm, text, keep).double() for text in texts]
    except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError):
        return False  # a model that does not take this attention says so in its own way
    coarse = lm.embedding.dtype not in (torch.float32, torch.float64)
    matters = (own - own.roll(1, 0)).abs().amax() * (0.1 if coarse else TOLERANCE)
    return all(bool((one - own).abs().amax() <= matters) for one in found)


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What the attention of every layer needs to know of the text."""

    starts: tuple[int, ...]  # of the blocks, and the end
    cos: Tensor  # [L, r] of the places 0, 1, …
    sin: Tensor
    places: Tensor  # [L]: of every token as a reader
    inside: Tensor  # [L]: of every token in its block

    @classmethod
    def of(cls, lm: LM, text: Segmented) -> _Plan:
        import torch

        starts = text.starts
        total = starts[-1]
        places, inside = torch.arange(total), torch.arange(total)
        for at, (start, end) in enumerate(pairwise(starts)):
            inside[start:end] -= start
            if 0 < at < len(starts) - 2:  # a segment stands behind all others
                places[start:end] += starts[-2] - end
        rotary: Any = getattr(lm.model.base_model, "rotary_emb", None)
        if rotary is None:
            raise ValueError("positions are not rotary")
        cos, sin = rotary(lm.embedding[:1, None], torch.arange(total, device=lm.device)[None])
        scale = cos[:, :1]  # that of place 0, which queries and keys have already
        return cls(tuple(starts), (cos / scale)[0], (sin / scale)[0], places.to(lm.device), inside.to(lm.device))

    def turned(self, x: Tensor, places: Tensor) -> Tensor:
        """Queries or keys [H, L, d] at places [L], or [H, L]."""
        import torch

        cos, sin = self.cos[places], self.sin[places]
        width = cos.shape[-1]
        turning, rest = x[..., :width], x[..., width:]
        half = torch.cat([-turning[..., width // 2 :], turning[..., : width // 2]], -1)
        return torch.cat([turning * cos + half * sin, rest], -1)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """[L, H, d] <- [H, L, d] each."""
        import torch

        keys = self.turned(key, self.inside)
        begins = self._begins(query, key, scaling)  # [H, L, blocks]
        scores: list[Tensor] = []
        for at, (start, end) in enumerate(pairwise(self.starts)):
            away = (self.places - begins[..., at]).clamp_min(0)  # below 0 only where nobody may look
            scores.append(self.turned(query, away) @ keys[:, start:end].transpose(1, 2) * scaling)
        allowed = self._allowed()
        weights = _fine(torch.cat(scores, -1)).masked_fill(~allowed, -torch.inf).softmax(-1).to(value.dtype)
        return (weights @ value).transpose(0, 1)

    def _allowed(self) -> Tensor:
        """[L, L]: all that stands before a reader in the row, and of segments the other ones."""
        import torch

        size = self.starts[-1]
        seen = torch.ones((size, size), dtype=torch.bool, device=self.places.device).tril()
        first, last = self.starts[1], self.starts[-2]
        for start, end in list(pairwise(self.starts))[1:-1]:
            seen[start:end, first:start] = True
            seen[start:end, end:last] = True
        return seen

    def _begins(self, query: Tensor, key: Tensor, scaling: float) -> Tensor:
        """Where every block begins for every reader: [H, L, blocks]."""
        import torch

        sizes = torch.tensor([end - start for start, end in pairwise(self.starts)][1:-1], device=query.device)
        heads, size = query.shape[:2]
        begins = torch.zeros((heads, size, len(self.starts) - 1), dtype=torch.long, device=query.device)
        begins[..., -1] = self.starts[-2]
        if len(sizes):
            matters = self._importance(query, key, scaling)  # [H, L, n]
            farther = matters[..., None, :] < matters[..., :, None]  # [H, L, j, i]: i stands before j
            begins[..., 1:-1] = self.starts[1] + (farther * sizes).sum(-1)
        return begins

    def _importance(self, query: Tensor, key: Tensor, scaling: float) -> Tensor:
        """How much every reader's unit heeds every segment, whatever their places: [H, L, n]; its own most."""
        import torch

        blocks = list(pairwise(self.starts))[1:-1]
        first, last = self.starts[1], self.starts[-2]
        plain = _fine(query @ key[:, first:last].transpose(1, 2)) * scaling  # [H, L, tokens of segments]
        for start, end in blocks if len(blocks) > 1 else []:
            plain[:, start:end, start - first : end - first] = -torch.inf
        share = plain.softmax(-1)
        matters = torch.stack([share[..., start - first : end - first].mean(-1) for start, end in blocks], -1)
        for at, (start, end) in enumerate(blocks):
            matters[:, start:end] = matters[:, start:end].mean(1, keepdim=True)
            matters[:, start:end, at] = torch.inf
        return matters


def _fine(x: Tensor) -> Tensor:
    import torch

    return x.to(torch.promote_types(x.dtype, torch.float32))


_plan: ContextVar[_Plan | None] = ContextVar("how the text that is being read is segmented", default=None)


def _attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, _mask: Any, scaling: float | None = None, **more: Any
) -> tuple[Tensor, None]:
    """The attention function: [1, L, H, d] <- [1, H, L, d], [1, G, L, d] twice."""
    plan = _plan.get()
    if plan is None or query.shape[0] > 1:
        raise ValueError("one text at a time, by `segment_logits`")
    if any(more.get(name) is not None for name in BENT):
        raise ValueError("scores that are capped, or sinks beside the keys")
    groups = query.shape[1] // key.shape[1]
    keys, values = (part[0].repeat_interleave(groups, 0) for part in (key, value))
    scale = module.head_dim**-0.5 if scaling is None else scaling
    return plan.attend(query[0], keys, values, scale)[None].contiguous(), None


@contextmanager
def _switched(model: Any, plan: _Plan) -> Iterator[None]:
    """Our attention inside the block, the model's own after it."""
    _register()
    parts = [part.config for part in model.modules() if hasattr(getattr(part, "config", None), "_attn_implementation")]
    configs = {id(config): config for config in parts}
    before = {at: config._attn_implementation for at, config in configs.items()}
    token = _plan.set(plan)
    try:
        model.set_attn_implementation(NAME)
        yield
    finally:
        _plan.reset(token)
        for at, config in configs.items():
            config._attn_implementation_internal = before[at]


@cache
def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
