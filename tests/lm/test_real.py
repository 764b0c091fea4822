"""The default model, if it was fetched: known answers, exact scores, a fingerprint that survives a copy."""

from __future__ import annotations

import math
from typing import Any

import pytest

from butfor.lm import LM, Site, do, generate, nll, read, score
from butfor.lm.load import models
from butfor.lm.tokens import beginning, tokenized
from lm.conftest import loaded, own_logprob

pytestmark = pytest.mark.skipif(
    not (models() / "smollm2-135m").is_dir(), reason="the default model is not here; run: butfor fetch smollm2-135m"
)
ITEMS: list[dict[str, Any]] = [
    {"prompt": "The nurse said that", "choices": [" she", " he"]},
    {"prompt": "The man lost his balance because", "choices": [" he slipped on the ice.", " he ran out of petrol."]},
    {"prompt": "The engin", "choices": ["eer", "e room"]},
    {"prompt": "def f(x):\n", "choices": ["    return x"]},
]


@pytest.fixture(scope="module")
def small() -> LM:
    return loaded("smollm2-135m")


def test_it_knows_what_it_should(small: LM) -> None:
    assert generate(small, ["The capital of France is"], max_new_tokens=1) == [" Paris"]
    she, he = score(small, ITEMS[:1])[0].logprobs
    assert math.exp(she) == pytest.approx(0.119, abs=0.005)
    assert math.exp(he) == pytest.approx(0.024, abs=0.005)


def test_scores_are_exact(small: LM) -> None:
    for choices, found in zip(tokenized(small, ITEMS), score(small, ITEMS), strict=True):
        for ids, value, count in zip(choices.ids, found.logprobs, found.counts, strict=True):
            assert value / count == pytest.approx(own_logprob(small, ids, choices.start) / count, abs=2e-5)


def test_an_empty_prompt_stands_between_documents(small: LM) -> None:
    """Its <bos> is <|im_start|>, after which it expects a speaker's role."""
    assert small.tokenizer.bos_token == "<|im_start|>"
    assert beginning(small) == [small.tokenizer.convert_tokens_to_ids("<|endoftext|>")]


def test_scores_are_exact_in_double_precision(small: LM) -> None:
    """To 1e-6: Llama's norms round to float32 whatever the weights are. (`debug` is exact to 1e-9.)"""
    import torch

    double = loaded("smollm2-135m")
    double.model.double()
    for item, found, near in zip(ITEMS, score(double, ITEMS), score(small, ITEMS), strict=True):
        choices = tokenized(double, [item])[0]
        for ids, value, close in zip(choices.ids, found.logprobs, near.logprobs, strict=True):
            with torch.no_grad():
                every = double.model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
            own = float(every[torch.arange(len(ids) - 1), torch.tensor(ids[1:])][choices.start - 1 :].sum())
            assert value == pytest.approx(own, abs=1e-6)
            assert close / (len(ids) - choices.start) == pytest.approx(own / (len(ids) - choices.start), abs=2e-5)


def test_fluent_text_is_likelier_than_its_words_in_disorder(small: LM) -> None:
    fluent, shuffled = nll(
        small, ["The cat sat on the warm mat by the fire.", "mat The fire by sat warm the on the cat."]
    )
    assert fluent < shuffled - 1


def test_the_last_stream_carries_the_answer(small: LM) -> None:
    last = Site(29, "resid")
    rome = {last: read(small, "The capital of Italy is", [last])[last]}
    with do(small, rome):
        assert score(small, [{"prompt": "The capital of Spain is", "choices": [" Rome", " Madrid"]}])[0].best == 0


def test_its_chat_template_and_context(small: LM) -> None:
    text = small.tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    assert "<|im_start|>user\nhi<|im_end|>" in str(text)
    assert (small.context, small.tokenizer.model_max_length, small.dim) == (8192, 8192, 576)
