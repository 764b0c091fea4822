"""Prompts as instruments and mediators: exact effects of planted models, conditions that are seen, and a real run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from butfor.align.instrument import prompts
from butfor.align.instrument.prompts import Setup, Trial, page, run
from butfor.core.errors import Abstained, DataError, UserError
from butfor.lm.load import load
from butfor.scm.estimate import Instrument

NAMES = ("praise", "plain", "blame")


def planted(n: int = 400, effect: float = 1.5, direct: float = 0.0, spread: float = 0.0, seed: int = 0) -> Trial:
    """Good texts are praised in both answers; the variants move the first by −1, 0, 1."""
    rng = np.random.default_rng(seed)
    good = rng.normal(size=n) - bool(spread)  # so that those whom variants move are better than most
    said = (good[:, None] + np.array([1.0, 0.0, -1.0]) > rng.normal(size=(n, 1)) * 0.3).astype(float)
    each = effect + spread * good
    last = 2 * good[:, None, None] + each[:, None, None] * np.array([0.0, 1.0]) + 0.1 * rng.normal(size=(n, 1, 1))
    return Trial(NAMES, said, last + direct * np.array([1.0, 0.0, -1.0])[None, :, None])


def failed(checks: Any) -> set[str]:
    return {check.code for check in checks if not check.ok}


def test_the_instrument_finds_what_a_regression_does_not() -> None:
    trial = planted()
    assert trial.effect.estimate == pytest.approx(1.5) and trial.moved == pytest.approx(1.5)
    assert trial.instrument().estimate == pytest.approx(1.5, abs=0.6) and trial.instrument().ok
    assert trial.instrument(how="regression").low > 3
    held = [not trial.instrument(seed).excludes(1.5) for seed in range(60)]
    assert np.mean(held) > 0.88


def test_those_moved_are_what_two_stages_say_of_everything() -> None:
    trial = planted(spread=0.8)
    n = len(trial.said)
    data = {"x": trial.said.ravel(), "y": trial.under.ravel(), "z": np.tile(list(NAMES), n)}
    assert trial.moved == pytest.approx(Instrument("x", "y", ("z",))(data).estimate, rel=1e-9)
    assert trial.moved > trial.effect.estimate + 0.3


def test_conditions_are_seen() -> None:
    assert failed(planted().checks()) == set()
    assert failed(planted(direct=0.4).checks()) == {"exclusion"}
    one = planted()
    still = replace(one, said=np.repeat(one.said[:, :1], 3, axis=1))
    assert failed(still.checks()) == {"moves"}
    with pytest.raises(Abstained, match="weak"):
        still.instrument()
    with pytest.raises(DataError, match="nobody moved"):
        _ = still.moved
    mixed = one.said.copy()
    mixed[:50, 0], mixed[:50, 2] = 0.0, 1.0
    assert "monotone" in failed(replace(one, said=mixed).checks())


def test_direct_and_indirect_effects_are_exact_and_add_up() -> None:
    for direct in (0.0, 0.7):
        trial = planted(direct=direct)
        found = trial.mediator(0, 2)
        moved = float((trial.said[:, 0] - trial.said[:, 2]).mean())
        assert found.direct.estimate == pytest.approx(2 * direct)
        assert found.indirect.estimate == pytest.approx(1.5 * moved)
        assert found.total.estimate == pytest.approx(found.direct.estimate + found.indirect.estimate)
        assert not failed(found.total.checks) & {"moves", "interaction"}
    assert planted().mediator(1, 1).total.estimate == 0 and "moves" in failed(planted().mediator(1, 1).total.checks)


def test_a_log_alone_takes_what_texts_do_for_what_the_answer_does() -> None:
    trial = planted(n=900, direct=0.7)
    exact, logged = trial.mediator(0, 2), trial.logged(0, 2)
    assert logged.total.estimate == pytest.approx(exact.total.estimate, abs=0.6)  # the variant is random
    assert logged.indirect.low > exact.indirect.high  # the answer is not


def test_a_direct_effect_that_hangs_on_the_answer_is_told() -> None:
    trial = planted()
    last = trial.last.copy()
    last[:, 0, 1] += 2.0
    assert "interaction" in failed(replace(trial, last=last).mediator(0, 2).direct.checks)


def test_a_real_model_answers_under_every_variant() -> None:
    lm: Any = load("debug")
    texts = ["The soup {was} cold.", "Great food.", "Slow staff.", "I liked it."]
    setup = Setup(variants=prompts.VARIANTS)
    trial, again = run(lm, texts, setup), run(lm, texts[::-1], setup)
    assert trial.said.shape == (4, 3) and trial.last.shape == (4, 3, 2)
    np.testing.assert_array_equal(trial.said, again.said[::-1])  # a text's chance is its own
    assert (np.ptp(trial.last, axis=1) == 0).all()  # the second prompt holds no variant
    repeated = run(lm, texts, replace(setup, then=prompts.REPEATED))
    assert (np.ptp(repeated.last, axis=1) > 0).all()
    np.testing.assert_array_equal(trial.said, repeated.said)


def test_the_page() -> None:
    told = page(planted(), planted(direct=0.5), draws=5)
    assert "| liml |" in told and "direct    1.000" in told and "WARNING exclusion" in told


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"variants": ("a",)}, "two prompt variants"),
        ({"variants": ("a", "a")}, "two prompt variants"),
        ({"variants": ("a", "b"), "first": "{text}"}, "lacks {variant}"),
        ({"variants": ("a", "b"), "then": "{text}"}, "lacks {said}"),
        ({"variants": ("a", "b"), "temperature": -1.0}, "temperature"),
    ],
)
def test_setups_that_cannot_be(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Setup(**knobs)


def test_no_texts_and_answers_that_do_not_fit() -> None:
    with pytest.raises(UserError, match="no texts"):
        run(load("debug"), [], Setup(variants=("a", "b")))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="need last answers"):
        replace(planted(), variants=("one",))
