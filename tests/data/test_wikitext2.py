"""WikiText-2 by article."""

from __future__ import annotations

from pathlib import Path

import pytest

from butfor.core.errors import MalformedData
from butfor.data.wikitext2 import wikitext2

LINES = ("", "= A Road =", "", "It runs north .", "It ends = here = now .", "", "= = History = =", "")
MORE = ("= = = Early = = =", "It is old .", "", "= A Hill =", "", "It is @-@ high .")
TEXT = "".join(f" {line} \n" for line in LINES + MORE)


def test_articles_hold_their_paragraphs_without_headings(tmp_path: Path) -> None:
    (tmp_path / "valid.txt").write_text(TEXT)
    road, hill = wikitext2(tmp_path)
    assert road.title == "A Road" and hill.title == "A Hill"
    assert road.paragraphs == ("It runs north .", "It ends = here = now .", "It is old .")
    assert hill.paragraphs == ("It is @-@ high .",)


@pytest.mark.parametrize(
    ("text", "line", "reason"), [("\n words \n", 2, "text before the first title"), ("\n", 1, "no article")]
)
def test_a_file_that_is_no_wikitext_is_named(tmp_path: Path, text: str, line: int, reason: str) -> None:
    (tmp_path / "valid.txt").write_text(text)
    with pytest.raises(MalformedData, match=rf"valid\.txt, line {line}: {reason}"):
        wikitext2(tmp_path)


def test_the_public_file(public) -> None:
    public("wikitext2")
    articles = wikitext2()
    assert len(articles) == 60
    assert articles[0].title == "Homarus gammarus"
    words = sum(len(text.split()) for article in articles for text in article.paragraphs)
    assert 200_000 < words < 213_886  # the whole file with its headings has 213,886
