"""The sets of our own writing: big enough, balanced, without repeats, and apart from each other."""

from __future__ import annotations

import re
from collections import Counter

from butfor.data import builtin
from butfor.data.find import watched


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def test_professions_cover_both_stereotypes_equally() -> None:
    professions = builtin.professions()
    labels = Counter(p.label for p in professions)
    assert len(professions) >= 60 and len({p.word for p in professions}) == len(professions)
    assert labels[1] == labels[-1] >= 20 and labels[0] >= 10


def test_templates_end_right_before_a_pronoun() -> None:
    templates = builtin.profession_templates()
    assert len(templates) >= 6 and len(set(templates)) == len(templates)
    assert all(t.count("{}") == 1 and t == t.strip() for t in templates)
    assert all(re.search(r"(\bthat|\bbecause|\bso|\bwhen|\band|\buntil|,)$", t) for t in templates)
    gendered = {word for side in builtin.gender_words().values() for word in side}
    assert not {word for t in templates for word in words(t)} & gendered
    assert builtin.profession_base() not in {p.word for p in builtin.professions()}


def test_professions_are_not_gendered_by_definition() -> None:
    gendered = {word for side in builtin.gender_words().values() for word in side}
    assert not {word for p in builtin.professions() for word in words(p.word)} & gendered


def test_gender_pairs_are_pairs() -> None:
    pairs = builtin.gender_pairs()
    assert len(pairs) >= 40
    female, male = [f for f, _ in pairs], [m for _, m in pairs]
    assert len(set(female)) == len(female) and len(set(male)) == len(male) and not set(female) & set(male)
    assert all(word == word.lower() for word in female + male)


def test_the_swap_lexicon_leaves_the_ambiguous_pronouns_out() -> None:
    swaps, ambiguous = builtin.gender_swaps(), builtin.gender_ambiguous()
    assert set(builtin.gender_pairs()) <= set(swaps)
    assert not {word for pair in swaps for word in pair} & set(ambiguous)
    assert ambiguous["her"] == {"possessive": "his", "object": "him"}
    assert len({f for f, _ in swaps}) == len(swaps)


def test_gender_words_hold_both_sides_of_everything() -> None:
    both = builtin.gender_words()
    assert {"she", "her", "hers", "mother"} <= set(both["female"])
    assert {"he", "him", "his", "father"} <= set(both["male"])
    assert not set(both["female"]) & set(both["male"])


def test_cause_effect_questions_are_balanced() -> None:
    questions = builtin.cause_effect()
    assert len(questions) >= 60
    cells = Counter((q.asks_for, q.gold) for q in questions)
    assert len(cells) == 4 and len(set(cells.values())) == 1
    assert len({q.premise for q in questions}) == len({q.id for q in questions}) == len(questions)
    longer = sum(len(words(q.choices[q.gold])) - len(words(q.choices[1 - q.gold])) for q in questions) / len(questions)
    assert abs(longer) < 0.5  # the right answer is not given away by its length


def test_word_tests_have_equal_sides() -> None:
    tests = builtin.word_tests()
    assert [t.name for t in tests] == ["career-family", "science-arts", "math-arts"]
    for test in tests:
        assert len(test.x) == len(test.y) >= 8 and len(test.a) == len(test.b) >= 8
        assert len({*test.x, *test.y, *test.a, *test.b}) == len(test.x) * 2 + len(test.a) * 2
    targets = [word for test in tests for word in (*test.x, *test.y)]
    assert len(set(targets)) == len(targets)


def test_plain_texts_are_long_enough_and_apart() -> None:
    measured, trained = builtin.passages("plain_test"), builtin.passages("plain_train")
    assert len(measured) >= 20 and sum(len(p.split()) for p in measured) >= 1500
    assert len(trained) >= 50 and sum(len(p.split()) for p in trained) >= 3000
    assert len(set(measured + trained)) == len(measured) + len(trained)
    grams = [
        {tuple(w[i : i + 8]) for w in map(words, texts) for i in range(len(w) - 7)} for texts in (measured, trained)
    ]
    assert not grams[0] & grams[1]


def test_no_passage_is_trained_on_and_measured() -> None:
    """Compared by their words alone, so that a reworded blank or mark does not hide a repeat."""
    measured, trained = ({tuple(words(p)) for p in builtin.passages(name)} for name in ("plain_test", "plain_train"))
    assert not measured & trained
    sentences = [
        {tuple(words(part)) for p in builtin.passages(name) for part in re.split(r"[.!?]", p) if len(words(part)) > 3}
        for name in ("plain_test", "plain_train")
    ]
    assert not sentences[0] & sentences[1]


def test_own_data_is_seen_by_whoever_watches_every_time() -> None:
    for _ in range(2):
        with watched() as files:
            builtin.passages("plain_test")
            builtin.professions()
        assert {file.name for file in files} == {"plain_test.txt", "professions.json"}


def test_most_training_passages_have_women_or_men_in_them() -> None:
    gendered = {word for side in builtin.gender_words().values() for word in side}
    passages = builtin.passages("plain_train")
    assert sum(bool(set(words(p)) & gendered) for p in passages) == len(passages)
    counts = Counter(word for p in passages for word in words(p))
    assert 0.5 < counts["she"] / counts["he"] < 2
    assert not any(f"The {p.word} said that" in text for p in builtin.professions() for text in passages)
