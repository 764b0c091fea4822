"""Preference worlds: attributes go with quality only where entangled, twins differ in one, annotators are known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from butfor.core.errors import MalformedData, MissingData, UserError
from butfor.data import facts
from butfor.data import preferences as world
from butfor.data.cebab import CONCEPTS
from butfor.data.corpora import rows
from butfor.data.preferences_told import AGREES, CLOSING, FILLER, OPINION, POLITE

REVIEWS = [
    {"id": f"{n:03}_000000", "original_id": f"{n:03}", "is_original": True, "description": f"It was meal {n}, fine.",
     "review_majority": str(1 + n % 5), **{f"{name}_aspect_majority": "" for name in CONCEPTS}}
    for n in range(300)
]  # fmt: skip
FACTS = [
    {
        "prompt": f"P{n} lives in",
        "attribute": ("Rome", "Oslo", "Lima")[n % 3],
        "template": "{} lives in",
        "subject": f"P{n}",
    }
    for n in range(160)
]
TABLE = [f"S,{label},{{}} lives in,P{n},{('Bonn', 'Rome')[label]},Rome" for n in range(160) for label in (1, 0)]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Small sets of the same form as the public ones."""
    (folder := tmp_path / "cebab" / "CEBaB-v1.1").mkdir(parents=True)
    (folder / "train_exclusive.json").write_text(json.dumps(REVIEWS[:200]))
    (folder / "dev.json").write_text(json.dumps(REVIEWS[200:]))
    for name, text in (
        (facts.KNOWN, json.dumps(FACTS)),
        (facts.COUNTERFACT, "\n".join(["statement,label,relation,subject,target,true_target", *TABLE])),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / facts.FILES[name]).write_text(text)
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    return tmp_path


def attributes(found):
    return np.array([[float(one.columns()[name]) for name in world.ATTRIBUTES] for one in found])


def quality(found):
    return np.array([one.quality for one in found])


@pytest.mark.parametrize("kind", world.KINDS)
def test_attributes_go_with_quality_only_where_entangled(kind):
    for correlation, least, most in ((0.0, -0.15, 0.15), (world.CORRELATION, 0.35, 0.75)):
        found = [one for seed in range(3) for one in world.texts(kind, "train", correlation, seed)]
        for column in attributes(found).T:
            assert least < np.corrcoef(column, quality(found))[0, 1] < most


def test_a_twin_differs_in_its_attribute_alone():
    for one in world.texts("reviews", "train")[:40]:
        for name in ("polite", "agrees"):
            without, with_it = one.text(**{name: 0}), one.text(**{name: 1})
            assert without != with_it
            assert len(without.split()) == len(with_it.split())
            assert one.body in without and one.body in with_it
        short, long = one.text(length=0), one.text(length=world.MOST)
        added = [sentence for sentence in FILLER[one.bank] if sentence in long]
        assert len(added) == world.MOST and not any(sentence in short for sentence in added)
        assert one.body in one.text(seed=5) != one.text()


def test_a_chat_agrees_by_what_the_user_thinks_and_keeps_its_answer():
    for one in world.texts("chat", "test")[:20]:
        _, own, other = one.answers
        said, denied = one.text(agrees=1), one.text(agrees=0)
        assert f"I think it is {own}." in said and f"I think it is {other}." in denied
        assert one.body in said and one.body in denied and one.body.endswith(f" {own}.")
    found = world.texts("chat", "train")
    for true, false in zip(found[::2], found[1::2], strict=True):
        assert (true.quality, false.quality) == (1.0, -1.0)
        assert true.levels["agrees"] + false.levels["agrees"] == 1
        opinion = [one.text().split("I think it is ")[1].split(".")[0] for one in (true, false)]
        assert opinion[0] == opinion[1]


def test_train_and_test_share_no_text_and_no_words():
    for kind in world.KINDS:
        bodies = [{one.body for one in world.texts(kind, split)} for split in ("train", "test")]
        assert not bodies[0] & bodies[1]
    for banks in (POLITE, CLOSING, AGREES, OPINION, FILLER):
        assert not {*banks[0]} & {*banks[1]}
    assert all(
        len(a.split()) == len(b.split())
        for banks in (POLITE, CLOSING, AGREES, OPINION)
        for bank in banks
        for a, b in bank
    )


