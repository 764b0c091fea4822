from __future__ import annotations

from typing import Any

import pytest

from butfor.core.toml import line_of, lines_of, merge, override

TEXT = """# an experiment
name = "x"

[budget]
steps = 4   # a few

[[measure]]
suite = "a"

[[measure]]
suite = "b"
limit.deep = 3
"odd key" = 1
"""


def test_every_key_knows_its_line() -> None:
    lines = lines_of(TEXT)
    assert lines[("name",)] == 2
    assert lines[("budget", "steps")] == 5
    assert lines[("measure", 0, "suite")] == 8
    assert lines[("measure", 1)] == 10
    assert lines[("measure", 1, "limit", "deep")] == 12
    assert lines[("measure", 1, "odd key")] == 13


def test_a_key_without_a_line_stands_where_its_table_does() -> None:
    lines = lines_of(TEXT)
    assert line_of(("measure", 1, "gone", "deeper"), lines) == 10
    assert line_of(("nowhere",), lines) is None


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("budget.steps=20", {"budget": {"steps": 20}}),
        ("seeds=[1, 2]", {"seeds": [1, 2]}),
        ("treatment.method=leace", {"treatment": {"method": "leace"}}),
        ("treatment.concept=a/b c.json", {"treatment": {"concept": "a/b c.json"}}),
        ("train.learning_rate=1e-5", {"train": {"learning_rate": 1e-5}}),
        ('measure."bias.weat".limit=3', {"measure": {"bias.weat": {"limit": 3}}}),
    ],
)
def test_an_override_is_a_nested_table(text: str, table: dict[str, Any]) -> None:
    assert override(text) == table


@pytest.mark.parametrize("text", ["budget", "=3", "", "a b=3", "a..b=1"])
def test_an_override_without_sense_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"--set budget\.steps=20"):
        override(text)


def test_merging_reaches_into_lists_by_number_suite_and_name() -> None:
    base = {"measure": [{"suite": "bias.weat", "limit": 1}, {"suite": "copa"}], "arm": [{"name": "a"}]}
    for over in ({"0": {"limit": 9}}, {"bias.weat": {"limit": 9}}, {"bias": {"weat": {"limit": 9}}}):
        assert merge(base, {"measure": over})["measure"][0] == {"suite": "bias.weat", "limit": 9}
    assert merge(base, {"arm": {"a": {"k": 1}}})["arm"] == [{"name": "a", "k": 1}]
    assert merge(base, {"measure": [{"suite": "x"}]})["measure"] == [{"suite": "x"}]
    assert base["measure"][0]["limit"] == 1


def test_merging_into_an_entry_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"no entry 'weta'; there are: weat"):
        merge({"measure": [{"suite": "weat"}]}, {"measure": {"weta": {"limit": 1}}})
