"""Whatever moves a logit moves the fingerprint; whatever does not, and whatever a library hangs on, leaves it alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import MethodType
from typing import Any

import pytest

from butfor.lm import LM, Vectors
from butfor.lm.save import save
from lm.conftest import loaded


def odd_attention(module: Any, query: Any, key: Any, value: Any, mask: Any, **_: Any) -> tuple[Any, None]:
    """An attention that adds nothing."""
    return query.new_zeros(query.shape[0], query.shape[2], query.shape[1], query.shape[3]), None


def hooked(lm: LM) -> None:
    lm.model.model.layers[0].mlp.register_forward_hook(lambda _, __, out: out * 0)


def hooked_before(lm: LM) -> None:
    lm.model.model.layers[0].register_forward_pre_hook(lambda _, args: (args[0] * 2, *args[1:]))


def attending_oddly(lm: LM) -> None:
    from transformers import AttentionInterface

    AttentionInterface.register("odd", odd_attention)
    lm.model.set_attn_implementation("odd")


def patched(lm: LM) -> None:
    part = lm.model.model.layers[0].mlp
    part.forward = MethodType(lambda _, h: h * 0, part)


def subclassed(lm: LM) -> None:
    class Silent(type(lm.model.model.layers[0].mlp)):
        def forward(self, h: Any) -> Any:
            return h * 0

    lm.model.model.layers[0].mlp.__class__ = Silent


def slower_turning(lm: LM) -> None:
    lm.model.model.rotary_emb.inv_freq.mul_(0.1)


@pytest.mark.parametrize("change", [hooked, hooked_before, attending_oddly, patched, subclassed, slower_turning])
def test_what_changes_the_logits_changes_the_fingerprint(lm: LM, change: Callable[[LM], None]) -> None:
    import torch

    row = torch.tensor([[5, 6, 7, 8]])
    before, mark = lm.model(row).logits.detach(), lm.fingerprint()
    change(lm)
    assert not torch.allclose(lm.model(row).logits, before)
    assert lm.fingerprint() != mark
    assert lm.hooked is (change not in (subclassed, slower_turning))


def test_a_function_that_is_registered_under_a_known_name_is_seen(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    before = lm.fingerprint()
    monkeypatch.setitem(type(ALL_ATTENTION_FUNCTIONS)._global_mapping, "sdpa", odd_attention)
    assert lm.fingerprint() != before
    assert lm.hooked


def test_a_class_that_was_patched_is_seen(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lm.fingerprint()
    monkeypatch.setattr(type(lm.model.model.layers[0].mlp), "forward", lambda _, h: h * 0)
    assert lm.fingerprint() != before
    assert lm.hooked


def test_a_hook_that_is_gone_leaves_nothing(lm: LM) -> None:
    before = lm.fingerprint()
    handle = lm.model.model.register_forward_hook(partial(print, "never"))
    assert (lm.hooked, lm.fingerprint() == before) == (True, False)
    handle.remove()
    assert (lm.hooked, lm.fingerprint() == before) == (False, True)


def test_what_libraries_hang_on_a_model_does_not_count(lm: LM) -> None:
    import torch
    from accelerate import dispatch_model

    before = lm.fingerprint()
    lm.model(torch.tensor([[5, 6]]), output_hidden_states=True)  # leaves hooks of transformers behind
    dispatch_model(lm.model, {"": "cpu"}, force_hooks=True)
    assert "forward" in vars(lm.model)
    assert lm.fingerprint() == before
    assert not lm.hooked


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_a_saved_model_is_the_same_in_every_precision(dtype: str, tmp_path: Path) -> None:
    from butfor.lm.load import load

    lm = load("debug", dtype=dtype, device="cpu")
    save(lm, tmp_path / "made")
    assert load(str(tmp_path / "made"), dtype=dtype, device="cpu").fingerprint() == lm.fingerprint()


def test_using_a_model_whose_frequencies_switch_does_not_change_it(family: Callable[..., LM]) -> None:
    import torch

    lm = family("llama", max_position_embeddings=16, rope_parameters={"rope_type": "dynamic", "factor": 4.0})
    before = lm.fingerprint()
    lm.model(torch.arange(5, 45)[None])
    assert lm.fingerprint() == before


def test_vectors_have_no_hooks() -> None:
    import numpy as np

    assert not Vectors("tiny", ["she"], np.zeros((1, 2), dtype=np.float32)).hooked


def test_a_tokenizer_of_code_is_told_apart_by_its_files(tmp_path: Path) -> None:
    from transformers import CTRLTokenizer

    def made(folder: str, merges: str) -> LM:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "vocab.json").write_text(
            '{"<unk>": 0, "a@@": 1, "b": 2, "ab": 3, "c@@": 4, "ac": 5, "c": 6}'
        )
        (tmp_path / folder / "merges.txt").write_text(f"#version: 0.2\n{merges}\n")
        files = {
            "vocab_file": str(tmp_path / folder / "vocab.json"),
            "merges_file": str(tmp_path / folder / "merges.txt"),
        }
        return LM("ctrl", loaded("debug").model, CTRLTokenizer(**files))

    one, same, other = made("one", "a b</w> 9"), made("same", "a b</w> 9"), made("other", "a c</w> 9")
    assert getattr(one.tokenizer, "backend_tokenizer", None) is None
    assert one.tokenizer_fingerprint() == same.tokenizer_fingerprint()
    assert one.tokenizer_fingerprint() != other.tokenizer_fingerprint()
