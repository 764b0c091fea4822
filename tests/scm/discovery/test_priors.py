"""Knowledge: read, refused with the fix, and what breaks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import DataError, SpecError, UnknownName
from butfor.scm.discovery.priors import Prior
from butfor.scm.graphs.equivalence import Pattern

TEXT = """
required = ["smoking -> tar -> cancer"]
forbidden = ["cancer -> smoking", "age -- tar"]
tiers = [["age"], ["smoking"]]
source = "a doctor"
[beliefs]
"age -> cancer" = 0.8
"""
NAMES = ("age", "smoking", "tar", "cancer")


def test_a_file_and_its_text_and_the_mapping_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "prior.toml").write_text(TEXT, encoding="utf-8")
    one, two = Prior.read(tmp_path / "prior.toml"), Prior.read(TEXT)
    three = Prior.read(
        {
            "required": [("smoking", "tar"), ["tar", "cancer"]],
            "forbidden": ["cancer -> smoking", "age -> tar", "age <- tar"],
            "tiers": [["age"], ["smoking"]],
            "beliefs": {"cancer <- age": 0.8},
            "source": "a doctor",
        }
    )
    assert one == two == three == Prior.read(one)
    assert one.required == (("smoking", "tar"), ("tar", "cancer"))
    assert ("age", "tar") in one.forbidden and ("tar", "age") in one.forbidden
    assert Prior.read(None).empty and not one.empty


def test_rules_as_matrices() -> None:
    rules = Prior.read(TEXT).rules(NAMES)
    age, smoking, tar, cancer = range(4)
    assert rules.required[smoking, tar] and rules.forbidden[tar, smoking]
    assert rules.forbidden[smoking, age] and not rules.forbidden[age, smoking]  # the tiers
    assert rules.forbidden[age, tar] and rules.forbidden[tar, age]
    assert rules.odds[age, cancer] == pytest.approx(np.log(4)) and rules.soft
    assert rules.bare == (0, 0, 1 << smoking, 1 << tar)


def test_what_breaks_a_rule() -> None:
    rules = Prior.read('forbidden = ["a -> b"]\nrequired = ["c -> d"]\n').rules(tuple("abcd"))
    assert rules.broken_by(Pattern.parse("b -> a; c -> d")) == []
    assert rules.broken_by(Pattern.parse("a <-> b; c -> d")) == []
    assert rules.broken_by(Pattern.parse("a -- b; c -> d")) == ["forbidden a -> b"]
    assert rules.broken_by(Pattern.parse("a o-> b; c -> d")) == ["forbidden a -> b"]
    assert rules.broken_by(Pattern.parse("a <-o b; c -> d")) == []
    assert rules.broken_by(Pattern.parse("a; b; c -- d")) == ["required c -> d", "forbidden d -> c"]
    assert rules.broken_by(Pattern.parse("a; b; c; d")) == ["required c -> d"]


@pytest.mark.parametrize(
    ("prior", "said"),
    [
        ({"require": ["a -> b"]}, "unknown key of a prior 'require'; did you mean 'required'"),
        ({"required": "a -> b"}, "should be a list of edges"),
        ({"required": ["a -- b"]}, "an edge here is written A -> B"),
        ({"required": ["a"]}, "no edge"),
        ({"required": ["a -> a"]}, "cannot cause itself"),
        ({"required": [["a", "b", "c"]]}, "no edge"),
        ({"required": ["a ->"]}, "cannot read"),
        ({"tiers": ["a", "b"]}, "list of lists"),
        ({"tiers": [["a"], ["b", "a"]]}, "stands twice: a"),
        ({"beliefs": {"a -> b": 1}}, "strictly between 0 and 1; what is certain goes under required"),
        ({"beliefs": {"a -> b": "high"}}, "strictly between 0 and 1"),
        ({"beliefs": {"a -> b": 0.5, "b <- a": 0.6}}, "given twice"),
        ({"beliefs": {"a -- b": 0.5}}, "should read A -> B"),
        ({"beliefs": ["a -> b"]}, "should be a table"),
    ],
)
def test_what_cannot_be_read(prior: dict[str, Any], said: str) -> None:
    with pytest.raises((SpecError, UnknownName), match=said):
        Prior.read(prior)


@pytest.mark.parametrize(
    ("prior", "said"),
    [
        ({"required": ["a -> b", "b -> c", "c -> a"]}, "required edges cannot stand together: the graph has a cycle"),
        ({"required": ["a -> b"], "forbidden": ["a -> b"]}, "a -> b is both required and forbidden"),
        ({"required": ["a -> b"], "tiers": [["b"], ["a"]]}, "a -> b runs from a later tier"),
        ({"required": ["a -> c", "c -> b"], "tiers": [["b"], ["a"]]}, "lead from a later tier back to an earlier"),
        ({"required": ["a -> z"]}, "unknown variable in the prior 'z'"),
        ({"tiers": [["smokin"]]}, "did you mean 'smoking'"),
    ],
)
def test_what_cannot_be(prior: dict[str, Any], said: str) -> None:
    with pytest.raises((SpecError, UnknownName), match=said):
        Prior.read(prior).rules(("a", "b", "c", "smoking"))


def test_all_contradictions_are_named_at_once() -> None:
    prior = Prior.read({"required": ["a -> b", "c -> d"], "forbidden": ["a -> b"], "tiers": [["d"], ["c"]]})
    with pytest.raises(SpecError) as caught:
        prior.rules(tuple("abcd"))
    assert len(caught.value.mistakes) == 2


def test_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist; a prior is a TOML file"):
        Prior.read(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("required = [", encoding="utf-8")
    with pytest.raises(DataError, match="is no TOML"):
        Prior.read(str(tmp_path / "bad.toml"))


def test_items_can_be_lifted_one_by_one() -> None:
    prior = Prior.read(TEXT)
    assert len(prior.items) == 2 + 3 + 1
    for item in prior.items:
        assert prior.without(item).items == [each for each in prior.items if each != item]
