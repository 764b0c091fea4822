"""A fingerprint follows every bit that decides an output, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import UnknownName
from butfor.lm import LM, Vectors
from lm.conftest import loaded


def test_one_bit_of_one_weight_changes_the_fingerprint(lm: LM) -> None:
    import torch

    before = lm.fingerprint()
    weight = lm.model.model.layers[1].mlp.down_proj.weight
    kept = weight[3, 5].item()
    with torch.no_grad():
        weight[3, 5] = float(np.nextafter(np.float32(kept), np.float32(9)))
    assert lm.fingerprint() != before
    with torch.no_grad():
        weight[3, 5] = kept
    assert lm.fingerprint() == before


def test_an_edit_in_place_of_tied_or_untied_embeddings_is_seen(lm: LM) -> None:
    import torch

    tied = lm.fingerprint()
    lm.model.lm_head.weight = torch.nn.Parameter(lm.model.lm_head.weight.detach().clone())
    untied = lm.fingerprint()
    with torch.no_grad():
        lm.model.lm_head.weight[0, 0] += 1
    assert len({tied, untied, lm.fingerprint()}) == 3


def test_the_configuration_counts_where_it_decides(lm: LM) -> None:
    before = lm.fingerprint()
    lm.model.config._name_or_path = "elsewhere"
    lm.model.config.use_cache = False
    assert lm.fingerprint() == before
    lm.model.config.rms_norm_eps = 0.5
    assert lm.fingerprint() != before


def test_using_a_tokenizer_does_not_change_it(lm: LM) -> None:
    before = lm.tokenizer_fingerprint()
    lm.tokenizer(["a", "bcd"], padding=True, truncation=True, max_length=2)
    assert lm.tokenizer_fingerprint() == before
    lm.tokenizer.chat_template = "{{ messages }}"
    assert lm.tokenizer_fingerprint() != before
    lm.tokenizer.chat_template = loaded("debug").tokenizer.chat_template
    lm.tokenizer.add_tokens(["<new>"])
    assert lm.tokenizer_fingerprint() != before


@pytest.fixture
def vectors() -> Vectors:
    return Vectors("tiny", ["she", "he", "it"], np.arange(6, dtype=np.float32).reshape(3, 2))


def test_words_have_rows(vectors: Vectors) -> None:
    assert (vectors.index("he"), vectors.dim, "she" in vectors, "they" in vectors) == (1, 2, True, False)
    with pytest.raises(UnknownName, match="did you mean 'she'"):
        vectors.index("She")
    with pytest.raises(UnknownName, match="unknown word in tiny 'zzz'"):
        vectors.index("zzz")


def test_vectors_fingerprint(vectors: Vectors) -> None:
    before = vectors.fingerprint()
    vectors.matrix[0, 0] += 1
    assert vectors.fingerprint() != before


def test_vectors_load_from_a_folder(vectors: Vectors, tmp_path: Path) -> None:
    from butfor.lm.load import load

    np.save(tmp_path / "vectors.npy", vectors.matrix)
    (tmp_path / "words.txt").write_text("she\nhe\nit\n")
    again = load(str(tmp_path))
    assert isinstance(again, Vectors)
    assert again.fingerprint() == vectors.fingerprint()
