"""What the five methods share: groups from columns, plain training at strength zero, what is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import pytest
import torch

from butfor.core.errors import UserError
from butfor.core.registry import build, resolve
from butfor.finetune.invariance.coral import CORAL
from butfor.finetune.invariance.group_dro import GroupDRO
from butfor.finetune.invariance.groups import GIVEN, GROUP, answers, names
from butfor.finetune.invariance.irm import IRM
from butfor.finetune.invariance.mmd import MMD
from butfor.finetune.invariance.vrex import VREx
from butfor.lm.load import load
from butfor.train.batches import Batches
from butfor.train.loop import TrainSettings, train
from butfor.train.standard import Standard

METHODS = [IRM(), VREx(), GroupDRO(), CORAL(), MMD()]
OPTIONS = [" no", " yes"]
ROWS = [
    {
        "text": f"{'ab'[n % 2]}{'xy'[n // 2 % 2]} {n}",
        "label": n % 2,
        "environment": "NS"[n // 3 % 2],
        "mark": n // 2 % 2,
    }
    | {"options": OPTIONS}
    for n in range(24)
]


def weights(folder, method, **settings):
    lm = load("debug")
    how = {"steps": 2, "batch_size": 8, "length": 12, "learning_rate": 1e-2, "objective": "label", **settings}
    facts = train(lm, ROWS, method, settings=TrainSettings(**how), seed=0, folder=folder)
    return dict(lm.model.state_dict()), facts


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Weights of plain training in each way, made once."""

    @cache
    def made(**how):
        return weights(tmp_path_factory.mktemp("plain"), Standard(), **how)[0]

    return made


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_strength_zero_is_plain_training_bit_for_bit(tmp_path, plain, method):
    assert same(weights(tmp_path / "zero", replace(method, strength=0.0))[0], plain())


@pytest.mark.parametrize("method", [IRM(after=2), GroupDRO(after=2)], ids=["IRM", "GroupDRO"])
def test_until_after_it_is_plain_training(tmp_path, plain, method):
    assert same(weights(tmp_path, method)[0], plain())


@pytest.mark.parametrize(
    ("method", "how"),
    [
        (IRM(), {}),
        (VREx(), {"adapt": "head"}),
        (MMD(), {}),
        (CORAL(), {}),
        (GroupDRO(), {"adapt": "head"}),
    ]
    + [(method, {"objective": "choice"}) for method in METHODS],
    ids=lambda value: type(value).__name__ if value in METHODS else str(value),
)
def test_more_is_not_plain_training_and_leaves_nothing_on_the_model(tmp_path, plain, method, how):
    after, facts = weights(tmp_path / "one", replace(method, strength=2.0), **how)
    assert not same(after, plain(**how))
    assert after.keys() == plain(**how).keys(), "nothing of the method stays on the model"
    assert torch.isfinite(torch.tensor(facts.final_loss))


def test_groups_are_combinations_of_columns():
    assert names(ROWS, ("label", "mark")) == [f"label {y}, mark {z}" for y in (0, 1) for z in (0, 1)]
    rows = MMD(groups=("mark",)).data(ROWS, None)
    assert [(row[GROUP], row[GIVEN]) for row in rows] == [(row["mark"], row["label"]) for row in ROWS]
    assert {row[GIVEN] for row in MMD(groups=("mark",), given="").data(ROWS, None)} == {0}


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([{"text": "a"}] * 4, "no column 'environment'.*it has: none"),
        ([{"text": "a", "environment": "N"}] * 4, "one group .environment N."),
        ([{"text": "a", "environment": "N"}] * 4 + [{"text": "b", "environment": "S"}], "environment S has one row"),
    ],
)
@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_rows_without_groups_are_refused_in_one_line(rows, problem, method):
    with pytest.raises(UserError, match=problem) as error:
        method.fits(rows)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_a_penalty_that_never_begins_is_told(tmp_path, method):
    lm = load("debug")
    how = TrainSettings(steps=1, batch_size=2, length=12, objective="label")
    train(lm, ROWS, replace(method, after=1), settings=how, seed=0, folder=tmp_path)
    assert "invariance: after = 1 leaves no step of 1 with the penalty" in lm.notes


def test_groups_that_meet_only_before_the_penalty_begins_are_refused():
    rows = MMD(groups=("mark",)).data(ROWS, None)
    both, one = ([row["mark"] in marks for row in rows] for marks in ((0, 1), (0,)))
    plan = [[(place, 1) for place, kept in enumerate(part) if kept] for part in (both, one)]
    planned = Batches(rows, (), plan, {}, 0, 0)
    for method in (IRM(groups=("mark",)), MMD(groups=("mark",))):
        method.works(planned)
        with pytest.raises(UserError, match=r"raise train\.batch_size"):
            replace(method, after=1).works(planned)


def test_batches_in_which_no_groups_meet_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"raise train\.batch_size"):
        weights(tmp_path, IRM(), batch_size=2)


@pytest.mark.parametrize("kind", [CORAL, MMD])
def test_groups_that_never_meet_within_what_is_given_are_refused(tmp_path, kind):
    same_rows = [{**row, "mark": row["label"]} for row in ROWS]
    settings = TrainSettings(steps=2, batch_size=8, length=12, objective="label")
    with pytest.raises(UserError, match=r"two groups each \(mark\) with the same label"):
        train(load("debug"), same_rows, kind(groups=("mark",)), settings=settings, seed=0, folder=tmp_path)
    train(load("debug"), same_rows, kind(groups=("mark",), given=""), settings=settings, seed=0, folder=tmp_path)


def test_features_that_are_held_cannot_be_moved(tmp_path):
    with pytest.raises(UserError, match='of = "answers"'):
        weights(tmp_path, CORAL(of="features"), adapt="head")
    weights(tmp_path, CORAL(of="features"))


@pytest.mark.parametrize(
    ("name", "knobs", "problem"),
    [
        ("invariance.irm", {"groups": []}, "each once"),
        ("invariance.irm", {"groups": ["a", "a"]}, "each once"),
        ("invariance.irm", {"strength": -1.0}, "greater than or equal to 0"),
        ("invariance.mmd", {"groups": ["label"]}, "set given"),
        ("invariance.coral", {"of": "logits"}, "should be 'answers' or 'features'"),
        ("invariance.group_dro", {"start": "uniform"}, "should be 'shares' or 'equal'"),
    ],
)
def test_knobs_that_cannot_be_are_refused(name, knobs, problem):
    made, problems = build(resolve("method", name), knobs)
    assert made is None
    assert problem in problems[0][1]


def test_answers_do_not_depend_on_a_constant_and_stay_finite():
    logits = torch.tensor([[2.0, -1.0, float("-inf")], [0.5, 0.5, 0.5]])
    assert torch.equal(answers(logits[1:]), torch.zeros(1, 3))
    assert torch.allclose(answers(logits + 3.0), answers(logits), atol=1e-6)
    assert torch.isfinite(answers(logits)).all()
    two = torch.tensor([[1.5, -0.5]])
    assert answers(two).tolist()[0] == pytest.approx([1.0, -1.0])


@pytest.mark.parametrize("method", METHODS[:2] + METHODS[3:], ids=lambda method: type(method).__name__)
def test_a_batch_of_one_group_has_no_penalty(method):
    logits = torch.randn(6, 2, requires_grad=True)
    batch = {"label": torch.tensor([0, 1, 0, 1, 0, 1]), GROUP: torch.arange(6), GIVEN: torch.zeros(6)}
    penalty = method.penalty(batch, SimpleNamespace(logits=logits, features=logits))
    assert penalty.item() == 0
    penalty.backward()
