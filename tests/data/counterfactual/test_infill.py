"""Editors fill the blanks and nothing else; the rows that teach one give people's edits back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import UserError
from butfor.data.counterfactual.blanks import filled, heard
from butfor.data.counterfactual.infill import Guided, Trained, joined, rows
from butfor.data.swaps import WORD
from butfor.lm import generation
from butfor.lm.load import load

TEXT = "It was bad, slow and far too long."


def words(*numbers: int) -> list[tuple[int, int]]:
    found = [word.span() for word in WORD.finditer(TEXT)]
    return [found[number] for number in numbers]


@pytest.fixture(scope="module")
def lm() -> Any:
    return load("debug")


def test_neighbours_are_one_span() -> None:
    assert joined(TEXT, words(6, 5, 2, 3)) == [(7, 10), (12, 16), (21, 28)]


def test_guided_changes_the_masked_words_alone(lm: Any) -> None:
    editor = Guided(lm=lm, choices=3, left=4)
    masked = words(2, 5)
    made = editor.fill(TEXT, masked, "Negative", "Positive", drafts=3, seed=1)
    assert made == editor.fill(TEXT, masked, "Negative", "Positive", drafts=3, seed=1)
    assert made[0] == editor.fill(TEXT, masked, "Negative", "Positive", drafts=1, seed=9)[0]
    for text in made:
        new = WORD.findall(text)
        assert len(text) - len(TEXT) == len(new[2]) + len(new[5]) - 6
        assert [w for n, w in enumerate(new) if n not in (2, 5)] == ["It", "was", "slow", "and", "too", "long"]
    assert "Positive review: It was ___, slow" in editor.asked(TEXT, masked, "Negative", "Positive")


@pytest.mark.parametrize("pull", [0.0, 2.0])
def test_the_first_draft_takes_the_best_word(lm: Any, pull: float) -> None:
    """Brute force over all letters, by whole passes through the model."""
    import torch

    def logprob(prompt: str, said: str) -> float:
        ids, size = lm.tokenizer(prompt + said)["input_ids"], len(lm.tokenizer(prompt)["input_ids"])
        with torch.inference_mode():
            logits = lm.model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        return sum(float(logits[at - 1, ids[at]]) for at in range(size, len(ids)))

    editor = Guided(lm=lm, prompt="<{value}> ", pull=pull, choices=5, right=1)
    [made] = editor.fill(TEXT, words(2), "no", "yes", drafts=1, seed=0)
    letters = [chr(c) for c in (*range(65, 91), *range(97, 123))]
    contrast = {w: pull * (logprob("<yes> It was ", w) - logprob("<no> It was ", w)) for w in letters}
    ranked = sorted(letters, key=lambda w: -(logprob("<yes> It was ", w) + contrast[w]))[:5]
    best = max(ranked, key=lambda w: logprob("<yes> It was ", w + ", slow") + contrast[w])
    assert made == TEXT.replace("bad", best)


def test_a_trained_editor_is_asked_and_heard(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def say(lm: Any, prompts: list[str], **settings: Any) -> list[str]:
        asked.extend(prompts)
        assert settings["stop"] == "\n" and settings["seed"] == 5
        return [" good | just right", " good", " good | "]

    monkeypatch.setattr(generation, "generate", say)
    made = Trained(lm=lm).fill(TEXT, words(2, 5, 6, 7), "Negative", "Positive", drafts=3, seed=5)
    assert made == ["It was good, slow and just right.", "It was good, slow and ."]
    assert asked == ["It was ___, slow and ___.\n[Positive] =>"] * 3


def write(folder: Path) -> None:
    text = "I saw it last week with two friends. " * 8
    cad = folder / "cad" / "sentiment/combined/paired/train_paired.tsv"
    cad.parent.mkdir(parents=True)
    pairs = [("7", text), ("8", "")]
    lines = ["Sentiment\tText\tbatch_id"]
    for name, before in pairs:
        lines += [f"Negative\t{before}It was a dull film, all in all.\t{name}"]
        lines += [f"Positive\t{before}It was a fine film, all in all.\t{name}"]
    cad.write_text("\n".join(lines) + "\n")
    cebab = folder / "cebab" / "CEBaB-v1.1/dev.json"
    cebab.parent.mkdir(parents=True)
    common = {"review_majority": "3", "original_id": "1"}
    common |= {f"{name}_aspect_majority": "" for name in ("food", "service", "ambiance", "noise")}
    made = [
        {**common, "id": "1_0", "is_original": True, "description": "The food was bad."},
        {**common, "id": "1_1", "is_original": False, "edit_type": "food", "edit_goal": "Positive",
         "description": "The food was good."},
    ]  # fmt: skip
    cebab.write_text(json.dumps(made))


def test_training_rows_give_the_edited_sentence_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    found = rows()
    assert [row["group"] for row in found] == ["cad/7", "cad/7", "cebab/1"]  # the short review is held back
    texts = []
    for row in found:
        asked, said = row["text"][: row["answer_at"]], row["text"][row["answer_at"] :]
        blanked, _, value = asked.partition("\n")
        texts.append((value, filled(blanked, heard(said, blanked.count("___")))))
    assert texts == [
        ("[Positive] =>", "It was a fine film, all in all."),
        ("[Negative] =>", "It was a dull film, all in all."),
        ("[Positive] =>", "The food was good."),
    ]
    assert rows() == found and {row["id"] for row in found} == {row["id"] for row in rows()}
    assert [row["group"] for row in rows(skip=["cad/"])] == ["cebab/1"]


def test_an_editor_that_cannot_be_is_a_line(lm: Any) -> None:
    for wrong in ({"prompt": "review: "}, {"choices": 0}, {"pull": -1.0}, {"left": 0}):
        with pytest.raises(UserError):
            Guided(**{"lm": lm, **wrong})
