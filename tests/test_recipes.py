"""Every experiment that ships is one that can be planned: its arms, its suites and its training fit each other."""

from __future__ import annotations

import pytest

from butfor.core.errors import SpecError
from butfor.core.read import recipes
from butfor.experiment import load

FETCHED = "is not on this machine"  # a model that `butfor fetch` brings: no test does


@pytest.mark.parametrize("name", sorted(recipes()))
def test_a_recipe_can_be_planned(name: str) -> None:
    try:
        load(name, preset="tiny")
    except SpecError as error:
        wrong = [mistake for mistake in error.mistakes if FETCHED not in mistake.problem]
        assert not wrong
