"""Calibrated judgements against cje-eval 0.9: the same curve, the same value within a fraction of its error.

Both learn isotonic curves and correct them by left-out labels; ours also leaves a prompt out where its own text is
asked about, corrects within strata and takes its interval from a jackknife. So the values agree, not the digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.align.ope.judged import worth

from butfor.align.ope.calibrated import Calibrated, isotonic
from butfor.scm.policies import Answers

pytestmark = pytest.mark.peer
cje: Any = pytest.importorskip("cje")
DRAWS = 30


def sample(seed: int, n: int, labels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Judgements, all outcomes, and those of the first `labels` texts."""
    rng = np.random.default_rng(seed)
    judge = rng.uniform(-2, 2, n)
    outcome = np.clip(worth(judge) + rng.normal(0, 0.2, n), 0, 1)
    known = np.where(np.arange(n) < labels, outcome, np.nan)
    return judge, outcome, known


def theirs(draws: dict[str, list[dict[str, Any]]], policy: str) -> tuple[float, float, float]:
    """Estimate, standard error and half width by `analyze_dataset`."""
    found = cje.analyze_dataset(fresh_draws_data=draws)
    at = found.metadata["target_policies"].index(policy)
    low, high = found.ci()[at]
    return float(found.estimates[at]), float(found.standard_errors[at]), float(high - low) / 2


def rows(judge: np.ndarray, outcome: np.ndarray) -> list[dict[str, Any]]:
    return [
        {"prompt_id": f"p{number}", "judge_score": float(s), "oracle_label": None if np.isnan(y) else float(y)}
        for number, (s, y) in enumerate(zip(judge, outcome, strict=True))
    ]


def test_the_curve_is_theirs() -> None:
    judge, outcome, known = sample(0, 300, 100)
    fitted: Any = pytest.importorskip("cje.calibration.judge").JudgeCalibrator(calibration_mode="monotone")
    fitted.fit_cv(judge, outcome[:100], np.isfinite(known))
    xs, ys = isotonic(judge[:100], outcome[:100])
    assert np.interp(judge, xs, ys) == pytest.approx(fitted.predict(judge), abs=1e-9)


def test_one_policy_with_labels_on_its_own_texts() -> None:
    gaps: list[float] = []
    ratios: list[float] = []
    for seed in range(DRAWS):
        judge, _, known = sample(seed, 400, 80)
        peer = cje.calibrated_mean_ci(judge, known)
        prompts = np.arange(400)
        ours = Calibrated().value(
            Answers(prompts, judge, np.full(400, np.nan), prompts, judge, fresh_outcome=known), seed
        )
        gaps.append((ours.estimate - peer.estimate) / peer.se)
        ratios.append((ours.high - ours.low) / (peer.ci[1] - peer.ci[0]))
    assert abs(np.mean(gaps)) < 0.1 and np.max(np.abs(gaps)) < 1
    assert 0.85 < np.mean(ratios) < 1.25


def test_a_target_that_borrows_the_calibration_of_the_logged_texts() -> None:
    gaps: list[float] = []
    ratios: list[float] = []
    for seed in range(DRAWS):
        judge, _, known = sample(seed, 400, 100)
        better = np.minimum(2, judge[::-1] + 0.5)
        value, error, half = theirs(
            {"logged": rows(judge, known), "target": rows(better, np.full(400, np.nan))}, "target"
        )
        prompts = np.arange(400)
        ours = Calibrated().value(Answers(prompts, judge, known, prompts, better), seed)
        gaps.append((ours.estimate - value) / error)
        ratios.append((ours.high - ours.low) / (2 * half))
    assert abs(np.mean(gaps)) < 0.2 and np.max(np.abs(gaps)) < 1
    assert 0.85 < np.mean(ratios) < 1.25
