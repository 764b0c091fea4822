"""A generated file is a file of own items: `butfor audit --items` reads it, the mistakes included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData
from butfor.data.items import own_items

Items = list[dict[str, Any]]


def test_a_generated_file_is_read_as_own_items(items: Items, tmp_path: Path) -> None:
    file = tmp_path / "ladder.jsonl"
    file.write_text("".join(json.dumps(item) + "\n" for item in items[:50]), encoding="utf-8")
    for item, read in zip(items, own_items(file), strict=False):
        assert (read.id, read.prompt, read.answer, read.cluster) == (
            item["id"], item["prompt"], item["answer"], item["cluster"],
        )  # fmt: skip
        assert (read.group, read.lures) == (item["group"], item["lures"])


@pytest.mark.parametrize("lures", [{"arithmetic": 2}, {"arithmetic": "no"}, ["arithmetic"], {"arithmetic": True}])
def test_lures_that_name_no_choice_are_refused(lures: Any, items: Items, tmp_path: Path) -> None:
    file = tmp_path / "ladder.jsonl"
    file.write_text(json.dumps({**items[0], "lures": lures}) + "\n", encoding="utf-8")
    with pytest.raises(MalformedData, match=r"line 1: 'lures'"):
        list(own_items(file))
