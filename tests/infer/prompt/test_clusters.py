"""k-means with limits: plain without them, within them where there are any, the same in any order."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.infer.prompt.clusters import clusters, embedded, rests_on


def test_three_heaps_are_found() -> None:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(centre, 0.1, (size, 2)) for centre, size in ((0, 5), (4, 3), (9, 2))])
    found = clusters(rows, 3)
    assert [one.members for one in found] == [(0, 1, 2, 3, 4), (5, 6, 7), (8, 9)]
    assert all(one.centre in one.members for one in found)


@pytest.mark.parametrize(("least", "most"), [(0, 7), (1, 5), (2, 4), (2, 3)])
def test_sizes_stay_within_the_limits_and_the_sum_is_the_least_there_is(least: int, most: int) -> None:
    rows = np.random.default_rng(1).normal(size=(7, 3))
    found = clusters(rows, 3, least, most)
    assert sorted(at for one in found for at in one.members) == list(range(7))
    assert all(least <= len(one.members) <= most for one in found)
    best = min(
        spread(rows, [np.flatnonzero(np.array(way) == k) for k in range(3)])
        for way in product(range(3), repeat=7)
        if all(least <= way.count(k) <= most for k in range(3))
    )
    assert spread(rows, [np.array(one.members) for one in found]) <= 1.1 * best


def spread(rows: np.ndarray, groups: list[np.ndarray]) -> float:
    return sum(float(((rows[group] - rows[group].mean(0)) ** 2).sum()) for group in groups if len(group))


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = np.random.default_rng(2).normal(size=(8, 4))
    order = np.random.default_rng(3).permutation(8)
    one = {frozenset(found.members) for found in clusters(rows, 3, 1, 4)}
    two = {frozenset(int(order[at]) for at in found.members) for found in clusters(rows[order], 3, 1, 4)}
    assert one == two


def test_limits_that_cannot_be_kept_are_widened() -> None:
    rows = np.eye(4)
    assert [len(one.members) for one in clusters(rows, 2, 3, 3)] == [2, 2]
    assert len(clusters(rows, 2, 0, 1)) == 2
    assert len(clusters(rows[:1], 3, 1, 1)) == 1
    assert clusters(np.zeros((3, 2)), 1)[0].members == (0, 1, 2)


def test_texts_of_the_same_words_are_one_place() -> None:
    rows = embedded(["Rain, rain makes wet.", "wet makes rain Rain", "", "The sun"], "words")
    assert rows[0] @ rows[1] == pytest.approx(1)
    assert not rows[2].any()
    assert rows[0] @ rows[3] == 0


def test_a_model_reads_them_too(tmp_path: Path) -> None:
    rows = embedded(["Rain makes it wet.", ""], "debug")
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 0])
    assert len(rests_on("debug")) == 1 and rests_on("words") == []
    (tmp_path / "words.txt").write_text("rain\n")
    np.save(tmp_path / "vectors.npy", np.ones((1, 2), np.float32))
    with pytest.raises(UserError, match="'minilm'"):
        rests_on(str(tmp_path))
