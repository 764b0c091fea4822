"""What every method of the stage is held to: a row of the page for each, and estimators that have to be one number."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from butfor.align.ope import direct, doubly_robust, weighting
from butfor.align.ope.sensitivity import bounded
from butfor.align.policy.cpo import weighted
from butfor.align.policy.drpo import robust
from butfor.core.registry import BUILT_IN
from butfor.scm.policies import Log

from .ope.logs import cells, same

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "align.md").read_text(encoding="utf-8")


def test_every_method_says_what_it_is_held_to_by_tests_that_exist() -> None:
    rows = dict(re.findall(r"^\| `((?:reward|policy|instrument|ope)\.\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert {f"align.{name}" for name in rows} == {name for name in BUILT_IN["method"] if name.startswith("align.")}
    for name, row in rows.items():
        limit, covered, tests = row.split(" | ")
        assert limit and covered, name
        assert all((ROOT / "docs" / page).is_file() for page in re.findall(r"\]\(([\w-]+\.md)", covered)), name
        found = [path.strip("`") for path in tests.split(", ")]
        assert found and all((ROOT / "tests" / "align" / path).is_file() for path in found), name


def values(log: Log) -> list[float]:
    """Of every estimator of short actions."""
    return [
        direct.estimate(log, "cells").estimate,
        *(weighting.estimate(log, how).estimate for how in ("ips", "snips", "clipped", "switch")),
        *(doubly_robust.estimate(log, how, learner="cells", folds=1).estimate for how in ("dr", "tmle")),
        float(bounded(log, 1).ends(1.0)[0][0]),
    ]


def test_counted_and_saturated_every_estimator_is_one_number() -> None:
    log = cells()
    assert np.ptp(values(log)) < 1e-9
    assert values(same(log)) == pytest.approx([log.outcome.mean()] * 8, abs=1e-9)


def told(log: Log) -> dict[str, torch.Tensor]:
    """A log as the policies of `align.policy` read it: log π and log p of what was said, and a saturated model."""
    kinds = np.unique(log.logging, axis=0, return_inverse=True)[1].ravel()
    model = np.zeros_like(log.target)
    for kind in np.unique(kinds):
        for action in range(model.shape[1]):
            model[kinds == kind, action] = log.outcome[(kinds == kind) & (log.action == action)].mean()
    own = np.arange(len(kinds)), log.action
    found = {
        "policy": np.log(log.target[own]), "log": np.log(log.logging[own]), "came": log.outcome,
        "model": model, "expected": model[own], "all": np.log(log.target),
    }  # fmt: skip
    return {name: torch.from_numpy(np.asarray(values)) for name, values in found.items()}


@pytest.mark.parametrize("equal", [False, True])
def test_values_that_policies_are_trained_by_are_that_number_too(equal: bool) -> None:
    log = same(cells()) if equal else cells()
    wanted, t = values(log)[0], told(log)
    ratios, missed = t["policy"] - t["log"], t["came"] - t["expected"]
    outcome = (t["all"].exp() * t["model"]).sum(1).mean()
    for normalised in (True, False):
        assert weighted(ratios, t["came"], None, normalised).item() == pytest.approx(wanted, abs=1e-9)
        assert (outcome + weighted(ratios, missed, None, normalised)).item() == pytest.approx(wanted, abs=1e-9)
    assert outcome.item() == pytest.approx(wanted, abs=1e-9)
    found = robust(t["policy"], t["log"], missed, t["all"], t["model"], 1e9)
    bare = robust(t["policy"], t["log"], t["came"], t["all"], torch.zeros_like(t["model"]), 1e9)
    assert [found.item(), bare.item()] == pytest.approx([wanted] * 2, abs=1e-9)
