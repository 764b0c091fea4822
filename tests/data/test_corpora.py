"""Training texts by name or path."""

from __future__ import annotations

from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData, UnknownName
from butfor.data.builtin import passages
from butfor.data.corpora import rows


def test_plain_is_the_training_text_with_unique_ids() -> None:
    found = rows("plain")
    assert [row["text"] for row in found] == passages("plain_train")
    assert len({row["id"] for row in found}) == len(found)


def test_a_text_file_is_cut_at_blank_lines(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("one\nstill one\n\n \n\ntwo\n")
    assert rows(file) == [{"id": "mine/1", "text": "one\nstill one"}, {"id": "mine/2", "text": "two"}]


def test_json_lines_keep_their_other_fields(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('{"text": "one", "label": 1}\n\n{"id": 7, "text": "two", "label": 2, "by": "me"}\n')
    assert rows(str(file)) == [
        {"id": "mine/1", "text": "one", "label": 1},
        {"id": "7", "text": "two", "label": 2, "by": "me"},
    ]


@pytest.mark.parametrize(
    ("name", "text", "line", "reason"),
    [
        ("a.jsonl", '{"text": "x"}\n{"text": \n', 2, "not JSON"),
        ("a.jsonl", '{"text": "x"}\n{"words": "x"}\n', 2, 'an object with a "text"'),
        ("a.jsonl", '"x"\n', 1, 'an object with a "text"'),
        ("a.jsonl", '{"text": "x", "id": "1"}\n{"text": "y", "id": 1}\n', 2, "stands twice"),
        ("a.jsonl", "\n", 1, "no row"),
        ("a.jsonl", '{"text": "x", "w": 1}\n{"text": "y"}\n', 2, "'w' is a number on line 1, but not on line 2"),
        ("a.jsonl", '{"text": "x"}\n\n{"text": "y", "w": 2}\n', 3, "'w' is a number on line 3, but not on line 1"),
        ("a.jsonl", '{"text": "x", "w": 1}\n{"text": "y", "w": "1"}\n', 2, "'w' is a number on line 1, but not on"),
        ("a.jsonl", '{"text": "x", "w": NaN}\n', 1, "'w' is nan, not a finite number"),
        ("a.jsonl", '{"text": "x", "w": -1e999}\n', 1, "'w' is -inf, not a finite number"),
        ("a.jsonl", f'{{"text": "x", "w": {2**70}}}\n', 1, "not a finite number of 64 bits"),
        ("a.jsonl", f'{{"text": "x", "w": {10**400}}}\n', 1, "not a finite number of 64 bits"),
        ("a.jsonl", '{"text": "x"}\n{"text": "\\udc00"}\n', 2, "half a character"),
        ("a.txt", "\n \n", 1, "no text"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, name: str, text: str, line: int, reason: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(MalformedData, match=rf"{name}, line {line}: .*{reason}"):
        rows(tmp_path / name)


def test_a_name_nobody_knows_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'plain'.*\.jsonl"):
        rows("plan")
    with pytest.raises(MissingData, match="does not exist"):
        rows(tmp_path / "no.txt")


def test_a_folder_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=r"is a folder; give the path of a \.txt or \.jsonl file in it"):
        rows(tmp_path)


def test_a_line_separator_inside_a_text_does_not_cut_the_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('\ufeff{"text": "one\u2028still one"}\n', encoding="utf-8")
    assert [row["text"] for row in rows(tmp_path / "a.jsonl")] == ["one\u2028still one"]


def test_wikitext2_rows_are_paragraphs(public) -> None:
    public("wikitext2")
    found = rows("wikitext2")
    assert len(found) == 1841 and found[0]["id"] == "wikitext2/1/1"


def test_a_public_corpus_that_is_not_here_names_the_command(bare: Path) -> None:
    with pytest.raises(MissingData, match="butfor fetch wikitext2"):
        rows("wikitext2")


def test_the_token_game_says_who_is_told_where_and_what_causes_what() -> None:
    found = rows("stg")
    assert len({row["id"] for row in found}) == len({row["text"] for row in found}) == len(found) == 8000
    row = found[0]
    assert [row["text"][a:b].split(":")[0] for a, b, _ in row["spans"][:-1]] == [name for *_, name in row["spans"][:-1]]
    assert row["spans"][-1][2] == "Risk" and row["text"][row["answer_at"] :] in (
        " Low Risk",
        " Middle Risk",
        " High Risk",
    )
    assert {row["spans"][i][2] for i, _ in row["links"]} == {"Smoking", "Weight", "Exercise"}
    assert {j for _, j in row["links"]} == {8}
