"""Features are means over a text's own tokens, whatever it is batched with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.lm import LM, Site, do, features, nll
from lm.conftest import loaded

TEXTS = ["a", "The nurse said that", "It was a bright cold day"]


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_features_are_masked_means(kind: str, family: Callable[..., LM]) -> None:
    import torch

    lm = family(kind)
    found = features(lm, TEXTS)
    for row, text in zip(found, TEXTS, strict=True):
        with torch.inference_mode():
            hidden = lm.model.base_model(torch.tensor([lm.tokenizer(text)["input_ids"]]))[0][0]
        assert np.allclose(row, hidden.mean(0).numpy(), atol=1e-5)
    assert np.allclose(features(lm, TEXTS, batch_tokens=1), found, atol=1e-5)


def odd(kind: str) -> LM:
    from transformers import AlbertConfig, AlbertModel, RobertaConfig, RobertaModel

    shape: dict[str, Any] = {"vocab_size": 259, "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    if kind == "albert":
        model: Any = AlbertModel(AlbertConfig(**shape, embedding_size=8, intermediate_size=16))
    else:
        model = RobertaModel(RobertaConfig(**shape, intermediate_size=16, max_position_embeddings=34, pad_token_id=1))
    return LM(kind, model.eval(), loaded("debug").tokenizer)


def test_embeddings_may_be_narrower_than_the_stream() -> None:
    lm = odd("albert")
    assert (lm.dim, features(lm, ["abc"]).shape) == (16, (1, 16))


def test_positions_may_be_counted_from_the_padding_token_on() -> None:
    lm = odd("roberta")
    assert lm.context == 32
    assert features(lm, ["a" * 32]).shape == (1, 16)
    with pytest.raises(UserError, match="text 0 has 33 tokens; roberta reads 1 to 32"):
        features(lm, ["a" * 33])


def test_an_intervention_counts_positions_in_each_text(family: Callable[..., LM]) -> None:
    lm = family("llama")
    with do(lm, {Site(1, "resid", positions=(-1,)): 0.0}):
        assert np.allclose(features(lm, TEXTS), [features(lm, [text])[0] for text in TEXTS], atol=1e-5)


@pytest.mark.parametrize("texts", ["abc", None, [3], ["a\ud800"]])
def test_texts_are_a_list_of_texts(lm: LM, texts: Any) -> None:
    for ask in (features, nll):
        with pytest.raises(UserError) as caught:
            ask(lm, texts)
        assert len(str(caught.value).splitlines()) == 1


def test_a_text_that_is_too_long_is_named(family: Callable[..., LM]) -> None:
    with pytest.raises(UserError, match="text 1 has 300 tokens"):
        features(family("llama"), ["a", "b" * 300])
