"""Attention matrices: those of a model built with written-out attention, and nothing of the model is left changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.lm import LM
from butfor.lm.attentions import attentions, written_out
from butfor.lm.load import load

TEXTS = ["the pump ran", "a", "all night long, and the day after"]


@pytest.fixture(scope="module")
def lm() -> LM:
    found = load("debug")
    assert isinstance(found, LM)
    return found


def test_they_are_those_of_one_text_alone_written_by_hand(lm: LM) -> None:
    import torch

    for text, one in zip(TEXTS, attentions(lm, TEXTS), strict=True):
        assert one.weights.shape == (2, 4, len(one.tokens), len(one.tokens))
        assert one.weights.sum(-1) == pytest.approx(1, abs=1e-5)
        assert not np.triu(one.weights, 1).any()
        layer: Any = lm.model.model.layers[0]
        with torch.no_grad():
            hidden = layer.input_layernorm(lm.model.model.embed_tokens(torch.tensor([one.tokens])))
            places = torch.arange(len(one.tokens))[None]
            cos, sin = lm.model.model.rotary_emb(hidden, places)
            q = layer.self_attn.q_proj(hidden).view(1, -1, 4, 8).transpose(1, 2)
            k = layer.self_attn.k_proj(hidden).view(1, -1, 2, 8).transpose(1, 2).repeat_interleave(2, 1)

            def turned(x: torch.Tensor, cos: torch.Tensor = cos, sin: torch.Tensor = sin) -> torch.Tensor:
                a, b = x.chunk(2, -1)
                return x * cos[:, None] + torch.cat([-b, a], -1) * sin[:, None]

            scores = turned(q) @ turned(k).transpose(2, 3) / 8**0.5
            ahead = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
            wanted = scores.masked_fill(ahead, -1e9).softmax(-1)[0]
        assert one.weights[0] == pytest.approx(wanted.numpy(), abs=1e-5), text


def test_batches_and_chosen_layers_change_nothing(lm: LM) -> None:
    whole, single = attentions(lm, TEXTS), attentions(lm, TEXTS, layers=[-1], batch_tokens=1)
    for a, b in zip(whole, single, strict=True):
        assert a.tokens == b.tokens and a.offsets == b.offsets
        assert b.weights[0] == pytest.approx(a.weights[1], abs=1e-5)


def test_the_model_is_as_it_was_whatever_happens(lm: LM) -> None:
    before, mark = lm.model.config._attn_implementation, lm.fingerprint()
    assert before == "sdpa"
    attentions(lm, TEXTS)
    with pytest.raises(ZeroDivisionError), written_out(lm.model):
        assert lm.model.config._attn_implementation == "eager"
        raise ZeroDivisionError
    with pytest.raises(UserError, match="layers 0 to 1"):
        attentions(lm, TEXTS, layers=[2])
    assert lm.model.config._attn_implementation == before and lm.fingerprint() == mark
    assert not lm.model.training


def test_an_encoder_looks_both_ways_and_its_special_tokens_are_there() -> None:
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=259, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, pad_token_id=0
    )
    tokenizer = load("debug").tokenizer  # type: ignore[union-attr]
    lm = LM("small", BertModel(config).eval(), tokenizer)
    long, short = attentions(lm, ["a wet floor", "wet"])
    assert np.triu(long.weights, 1).any() and short.weights.sum(-1) == pytest.approx(1, abs=1e-5)
    assert short.weights == pytest.approx(attentions(lm, ["wet"])[0].weights, abs=1e-5)


def test_parts_of_a_text_share_its_attention(lm: LM) -> None:
    one = attentions(lm, ["ab cd"])[0]
    found = one.between([(0, 2), (3, 5)])
    assert found.shape == (2, 4, 2, 2)
    w = one.weights[1, 2]
    assert found[1, 2, 1, 0] == pytest.approx(w[3:5, 0:2].sum(1).mean(), abs=1e-6)
    assert (found[..., 0, 1] == 0).all()
    with pytest.raises(UserError, match="holds no token"):
        one.between([(7, 9)])


def test_a_model_without_such_matrices_is_refused_in_a_line(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm.model.base_model, "forward", lambda **_: object())
    with pytest.raises(UserError, match="no attention matrices") as caught:
        attentions(lm, ["a"])
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="text 0 has 0 tokens"):
        attentions(lm, [""])
