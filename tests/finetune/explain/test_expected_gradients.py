"""Expected gradients: exact where the model is linear, complete along the path, and with the right gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.finetune.explain.planted import rows, slopes

from butfor.finetune.explain.expected_gradients import ExpectedGradients, attributions
from butfor.lm.head import hang
from butfor.lm.load import load
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.task import Objective, read

METHOD = ExpectedGradients(variable="colour")
SIZE = 5


def ready(objective: Objective = "label") -> tuple[Any, dict[str, Any]]:
    """A model in float64, with a head of three classes, and a batch whose rows have several lengths."""
    lm: Any = load("debug", dtype="float64")
    told = [
        {**row, "text": row["text"] + "!" * (number % 3), "options": [" no", " maybe"], "answer_at": 5}
        for number, row in enumerate(rows(SIZE, 0.5, 0))
    ]
    changed = METHOD.data(numbered(told), None)  # type: ignore[arg-type]
    made = batches(changed, lm.tokenizer, seed=0, batch_size=SIZE, length=24, steps=1, objective=objective)
    if objective == "label":
        hang(lm, 3, 24, 0)
    return lm.model, dict(made[0])


def contrast(logits: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    others = torch.ones_like(logits).scatter(1, right[:, None], 0.0)
    return logits.gather(1, right[:, None])[:, 0] - (logits * others).sum(1) / others.sum(1)


@pytest.mark.parametrize("objective", ["label", "choice", "text"])
def test_attributions_add_up_to_what_the_path_changes(objective: Objective) -> None:
    model, batch = ready(objective)
    batch["input_ids"] = batch["input_ids"].clamp_min(1)  # equally long, so that the reference is a text of its own
    batch["attention_mask"] = torch.ones_like(batch["attention_mask"])
    grid = (torch.arange(64, dtype=torch.float64) + 0.5) / 64
    total = sum(attributions(model, batch, 1, alpha.expand(SIZE)).detach() for alpha in grid) / len(grid)

    def said(ids: torch.Tensor) -> torch.Tensor:
        outputs = read(model, {**batch, "input_ids": ids})
        if objective != "text":
            return contrast(outputs.logits, batch["label"])
        labels = batch["labels"][:, 1:]
        known = labels[labels != -100].unique()
        found = torch.zeros(SIZE, dtype=torch.float64)
        for row, place in (labels != -100).nonzero().tolist():
            right = (known == labels[row, place]).nonzero()[0]
            found[row] += contrast(outputs.logits[row, place][known][None], right)[0]
        return found

    with torch.no_grad():
        wanted = said(batch["input_ids"]) - said(batch["input_ids"].roll(1, 0))
    assert torch.allclose(total.sum(1).float(), wanted.float(), atol=2e-3 * float(wanted.abs().max()))


def test_a_linear_model_is_attributed_exactly() -> None:
    class Linear(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.weight = torch.nn.Embedding(300, 4), torch.nn.Parameter(torch.randn(7, 4, 3))

        def get_input_embeddings(self) -> torch.nn.Module:
            return self.table

        def forward(self, input_ids: torch.Tensor, **_: Any) -> Any:
            logits = torch.einsum("bld,ldc->bc", self.table(input_ids), self.weight)
            return type("Outputs", (), {"logits": logits})

    torch.manual_seed(0)
    model, ids = Linear(), torch.randint(0, 300, (3, 7))
    label = torch.tensor([2, 0, 1])
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids, "label": label}
    step = model.table(ids) - model.table(ids[[2, 0, 1]])
    weight = 1.5 * torch.stack([model.weight[:, :, y] - model.weight.mean(2) for y in label])
    for alpha in (0.0, 0.3):
        found = attributions(model, batch, 1, torch.full((3,), alpha))
        assert torch.allclose(found, (step * weight).sum(-1), atol=1e-5)


def test_the_gradient_of_the_penalty_is_that_of_its_values() -> None:
    model, batch = ready("text")  # heads and options work in float32

    def penalty() -> torch.Tensor:
        outputs = type("Outputs", (), {"loss": torch.zeros((), dtype=torch.float64)})
        return METHOD.loss(model, batch, outputs)

    slope, rise, _ = slopes(model, penalty)
    assert slope == pytest.approx(rise, rel=0.01)
    assert not model.get_input_embeddings()._forward_hooks


def test_batches_of_one_row_are_refused_as_no_row_has_a_reference() -> None:
    settings = TrainSettings(steps=1, batch_size=1, objective="label")
    assert "batch_size to 2 or more" in METHOD.suits(settings, [], "")
    assert not ExpectedGradients(variable="colour", strength=0).suits(settings, [], "")


def test_one_row_has_no_reference_and_unmarked_rows_no_penalty() -> None:
    model, batch = ready()
    plain = read(model, batch)
    assert METHOD.loss(model, {**batch, "input_ids": batch["input_ids"][:1]}, plain) is plain.loss
    assert METHOD.loss(model, {k: v for k, v in batch.items() if k != "spans"}, plain) is plain.loss


@pytest.mark.parametrize(("objective", "adapt"), [("choice", "lora"), ("text", "full"), ("label", "lora")])
def test_it_trains_with_every_objective(tmp_path: Path, objective: Objective, adapt: Any) -> None:
    lm: Any = load("debug")
    told = [{**row, "options": [" no", " yes"]} for row in rows(12, 0.5, 0)]
    settings = TrainSettings(steps=2, batch_size=4, length=24, objective=objective, adapt=adapt)
    facts = train(lm, told, METHOD, settings=settings, seed=0, folder=tmp_path)
    assert facts.final_loss > 0 and lm.model.training is False
