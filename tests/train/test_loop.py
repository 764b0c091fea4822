"""The loop: equals a hand-written one, treats arms alike, leaves no trace in the process, and says what went wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
import torch

from butfor.core.errors import RunError, SpecError, UserError
from butfor.core.seeds import generator
from butfor.lm.load import load
from butfor.train import checkpoint
from butfor.train.batches import batches, numbered
from butfor.train.borrow import random_states
from butfor.train.loop import TrainFacts, TrainSettings, train
from butfor.train.method import Method, Rows
from butfor.train.standard import Standard

ROWS = [{"text": f"The nurse of ward {n} said that she would be back by {n * n}."} for n in range(30)]
SETTINGS = TrainSettings(steps=8, batch_size=3, length=40, learning_rate=1e-3, warmup=2, weight_decay=0.1, save_every=3)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Upper(Method):
    """Maps rows one to one."""

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        return [{**row, "text": row["text"].upper()} for row in rows]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled(Method):
    """Multiplies the loss of every batch."""

    by: float

    def loss(self, model: Any, batch: Mapping[str, Any], outputs: Any) -> torch.Tensor:
        return outputs.loss * self.by


def weights(lm) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in lm.model.state_dict().items()}


def go(folder: Path, method: Method | None = None, *, lm=None, settings=SETTINGS, seed=1, rows=ROWS, progress=None):
    lm = lm or load("debug")
    facts = train(lm, rows, method or Standard(), settings=settings, seed=seed, folder=folder, progress=progress)
    return lm, facts


def by_hand(lm, plan) -> list[float]:
    """The same training in plain PyTorch."""
    model = lm.model.train()
    decays = [p for name, p in model.named_parameters() if "norm" not in name]
    rest = [p for name, p in model.named_parameters() if "norm" in name]
    groups = [{"params": decays, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, fused=False, foreach=False)
    losses = []
    for step in range(len(plan)):
        rate = step / 2 if step < 2 else (len(plan) - step) / (len(plan) - 2)
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * rate
        batch = plan[step]
        loss = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def test_standard_is_plain_training(tmp_path):
    lm, facts = go(tmp_path)
    plain = load("debug")
    losses = by_hand(plain, batches(numbered(ROWS), plain.tokenizer, seed=1, batch_size=3, length=40, steps=8))
    logged = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    np.testing.assert_allclose([line["loss"] for line in logged], losses, atol=1e-6, rtol=0)
    for name, value in weights(lm).items():
        torch.testing.assert_close(value, plain.model.state_dict()[name], atol=1e-6, rtol=0)
    assert logged[0]["loss"] == losses[0]
    assert facts.final_loss == logged[-1]["loss"] < losses[0]


def test_the_loss_hook_at_one_is_standard_bit_for_bit(tmp_path):
    one, plain = go(tmp_path / "a", Scaled(by=1.0))[0], go(tmp_path / "b")[0]
    assert all(torch.equal(value, weights(plain)[name]) for name, value in weights(one).items())
    assert (tmp_path / "a" / "train.jsonl").read_bytes() == (tmp_path / "b" / "train.jsonl").read_bytes()
    other = go(tmp_path / "c", Scaled(by=0.01))[0]  # below the clipping norm, so that the size of a gradient matters
    assert not all(torch.equal(value, weights(plain)[name]) for name, value in weights(other).items())


def test_two_arms_see_the_same_rows_and_spend_the_same(tmp_path):
    plain, upper = go(tmp_path / "a")[1], go(tmp_path / "b", Upper())[1]
    for name in ("steps", "tokens", "batches_hash", "rows_hash", "rows_cut", "flops"):
        assert getattr(plain, name) == getattr(upper, name), name
    assert go(tmp_path / "c", seed=2)[1].batches_hash != plain.batches_hash


def test_the_token_budget_is_spent_exactly(tmp_path):
    facts = go(tmp_path, settings=replace(SETTINGS, steps=None, tokens=517))[1]
    logged = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert facts.tokens == logged[-1]["tokens"] == 517
    assert [line["step"] for line in logged] == list(range(1, facts.steps + 1))


def test_the_loss_hook_gets_the_columns_of_its_rows(tmp_path):
    seen: list[dict[str, Any]] = []

    @final
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Watch(Method):
        def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
            return [{**row, "half": row["row"] / 2} for row in rows]

        def loss(self, model: Any, batch: Mapping[str, Any], outputs: Any) -> torch.Tensor:
            seen.append(dict(batch))
            return outputs.loss

    go(tmp_path, Watch())
    assert len(seen) == 9  # eight steps, and the batch that operations are counted on
    assert all(torch.equal(batch["half"], batch["row"] / 2) for batch in seen)
    assert seen[0]["row"].shape == (3,)


def test_costs_are_logged(tmp_path):
    facts = go(tmp_path)[1]
    assert facts.seconds > 0
    assert facts.tokens_per_second == pytest.approx(facts.tokens / facts.seconds)
    assert facts.peak_memory_bytes is None or facts.peak_memory_bytes > 1e6
    twice = go(tmp_path, settings=replace(SETTINGS, steps=16))[1]
    assert twice.flops / facts.flops == pytest.approx(twice.tokens / facts.tokens, rel=0.1)


def test_operations_count_what_the_method_adds(tmp_path):
    @final
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Again(Method):
        def loss(self, model: Any, batch: Mapping[str, Any], outputs: Any) -> torch.Tensor:
            return (outputs.loss + model(input_ids=batch["input_ids"], labels=batch["labels"]).loss) / 2

    assert go(tmp_path, Again())[1].flops == pytest.approx(2 * go(tmp_path)[1].flops, rel=0.02)


def test_nothing_global_moves(tmp_path, capfd):
    from transformers.utils import logging

    before = random_states(), logging.get_verbosity()
    lm = load("debug")
    cache = lm.model.config.use_cache
    go(tmp_path, lm=lm)
    after = random_states()
    assert before[0]["python"] == after["python"]
    assert str(before[0]["numpy"]) == str(after["numpy"])
    assert torch.equal(before[0]["torch"], after["torch"])
    assert before[1] == logging.get_verbosity()
    assert (lm.model.training, lm.model.config.use_cache) == (False, cache)
    assert all(parameter.grad is None for parameter in lm.model.parameters())
    assert capfd.readouterr() == ("", "")


def test_the_process_random_state_does_not_matter(tmp_path):
    torch.manual_seed(1)
    first = go(tmp_path / "a")[0]
    torch.manual_seed(2)
    assert first.fingerprint() == go(tmp_path / "b")[0].fingerprint()


def test_the_data_hook_draws_from_the_seed(tmp_path):
    drawn = []

    @final
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Draw(Method):
        def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
            drawn.append(rng.random())
            return rows

    go(tmp_path, Draw(), seed=3)
    assert drawn == [generator(3, "method", "data").random()]


def test_progress_is_told_of_every_step(tmp_path):
    told: list[tuple[int, int, float]] = []
    facts = go(tmp_path, progress=lambda *at: told.append(at))[1]
    assert [at[:2] for at in told] == [(n, 8) for n in range(1, 9)]
    assert told[-1][2] == facts.final_loss


def test_a_training_that_is_done_leaves_only_its_log(tmp_path):
    go(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["train.jsonl"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_weights_keep_their_type(tmp_path, dtype):
    lm, facts = go(tmp_path, lm=load("debug", dtype=dtype))
    assert {value.dtype for value in weights(lm).values()} == {getattr(torch, dtype)}
    assert np.isfinite(facts.final_loss)


@pytest.mark.parametrize("by", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_says_what_to_try(tmp_path, by):
    with pytest.raises(RunError, match=r"loss is (nan|inf) at step 1 of 8") as caught:
        go(tmp_path, Scaled(by=by))
    assert "learning_rate" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 5


def test_a_gradient_that_is_no_number_says_what_to_try(tmp_path):
    lm = load("debug")
    lm.model.model.norm.weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(RunError, match="gradient is nan"):
        go(tmp_path, lm=lm)


@pytest.mark.parametrize(("rate", "steps"), [(1e12, 1), (3.0, 8)])
def test_weights_that_blew_up_are_refused(tmp_path, rate, steps):
    with pytest.raises(RunError, match=r"training diverged: the weights grew .*-fold") as caught:
        go(tmp_path, settings=replace(SETTINGS, learning_rate=rate, steps=steps, warmup=0, weight_decay=0.0))
    assert "train.learning_rate" in str(caught.value) and len(str(caught.value).splitlines()) <= 5


def test_weights_beyond_all_numbers_are_refused(tmp_path):
    with pytest.raises(RunError, match="no finite length"):
        go(tmp_path, settings=replace(SETTINGS, learning_rate=1e30, steps=1, warmup=0))


def test_weights_that_are_no_numbers_after_the_last_step_are_refused(tmp_path):
    lm = load("debug")

    def poison(now: int, total: int, loss: float) -> None:
        if now == total:
            with torch.no_grad():
                lm.model.model.norm.weight[0] = float("nan")

    with pytest.raises(RunError, match="the weights have no finite length any more"):
        go(tmp_path, lm=lm, progress=poison)


def test_a_loss_that_rose_is_noted_and_one_that_fell_is_not(tmp_path):
    assert go(tmp_path / "a")[0].notes == []
    worse = replace(SETTINGS, learning_rate=1.0, warmup=0)
    (note,) = go(tmp_path / "b", settings=worse)[0].notes
    assert "training: the loss rose by" in note and "train.learning_rate" in note


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"batch_size": 10**9}, "train.batch_size"),
        ({"batch_size": 2**21}, "train.batch_size"),
        ({"steps": 10**12}, "budget"),
        ({"steps": None, "tokens": 10**15}, "budget"),
    ],
)
def test_work_that_no_memory_holds_is_refused_at_once(change, where):
    with pytest.raises(SpecError) as caught:
        replace(SETTINGS, **change)
    assert [mistake.where for mistake in caught.value.mistakes] == [where]


def test_an_encoder_whose_tokenizer_hides_no_word_is_refused(tmp_path):
    lm = load("debug")
    lm.model.can_generate = lambda: False
    with pytest.raises(UserError, match="has no mask token"):
        go(tmp_path, lm=lm)


def test_a_row_longer_than_the_model_can_read_is_refused(tmp_path):
    with pytest.raises(UserError, match="2048 tokens at most"):
        go(tmp_path, settings=replace(SETTINGS, length=2049))


def test_torchrun_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="one process"):
        go(tmp_path)


def test_all_wrong_settings_are_named_at_once():
    with pytest.raises(SpecError) as caught:
        TrainSettings(batch_size=0, learning_rate=-1.0, length=1, save_every=0)
    assert [mistake.where for mistake in caught.value.mistakes] == [
        "train.batch_size", "train.length", "train.save_every", "train.learning_rate", "budget"
    ]  # fmt: skip
    with pytest.raises(SpecError, match="one of the two"):
        TrainSettings(steps=1, tokens=10)
    with pytest.raises(SpecError, match="at least 1 step or 2 tokens"):
        TrainSettings(tokens=1)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="not a folder"):
        go(tmp_path / "file")


class Stop(Exception):
    """Stands for a kill: raised in the middle of training."""


def stop_at(step: int):
    def progress(now: int, total: int, loss: float) -> None:
        if now == step:
            raise Stop

    return progress


def same(facts: TrainFacts) -> TrainFacts:
    """The facts that do not depend on the clock."""
    return replace(facts, seconds=0, prepare_seconds=0, attach_seconds=0, tokens_per_second=0, peak_memory_bytes=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    lm, facts = go(folder)
    return lm.fingerprint(), (folder / "train.jsonl").read_bytes(), same(facts)


@pytest.mark.parametrize("step", [1, 2, 3, 4, 6, 7, 8])
def test_resume_is_exact(tmp_path, whole, step):
    with pytest.raises(Stop):
        go(tmp_path, progress=stop_at(step))
    told: list[int] = []
    lm, facts = go(tmp_path, progress=lambda now, *_: told.append(now))
    assert (lm.fingerprint(), (tmp_path / "train.jsonl").read_bytes(), same(facts)) == whole
    assert told[0] == 3 * ((step - 1) // 3) + 1  # a stop at step 3 comes before step 3 is saved


def test_resume_of_a_resume_is_exact(tmp_path, whole):
    for step in (4, 5, 7):
        with pytest.raises(Stop):
            go(tmp_path, progress=stop_at(step))
    lm, facts = go(tmp_path)
    assert (lm.fingerprint(), (tmp_path / "train.jsonl").read_bytes(), same(facts)) == whole


def test_resume_is_exact_with_dropout(tmp_path):
    def noisy():
        lm = load("debug")
        lm.model.config.attention_dropout = 0.3
        for layer in lm.model.model.layers:
            layer.self_attn.attention_dropout = 0.3
        return lm

    first = go(tmp_path / "a", lm=noisy())[0]
    with pytest.raises(Stop):
        go(tmp_path / "b", lm=noisy(), progress=stop_at(5))
    assert first.fingerprint() == go(tmp_path / "b", lm=noisy())[0].fingerprint()
    assert first.fingerprint() != go(tmp_path / "c")[0].fingerprint()  # dropout was on


@pytest.mark.parametrize("change", ["rows", "seed", "settings", "method", "model"])
def test_a_checkpoint_of_another_training_is_not_resumed(tmp_path, change):
    with pytest.raises(Stop):
        go(tmp_path, progress=stop_at(7))
    changed: dict[str, Any] = {
        "rows": {"rows": [{"text": "So: " + row["text"]} for row in ROWS]},
        "seed": {"seed": 2},
        "settings": {"settings": replace(SETTINGS, learning_rate=2e-3)},
        "method": {"method": Scaled(by=2.0)},
        "model": {"lm": load("debug")},
    }[change]
    if change == "model":
        with torch.no_grad():
            changed["lm"].model.model.norm.weight[0] += 1e-3
    told: list[int] = []
    go(tmp_path, **changed, progress=lambda now, *_: told.append(now))
    assert told == list(range(1, 9))
    assert len((tmp_path / "train.jsonl").read_text().splitlines()) == 8


def test_a_half_written_checkpoint_is_ignored(tmp_path, whole, monkeypatch):
    save_file = checkpoint.random_states
    calls = []

    def broken():
        calls.append(1)
        if len(calls) > 2:  # borrowed() asks once, the first checkpoint once
            raise Stop
        return save_file()

    monkeypatch.setattr(checkpoint, "random_states", broken)
    monkeypatch.setattr("butfor.train.borrow.random_states", save_file)
    with pytest.raises(Stop):
        go(tmp_path, settings=replace(SETTINGS, save_every=1))
    monkeypatch.undo()
    names = sorted(path.name for path in (tmp_path / "checkpoint").iterdir())
    assert names == [".part", "step-00000002"]
    lm, _ = go(tmp_path, settings=replace(SETTINGS, save_every=1))
    assert lm.fingerprint() == whole[0]


@pytest.mark.gpu
def test_on_cuda_resume_is_exact_and_memory_is_the_allocators(tmp_path):
    def fresh():
        return load("debug", device="cuda")

    first, facts = go(tmp_path / "a", lm=fresh())
    with pytest.raises(Stop):
        go(tmp_path / "b", lm=fresh(), progress=stop_at(5))
    second, _ = go(tmp_path / "b", lm=fresh())
    assert first.fingerprint() == second.fingerprint()
    assert first.device.type == "cuda"
    assert (tmp_path / "a" / "train.jsonl").read_bytes() == (tmp_path / "b" / "train.jsonl").read_bytes()
    assert 1e5 < facts.peak_memory_bytes < 1e9
    assert facts.flops == pytest.approx(go(tmp_path / "c")[1].flops, rel=0.2)  # the kernels of attention differ
