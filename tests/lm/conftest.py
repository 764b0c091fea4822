"""Small worlds for the tests of lm: the debug model, one whose tokens merge, and one of each architecture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from butfor.lm import LM
from butfor.lm.load import load

pytest.importorskip("torch", reason="lm needs torch: pip install 'butfor[lm]'")

TEXT = "The engineer said that the engine in the engine room was the thing. The nurse said she knew. " * 3
SMALL: dict[str, Any] = {
    "vocab_size": 259,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GATED = {**SMALL, "intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 256}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": GATED,
    "mistral": {**GATED, "sliding_window": 64},
    "qwen2": GATED,
    "gemma2": {**GATED, "head_dim": 8, "sliding_window": 64},
    "mixtral": {**GATED, "num_local_experts": 2},
    "gpt2": {**{k: v for k, v in SMALL.items() if k[:3] in ("voc", "pad", "bos", "eos")}, "n_embd": 32, "n_layer": 2},
    "gpt_neox": {**SMALL, "intermediate_size": 48, "max_position_embeddings": 256},
    "opt": {**SMALL, "ffn_dim": 48, "word_embed_proj_dim": 32, "max_position_embeddings": 256},
    "phi": {**SMALL, "intermediate_size": 48, "max_position_embeddings": 256},
    "falcon": {**SMALL, "alibi": False, "new_decoder_architecture": False},
    "bloom": {**SMALL, "n_head": 4, "n_layer": 2},
    "gpt_neo": {k: v for k, v in SMALL.items() if k[:3] in ("voc", "hid", "pad", "bos", "eos")},
    "doge": {**GATED, "keep_window_size": 12},
    "mamba": {k: v for k, v in SMALL.items() if k != "num_attention_heads"},
}
FAMILIES["gpt2"]["n_head"] = 4
FAMILIES["gpt_neo"] |= {"num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]]}
AHEAD = {"xlnet": {"vocab_size": 259, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48}}
ODD = ("doge",)  # beyond its window it looks ahead in the row: what it says depends on the row's end


@pytest.fixture
def lm() -> LM:
    return loaded("debug")


@pytest.fixture(scope="session")
def merging() -> LM:
    """The debug model's shape with a tokenizer whose tokens merge across words' ends and blanks."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.post_processor = processors.ByteLevel(trim_offsets=True)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<s>"], initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator([TEXT, "def f():\n    return x\n" * 5], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", pad_token="<s>")
    return LM("merging", family_model("llama", vocab_size=len(tokenizer)), tokenizer)


@pytest.fixture
def family() -> Callable[..., LM]:
    """A tiny random model of a named architecture, with the debug model's tokenizer."""
    return lambda kind, **changes: LM(kind, family_model(kind, **changes), loaded("debug").tokenizer)


def loaded(name: str) -> LM:
    world = load(name, device="cpu")
    assert isinstance(world, LM)
    return world


def family_model(kind: str, **changes: Any) -> Any:
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    config = AutoConfig.for_model(kind, **{**(FAMILIES | AHEAD).get(kind, GATED), **changes})
    auto = AutoModel if kind == "bert" else AutoModelForCausalLM
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = auto.from_config(config).eval()
        with torch.no_grad():
            for weight in model.parameters():
                if weight.ndim > 1:
                    weight.mul_(5)
    return model


def own_logprob(lm: LM, ids: list[int], start: int) -> float:
    """What the model's own loss says about ids[start:], with labels of −100 before: the independent truth."""
    import torch

    row = torch.tensor([ids])
    labels = row.clone()
    labels[:, :start] = -100
    with torch.inference_mode():
        return -float(lm.model(row, labels=labels).loss) * (len(ids) - start)
