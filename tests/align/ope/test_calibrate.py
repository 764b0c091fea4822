"""The simulations behind docs/ope.md: every estimator answers every log, and three tables come of it."""

from __future__ import annotations

import re

from butfor.align.ope.calibrate import DISTANCES, ESTIMATORS, markdown, one_world


def test_every_log_is_answered_by_every_estimator() -> None:
    seen = one_world(("cells", 0), logs=2)
    assert len(seen) == 2 * len(DISTANCES) * len(ESTIMATORS)
    assert one_world(("cells", 0), logs=1) == [one for i, one in enumerate(seen) if i % 16 < 8]
    assert sum(one.held for one in seen) > 0.7 * len(seen)


def test_the_tables_count_what_was_seen() -> None:
    seen = [one for family in ("cells", "hidden") for one in one_world((family, 0), logs=1)]
    told = markdown(seen)
    methods = re.findall(r"^\| hidden \| 0.25 \| (\w+) \|", told, re.MULTILINE)
    assert methods == [*ESTIMATORS, "bounds"]
    assert re.search(r"^\| cells \| [\d.]+ \| snips \| ", told, re.MULTILINE)
    assert "| 120 and more | dr |" in told and "hidden" not in told.split("### Overlap")[1]
