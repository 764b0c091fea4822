"""The pages on the causal engine do what they say."""

from __future__ import annotations

import pytest

from .pages import check


@pytest.mark.parametrize(("page", "texts"), [("ask.md", 8)])
def test_a_page_prints_what_it_says(page: str, texts: int) -> None:
    assert check(page) == texts
