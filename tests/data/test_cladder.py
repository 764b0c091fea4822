"""CLadder's questions and worlds in the authors' JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.cladder import FILES, META, cladder, worlds

WORLD: dict[str, Any] = {
    "model_id": 7,
    "graph_id": "mediation",
    "equation_type": "bernoulli",
    "structure": "X->V2,X->Y,V2->Y",
    "params": {"p(X)": [0.25], "p(V2 | X)": [0.5, 0.75], "p(Y | X, V2)": [[0.1, 0.2], [0.3, 0.4]]},
    "groundtruth": {"P(X=1)": 0.25, "ATE(Y | X)": None},
}
META_ROW: dict[str, Any] = {
    "query_type": "nde",
    "model_id": 7,
    "polarity": True,
    "groundtruth": 0.2,
    "treatment": "X",
    "outcome": "Y",
    "mediators": ["V2"],
    "given_info": {"p(V2 | X)": [0.5, 0.75]},
}
QUESTION: dict[str, Any] = {"question_id": 3, "question": "Does it?", "answer": "yes", "meta": META_ROW}


def write(folder: Path, questions: Any, models: Any = None) -> Path:
    (folder / META).write_text(json.dumps([WORLD] if models is None else models, indent=1), encoding="utf-8")
    file = folder / "test-generate-easy.json"
    file.write_text(json.dumps(questions, indent=1), encoding="utf-8")
    return file


def other(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A row with some keys changed; a key set to None goes."""
    return {key: value for key, value in {**row, **changes}.items() if value is not None}


def asked(**changes: Any) -> dict[str, Any]:
    return {**QUESTION, "meta": other(META_ROW, **changes)}


def test_rows_are_typed(tmp_path: Path) -> None:
    row = cladder(write(tmp_path, [QUESTION]))[0]
    assert (row.id, row.kind, row.answer, row.polarity, row.published, row.mediators) == (
        3,
        "nde",
        "yes",
        True,
        0.2,
        ("V2",),
    )
    assert row.world.graph.parents("Y") == {"X", "V2"}
    assert float(row.world.tables["X"].one) == 0.25
    assert row.world.tables["Y"].one[1, 0] == 0.3  # P(Y=1 | X=1, V2=0)
    assert row.world.published == {"P(X=1)": 0.25}
    assert list(row.world.tables) == ["X", "V2", "Y"]


def test_a_row_knows_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, [QUESTION, {**QUESTION, "question_id": 4}])
    rows = cladder(file)
    text = file.read_text(encoding="utf-8").splitlines()
    for row in rows:
        assert f'"question_id": {row.id}' in text[row.line]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"premise": "?"}, "no question_id and no question and no answer; this is no question"),
        ({**QUESTION, "answer": "maybe"}, "the answer is 'maybe'"),
        ({**QUESTION, "meta": 3}, "no meta"),
        (asked(query_type="why"), "the query_type 'why'"),
        (asked(query_type=None), "meta has no query_type"),
        (asked(model_id=8), "model_id 8 does not stand in test-model-meta.json"),
        (asked(model_id=[7]), r"model_id \[7\] does not stand"),
        (asked(mediators=None), "no mediators"),
        (asked(mediators=["V9"]), "V9 is no variable of world 7"),
        (asked(query_type="ate", groundtruth=None), "no groundtruth"),
        (asked(query_type="backadj"), "no pair of adjustment sets"),
        (asked(query_type="det-counterfactual", action=1), "the world 7 is not deterministic"),
        (asked(mediators=3), "a value has the wrong type"),
        ({**QUESTION, "question_id": "three"}, "a value has the wrong type"),
    ],
)
def test_a_bad_question_is_named(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"easy\.json, line \d+: row 2: .*{reason}"):
        cladder(write(tmp_path, [QUESTION, row]))


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        (other(WORLD, params=None), "no params"),
        ({**WORLD, "params": [1]}, "params"),
        ({**WORLD, "structure": "X-V2"}, "no list of edges"),
        ({**WORLD, "structure": "X->V2,V2->X"}, "cycle"),
        ({**WORLD, "structure": "X->V2,V2->Y"}, "does not fit the graph"),
        ({**WORLD, "structure": "X->V2,X->Y,V2->Y,Y->Z"}, "params are given for V2, X, Y, but the graph has"),
        ({**WORLD, "params": {**WORLD["params"], "p(X)": 1.5}}, "outside 0 to 1"),
        ({**WORLD, "params": {**WORLD["params"], "p(X)": "much"}}, "not a number"),
        ({**WORLD, "params": {**WORLD["params"], "p(V2 | X)": [0.1]}}, r"shape \[1\], not \[2\]"),
        ({**WORLD, "params": {**WORLD["params"], "q(X)": 1}}, "is no table"),
        (WORLD, "the model_id 7 stands twice"),
    ],
)
def test_a_bad_world_is_named(tmp_path: Path, world: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"test-model-meta\.json, line \d+: row 2: .*{reason}"):
        cladder(write(tmp_path, [QUESTION], [WORLD, world]))


def test_the_file_of_worlds_is_no_file_of_questions(tmp_path: Path) -> None:
    write(tmp_path, [QUESTION])
    with pytest.raises(MalformedData, match="this is the file of worlds"):
        cladder(tmp_path / META)


@pytest.mark.parametrize("text", ["{}", "[]", "[1]", "[", '"x"'])
def test_another_format_is_named(tmp_path: Path, text: str) -> None:
    file = write(tmp_path, [QUESTION])
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MalformedData, match=r"easy\.json, line 1: not"):
        cladder(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="does not exist"):
        cladder(tmp_path / "none.json")
    file = write(tmp_path, [QUESTION])
    (tmp_path / META).unlink()
    with pytest.raises(MissingData, match="does not hold test-model-meta"):
        cladder(file)


def test_the_authors_files(public) -> None:
    public("cladder")
    known = worlds()
    assert len(known) == 396
    rows = [row for part in FILES for row in cladder(part=part, known=known)]
    assert len(rows) == 4164
    assert Counter(row.kind for row in rows)["det-counterfactual"] == 512
    assert len({row.world.id for row in rows if row.kind == "det-counterfactual"}) == 66
    assert len({row.world.name for row in rows}) == 10
