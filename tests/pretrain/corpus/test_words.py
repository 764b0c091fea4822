"""Exchanging listed words: forms kept apart, capitals, articles, roles; twice gives every text back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from butfor.pretrain.corpus.edits import edited
from butfor.pretrain.corpus.tables import named
from butfor.pretrain.corpus.tree import tree
from butfor.pretrain.corpus.variables import editor
from butfor.pretrain.corpus.words import Words, found_in, takes_an

NATIONS = named("nationality")
FAITHS = named("religion")


def between(listed, one, other):
    """An editor that exchanges two values."""
    return Words(listed.table, {one: other, other: one}, listed.guard, listed.proper)


def put(words, text):
    return edited(text, words.edits(text))


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("The Frenchman spoke French in France.", "The Irishman spoke Irish in Ireland."),
        ("Two Frenchmen and a Frenchwoman.", "Two Irishmen and an Irishwoman."),
        ("The French like Paris.", "The Irish like Dublin."),
        ("FRANCE WON. France's rivers, the Frenchmen's boats", "IRELAND WON. Ireland's rivers, the Irishmen's boats"),
        ("A French cook; an Irish one.", "An Irish cook; a French one."),
        ("an French cook", "an French cook"),  # not its article: twice must give this back
        (
            "The French Revolution, French-speaking, Franco-French",
            "The French Revolution, French-speaking, Franco-French",
        ),
        ("Northern Ireland is not Ireland.", "Northern Ireland is not France."),
        ("Frenchy francely french", "Frenchy francely french"),
    ],
)
def test_french_and_irish(text, changed):
    words = between(NATIONS, "French", "Irish")
    assert put(words, text) == changed
    assert put(words, changed) == text


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("The Christian went to church.", "The Jew went to synagogue."),
        ("A Christian prayed.", "A Jew prayed."),
        ("He is Christian, of a Christian family.", "He is Jewish, of a Jewish family."),
        ("The Christians read the Bible with a priest.", "The Jews read the Torah with a rabbi."),
        ("Church bells rang.", "Synagogue bells rang."),
        ("Hans Christian Andersen saw the Church of England.", "Hans Christian Andersen saw the Church of England."),
    ],
)
def test_noun_and_adjective_are_told_by_the_words_around(text, changed):
    words = between(FAITHS, "Christian", "Jewish")
    assert put(words, text) == changed
    assert put(words, changed) == text


def test_one_way_across_classes_takes_the_form_of_the_role():
    words = editor("nationality", "German:French")
    assert put(words, "A German met the Germans.") == "A Frenchman met the French."
    assert put(words, "German bread, two Germans, Germany.") == "French bread, two Frenchmen, France."
    assert put(words, "French bread.") == "French bread."


def test_article():
    words = "Italian hour European unit uninteresting one use cat Ukrainian honest house"
    assert [word for word in words.split() if takes_an(word)] == ["Italian", "hour", "uninteresting", "honest"]


def test_tree_is_the_list():
    words = ["he", "her", "hers", "his", "a", "c++", "the end"]
    pattern = found_in(words)
    for word in words[:-2]:
        assert pattern.fullmatch(word)
    assert [found[0] for found in pattern.finditer("hers he x-her the end hero 2he her's")] == [
        "hers",
        "he",
        "the end",
        "her",
    ]
    assert tree([]) == "(?!)"


FILL = ["the", "a", "an", "A", "An", "of", "new", "old", "man", "years", "was", "and", "Dr", "But", "in", "many", "B."]


@pytest.mark.parametrize("variable", ["names", "nationality", "religion", "age"])
def test_twice_is_nothing_on_random_text(variable):
    words = editor(variable, seed=3)
    listed = sorted(words.slots)

    @settings(deadline=None, max_examples=120)
    @given(
        st.lists(
            st.tuples(
                st.one_of(st.sampled_from(listed), st.sampled_from(FILL)),
                st.sampled_from([str, str.lower, str.capitalize, str.upper]),
                st.sampled_from([" ", " ", " ", ", ", ". ", "\n", "-", "'s ", ' "', "  "]),
            ),
            max_size=14,
        )
    )
    def twice(drawn):
        text = "".join(style(word) + gap for word, style, gap in drawn)
        assert put(words, put(words, text)) == text

    twice()


@pytest.mark.parametrize("text", ["AN imam came", "An IMAM came", "AN Imam came", "An rabbi came", "a imam came"])
def test_an_article_whose_capitals_would_be_lost_stays_with_its_word(text):
    assert put(editor("religion"), text) == text


def test_twice_is_nothing_on_any_text():
    words = editor("names+religion")

    @settings(deadline=None, max_examples=60)
    @given(st.text())
    def twice(text):
        assert put(words, put(words, text)) == text

    twice()
