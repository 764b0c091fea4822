"""The two worlds that language offers: a language model, and a table of word vectors.

Both can say who they are. A fingerprint is blake2b over what decides every output: all weights and buffers as they are
now, with their names, shapes and types; the configuration without names and versions; the names of the code that runs
them (see `identity`). So a weight that was edited in place changes it, and so does a hook, while saving and loading
does not. It is computed anew each time: caching it would let an edited model answer with the old model's scores.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from butfor.core.errors import UnknownName, UserError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PROBE = "The 2 Nurses' café\n\tsaid:  日本 😀"  # read by a tokenizer whose rules are code, to see them at work
# Entries of a configuration that say where a model came from or how it was stored, not what it computes.
PROVENANCE = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache")


@dataclass(eq=False)
class LM:
    """A `transformers` model, untouched, with its tokenizer."""

    kind: ClassVar[str] = "lm"
    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    notes: list[str] = field(default_factory=list)
    answers: Any = None  # what a method put in the place of plain answers (see `data.question.Answers`)
    discovers: Any = None  # what a method put in to draw graphs (see `data.drawn.Discovers`)

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def is_encoder(self) -> bool:
        """Whether the model reads in both directions and has no next-token head: it gives features, not scores."""
        return not self.model.can_generate()

    @property
    def dim(self) -> int:
        """Width of the residual stream (the embeddings of some models are narrower)."""
        width = getattr(self.model.config.get_text_config(), "hidden_size", None)
        return width if isinstance(width, int) else int(self.embedding.shape[1])

    @property
    def embedding(self) -> torch.Tensor:
        """The input embeddings [V, d], as they lie in the model."""
        layer: Any = self.model.get_input_embeddings()
        return layer.weight

    @property
    def context(self) -> int | None:
        """The longest sequence that the model was built for, where its configuration says so."""
        config = self.model.config.get_text_config()
        table: Any = getattr(getattr(self.model.base_model, "embeddings", None), "position_embeddings", None)
        padding = getattr(table, "padding_idx", None)  # RoBERTa counts positions from here
        for key in ("max_position_embeddings", "n_positions", "seq_length"):
            length = getattr(config, key, None)
            if isinstance(length, int) and length > 0:
                return length if padding is None else length - padding - 1
        return None

    @property
    def hooked(self) -> bool:
        """Whether something hangs on it that no fingerprint can hash: hooks, patched forwards, answers by a method."""
        from butfor.lm.identity import foreign

        return self.answers is not None or bool(foreign(self.model))

    def fingerprint(self) -> str:
        """Hash of everything in the model that decides its outputs, as it is now; of code (see `hooked`), the names."""
        from butfor.lm.identity import structure
        from butfor.lm.rope import settle

        settle(self.model)
        settings: Any = getattr(self.model, "generation_config", None)
        digest = hashlib.blake2b(digest_size=20)
        digest.update(_canonical(_behaviour(self.model.config.to_dict())))
        digest.update(_canonical([structure(self.model), getattr(settings, "eos_token_id", None)]))
        weights = self.model.state_dict()
        seen: set[tuple[object, ...]] = set()
        for name, tensor in weights.items():
            if tensor.is_meta:
                raise UserError(f"{self.name}: {name} is offloaded to disk, so the model cannot be fingerprinted")
            place = (tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride())
            if place not in seen:
                seen.add(place)
                digest.update(_headed(name, tensor))
                digest.update(_bytes(tensor))
        for name, tensor in self.model.named_buffers(remove_duplicate=False):
            if name not in weights:  # not saved, but used: rotary frequencies, masks
                digest.update(_headed(name, tensor))
                digest.update(_bytes(tensor))
        return digest.hexdigest()

    def tokenizer_fingerprint(self) -> str:
        """Hash of the tokenizer, its special tokens and its chat template."""
        from butfor.lm.identity import name

        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        parts: dict[str, Any] = {
            "class": "fast",
            "special": {key: str(value) for key, value in self.tokenizer.special_tokens_map.items()},
            "template": self.tokenizer.chat_template,
            "vocabulary": self.tokenizer.get_vocab() if backend is None else json.loads(backend.to_str()),
        }
        for key in ("padding", "truncation"):  # left behind by the last call, not part of what the tokenizer is
            parts["vocabulary"].pop(key, None)
        if backend is None:
            parts |= {"class": name(type(self.tokenizer)), "files": _files(self.tokenizer)}
            parts["reads"] = self.tokenizer(PROBE)["input_ids"]
        return hashlib.blake2b(_canonical(parts), digest_size=20).hexdigest()


@dataclass(eq=False)
class Vectors:
    """Static word vectors: one row a word."""

    kind: ClassVar[str] = "vectors"
    name: str
    words: list[str]
    matrix: NDArray[np.float32]  # [V, d]
    notes: list[str] = field(default_factory=list)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words)}

    @property
    def dim(self) -> int:
        return int(self.matrix.shape[1])

    @property
    def hooked(self) -> bool:
        """Never: a table of vectors is all data."""
        return False

    def __contains__(self, word: object) -> bool:
        return word in self._rows

    def index(self, word: str) -> int:
        """The row of a word; an unknown word is a `UnknownName`."""
        row = self._rows.get(word)
        if row is None:
            near = [form for form in (word.lower(), word.strip(), word.strip().lower()) if form in self._rows]
            raise UnknownName(f"word in {self.name}", word, near)
        return row

    def fingerprint(self) -> str:
        """Hash of the words and of every number in the matrix, as it is now."""
        import numpy as np

        digest = hashlib.blake2b(digest_size=20)
        digest.update(f"{self.matrix.shape} {self.matrix.dtype}\n".encode())
        digest.update("\n".join(self.words).encode())
        digest.update(np.ascontiguousarray(self.matrix).view(np.uint8).data)
        return digest.hexdigest()


World: TypeAlias = LM | Vectors


def _files(tokenizer: Any) -> dict[str, str]:
    """Hashes of the files that a tokenizer without a `tokenizers` engine would save: vocabulary, merges, model."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            paths = tokenizer.save_vocabulary(folder) or ()
        except NotImplementedError:  # its vocabulary is all there is
            return {}
        return {Path(path).name: hashlib.blake2b(Path(path).read_bytes()).hexdigest() for path in paths}


def _behaviour(config: Any) -> Any:
    """A configuration without the entries that do not change an output."""
    if isinstance(config, dict):
        return {key: _behaviour(value) for key, value in config.items() if key not in PROVENANCE}
    return config


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, default=str).encode()


def _headed(name: str, tensor: torch.Tensor) -> bytes:
    return f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode()


def _bytes(tensor: torch.Tensor) -> memoryview:
    """The tensor's memory, without a copy where it lies contiguous on the CPU."""
    import torch

    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
