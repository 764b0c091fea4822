"""Augmentation: which texts are learnt, in which slots; where counterfactuals come from; what is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from butfor.core.errors import UserError
from butfor.data.counterfactual.made import Case, Draft, Made, write
from butfor.finetune.augment import Augment
from butfor.finetune.consistency import Consistency
from butfor.finetune.contrast import Contrast
from butfor.finetune.gradient_supervision import GradientSupervision
from butfor.lm.load import load
from butfor.train.batches import numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.standard import Standard

OPTIONS = [" bad", " good"]
WORDS = ("dull", "lively")


def row(place: int) -> dict:
    label = place % 2
    sides = [
        {"text": f"film {place} was {WORDS[side]}", "label": side, "options": OPTIONS} for side in (label, 1 - label)
    ]
    return {"id": f"r{place}", **sides[0], "beside": {"pair": sides[1]}}


ROWS = [row(place) for place in range(20)]
METHODS = (Augment, Contrast, Consistency, GradientSupervision)


def made(method, rows=ROWS, seed=0):
    return method.data(numbered(rows), np.random.default_rng(seed))


def trained(folder: Path, method, rows=ROWS):
    lm = load("debug")
    settings = TrainSettings(
        steps=3, batch_size=4, length=16, learning_rate=1e-2, objective="label", adapt="head", save_every=9
    )
    facts = train(lm, rows, method, settings=settings, seed=0, folder=folder)
    return lm.model.state_dict(), facts


def test_an_equal_number_of_texts_in_pairs():
    found = made(Augment())
    assert len(found) == len(ROWS)
    assert set(Counter(one["row"] for one in found).values()) == {2}
    assert {one["row"] for one in found} != {one["row"] for one in made(Augment(), seed=1)}
    for one in found:
        other = one["beside"]["pair"]
        assert (other["label"], other["weight"]) == (1 - one["label"], 1.0)
        assert one["text"].split()[1] == other["text"].split()[1]
        assert one["text"].endswith(WORDS[one["label"]])


def test_all_of_both_and_the_revisions_alone():
    both = made(Augment(size="all"))
    assert Counter(one["row"] for one in both) == dict.fromkeys(range(20), 2)
    revised = made(Augment(source="revised"))
    texts = {one["text"] for one in revised}
    assert texts == {one["beside"]["pair"]["text"] for one in ROWS}
    assert {one["row"]: one["label"] for one in revised} == {place: 1 - place % 2 for place in range(20)}


def test_limits_are_plain_fine_tuning_bit_for_bit_and_both_is_not(tmp_path: Path):
    plain, facts = trained(tmp_path / "plain", Standard())
    off = [kind(strength=0.0) for kind in METHODS[1:]]
    for method in (Augment(source="original"), *off, Augment()):
        other, found = trained(tmp_path / repr(method)[:40], method)
        assert found.steps == facts.steps
        assert (found.batches_hash == facts.batches_hash) is (method != Augment())
        assert all(torch.equal(plain[name], other[name]) for name in plain) is (method != Augment())


@pytest.mark.parametrize("kind", METHODS[1:])
def test_without_strength_the_pairs_are_not_read(kind):
    class Outputs:
        loss = torch.tensor(1.5)

    assert kind(strength=0.0).loss(None, {}, Outputs()) is Outputs.loss


def file_of(folder: Path, changed: dict[str, str], reasons: dict[str, str] | None = None) -> str:
    cases = [Case(one["id"], one["text"], "sentiment", "", OPTIONS[1 - one["label"]].strip()) for one in ROWS]
    drafts = [Draft(changed.get(case.id, case.text), refused=(reasons or {}).get(case.id, "")) for case in cases]
    path = folder / "made.jsonl"
    write(path, [Made.of(case, draft, "me") for case, draft in zip(cases, drafts, strict=True)])
    return str(path)


def test_a_file_of_counterfactuals_is_joined_by_id(tmp_path: Path):
    by = file_of(tmp_path, {"r0": "film 0 was lively", "r1": "film 1 was odd", "r3": "no"}, {"r3": "too short"})
    found = {one["row"]: one for one in made(Augment(source="original", by=by))}
    assert found[0]["beside"]["pair"] == {
        "text": "film 0 was lively",
        "label": 1,
        "options": OPTIONS,
        "weight": 1.0,
    }
    assert found[1]["beside"]["pair"]["label"] == 0
    assert [found[place]["beside"]["pair"]["weight"] for place in (2, 3)] == [0.0, 0.0]
    assert found[3]["beside"]["pair"]["text"] == ROWS[3]["text"]
    assert len(made(Augment(by=by, size="all"))) == 22
    assert len(made(Augment(by=by))) == 20


def test_texts_without_labels_are_augmented_too(tmp_path: Path):
    by = file_of(tmp_path, {"r0": "film 0 was lively"})
    rows = [{"id": one["id"], "text": one["text"]} for one in ROWS]
    texts = [one["text"] for one in made(Augment(by=by, size="all"), rows)]
    assert len(texts) == 21
    assert "film 0 was lively" in texts


def test_rules_make_pairs_of_any_rows_that_have_options():
    rows = [
        {"id": str(n), "text": f"The film {n} was {word}.", "label": label, "options": OPTIONS}
        for n, (word, label) in enumerate([("terrible", 0), ("wonderful", 1)] * 3)
    ]
    for one in made(Augment(by="rules", size="all"), rows):
        other = one["beside"]["pair"]
        assert other["label"] == 1 - one["label"]
        assert other["text"] != one["text"]
    Contrast(by="rules").fits(rows)
    bare = [{"text": row["text"], "label": row["label"]} for row in rows * 20]
    Contrast(by="rules").fits(sorted(bare, key=lambda row: row["label"]))  # the first of many may all be alike


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([{"text": "a", "label": 0}], "no counterfactual stands beside row 1 .counted from 1."),
        ([{**ROWS[0], "beside": {"pair": {**ROWS[0]["beside"]["pair"], "text": " "}}}], "stands beside row r0"),
        ([{**ROWS[0], "beside": {"pair": {**ROWS[0]["beside"]["pair"], "text": ROWS[0]["text"]}}}], "same words"),
    ],
)
@pytest.mark.parametrize("kind", METHODS)
def test_rows_without_pairs_cost_one_line(kind, rows, problem):
    with pytest.raises(UserError, match=problem):
        kind().fits(rows)


def test_pairs_of_one_label_are_refused_where_labels_are_compared():
    rows = [{**one, "beside": {"pair": {**one["beside"]["pair"], "label": one["label"]}}} for one in ROWS]
    for kind in (Contrast, GradientSupervision):
        with pytest.raises(UserError, match="no counterfactual has another label"):
            kind().fits(rows)
    Consistency().fits(rows)


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("label", [None, True, 0.5, -1])
def test_a_pair_without_its_own_label_is_refused_as_it_would_be_learnt_with_the_rows(kind, label):
    pair = {"text": "film 0 was lively", **({} if label is None else {"label": label})}
    with pytest.raises(UserError, match="the counterfactual of row r0 has the label"):
        kind().fits([{**ROWS[0], "beside": {"pair": pair}}])


def test_a_pair_may_have_a_label_that_no_row_has(tmp_path: Path):
    rows = [{**one, "beside": {"pair": {**one["beside"]["pair"], "label": 2}}} for one in ROWS]
    heads = [trained(tmp_path / name, method, rows)[0] for name, method in (("a", Standard()), ("b", Contrast()))]
    assert [len(head["butfor_head.1.bias"]) for head in heads] == [3, 3]


def test_a_file_with_two_counterfactuals_of_a_row_is_refused(tmp_path: Path):
    case = Case("r0", ROWS[0]["text"], "sentiment", "bad", "good")
    both = [
        Made.of(case, Draft(text), maker) for maker, text in (("rules", "film 0 was fine"), ("mice", "film 0 shone"))
    ]
    write(tmp_path / "both.jsonl", both)
    with pytest.raises(UserError, match="two counterfactuals of row r0, one by mice"):
        Augment(by=str(tmp_path / "both.jsonl")).fits(ROWS)
    write(tmp_path / "both.jsonl", [both[0].because("too far"), both[1]])
    Augment(by=str(tmp_path / "both.jsonl")).fits(ROWS)


def test_a_file_that_does_not_fit_costs_one_line(tmp_path: Path):
    with pytest.raises(UserError, match="no file of counterfactuals"):
        Augment(by=str(tmp_path / "none.jsonl")).fits(ROWS)
    by = file_of(tmp_path, {"r0": "film 0 was lively"})
    with pytest.raises(UserError, match="joined by id"):
        Augment(by=by).fits([{**ROWS[0], "id": "other"}])
    with pytest.raises(UserError, match="another text"):
        Augment(by=by).fits([{**ROWS[0], "text": "else"}])
    with pytest.raises(UserError, match="options are fine, poor"):
        Augment(by=by).fits([{**ROWS[0], "options": [" fine", " poor"]}])
    with pytest.raises(UserError, match="no options to find it"):
        Augment(by=by).fits([{"id": "r0", "text": ROWS[0]["text"], "label": 0}])
