"""Causal effect tuning: W = 1 is plain fine-tuning, every weight has an effect, the mixture is the equation's."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from butfor.core.errors import UserError
from butfor.core.registry import build
from butfor.finetune.effect_tuning import EffectTuning, gold, mixed
from butfor.lm.load import load
from butfor.lm.scoring import score
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.method import touched
from butfor.train.standard import Standard
from butfor.train.task import read

ANSWERS = [" it rained.", " it rained.", " the sun shone.", " it rained.", " the sun shone.", " a bird sang."]
QUESTIONS = ["roads were wet", "boats sank", "ice melted", "she ran home", "he was warm", "he woke up"]
CHOICES = [
    {"text": f"{question} because", "options": [answer, " nobody knew."][:: 1 - 2 * (n % 2)], "label": n % 2, "n": "x"}
    for n, (question, answer) in enumerate(zip(QUESTIONS, ANSWERS, strict=True))
]
TOLD = [{"text": row["text"] + row["options"][row["label"]], "answer_at": len(row["text"])} for row in CHOICES]
LABELS = [{"text": question, "label": n % 3} for n, question in enumerate(QUESTIONS)]
ROWS = {"choice": CHOICES, "text": TOLD, "label": LABELS}
EVERY = [[n] for n in range(6)]


def trained(folder: Path, method, objective="choice", rows=None, **settings):
    lm = load("debug")
    settings = {"steps": 2, "batch_size": 4, "length": 48, "learning_rate": 1e-2, "objective": objective, **settings}
    train(lm, rows or ROWS[objective], method, settings=TrainSettings(**settings), seed=0, folder=folder)
    return lm


def planned(method, objective="choice", rows=None, size=6):
    made = method.data(numbered(rows or ROWS[objective]), np.random.default_rng(0))
    tokenizer = load("debug").tokenizer
    return batches(made, tokenizer, seed=0, batch_size=size, length=48, steps=1, objective=objective)


def stepped(method, objective="choice", rows=None):
    """The loss of one batch of all rows, and its gradient."""
    model, batch = load("debug").model, planned(method, objective, rows)[0]
    loss = method.loss(model, batch, read(model, batch))
    loss.backward()
    return loss, torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])


def equal(one, other):
    return all(torch.equal(value, other.model.state_dict()[name]) for name, value in one.model.state_dict().items())


@pytest.mark.parametrize(
    ("objective", "adapt"),
    [("choice", "lora"), ("text", "full"), ("label", "head")],
)
def test_a_weight_of_one_is_plain_fine_tuning_bit_for_bit_and_another_is_not(tmp_path, objective, adapt):
    plain = trained(tmp_path / "a", Standard(), objective, adapt=adapt)
    assert equal(plain, trained(tmp_path / "b", EffectTuning(own=1.0), objective, adapt=adapt))
    assert not equal(plain, tuned := trained(tmp_path / "c", EffectTuning(own=0.5), objective, adapt=adapt))
    assert any("have neighbours" in note for note in tuned.notes)
    assert not touched(EffectTuning(own=1.0))


def test_rows_without_neighbours_are_learnt_as_they_are_bit_for_bit():
    alone = [{**row, "options": [f" only {n}.", f" lonely {n}."]} for n, row in enumerate(CHOICES)]
    rows = [*alone, *CHOICES]
    method = EffectTuning(own=0.2)
    model = load("debug").model
    made = method.data(numbered(rows), np.random.default_rng(0))
    assert [row["beside"]["near0"]["weight"] > 0 for row in made] == [False] * 6 + [True] * 5 + [False]
    batch = batches(made[:6], load("debug").tokenizer, seed=0, batch_size=6, length=48, steps=1, objective="choice")[0]
    outputs = read(model, batch)
    assert torch.equal(method.loss(model, batch, outputs), outputs.loss)


def neighbours_of(n):
    return [j for j in range(6) if j != n and ANSWERS[j] == ANSWERS[n]]


@pytest.mark.parametrize("own", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("mix", ["probabilities", "losses"])
def test_the_loss_is_that_of_the_equation(own, mix):
    """Computed anew from log-likelihoods of whole texts."""
    method = EffectTuning(own=own, mix=mix)
    lm = load("debug")

    def p(question, row):
        (found,) = score(lm, [{"prompt": question, "choices": row["options"]}])
        likely = [math.exp(value) for value in found.logprobs]
        return likely[row["label"]] / sum(likely)

    total = 0.0
    for n, row in enumerate(CHOICES):
        own_p, near = p(row["text"], row), [p(CHOICES[j]["text"], row) for j in neighbours_of(n)]
        weight = own if near else 1.0
        mean = sum(near) / len(near) if near else 1.0
        logs = sum(map(math.log, near)) / len(near) if near else 0.0
        total -= (
            math.log(weight * own_p + (1 - weight) * mean)
            if mix == "probabilities"
            else weight * math.log(own_p) + (1 - weight) * logs
        )
    assert stepped(method)[0].item() == pytest.approx(total / 6, abs=1e-4)


def test_told_answers_are_weighed_whole_and_the_loss_is_per_token_of_them():
    """Computed anew from the likelihoods of the answers' tokens."""
    own, lm = 0.4, load("debug")

    def logp(question, n):
        text = f"{question}{TOLD[n]['text'][TOLD[n]['answer_at'] :]}"
        encoded = lm.tokenizer(text, return_offsets_mapping=True)
        ids = torch.tensor([encoded["input_ids"]])
        with torch.inference_mode():
            logs = lm.model(ids).logits[0, :-1].double().log_softmax(-1)
        learnt = [at for at, (_, stop) in enumerate(encoded["offset_mapping"]) if stop > len(question)]
        return sum(logs[at - 1, ids[0, at]].item() for at in learnt), len(learnt)

    questions = [row["text"][: row["answer_at"]] for row in TOLD]
    total, tokens = {"probabilities": 0.0, "losses": 0.0}, 0
    for n in range(6):
        told, count = logp(questions[n], n)
        near = [logp(questions[j], n)[0] for j in neighbours_of(n)]
        weight, tokens = own if near else 1.0, tokens + count
        mean = sum(map(math.exp, near)) / max(1, len(near))
        total["probabilities"] -= math.log(weight * math.exp(told) + (1 - weight) * mean)
        total["losses"] -= weight * told + (1 - weight) * sum(near) / max(1, len(near))
    for mix, wanted in total.items():
        assert stepped(EffectTuning(own=own, mix=mix), "text")[0].item() == pytest.approx(wanted / tokens, abs=1e-4)
    assert total["losses"] > total["probabilities"]  # Jensen


