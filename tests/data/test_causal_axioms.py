"""causal_axioms: questions on graphs that are told edge by edge; all rows here are our own."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.causal_axioms import Asked, asked, causal_axioms, edges

ROW = {"task": "transitivity", "premise": "Rain causes Mud. Mud causes Falls.", "question": "Does Rain cause Falls?"}
ROW["label"] = "Yes"
OTHER = {**ROW, "task": "d-separation", "question": "Are Rain and Falls d-separated given {Mud}?"}


def write(folder: Path, rows: list[Any], name: str = "rows.jsonl") -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    file = folder / name
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return file


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_rows_are_typed(tmp_path: Path, name: str) -> None:
    first, second = causal_axioms(write(tmp_path, [ROW, OTHER], name))
    assert (first.task, first.label, first.line, second.line) == ("transitivity", "Yes", 1, 2)
    assert edges(first.premise) == [("Rain", "Mud"), ("Mud", "Falls")]
    assert asked(first) == Asked("Rain", "Falls")
    assert asked(second) == Asked("Rain", "Falls", ("Mud",))


@pytest.mark.parametrize(("given", "read"), [("", ()), (" given {}", ()), (" given {Mud, Ice}", ("Mud", "Ice"))])
def test_what_is_given(tmp_path: Path, given: str, read: tuple[str, ...]) -> None:
    row = causal_axioms(write(tmp_path, [{**OTHER, "question": f"Are Rain and Falls d-separated{given}?"}]))[0]
    assert asked(row) == Asked("Rain", "Falls", read)


def test_another_wording_is_refused(tmp_path: Path) -> None:
    row = causal_axioms(write(tmp_path, [{**ROW, "question": "Is it Rain?", "premise": "Rain makes Mud."}]))[0]
    with pytest.raises(ValueError, match="in another wording"):
        asked(row)
    with pytest.raises(ValueError, match="in another wording"):
        edges(row.premise)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**ROW, "label": "yes"}, "the label is 'yes'"),
        ({**ROW, "task": "rain"}, "the task 'rain'"),
        ({"text": "x"}, "no task and no premise"),
        ([1], "not a JSON object"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: Any, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"rows\.jsonl, line 2: {reason}"):
        causal_axioms(write(tmp_path, [ROW, row]))


def test_a_file_of_another_kind_is_named(tmp_path: Path, bare: Path) -> None:
    (tmp_path / "x.jsonl.gz").write_bytes(b"not packed")
    with pytest.raises(MalformedData, match="no text packed by gzip"):
        causal_axioms(tmp_path / "x.jsonl.gz")
    with pytest.raises(MalformedData, match="no row"):
        causal_axioms(write(tmp_path, []))
    with pytest.raises(MissingData, match="state no licence"):
        causal_axioms()
    with pytest.raises(MissingData, match="does not exist"):
        causal_axioms(tmp_path / "none")


def test_the_parsed_file(public) -> None:
    public("causal_axioms")
    assert Counter(row.task for row in causal_axioms()) == {"transitivity": 6157, "d-separation": 2500}
