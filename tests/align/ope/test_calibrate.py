"""The simulations behind docs/ope.md: every estimator answers every log, and three tables come of it."""

from __future__ import annotations

import re

from butfor.align.ope.calibrate import ESTIMATORS, markdown, one_world


def test_every_log_is_answered_by_every_estimator() -> None:
    seen = one_world(("cells", 0), logs=2)
    assert len(seen) == 2 * len(ESTIMATORS) and one_world(("cells", 0), logs=1) == seen[: len(ESTIMATORS)]
    assert sum(one.held for one in seen) > 0.7 * len(seen)


def test_the_tables_count_what_was_seen() -> None:
    seen = [one for family in ("cells", "hidden") for one in one_world((family, 0), logs=1)]
    told = markdown(seen)
    methods = re.findall(r"^\| hidden \| ([\w, ]+) \| [\d.]+ \| [+-]", told, re.MULTILINE)
    assert methods == [*ESTIMATORS, "bounds"]
    assert re.search(r"^\| cells \| snips \| ", told, re.MULTILINE)
    assert "| 120 and more | dr |" in told and "hidden" not in told.split("### Overlap")[1]
