"""The row that the page of the stage shows is what the loop reads."""

from __future__ import annotations

import json
import re
from pathlib import Path

from butfor.train.marks import checked

PAGE = (Path(__file__).parents[2] / "docs" / "pretrain.md").read_text(encoding="utf-8")


def test_the_row_of_the_page_is_what_the_loop_reads() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert checked([json.loads(block)]) == ("Hormones", "Risk", "Smoking")
