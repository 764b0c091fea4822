"""Log-probabilities of tokens, with as little work as the question needs.

Two layouts give the same numbers. *Packed*: a forest (see `forest`) in one row, for models whose attention takes a
mask and positions from outside. *Plain*: one padded row a text, for all others (state-space models, ALiBi, sliding
windows shorter than the text) and whenever somebody has hooks on the model, because a hook counts positions in a
text. Whether a model can do packed is measured, not looked up: on first use a forest of four short texts goes
through both layouts. Logits are computed at the asked positions alone, [K, V] and never [B, T, V]. A long beginning
that all texts share (few-shot examples) goes through once; its keys and values stay while the forests come and go.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from butfor.core.errors import UserError
from butfor.lm.forest import Forest, common, forests, needed, rows

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm.world import LM

_PACKS: WeakKeyDictionary[Any, tuple[str, bool]] = WeakKeyDictionary()
CPU_TOKENS, GPU_TOKENS = 512, 4096
NEEDS = {"position_ids", "attention_mask", "past_key_values", "logits_to_keep"}  # what a packed forward pass passes
HEADER = 32  # tokens from which on a common beginning of all texts is worth remembering
CHUNK = 1024  # rows of logits that are turned into float32 at a time


@dataclass(slots=True)
class Work:
    """Tokens that went through the layers, and rows of logits that were made."""

    tokens: int = 0
    logits: int = 0


def token_logprobs(
    lm: LM, sequences: Sequence[tuple[Sequence[int], int]], batch_tokens: int | None = None, work: Work | None = None
) -> list[list[float]]:
    """For every (ids, start): log P(ids[t] | ids[:t]) for t = start, …, len(ids) − 1; start is at least 1."""
    if lm.is_encoder:
        raise UserError(f"{lm.name} is an encoder: it has no next-token probabilities; use features, or a decoder")
    if not sequences:
        return []
    budget = batch_tokens or (CPU_TOKENS if lm.device.type == "cpu" else GPU_TOKENS)
    work = work if work is not None else Work()
    contexts = [list(ids[:-1]) for ids, _ in sequences]
    result: list[list[float]] = [[]] * len(sequences)
    with scoring_mode(lm.model):
        packed = can_pack(lm, max(map(len, contexts)))
        for numbers, values in (_packed if packed else _plain)(lm, contexts, sequences, budget, work):
            place = 0
            for number in numbers:
                ids, start = sequences[number]
                result[number] = values[place : place + len(ids) - start]
                place += len(ids) - start
    return result


@contextmanager
def scoring_mode(model: Any) -> Iterator[None]:
    """No dropout and no gradients inside the block; the model's own mode comes back."""
    import torch

    training = model.training
    model.eval()
    try:
        with torch.no_grad():  # not inference_mode: what is read or cached here may meet a gradient later
            yield
    finally:
        model.train(training)


def _packed(
    lm: LM, contexts: list[list[int]], sequences: Sequence[tuple[Sequence[int], int]], budget: int, work: Work
) -> Iterator[tuple[list[int], list[float]]]:
    header = _header(contexts, min(start for _, start in sequences) - 1, budget)
    past = _remembered(lm, header) if header else None
    work.tokens += len(header)
    for forest in forests([context[len(header) :] for context in contexts], budget):
        numbers = list(forest.paths)
        asked = [node for number in numbers for node in forest.paths[number][sequences[number][1] - 1 - len(header) :]]
        targets = [token for number in numbers for token in sequences[number][0][sequences[number][1] :]]
        keep = sorted(set(asked))
        row_of = {node: row for row, node in enumerate(keep)}
        logits = _forest_logits(lm, forest, keep, past, len(header))  # [K, V]
        work.tokens += len(forest)
        work.logits += len(keep)
        yield numbers, _pick(logits, [row_of[node] for node in asked], targets)


def _header(contexts: list[list[int]], longest: int, budget: int) -> list[int]:
    """What all texts begin with (at most `longest` tokens), where that is long and more than one forest needs it."""
    first, last = min(contexts), max(contexts)  # in dictionary order: what these two share, all share
    size = min(common(first, last), longest)
    return first[:size] if size >= HEADER and needed(contexts) > budget else []


def _remembered(lm: LM, header: list[int]) -> Any:
    """The keys and values [1, heads, H, d] of every layer for the header, computed once."""
    import torch
    from transformers import DynamicCache

    past = DynamicCache()
    ids = torch.tensor([header], device=lm.device)
    lm.model(input_ids=ids, past_key_values=past, use_cache=True, logits_to_keep=1)
    return past


def _forest_logits(lm: LM, forest: Forest, keep: list[int], past: Any = None, before: int = 0) -> Tensor:
    """Logits [K, V] at the nodes `keep`. With `past`, every root stands after a header of `before` tokens."""
    import torch

    device, dtype = lm.device, lm.embedding.dtype
    sees = torch.from_numpy(forest.mask()).to(device)
    mask = torch.zeros(sees.shape, dtype=dtype, device=device).masked_fill_(~sees, torch.finfo(dtype).min)
    mask = torch.cat([mask.new_zeros(len(forest), before), mask], 1)[None, None]  # [1, 1, T, H + T]
    logits = _logits(
        lm,
        torch.tensor(keep, device=device),
        input_ids=torch.tensor([forest.tokens], device=device),
        attention_mask=mask,
        position_ids=torch.tensor([forest.depths], device=device) + before,
        past_key_values=past,
    )[0]
    if past is not None:
        past.crop(-len(forest))  # forget this forest, keep the header
    return logits


