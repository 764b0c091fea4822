"""The distribution of the next token, against the model's own forward pass on each text alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from butfor.core.errors import UserError
from butfor.lm import LM
from butfor.lm.following import distance, following
from butfor.lm.tokens import beginning, encode, opening

TEXTS = ["The nurse said", "The nurse said that", "The engineer", "", "A", "The nurse said", "word " * 40]


@pytest.mark.parametrize("kind", ["llama", "gemma2", "mamba", "bloom"])
@pytest.mark.parametrize("budget", [None, 16])
def test_equals_the_models_own(family: Callable[..., LM], kind: str, budget: int | None) -> None:
    import torch

    lm = family(kind)
    found = following(lm, TEXTS, batch_tokens=budget)
    assert torch.allclose(found.exp().sum(-1), torch.ones(len(TEXTS)), atol=1e-5)
    for text, row in zip(TEXTS, found, strict=True):
        ids = opening(lm) + encode(lm, [text])[0] or beginning(lm)
        with torch.no_grad():
            own = lm.model(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        assert torch.allclose(row, own, atol=1e-3), text


def test_distance_is_total_variation(lm: LM) -> None:
    import torch

    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.25, 0.5])
    assert distance(p.log(), q.log()) == pytest.approx(0.5)
    rows = following(lm, ["a", "a", "b"])
    assert distance(rows[0], rows[1]) == 0
    assert 0 < distance(rows[0], rows[2]) <= 1


def test_what_cannot_be_asked_is_told(lm: LM, family: Callable[..., LM]) -> None:
    assert following(lm, []).numel() == 0
    with pytest.raises(UserError, match="reads at most"):
        following(lm, ["x" * 3000])
    with pytest.raises(UserError, match="encoder"):
        following(family("bert"), ["a"])
