"""Features of texts: the mean of the last hidden states over a text's own tokens (padding left out).

For sentence encoders such as MiniLM this is the pooling they were trained with. Rows are not normalised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from butfor.core.errors import UserError
from butfor.lm.forward import scoring_mode
from butfor.lm.probes import alike
from butfor.lm.rope import settle
from butfor.lm.tokens import checked_texts
from butfor.lm.world import LM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


def pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean over a text's own tokens [B, d] <- [B, T, d], [B, T]."""
    weights = mask[..., None].to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


def features(
    lm: LM, texts: Sequence[str], *, batch_tokens: int = 2048, length: int | None = None
) -> NDArray[np.float32]:
    """One row [d] a text, in order; of the first `length` tokens, where it is given."""
    import numpy as np
    import torch

    given = [lm.tokenizer(text, verbose=False)["input_ids"] for text in checked_texts("texts", texts)]
    ids: list[list[int]] = [text[:length] for text in given]
    for number, text in enumerate(ids):
        if not text or (lm.context is not None and len(text) > lm.context):
            raise UserError(f"text {number} has {len(text)} tokens; {lm.name} reads 1 to {lm.context or 'any number'}")
    result = np.empty((len(ids), lm.dim), dtype=np.float32)
    pad = lm.tokenizer.pad_token_id or 0
    even = alike(lm, max(map(len, ids), default=0))
    order = sorted(range(len(ids)), key=lambda at: -len(ids[at]))
    with scoring_mode(lm.model):
        while order:
            width = len(ids[order[0]])
            fits = [at for at in order[: max(1, batch_tokens // width)] if not even or len(ids[at]) == width]
            batch, order = fits, order[len(fits) :]
            settle(lm.model)
            rows = [ids[at] + [pad] * (width - len(ids[at])) for at in batch]
            mask = torch.tensor([[1] * len(ids[at]) + [0] * (width - len(ids[at])) for at in batch], device=lm.device)
            hidden = lm.model.base_model(input_ids=torch.tensor(rows, device=lm.device), attention_mask=mask)[0]
            if hidden.shape[-1] != result.shape[-1]:  # some models end on a stream of another width
                result = np.empty((len(ids), hidden.shape[-1]), dtype=np.float32)
            result[batch] = pool(hidden, mask).float().cpu().numpy()
    return result
