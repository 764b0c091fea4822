"""Weights of whole texts: exact where everything is known, and no answer where they cannot carry one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.align.ope.judged import drawn, truth

from butfor.align.ope.text_overlap import text_overlap
from butfor.align.ope.text_weights import TextWeights, projected
from butfor.core.errors import Abstained, DataError
from butfor.scm.policies import Answers


def ips(log: Answers, **knobs: object) -> float:
    return TextWeights(how="ips", weights="bare", **knobs).value(log).estimate  # type: ignore[arg-type]


def test_equal_policies_give_the_mean_outcome() -> None:
    log = drawn(0, labels=300, shift=0.0)
    assert ips(log) == pytest.approx(log.outcome.mean(), abs=1e-12)
    same = replace(log, fresh=log.judge, fresh_outcome=None)
    assert TextWeights(how="dr").value(same).estimate == pytest.approx(log.outcome.mean(), abs=1e-12)


def test_where_all_is_labelled_ips_is_the_weighted_outcome_whatever_the_judge() -> None:
    log = drawn(0, labels=300)
    assert log.ratio is not None
    weights = np.exp(log.ratio)
    deaf = replace(log, judge=np.zeros(300), fresh=np.zeros(300))
    assert ips(log) == pytest.approx(ips(deaf)) == pytest.approx(weights @ log.outcome / weights.sum())


def test_projected_weights_keep_their_mean_and_lose_spread() -> None:
    rng = np.random.default_rng(0)
    judge = rng.normal(size=400)
    weights = np.exp(-judge + rng.normal(size=400))  # falls with the judgement
    found = projected(weights, judge)
    assert found.mean() == pytest.approx(weights.mean()) and found.std() < weights.std()
    assert (np.diff(found[np.argsort(judge)]) <= 1e-12).all()


@pytest.mark.parametrize("how", ["ips", "dr"])
def test_it_finds_the_truth_where_the_overlap_is_good(how: str) -> None:
    found = TextWeights(how=how).value(drawn(0))  # type: ignore[arg-type]
    assert not found.excludes(truth()) and found.ok


def test_weights_mend_a_judge_that_flatters_the_target() -> None:
    """Judgements of the target's texts mean less than those of logged ones; weights do not ask them."""
    log = replace(drawn(0, n=2000, labels=1000), fresh=drawn(0, n=2000, labels=1000).fresh + 1.0)
    with pytest.raises(Abstained, match="weighted, the judge says"):
        TextWeights(how="dr").value(log)  # the two sides disagree, and it says so
    assert TextWeights(how="ips", abstain=False).value(log).estimate == pytest.approx(truth(), abs=0.05)


@pytest.mark.parametrize(
    ("shift", "told"), [(3.0, "count as"), (1e3, r"exp\(")], ids=["poor overlap", "no overlap at all"]
)
def test_it_abstains(shift: float, told: str) -> None:
    with pytest.raises(Abstained, match=told):
        TextWeights().value(drawn(0, shift=shift))


def test_a_spread_that_projection_hides_is_still_seen() -> None:
    """Weights that run wild for reasons no judge sees look healthy when projected: judged are the bare ones."""
    log = drawn(0, n=1000)
    noise = np.random.default_rng(1).normal(size=1000) * 3
    wild = replace(log, ratio=noise - 4.5)
    assert wild.ratio is not None
    healthy = projected(np.exp(wild.ratio), wild.judge)
    assert healthy.sum() ** 2 / np.sum(healthy**2) > 100
    with pytest.raises(Abstained, match="count as"):
        TextWeights().value(wild)


def test_projected_weights_rest_on_the_judge_and_labels_tell() -> None:
    """The target likes what brings more and no judge sees: bare weights know it, projected ones do not."""
    rng = np.random.default_rng(0)
    judge, hidden, fresh = rng.normal(size=600), rng.random(600) < 0.5, rng.normal(size=600)
    outcome = judge + hidden + 0.5 * rng.normal(size=600)
    ratio = np.log(np.where(hidden, 0.8, 0.2) / 0.5)
    log = Answers(np.arange(600), judge, np.where(np.arange(600) < 300, outcome, np.nan), np.arange(600), fresh, ratio)
    bare, projected_ = (TextWeights(weights=weights).value(log) for weights in ("bare", "projected"))  # type: ignore[arg-type]
    assert not bare.excludes(0.8) and bare.ok
    assert projected_.excludes(0.8) and [check.code for check in projected_.checks if not check.ok] == ["projection"]
    seen = [check.ok for check in TextWeights(weights="projected").value(drawn(0)).checks if check.code == "projection"]
    assert seen == [True]


def test_texts_of_one_prompt_are_no_contradiction() -> None:
    told = {"apart": 0, "together": 0}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        logged, few = rng.normal(size=200), np.repeat(rng.normal(size=20), 20)
        log = Answers(np.arange(200), logged, logged, 200 + np.arange(400), few, ratio=np.zeros(200))
        for name, prompt in (("apart", log.fresh_prompt), ("together", 200 + np.repeat(np.arange(20), 20))):
            balance = text_overlap(replace(log, fresh_prompt=prompt), np.ones(200)).balance
            told[name] += balance is not None and not balance.ok
    assert told["together"] <= 1 < 5 < told["apart"]


def test_what_the_target_writes_and_the_log_lacks_is_seen() -> None:
    """The log never drew the few texts that the target likes most: its weights look well, those of its own do not."""
    log = drawn(0)
    assert log.fresh_ratio is not None
    lacking = replace(log, fresh_ratio=np.where(np.arange(300) < 10, 6.0, log.fresh_ratio))
    with pytest.raises(Abstained, match="by the target's own texts 300 logged ones count as 20"):
        TextWeights().value(lacking)
    assert TextWeights().value(replace(lacking, fresh_ratio=None)).ok


def test_refusals_name_the_fix() -> None:
    log = drawn(0)
    with pytest.raises(DataError, match="need log-probabilities"):
        TextWeights().value(replace(log, ratio=None))
    with pytest.raises(DataError, match="no logged text is labelled"):
        TextWeights(how="dr").value(
            replace(log, outcome=np.full(300, np.nan), fresh_outcome=drawn(0, own=20).fresh_outcome)
        )
    bare = replace(log, fresh=np.zeros(0), fresh_prompt=np.zeros(0, int), fresh_outcome=None, fresh_ratio=None)
    with pytest.raises(DataError, match='use how = "ips"'):
        TextWeights(how="dr").value(bare)
    assert TextWeights(how="ips").value(bare).estimate == pytest.approx(truth(), abs=0.2)
