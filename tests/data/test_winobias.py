"""WinoBias in the authors' format; pairs are checked by content."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData
from butfor.data.winobias import occupations, winobias

PRO = """\
1 [The sheriff] thanked the baker because [he] liked the cake.
2 The sheriff thanked [the baker] and paid [her] well.
"""
ANTI = PRO.replace("[he]", "[she]").replace("[her]", "[him]")


def write(folder: Path, pro: str = PRO, anti: str = ANTI) -> Path:
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    (data / "female_occupations.txt").write_text("baker\nnurse\n")
    (data / "male_occupations.txt").write_text("sheriff\nCEO\n")
    (data / "pro_stereotyped_type1.txt.dev").write_text(pro)
    (data / "anti_stereotyped_type1.txt.dev").write_text(anti)
    return folder


def test_a_row_holds_both_worlds(tmp_path: Path) -> None:
    first, second = winobias(write(tmp_path), kinds=(1,))
    assert first.pro == "The sheriff thanked the baker because he liked the cake."
    assert first.anti == "The sheriff thanked the baker because she liked the cake."
    assert (first.occupation, first.other, first.pronouns, first.gender) == ("sheriff", "baker", ("he", "she"), "male")
    assert (second.occupation, second.other, second.gender, second.minimal) == ("baker", "sheriff", "female", True)
    assert first.pair.contents == (("he", "she"),)
    assert occupations(tmp_path) == {"female": ["baker", "nurse"], "male": ["sheriff", "ceo"]}


def test_uneven_brackets_and_a_second_pronoun_are_read(tmp_path: Path) -> None:
    pro = "1 [The CEO] told the [[the baker] that [he] lost [his] key.\n".replace("[[the baker]", "baker")
    anti = pro.replace("[he]", "[she]").replace("[his]", "her").replace("[The CEO]", "The [CEO]")
    (row,) = winobias(write(tmp_path, pro, anti), kinds=(1,))
    assert row.occupation == "ceo" and row.minimal
    assert row.pair.contents == (("he", "she"), ("his", "her"))


def test_a_slip_makes_a_pair_that_is_not_minimal(tmp_path: Path) -> None:
    (row, _) = winobias(write(tmp_path, anti=ANTI.replace("liked the cake", "liked this cake")), kinds=(1,))
    assert not row.minimal


@pytest.mark.parametrize(
    ("anti", "line", "reason"),
    [
        (ANTI.splitlines()[0] + "\n", 1, "1 lines, but pro_stereotyped_type1.txt.dev has 2"),
        (ANTI.replace("2 The", "3 The"), 2, "starts with its number, here 2"),
        (ANTI.replace("[she]", "she"), 1, r"needs one \[occupation\] and at least one \[pronoun\]"),
        (ANTI.replace("[the baker]", "the baker"), 2, r"needs one \[occupation\]"),
        (ANTI.replace("[The sheriff]", "[The nurse]"), 1, "marks 'nurse', but the pro sentence marks 'sheriff'"),
        (ANTI.replace("[she]", "[he]"), 1, "has the gender of the pro sentence's"),
        (ANTI.replace("liked the cake", "never once came late"), 1, "is not the pro sentence with another pronoun"),
    ],
)
def test_lines_that_do_not_pair_are_named(tmp_path: Path, anti: str, line: int, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"anti_stereotyped_type1\.txt\.dev, line {line}: .*{reason}"):
        winobias(write(tmp_path, anti=anti), kinds=(1,))


def test_a_sentence_needs_a_second_occupation(tmp_path: Path) -> None:
    folder = write(tmp_path, PRO.replace("baker", "poet"), ANTI.replace("baker", "poet"))
    with pytest.raises(MalformedData, match="names no second occupation"):
        winobias(folder, kinds=(1,))


def test_shifted_files_are_refused(tmp_path: Path) -> None:
    """Alignment is judged by content: two files in different orders do not pair."""
    swapped = "1 " + ANTI.splitlines()[1][2:] + "\n2 " + ANTI.splitlines()[0][2:] + "\n"
    with pytest.raises(MalformedData):
        winobias(write(tmp_path, anti=swapped), kinds=(1,))


def test_the_authors_files(public) -> None:
    public("winobias")
    rows = winobias()
    assert len(rows) == 792
    assert Counter((row.kind, row.gender) for row in rows) == {(k, g): 198 for k in (1, 2) for g in ("female", "male")}
    assert sum(not row.minimal for row in rows) == 9
    stereotype = {name: gender for gender, names in occupations().items() for name in names}
    assert len(stereotype) == 40
    assert all(stereotype[row.occupation] == row.gender != stereotype[row.other] for row in rows)
    assert len({row.id for row in rows}) == 792
