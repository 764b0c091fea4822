"""A head that says which class a text belongs to; it hangs on a model, and is saved and loaded with it.

Equation  logits = W norm(h) + b;  h = the mean of the last hidden states over the text's first `length` tokens (as in
          `pooling`);  norm = layer norm without weights, so that one learning rate fits models of any scale.
Start     W drawn with a standard deviation of 0.01 from the seed, b = 0.
Frozen    What a model without its head makes of a text is kept in memory, by its fingerprint: training a head on
          a frozen model reads each text once, however many seeds and arms come after. Nothing is kept of a model with
          hooks or other code on it, which its fingerprint names but cannot tell apart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UserError
from butfor.core.seeds import derive
from butfor.lm.pooling import features, pool
from butfor.lm.scoring import score
from butfor.lm.tokens import checked_texts
from butfor.lm.world import LM

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

NAME = "butfor_head"
FILE = f"{NAME}.safetensors"  # beside the model's own weights
START = 0.01
BASES = 3  # models whose features are kept
_KEPT: OrderedDict[tuple[str, str, int], dict[str, Any]] = OrderedDict()


def hang(lm: LM, classes: int, length: int, seed: int) -> None:
    """Put a fresh head for this many classes on the model."""
    import torch

    draw = torch.Generator().manual_seed(derive(seed, "head"))
    weight = torch.empty(classes, lm.dim).normal_(0.0, START, generator=draw)
    put(lm, {"weight": weight, "bias": torch.zeros(classes), "length": torch.tensor(length)})


def keep(lm: LM, classes: int, length: int) -> None:
    """Go on with the head that hangs there, reading texts up to `length` from now on; refused for too few classes."""
    head: Any = getattr(lm.model, NAME)
    if problem := narrow(lm.name, head[1].out_features, classes):
        raise UserError(problem)
    head.length.fill_(length)


def narrow(name: str, known: int, classes: int) -> str:
    """Why a head that knows so many classes cannot go on with rows of so many; "" where it can."""
    if known >= classes:
        return ""
    return (
        f"the head of {name} knows {known} classes, and the rows have {classes}; "
        f"remove {FILE} from the model's folder to train a new head, or leave out the rows of the other classes"
    )


def put(lm: LM, state: Mapping[str, Tensor]) -> None:
    """Put a head with these weights on the model; one that hung there goes."""
    import torch

    classes, dim = state["weight"].shape
    head = torch.nn.Sequential(torch.nn.LayerNorm(dim, elementwise_affine=False), torch.nn.Linear(dim, classes))
    with torch.no_grad():
        linear: Any = head[1]
        linear.weight.copy_(state["weight"])
        linear.bias.copy_(state["bias"])
    head.register_buffer("length", state["length"].clone())
    setattr(lm.model, NAME, head.to(lm.device))


def state(lm: LM) -> dict[str, Tensor]:
    """The weights of a model's head, for `put`."""
    head: Any = getattr(lm.model, NAME)
    return {"weight": head[1].weight.detach(), "bias": head[1].bias.detach(), "length": head.length}


def has_head(lm: Any) -> bool:
    """Whether a head hangs on this world."""
    return hasattr(getattr(lm, "model", None), NAME)


@contextmanager
def headless(lm: LM) -> Generator[None]:
    """The model as it is without its head."""
    head = getattr(lm.model, NAME, None)
    if head is None:
        yield
        return
    delattr(lm.model, NAME)
    try:
        yield
    finally:
        setattr(lm.model, NAME, head)


def pooled(model: Any, ids: Tensor, mask: Tensor) -> Tensor:
    """What the head reads [B, d] <- tokens [B, L] and their mask."""
    return pool(model.base_model(input_ids=ids, attention_mask=mask)[0], mask).float()


def frozen(lm: LM, texts: Sequence[str], length: int) -> NDArray[np.float32]:
    """What the head reads of each text [n, d], kept for the next who asks."""
    import numpy as np

    texts = checked_texts("texts", texts)
    with headless(lm):
        if lm.hooked:
            return features(lm, texts, length=length)
        key = lm.fingerprint(), lm.tokenizer_fingerprint(), length
        kept = _KEPT.setdefault(key, {})
        _KEPT.move_to_end(key)
        while len(_KEPT) > BASES:
            _KEPT.popitem(last=False)
        new = [text for text in dict.fromkeys(texts) if text not in kept]
        if new:
            kept.update(zip(new, features(lm, new, length=length), strict=True))
    return np.array([kept[text] for text in texts])


def classify(lm: LM, texts: Sequence[str]) -> NDArray[np.float64]:
    """The head's logits [n, C] of each text."""
    return decided(lm, read(lm, texts))


def worth(lm: LM, texts: Sequence[str]) -> NDArray[np.float64]:
    """The reward [n] of each text, by a head that was trained with train.objective = "reward"."""
    found = classify(lm, texts)
    if found.shape[1] != 1:
        raise UserError(
            f"the head of {lm.name} tells {found.shape[1]} classes; train a reward: train.objective = 'reward'"
        )
    return found[:, 0]


def read(lm: LM, texts: Sequence[str]) -> NDArray[np.float32]:
    """What the head of this model reads of each text, [n, d]."""
    if not has_head(lm):
        raise UserError(f"{lm.name} has no head; train one with train.objective = 'label' or 'reward'")
    return frozen(lm, texts, int(getattr(lm.model, NAME).length))


def decided(lm: LM, seen: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The head's logits [n, C] where it reads this [n, d]."""
    import torch

    head: Any = getattr(lm.model, NAME)
    with torch.inference_mode():
        return head.eval()(torch.from_numpy(seen).float().to(lm.device)).double().cpu().numpy()


def judged(lm: LM, texts: Sequence[str], options: Sequence[str], length: int) -> NDArray[np.float64]:
    """How likely each class is, as logits [n, C]: of its head, or of `options` after the first `length` tokens."""
    import numpy as np

    if has_head(lm):
        known = getattr(lm.model, NAME)[1].out_features
        if known != len(options):
            raise UserError(
                f"the head of {lm.name} knows {known} classes; these texts have {len(options)}; "
                "train one on their labels with train.objective = 'label'"
            )
        return classify(lm, texts)
    if lm.is_encoder:
        raise UserError(f"{lm.name} is an encoder without a head; train one with train.objective = 'label'")
    items = [{"prompt": cut(lm, text, length), "choices": list(options)} for text in checked_texts("texts", texts)]
    return np.array([scored.logprobs for scored in score(lm, items)])


def cut(lm: LM, text: str, length: int) -> str:
    """The text of the first `length` tokens."""
    encoded = lm.tokenizer(text, return_offsets_mapping=True, verbose=False)
    offsets = encoded["offset_mapping"][:length]
    return text[: max((stop for _, stop in offsets), default=0)]
