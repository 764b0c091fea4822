"""Axiomatic training: slots keep their number, share 0 is standard training, and the loss is that of the answers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from butfor.core.registry import build, resolve
from butfor.core.seeds import generator
from butfor.data.scratch import make
from butfor.lm import LM
from butfor.pretrain.corpus.axioms import Axioms, of_parts
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainFacts, TrainSettings, train
from butfor.train.method import Method, touched
from butfor.train.standard import Standard

ROWS = numbered([{"id": str(n), "text": f"It rained on day {n}, and the river rose.", "weight": n} for n in range(12)])


def lm() -> LM:
    return make("scratch:1x16,heads=1,tokens=bytes", seed=0, dtype=torch.float32, device=None)


def made(**knobs: Any) -> list[dict[str, Any]]:
    return Axioms(**{"passages": 40, **knobs}).data(ROWS, generator(0, "data"))


def run(method: Method, folder: Path, seed: int = 0) -> tuple[LM, TrainFacts]:
    model = lm()
    settings = TrainSettings(steps=4, batch_size=4, length=96, learning_rate=1e-3)
    return model, train(model, [dict(row) for row in ROWS], method, settings=settings, seed=seed, folder=folder)


def same(one: LM, other: LM) -> bool:
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_no_share_is_standard_training_bit_for_bit(tmp_path: Path) -> None:
    plain, one = run(Standard(), tmp_path / "a")
    none, other = run(Axioms(share=0.0), tmp_path / "b")
    assert same(plain, none) and one.final_loss == other.final_loss and one.batches_hash == other.batches_hash
    told, third = run(Axioms(passages=20, questions=1, separation=0.0), tmp_path / "c")
    assert not same(plain, told) and third.batches_hash == one.batches_hash  # the same slots, other texts


def test_slots_keep_their_numbers_and_columns() -> None:
    rows = made(share=0.5)
    told = [row for row in rows if row["axiom"]]
    assert len(told) == 40 and len(rows) == 46
    kept = {row["row"] for row in rows if not row["axiom"]}
    assert len(kept) == 6 and kept.isdisjoint(row["row"] for row in told)
    assert {row["row"] for row in rows} == set(range(12)) and all(row["weight"] == row["row"] for row in rows)
    assert all("cause" in row["text"] or "separated" in row["text"] for row in told)
    assert ROWS[0]["text"].startswith("It rained") and "axiom" not in ROWS[0]


def test_passages_take_turns_so_that_each_visit_reads_another() -> None:
    planned = batches(made(), lm().tokenizer, seed=0, batch_size=4, length=256, steps=9)
    read = [planned.rows[place]["text"] for batch in planned.plan for place, _ in batch]
    assert len(set(read)) == len(read) == 36
    few = Axioms(passages=1).data(ROWS, generator(0, "data"))
    assert len(few) == len(ROWS) == len({row["text"] for row in few})


@pytest.mark.parametrize("proof", [False, True])
def test_the_loss_is_that_of_the_answers_alone_and_of_their_proofs(proof: bool) -> None:
    model = lm()
    planned = batches(made(proof=proof, questions=2), model.tokenizer, seed=0, batch_size=4, length=256, steps=1)
    batch = planned[0]
    outputs = model.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"])
    loss = Axioms().loss(model.model, batch, outputs)
    logp = outputs.logits.detach().log_softmax(-1)
    worked: list[float] = []
    for line, (place, _) in enumerate(planned.plan[0]):
        row = planned.rows[place]
        assert all(row["text"][:start].endswith("? ") for start, _, _ in row["spans"])  # from right after the question
        offsets = model.tokenizer(row["text"], return_offsets_mapping=True)["offset_mapping"]
        for at, (start, stop) in enumerate(offsets):
            if any(start < b and stop > a for a, b, _ in row["spans"]):
                worked.append(-float(logp[line, at - 1, batch["input_ids"][line, at]]))
    assert float(loss.detach()) == pytest.approx(np.mean(worked), rel=1e-5)


def test_what_is_learnt_as_text_is_learnt_from_its_first_token() -> None:
    model = lm()
    planned = batches(made(learn="text"), model.tokenizer, seed=0, batch_size=4, length=256, steps=1)
    batch = planned[0]
    assert [row["text"] for row in planned.rows] == [row["text"] for row in made()]  # the same demonstrations
    assert torch.equal(batch["labels"] != -100, batch["attention_mask"] > 0)
    outputs = model.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"])
    assert Axioms(learn="text").loss(model.model, batch, outputs) is outputs.loss


def test_text_and_answers_share_the_loss_by_their_rows() -> None:
    logits = torch.randn(4, 6, 9, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 9, (4, 6))
    labels[0, :5] = -100
    told = torch.tensor([True, False, False, False])
    fixed = logits.detach()
    alone = [of_parts(fixed[part], labels[part], told[part]) for part in (told, ~told)]
    assert float(of_parts(fixed, labels, told)) == pytest.approx(float(0.25 * alone[0] + 0.75 * alone[1]))
    assert torch.autograd.gradcheck(lambda x: of_parts(x, labels, told), logits)
    nothing = torch.full_like(labels, -100)
    assert float(of_parts(fixed, nothing, told)) == 0.0


def test_what_stands_before_an_answer_moves_no_gradient_by_itself() -> None:
    logits = torch.randn(1, 5, 7, requires_grad=True)
    labels = torch.tensor([[1, 2, 3, 4, 5]])
    batch = {"labels": labels, "spans": torch.tensor([[0, 0, 0, 1, 0]]), "axiom": torch.tensor([1])}
    Axioms().loss(None, batch, SimpleNamespace(logits=logits)).backward()  # type: ignore[arg-type]
    assert logits.grad is not None
    assert [bool(row.any()) for row in logits.grad[0]] == [False, False, True, False, False]


def test_it_resumes_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    method = Axioms(passages=16, questions=1, share=0.5, separation=0.0)
    whole, _ = run(method, tmp_path / "whole")
    cut = lm()
    settings = TrainSettings(steps=4, batch_size=4, length=96, learning_rate=1e-3, save_every=2)

    def stop(step: int, total: int, loss: float) -> None:
        if step == 3:
            raise KeyboardInterrupt

    rows = [dict(row) for row in ROWS]
    with pytest.raises(KeyboardInterrupt):
        train(cut, rows, method, settings=settings, seed=0, folder=tmp_path / "cut", progress=stop)
    again = lm()
    train(again, rows, method, settings=settings, seed=0, folder=tmp_path / "cut")
    assert same(whole, again)


def test_knobs_are_read_from_an_experiment() -> None:
    found, problems = build(resolve("method", "pretrain.corpus.axioms"), {"nodes": [3, 5], "noise": 0.1, "share": 0.5})
    assert not problems and found == Axioms(nodes=(3, 5), noise=0.1, share=0.5)
    assert "share between 0 and 1" in build(Axioms, {"noise": 2.0})[1][0][1]
    assert build(Axioms, {"share": 2.0})[1][0][0] == "share"
    assert touched(Axioms()) == {"data", "loss"}


def test_premises_that_are_longer_than_what_is_read_are_refused_before_anything_is_trained() -> None:
    short, long = (TrainSettings(steps=1, length=length) for length in (16, 2000))
    name = "scratch:1x16,heads=1,tokens=bytes"
    assert "tokens and more; raise train.length" in Axioms().suits(short, ROWS, name)
    assert not Axioms().suits(long, ROWS, name) and not Axioms(share=0.0).suits(short, ROWS, name)
    assert not Axioms().suits(short, ROWS, "nowhere") and not Axioms().suits(short, ROWS, "")


def test_whether_premises_have_room_is_asked_of_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[bool]()

    def absent(_: str, *, local_files_only: bool) -> Any:
        asked.append(local_files_only)
        raise OSError("not here")

    monkeypatch.setattr("butfor.lm.load._offline", lambda: False)
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", absent)
    assert not Axioms().suits(TrainSettings(steps=1, length=16), ROWS, "somebody/something") and asked == [True]
