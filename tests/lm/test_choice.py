"""Options are weighed as the model's own loss weighs each of them after its text, whatever stands beside it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from butfor.lm import LM
from butfor.lm.choice import padded, weighed
from lm.conftest import own_logprob

TEXTS = [[5, 9, 7], [40, 41, 42, 43, 44, 45], [60]]
OPTIONS = {
    "one token": [[[11], [12]], [[13], [14]], [[11], [15]]],
    "one token, ragged": [[[11], [12], [13]], [[13]], [[14], [15]]],
    "many tokens": [[[11, 12, 13], [14, 15]], [[16, 17], [18, 19, 20, 21]], [[22, 23], [24, 25]]],
    "one and many, ragged": [[[11], [12, 13]], [[14, 15, 16], [17], [18, 19]], [[20, 21, 22, 23, 24]]],
}


def texts() -> tuple[torch.Tensor, torch.Tensor]:
    """Texts padded on the right with tokens that would show, and their mask."""
    width = max(map(len, TEXTS))
    ids = torch.tensor([text + [99] * (width - len(text)) for text in TEXTS])
    return ids, torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in TEXTS])


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_each_option_weighs_what_the_model_itself_says(lm: LM, options: list[list[list[int]]]) -> None:
    told, seen = weighed(lm.model, *texts(), padded(options))
    assert told.shape == (3, max(map(len, options)))
    for text, row, found in zip(TEXTS, options, told.tolist(), strict=True):
        wanted = [own_logprob(lm, text + option, len(text)) for option in row]
        assert found[: len(row)] == pytest.approx(wanted, abs=1e-4)
        assert found[len(row) :] == [float("-inf")] * (told.shape[1] - len(row))
    for text, state in zip(TEXTS, seen, strict=True):
        alone = lm.model.base_model(input_ids=torch.tensor([text]))[0][0, -1]
        assert torch.allclose(state, alone, atol=1e-5)


def test_options_read_together_are_those_read_apart(lm: LM) -> None:
    """Options of one token that stand beside one of two go the long way, and come to the same."""
    short, long = [[[11], [12]]] * 3, [[[11], [12], [13, 14]]] * 3
    one, other = weighed(lm.model, *texts(), padded(short)), weighed(lm.model, *texts(), padded(long))
    assert torch.allclose(one[0], other[0][:, :2], atol=1e-5) and torch.allclose(one[1], other[1], atol=1e-5)


@pytest.mark.parametrize("options", [OPTIONS["one token"], OPTIONS["one and many, ragged"]], ids=["one", "many"])
def test_what_a_model_does_to_its_logits_counts(family: Any, options: list[list[list[int]]]) -> None:
    """Gemma 2 caps its logits after the output embeddings, which only its own forward pass does."""
    lm = family("gemma2")
    told, _ = weighed(lm.model, *texts(), padded(options))
    for text, row, found in zip(TEXTS, options, told.tolist(), strict=True):
        wanted = [own_logprob(lm, text + option, len(text)) for option in row]
        assert found[: len(row)] == pytest.approx(wanted, abs=1e-4)
