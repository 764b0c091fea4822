"""Structure: the attribute is balanced in every cell; its editors; malformed rows. Its baselines: weights, MMD."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.core.registry import build, resolve
from butfor.data.reviews import reviews
from butfor.lm.load import load
from butfor.pretrain.corpus.cells import shares, weights
from butfor.pretrain.corpus.mmd import MMD, features
from butfor.pretrain.corpus.reweight import Reweight, weighted
from butfor.pretrain.corpus.structure import Structure
from butfor.train.batches import numbered
from butfor.train.kernel import penalty
from butfor.train.loop import TrainSettings, train
from butfor.train.method import touched
from butfor.train.standard import Standard

ROWS = reviews(count=120)


def done(method, rows=ROWS):
    return method.data(numbered(rows), np.random.default_rng(0))


def test_the_attribute_is_balanced_in_every_label_and_site():
    made = done(Structure())
    before, after = (shares(rows, "label", "attribute", "site") for rows in (numbered(ROWS), made))
    assert max(max(parts.values()) for parts in before.values()) > 0.85
    assert all(set(parts.values()) == {0.5} for parts in after.values())
    assert Counter(row["row"] for row in made) == dict.fromkeys(range(120), 2)
    for old, new in zip(made[:120], made[120:], strict=True):
        assert (new["label"], new["site"], new["attribute"]) == (old["label"], old["site"], 1 - old["attribute"])
        assert new["text"][new["answer_at"] :] == old["text"][old["answer_at"] :]


def test_three_values_take_turns():
    faiths = ("Christian", "Muslim", "Hindu")
    rows = [
        {"text": f"A {faith} told it. Answer: {n % 2}", "label": n % 2, "attribute": faith, "site": "x"}
        for n, faith in enumerate([*faiths, *faiths[:1] * 5])
    ]
    made = done(Structure(editor="religion"), rows)
    assert len(made) == 3 * len(rows)
    for parts in shares(made, "label", "attribute", "site").values():
        assert parts == {faith: pytest.approx(1 / 3) for faith in faiths}
    assert all(row["attribute"] in row["text"] for row in made)


def test_two_nations_become_each_other_and_no_third():
    rows = [
        {"text": f"The {nation} baker sang.", "label": n % 2, "attribute": nation, "site": "x"}
        for n, nation in enumerate(["Irish", "French", "French", "Irish"])
    ]
    made = done(Structure(editor="nationality"), rows)
    assert len(made) == 8 and all(f"The {row['attribute']} baker" in row["text"] for row in made)
    with pytest.raises(UserError, match="unknown value of nationality"):
        done(Structure(editor="nationality"), [{**row, "attribute": row["label"]} for row in rows])


def test_nothing_behind_the_answer_is_edited():
    rows = [{**row, "text": row["text"] + " for her"} for row in ROWS]
    assert all(row["text"].endswith(" for her") for row in done(Structure(), rows))


def test_ready_pairs():
    rows = [
        {"text": "b y", "label": 0, "attribute": "low", "site": 0, "counterfactual": "a y", "answer_at": 2},
        {"text": "a y", "label": 0, "attribute": "high", "site": 0, "counterfactual": {"low": "b y"}},
    ]
    made = done(Structure(editor="column"), rows)
    assert [(row["text"], row["attribute"]) for row in made[2:]] == [("a y", "high"), ("b y", "low")]
    assert made[2]["answer_at"] == 2
    assert all("counterfactual" not in row for row in made)
    with pytest.raises(UserError, match=r"row 2 .counted from 1. has no"):
        done(Structure(editor="column"), [rows[0], {**rows[1], "counterfactual": {"mid": "b"}}])


def test_a_language_model_rewrites_what_stands_before_the_answer(monkeypatch):
    from butfor.lm import asking

    asked = []

    def say(lm, prompts, *, max_new_tokens):
        asked.extend(prompt.user for prompt in prompts)
        return [" A man came. good" if "woman" in text.rsplit("\n")[-1] else "" for text in asked]

    monkeypatch.setattr(asking, "say", say)
    rows = [
        {"text": "A woman came. good", "label": 1, "attribute": "woman", "site": 0, "answer_at": 14},
        {"text": "A man left. bad", "label": 0, "attribute": "man", "site": 0, "answer_at": 12},
    ]
    made = done(Structure(editor="lm:debug"), rows)
    assert len(made) == 3  # an empty answer leaves its row alone
    assert made[2]["text"] == "A man came. good"
    assert made[2]["text"][made[2]["answer_at"] :] == "good"
    assert "its attribute is man instead of woman" in asked[0]
    assert "good" not in asked[0]


def test_a_real_model_writes_something():
    rows = [{"text": f"a {n} b", "label": n, "attribute": n, "site": 0} for n in (0, 1)]
    assert len(done(Structure(editor="lm:debug"), rows)) == 4


@pytest.mark.parametrize(
    ("method", "rows", "told"),
    [
        (Structure(), [{"text": "She"}], "has no column 'label' .*none"),
        (Structure(site="shop"), ROWS, "has no column 'shop'"),
        (Structure(), [row for row in ROWS if row["attribute"]], "is 1 on every row"),
        (Structure(editor="age"), ROWS, "changes no row"),
        (Reweight(), [row for row in ROWS if row["attribute"] or row["label"]], "no row has attribute 0 and label 0"),
        (Reweight(attribute="colour"), ROWS, "has no column 'colour'"),
        (MMD(label="colour"), ROWS, "has no column 'colour'"),
    ],
)
def test_malformed_rows_cost_a_line(method, rows, told):
    with pytest.raises(UserError, match=told) as caught:
        done(method, rows)
    assert len(str(caught.value).splitlines()) == 1


def test_knobs():
    assert not build(resolve("method", "pretrain.corpus.structure"), {"editor": "column"})[1]
    assert "did you mean" in build(Structure, {"editor": "gendre"})[1][0][1]
    assert "three columns" in build(Structure, {"site": "label"})[1][0][1]
    assert "name the model" in build(Structure, {"editor": "lm:"})[1][0][1]
    assert "two columns" in build(Reweight, {"label": "attribute"})[1][0][1]
    assert "two columns" in build(MMD, {"label": "attribute"})[1][0][1]
    assert touched(Reweight()) == {"data", "loss"}
    assert touched(MMD()) == {"data", "attach", "loss"}


def test_weights_make_the_attribute_independent_of_the_label():
    y, c = [row["label"] for row in ROWS], [row["attribute"] for row in ROWS]
    found = weights(y, c)
    assert np.mean(found) == pytest.approx(1)
    for one in (0, 1):
        joint = np.mean([w * (a == one) * (b == 1) for w, a, b in zip(found, c, y, strict=True)])
        assert joint == pytest.approx(np.mean(np.array(c) == one) * np.mean(y))


def logits_and_labels():
    import torch

    torch.manual_seed(0)
    labels = torch.randint(0, 7, (4, 6))
    labels[1, :3] = -100
    labels[2, 4:] = -100
    return torch.randn(4, 6, 7, dtype=torch.float64), labels


def test_the_weighted_loss_is_that_of_a_double_loop_and_plain_with_weights_of_one():
    import torch

    logits, labels = logits_and_labels()
    weight = torch.tensor([0.5, 2.0, 1.0, 0.1])
    total, tokens = 0.0, 0
    for i in range(4):
        for t in range(5):
            if labels[i, t + 1] != -100:
                total += float(-weight[i] * logits[i, t].log_softmax(-1)[labels[i, t + 1]])
                tokens += 1
    assert weighted(logits, labels, weight).item() == pytest.approx(total / tokens, rel=1e-5)
    plain = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 7), labels[:, 1:].reshape(-1))
    assert weighted(logits, labels, torch.ones(4)).item() == pytest.approx(plain.item(), rel=1e-5)


def test_the_weighted_loss_has_the_gradient_of_each_row_by_its_weight():
    import torch

    logits, labels = logits_and_labels()
    weight = torch.tensor([0.5, 2.0, 1.0, 0.0])
    logits.requires_grad_()
    weighted(logits, labels, weight).backward()
    found, logits.grad = logits.grad, None
    weighted(logits, labels, torch.ones(4)).backward()
    assert torch.allclose(found, weight[:, None, None] * logits.grad)
    assert logits.grad[3].any() and not found[3].any()


def test_the_penalty_moves_the_states_that_predict_an_answer_and_no_other():
    import torch

    torch.manual_seed(0)
    hidden = torch.randn(6, 4, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.full((6, 4), -100)
    labels[:, 2] = 5
    both = torch.tensor([0, 1] * 3)
    penalty(features(hidden, labels, torch.ones(6, 4, dtype=torch.long)), torch.zeros(6), both).backward()
    assert hidden.grad[:, 1].any(1).all()
    assert not hidden.grad[:, [0, 2, 3]].any()


def test_rows_that_the_editor_leaves_are_those_of_standard_training():
    rows = [{"text": "It rains.", "label": n % 2, "attribute": n % 2, "site": 0} for n in range(5)]
    made = done(Structure(), [*rows, {**rows[0], "text": "She sings."}])
    assert made[:6] == numbered([*rows, {**rows[0], "text": "She sings."}])
    assert [(row["row"], row["text"], row["attribute"]) for row in made[6:]] == [(5, "He sings.", 1)]


def test_the_feature_is_that_from_which_the_answer_is_predicted():
    import torch

    hidden = torch.arange(3 * 5).view(3, 5, 1).double()
    labels = torch.tensor([[-100, -100, 7, 7, -100], [7, 7, 7, -100, -100], [-100, -100, -100, -100, 7]])
    mask = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    assert features(hidden, labels, mask).flatten().tolist() == [1, 5 + 2, 10 + 3]


def trained(method, folder, rows=ROWS, batch_size=16, steps=2):
    lm = load("debug")
    how = TrainSettings(steps=steps, batch_size=batch_size, length=16, learning_rate=1e-3)
    plain = [{"text": row["text"][-30:], **{k: row[k] for k in ("label", "attribute", "site")}} for row in rows]
    train(lm, plain, method, settings=how, seed=0, folder=folder)
    return [weight.detach().clone() for weight in lm.model.parameters()], lm


def test_no_strength_is_standard_training_bit_for_bit(tmp_path):
    plain, _ = trained(Standard(), tmp_path / "0")
    for n, method in enumerate((Reweight(strength=0), MMD(strength=0)), 1):
        same, lm = trained(method, tmp_path / str(n))
        assert all((a == b).all() for a, b in zip(plain, same, strict=True))
        assert not lm.model.config.output_hidden_states
    for n, method in enumerate((Reweight(), MMD()), 3):
        other, lm = trained(method, tmp_path / str(n))
        assert any((a != b).any() for a, b in zip(plain, other, strict=True))
        assert not lm.model.config.output_hidden_states


def test_a_note_says_how_well_it_is_balanced(tmp_path):
    rows = [{**row, "text": row["text"] + " She left. He left."} for row in ROWS]
    _, lm = trained(Structure(editor="gender"), tmp_path, rows)
    assert "structure: 120 of 120 rows have counterfactuals" in lm.notes[-1]
    assert "more than 0.500" in lm.notes[-1]


def test_a_discrepancy_without_two_groups_in_any_batch_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"attribute with the same label: raise train\.batch_size") as error:
        trained(MMD(), tmp_path / "never", batch_size=3)
    assert "\n" not in str(error.value)
    trained(MMD(strength=0), tmp_path / "off", batch_size=3)


def test_a_note_says_in_how_many_batches_groups_are_compared(tmp_path):
    few = [{**row, "attribute": n % 2 if n < 60 else 0} for n, row in enumerate(ROWS)]
    _, lm = trained(MMD(), tmp_path / "few", few, batch_size=8, steps=15)
    (told,) = (note for note in lm.notes if note.startswith("mmd: "))
    count = int(told.split()[1])
    assert told == f"mmd: {count} of 15 batches hold groups to compare" and 0 < count < 15
    _, lm = trained(MMD(), tmp_path / "all", few, batch_size=120)
    assert not any(note.startswith("mmd: ") for note in lm.notes)
