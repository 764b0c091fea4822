"""A disentangled transformer: attention alone, and every layer writes into coordinates of its own.

    disentangled:LAYERS[,heads=N][,letters=abcd][,context=N]        for example disentangled:2

Idea      A token begins as one-hot letter and one-hot place. A head does not add what it read to the stream but puts it
          beside what is there, so nothing is ever mixed and every weight can be read: rows and columns of a first-layer
          head's matrix A are letters and places, and its part for places is a table of who looks at whom.
Equation  X_0 = [letter, place];  X_{l+1} = [X_l, softmax(X_l A_{l,1} X_lᵀ) X_l, …, one block a head];  logits = X_L O
          A is d × d (keys, queries and their product in one), d = (letters + places) · (1 + heads)^l; no value matrix.
Start     normal, 0.1; the first layer 0.001, so that it begins by looking everywhere alike, as the theorem has it.
Source    Friedman, Wettig & Chen 2023 (the stream); Nichani, Damian & Lee 2024 (this form, where gradient descent is
          proved to write a latent graph into the first layer).
Limits    The stream grows (1 + heads)-fold a layer: a model to read, not to use. It knows its `letters` and refuses a
          batch with other characters. It is no architecture of `transformers`: a saved one can be loaded by its maker
          alone, so give `keep = "records"` in an experiment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UnknownName, UserError
from butfor.core.seeds import derive
from butfor.lm.world import LM

if TYPE_CHECKING:
    import torch

KIND = "lm"
FORM = re.compile(r"disentangled:(\d+)((?:,\w+=[^,]+)*)")
OPTIONS = ("heads", "letters", "context")
WIDEST = 4096  # coordinates of the last layer
START, FIRST = 0.1, 0.001  # standard deviations of the weights at the start, and of those of the first layer
HOW = "write disentangled:LAYERS, for example disentangled:2 or disentangled:2,heads=1,letters=abcd,context=17"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a name says."""

    layers: int
    heads: int
    letters: str
    context: int

    @property
    def width(self) -> int:
        """Coordinates of the first stream: letters and special tokens, and places."""
        return len(self.letters) + 3 + self.context


def check(name: str) -> None:
    """Raise a `UserError` if the name does not describe a model that can be made."""
    read(name)


def stamp(name: str) -> str:
    """Nothing: no file is read."""
    read(name)
    return ""


def read(name: str) -> Shape:
    """The shape behind a name."""
    found = FORM.fullmatch(name)
    if not found:
        raise UserError(f"{name!r} describes no model; {HOW}")
    given = dict(part.split("=", 1) for part in found[2].split(",") if part)
    for key in given:
        if key not in OPTIONS:
            raise UnknownName("option of disentangled", key, OPTIONS)
    letters = given.get("letters", "abcd")
    whole = {key: given.get(key, default) for key, default in (("heads", "1"), ("context", "17"))}
    wrong = [key for key, value in whole.items() if not value.isdigit() or int(value) < 1]
    if wrong or len(set(letters)) < len(letters) or not int(found[1]):
        what = f"{wrong[0]} is a whole number from 1 on" if wrong else "letters differ and layers are 1 or more"
        raise UserError(f"{name!r}: {what}; {HOW}")
    shape = Shape(int(found[1]), int(whole["heads"]), letters, int(whole["context"]))
    if shape.width * (1 + shape.heads) ** shape.layers > WIDEST:
        raise UserError(f"{name!r}: its stream would be wider than {WIDEST}; give fewer layers or heads")
    return shape


def make(name: str, *, seed: int, dtype: torch.dtype, device: torch.device | None) -> LM:
    """The model with the weights of a seed."""
    import torch

    shape = read(name)
    config_class, model_class = classes()
    tokenizer = _tokenizer(shape)
    config = config_class(
        vocab_size=len(tokenizer),
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        max_position_embeddings=shape.context,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "disentangled") % 2**63)
        model: Any = model_class(config)
    return LM(name, model.to(device=device or "cpu", dtype=dtype).eval(), tokenizer)


def _tokenizer(shape: Shape) -> Any:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from butfor.lm.debug import SPECIAL

    pad, bos, eos = SPECIAL
    made = Tokenizer(
        models.WordLevel({token: at for at, token in enumerate([*SPECIAL, *shape.letters])}, unk_token=pad)
    )
    made.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token=pad, bos_token=bos, eos_token=eos)


