"""CPO: strength 0 is supervised fine-tuning, equal policies give the mean outcome, either model may be wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from butfor.align.policy.answers import among, listed
from butfor.align.policy.cpo import CPO, weighted
from butfor.core.errors import UserError
from butfor.lm.load import load
from butfor.lm.scoring import score
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.standard import Standard
from butfor.train.task import INPUTS

ANSWERS = ["No.", "Yes, it is.", "Who knows?"]


def visit(n, k, outcome):
    asked = f"{n} far? "
    return {
        "text": asked + ANSWERS[k],
        "answer_at": len(asked),
        "outcome": outcome,
        "propensity": (0.5, 0.3, 0.2)[k],
    }


ROWS = [
    {**visit(n, n % 3, (n % 3) * 1.0), "answers": ANSWERS, "beside": {"rejected": visit(n, (n + 1) % 3, -0.5)}}
    for n in range(8)
]


def bare(rows=ROWS):
    return [{name: value for name, value in row.items() if name not in ("beside", "answers")} for row in rows]


def trained(folder, method, rows=ROWS, progress=None, **settings):
    lm = load("debug")
    settings = {"steps": 2, "batch_size": 4, "length": 48, "learning_rate": 1e-2, **settings}
    train(lm, rows, method, settings=TrainSettings(**settings), seed=0, folder=folder, progress=progress)
    return lm


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True))


def planned(lm, method, rows=ROWS):
    made = method.data(numbered(rows), np.random.default_rng(0))
    return batches(made, lm.tokenizer, seed=0, batch_size=4, length=48, steps=2)


def value(lm, method, rows=ROWS):
    """The loss of a batch, and its rows."""
    plan = planned(lm, method, rows)
    batch = plan[0]
    with method.attach(lm, plan, np.random.default_rng(0)):
        outputs = lm.model(**{name: batch[name] for name in INPUTS})
        return method.loss(lm.model, batch, outputs).item(), [plan.rows[place] for place, _ in plan.plan[0]]


def said(lm, row):
    """log π of the listed answers to a row's prompt, by scoring."""
    return np.array(score(lm, [{"prompt": row["text"][: row["answer_at"]], "choices": ANSWERS}])[0].logprobs)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("plain"), Standard())


def test_without_strength_it_is_supervised_fine_tuning(tmp_path, plain):
    assert same(plain, trained(tmp_path, CPO(variant="doubly_robust", strength=0.0)))


def test_until_it_begins_it_is_supervised_fine_tuning(tmp_path, plain):
    assert same(plain, trained(tmp_path, CPO(after=2)))


def test_listed_answers_are_those_of_scoring_among_themselves():
    lm = load("debug")
    plan = planned(lm, CPO())
    with torch.inference_mode():
        found = among(lm.model, plan[0]).numpy()
    wanted = np.array([said(lm, plan.rows[place]) for place, _ in plan.plan[0]])
    wanted -= np.log(np.exp(wanted).sum(1, keepdims=True))
    assert found == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("clip", [None, 0.5])
def test_weights_are_those_of_whole_answers_that_were_scored(normalised, clip):
    lm = load("debug")
    found, rows = value(lm, CPO(normalised=normalised, clip=clip))
    weights, came = [], []
    for row in rows:
        told = said(lm, row)
        for one in (row, row["beside"]["rejected"]):
            policy = np.exp(told[ANSWERS.index(one["text"][one["answer_at"] :])]) / np.exp(told).sum()
            weights.append(min(policy / one["propensity"], clip or np.inf))
            came.append(one["outcome"])
    wanted = np.dot(weights, came) / (sum(weights) if normalised else len(weights))
    assert -found == pytest.approx(wanted, abs=1e-4)


def test_a_policy_that_chooses_as_the_log_did_is_worth_the_mean_outcome():
    lm = load("debug")
    for rows in (ROWS, bare()):
        for normalised in (True, False):
            found, seen = value(lm, CPO(weights="before", normalised=normalised), rows)
            came = [
                one["outcome"] for row in seen for one in (row, *row.get("beside", {}).values()) if "outcome" in one
            ]
            assert -found == pytest.approx(np.mean(came), abs=1e-4)


def test_gradients_are_those_of_finite_differences():
    draw = torch.Generator().manual_seed(0)
    ratios = torch.randn(6, generator=draw, dtype=torch.float64).requires_grad_()
    came = torch.randn(6, generator=draw, dtype=torch.float64)
    for clip in (None, 1.2):
        for normalised in (True, False):
            assert torch.autograd.gradcheck(lambda r, c=clip, n=normalised: weighted(r, came, c, n), (ratios,))


def test_it_makes_what_brings_more_likelier_and_notes_its_weights(tmp_path):
    then = load("debug")
    now = trained(tmp_path, CPO(), steps=6)
    gain = [np.exp(said(lm, ROWS[2])) / np.exp(said(lm, ROWS[2])).sum() for lm in (then, now)]
    assert gain[1][2] > gain[0][2]
    assert any("logged answers are effective" in note for note in now.notes)


def test_low_rank_additions_learn(tmp_path):
    assert not same(load("debug"), trained(tmp_path, CPO(variant="doubly_robust"), adapt="lora", steps=1))


@pytest.mark.slow
def test_rows_that_list_nothing_are_weighted_by_whole_texts(tmp_path):
    assert not same(load("debug"), trained(tmp_path, CPO(), bare(), steps=1))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda row: row.pop("propensity"), "the propensity None"),
        (lambda row: row.update(propensity=0.0), r"the propensity 0\.0"),
        (lambda row: row["beside"]["rejected"].update(propensity=1.5), r"the propensity 1\.5"),
        (lambda row: row.pop("outcome"), "the outcome None"),
        (lambda row: row.update(outcome=float("nan")), "the outcome nan"),
        (lambda row: row.pop("answers"), "lists the answers None"),
        (lambda row: row.update(answers=["No.", "No."]), "no two alike"),
        (lambda row: row.update(answers=["A", "B", "C"]), "not among its answers"),
        (lambda row: row.pop("beside"), "7 of 8 rows"),
        (lambda row: row["beside"]["rejected"].pop("text"), "is no row"),
        (lambda row: row["beside"]["rejected"].update(text="x far? Yes"), "another prompt"),
    ],
)
def test_rows_that_are_no_log_are_refused_in_a_line(change, problem):
    rows = [{**row, "beside": {"rejected": dict(row["beside"]["rejected"])}} for row in ROWS]
    change(rows[2])
    with pytest.raises(UserError, match=problem) as caught:
        CPO(variant="doubly_robust").fits(rows)
    assert str(caught.value).count("\n") == 0
    CPO(strength=0.0).fits(rows)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["logged", "before"])
def test_a_killed_training_goes_on_bit_for_bit(tmp_path, weights):
    method = CPO(variant="doubly_robust", weights=weights)
    whole = trained(tmp_path / "whole", method, steps=4, save_every=2)

    class Stop(Exception):
        pass

    def stop(step, *_):
        if step == 3:
            raise Stop

    with pytest.raises(Stop):
        trained(tmp_path / "torn", method, progress=stop, steps=4, save_every=2)
    torn = trained(tmp_path / "torn", method, steps=4, save_every=2)
    assert same(whole, torn)
    assert whole.notes == torn.notes


def test_one_prompt_teaches_nothing_of_others():
    rows = [{**row, "text": "1 far? " + row["text"][7:], "beside": {}} for row in ROWS]
    with pytest.raises(UserError, match="same prompt"):
        CPO(variant="outcome").data(rows, np.random.default_rng(0))
    assert "answer0" in listed(rows)[0]["beside"]
