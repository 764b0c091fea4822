"""Variants of a story: a fact, a name or a role changed; and chains of them."""

from __future__ import annotations

from butfor.evaluate.reason.families import families


def test_variants_belong_together_and_other_stories_do_not() -> None:
    stories = [
        "Alice and Zoe work for the same firm, and both log in at nine.",
        "The river rose in spring.",
        "Billy and Suzy work for the same firm, and both log in at nine.",
        "The river rose in spring, and the mill stood still.",
    ]
    assert families(stories) == ["story 1", "story 2", "story 1", "story 2"]


def test_a_chain_is_one_family_whatever_the_order() -> None:
    chain = ["a b c d", "c d e f", "b c d e"]
    assert families(chain) == families(chain[::-1]) == ["story 1"] * 3
    assert families(["a b c d", "c d e f"]) == ["story 1", "story 2"]


def test_few_and_odd_stories() -> None:
    assert families([]) == []
    assert families(["Ärger in Łódź", "ÄRGER IN ŁÓDŹ!"]) == ["story 1", "story 1"]
    assert families(["", "…"]) == ["story 1", "story 1"]
