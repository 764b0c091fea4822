"""CATT: it starts as the standard model, keeps causality, is the attention of its equation, and resumes exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from butfor.core.errors import UserError
from butfor.core.seeds import generator
from butfor.lm.load import load
from butfor.pretrain.attention.catt import CATT, PARTS, cross, features, kmeans
from butfor.pretrain.attention.switch import attention_layers, held
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.standard import Standard

ROWS = [{"text": f"ward {n % 7} said {n * n}"} for n in range(24)]
SETTINGS = TrainSettings(steps=6, batch_size=3, length=24, learning_rate=3e-3, save_every=2)
SMALL = CATT(entries=5, sample=80)


def plan(lm, rows=ROWS):
    return batches(numbered(rows), lm.tokenizer, seed=1, batch_size=3, length=24, steps=6)


def attached(lm, method=SMALL):
    """The model with the method's parts on it."""
    with method.attach(lm, plan(lm), generator(1, "attach")):
        pass
    return lm


def stirred(lm):
    """Value projections that are no longer zero, as after training."""
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in attention_layers(lm.model):
            getattr(layer, PARTS)["value"].normal_(0, 0.3, generator=draw)
    return lm


def go(folder: Path, method, progress=None, settings=SETTINGS):
    lm = load("debug")
    train(lm, ROWS, method, settings=settings, seed=1, folder=folder, progress=progress)
    return lm


def same(one, other) -> bool:
    states = one.model.state_dict(), other.model.state_dict()
    return states[0].keys() == states[1].keys() and all(torch.equal(v, states[1][k]) for k, v in states[0].items())


def test_strength_zero_is_standard_training_bit_for_bit(tmp_path):
    plain, zero = go(tmp_path / "a", Standard()), go(tmp_path / "b", CATT(strength=0))
    assert same(plain, zero) and not zero.hooked
    assert (tmp_path / "a" / "train.jsonl").read_bytes() == (tmp_path / "b" / "train.jsonl").read_bytes()


@pytest.mark.parametrize("method", [SMALL, replace(SMALL, dictionary="random"), replace(SMALL, shared=True)])
def test_the_first_step_is_that_of_the_standard_model(method):
    ids = torch.tensor([list(range(40, 60))])
    plain, lm = load("debug"), attached(load("debug"), method)
    assert lm.hooked and torch.equal(plain.model(input_ids=ids).logits, lm.model(input_ids=ids).logits)
    loss = lm.model(input_ids=ids, labels=ids).loss
    loss.backward()
    assert all(getattr(layer, PARTS)["value"].grad.abs().max() > 0 for layer in attention_layers(lm.model))


def test_no_output_depends_on_a_later_token():
    lm = stirred(attached(load("debug")))
    ids = torch.tensor([list(range(40, 52))])
    embedded = lm.embedding[ids].detach().requires_grad_()
    logits = lm.model(inputs_embeds=embedded).logits
    for t in range(ids.shape[1]):
        (grad,) = torch.autograd.grad(logits[0, t].square().sum(), embedded, retain_graph=True)
        assert torch.equal(grad[0, t + 1 :], torch.zeros_like(grad[0, t + 1 :]))
        assert (grad[0, : t + 1].abs().amax(-1) > 0).all()


def test_what_is_added_is_the_attention_of_the_equation():
    lm = stirred(attached(load("debug")))
    layer = attention_layers(lm.model)[0]
    parts = getattr(layer, PARTS)
    hidden = torch.randn(2, 3, 32, generator=torch.Generator().manual_seed(1))
    found = cross(parts, hidden, heads=4)
    m = parts["dictionary"] * 32**0.5
    for b in range(2):
        for t in range(3):
            r = hidden[b, t] / (hidden[b, t].pow(2).mean() + 1e-6).sqrt()
            for head in range(4):
                rows = slice(8 * head, 8 * head + 8)
                scores = (m @ parts["key"][rows].T) @ (parts["query"][rows] @ r) / 8**0.5 + parts.prior
                expected = scores.softmax(0) @ (m @ parts["value"][rows].T)
                torch.testing.assert_close(found[b, t, head], expected, atol=1e-5, rtol=1e-4)


def test_as_many_centres_as_tokens_look_at_every_token_and_centres_weigh_by_their_tokens():
    x = np.random.default_rng(0).normal(size=(12, 32))
    centres, shares = kmeans(x, 12, np.random.default_rng(1))
    assert np.allclose(sorted(centres[:, 0]), sorted(x[:, 0])) and np.allclose(shares, 1 / 12)
    repeated = np.repeat(x[:3], [1, 2, 5], axis=0)
    centres, shares = kmeans(repeated, 3, np.random.default_rng(1))
    query = np.random.default_rng(2).normal(size=32)
    weights = shares * np.exp(centres @ query)
    every = np.exp(repeated @ query)
    assert np.allclose(weights @ centres / weights.sum(), every @ repeated / every.sum())


