"""Coupled texts: no intervention gives the text back, and the noise is Gumbel: the one that would have said it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from butfor.core.errors import UserError
from butfor.lm import LM, Site, do
from butfor.lm.coupled import abduct, coupled, hindsight

PROMPTS = ["The nurse said that", "", "a", "The nurse said that"]
TEXTS = [" she was in.", "It was a bright cold day", "", " she was in."]


def draws(seed: int) -> Any:
    import torch

    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_no_intervention_gives_every_text_back(lm: LM, ended: bool, temperature: float) -> None:
    prompts, texts = (PROMPTS, TEXTS) if ended else (PROMPTS[:2], TEXTS[:2])
    noises = abduct(lm, prompts, texts, temperature=temperature, ended=ended)
    assert coupled(lm, noises) == texts
    assert coupled(lm, noises, max_new_tokens=4) == [text[:4] for text in texts]


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mistral", "mamba"])
def test_every_architecture_gives_its_text_back_and_changes_under_do(family: Callable[..., LM], kind: str) -> None:
    lm = family(kind)
    noises = abduct(lm, PROMPTS[:2], TEXTS[:2])
    assert coupled(lm, noises) == TEXTS[:2]
    other = family(kind, **({"n_layer": 1} if kind == "gpt2" else {"num_hidden_layers": 1}))
    assert coupled(other, noises) != TEXTS[:2]
    assert coupled(lm, noises) == TEXTS[:2]


def test_an_intervention_that_touches_nothing_a_prompt_and_a_site_that_do(lm: LM) -> None:
    noises = abduct(lm, PROMPTS[:2], TEXTS[:2], seed=1)
    with do(lm, {Site(0, "mlp"): lambda h: h}):
        assert coupled(lm, noises) == TEXTS[:2]
    with do(lm, {Site(0, "mlp"): 0.0}):
        changed = coupled(lm, noises)
        assert changed == coupled(lm, noises)
    assert changed != TEXTS[:2]
    assert coupled(lm, noises, prompts=["Another prompt altogether:"] * 2) != TEXTS[:2]


def test_it_goes_on_as_if_every_token_were_chosen_by_hand(lm: LM) -> None:
    """An independent reading: whole rows without a cache, argmax of log-probabilities plus noise."""
    import torch

    [noise] = abduct(lm, ["The nurse said that"], [" she was in."], seed=2)
    row = lm.tokenizer("Long ago")["input_ids"]
    made: list[int] = []
    for values in noise.values:
        with torch.inference_mode():
            logprobs = lm.model(torch.tensor([row + made])).logits[0, -1].double().log_softmax(-1)
        made.append(int((logprobs + values).argmax()))
        if made[-1] == lm.tokenizer.eos_token_id:
            break
    wanted = lm.tokenizer.decode(made, skip_special_tokens=True)
    assert coupled(lm, [noise], prompts=["Long ago"]) == [wanted]
    longer = coupled(lm, [noise], prompts=["Long ago"], max_new_tokens=30)
    assert longer[0].startswith(wanted[:-1]) and longer == coupled(lm, [noise], prompts=["Long ago"], max_new_tokens=30)


def test_the_noise_of_sampled_tokens_is_standard_gumbel() -> None:
    import torch

    logprobs = torch.randn(4000, 6, generator=draws(0), dtype=torch.float64).mul(2).log_softmax(-1)
    ids = torch.multinomial(logprobs.exp(), 1, generator=draws(1))[:, 0].tolist()
    noise = hindsight(logprobs, ids, draws(2))
    assert ((logprobs + noise).argmax(1) == torch.tensor(ids)).all()
    for column in noise.T.numpy():
        assert stats.kstest(column, stats.gumbel_r.cdf).pvalue > 1e-3
    correlation = np.corrcoef(noise.T.numpy()) - np.eye(6)
    assert np.abs(correlation).max() < 4 / math.sqrt(4000)


def test_the_noise_is_what_rejection_leaves() -> None:
    """Standard Gumbel draws of which only those with the right argmax are kept, against hindsight."""
    import torch

    logprobs = torch.tensor([0.6, 0.3, 0.09, 0.01], dtype=torch.float64).log()
    plain = torch.from_numpy(np.random.default_rng(0).gumbel(size=(60000, 4)))
    kept = plain[(plain + logprobs).argmax(1) == 2].numpy()
    made = hindsight(logprobs.expand(len(kept), 4), [2] * len(kept), draws(0)).numpy()
    for column in range(4):
        assert stats.ks_2samp(kept[:, column], made[:, column]).pvalue > 1e-3


def test_tokens_of_no_probability_keep_their_prior_and_never_come() -> None:
    import torch

    logprobs = torch.tensor([[0.5, 0.5, 0.0]]).double().log().expand(2000, 3)
    noise = hindsight(logprobs, [0] * 2000, draws(0))
    assert torch.isfinite(noise).all()
    assert stats.kstest(noise[:, 2].numpy(), stats.gumbel_r.cdf).pvalue > 1e-3


def test_a_token_stays_where_its_odds_did_not_fall() -> None:
    import torch

    before = torch.randn(500, 8, generator=draws(0), dtype=torch.float64).log_softmax(-1)
    ids = torch.multinomial(before.exp(), 1, generator=draws(1))[:, 0]
    noise = hindsight(before, ids.tolist(), draws(2))
    after = before - torch.rand(500, 8, generator=draws(3), dtype=torch.float64)
    after = after.scatter(1, ids[:, None], before.gather(1, ids[:, None])).log_softmax(-1)
    assert ((after + noise).argmax(1) == ids).all()


def test_the_same_text_twice_is_two_draws_and_a_seed_repeats(lm: LM) -> None:
    import torch

    one, two = abduct(lm, PROMPTS, TEXTS), abduct(lm, PROMPTS, TEXTS)
    assert all(torch.equal(a.values, b.values) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[0].values, one[3].values)
    [alone] = abduct(lm, PROMPTS[1:2], TEXTS[1:2])
    assert torch.equal(alone.values, one[1].values)
    assert not torch.equal(one[0].values, abduct(lm, PROMPTS, TEXTS, seed=1)[0].values)


def test_what_cannot_be_is_said_in_a_line(lm: LM, family: Callable[..., LM]) -> None:
    for message, act in {
        "0: greedy text": lambda: abduct(lm, ["a"], ["b"], temperature=0.0),
        "1 prompts and 2 texts": lambda: abduct(lm, ["a"], ["b", "c"]),
        "empty and was cut off": lambda: abduct(lm, ["a"], [""], ended=False),
        "does not give": lambda: abduct(lm, ["a"], ["b<eos>"]),
        "0 prompts for 1": lambda: coupled(lm, abduct(lm, ["a"], ["b"]), prompts=[]),
        "at least 1": lambda: coupled(lm, abduct(lm, ["a"], ["b"]), max_new_tokens=0),
        "another vocabulary": lambda: coupled(family("llama", vocab_size=300), abduct(lm, ["a"], ["b"])),
        "encoder": lambda: abduct(family("bert", num_hidden_layers=1), ["a"], ["b"]),
        "reads at most": lambda: abduct(lm, ["a"], ["b" * 3000]),
    }.items():
        with pytest.raises(UserError, match=message):
            act()
