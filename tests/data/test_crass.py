"""CRASS: the authors' answers, in the order of another file; all rows here are our own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.crass import MAIN, ORDER, crass

HEAD = "PCTID;BatchID;Premise;QCC;CorrectAnswer;Answer1;Answer2;PossibleAnswer3;canary_string\n"
MAIN_ROWS = (
    "1;1;Ann waters a plant. ;What if she had burned it?;It would have died.;It would have grown.;Nothing.;;x\n"
    "2;1;Bo sings.;What if Bo had slept?;Bo would not have sung.;Bo would sing.;Nothing.;Bo, too, would dance.;\n"
)
ORDER_ROWS = (
    "qid,prompt,groundtruth\n"
    '1,"Ann waters. What if?\tA: Nothing.\tB: It would have died.\tC: It would have grown.\t\tThink.",B\n'
    '2,"Bo sings. What?\tA: Bo would not have sung.\tB: Nothing.\tC: Bo, too, would dance.\tD: Bo would sing.\t\t.",A\n'
)


def write(folder: Path, main: str = HEAD + MAIN_ROWS, order: str = ORDER_ROWS) -> Path:
    (folder / "crass-cf").mkdir()
    (folder / MAIN).write_text(main, encoding="utf-8")
    (folder / ORDER).write_text(order, encoding="utf-8")
    return folder


def test_answers_come_in_the_order_of_the_prompts(tmp_path: Path) -> None:
    first, second = crass(write(tmp_path))
    assert (first.id, first.premise, first.gold) == ("1", "Ann waters a plant.", 1)
    assert first.choices == ("Nothing.", "It would have died.", "It would have grown.")
    assert (second.choices[second.gold], len(second.choices)) == ("Bo would not have sung.", 4)


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        (HEAD + MAIN_ROWS, "", 1, "no row"),
        (MAIN_ROWS, "", 1, "no row"),
        ("QCC", "Question", 1, "the header lacks QCC"),
        (";Nothing.;;x", ";Nothing.", 2, "7 cells, but the header has 9"),
        ("It would have grown.", " ", 2, "Answer1 is empty"),
        ("It would have grown.", "Nothing.", 2, "two of the answers are the same"),
        ("2;1;Bo sings", "1;1;Bo sings", 3, "the PCTID 1 stands twice"),
        ("2;1;Bo sings", "9;1;Bo sings", 3, "the PCTID 9 has no row in"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, old: str, new: str, line: int, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"CRASS_FTM_main_data_set\.csv, line {line}: .*{reason}"):
        crass(write(tmp_path, (HEAD + MAIN_ROWS).replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("qid", "id", 1, "the header lacks qid"),
        ('Think.",B', 'Think."', 2, "2 cells, but the header has 3"),
        ('Think.",B', 'Think.",D', 2, "the groundtruth 'D' is none of A, B, C"),
        ('Think.",B', 'Think.",A', 2, "the groundtruth is another answer than that of"),
        ("B: Nothing", "B: All", 3, "the answers of the prompt are not those of"),
        ('2,"Bo', '1,"Bo', 3, "the qid 1 stands twice"),
        ('2,"Bo sings. What', '2,"Bo sings"s. What', 3, "not CSV"),
    ],
)
def test_a_bad_prompt_is_named(tmp_path: Path, old: str, new: str, line: int, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"prompts\.csv, line {line}: .*{reason}"):
        crass(write(tmp_path, order=ORDER_ROWS.replace(old, new)))


def test_another_encoding_or_none_at_all(tmp_path: Path, bare: Path) -> None:
    (write(tmp_path) / MAIN).write_bytes(HEAD.encode() + "1;1;Café".encode("latin-1"))
    with pytest.raises(MalformedData, match="line 2: not UTF-8"):
        crass(tmp_path)
    with pytest.raises(MissingData, match="butfor fetch kiciman"):
        crass()


def test_the_authors_files(public) -> None:
    public("kiciman")
    rows = crass()
    assert (len(rows), len({row.premise for row in rows})) == (274, 255)
    assert Counter(row.gold for row in rows) == {0: 78, 1: 95, 2: 87, 3: 14}
    assert Counter(len(row.choices) for row in rows) == {3: 230, 4: 44}
