"""Control codes: which kind a change is, rows that can be read again, and a maker that writes by them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import UnknownName
from butfor.data.counterfactual import codes, generate
from butfor.data.counterfactual.blanks import line
from butfor.data.counterfactual.codes import KINDS, Coded, edited, kind, parts, question, rows
from butfor.data.swaps import WORD
from butfor.lm import generation
from butfor.lm.load import load
from butfor.train.loop import TrainSettings, train
from butfor.train.standard import Standard

PLAIN = "The film was bad and slow."


@pytest.fixture(scope="module")
def lm() -> Any:
    return load("debug")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ("The film was not bad and slow.", "negation"),
        ("The film wasn't bad and slow.", "negation"),
        ("Every film was bad and slow.", "quantifier"),
        ("The film was slow and bad.", "shuffle"),
        ("The film was really bad and slow.", "insert"),
        ("The film was bad.", "delete"),
        ("The play was good and slow.", "lexical"),
        ("The film was a joy to watch and slow.", "resemantic"),
        ("I say the film was nothing but a quick joke.", "negation"),
        ("We saw a film which was bad, then a good and quick one yesterday.", "restructure"),
        ("The film was bad; and slow!", "restructure"),
    ],
)
def test_each_kind_of_change_has_its_code(changed: str, code: str) -> None:
    found = kind(PLAIN, changed)
    assert found == code or (code == "restructure" and found == "quantifier")
    opposite = {"insert": "delete", "delete": "insert"}.get(code, code)
    assert kind(changed, PLAIN) == (opposite if found == code else found)


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        ("a/1", "I went. It was bad! Fine.", "I went. It was good! Fine."),
        ("a/2", "It was good and cheap.", "It was not good and cheap."),
        ("b/3", "The cat sat.", "The cat sat on a mat."),
        ("b/4", "Entirely other words here.", "Nothing stays as is anywhere."),
    ]
    monkeypatch.setattr(codes, "_texts", lambda: iter(texts))


@pytest.mark.usefixtures("pairs")
def test_rows_are_peoples_sentences_both_ways_and_can_be_read_again() -> None:
    found = rows()
    said = {(row["kind"], row["text"].partition("\n")[0], edited(row["text"][row["answer_at"] :])) for row in found}
    assert said == {
        ("lexical", "It was bad!", "It was good!"),
        ("lexical", "It was good!", "It was bad!"),
        ("negation", "It was good and cheap.", "It was not good and cheap."),
        ("negation", "It was not good and cheap.", "It was good and cheap."),
        ("shuffle", "It was good and cheap.", "It was cheap and good."),
        ("insert", "The cat sat.", "The cat sat on a mat."),
        ("delete", "The cat sat on a mat.", "The cat sat."),
    }
    assert len({row["id"] for row in found}) == len(found)
    assert all(row["text"].startswith(question(row["text"].partition("\n")[0], row["kind"])) for row in found)
    assert {row["group"] for row in rows(skip=["a/"])} == {"b/3"}
    assert sum(row["kind"] == "lexical" for row in rows(most=1)) == 1


@pytest.mark.usefixtures("pairs")
def test_the_shared_loop_trains_on_what_stands_behind_the_code(tmp_path: Path) -> None:
    lm: Any = load("debug")
    settings = TrainSettings(steps=25, batch_size=7, length=96, learning_rate=1e-2)
    facts = train(lm, rows(), Standard(), settings=settings, seed=0, folder=tmp_path)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.8 * losses[0] and facts.rows_cut == 0


def answers(said: dict[str, str]) -> Any:
    def say(lm: Any, prompts: list[str], **_: Any) -> Iterator[str]:
        return iter([next((s for key, s in said.items() if key in prompt), "mumble") for prompt in prompts])

    return lambda *args, **kwargs: list(say(*args, **kwargs))


class Counts:
    """Positive as soon as two good words are there."""

    values = ("Negative", "Positive")

    def identity(self) -> Any:
        return "counts"

    def likely(self, texts: Any) -> Any:
        import numpy as np

        good = np.array([sum(word == "good" for word in WORD.findall(text)) for text in texts]) / 2
        return np.stack([1 - good, good - 0.1], 1)

    def saliency(self, text: str, value: int) -> list[float]:
        raise AssertionError


def test_a_judge_picks_changes_sentence_by_sentence(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "The film was bad.  The cast was bad, too. It rained."
    said = {
        "film was bad.\n[lexical]": " The film was ___. => good\nmore",
        "film was bad.\n[insert]": " The film was ___. => good | good",
        "cast was bad, too.\n[negation]": " The cast was ___. => good",
        "It rained.\n[delete]": " It ___. => snowed",
    }
    monkeypatch.setattr(generation, "generate", answers({k: v.partition("\n")[0] for k, v in said.items()}))
    row = {"text": text, "sentiment": "Negative"}
    [made] = generate(Coded(lm=lm, judge=Counts()), [row], "sentiment", "Positive", seed=0)
    assert made.pair.counterfactual == "The film was good.  The cast was good. It rained." and made.kept
    [alone] = generate(Coded(lm=lm), [row], "sentiment", "Positive", seed=0)
    assert alone.pair.counterfactual != text and alone.kept
    [less] = generate(Coded(lm=lm, judge=Counts(), kinds=("lexical",)), [row], "sentiment", "Positive", seed=0)
    assert "no edit flipped it" in less.reasons[0] and "film was good" in less.pair.counterfactual
    monkeypatch.setattr(generation, "generate", answers({}))
    [none] = generate(Coded(lm=lm), [row], "sentiment", "Positive", seed=0)
    assert "train on the corpus 'codes'" in none.reasons[0]


def test_sentences_of_a_text_have_their_places() -> None:
    text = " One is.  Two! ... Three"
    assert [text[a:b].strip() for a, b in parts(text)] == ["One is.", "Two!", "Three"]
    assert parts("?!") == [] and edited("a ___ b") == "" and line(" a  b ") == "a b"


def test_a_kind_that_nobody_knows_is_named(lm: Any) -> None:
    with pytest.raises(UnknownName, match="did you mean 'negation'"):
        Coded(lm=lm, kinds=("negations",))
    assert len(KINDS) == 8
