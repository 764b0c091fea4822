"""Every suite of bias says what it measures, and what its numbers would be without an effect."""

from __future__ import annotations

import pytest

from butfor.core.registry import resolve, targets

SUITES = sorted(name for name in targets("suite") if name.startswith("bias."))


@pytest.mark.parametrize("name", SUITES)
def test_the_headline_has_a_null_and_every_null_is_known(name: str) -> None:
    suite = resolve("suite", name)
    names = {metric.name for metric in suite.metrics}
    assert suite.metrics[0].null is not None
    for metric in suite.metrics:
        assert metric.null is None or isinstance(metric.null, float) or metric.null in names - {metric.name}


@pytest.mark.parametrize("name", SUITES)
def test_the_card_is_filled_in(name: str) -> None:
    card = resolve("suite", name).card
    assert card.measures and card.chance and card.source and card.faults
    assert all("not checked by us" in line for line in card.published)
