"""Encoders guess hidden words: which are hidden is decided by seed and step, and the head comes off."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from butfor.core.errors import UserError
from butfor.data.corpora import rows
from butfor.lm import LM
from butfor.lm.debug import bytes_tokenizer
from butfor.pretrain.corpus.axioms import Axioms
from butfor.pretrain.corpus.mmd import MMD
from butfor.pretrain.corpus.reweight import Reweight
from butfor.train.loop import TrainSettings, train
from butfor.train.masked import HEAD, hidden
from butfor.train.standard import Standard

TOKEN = 3


def encoder() -> LM:
    """A random BERT of one layer that reads bytes."""
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytes_tokenizer(), pad_token="<pad>", mask_token="!")
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: Any = BertModel(config, add_pooling_layer=False)
    return LM("bert", model.eval(), cast(Any, tokenizer))


def batch(step: int, size: tuple[int, int] = (400, 50)) -> dict[str, torch.Tensor]:
    ids = torch.randint(4, 90, size, generator=torch.Generator().manual_seed(0))
    labels = ids.clone()
    labels[:, 40:] = -100
    return {"input_ids": ids, "labels": labels, "step": torch.tensor(step)}


def test_the_shares_are_those_of_the_equation() -> None:
    plain = batch(0)
    ids, labels = hidden(plain, TOKEN, 90, seed=0)
    learnt = labels != -100
    assert not learnt[:, 40:].any() and (labels[learnt] == plain["input_ids"][learnt]).all()
    assert learnt[:, :40].float().mean().item() == pytest.approx(0.15, abs=0.01)
    assert (ids[learnt] == TOKEN).float().mean().item() == pytest.approx(0.8, abs=0.03)
    assert (ids[learnt] == plain["input_ids"][learnt]).float().mean().item() == pytest.approx(0.1, abs=0.03)
    assert (ids == plain["input_ids"])[~learnt].all()


def test_what_is_hidden_depends_on_seed_and_step_alone() -> None:
    one, again = hidden(batch(3), TOKEN, 90, seed=1), hidden(batch(3), TOKEN, 90, seed=1)
    assert torch.equal(one[0], again[0]) and torch.equal(one[1], again[1])
    assert not torch.equal(one[1], hidden(batch(4), TOKEN, 90, seed=1)[1])
    assert not torch.equal(one[1], hidden(batch(3), TOKEN, 90, seed=2)[1])


def test_something_is_always_learnt() -> None:
    assert all((hidden(batch(step, (1, 1)), TOKEN, 90, seed=0)[1] != -100).any() for step in range(20))


def test_an_encoder_learns_and_comes_off_clean(tmp_path: Path) -> None:
    lm = encoder()
    names = set(lm.model.state_dict())
    settings = TrainSettings(steps=24, batch_size=8, length=32, learning_rate=1e-2)
    losses: list[float] = []
    facts = train(
        lm,
        rows("plain"),
        Standard(),
        settings=settings,
        seed=0,
        folder=tmp_path,
        progress=lambda *told: losses.append(told[2]),
    )
    assert sum(losses[-6:]) < 0.85 * sum(losses[:6])
    assert set(lm.model.state_dict()) == names and not hasattr(lm.model, HEAD)
    assert facts.steps == 24


def test_resume_is_exact(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(step: int, *_: Any) -> None:
        if step == 5:
            raise Stop

    settings = TrainSettings(steps=8, batch_size=4, length=32, learning_rate=1e-2, save_every=2)
    whole, torn = encoder(), encoder()
    train(whole, rows("plain"), Standard(), settings=settings, seed=0, folder=tmp_path / "a")
    with pytest.raises(Stop):
        train(torn, rows("plain"), Standard(), settings=settings, seed=0, folder=tmp_path / "b", progress=stop)
    again = encoder()
    train(again, rows("plain"), Standard(), settings=settings, seed=0, folder=tmp_path / "b")
    assert again.fingerprint() == whole.fingerprint()


@pytest.mark.parametrize("method", [MMD(), Reweight(), Axioms(passages=4)])
def test_a_method_that_needs_a_decoder_says_so(method: Any, tmp_path: Path) -> None:
    settings = TrainSettings(steps=1, batch_size=4, length=32)
    with pytest.raises(UserError, match=f"bert is an encoder, and {type(method).__name__} needs a decoder"):
        train(encoder(), rows("reviews")[:8], method, settings=settings, seed=0, folder=tmp_path)
