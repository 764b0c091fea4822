"""Corr2Cause's premises and hypotheses, read sentence by sentence."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.corr2cause import Claim, claim, corr2cause, statements

PREMISE = (
    "Suppose there is a closed system of 4 variables, A, B, C and D. All the statistical relations among these 4 "
    "variables are as follows: A correlates with B. A correlates with C. B correlates with C. B correlates with D. "
    "C correlates with D. However, A is independent of D. A and D are independent given C. A and D are independent "
    "given B and C."
)
ROW = {"premise": PREMISE, "hypothesis": "A directly affects B.", "relation": "neutral", "id": "mec_id=1__prob=0.50"}


def write(folder: Path, rows: Any) -> Path:
    file = folder / "rows.json"
    file.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return file


def test_rows_are_typed(tmp_path: Path) -> None:
    row, bare = corr2cause(write(tmp_path, [ROW, {**ROW, "id": "x"}]))
    assert (row.relation, row.share, row.line, bare.share) == ("neutral", "0.50", 2, "")


def test_a_premise_is_read() -> None:
    said = statements(PREMISE)
    pair = frozenset("AD")
    assert said.names == ("A", "B", "C", "D")
    assert said.independent == {(pair, frozenset()), (pair, frozenset("C")), (pair, frozenset("BC"))}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Let there be two variables. A correlates with B.", "opens with"),
        (PREMISE.replace("of 4 variables, A", "of 3 variables, A"), "says 3 variables and names A, B, C, D"),
        (PREMISE.replace("A correlates with B. ", ""), "does not say whether A and B correlate"),
        (PREMISE + " A correlates with D.", "contradicts itself"),
        (PREMISE + " A and D are somehow related.", "in another wording"),
        (PREMISE + " A and D are independent given D.", "names what it should not"),
        (PREMISE + " A and E are independent given D.", "names what it should not"),
    ],
)
def test_a_premise_in_another_wording_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        statements(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A directly affects B.", Claim("parent", "A", "B")),
        ("A directly causes B", Claim("parent", "A", "B")),
        ("B influences A through some mediator(s).", Claim("through a mediator", "B", "A")),
        ("B causes something else which causes A.", Claim("through a mediator", "B", "A")),
        ("A and C together cause some other variable(s).", Claim("common effect", "A", "C")),
        ("There exists at least one collider (i.e., common effect) of A and C.", Claim("common effect", "A", "C")),
        ("Some variable(s) cause(s) both A and C.", Claim("common cause", "A", "C")),
        ("There exists at least one confounder (i.e., common cause) of A and C.", Claim("common cause", "A", "C")),
    ],
)
def test_both_wordings_of_a_claim(text: str, said: Claim) -> None:
    assert claim(text) == said


@pytest.mark.parametrize("text", ["A likes B.", "A directly affects A.", ""])
def test_another_wording_of_a_claim_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="in another wording"):
        claim(text)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"input": "Premise", "label": 1}, "no premise and no hypothesis and no relation"),
        ({**ROW, "relation": "perhaps"}, "the relation 'perhaps'"),
        ({**ROW, "premise": 3}, "no premise"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"rows\.json, line 8: row 2: .*{reason}"):
        corr2cause(write(tmp_path, [ROW, row]))


def test_a_missing_file_is_named(tmp_path: Path, bare: Path) -> None:
    with pytest.raises(MissingData, match="does not exist"):
        corr2cause(tmp_path / "none.json")
    with pytest.raises(MissingData, match="is not in"):
        corr2cause(tmp_path)
    with pytest.raises(MissingData, match="give the path"):
        corr2cause()


def test_the_authors_file(public) -> None:
    public("corr2cause")
    rows = corr2cause()
    assert Counter(row.relation for row in rows) == {"contradiction": 617, "neutral": 518, "entailment": 111}
    assert len({row.premise for row in rows}) == 15
    assert all(row.share for row in rows)
