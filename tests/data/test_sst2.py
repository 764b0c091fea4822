"""Sentences of film reviews."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.sst2 import sst2


def test_a_line_is_a_sentence_and_its_label(tmp_path: Path) -> None:
    (tmp_path / "dev.tsv").write_text("a fine\tfilm\t1\ndull \t0\n")
    one, two = sst2("dev", tmp_path)
    assert (one.text, one.label, two.text, two.label, two.line) == ("a fine\tfilm", 1, "dull", 0, 2)


@pytest.mark.parametrize("line", ["no label", "x\t2", " \t1", "x\t"])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "dev.tsv").write_text(f"fine\t1\n{line}\n")
    with pytest.raises(MalformedData, match="line 2: not a sentence"):
        sst2("dev", tmp_path)


def test_what_to_do_where_it_is_not_here(bare: Path) -> None:
    with pytest.raises(MissingData, match="state no licence"):
        sst2("test")


def test_the_public_set(public: Callable[[str], None]) -> None:
    public("sst2")
    assert {split: Counter(one.label for one in sst2(split)) for split in ("train", "dev", "test")} == {
        "train": {1: 3610, 0: 3310},
        "dev": {1: 444, 0: 428},
        "test": {1: 909, 0: 912},
    }
