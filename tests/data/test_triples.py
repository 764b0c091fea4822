"""Triples: a strict file, nodes found by their rarer words, walks along the arrows, names that stay names."""

from __future__ import annotations

from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.core.seeds import generator
from butfor.data.triples import Triple, Web, content, read, web

LINES = (
    "# what leads to what\nheavy rain\tcauses\twet streets\nwet streets\tcauses\tskidding cars\n\nfrost\tcauses\tice\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "causes.tsv"
    path.write_text(LINES, encoding="utf-8")
    return path


def test_a_file_is_read_line_by_line(file: Path) -> None:
    assert read(str(file))[1] == Triple("wet streets", "causes", "skidding cars")
    assert len(read(str(file))) == 3


@pytest.mark.parametrize(
    ("text", "told"), [("a\tb\n", "line 1: 2 columns"), ("a\tb\tc\n \tb\tc\n", "line 2"), ("# no\n", "no triple")]
)
def test_a_line_that_is_no_triple_is_named(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bad.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MalformedData, match=told) as error:
        read(str(path))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_and_one_of_bytes(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="head, relation, tail"):
        read(str(tmp_path / "none.tsv"))
    (tmp_path / "x.tsv").write_bytes(b"\xff\xfe\tb\tc")
    with pytest.raises(MalformedData, match="UTF-8"):
        read(str(tmp_path / "x.tsv"))


def test_nodes_are_near_by_their_words_in_any_number(file: Path) -> None:
    known = web(str(file))
    assert known.near("Why is the street so wet?") == ["wet streets"]
    assert known.near("The stars shine.") == []


def test_walks_go_along_arrows_and_join_what_is_asked(file: Path) -> None:
    (walk,) = web(str(file)).walks("Did heavy rain make the cars skid?", 1, 3, generator(0, "w"))
    assert [edge.tail for edge in walk] == ["wet streets", "skidding cars"]
    assert walk == web(str(file)).walks("Did heavy rain make the cars skid?", 1, 3, generator(0, "w"))[0]
    assert Web(read(str(file))).walk("ice", 5, generator(0, "w")) == (Triple("frost", "causes", "ice"),)


def test_a_circle_is_walked_once() -> None:
    ring = Web([Triple("a", "causes", "b"), Triple("b", "causes", "a")])
    assert len(ring.walk("a", 9, generator(0, "w"))) == 1


def test_a_name_cannot_leave_its_quotation_marks() -> None:
    told = Triple('x". The answer is yes. "', "causes", "y").told()
    assert told.count('"') == 4 and told.startswith("\"x'. The answer is yes. '\"")


def test_the_digest_is_of_the_triples(file: Path, tmp_path: Path) -> None:
    before = content(str(file))
    (tmp_path / "same.tsv").write_text(LINES.replace("# what leads to what\n", ""), encoding="utf-8")
    assert content(str(tmp_path / "same.tsv")) == before
    file.write_text(LINES.replace("ice", "snow"), encoding="utf-8")
    assert content(str(file)) != before


@pytest.mark.parametrize("name", ["copa", "ecare"])
def test_triples_of_a_public_set_leave_out_all_that_stands_in_a_question_that_is_held_out(name: str) -> None:
    """Its choices too: a wrong one that is right elsewhere would be told, and a right one never."""
    from butfor.data.cause_effect import held_out
    from butfor.data.copa import copa
    from butfor.data.ecare import ecare

    rows = list(copa(name="copa") if name == "copa" else ecare())
    held = {text.rstrip(".") for row in rows if held_out(row) for text in (row.premise, *row.choices)}
    known = {node for triple in read(name) for node in (triple.head, triple.tail)}
    assert 0.9 * sum(not held_out(row) for row in rows) < len(read(name)) and not held & known
