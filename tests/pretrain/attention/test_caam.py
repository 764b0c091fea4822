"""CaaM: its limits, its terms against their definitions, environments on a planted world, exact resume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div

from butfor.core.errors import UserError
from butfor.core.seeds import generator
from butfor.lm.load import load
from butfor.pretrain.attention.caam import (
    PARTS,
    READER,
    CaaM,
    examples,
    gate,
    gumbel,
    irm,
    slopes,
    split,
    variance,
)
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.standard import Standard

ROWS = [{"text": f"ward {n % 7}: {'yes' if n % 3 else 'no'}", "answer_at": 8} for n in range(24)]
SETTINGS = TrainSettings(steps=6, batch_size=4, length=24, learning_rate=3e-3, save_every=2)


def plan(lm, rows=ROWS, steps=6):
    return batches(numbered(rows), lm.tokenizer, seed=1, batch_size=4, length=24, steps=steps)


def go(folder: Path, method, progress=None):
    lm = load("debug")
    train(lm, ROWS, method, settings=SETTINGS, seed=1, folder=folder, progress=progress)
    return lm


def same(one, other) -> bool:
    states = one.model.state_dict(), other.model.state_dict()
    return states[0].keys() == states[1].keys() and all(torch.equal(v, states[1][k]) for k, v in states[0].items())


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def planted(size: int, agree: tuple[float, ...], rng: np.random.Generator):
    """Answers that a cause tells in 3 of 4 cases and a company in `agree` of them, by environment."""
    y, place = rng.integers(2, size=size), rng.integers(len(agree), size=size)
    cause = np.where(rng.random(size) < 0.75, y, 1 - y)
    company = np.where(rng.random(size) < np.array(agree)[place], y, 1 - y)
    return y, place, cause, company


def test_strength_zero_is_standard_training_bit_for_bit(tmp_path):
    plain, zero = go(tmp_path / "a", Standard()), go(tmp_path / "b", CaaM(strength=0))
    assert same(plain, zero) and not zero.hooked
    assert (tmp_path / "a" / "train.jsonl").read_bytes() == (tmp_path / "b" / "train.jsonl").read_bytes()


def test_answers_are_what_is_learnt_or_else_the_last_token():
    labels = torch.tensor([[-100, -100, 5, 6, -100], [1, 2, 3, -100, -100], [1, 2, 3, 4, 5]])
    text, position, label = examples(labels)
    assert text.tolist() == [0, 0, 1, 2] and position.tolist() == [1, 2, 1, 3] and label.tolist() == [5, 6, 3, 5]


def test_the_terms_are_those_of_the_equation():
    lm, method = load("debug"), CaaM(strength=0.7, penalty=50, adversary=0.3, environments=2)
    with method.attach(lm, plan(lm), generator(1, "a")):
        parts = getattr(lm.model, PARTS).double()
        count = len(parts.answers)
        with torch.no_grad():
            parts["delta"].copy_(0.1 * drawn(2, count, 32, seed=1))
            parts["left"].copy_(drawn(count, 32, seed=2))
        x, weight = drawn(6, 32, seed=3), drawn(count, 32, seed=4)
        y, text = torch.arange(6) % count, torch.tensor([0, 0, 1, 2, 3, 3])
        noise = gumbel(3, (4, 2))
        found = method.terms(parts, x, y, text, weight, None, noise)
        a = gate(parts, x)
        c, s = a * x, (1 - a) * x
        q = split(parts, slopes(s @ parts["left"].T, y), text, noise)
        assert set(q.flatten().round(decimals=12).tolist()) == {0.0, 1.0} and torch.equal(q[0], q[1])
        expected, penalty, squares = 0.0, 0.0, 0.0
        mean, shares = parts["delta"].mean(0), [q[:, e].mean() for e in range(2)]
        scale = torch.ones((), dtype=torch.float64, requires_grad=True)
        fitted = (s @ parts["left"].T).detach()
        (every,) = torch.autograd.grad(cross_entropy(scale * fitted, y), scale)
        for e in range(2):
            own = q[:, e].round().bool()
            w = weight + parts["delta"][e] - mean
            expected += cross_entropy(c[own] @ w.T, y[own]) / 2
            penalty += ((w - weight).norm() / w.abs().sum()) ** 2 / 2
            risk = cross_entropy(scale * fitted[own], y[own], reduction="sum") / 6
            (slope,) = torch.autograd.grad(risk, scale)
            squares += (slope - shares[e] * every) ** 2 / 2
        uniform = torch.full((6, count), 1 / count, dtype=torch.float64)
        rest = kl_div((s @ weight.T).log_softmax(-1), uniform, reduction="batchmean")
        expected = 0.7 * (expected + 50 * penalty + 0.3 * rest) + cross_entropy(s @ parts["left"].T, y) - squares
        torch.testing.assert_close(found, expected)


def test_each_term_reaches_its_own_parameters():
    lm, method = load("debug"), CaaM(strength=1.0)
    with method.attach(lm, plan(lm), generator(1, "a")):
        parts = getattr(lm.model, PARTS)
        with torch.no_grad():
            parts["left"].normal_(0, 0.5, generator=torch.Generator().manual_seed(0))
        x, count = drawn(8, 32).float().requires_grad_(), len(parts.answers)
        weight = drawn(count, 32, seed=1).float().requires_grad_()
        args = parts, x, torch.arange(8) % count, torch.arange(8), weight, None, gumbel(0, (8, 2)).float()
        method.terms(*args).backward()
        assert all(part.grad.abs().max() > 0 for part in parts.values()) and weight.grad is not None
        for each in (*parts.values(), x, weight):
            each.grad = None
        replace(method, strength=1e-30).terms(*args).backward()
        assert x.grad.abs().max() < 1e-25 and weight.grad.abs().max() < 1e-25 and parts["split"].grad.abs().max() > 0


def test_gradients_are_right():
    logits, y = drawn(6, 3).requires_grad_(), torch.tensor([0, 1, 2, 0, 1, 2])
    q = drawn(6, 2, seed=1).softmax(-1).requires_grad_()
    assert torch.autograd.gradcheck(lambda logits, q: irm(slopes(logits, y), q), (logits, q))
    heads, mean = drawn(2, 3, 4, seed=2).requires_grad_(), drawn(3, 4, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(variance, (heads, mean))
    assert variance(mean[None], mean) == 0


def test_with_one_environment_the_penalty_vanishes():
    lm, method = load("debug"), CaaM(environments=1, adversary=0)
    with method.attach(lm, plan(lm), generator(1, "a")):
        parts = getattr(lm.model, PARTS).double()
        with torch.no_grad():
            parts["delta"].copy_(drawn(*parts["delta"].shape))
        count = len(parts.answers)
        x, weight, y, text = drawn(6, 32, seed=3), drawn(count, 32, seed=4), torch.arange(6) % count, torch.arange(6)
        terms = [
            replace(method, penalty=penalty).terms(parts, x, y, text, weight, None, gumbel(0, (6, 1)))
            for penalty in (0, 1e6)
        ]
        assert terms[0] == terms[1]
        plain = cross_entropy((gate(parts, x) * x) @ weight.T, y)
        left = torch.zeros(6, count, dtype=torch.float64)
        torch.testing.assert_close(terms[0], plain + cross_entropy(left, y))


@pytest.mark.parametrize(("agree", "shortcut"), [((0.95, 0.75), True), ((0.95, 0.4), False)])
def test_the_split_parts_texts_by_what_tells_most_of_the_answer(agree, shortcut):
    """A company that is right in 85 % of all texts is found, and so are its environments; one in 68 % is not."""
    rng = np.random.default_rng(0)
    y, place, cause, company = planted(2000, agree, rng)
    s = torch.tensor(np.concatenate([np.eye(2)[company], np.eye(2)[cause]], 1) + 0.1 * rng.normal(size=(2000, 4)))
    answer, text = torch.tensor(y), torch.arange(2000)
    parts = {"split": torch.tensor([0.1, -0.1]), "shift": torch.zeros(2), "left": torch.zeros(2, 4)}
    parts = {name: torch.nn.Parameter(value.double()) for name, value in parts.items()}
    optimizer = torch.optim.Adam(parts.values(), lr=0.03)
    for step in range(200):
        fitted = s @ parts["left"].T
        slope = slopes(fitted.detach(), answer)
        loss = cross_entropy(fitted, answer) - irm(slope, split(parts, slope, text, gumbel(step, (2000, 2))))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    q = split(parts, slopes((s @ parts["left"].T).detach(), answer), text, torch.zeros(2000, 2)).detach()
    one = q[:, 0].numpy() > 0.5
    found = [max(np.mean(one == (mark == y)), np.mean(one != (mark == y))) for mark in (company, cause)]
    assert (found[0] > 0.9 > found[1]) if shortcut else (found[1] > 0.9 > found[0])
    apart = abs(one[place == 0].mean() - one[place == 1].mean())
    assert apart > 0.15 if shortcut else apart < 0.15  # 0.20 where texts are parted by their company


def test_no_other_split_has_a_larger_penalty():
    """For two environments the sign of the slope is best: checked against all splits of eight texts."""
    slope = drawn(8) - drawn(8).mean()
    every = torch.tensor([[n >> bit & 1 for bit in range(8)] for n in range(256)], dtype=torch.float64)
    penalties = torch.stack([irm(slope, torch.stack([one, 1 - one], 1)) for one in every])
    sign = (slope > 0).double()
    torch.testing.assert_close(irm(slope, torch.stack([sign, 1 - sign], 1)), penalties.max())


@pytest.mark.parametrize("reads", ["causal", "all"])
def test_it_resumes_exactly_and_leaves_what_the_finished_model_needs(tmp_path, reads):
    method = CaaM(reads=reads)

    def stop(step, total, loss):
        if step == 5:
            raise KeyboardInterrupt

    whole = go(tmp_path / "a", method)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "b", method, stop)
    assert same(whole, go(tmp_path / "b", method))
    assert (tmp_path / "a" / "train.jsonl").read_bytes() == (tmp_path / "b" / "train.jsonl").read_bytes()
    assert whole.hooked == (reads == "causal")
    added = whole.model.state_dict().keys() - load("debug").model.state_dict().keys()
    assert added == ({f"{PARTS}.inner", f"{PARTS}.outer", f"{PARTS}.open"} if reads == "causal" else set())
    assert any("caam" in note for note in whole.notes) and hasattr(whole.model, READER) == (reads == "causal")


def test_the_finished_model_answers_from_the_causal_stream(tmp_path):
    lm = go(tmp_path, CaaM())
    ids = torch.tensor([list(range(40, 52))])
    x = lm.model.model(input_ids=ids)[0]
    expected = (gate(getattr(lm.model, PARTS), x) * x) @ lm.embedding.T
    torch.testing.assert_close(lm.model(input_ids=ids).logits, expected)


def test_an_interrupted_training_leaves_nothing_on_the_model():
    lm = load("debug")
    with pytest.raises(KeyboardInterrupt), CaaM().attach(lm, plan(lm), generator(1, "a")):
        raise KeyboardInterrupt
    assert not lm.hooked and lm.fingerprint() == load("debug").fingerprint()


def test_texts_of_one_answer_cost_one_line():
    lm = load("debug")
    rows = [{"text": f"ward {n}: x", "answer_at": 8} for n in range(10, 20)]
    attached = CaaM().attach(
        lm, plan(lm, [{**row, "answer_at": len(row["text"]) - 1} for row in rows]), generator(1, "a")
    )
    with pytest.raises(UserError, match="have 1; say with answer_at"), attached:
        pass
    assert not lm.hooked
