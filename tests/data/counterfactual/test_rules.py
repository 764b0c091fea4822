"""Rules: the longest phrase, negations, capitals, articles, ratings; maps from files and from people's edits."""

from __future__ import annotations

from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, UserError
from butfor.data.counterfactual.made import Case
from butfor.data.counterfactual.rules import Rules
from butfor.data.counterfactual.wordmap import built_in, learnt, read


def made(text: str, wanted: str, rules: Rules | None = None) -> str:
    before = {"Positive": "Negative", "Negative": "Positive"}[wanted]
    return (rules or Rules()).make([Case("0", text, "sentiment", before, wanted)], 0)[0].text


@pytest.fixture
def small(tmp_path: Path) -> Rules:
    file = tmp_path / "map.txt"
    file.write_text(
        "# a comment\nnegative = positive\ndull = lively\nbad = good\nawful > amazing\ntoo long = short\n"
        "love story = love story\nhate = love\n"
    )
    return Rules(read(file))


@pytest.mark.parametrize(
    ("text", "wanted", "new"),
    [
        ("A dull film.", "Positive", "A lively film."),
        ("Dull, DULL, dull.", "Positive", "Lively, LIVELY, lively."),
        ("An awful film.", "Positive", "An amazing film."),
        ("It is too long.", "Positive", "It is short."),
        ("It is not good.", "Positive", "It is good."),
        ("It isn't good.", "Positive", "It is good."),
        ("It is not bad.", "Positive", "It is not bad."),
        ("It is a film.", "Positive", "It is not a film."),  # the last resort
        ("A good film, not a bad one.", "Positive", "A good film, not a bad one."),
        ("I love this love story.", "Negative", "I hate this love story."),
        ("It is good, 8/10.", "Negative", "It is bad, 3/10."),
        ("Dull. 2 out of 10 stars", "Positive", "Lively. 9 out of 10 stars"),
        ("Dull. Made in 1999, 12/10/99", "Positive", "Lively. Made in 1999, 12/10/99"),
    ],
)
def test_what_the_map_says_is_swapped(small: Rules, text: str, wanted: str, new: str) -> None:
    assert made(text, wanted, small) == new


def test_an_article_follows_its_word(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text("bad = good\nbad = good\nugly > fine\nfine > ugly\nweak > able\n")
    rules = Rules(read(tmp_path / "m.txt"))
    assert rules.make([Case("0", "A weak and an ugly one.", "v", "bad", "good")], 0)[0].text == (
        "An able and a fine one."
    )


def test_the_seed_chooses_among_several_words(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text("bad = good\ndull > lively\ndull > witty\ndull > bright\n")
    rules = Rules(read(tmp_path / "m.txt"))
    case = Case("0", "dull " * 20, "v", "bad", "good")
    first = rules.make([case], 1)[0].text
    assert set(first.split()) == {"lively", "witty", "bright"}
    assert rules.make([case], 1)[0].text == first != rules.make([case], 2)[0].text


def test_there_and_back_gives_words_that_go_both_ways_back(small: Rules) -> None:
    text = "A dull film, and too long. Bad!"
    assert made(made(text, "Positive", small), "Negative", small) == text


def test_our_own_map_turns_plain_reviews() -> None:
    assert len(built_in("sentiment")) > 400
    assert made("The worst film I have seen. I hated it and would not recommend it.", "Positive") == (
        "The best film I have seen. I loved it and would recommend it."
    )
    assert made("A love story with great actors.", "Negative").startswith("A love story with")


def test_another_value_is_named() -> None:
    with pytest.raises(UserError, match="'blue' is neither"):
        Rules().make([Case("0", "x", "sentiment", "red", "blue")], 0)
    with pytest.raises(UserError, match="no word map for 'colour'"):
        built_in("colour")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("negative = positive\nbad good\n", "line 2: 'bad good' is no swap"),
        ("negative = positive\n", "names two values, then its swaps"),
        ("a = b\none two three four five six seven = x\n", "line 2: a phrase has 1 to 6 words"),
    ],
)
def test_a_map_that_is_none_names_its_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "m.txt").write_text(text)
    with pytest.raises(MalformedData, match=words):
        read(tmp_path / "m.txt")


def test_a_map_is_learnt_from_what_people_swapped_again_and_again() -> None:
    pairs = [(f"the {noun} was dreary", f"the {noun} was radiant") for noun in ("cast", "plot", "end")]
    pairs += [("an odd film", "an even film")]  # once is too few
    pairs += [(f"the {noun} was slow", f"the {noun} was {new}") for noun, new in (("a", "slow"), ("b", "quick"))] * 4
    found = learnt(pairs, ("bad", "good"), share=0.6)
    assert found.swaps[0] == {("dreary",): ("radiant",)}
    assert found.swaps[1][("radiant",)] == ("dreary",) and ("quick",) in found.swaps[1]
    assert made("It was DREARY.", "Positive", Rules(found.__class__((("negative",), ("positive",)), found.swaps))) == (
        "It was RADIANT."
    )
    with pytest.raises(UserError, match="learnt from pairs"):
        learnt([], ("bad", "good"))


def test_a_draft_by_our_own_map_is_known_by_what_the_map_says(small: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Rules().identity()
    assert small.words is not None
    monkeypatch.setattr("butfor.data.counterfactual.rules.built_in", lambda _: small.words)
    assert Rules().identity() != before
