"""A language model as a judge: its probabilities are the scorer's, its saliency is the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from butfor.core.errors import UserError
from butfor.data.counterfactual.judge import Classifier
from butfor.lm.head import hang
from butfor.lm.load import load
from butfor.lm.scoring import score

TEXT, VALUES, OPTIONS = "It was a bad film.", ("Negative", "Positive"), (" dull", " a delight")


def judge(head: bool, length: int = 64) -> Classifier:
    lm: Any = load("debug", dtype="float64", device="cpu")
    if head:
        hang(lm, 2, length, 0)
    return Classifier(lm, VALUES, () if head else OPTIONS, length)


def chance(made: Classifier, embedded: Any, value: int) -> Any:
    """log P(value) from embedded tokens, written independently of the judge."""
    model: Any = made.lm.model
    if not made.options:
        hidden = model.model(inputs_embeds=embedded[None])[0].mean(1)
        return model.butfor_head(hidden.float()).log_softmax(-1)[0, value]
    found = []
    for option in made.options:
        ids = made.lm.tokenizer(option, add_special_tokens=False)["input_ids"]
        row = torch.cat([embedded, model.get_input_embeddings()(torch.tensor(ids)).detach()])
        logits = model(inputs_embeds=row[None]).logits[0, len(embedded) - 1 : -1].log_softmax(-1)
        found.append(logits[range(len(ids)), ids].sum())
    return torch.stack(found).log_softmax(-1)[value]


@pytest.mark.parametrize("head", [True, False])
def test_saliency_is_the_gradient_at_each_word(head: bool) -> None:
    made = judge(head)
    ids = made.lm.tokenizer(TEXT)["input_ids"]
    embedded = made.lm.model.get_input_embeddings()(torch.tensor(ids)).detach()
    open_ = embedded.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(chance(made, open_, 1), open_)
    for at in () if head else (0, 7, len(ids) - 1):  # a head works in float32
        step = torch.zeros_like(embedded)
        step[at] = 1e-3 * slope[at].sign()
        with torch.no_grad():
            rise = float(chance(made, embedded + step, 1) - chance(made, embedded - step, 1)) / 2e-3
        assert rise == pytest.approx(float(slope[at].abs().sum()), rel=2e-2)
    each = slope.abs().sum(-1).tolist()
    starts = [(0, 2), (3, 6), (7, 8), (9, 12), (13, 17)]
    wanted = [max(each[a:b]) for a, b in starts]
    assert made.saliency(TEXT, 1) == pytest.approx(wanted, rel=1e-3)
    assert made.lm.model.get_input_embeddings()._forward_hooks == {}


def test_what_is_not_read_has_no_weight_and_probabilities_are_the_scorers() -> None:
    short = judge(True, length=8)
    assert short.saliency(TEXT, 0)[:2] > [0, 0] and short.saliency(TEXT, 0)[3:] == [0.0, 0.0]
    made = judge(False)
    [scored] = score(made.lm, [{"prompt": TEXT, "choices": list(OPTIONS)}])
    share = np.exp(scored.logprobs)
    assert made.likely([TEXT])[0] == pytest.approx(share / share.sum())
    assert made.identity() == judge(False).identity() != judge(True).identity()


def test_a_judge_needs_a_head_or_options() -> None:
    lm: Any = load("debug")
    with pytest.raises(UserError, match="give options, or train"):
        Classifier(lm, VALUES)
    with pytest.raises(UserError, match="2 values and 1 options"):
        Classifier(lm, VALUES, (" one",))
