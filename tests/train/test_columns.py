"""Columns: a row that lacks one is named, and what is there but empty is called so."""

from __future__ import annotations

import pytest

from butfor.core.errors import UserError
from butfor.train.columns import column, values

ROWS = [{"id": f"mine/{n}", "text": "a", "environment": "NS"[n % 2], "label": n % 2} for n in range(4)]


def test_a_column_is_that_of_all_rows():
    assert column(ROWS, "environment") == ["N", "S", "N", "S"]
    assert values(ROWS, "label") == [0, 1]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({**ROWS[3], "environment": None}, "row mine/3 has nothing in its column 'environment'; name another column"),
        ({"text": "a", "label": 0}, r"row 4 \(counted from 1\) has no column 'environment' \(it has: label\)"),
        (
            {"text": "a", "environment": ["N"]},
            r"row 4 .* has \['N'\] as 'environment', no word or number",
        ),
    ],
)
def test_a_row_without_it_is_told_what_is_wrong(row, problem):
    with pytest.raises(UserError, match=problem) as error:
        column([*ROWS[:3], row], "environment")
    assert "\n" not in str(error.value)
