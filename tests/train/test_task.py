"""Labels and options as what is learnt: logits agree with scoring, one class is refused, heads stay and load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from butfor.core.errors import RunError, UserError
from butfor.lm import Site, do
from butfor.lm.head import classify, hang, has_head, judged
from butfor.lm.load import load
from butfor.lm.save import save
from butfor.lm.scoring import score
from butfor.train.adapt import adapted
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainSettings, memory_errors, train
from butfor.train.method import Method
from butfor.train.standard import Standard
from butfor.train.task import labelled, outgrown, read, under

OPTIONS = [" dull", " a delight"]
ROWS = [
    {
        "text": f"{'bad sad mad' if n % 2 else 'good fun'} {n}",
        "label": n % 2,
        "options": OPTIONS,
        "beside": {"pair": {"text": f"pair {n}", "label": 1 - n % 2, "options": OPTIONS}},
    }
    for n in range(12)
]


def trained(folder: Path, lm=None, method=None, **settings):
    lm = lm or load("debug")
    settings = {"steps": 6, "batch_size": 4, "length": 24, "learning_rate": 1e-2, **settings}
    facts = train(lm, ROWS, method or Standard(), settings=TrainSettings(**settings), seed=0, folder=folder)
    return lm, facts


def planned(objective):
    return batches(
        numbered(ROWS), load("debug").tokenizer, seed=0, batch_size=5, length=24, steps=2, objective=objective
    )


def test_choices_are_weighed_as_scoring_weighs_them():
    lm, made = load("debug"), planned("choice")
    batch = made[0]
    for given, name in ((batch, "text"), (under(batch, "pair"), "pair")):
        with torch.inference_mode():
            found = read(lm.model, given)
        rows = [made.rows[place] if name == "text" else made.rows[place]["beside"]["pair"] for place, _ in made.plan[0]]
        wanted = [one.logprobs for one in score(lm, [{"prompt": r["text"], "choices": r["options"]} for r in rows])]
        assert found.logits.numpy() == pytest.approx(np.array(wanted), abs=1e-4)
        assert found.loss.item() == pytest.approx(
            torch.nn.functional.cross_entropy(found.logits, torch.tensor([r["label"] for r in rows])).item()
        )


def test_a_row_with_fewer_options_never_chooses_what_it_lacks():
    rows = numbered(
        [{"text": "a b", "label": 0, "options": ["x", "y"]}, {"text": "c", "label": 2, "options": list("xyz")}]
    )
    made = batches(rows, load("debug").tokenizer, seed=0, batch_size=2, length=24, steps=1, objective="choice")
    logits = read(load("debug").model, made[0]).logits
    assert torch.isinf(logits).sum() == 1
    assert made[0]["options"].shape[:2] == (2, 3)


@pytest.mark.parametrize("adapt", ["full", "lora", "head"])
def test_a_head_learns_stays_and_is_loaded_again(tmp_path, adapt):
    lm, facts = trained(tmp_path / "run", objective="label", adapt=adapt, steps=60)
    assert facts.final_loss < 0.6
    texts = [row["text"] for row in ROWS]
    assert (judged(lm, texts, OPTIONS, 24).argmax(1) == [row["label"] for row in ROWS]).mean() > 0.8
    save(lm, tmp_path / "model")
    again = load(str(tmp_path / "model"))
    assert has_head(again)
    assert again.fingerprint() == lm.fingerprint()
    assert np.array_equal(classify(again, texts), classify(lm, texts))
    (tmp_path / "model" / "butfor_head.safetensors").write_bytes(b"torn")
    with pytest.raises(UserError, match="holds no head"):
        load(str(tmp_path / "model"))


@pytest.mark.parametrize("adapt", ["full", "lora", "head"])
def test_training_goes_on_with_a_head_that_is_there_unless_it_knows_too_few_classes(tmp_path, adapt):
    lm, _ = trained(tmp_path / "one", objective="label", adapt=adapt)
    weight = lm.model.butfor_head[1].weight.clone()
    trained(tmp_path / "two", lm, objective="label", adapt=adapt, steps=1, learning_rate=1e-4)
    assert torch.allclose(lm.model.butfor_head[1].weight, weight, atol=2e-4)
    assert not torch.equal(lm.model.butfor_head[1].weight, weight)
    more = [{"text": "a third one", "label": 2}, *ROWS]
    settings = TrainSettings(steps=1, objective="label")
    with pytest.raises(UserError, match="knows 2 classes, and the rows have 3"):
        train(
            lm,
            [{k: r[k] for k in ("text", "label")} for r in more],
            Standard(),
            settings=settings,
            seed=0,
            folder=tmp_path,
        )


def test_a_frozen_model_stays_as_it_was_and_reads_what_the_head_is_trained_on(tmp_path):
    base = load("debug")
    before = {name: value.clone() for name, value in base.model.state_dict().items()}
    lm, _ = trained(tmp_path, base, objective="label", adapt="head")
    for name, value in before.items():
        assert torch.equal(lm.model.state_dict()[name], value)
    assert all(weight.requires_grad for weight in lm.model.parameters())


def test_low_rank_training_leaves_a_plain_model(tmp_path):
    lm, _ = trained(tmp_path, objective="choice", adapt="lora", rank=2)
    names = set(load("debug").model.state_dict())
    assert set(lm.model.state_dict()) == names
    assert not lm.hooked
    changed = [
        name for name in names if not torch.equal(lm.model.state_dict()[name], load("debug").model.state_dict()[name])
    ]
    assert changed
    for name in changed:
        assert "proj" in name
        delta = (lm.model.state_dict()[name] - load("debug").model.state_dict()[name]).double()
        assert torch.linalg.matrix_rank(delta, rtol=1e-4) <= 2


@pytest.mark.parametrize("adapt", ["lora", "head"])
def test_a_killed_training_goes_on_bit_for_bit(tmp_path, adapt):
    whole, _ = trained(tmp_path / "whole", objective="label", adapt=adapt)

    class Stop(Exception):
        pass

    def stop(step, *_):
        if step == 4:
            raise Stop

    settings = TrainSettings(
        steps=6, batch_size=4, length=24, learning_rate=1e-2, objective="label", adapt=adapt, save_every=2
    )
    with pytest.raises(Stop):
        train(load("debug"), ROWS, Standard(), settings=settings, seed=0, folder=tmp_path / "torn", progress=stop)
    again = load("debug")
    train(again, ROWS, Standard(), settings=settings, seed=0, folder=tmp_path / "torn")
    for name, value in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value), name


@pytest.mark.parametrize(
    ("row", "objective", "problem"),
    [
        ({"text": "a"}, "label", "whole number"),
        ({"text": "a", "label": 0}, "label", "nothing to tell apart"),
        ({"text": "a", "label": "good"}, "label", "whole number"),
        ({"text": "a", "label": 0}, "choice", "no two options"),
        ({"text": "a", "label": 0, "options": ["x", "x"]}, "choice", "two of them alike"),
        ({"text": "a", "label": 0, "options": ["x", 3]}, "choice", "not all of them texts"),
        ({"text": "a", "label": 0, "options": ["x", "y"], "beside": {"pair": "b"}}, "choice", "not rows"),
        ({"text": "a", "label": 1, "beside": {"pair": {"text": "b", "label": "c"}}}, "label", "label 'c'"),
        ({"text": "a", "label": 2, "options": ["x", "y"]}, "choice", "2 options"),
    ],
)
def test_rows_that_cannot_be_learnt_from_are_refused(row, objective, problem):
    with pytest.raises(UserError, match=problem):
        labelled([row, row], objective)


class Inside(Method):
    objectives = ("label",)
    looks_inside = True

    def loss(self, model, batch, outputs):
        return outputs.loss


def test_a_method_is_refused_where_it_cannot_work(tmp_path):
    with pytest.raises(UserError, match="freezes"):
        trained(tmp_path, method=Inside(), objective="label", adapt="head")
    with pytest.raises(UserError, match=r"learns from train\.objective = 'label'"):
        trained(tmp_path, method=Inside(), objective="text")
    with pytest.raises(UserError, match="beside it under 'other'"):
        under(planned("text")[0], "other")


def test_what_stands_beside_some_rows_only_is_refused(tmp_path):
    rows = [ROWS[0], {key: value for key, value in ROWS[1].items() if key != "beside"}]
    with pytest.raises(UserError, match="give it to all"):
        train(load("debug"), rows, Standard(), settings=TrainSettings(steps=1), seed=0, folder=tmp_path)


def test_options_that_run_past_what_the_model_reads_are_refused(tmp_path):
    lm = load("debug")
    with pytest.raises(UserError, match=rf"set train\.length to {lm.context - 10} or less"):
        trained(tmp_path, lm, objective="choice", length=lm.context)


def test_running_out_of_memory_names_what_helps():
    with (
        pytest.raises(RunError, match=r"train\.batch_size=4.*\n?.*lora"),
        memory_errors(TrainSettings(steps=1, batch_size=8)),
    ):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes.")


def test_adapters_go_also_where_training_breaks():
    lm = load("debug")
    before = lm.fingerprint()
    with pytest.raises(ZeroDivisionError), adapted(lm, "lora", 2, 0):
        raise ZeroDivisionError
    assert lm.fingerprint() == before


def test_what_hangs_on_a_model_is_never_read_from_what_another_was_kept_for():
    """Two interventions by the same code have the same names, and so the same fingerprint."""
    lm = load("debug")
    hang(lm, 2, 24, seed=0)
    texts = [row["text"] for row in ROWS]
    plain = classify(lm, texts)
    said = []
    for value in (0.0, 3.0):
        with do(lm, {Site(0, "mlp"): value}):
            said.append(classify(lm, texts))
    assert not np.allclose(said[0], said[1])
    assert np.array_equal(classify(lm, texts), plain)


def gapped(*labels):
    return [{"id": f"mine/{n}", "text": f"t {n}", "label": label} for n, label in enumerate(labels, 1)]


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ((0, 1, 0, 7, 1), "row mine/4 has the label 7, and no row has 2 … 6; number the labels 0 … 2, each"),
        ((0, 2, 0), "row mine/2 has the label 2, and no row has 1;"),
        ((1, 2), "row mine/1 has the label 1, and no row has 0;"),
        ((0, 1, 10**15), "no row has 2 …"),
    ],
)
def test_labels_of_a_new_head_leave_out_no_class(labels, problem):
    said = outgrown("debug", gapped(*labels))
    assert problem in said and "\n" not in said


def test_a_class_of_which_only_a_row_beside_another_is_left_out_by_none():
    rows = [{**row, "beside": {"pair": {"text": "c", "label": 1}}} for row in gapped(0, 2)]
    assert outgrown("debug", rows) == "" != outgrown("debug", gapped(0, 2))
