"""Vocabulary: enough words, no word twice, none of the stories'."""

from __future__ import annotations

from collections import Counter

from butfor.core.seeds import generator
from butfor.data.ladder.draw import Dials, draw
from butfor.data.ladder.stories import STORIES
from butfor.data.ladder.tell import WORDINGS, premises
from butfor.data.ladder.vocabulary import OPPOSITES, POOLS, told
from butfor.data.ladder.wide import CONCEPTS

MARKS = set("<>^|;:=@,.?!()/0123456789")
NAMES = tuple("ABCDEFGH")
SHARED = [phrase for pool in POOLS for phrase in pool.phrases]


def test_there_are_words_enough() -> None:
    assert [(pool.name, pool.who) for pool in POOLS] == [
        ("people", "who"), ("places", "that"), ("machines", "that"), ("living", "that")
    ]  # fmt: skip
    for pool, phrases, units in zip(POOLS, (170, 30, 30, 30), (15, 6, 6, 6), strict=True):
        assert len(pool.phrases) >= phrases
        assert len(set(pool.units)) == len(pool.units) >= units
        assert len(set(pool.settings)) == len(pool.settings) >= 4
        assert all("{units}" in setting and setting.endswith(".") for setting in pool.settings)
    assert len(OPPOSITES) >= 90


def test_no_word_stands_twice() -> None:
    for pool in POOLS:
        for texts in zip(*pool.phrases, strict=True):
            assert len(set(texts)) == len(texts)
    assert len({noun for noun, *_ in OPPOSITES}) == len(OPPOSITES)
    assert all(len(set(texts)) == 4 for _, *texts in OPPOSITES)


def test_all_words_are_new() -> None:
    old = {text for story in STORIES for phrase in story.phrases for text in phrase}
    assert not old & {text for texts in (*SHARED, *OPPOSITES) for text in texts}
    assert len({concept.noun for concept in CONCEPTS}) == len(CONCEPTS)


def test_words_are_plain() -> None:
    for texts in (*SHARED, *OPPOSITES):
        for text in texts:
            assert text == text.strip() != "", texts
            assert not MARKS & set(text), text
            assert " and " not in text, text
            assert " or " not in text, text
    for noun, verb in SHARED:
        assert len(noun.split()) <= 5, noun
        assert " on " not in noun, noun
        assert len(verb.split()) <= 7, verb
        assert verb.split()[0] not in ("do", "is", "has", "can", "not"), verb
        assert not {"not", "no", "nothing", "never"} & set(verb.split()), verb


def test_words_of_a_world_differ_and_are_repeatable() -> None:
    for seed in range(50):
        made = told(NAMES, generator(seed, "vocabulary"))
        assert made == told(NAMES, generator(seed, "vocabulary"))
        assert made.story == "vocabulary"
        assert made.units in made.setting
        assert tuple(made.phrases) == NAMES
        assert all(len(set(texts)) == len(NAMES) for texts in zip(*made.phrases.values(), strict=True))


def test_half_of_the_worlds_are_about_people() -> None:
    rng = generator(0, "vocabulary")
    units = {unit: pool.name for pool in POOLS for unit in pool.units}
    seen = Counter(units[told(NAMES, rng).units] for _ in range(1200))
    assert 500 < seen["people"] < 700
    assert all(130 < seen[pool.name] < 270 for pool in POOLS[1:])


def test_a_world_can_be_told_in_them() -> None:
    world = draw("dag", Dials(), generator(1, "world"))
    words = told(list(world.tables), generator(2, "vocabulary"))
    for wording in WORDINGS:
        text = premises(world, words, wording, numbers=True)
        assert all(words.noun(name) in text.lower() or words.verb(name) in text for name in world.seen)
