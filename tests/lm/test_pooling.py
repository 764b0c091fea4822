"""Features are means over a text's own tokens, whatever it is batched with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.lm import LM, features

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


def test_a_text_that_is_too_long_is_named(family: Callable[..., LM]) -> None:
    with pytest.raises(UserError, match="text 1 has 300 tokens"):
        features(family("llama"), ["a", "b" * 300])