def test_kmeans_finds_planted_groups_and_is_the_same_twice():
    rng = np.random.default_rng(3)
    means = 10 * rng.normal(size=(4, 6))
    x = np.concatenate([mean + 0.1 * rng.normal(size=(n, 6)) for mean, n in zip(means, (10, 20, 30, 40), strict=True)])
    one, other = kmeans(x, 4, np.random.default_rng(5)), kmeans(x, 4, np.random.default_rng(5))
    assert np.array_equal(one[0], other[0])
    order = np.argsort(one[1])
    assert np.allclose(one[1][order], (0.1, 0.2, 0.3, 0.4)) and np.allclose(one[0][order], means, atol=0.1)
    assert kmeans(np.zeros((5, 2)), 3, np.random.default_rng(0))[1].sum() == 1  # nothing to tell apart


def test_gradients_are_right():
    rng = torch.Generator().manual_seed(0)
    shapes = {"dictionary": (3, 4), "query": (4, 4), "key": (4, 4), "value": (4, 4)}
    drawn = [torch.randn(shape, generator=rng, dtype=torch.float64).requires_grad_() for shape in shapes.values()]
    hidden = torch.randn(1, 2, 4, generator=rng, dtype=torch.float64).requires_grad_()

    class Parts(dict):
        prior = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64).log()

    assert torch.autograd.gradcheck(
        lambda hidden, *parts: cross(Parts(zip(shapes, parts, strict=True)), hidden, 2), (hidden, *drawn)
    )


def test_the_dictionary_is_of_training_tokens_that_the_seed_decides():
    lm = load("debug")
    one, other = (features(lm, plan(lm), np.random.default_rng(0), 30) for _ in range(2))
    assert len(one) == 2 and one[0].x.shape == (30, 32) and (one[0].heads, one[0].width) == (4, 8)
    assert all(np.array_equal(a.x, b.x) for a, b in zip(one, other, strict=True))
    assert not lm.hooked and not held(lm.model)
    layer = lm.model.model.layers[0]
    every = layer.input_layernorm(lm.embedding).detach().double()
    every = every / every.pow(2).mean(-1, keepdim=True).add(1e-6).sqrt()
    away = (torch.from_numpy(one[0].x)[:, None] - every).abs().amax(-1)
    tokens = {int(token) for step in range(6) for token in plan(lm)[step]["input_ids"].flatten()}
    assert away.amin(1).max() < 1e-5 and set(away.argmin(1).tolist()) <= tokens - {0}


@pytest.mark.parametrize("shared", [False, True])
def test_training_moves_the_dictionary_resumes_exactly_and_keeps_it(tmp_path, shared):
    method = replace(SMALL, shared=shared)

    def stop(step, total, loss):
        if step == 5:
            raise KeyboardInterrupt

    whole = go(tmp_path / "a", method)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "b", method, stop)
    resumed = go(tmp_path / "b", method)
    assert same(whole, resumed) and whole.hooked
    assert (tmp_path / "a" / "train.jsonl").read_bytes() == (tmp_path / "b" / "train.jsonl").read_bytes()
    start, end = (getattr(attention_layers(lm.model)[0], PARTS) for lm in (attached(load("debug"), method), whole))
    assert all(not torch.equal(start[name], end[name]) for name in start)
    assert any("of 5 entries" in note for note in whole.notes)


def test_an_interrupted_training_leaves_nothing_on_the_model():
    lm = load("debug")
    with pytest.raises(KeyboardInterrupt), SMALL.attach(lm, plan(lm), generator(1, "attach")):
        raise KeyboardInterrupt
    assert not lm.hooked and lm.fingerprint() == load("debug").fingerprint()


def test_it_goes_on_any_decoder_and_reads_on_from_a_cache():
    from transformers import GPT2Config, GPT2LMHeadModel

    lm = load("debug")
    config = GPT2Config(vocab_size=259, n_embd=24, n_layer=2, n_head=3, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
    lm.model = GPT2LMHeadModel(config).eval()  # type: ignore[assignment]
    for world in (stirred(attached(lm)), stirred(attached(load("debug")))):
        ids = torch.tensor([list(range(40, 52))])
        whole = world.model(input_ids=ids).logits
        begun = world.model(input_ids=ids[:, :7], use_cache=True)
        rest = world.model(input_ids=ids[:, 7:], past_key_values=begun.past_key_values).logits
        torch.testing.assert_close(rest, whole[:, 7:], atol=1e-4, rtol=1e-4)


def test_wrong_settings_cost_one_line(tmp_path):
    with pytest.raises(ValueError, match="at least as many as entries"):
        CATT(entries=100, sample=50)
    lm = load("debug")
    with pytest.raises(UserError, match="set entries to"), CATT(entries=2000).attach(lm, plan(lm), generator(1, "a")):
        pass
    assert not lm.hooked


def test_the_finished_model_is_scored_as_it_reads():
    from butfor.lm import nll

    lm = stirred(attached(load("debug")))
    ids = lm.tokenizer("Ward 3 said 9.")["input_ids"]
    logits = lm.model(input_ids=torch.tensor([ids])).logits[0, :-1].double()
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]))
    texts = [ids, ids[:5], ids[3:]]  # of different lengths, and twice: nothing is left over from one to the next
    assert nll(lm, texts)[0] == pytest.approx(expected.item(), rel=1e-4)
    assert nll(lm, texts) == nll(lm, texts)
