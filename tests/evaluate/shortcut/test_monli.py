"""MoNLI: worlds that read the nouns alone, or the negation too."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.evaluate.scripted import WORLD, weighing

from butfor.data.monli import FILES, MonliRow
from butfor.evaluate.shortcut.monli import MoNLI, frame
from butfor.lm.prompt import Prompt

UP = {"pear": "fruit", "plum": "fruit", "trout": "fish", "violin": "instrument"}  # from a noun to a more general one


def rows(negated: bool) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for low, high in UP.items():
        for who in ("The small boy", "The old woman"):
            said = f"{who} {'did not want' if negated else 'wanted'} any {{}} at the market."
            for one, two, depth in ((low, high, 1), (high, low, -1)):
                label = "entailment" if (depth > 0) != negated else "neutral"
                found.append(
                    {
                        "sentence1": said.format(one),
                        "sentence2": said.format(two),
                        "gold_label": label,
                        "depth": depth,
                        "sentence1_lex": one,
                        "sentence2_lex": two,
                    }
                )
    return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "monli").mkdir()
    for polarity, file in FILES.items():
        text = "".join(json.dumps(row) + "\n" for row in rows(polarity == "negated"))
        (tmp_path / "monli" / file).write_text(text)
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    return tmp_path


def entails(prompt: Prompt, *, sees_not: bool) -> bool:
    first, second, _ = prompt.user.split("\n")
    general = any(low in first and high in second for low, high in UP.items())
    return general ^ (sees_not and " not " in first)


def test_a_sentence_is_one_cluster_whatever_its_noun_asks_for() -> None:
    row = MonliRow("1", "plain", "A man holds an apple.", "A man holds a fruit.", ("apple", "fruit"), 1, "entailment")
    other = replace(row, premise="a man holds a pear", nouns=("pear", "fruit"))
    assert frame(row) == frame(other) == "a man holds _"


def nouns_alone(prompt: Prompt, _: Sequence[str]) -> list[float]:
    return [1.0 if entails(prompt, sees_not=False) else -1.0, 0.0]


def negation_too(prompt: Prompt, _: Sequence[str]) -> list[float]:
    return [1.0 if entails(prompt, sees_not=True) else -1.0, 0.0]


@pytest.mark.usefixtures("here")
def test_pairs_edits_and_clusters() -> None:
    MoNLI().ready()
    items = MoNLI().items(WORLD)
    kinds = [item.data["group"]["type"] for item in items]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "direction, plain": 8,
        "direction, negated": 8,
        "negation": 8,
    }
    assert sum(item.data["sign"] for item in items) == 0
    assert len({item.cluster for item in items}) == 4  # two people, with and without a negation
    negation = next(item.data for item in items if item.data["group"]["type"] == "negation")
    assert negation["base"]["user"].replace(" not", "") == negation["changed"]["user"]
    for item in items:
        if item.data["placebo"]:
            first, second, _ = item.data["placebo"]["user"].split("\n")
            before = item.data["base"]["user"].split("\n")
            kept = [w for w in ("pear", "plum", "trout", "violin", *UP.values(), " not ") if w in before[0]]
            assert all(word in first for word in kept) and second != first


@pytest.mark.usefixtures("here")
def test_a_reader_of_nouns_follows_them_against_the_negation(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, nouns_alone)
    for record in MoNLI().measure(WORLD, MoNLI().items(WORLD)):
        effect, accuracy, both = (record.metrics[name] for name in ("effect", "accuracy", "both"))
        expected = {"direction, plain": (2, 1, 1), "direction, negated": (-2, 0, 0), "negation": (0, 0.5, 0)}
        assert (effect, accuracy, both) == expected[record.group["type"]]
        assert record.metrics.get("placebo", 0) == 0


@pytest.mark.usefixtures("here")
def test_a_reader_of_the_negation_is_always_right(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, negation_too)
    for record in MoNLI().measure(WORLD, MoNLI().items(WORLD)):
        assert record.metrics["effect"] == 2 and record.metrics["both"] == 1 and record.metrics["before"] == 1


def test_the_public_set(public: Callable[[str], None]) -> None:
    public("monli")
    items = MoNLI(limit=90).items(WORLD)
    kinds = [item.data["group"]["type"] for item in items]
    assert len(items) == 90 and min(kinds.count(kind) for kind in set(kinds)) >= 20
    whole = list(MoNLI().edits())
    assert len(whole) == 736 + 2 * 497 and len({edit.id for edit in whole}) == len(whole)
    assert not any(" not " in edit.changed.user for edit in whole if edit.group["type"] == "negation")
