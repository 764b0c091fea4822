"""Models from scratch: `scratch:4x128` is a Llama of 4 layers, 128 wide, whose weights are drawn anew for each seed.

    scratch:LAYERSxWIDTH[,heads=N][,tokens=bytes|CORPUS/SIZE|MODEL][,positions=rotary|none][,context=N][,mlp=N][,init=SD]

heads      as many as make heads 32 wide, or one
tokens     bytes: one token a byte, 259 in all. CORPUS/SIZE: a byte-level BPE of SIZE entries, made from the texts of a
           corpus ("plain/512", "rows.jsonl/2048"). A model's name: that model's tokenizer.
positions  rotary: as in Llama. none: no positions at all (then the model is a SmolLM3 without rotary layers); what is
           before what shows through the causal mask alone, and carries over to longer texts (Kazemnejad et al. 2023)
context    the longest text, 2048 tokens. mlp: width of the hidden layer, 4 x WIDTH / 1.5 rounded up to 32
init       standard deviation of the first weights, 0.02; narrow models learn to compare words sooner from 0.1

A seed decides the weights and nothing else; in an experiment both arms start from the same ones. The tokenizer is the
same for all seeds. Embeddings are tied; weights are float32 and drawn as `transformers` draws them (normal, sd `init`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UnknownName, UserError
from butfor.core.keys import digest
from butfor.core.seeds import derive
from butfor.data.corpora import rows
from butfor.lm.world import LM

if TYPE_CHECKING:
    import torch

KIND = "lm"
FORM = re.compile(r"scratch:(\d+)x(\d+)((?:,\w+=[^,]+)*)")
OPTIONS = ("heads", "tokens", "positions", "context", "mlp", "init")
POSITIONS = ("rotary", "none")
SMALLEST, LARGEST = 260, 65536  # entries of a BPE: all bytes and the special tokens stand in it
HOW = "write scratch:LAYERSxWIDTH, for example scratch:4x128 or scratch:4x128,heads=4,tokens=plain/512"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a name says."""

    layers: int
    width: int
    heads: int
    tokens: str
    positions: str
    context: int
    mlp: int
    init: float


def check(name: str) -> None:
    """Raise a `UserError` if the name does not describe a model that can be made."""
    shape = read(name)
    if corpus := _corpus(shape.tokens):
        rows(corpus[0])
    elif shape.tokens != "bytes":
        from butfor.lm.load import kind, made

        if shape.tokens == "debug" or made(shape.tokens) is not None or kind(shape.tokens) != "lm":
            how = "give bytes, CORPUS/SIZE, or a model that is loaded"
            raise UserError(f"scratch: {shape.tokens!r} has no tokenizer to borrow; {how}")


def stamp(name: str) -> str:
    """Names the tokenizer, which may come from a file."""
    tokens = read(name).tokens
    if corpus := _corpus(tokens):
        return digest(trained(*corpus))
    from butfor.lm.load import stamp as of_files

    return "" if tokens == "bytes" else of_files(tokens)


def width(name: str) -> int:
    """How wide it is."""
    return read(name).width


def tokenizer(name: str) -> Any:
    """Its tokenizer, without its weights."""
    return _tokenizer(read(name))


def read(name: str) -> Shape:
    """The shape behind a name."""
    found = FORM.fullmatch(name)
    if not found:
        raise UserError(f"{name!r} describes no model; {HOW}")
    given = dict(part.split("=", 1) for part in found[3].split(",") if part)
    for key in given:
        if key not in OPTIONS:
            raise UnknownName("option of scratch", key, OPTIONS)
    layers, width = int(found[1]), int(found[2])
    whole = {key: _whole(key, given[key]) for key in ("heads", "context", "mlp") if key in given}
    heads = whole.get("heads", max(1, width // 32))
    positions = given.get("positions", "rotary")
    if positions not in POSITIONS:
        raise UnknownName("positions", positions, POSITIONS)
    if not layers or not width or width % heads or (width // heads) % 2:
        raise UserError(f"{name!r}: {heads} heads do not share a width of {width} in even parts; {HOW}")
    init = _spread(given.get("init", "0.02"))
    mlp = whole.get("mlp", -(-8 * width // 96) * 32)
    return Shape(layers, width, heads, given.get("tokens", "bytes"), positions, whole.get("context", 2048), mlp, init)


def _whole(key: str, value: str) -> int:
    if not value.isdigit() or int(value) < 1:
        raise UserError(f"scratch: {key} is a whole number from 1 on, not {value!r}")
    return int(value)


def _spread(value: str) -> float:
    if not re.fullmatch(r"0?\.\d+|1(\.0*)?", value) or float(value) == 0:
        raise UserError(f"scratch: init is a standard deviation above 0, at most 1, not {value!r}")
    return float(value)


def _corpus(tokens: str) -> tuple[str, int] | None:
    """Corpus and size of a BPE; None where the tokens are another model's."""
    name, slash, size = tokens.rpartition("/")
    if not slash or not size.isdigit():
        return None
    if not SMALLEST <= int(size) <= LARGEST:
        raise UserError(f"scratch: a BPE has {SMALLEST} to {LARGEST} entries, not {size}")
    return name, int(size)


def make(name: str, *, seed: int, dtype: torch.dtype, device: torch.device | None) -> LM:
    """The model with the weights of a seed."""
    import torch

    shape = read(name)
    tokenizer = _tokenizer(shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "scratch") % 2**63)
        model: Any = _built(shape, tokenizer)
    for weight in model.parameters():  # the weights alone: rotary frequencies stay float32
        weight.data = weight.data.to(dtype)
    return LM(name, model.to(device or "cpu").eval(), tokenizer)


def _tokenizer(shape: Shape) -> Any:
    corpus = _corpus(shape.tokens)
    if corpus:
        return _tokens(trained(*corpus))
    if shape.tokens == "bytes":
        return _tokens(None)
    from butfor.lm.load import tokenizer as borrowed

    return borrowed(shape.tokens)


def _tokens(backend: str | None) -> Any:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    from butfor.lm.debug import SPECIAL, bytes_tokenizer

    pad, bos, eos = SPECIAL
    made = Tokenizer.from_str(backend) if backend else bytes_tokenizer()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token=pad, bos_token=bos, eos_token=eos)


def trained(corpus: str, size: int) -> str:
    """A byte-level BPE of a corpus, as JSON; the same for the same texts."""
    return _trained(tuple(row["text"] for row in rows(corpus)), size)


@lru_cache(8)
def _trained(texts: tuple[str, ...], size: int) -> str:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    from butfor.lm.debug import SPECIAL

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(SPECIAL), initial_alphabet=letters, show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    return made.to_str()


def _built(shape: Shape, tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM, SmolLM3Config, SmolLM3ForCausalLM

    common: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": shape.width,
        "intermediate_size": shape.mlp,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "max_position_embeddings": shape.context,
        "initializer_range": shape.init,
        "tie_word_embeddings": True,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    if shape.positions == "rotary":
        return LlamaForCausalLM(LlamaConfig(**common))
    return SmolLM3ForCausalLM(SmolLM3Config(**common, no_rope_layers=[0] * shape.layers, use_sliding_window=False))