def _plain(
    lm: LM, contexts: list[list[int]], sequences: Sequence[tuple[Sequence[int], int]], budget: int, work: Work
) -> Iterator[tuple[list[int], list[float]]]:
    import torch

    pad = lm.tokenizer.pad_token_id or 0
    for batch in rows(contexts, budget):
        texts = [contexts[row[0]] for row in batch]
        width = len(texts[0])
        keep = list(range(min(sequences[number][1] for row in batch for number in row) - 1, width))
        numbers = [number for row in batch for number in row]
        asked: list[int] = []
        targets: list[int] = []
        for line, row in enumerate(batch):
            for number in row:
                ids, start = sequences[number]
                asked += [line * len(keep) + at - keep[0] for at in range(start - 1, len(ids) - 1)]
                targets += ids[start:]
        logits = _logits(
            lm,
            torch.tensor(keep, device=lm.device),
            input_ids=torch.tensor([text + [pad] * (width - len(text)) for text in texts], device=lm.device),
            attention_mask=torch.tensor([[1] * len(t) + [0] * (width - len(t)) for t in texts], device=lm.device),
        )  # [B, K, V]
        work.tokens += width * len(texts)
        work.logits += len(keep) * len(texts)
        yield numbers, _pick(logits.flatten(0, 1), asked, targets)


def _logits(lm: LM, keep: Tensor, **inputs: Any) -> Tensor:
    """The model's own logits [B, K, V] at the positions `keep`."""
    accepted = inspect.signature(lm.model.forward).parameters
    if inputs.get("past_key_values") is None:
        inputs.pop("past_key_values", None)
        inputs.update({"use_cache": False} if "use_cache" in accepted else {})
    if "logits_to_keep" in accepted:
        return lm.model(**inputs, logits_to_keep=keep).logits
    return lm.model(**inputs).logits[:, keep]


def _pick(logits: Tensor, at: list[int], targets: list[int]) -> list[float]:
    """log softmax(logits[at])[target], in float32 or better. `logits`: [K, V]."""
    import torch

    device = logits.device
    exact = torch.promote_types(logits.dtype, torch.float32)
    norm = torch.cat([part.to(exact).logsumexp(-1) for part in logits.split(CHUNK)])  # [K]
    index = torch.tensor(at, device=device)
    return (logits[index, torch.tensor(targets, device=device)].to(exact) - norm[index]).tolist()


def can_pack(lm: LM, longest: int) -> bool:
    """Whether the packed layout gives this model's own numbers for texts of up to `longest` tokens."""
    model = lm.model
    if any(module._forward_hooks or module._forward_pre_hooks for module in model.modules()):
        return False
    config = model.config.get_text_config()
    windows = [getattr(config, key, None) for key in ("sliding_window", "attention_chunk_size")]
    if any(isinstance(window, int) and longest > window for window in windows):
        return False
    attention = str(getattr(config, "_attn_implementation", None))
    known = _PACKS.get(model)
    if known is None or known[0] != attention:
        accepted = inspect.signature(model.forward).parameters
        able = attention in ("sdpa", "eager") and set(accepted) >= NEEDS
        known = _PACKS[model] = (attention, able and _agree(lm))
    return known[1]


def _agree(lm: LM) -> bool:
    """Four short texts in both layouts, the packed one also after a remembered header; the difference is judged against
    how much a text's beginning matters."""
    import torch

    size = min(int(lm.embedding.shape[0]), 1000)
    draw = [size * part // 9 for part in range(9)]
    head = [draw[8], draw[3]]
    texts = [
        head + tail for tail in (draw[:5], [*draw[:2], draw[6], draw[4]], [*draw[5:8], draw[3], draw[4]], draw[4:5])
    ]
    packed: list[Tensor] = []  # twice [4, V]
    try:
        for before in (0, len(head)):
            forest = next(forests([text[before:] for text in texts], 10**6))
            keep = sorted(path[-1] for path in forest.paths.values())
            row_of = [keep.index(forest.paths[number][-1]) for number in range(len(texts))]
            past = _remembered(lm, head) if before else None
            packed.append(_forest_logits(lm, forest, keep, past, before)[row_of].float())
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, NotImplementedError):
        return False  # a model that cannot take this mask says so in its own way
    singly = [
        _logits(lm, torch.tensor([len(text) - 1], device=lm.device), input_ids=torch.tensor([text], device=lm.device))
        for text in texts
    ]
    plain = torch.cat(singly).flatten(0, 1).float()  # [4, V]
    matters = (plain - plain.roll(1, 0)).abs().amax()
    exact = lm.embedding.dtype in (torch.float32, torch.float64)
    wrong = torch.stack([(way - plain).abs().amax() for way in packed]).amax()
    return bool(wrong <= (1e-3 if exact else 0.1) * matters)
