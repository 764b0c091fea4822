"""How an encoder learns from text: it guesses words that were hidden from it.

Equation  of each token with probability 0.15: learnt; of these 80 % are replaced by the mask token, 10 % by a random
          token, 10 % stay (Devlin et al. 2019). L = -mean log softmax(E g(h) + b) over the learnt tokens; E = the
          input embeddings, g = dense, GELU, layer norm.
Head      g and b hang on the model while it trains and come off after: an encoder is saved as it was loaded.
Seeds     which tokens are hidden depends on the seed and the step alone, so all arms see the same and a resumed
          training goes on exactly. In a batch where chance hides nothing, the first token of each row is learnt.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UserError
from butfor.core.seeds import derive

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm import LM
    from butfor.train.method import Batch

SHARE, MASKED, RANDOM = 0.15, 0.8, 0.1
HEAD = "butfor_masked_head"


def mask_token(lm: LM) -> int | None:
    """The token that hides a word from an encoder; None for a decoder, which has no need of one."""
    if not lm.is_encoder:
        return None
    token = lm.tokenizer.mask_token_id
    if not isinstance(token, int):
        raise UserError(f"the tokenizer of {lm.name} has no mask token, so its encoder cannot be trained on text")
    return token


@contextmanager
def masked_head(lm: LM, seed: int) -> Generator[None]:
    """The head of an encoder, as long as it trains; a decoder needs none."""
    if not lm.is_encoder:
        yield
        return
    setattr(lm.model, HEAD, _head(lm, seed))
    try:
        yield
    finally:
        delattr(lm.model, HEAD)


def _head(lm: LM, seed: int) -> Any:
    import torch

    width, size = lm.embedding.shape[1], lm.embedding.shape[0]
    draw = torch.Generator().manual_seed(derive(seed, "masked head"))
    dense = torch.nn.Linear(lm.dim, width)
    with torch.no_grad():
        dense.weight.normal_(0.0, 0.02, generator=draw)
        dense.bias.zero_()
    head = torch.nn.Sequential(dense, torch.nn.GELU(), torch.nn.LayerNorm(width))
    head.register_parameter("offset", torch.nn.Parameter(torch.zeros(size)))
    return head.to(lm.device, lm.embedding.dtype)


def masked_outputs(model: Any, batch: Batch, token: int, seed: int, special: Sequence[int]) -> Any:
    """What the model makes of a batch whose words are partly hidden: loss, logits of the learnt tokens [N, V]."""
    from torch.nn.functional import cross_entropy
    from transformers.modeling_outputs import MaskedLMOutput

    ids, labels = hidden(batch, token, model.get_input_embeddings().num_embeddings, seed, special)
    states = model(input_ids=ids, attention_mask=batch["attention_mask"]).last_hidden_state  # [B, L, d]
    learnt = labels != -100
    head = getattr(model, HEAD)
    logits = head(states[learnt]) @ model.get_input_embeddings().weight.T + head.offset  # [N, V]
    return MaskedLMOutput(loss=cross_entropy(logits.float(), labels[learnt]), logits=logits)


def hidden(batch: Batch, token: int, size: int, seed: int, special: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
    """Token ids [B, L] with some hidden, none of them `special`, and labels that are -100 where nothing is learnt."""
    import torch

    ids, labels = batch["input_ids"], batch["labels"]
    draw = torch.Generator().manual_seed(derive(seed, "masked", int(batch["step"])))
    chance, how = torch.rand((2, *ids.shape), generator=draw).to(ids.device)
    other = torch.randint(size, ids.shape, generator=draw).to(ids.device)
    real = (labels != -100) & ~torch.isin(ids, torch.tensor(list(special), dtype=ids.dtype, device=ids.device))
    learnt = real & (chance < SHARE)
    if not learnt.any():
        learnt = real & (real.cumsum(1) == 1)
    ids = torch.where(learnt & (how < MASKED), torch.tensor(token, device=ids.device), ids)
    ids = torch.where(learnt & (how >= MASKED) & (how < MASKED + RANDOM), other, ids)
    return ids, labels.masked_fill(~learnt, -100)
