"""What answers are expected to bring: planted tables are found, from other prompts, and circles of preferences."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.align.policy.expected import outcomes, preferences

SAYS = ("yes", "no", "maybe later")
WORTH = {"warm": (1.0, 0.0, 0.5), "cold": (0.0, 1.0, 0.2)}


def asked(rng, count):
    return [(("warm", "cold")[int(rng.integers(2))], int(rng.integers(40))) for _ in range(count)]


def test_outcomes_of_a_planted_table_are_found_for_prompts_that_were_not_learnt_from():
    rng = np.random.default_rng(0)
    log = asked(rng, 800)
    given = rng.integers(3, size=len(log))
    came = np.array([WORTH[w][k] for (w, _), k in zip(log, given, strict=True)]) + 0.3 * rng.standard_normal(len(log))
    prompts = [f"it is {word} on day {day}" for word, day in log]
    found = np.array(outcomes(prompts, [SAYS[k] for k in given], came, [SAYS] * len(log), rng))
    assert np.abs(found - [WORTH[word] for word, _ in log]).mean() < 0.1


def test_what_is_expected_of_a_prompt_does_not_hang_on_its_own_outcomes():
    rng = np.random.default_rng(1)
    prompts = [f"{word} {day}" for word, day in asked(rng, 100)]
    said, came = [SAYS[k] for k in rng.integers(3, size=100)], rng.standard_normal(100)
    moved = np.where([prompt == prompts[0] for prompt in prompts], came + 50, came)
    one, two = (np.array(outcomes(prompts, said, y, [SAYS] * 100, np.random.default_rng(2))) for y in (came, moved))
    own = np.array([prompt == prompts[0] for prompt in prompts])
    assert np.allclose(one[own], two[own])
    assert not np.allclose(one[~own], two[~own])


@pytest.mark.parametrize("circles", [False, True])
def test_general_preferences_hold_circles_and_bradley_terry_does_not(circles):
    rng = np.random.default_rng(2)
    likes = np.array([[0.5, 0.9, 0.1], [0.1, 0.5, 0.9], [0.9, 0.1, 0.5]] if circles else
                     [[0.5, 0.8, 0.94], [0.2, 0.5, 0.8], [0.06, 0.2, 0.5]])  # fmt: skip
    log, pairs = asked(rng, 1500), rng.integers(3, size=(1500, 2))
    first = (rng.random(1500) < likes[pairs[:, 0], pairs[:, 1]]).astype(float)
    prompts = [f"{word} {day}" for word, day in log]
    told = [(SAYS[a], SAYS[b]) for a, b in pairs]
    every = [[(a, b) for a in SAYS for b in SAYS]] * 1500
    off = {}
    for family in ("bradley_terry", "general"):
        found = np.array(preferences(prompts, told, first, every, family, rng)).reshape(-1, 3, 3)
        assert np.allclose(found + found.transpose(0, 2, 1), 1.0)
        off[family] = np.abs(found.mean(0) - likes).max()
    assert off["general"] < 0.08
    assert (off["bradley_terry"] > 0.3) if circles else (off["bradley_terry"] < 0.08)
