"""Records are read into columns: numbers, labels, clusters, and nothing else of them."""

from __future__ import annotations

import math
from pathlib import Path

from butfor.core.folder import write_lines
from butfor.levels import read_columns


def test_columns_hold_what_the_records_say(tmp_path: Path) -> None:
    names = ["b", "a", "b", "é", "a"]
    rows = [
        {"cluster": name, "metrics": {"one": at} if at else {"two": 7.0}, "group": {"odd": str(at % 2)} if at else {}}
        for at, name in enumerate(names)
    ]
    write_lines(tmp_path / "records.jsonl", rows)
    found = read_columns(tmp_path / "records.jsonl")
    assert found.n == 5
    assert list(found.clusters) == [0, 1, 0, 2, 1]  # numbered as they come
    assert found.labels == {"odd": ["", "1", "0", "1", "0"]}
    assert math.isnan(found.values("one")[0]) and list(found.values("one")[1:]) == [1, 2, 3, 4]
    assert found.values("two")[0] == 7 and all(math.isnan(value) for value in found.values("two")[1:])