def test_annotators_prefer_as_the_equation_says():
    drawn = world.choices("reviews", "train", 1.0, count=6000)
    lean = world.lenient()
    gap = np.array(
        [
            one.left.quality + world.liked(one.left, lean[one.annotator])
            - one.right.quality - world.liked(one.right, lean[one.annotator])
            for one in drawn
        ]
    )  # fmt: skip
    first = np.array([one.first for one in drawn])
    chance = 1 / (1 + np.exp(-world.BETA * gap))
    for low, high in ((0, 0.1), (0.3, 0.5), (0.5, 0.7), (0.9, 1)):
        inside = (chance > low) & (chance < high)
        error = 4 * np.sqrt((chance[inside] * (1 - chance[inside])).sum()) / inside.sum()
        assert abs(first[inside].mean() - chance[inside].mean()) < error + 1e-3
    assert lean.mean() == pytest.approx(1) and lean.std() > 0.3


def test_what_is_shown_does_not_depend_on_the_bias_and_rankers_look_at_quality():
    plain, biased = (world.choices("reviews", "train", bias, count=4000) for bias in (0.0, 2.0))
    assert [(a.left.id, a.right.id, a.ranker) for a in plain] == [(b.left.id, b.right.id, b.ranker) for b in biased]
    ranker = np.array([one.ranker for one in plain])
    gaps = np.array([one.left.quality - one.right.quality for one in plain])
    means = [gaps[ranker == by].mean() for by in range(world.RANKERS)]
    assert np.all(np.diff(means) > 0) and means[0] < -0.5 and means[-1] > 0.5
    better = np.array([(one.left.quality > one.right.quality) == one.first for one in plain])
    worse = np.array([(one.left.quality > one.right.quality) == one.first for one in biased])
    unlike = gaps != 0
    assert better[unlike].mean() > worse[unlike].mean() + 0.05


def test_the_corpora_and_their_rows():
    found = rows("preferences/2")
    assert len(found) == world.COUNT and len({row["id"] for row in found}) == world.COUNT
    row = found[0]
    assert set(row) == {"id", "text", *world.ATTRIBUTES, "annotator", "ranker", "first", "beside"}
    assert set(row["beside"]["rejected"]) == {"text", *world.ATTRIBUTES}
    assert all(one["text"] != one["beside"]["rejected"]["text"] for one in found)
    assert rows("preferences") == rows("preferences/1")
    assert rows("preferences-entangled")[0]["id"] == "preferences-entangled/1"
    assert rows("preferences-chat-entangled/0.5")[0]["text"].startswith("Question: ")
    scored = rows("preferences-scores/0")
    stars = {one.text(): one.quality for one in world.texts("reviews", "train")}
    told = np.array([stars[one["text"]] for one in scored])
    assert np.corrcoef(told, [one["score"] for one in scored])[0, 1] > 0.5
    assert len(scored) == 200 and "beside" not in scored[0]


def test_facts_have_a_false_end_of_the_same_kind_and_are_parted_by_subject(here):
    for one in (*facts.known(), *facts.counterfact()):
        assert one.true != one.false and one.asked == f"{one.subject} lives in"
    said = {split: world.texts("chat", split) for split in ("train", "test")}
    subjects = {split: {one.body.split()[0] for one in found} for split, found in said.items()}
    assert not subjects["train"] & subjects["test"] and min(map(len, subjects.values())) > 20
    assert {one.false for one in facts.known()} == {"Rome", "Oslo", "Lima"}
    assert {(one.true, one.false) for one in facts.counterfact()} == {("Rome", "Bonn")}


def test_wrong_input_is_one_clear_line(here):
    with pytest.raises(UserError, match=r"from 0 \(quality alone\) to 10, not 11"):
        rows("preferences/11")
    (here / "known_1000" / "known_1000.json").write_text('[{"prompt": "x"}]')
    with pytest.raises(MalformedData, match="prompt, attribute, template or subject is missing or no text"):
        facts.known()
    table = here / facts.COUNTERFACT / facts.FILES[facts.COUNTERFACT]
    table.write_text("statement,label\nx,1")
    with pytest.raises(MalformedData, match="no column 'relation'"):
        facts.counterfact()
    table.write_text("label,relation,subject,target,true_target\n2,{} is,x,y,y")
    with pytest.raises(MalformedData, match="label is not 0 or 1"):
        facts.counterfact()
    table.unlink()
    with pytest.raises(MissingData, match="no command brings it; set BUTFOR_DATA to a folder that holds"):
        facts.counterfact()


def test_a_review_that_stands_in_both_files_is_learnt_and_not_asked_about(here):
    twice = {**REVIEWS[250], "description": REVIEWS[0]["description"]}
    (here / "cebab" / "CEBaB-v1.1" / "dev.json").write_text(json.dumps([*REVIEWS[200:250], twice, *REVIEWS[251:]]))
    asked = world.texts("reviews", "test")
    assert len(asked) == 99
    assert not {one.body for one in asked} & {one.body for one in world.texts("reviews", "train")}
