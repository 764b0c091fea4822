"""The instruction as an instrument: a scripted model whose hard questions are answered at length, and wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from butfor.core.errors import DataError, UserError
from butfor.core.seeds import generator
from butfor.data.question import Question
from butfor.infer.prompt.instrument import BEHAVIOURS, VARIANTS, Trial, page, run
from butfor.lm.load import load

HELPS = 0.05  # what ten words more do to the share of right answers


def drawn(seed: int, n: int = 600) -> Trial:
    """Hardness makes answers longer and wrong; the variant makes them longer, and length helps."""
    rng = generator(seed, "scripted")
    which = rng.permutation(np.arange(n) % 3)
    hard = rng.random(n)
    tens = 1 + 2 * which + np.round(6 * hard)
    right = rng.random(n) < 0.55 + HELPS * (tens - 5) - 0.6 * (hard - 0.5)
    return Trial(VARIANTS, tuple(map(int, which)), tuple("w " * int(10 * one) for one in tens), tuple(map(bool, right)))


def test_it_finds_the_effect_where_what_is_seen_has_the_wrong_sign() -> None:
    fits = [drawn(seed) for seed in range(40)]
    held = [not trial.effect().effect.excludes(HELPS) for trial in fits]
    seen = [trial.seen() for trial in fits]
    assert np.mean(held) > 0.85
    assert np.mean([trial.effect().effect.estimate for trial in fits]) == pytest.approx(HELPS, abs=0.01)
    assert all(one.high < HELPS for one in seen)
    assert fits[0].effect().first_stage_f > 100


def test_what_is_seen_is_the_slope_of_least_squares() -> None:
    trial = drawn(1)
    x, y = (np.array(v, float) for v in ([len(t.split()) / 10 for t in trial.texts], trial.right))
    slope, _ = np.polyfit(x, y, 1)
    assert trial.seen().estimate == pytest.approx(slope)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("words", "a b c d e", 0.5), ("steps", "1. a\nStep 2: b\nin 3. c", 2), ("reasons", "So it is, because.", 2)],
)
def test_behaviours(name: str, text: str, value: float) -> None:
    assert BEHAVIOURS[name](text) == value


def test_a_model_is_asked_once_a_question_under_balanced_variants() -> None:
    lm: Any = load("debug")
    questions = [Question(str(n), f"Is {n} odd?", ("yes", "no"), n % 2) for n in range(9)]
    one, two = (run(lm, questions, room=6, seed=2) for _ in range(2))
    assert sorted(one.which) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert (one.texts, one.right) == (two.texts, two.right)


def test_the_page_says_what_was_seen_and_what_by_instrument() -> None:
    told = page(drawn(0), "words")
    assert told.count("| 200 |") == 3 and "first-stage F" in told and "Anderson" in told


def test_what_no_instrument_can_be_is_refused() -> None:
    questions = [Question(str(n), "?", ("yes", "no"), 0) for n in range(3)]
    with pytest.raises(UserError, match="each another"):
        run(None, questions, variants=("a", "a"))
    with pytest.raises(UserError, match="two a variant"):
        run(None, questions)
    with pytest.raises(DataError, match="behaves alike"):
        Trial(("a", "b"), (0, 1), ("x", "x"), (True, False)).effect()
