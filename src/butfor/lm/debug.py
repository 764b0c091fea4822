"""`debug`: a random Llama of two layers with a byte tokenizer, made in memory, the same bytes every time.

It knows nothing, and that is its use: every path of the house runs on it in milliseconds. The weights come from a
generator of their own and are wide enough (standard deviation 0.2) that different texts get clearly different scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from butfor.core.seeds import derive
from butfor.lm.world import LM

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ("<pad>", "<bos>", "<eos>")
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


def debug(dtype: torch.dtype, device: torch.device) -> LM:
    """The debug model with its tokenizer."""
    model: Any = _model()
    for weight in model.parameters():  # the weights alone, as `from_pretrained` does: rotary frequencies stay float32
        weight.data = weight.data.to(dtype)
    return LM("debug", model.to(device=device).eval(), _tokenizer())


def bytes_tokenizer() -> Any:
    """One token a byte, and the special ones."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: row for row, token in enumerate([*SPECIAL, *letters])}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    return backend


def _tokenizer() -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    pad, bos, eos = SPECIAL
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_tokenizer(), pad_token=pad, bos_token=bos, eos_token=eos, model_max_length=2048
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _model() -> LlamaForCausalLM:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=256 + len(SPECIAL),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng(devices=[]):  # the constructor draws from the global state: give that back unmoved
        model = LlamaForCausalLM(config)
    draw = torch.Generator().manual_seed(derive(0, "lm", "debug"))
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:  # norms stay at one
                weight.normal_(0.0, 0.2, generator=draw)
    return model
