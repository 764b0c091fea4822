"""CausaLM: the adversary takes the treated concept out, the control keeps the other in, and all of it comes off."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from butfor.core.errors import UserError
from butfor.data.labels import labels
from butfor.lm import LM
from butfor.lm.load import load
from butfor.lm.pooling import features
from butfor.pretrain.causalm import HEADS, CausaLM, concept_loss, mean_over_tokens, reversed_gradient, treate
from butfor.stats.nullspace import softmax_fit
from butfor.train.loop import TrainSettings, train
from butfor.train.standard import Standard


def world(seed: int = 0) -> LM:
    return cast(LM, load("scratch:2x32", seed=seed))


def planted(count: int, seed: int) -> list[dict[str, Any]]:
    """Texts that tell of a colour and a size, each by one of four words, apart from each other."""
    rng = np.random.default_rng(seed)
    colours, sizes = (("red", "pink"), ("blue", "navy")), (("big", "huge"), ("tiny", "wee"))
    found: list[dict[str, Any]] = []
    for _ in range(count):
        colour, size, a, b = (int(n) for n in rng.integers(2, size=4))
        found.append({"text": f"a {colours[colour][a]} {sizes[size][b]} box", "colour": colour, "size": size})
    return found


def trained(method: Any, folder: Path, steps: int = 120) -> LM:
    lm = world()
    settings = TrainSettings(steps=steps, batch_size=16, length=24, learning_rate=1e-3)
    train(lm, planted(256, 0), method, settings=settings, seed=0, folder=folder)
    return lm


def read(lm: LM, concept: str) -> float:
    """Accuracy of a fresh linear probe on texts that it has not seen."""
    seen, new = planted(128, 1), planted(128, 2)
    weights, offsets = softmax_fit(
        features(lm, [row["text"] for row in seen]).astype(float), np.array([row[concept] for row in seen]), 2
    )
    found = np.argmax(features(lm, [row["text"] for row in new]) @ weights.T + offsets, axis=1)
    return float(np.mean(found == [row[concept] for row in new]))


def test_without_strength_it_is_standard_training_bit_for_bit(tmp_path: Path) -> None:
    plain = trained(Standard(), tmp_path / "a", steps=6)
    idle = trained(CausaLM(treated="colour", strength=0.0), tmp_path / "b", steps=6)
    assert idle.fingerprint() == plain.fingerprint()


def test_heads_and_hooks_come_off(tmp_path: Path) -> None:
    lm = trained(CausaLM(treated="colour", controlled="size"), tmp_path, steps=4)
    assert not hasattr(lm.model, HEADS) and not lm.hooked
    assert set(lm.model.state_dict()) == set(world().model.state_dict())


def test_the_concept_draws_together_but_a_fresh_probe_still_reads_it(tmp_path: Path) -> None:
    plain = trained(Standard(), tmp_path / "a")
    forgot = trained(CausaLM(treated="colour", controlled="size", strength=0.3), tmp_path / "b")
    assert np.linalg.norm(_gap(forgot)) < 0.9 * np.linalg.norm(_gap(plain))
    assert read(forgot, "size") == 1.0
    assert read(forgot, "colour") == 1.0  # the known weakness of an adversary: see the file's Limits


def _gap(lm: LM) -> Any:
    """The difference of the two colours' mean features, in units of their spread."""
    rows = planted(128, 3)
    x = features(lm, [row["text"] for row in rows])
    colour = np.array([row["colour"] for row in rows])
    return (x[colour == 1].mean(0) - x[colour == 0].mean(0)) / x.std()


def test_the_reversal_turns_the_gradient_and_nothing_else() -> None:
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.equal(reversed_gradient(x, 2.0), x)
    (plain,) = torch.autograd.grad((x**3).sum(), x)
    (turned,) = torch.autograd.grad((reversed_gradient(x, 2.0) ** 3).sum(), x)
    assert torch.allclose(turned, -2.0 * plain)


def test_rows_without_a_label_teach_nothing() -> None:
    head = torch.nn.Linear(3, 2)
    pooled = torch.randn(4, 3)
    label = torch.tensor([0, -1, 1, -1])
    expected = torch.nn.functional.cross_entropy(head(pooled[[0, 2]]), label[[0, 2]])
    assert concept_loss(head, pooled, label, 1.0).item() == pytest.approx(expected.item())
    assert concept_loss(head, pooled, torch.full((4,), -1), -1.0).item() == 0.0


def test_the_mean_leaves_padding_out() -> None:
    states, mask = torch.randn(2, 5, 3), torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]])
    assert torch.allclose(mean_over_tokens(states, mask)[0], states[0, :2].mean(0), atol=1e-6)


def test_treate_is_zero_between_equals_and_large_where_the_concept_is_gone() -> None:
    rows, new = planted(64, 4), [f"one {word} box" for word in ("red", "pink", "blue", "navy")]
    learn = [row["text"] for row in rows], [row["colour"] for row in rows]
    lm = world()
    assert treate(lm, world(), learn, new).estimate == 0.0
    with torch.no_grad():
        blind = world()
        for weight in blind.model.parameters():
            weight.zero_()
    effect = treate(lm, blind, learn, new)
    assert effect.estimate > 0.5 and effect.low > 0 and effect.n == 4


def test_gender_is_read_from_words() -> None:
    rows = [{"text": "She told her brother."}, {"text": "He left."}, {"text": "It rained."}]
    assert labels(rows, "gender") == [1, 0, -1]


@pytest.mark.parametrize(
    ("rows", "concept", "said"),
    [
        ([{"text": "It rained."}], "gender", "one label or none"),
        ([{"text": "a", "c": 1}, {"text": "b", "c": 1}], "c", "one label or none"),
        ([{"text": "a", "c": 1}, {"text": "b", "c": "x"}], "c", "a whole number from 0 on"),
    ],
)
def test_a_concept_that_says_nothing_is_refused(rows: Any, concept: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        labels(rows, concept)


def test_wrong_knobs_and_wrong_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="both 'gender'"):
        CausaLM(treated="gender", controlled="gender")
    with pytest.raises(UserError, match="both learnt from and asked about"):
        treate(world(), world(), (["a", "b"], [0, 1]), ["a"])
    with pytest.raises(UserError, match="as many labels as texts"):
        treate(world(), world(), (["a", "b"], [0, 0]), ["c"])
