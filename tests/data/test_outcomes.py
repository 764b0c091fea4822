"""The world of logged replies: what is logged is what the staff did, and what policies bring is known."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.data.corpora import rows
from butfor.data.outcomes import REGULAR, REPLIES, logged, outcomes, reviews, staff, value


def visits(found):
    return [one for row in found for one in (row, row["beside"]["rejected"])]


def test_rows_are_a_log_of_pairs_the_better_one_first():
    found = rows("outcomes/0.5")
    assert len(found) == 2000
    for row in found[:50]:
        other = row["beside"]["rejected"]
        assert row["outcome"] >= other["outcome"]
        assert row["text"][row["answer_at"] :] in row["answers"] == list(REPLIES)
        assert row["text"][: row["answer_at"]] == other["text"][: other["answer_at"]]
        assert 0 < row["propensity"] < 1
    assert rows("outcomes") == outcomes(0.8)


def test_weighted_by_what_the_staff_did_the_log_is_worth_what_any_policy_truly_is():
    found = visits(outcomes(0.8, 3000))
    known = {one.prompt: one for one in reviews()}
    for policy in ((0.25,) * 4, (0.0, 0.0, 1.0, 0.0), (0.7, 0.1, 0.1, 0.1)):
        asked = [(known[one["text"][: one["answer_at"]]], one["text"][one["answer_at"] :], one) for one in found]
        parts = [policy[REPLIES.index(reply)] / one["propensity"] * one["outcome"] for _, reply, one in asked]
        truth = np.mean([value(review, policy) for review, _, _ in asked])
        assert np.mean(parts) == pytest.approx(truth, abs=4 * np.std(parts) / len(parts) ** 0.5)


def test_vouchers_look_better_than_they_are_where_replies_are_confounded_alone():
    for confounding, looks in ((0.0, 0.2), (0.8, 0.9)):
        came = [one["outcome"] for one in visits(outcomes(confounding)) if one["text"].endswith(REPLIES[2])]
        assert np.mean(came) == pytest.approx(looks, abs=0.1)


def test_staff_and_log_are_probabilities_and_unconfounded_staff_does_not_heed_regulars():
    for stars in (1, 3, 5):
        assert sum(staff(stars, 1, 0.8)) == pytest.approx(1.0)
        assert logged(stars, 0.8) == pytest.approx(np.mean([staff(stars, r, 0.8) for r in (0, 1)], axis=0))
        assert staff(stars, 0, 0.0) == staff(stars, 1, 0.0)
    assert REGULAR > 0


def test_unseen_reviews_are_not_in_the_log():
    assert not {one.body for one in reviews("train")} & {one.body for one in reviews("dev")}


def test_confounding_is_a_share():
    with pytest.raises(UserError, match="0 to 1, not 2"):
        outcomes(2.0)
