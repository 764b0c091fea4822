"""docs/refute.md does what it says, and its table names the refuters that there are."""

from __future__ import annotations

import re

from butfor.scm.refuters import ALL

from .pages import DOCS, check


def test_the_page_prints_what_it_says() -> None:
    assert check("refute.md") == 5


def test_the_table_names_every_refuter() -> None:
    page = (DOCS / "refute.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \| [A-Z]", page, re.MULTILINE)
    assert sorted(named) == sorted([*ALL, "negative_control"])
