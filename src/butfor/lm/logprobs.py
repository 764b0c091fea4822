"""Log-probabilities of tokens, with as little work as the question needs.

Two layouts give the same numbers. *Packed*: a forest (see `forest`) in one row, for models whose attention takes a
mask and positions from outside; whether it does is measured, not looked up (see `probes`). A long beginning that all
texts share (few-shot examples) goes through once; its keys and values stay while the forests come and go. *Plain*: one
padded row a text, for all others (state-space models, ALiBi, windows shorter than the text). Where a row's length or a
token's place in it matters (somebody has hooks on the model, or the texts are beyond a switch of rotary frequencies),
rows are plain and whole, and only texts of one length share a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from butfor.core.errors import UserError
from butfor.lm.forest import common, forests, needed, rows
from butfor.lm.forward import forest_logits, remembered, rows_logits, scoring_mode
from butfor.lm.probes import alike, can_pack, longest_row, require_causal
from butfor.lm.rope import switch

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm.world import LM

CPU_TOKENS, GPU_TOKENS = 512, 4096
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
    result: list[list[float]] = [[]] * len(sequences)
    with scoring_mode(lm.model):
        require_causal(lm)
        for group in _groups(lm, sequences):
            chosen = [sequences[number] for number in group]
            for numbers, values in _scored(lm, chosen, budget, work):
                place = 0
                for number in numbers:
                    ids, start = chosen[number]
                    result[group[number]] = values[place : place + len(ids) - start]
                    place += len(ids) - start
    return result


def _groups(lm: LM, sequences: Sequence[tuple[Sequence[int], int]]) -> list[list[int]]:
    """Numbers of the sequences that may share a batch: texts on either side of a switch of frequencies may not."""
    bend = switch(lm.model)
    beyond = [bend is not None and len(ids) - 1 > bend for ids, _ in sequences]
    sides = ([number for number, far in enumerate(beyond) if far is side] for side in (False, True))
    return [group for group in sides if group]


def _scored(
    lm: LM, sequences: Sequence[tuple[Sequence[int], int]], budget: int, work: Work
) -> Iterator[tuple[list[int], list[float]]]:
    contexts = [list(ids[:-1]) for ids, _ in sequences]
    longest = max(map(len, contexts))
    even = alike(lm, longest)
    if not even and can_pack(lm, longest, min(budget + longest, needed(contexts))):
        return _packed(lm, contexts, sequences, budget, work)
    return _plain(lm, contexts, sequences, budget, work, even)


def _packed(
    lm: LM, contexts: list[list[int]], sequences: Sequence[tuple[Sequence[int], int]], budget: int, work: Work
) -> Iterator[tuple[list[int], list[float]]]:
    header = _header(contexts, min(start for _, start in sequences) - 1, budget)
    past = remembered(lm, header) if header else None
    work.tokens += len(header)
    limit = longest_row(lm) - len(header)
    rest = [context[len(header) :] for context in contexts]
    for forest in forests(rest, int(min(budget, limit)), int(min(budget + max(map(len, rest)), limit))):
        numbers = list(forest.paths)
        asked = [node for number in numbers for node in forest.paths[number][sequences[number][1] - 1 - len(header) :]]
        targets = [token for number in numbers for token in sequences[number][0][sequences[number][1] :]]
        keep = sorted(set(asked))
        row_of = {node: row for row, node in enumerate(keep)}
        logits = forest_logits(lm, forest, keep, past, len(header))  # [K, V]
        work.tokens += len(forest)
        work.logits += len(keep)
        yield numbers, _pick(logits, [row_of[node] for node in asked], targets)


def _header(contexts: list[list[int]], longest: int, budget: int) -> list[int]:
    """What all texts begin with (at most `longest` tokens), where that is long and more than one forest needs it."""
    first, last = min(contexts), max(contexts)  # in dictionary order: what these two share, all share
    size = min(common(first, last), longest)
    return first[:size] if size >= HEADER and needed(contexts) > budget else []


def _plain(
    lm: LM,
    contexts: list[list[int]],
    sequences: Sequence[tuple[Sequence[int], int]],
    budget: int,
    work: Work,
    even: bool,
) -> Iterator[tuple[list[int], list[float]]]:
    for batch in rows(contexts, budget, even):
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
        logits = rows_logits(lm, keep, texts)  # [B, K, V]
        work.tokens += width * len(texts)
        work.logits += len(keep) * len(texts)
        yield numbers, _pick(logits.flatten(0, 1), asked, targets)


def _pick(logits: Tensor, at: list[int], targets: list[int]) -> list[float]:
    """log softmax(logits[at])[target], in float32 or better. `logits`: [K, V]."""
    import torch

    device = logits.device
    exact = torch.promote_types(logits.dtype, torch.float32)
    norm = torch.cat([part.to(exact).logsumexp(-1) for part in logits.split(CHUNK)])  # [K]
    index = torch.tensor(at, device=device)
    return (logits[index, torch.tensor(targets, device=device)].to(exact) - norm[index]).tolist()
