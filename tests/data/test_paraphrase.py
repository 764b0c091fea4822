"""Placebos: as many words at the same places, nothing that matters touched, the same text every time."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from butfor.data import builtin, swaps
from butfor.data.paraphrase import edits, matched, placebo, reworded, size

WORDS = (
    "The person and a child did not buy three cars because it is a large house near the shop although John said that "
    "many people began to talk about the movie and nobody was sick in the end an individual often went to town "
    "approximately 12 apples cost £5 I am sure that you are right until they never really wanted to go if all the kids"
)
TEXTS = st.lists(st.sampled_from(WORDS.split()), min_size=3, max_size=24).map(lambda words: " ".join(words) + ".")


def bare(text: str) -> list[str]:
    return [found[0].lower() for found in swaps.WORD.finditer(text)]


@given(TEXTS, st.integers(1, 6), st.integers(0, 120), st.sets(st.sampled_from(WORDS.split()), max_size=3))
@example("The person said that.", 1, 0, {"person"})
def test_what_must_stay_stays(text: str, words: int, near: int, keep: set[str]) -> None:
    made = reworded(text, words, near, keep)
    if made is None:
        return
    assert made != text
    assert made == reworded(text, words, near, keep)
    assert re.findall(r"\d+", made) == re.findall(r"\d+", text)
    barred = swaps.NEGATIONS | swaps.NUMBERS | {word.lower() for word in keep} - {"a", "an"}
    assert [w for w in bare(made) if w in barred] == [w for w in bare(text) if w in barred]
    assert size(text, made) <= words + 3


@given(TEXTS, st.sampled_from(["nurse", "red banana", "zebra"]), st.integers(0, 20))
def test_a_placebo_is_neither_text_and_brings_in_no_new_word_of_the_edit(text: str, new: str, place: int) -> None:
    parts = text.split()
    place %= len(parts)
    changed = " ".join([*parts[:place], new, *parts[place + 1 :]])
    found = matched(text, changed)
    if found is None:
        return
    assert found.text not in (text, changed)
    assert found.wanted == size(text, changed)
    assert found.words == size(text, found.text)
    assert not set(bare(found.text)) & set(bare(new))
    assert found.distance >= 0


@given(TEXTS)
def test_no_edit_has_no_placebo(text: str) -> None:
    assert placebo(text, text) is None


@pytest.mark.parametrize(
    ("base", "changed", "words"),
    [
        ("The person left.", "The nurse left.", 1),
        ("The person left.", "The flight attendant left.", 2),
        ("It is so.", "It is not so.", 1),
        ("I don't like it.", "I do like it.", 1),
        ("It is not bad at all.", "It is bad.", 3),
        ("One, two.", "One; two.", 0),
        ("well-known", "well-loved", 1),
    ],
)
def test_an_edit_is_counted_in_whole_words(base: str, changed: str, words: int) -> None:
    assert size(base, changed) == size(changed, base) == words
    assert len(edits(base, changed)) <= 2


@pytest.mark.parametrize(
    ("text", "words", "near", "keep", "made"),
    [
        ("The person said so.", 1, 4, (), "The individual said so."),
        ("A person left.", 2, 2, (), "An individual left."),
        ("An individual left.", 2, 2, (), "A person left."),
        ("The person left.", 1, 4, ("Person",), "Well, the person left."),
        ("She left early, although it rained hard.", 1, 16, (), "She left early, though it rained hard."),
        ("Although it rained hard, she left.", 1, 0, (), "Though it rained hard, she left."),
        ("the White House stood there", 1, 10, (), None),
        ("They began to sing", 1, 5, (), "They started to sing"),
        ("What colour is the car?", 1, 16, (), "What colour is the automobile?"),
        ("Dogs bark...", 1, 0, (), None),
        ("yesterday John ate", 1, 10, (), "yesterday Paul ate"),
        ("yesterday John Smith ate", 1, 10, (), None),
        ("yesterday John ate and John slept", 1, 10, (), None),
        ("did John eat?", 1, 4, (), None),
        ("the car's door", 1, 4, (), "the automobile's door"),
        ("it cannot be so", 1, 4, (), None),
    ],
)
def test_rules_look_at_what_stands_around(text: str, words: int, near: int, keep: tuple[str, ...], made: str) -> None:
    assert reworded(text, words, near, keep) == made


def test_several_places_are_edited_as_they_are_in_the_edit() -> None:
    base = "The child came home because it was late. Later the person began to sing in the kitchen."
    changed = "The dog came home because it was late. Later the man began to sing in the bath."
    found = matched(base, changed)
    assert found is not None
    assert (found.words, found.wanted) == (3, 3)
    assert found.text.startswith("The kid ")
    assert "individual" in found.text


def test_marks_are_changed_where_marks_were_changed() -> None:
    assert placebo("He left... and she, too, did.", "He left... and she too, did.") == "He left… and she, too, did."


def test_every_profession_template_has_a_placebo_of_its_size() -> None:
    for template in builtin.profession_templates():
        found = matched(template.format("person"), template.format("nurse"))
        assert found is not None
        assert (found.words, found.distance) == (1, 0.0)
        assert found.text == template.format("individual")


def test_no_rule_touches_a_negation_or_a_number_and_every_rule_can_be_applied() -> None:
    rules = [rule for group in swaps._rules().values() for rule in group]  # pyright: ignore[reportPrivateUsage]
    assert len(rules) > 500
    for rule in rules:
        words = {*rule.left, *(word.lower() for word in rule.right.split())}
        allowed = {"one", "few", "little", "a", "once", "first", "second"}
        assert not (words & (swaps.NEGATIONS | swaps.NUMBERS)) - allowed, rule
        assert " ".join(rule.left) != rule.right.lower(), rule


@pytest.mark.parametrize(
    ("word", "article"),
    [
        ("apple", "an"), ("person", "a"), ("hour", "an"), ("honest", "an"), ("house", "a"), ("university", "a"),
        ("uncle", "an"), ("useful", "a"), ("one", "a"), ("European", "a"), ("orange", "an"), ("umbrella", "an"),
        ("unimportant", "an"), ("union", "a"), ("Utah", "a"),
    ],
)  # fmt: skip
def test_the_article_follows_the_sound(word: str, article: str) -> None:
    assert swaps.spoken(word) == article
