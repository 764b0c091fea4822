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
