"""Neighbours by answer: agreement with comparing all, what is no neighbour, vectors of texts, speed."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest

from butfor.finetune import neighbours as module
from butfor.finetune.neighbours import nearest, neighbours, vectors


def planted(n: int, spread: float, seed: int = 0):
    """Answers in 60 clusters, questions without any; every tenth answer stands twice."""
    draw = np.random.default_rng(seed)
    middle = draw.normal(size=(60, 32))
    a = middle[draw.integers(60, size=n)] + spread * draw.normal(size=(n, 32))
    a[::10] = a[1::10][: len(a[::10])]
    q = draw.normal(size=(n, 16))
    return tuple((x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32) for x in (a, q))


def brute(a, q, same, k, least):
    """One row at a time, by sorting."""
    found = []
    for i in range(len(a)):
        near = [j for j in range(len(a)) if same[j] != same[i] and a[i] @ a[j] >= least - 1e-5]
        near.sort(key=lambda j: -(a[i] @ a[j] + 0.1 * (q[i] @ q[j])))
        found.append((near + [-1] * k)[:k])
    return np.array(found)


@pytest.mark.parametrize("least", [0.3, 0.8, 1.0])
def test_up_to_some_thousand_rows_all_are_compared(least):
    a, q = planted(160, 0.5)
    same = np.arange(160) // 2  # two rows a question
    assert (nearest(a, q, same, 4, least) == brute(a, q, same, 4, least)).all()


def test_cells_find_what_comparing_all_finds(monkeypatch):
    a, q = planted(1000, 0.5)
    same = np.arange(1000)
    exact = {least: nearest(a, q, same, 3, least) for least in (0.5, 1.0)}
    monkeypatch.setattr(module, "EXACT", 100)
    for least, wanted in exact.items():
        found = nearest(a, q, same, 3, least)
        hits = [place in line for line, row in zip(found, wanted, strict=True) for place in row if place >= 0]
        assert np.mean(hits) > (0.999 if least == 1 else 0.95), least
        assert (found != same[:, None]).all()
        assert np.array_equal(found, nearest(a, q, same, 3, least))


def test_the_same_answer_comes_first_and_then_the_question_that_is_more_alike():
    answers = ("it rained", "the sun shone", "it rained", "it rained", "it rained")
    questions = ("the road was wet", "ice melted", "cars were wet in the road", "wet boats", "the road was wet")
    groups = (None,) * 5
    found = neighbours(answers, questions, groups, 3, 1.0)
    assert found[[0, 1, 4]].tolist() == [[2, 3, -1], [-1, -1, -1], [2, 3, -1]]  # 0 and 4 ask the same
    assert set(found[2, :2]) == {0, 4} and found[2, 2] == 3
    split = neighbours(answers, questions, ("cause", "cause", "cause", "effect", "effect"), 3, 1.0)
    assert split.tolist() == [[2, -1, -1], [-1, -1, -1], [0, -1, -1], [4, -1, -1], [3, -1, -1]]


def test_vectors_of_words():
    found = vectors(["the dog bites", "Bites the dog!", "a cat sleeps", "…", "the dog sleeps"])
    alike = found @ found.T
    assert alike[0, 1] == pytest.approx(1, abs=1e-5)
    assert abs(alike[0, 2]) < 0.3 < alike[0, 4] < 0.95
    assert not found[3].any()


def test_vectors_of_models(tmp_path: Path):
    (tmp_path / "words.txt").write_text("dog\ncat\nstone\n")
    np.save(tmp_path / "vectors.npy", np.array([[1, 0.2], [1, -0.2], [-1, 0]], np.float32))
    alike = (found := vectors(["a dog", "The cat", "a stone", "dog dog"], by=str(tmp_path))) @ found.T
    assert alike[0, 3] == pytest.approx(1)
    assert alike[0, 1] > 0.9 > 0 > alike[0, 2]
    read = vectors(["a dog", "a cat", "a dog"], by="debug")
    assert np.allclose(np.linalg.norm(read, axis=1), 1) and np.array_equal(read[0], read[2])


@pytest.mark.slow
def test_a_hundred_thousand_rows_take_seconds():
    draw = random.Random(0)
    words = [f"w{n}" for n in range(5000)]
    answers = [" ".join(draw.choices(words, k=6)) for _ in range(40_000)]
    answers = [draw.choice(answers) + draw.choice([" indeed", "", ""]) for _ in range(100_000)]
    questions = [f"question {n} {draw.choice(words)}" for n in range(100_000)]
    began = time.process_time()
    a, q = vectors(answers), vectors(questions)
    same = np.arange(len(answers))
    found = nearest(a, q, same, 5, 1.0)
    assert time.process_time() - began < 90
    assert all(answers[i] == answers[j] for i, line in enumerate(found) for j in line if j >= 0)
    sample = np.random.default_rng(0).choice(len(answers), 300, replace=False)
    alike = a[sample] @ a.T
    alike[np.arange(300), sample] = 0
    assert np.array_equal((found[sample] >= 0).sum(1), np.minimum((alike > 1 - 1e-5).sum(1), 5))
