"""Which words are irrelevant: by the name of their spans or by themselves; corpora that hold none are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.finetune.explain.planted import right, rows, trained

from butfor.core.errors import UserError
from butfor.finetune.explain.cdep import CDEP
from butfor.finetune.explain.expected_gradients import ExpectedGradients
from butfor.finetune.explain.marked import Marked, answers, spans
from butfor.lm.load import load
from butfor.train.loop import TrainSettings, train
from butfor.train.method import touched
from butfor.train.standard import Standard

KINDS: list[type[Marked]] = [ExpectedGradients, CDEP]


@pytest.mark.parametrize("kind", KINDS)
def test_strength_zero_is_plain_training_bit_for_bit(tmp_path: Path, kind: type[Marked]) -> None:
    plain = trained(Standard(), tmp_path / "plain", steps=4)
    method = kind(variable="colour", strength=0)
    assert touched(method) == frozenset()
    same = trained(method, tmp_path / "same", steps=4)
    other = trained(kind(variable="colour"), tmp_path / "other", steps=4)
    assert same.fingerprint() == plain.fingerprint() != other.fingerprint()


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_shortcut_is_left_aside(tmp_path: Path, kind: type[Marked], plain_flipped: float) -> None:
    lm = trained(kind(variable="colour", strength=1.0), tmp_path)
    assert right(lm, 0.97) > 0.9 and right(lm, 0.03) > plain_flipped + 0.15


@pytest.fixture(scope="module")
def plain_flipped(tmp_path_factory: pytest.TempPathFactory) -> float:
    lm = trained(Standard(), tmp_path_factory.mktemp("plain"))
    assert right(lm, 0.97) > 0.9
    return right(lm, 0.03)


def test_words_are_found_alone_and_in_any_capitals() -> None:
    row = {"text": "She said: 'Theirs is hers, not SHE-ra's.' she"}
    found = spans(row, "", ("she", "hers"))
    assert [row["text"][start:stop] for start, stop, _ in found] == ["She", "hers", "SHE", "she"]


def test_a_method_keeps_its_spans_alone() -> None:
    row = {"text": "red good", "label": 0, "spans": [[0, 3, "colour"], [4, 8, "opinion"]], "links": [[1, 0]]}
    made = CDEP(variable="colour").data([row], np.random.default_rng(0))[0]
    assert [span[:2] for span in made["spans"]] == [[0, 3]] and not made["links"]
    assert CDEP(variable="colour", strength=0).data([row], np.random.default_rng(0)) == [row]


def test_text_has_the_answers_that_are_learnt_in_the_batch() -> None:
    labels = torch.tensor([[5, 6, -100, 7], [8, -100, -100, 9]])
    logits = torch.arange(2 * 4 * 10.0).reshape(2, 4, 10)
    found = answers(logits, {"labels": labels})
    assert found.row.tolist() == [0, 0, 1]
    assert found.logits.tolist() == [[6.0, 7.0, 9.0], [26.0, 27.0, 29.0], [66.0, 67.0, 69.0]]
    assert found.right.tolist() == [0, 1, 2]


@pytest.mark.parametrize("settings", [{}, {"variable": "colour", "words": ["red"]}, {"words": [" "]}])
def test_knobs_that_do_not_fit_are_refused(settings: dict) -> None:
    with pytest.raises(ValueError, match="word"):
        CDEP(**settings)


@pytest.mark.parametrize(
    ("knobs", "problem"), [({"variable": "shape"}, "there are: colour"), ({"words": ("green",)}, "none of the words")]
)
def test_a_corpus_without_the_words_is_refused(knobs: dict, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        ExpectedGradients(**knobs).fits(rows(5, 0.5, 0))


def test_hidden_words_of_an_encoder_are_no_answers(tmp_path: Path) -> None:
    from tests.train.test_masked import encoder

    settings = TrainSettings(steps=1, batch_size=4, length=24)
    with pytest.raises(UserError, match="objective = 'label'"):
        train(encoder(), rows(20, 0.5, 0), CDEP(variable="colour"), settings=settings, seed=0, folder=tmp_path)


def test_an_unknown_kind_of_layer_is_refused(tmp_path: Path) -> None:
    lm = load("debug")
    lm.model.extra = torch.nn.Conv1d(2, 2, 1)
    settings = TrainSettings(steps=1, batch_size=4, length=24, objective="label")
    with pytest.raises(UserError, match="has a Conv1d, which has no rule"):
        train(lm, rows(20, 0.5, 0), CDEP(variable="colour"), settings=settings, seed=0, folder=tmp_path)