@cache
def _bodies() -> tuple[type, type]:
    """The configuration, and the layers without what turns them into letters."""
    import torch
    from torch import nn
    from transformers import PretrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import BaseModelOutput

    class DisentangledConfig(PretrainedConfig):
        model_type = "butfor_disentangled"

    class Head(nn.Module):
        """One head: a table of how much each coordinate of the one who looks wants each of the other."""

        def __init__(self, width: int, spread: float) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.randn(width, width) * spread)

        def forward(self, stream: Any, bias: Any) -> Any:  # [B, L, L] <- [B, L, d], [B, L, L]
            return (stream @ self.table @ stream.transpose(1, 2) + bias).softmax(-1)

    def _one_hot(rows: int, width: int, first: int) -> Any:
        table = nn.Embedding(rows, width)
        table.weight = nn.Parameter(torch.eye(width)[first : first + rows].clone(), requires_grad=False)
        return table

    class Body(PreTrainedModel):
        config_class = DisentangledConfig

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            places = config.hidden_size - config.vocab_size
            self.letters = _one_hot(config.vocab_size, config.hidden_size, 0)
            self.places = _one_hot(places, config.hidden_size, config.vocab_size)
            heads, first = config.num_attention_heads, config.hidden_size
            self.layers = nn.ModuleList(
                nn.ModuleList(Head(first * (1 + heads) ** layer, START if layer else FIRST) for _ in range(heads))
                for layer in range(config.num_hidden_layers)
            )
            self.post_init()

        def _init_weights(self, module: Any) -> None:
            """Weights are drawn where they are made."""

        def get_input_embeddings(self) -> Any:
            return self.letters

        def forward(self, input_ids: Any, attention_mask: Any = None, output_attentions: bool = False, **_: Any) -> Any:
            size = input_ids.shape[1]
            allowed = torch.ones(size, size, dtype=torch.bool, device=input_ids.device).tril()
            if attention_mask is not None:
                if ((input_ids == self.config.pad_token_id) & attention_mask.bool()).any():
                    raise UserError(
                        "a character is none of this model's letters; name them: disentangled:2,letters=abcd"
                    )
                allowed = allowed & (attention_mask[:, None, :].bool() | torch.eye(size, dtype=torch.bool).to(allowed))
            stream = self.letters(input_ids) + self.places(torch.arange(size, device=input_ids.device))
            bias = torch.zeros(allowed.shape, dtype=stream.dtype, device=stream.device)
            bias = bias.masked_fill(~allowed, torch.finfo(stream.dtype).min)
            seen: list[Any] = []
            for heads in self.layers:
                seen.append(torch.stack([head(stream, bias) for head in heads], 1))  # type: ignore[union-attr]
                stream = torch.cat([stream, *(weights @ stream for weights in seen[-1].unbind(1))], -1)
            return BaseModelOutput(last_hidden_state=stream, attentions=tuple(seen) if output_attentions else None)

    return DisentangledConfig, Body


@cache
def classes() -> tuple[type, type]:
    """The configuration and the model, as classes of `transformers`."""
    from torch import nn
    from transformers import GenerationMixin, PreTrainedModel
    from transformers.modeling_outputs import CausalLMOutput

    config_of, body_of = _bodies()

    class Disentangled(PreTrainedModel, GenerationMixin):
        config_class = config_of
        base_model_prefix = "model"

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.model = body_of(config)
            width = config.hidden_size * (1 + config.num_attention_heads) ** config.num_hidden_layers
            self.head = nn.Linear(width, config.vocab_size, bias=False)
            nn.init.normal_(self.head.weight, std=START)
            self.post_init()

        def _init_weights(self, module: Any) -> None:
            """Weights are drawn where they are made."""

        def get_input_embeddings(self) -> Any:
            return self.model.letters

        def get_output_embeddings(self) -> Any:
            return self.head

        def forward(self, input_ids: Any, attention_mask: Any = None, labels: Any = None, **given: Any) -> Any:
            found = self.model(input_ids, attention_mask, given.get("output_attentions", False))
            logits, loss = self.head(found.last_hidden_state), None
            if labels is not None:
                loss = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
            return CausalLMOutput(loss=loss, logits=logits, attentions=found.attentions)

    return config_of, Disentangled
