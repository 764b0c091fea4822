"""What the four erasers have in common, on a planted concept: it goes, the main task stays, words are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from butfor.core.registry import build, resolve
from butfor.pretrain.half_sibling import HalfSibling
from butfor.pretrain.hard_debias import HardDebias
from butfor.pretrain.inlp import INLP
from butfor.pretrain.leace import LEACE
from butfor.train.method import touched
from butfor.train.standard import Standard

from .planted import PAIRS, planted

NAMES = {"hard_debias": HardDebias, "inlp": INLP, "leace": LEACE, "half_sibling": HalfSibling}
ALL = pytest.mark.parametrize("kind", list(NAMES.values()))


@ALL
def test_touches_the_model_alone_and_works_in_both_worlds(kind: Any):
    assert touched(kind()) == {"model"}
    assert kind.worlds == ("lm", "vectors")
    assert kind() == kind() and hash(kind()) == hash(kind())


@pytest.mark.parametrize("name", list(NAMES))
def test_is_registered_and_its_knobs_are_checked(name: str):
    assert resolve("method", name) is NAMES[name]
    assert build(NAMES[name], {})[0] == NAMES[name]()
    for wrong in ({"matrix": "output"}, {"keep": "some"}, {"concept": "gendr"}, {"concept": "no/such.json"}):
        made, problems = build(NAMES[name], wrong)
        assert made is None and len(problems) == 1


@pytest.mark.parametrize("kind", [HardDebias, INLP, LEACE])
def test_the_planted_concept_goes_and_the_main_task_stays(kind: Any, tmp_path: Path):
    case = planted(tmp_path)
    stereotype, task = case.accuracy(case.stereotype), case.accuracy(case.task)
    assert stereotype > 0.98 and task > 0.98
    kind(concept=case.concept).model(case.world, np.random.default_rng(0))
    assert case.accuracy(case.stereotype) < 0.56  # a coin: 0.5 ± 0.026 at two standard errors
    assert case.accuracy(case.task) > task - 0.02


def test_half_sibling_shrinks_the_concept_most(tmp_path: Path):
    case = planted(tmp_path)
    before, task = case.neutral, case.accuracy(case.task)
    HalfSibling(concept=case.concept).model(case.world, np.random.default_rng(0))
    left = np.std(case.neutral @ case.direction) / np.std(before @ case.direction)
    other = np.std(case.neutral - np.outer(case.neutral @ case.direction, case.direction)) / np.std(
        before - np.outer(before @ case.direction, case.direction)
    )
    assert left < 0.06 < 0.35 < other  # a/(s² + a): a = 2 × 3.2; s² = 120 × 1 along the concept, 120 × 0.09 elsewhere
    assert case.accuracy(case.task) > task - 0.02


@ALL
def test_definitional_words_keep_their_vectors_unless_told(kind: Any, tmp_path: Path):
    method = replace(kind(), concept=planted(tmp_path).concept)
    method = replace(method, equalize=False) if kind is HardDebias else method
    for keep in ("definitional", "none"):
        case = planted(tmp_path)
        old = case.world.matrix
        replace(method, keep=keep).model(case.world, np.random.default_rng(0))
        same = np.all(old == case.world.matrix, axis=1)
        assert same[: 2 * PAIRS].all() == (keep == "definitional")
        assert not same[2 * PAIRS :].any()


@ALL
def test_deterministic_given_rng_and_says_so_in_a_note(kind: Any, tmp_path: Path):
    worlds = [planted(tmp_path).world for _ in range(2)]
    for world in worlds:
        method = kind(concept=planted(tmp_path).concept)
        method.check(method.model(world, np.random.default_rng(3)), np.random.default_rng(4))
    assert np.array_equal(worlds[0].matrix, worlds[1].matrix)
    assert worlds[0].notes == worlds[1].notes
    note = " ".join(worlds[0].notes)
    for clause in ("(3120 × 24, float32)", "3000 rows", f"{PAIRS} of {PAIRS} pairs", "n = 120", "rank", "before"):
        assert clause in note


@ALL
def test_a_concept_that_makes_no_difference_changes_nothing(kind: Any, tmp_path: Path):
    case = planted(tmp_path)
    case.world.matrix[: 2 * PAIRS] = 0.0
    old = case.world.matrix.copy()
    kind(concept=case.concept).model(case.world, np.random.default_rng(0))
    assert np.array_equal(case.world.matrix, old)
    assert "did not change" in case.world.notes[0]


@ALL
def test_a_memory_map_is_never_written_to(kind: Any, tmp_path: Path):
    case = planted(tmp_path)
    np.save(tmp_path / "v.npy", case.world.matrix)
    file = (tmp_path / "v.npy").read_bytes()
    case.world.matrix = np.load(tmp_path / "v.npy", mmap_mode="r")
    before = case.world.fingerprint()
    kind(concept=case.concept).model(case.world, np.random.default_rng(0))
    assert case.world.fingerprint() != before
    assert (tmp_path / "v.npy").read_bytes() == file


def trained(method: Any, folder: Any, stop: int = 0) -> Any:
    """A model from scratch after six steps; `stop`: torn off after so many, then resumed."""
    from butfor.data.corpora import rows
    from butfor.lm.load import load
    from butfor.train.loop import TrainSettings, train

    class Torn(Exception):
        pass

    def tear(step: int, *_: Any) -> None:
        if step == stop:
            raise Torn

    settings = TrainSettings(steps=6, batch_size=4, length=32, learning_rate=1e-2, save_every=2)
    for progress in (tear, None) if stop else (None,):
        lm: Any = load("scratch:1x32,tokens=plain/3000", seed=3)
        try:
            train(lm, rows("plain"), method, settings=settings, seed=0, folder=folder, progress=progress)
        except Torn:
            continue
        return lm
    raise AssertionError


def spread(lm: Any) -> float:
    """How far apart the words of gender still are from what their classes share: Σ_xz of words that are not kept."""
    from butfor.pretrain.concepts import labelled, read
    from butfor.pretrain.embeddings import tables_of
    from butfor.pretrain.leace import cross_covariance

    table = tables_of(lm, "tied")[0][0]
    return float(np.linalg.norm(cross_covariance(labelled(lm, table.read, read("gender")))))


def test_an_eraser_acts_before_during_or_after_training(tmp_path: Any):
    plain = trained(Standard(), tmp_path / "plain")
    after = trained(LEACE(when="after", keep="none"), tmp_path / "after")
    during = trained(LEACE(when="during", keep="none"), tmp_path / "during")
    assert spread(plain) > 1e-3
    assert spread(after) < 1e-6 and spread(during) < 1e-6
    assert not after.hooked and not during.hooked
    by_hand = trained(Standard(), tmp_path / "hand")
    LEACE(keep="none").model(by_hand, np.random.default_rng(0))
    assert by_hand.fingerprint() == after.fingerprint() != during.fingerprint()
    assert sum("leace" in note for note in during.notes) == 1


def test_erasing_during_training_resumes_exactly(tmp_path: Any):
    method = LEACE(when="during")
    whole, torn = trained(method, tmp_path / "a"), trained(method, tmp_path / "b", stop=5)
    assert whole.fingerprint() == torn.fingerprint()


def test_when_says_which_hooks_are_at_work():
    assert touched(LEACE(when="after")) == touched(LEACE(when="during")) == {"attach"}
    with pytest.raises(ValueError, match='leave matrix = "tied"'):
        LEACE(when="during", matrix="input")
