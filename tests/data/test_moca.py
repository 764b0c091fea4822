"""MoCa: JSON within JSON; all rows here are our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.find import find
from butfor.data.moca import moca

ROW: dict[str, Any] = {
    "story": "Two taps were open.\nThe tub overflowed.",
    "question": "Did the left tap flood the room?",
    "answer": "No",
    "answer_dist": [0.28, 0.72],
    "is_ambiguous": False,
    "annotated_sentences": [{"text": "Two taps", "victim": None, "annotation": ["structure", "conjunctive"]}],
}


def write(folder: Path, *rows: object) -> Path:
    file = folder / "causal_dataset_v1.json"
    texts = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    file.write_text("[\n" + ",\n".join(json.dumps(text) for text in texts) + "\n]", "utf-8")
    return file


def test_rows_are_typed(tmp_path: Path) -> None:
    first, second = moca(write(tmp_path, ROW, ROW | {"answer": "Yes", "answer_dist": [1, 0], "is_ambiguous": True}))
    assert (first.id, first.yes, first.ambiguous) == ("causal/1", 0.28, False)
    assert first.factors == {"structure": "conjunctive"} and first.story.startswith("Two taps were open.")
    assert (second.id, second.yes, second.ambiguous) == ("causal/2", 1.0, True)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{story}", "not JSON"),
        ("[1]", "not a JSON object within"),
        ({key: value for key, value in ROW.items() if key != "answer_dist"}, "no answer_dist"),
        (ROW | {"story": ["x"]}, "story is .*, not a text"),
        (ROW | {"question": ""}, "question is '', not a text"),
        (ROW | {"is_ambiguous": "no"}, "is_ambiguous is 'no'"),
        (ROW | {"answer_dist": [0.28]}, "answer_dist is"),
        (ROW | {"answer_dist": [0.28, 0.9]}, "answer_dist is"),
        (ROW | {"answer_dist": [1.28, -0.28]}, "answer_dist is"),
        (ROW | {"answer_dist": ["0.28", "0.72"]}, "answer_dist is"),
        (ROW | {"answer": "Yes"}, "answer is 'Yes', but 0.28 of the people said yes"),
        (ROW | {"answer": 0}, "answer is 0"),
        (ROW | {"annotated_sentences": [{"annotation": ["structure"]}]}, "an annotation is"),
        (ROW | {"annotated_sentences": "none"}, "an annotation is"),
        (
            ROW | {"annotated_sentences": [{"annotation": ["a", "b"]}, {"annotation": ["a", "c"]}]},
            "the factor 'a' stands with two levels",
        ),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: object, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"causal_dataset_v1\.json, line 3: .*{reason}"):
        moca(write(tmp_path, ROW, row))


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1]", "[{}]"])
def test_a_file_that_is_no_list_of_texts_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text, "utf-8")
    with pytest.raises(MalformedData, match="line 1: not"):
        moca(file)


def test_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(b'[\n"caf\xe9"]')
    with pytest.raises(MalformedData, match="line 2: not UTF-8"):
        moca(file)


def test_it_is_not_fetched(bare: Path) -> None:
    with pytest.raises(MissingData, match="no licence"):
        moca()


def test_the_authors_files(public) -> None:
    public("moca")
    for part, count, disagree, ambiguous in (("causal", 144, 46, 46), ("moral", 62, 18, 29)):
        rows = moca(part=part)  # pyright: ignore[reportArgumentType]
        raw = [json.loads(text) for text in json.loads(find("moca", f"{part}_dataset_v1.json").read_text("utf-8"))]
        votes = [sum(row["individual_votes"]) / len(row["individual_votes"]) for row in raw]
        assert [row.yes for row in rows] == pytest.approx(votes) and len(rows) == count
        assert sum(row["answer"] != row["transcribed_answer"] for row in raw) == disagree
        assert sum(row.ambiguous for row in rows) == ambiguous
        assert all(
            len(row.factors) == len(source["annotated_sentences"]) for row, source in zip(rows, raw, strict=True)
        )
