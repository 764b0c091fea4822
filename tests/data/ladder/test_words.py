"""Words: what is common sense, what is against it, and the little grammar."""

from __future__ import annotations

from typing import Any

from butfor.core.seeds import generator
from butfor.data.ladder.stories import ROLES, STORIES
from butfor.data.ladder.words import Words, listed, words

Items = list[dict[str, Any]]
ROLE = {noun: ROLES[n] for story in STORIES for n, (noun, _) in enumerate(story.phrases)}


def edges_in_words(item: dict[str, Any]) -> list[tuple[str, str]]:
    """The arrows of an item, as the roles of the words that they join."""
    line = item["why"].splitlines()[0].removeprefix("names: ")
    noun = dict(pair.split(" = ") for pair in line.split("; "))
    tables = item["spec"]["world"]["tables"]
    pairs = [(a, b) for b, (causes, _) in tables.items() for a in causes if a in noun and b in noun]
    return [(ROLE[noun[a]], ROLE[noun[b]]) for a, b in pairs]


def test_every_story_has_its_own_words() -> None:
    assert len(STORIES) >= 12
    nouns = [noun for story in STORIES for noun, _ in story.phrases]
    verbs = [verb for story in STORIES for _, verb in story.phrases]
    assert all(len(story.phrases) == len(ROLES) for story in STORIES)
    for phrases in (nouns, verbs):
        assert not [text for text in phrases if any(mark in text for mark in (" and ", " or ", ",", "."))]
    assert not [noun for noun in nouns if " on " in noun]
    assert len(ROLE) == len(nouns) == len(set(nouns))
    assert len(set(verbs)) == len(verbs)


def test_common_sense_arrows_go_forward_and_all_others_back(items: Items) -> None:
    for item in items:
        for a, b in edges_in_words(item) if item["group"]["sense"] != "nonsense" else ():
            forward = ROLES.index(a) < ROLES.index(b)
            assert forward == (item["group"]["sense"] == "common")


def test_nonsense_has_no_word_of_a_story(items: Items) -> None:
    for item in items:
        if item["group"]["sense"] == "nonsense":
            assert not [noun for noun in ROLE if noun in item["prompt"]]


def test_the_grammar() -> None:
    made = Words(
        "", "", "machines", "that", {"A": ("age", "were built early"), "B": ("heat", "are hot"), "C": ("x", "run")}
    )
    assert made.verb("A", 0) == "were not built early"
    assert made.base("A") == "have been built early"
    assert (made.verb("B", 0), made.base("B", 0)) == ("are not hot", "not be hot")
    assert made.those({"B": 1, "C": 0}) == "machines that are hot and do not run"
    assert made.those({}) == "all machines"
    assert made.made("C", 0) == "made not to run"
    assert made.nouns(["A", "B", "C"]) == "age, heat and x"
    assert listed(["a"]) == "a"


def test_words_of_no_language_differ_within_a_world() -> None:
    for n in range(50):
        made = words("nonsense", dict.fromkeys("ABCDEFGH", "x"), generator(n, "nonsense"))
        assert len({noun for noun, _ in made.phrases.values()}) == 8
