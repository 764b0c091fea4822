"""The counterfactual pair: its spans mark exactly what differs."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from butfor.data.pairs import Pair, substitute

WORDS = st.sampled_from(["she", "he", "her", "a", "nurse", "doctor", ",", ".", "—", "'s", "\n", "é", "42"])
SENTENCES = st.lists(WORDS, max_size=12).map(" ".join)
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXTS = st.one_of(st.text(max_size=30), SENTENCES)


@PATIENT
@given(TEXTS, TEXTS)
def test_spans_substitute_back_into_each_other(one: str, two: str) -> None:
    pair = Pair.of(one, two, "anything")
    assert substitute(one, pair.base_spans, [there for _, there in pair.contents]) == two
    assert substitute(two, pair.counterfactual_spans, [here for here, _ in pair.contents]) == one


@PATIENT
@given(TEXTS, TEXTS)
def test_swap_is_an_involution_and_exchanges_the_texts(one: str, two: str) -> None:
    pair = Pair.of(one, two, "anything", changes="x", keeps="y")
    swapped = pair.swap()
    assert (swapped.base, swapped.counterfactual) == (two, one)
    assert swapped.contents == tuple((b, a) for a, b in pair.contents)
    assert swapped.swap() == pair


@PATIENT
@given(TEXTS)
def test_equal_texts_have_no_spans(text: str) -> None:
    pair = Pair.of(text, text, "nothing")
    assert pair.base_spans == () and pair.shared_prefix == text


@PATIENT
@given(SENTENCES, TEXTS, TEXTS, SENTENCES)
def test_the_shared_prefix_is_a_prefix_of_both(head: str, one: str, two: str, tail: str) -> None:
    pair = Pair.of(f"{head} {one} {tail}", f"{head} {two} {tail}", "middle")
    assert pair.base.startswith(pair.shared_prefix)
    assert pair.counterfactual.startswith(pair.shared_prefix)


def test_only_the_words_that_differ_are_marked() -> None:
    pair = Pair.of("The chief said that he lost his key.", "The chief said that she lost her key.", "gender")
    assert pair.contents == (("he", "she"), ("his", "her"))
    assert [pair.base[a:b] for a, b in pair.base_spans] == ["he", "his"]
    assert pair.shared_prefix == "The chief said that "


def test_an_insertion_has_an_empty_span_on_the_other_side() -> None:
    pair = Pair.of("It rained.", "It never rained.", "rain")
    assert [here for here, _ in pair.contents] == [""]
    assert "never" in pair.contents[0][1]


@pytest.mark.parametrize(
    ("base", "other", "here", "there", "reason"),
    [
        ("a b", "a c", ((2, 3),), (), "1 spans in one text, 0 in the other"),
        ("a b", "a c", ((2, 9),), ((2, 3),), "do not stand in order"),
        ("a b", "a c", ((0, 1),), ((2, 3),), "differ outside the spans"),
        ("a b c", "x b y", ((4, 5), (0, 1)), ((0, 1), (4, 5)), "do not stand in order"),
    ],
)
def test_a_pair_whose_spans_lie_is_refused(base: str, other: str, here: tuple, there: tuple, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Pair(base, other, "x", here, there)


def test_substitute_wants_one_content_a_span() -> None:
    with pytest.raises(ValueError, match="2 contents for 1 spans"):
        substitute("a b", ((0, 1),), ["x", "y"])