@pytest.mark.parametrize("objective", ["choice", "text"])
def test_every_weight_has_an_effect(objective):
    gradients = [stepped(EffectTuning(own=own), objective)[1] for own in (0.0, 0.5, 0.7, 0.9, 0.97)]
    for n, one in enumerate(gradients):
        assert one.isfinite().all()
        for other in gradients[:n]:
            assert (one - other).norm() > 1e-6 * one.norm()


def test_where_the_own_weight_is_zero_only_the_questions_of_neighbours_are_learnt_from():
    rows = [CHOICES[0], {**CHOICES[1], "text": "zebra quagga because"}]
    method, lm = EffectTuning(own=0.0), load("debug")
    made = method.data(numbered(rows), np.random.default_rng(0))[:1]
    batch = batches(made, lm.tokenizer, seed=0, batch_size=1, length=48, steps=1, objective="choice")[0]
    own = read(lm.model, batch)
    own.logits.retain_grad()
    method.loss(lm.model, batch, own).backward()
    assert not own.logits.grad.any()
    asked, near = (lm.tokenizer(row["text"])["input_ids"] for row in rows)
    learnt = lm.model.get_input_embeddings().weight.grad.norm(dim=1)
    assert all(learnt[token] > 0 for token in set(near) - set(asked))


def test_the_mixture_has_right_gradients():
    terms = torch.tensor([[-0.5, -3.0, -0.1], [-2.0, -0.2, 0.0]], dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([[0.7, 0.0, 1.0], [0.3, 1.0, 0.0]], dtype=torch.float64)
    for mix in ("probabilities", "losses"):
        assert torch.autograd.gradcheck(lambda terms, mix=mix: mixed(terms, weights, mix), (terms,))
    assert mixed(terms, weights, "probabilities")[2] == terms[0, 2]


def test_an_option_that_is_not_there_is_never_gold():
    logits = torch.tensor([[0.0, 1.0, -math.inf]], requires_grad=True)
    found, count = gold({"label": torch.tensor([1])}, SimpleNamespace(logits=logits))
    found.sum().backward()
    assert count == 1 and logits.grad is not None and logits.grad.isfinite().all()


def test_what_is_learnt_holds_under_the_questions_of_neighbours_too(tmp_path):
    def held(lm):
        asked = [(CHOICES[j]["text"], CHOICES[n]) for n in range(6) for j in neighbours_of(n)]
        scored = score(lm, [{"prompt": text, "choices": row["options"]} for text, row in asked])
        return np.mean(
            [s.logprobs[row["label"]] - s.logprobs[1 - row["label"]] for s, (_, row) in zip(scored, asked, strict=True)]
        )

    plain = trained(tmp_path / "plain", Standard(), steps=6, learning_rate=1e-2)
    tuned = trained(tmp_path / "tuned", EffectTuning(own=0.3, mix="losses"), steps=6, learning_rate=1e-2)
    assert held(tuned) > held(plain) + 0.05


@pytest.mark.parametrize(
    ("rows", "knobs", "problem"),
    [
        ([{"text": "a b"}] * 2, {}, "row 1 .* has no gold answer"),
        ([{"text": "a b", "label": True}] * 2, {}, "row 1 .* has no gold answer"),
        ([{"text": "a b", "label": 2, "options": ["x", "y"]}] * 2, {}, "the label 2 and 2 options"),
        (CHOICES, {"within": "side"}, "no column 'side', which `within` names"),
        (CHOICES[3:5], {}, "own = 0.9 has no effect: no answer is like another by least = 1.0"),
        (CHOICES[:1], {}, "has no effect"),
        ([CHOICES[0]] * 3, {}, "has no effect"),  # the same question is no neighbour
    ],
)
def test_rows_that_cannot_be_mixed_are_refused(rows, knobs, problem):
    with pytest.raises(UserError, match=problem):
        EffectTuning(**knobs).fits(numbered(rows))  # before anything is loaded
    with pytest.raises(UserError, match=problem):
        EffectTuning(**knobs).data(numbered(rows), np.random.default_rng(0))


def test_a_training_whose_own_rows_have_no_neighbours_is_refused(tmp_path):
    rows = [{**CHOICES[n % 6], "options": [f" one {n}.", f" two {n}."]} for n in range(40)]
    rows[0]["options"] = rows[1]["options"] = [" same.", " other."]
    rows[0]["label"] = rows[1]["label"] = 0
    with pytest.raises(UserError, match="no row that is trained on has a neighbour"):
        trained(tmp_path, EffectTuning(own=0.5), rows=rows[2:] + rows[:2], steps=1, batch_size=1)


@pytest.mark.parametrize("knobs", [{"CET_weight": 0.9}, {"own": 1.2}, {"k": 0}, {"least": 0.0}, {"mix": "both"}])
def test_a_knob_that_is_not_known_or_cannot_be_is_named(knobs):
    made, problems = build(EffectTuning, knobs)
    assert made is None and [name for name, _ in problems] == list(knobs)


def test_what_vectors_rest_on_is_part_of_the_name_of_a_run(tmp_path):
    assert EffectTuning().rests_on == []
    (tmp_path / "words.txt").write_text("it\n")
    np.save(tmp_path / "vectors.npy", np.ones((1, 2), np.float32))
    assert EffectTuning(by=str(tmp_path)).rests_on != []
    with pytest.raises(UserError, match="did you mean"):
        _ = EffectTuning(by="minilmm").rests_on


def test_a_training_on_text_needs_to_know_where_the_answer_begins(tmp_path):
    with pytest.raises(UserError, match="has no answer_at"):
        trained(tmp_path, EffectTuning(), "text", LABELS)
    with pytest.raises(UserError, match=r"raise train\.length"):  # the answers of some neighbours would be cut off
        trained(tmp_path, EffectTuning(), "text", length=6)
    trained(tmp_path, EffectTuning(), "text", length=48)
    with pytest.raises(UserError, match="reads no text"):
        _ = EffectTuning(by="analyst").rests_on
