"""Concepts: what can be read, which words are found, what stays together in a split, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import MalformedData, UserError
from butfor.core.registry import build
from butfor.data import builtin
from butfor.lm import Vectors
from butfor.lm.load import load
from butfor.pretrain.concepts import labelled, problem, read, single
from butfor.pretrain.half_sibling import HalfSibling
from butfor.pretrain.hard_debias import HardDebias
from butfor.pretrain.inlp import INLP
from butfor.pretrain.leace import LEACE

WORDS = ["she", "he", "She", "He", "her", "him", "his", "woman", "man", "girl", "boy", "lion", "runs", "."]


def world() -> Vectors:
    return Vectors("tiny", WORDS, np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32))


def vectors(rows: np.ndarray) -> np.ndarray:
    return world().matrix[rows].astype(np.float64)


def written(folder: Path, name: str, content: object) -> str:
    path = folder / name
    path.write_text(
        json.dumps(content) if name.endswith(".json") else "".join(json.dumps(row) + "\n" for row in content)  # type: ignore[attr-defined]
    )
    return str(path)


def test_gender_is_built_in():
    concept = read("gender")
    assert set(builtin.gender_pairs()) == set(concept.pairs)
    assert {"she", "he", "her", "policewoman"} <= concept.words


def test_pairs_are_found_in_every_case_and_forms_stay_together(tmp_path: Path):
    pairs = [["she", "he"], ["her", "him"], ["her", "his"], ["woman", "man"], ["girl", "boy"], ["lioness", "lion"]]
    data = labelled(world(), vectors, read(written(tmp_path, "p.json", pairs)))
    at = dict(zip(data.row.tolist(), range(len(data.row)), strict=True))
    assert sorted(at) == list(range(11))  # lion is alone, so it carries no difference
    assert {tuple(WORDS[data.row[i]] for i in pair) for pair in data.pairs} == {
        ("she", "he"),
        ("She", "He"),
        ("her", "him"),
        ("her", "his"),
        ("woman", "man"),
        ("girl", "boy"),
    }
    group = {WORDS[row]: int(data.group[i]) for row, i in at.items()}
    assert group["she"] == group["He"] and group["her"] == group["him"] == group["his"]
    assert len(set(group.values())) == 4
    assert [int(data.y[at[WORDS.index(word)]]) for word in ("she", "her", "he", "his")] == [0, 0, 1, 1]
    assert "5 of 6 pairs" in data.found
    assert np.array_equal(data.x, vectors(data.row))


def test_take_keeps_the_pairs_that_are_whole(tmp_path: Path):
    pairs = [["she", "he"], ["her", "him"], ["woman", "man"], ["girl", "boy"]]
    data = labelled(world(), vectors, read(written(tmp_path, "p.json", pairs)))
    chosen = data.group != data.group[0]
    part = data.take(chosen)
    assert len(part.x) == len(data.x) - 4  # she, he, She, He
    for old, new in zip(data.pairs[chosen[data.pairs[:, 0]]], part.pairs, strict=True):
        assert np.array_equal(data.x[old], part.x[new])


def test_texts_are_means_of_their_words(tmp_path: Path):
    rows = [{"text": f"{word} runs.", "label": label} for word, label in zip(WORDS[:8], "abababab", strict=True)]
    rows += [{"text": "Lion", "label": "a"}, {"text": "zebra", "label": "b"}]
    concept = read(written(tmp_path, "t.jsonl", rows))
    data = labelled(world(), vectors, concept)
    assert data.classes == ("a", "b") and data.found == "9 of 10 texts, 1 a single token"
    assert np.allclose(data.x[0], (vectors(np.array([0]))[0] + vectors(np.array([12]))[0]) / 2)
    assert data.row.tolist() == [-1] * 8 + [WORDS.index("lion")]
    assert concept.words == {"Lion", "zebra"}
    assert len(data.pairs) == 0


def test_the_same_text_twice_is_one_group(tmp_path: Path):
    rows = [{"text": word, "label": i % 2} for i, word in enumerate([*WORDS[:10], "she"])]
    data = labelled(world(), vectors, read(written(tmp_path, "t.jsonl", rows)))
    assert data.group[0] == data.group[10] and len(set(data.group.tolist())) == 10


def test_single_tokens_of_a_language_model():
    lm = load("debug", device="cpu")
    found = single(lm, ["a", "she"])
    assert set(found) == {"a", "A"}
    assert lm.tokenizer.convert_ids_to_tokens(list(found.values())) == ["a", "A"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("p.json", [], "should be a list of pairs"),
        ("p.json", [["she", "he"], ["her"]], "pair 2 should be two words"),
        ("p.json", [["she", "he"], ["he", "him"]], "pair 2: 'he' stands first in one pair and second in another"),
        ("t.jsonl", [{"text": "she", "label": 1}, {"text": "he"}], "line 2: should be"),
        ("t.jsonl", [{"text": 3, "label": 1}], "line 1: text should be a string"),
        ("t.jsonl", [{"text": "she", "label": 1}], "two or more labels"),
        ("t.jsonl", [{"text": word, "label": word == "she"} for word in WORDS], r"only 1 .* label 'True'"),
        ("t.jsonl", [{"text": "\ud800", "label": 1}], "line 1: half a character"),
        ("p.json", [["she", "he"]], "1 of its pairs share no word, and an eraser needs 4"),
        ("p.json", [["she", word] for word in WORDS[6:]], "1 of its pairs share no word"),
    ],
)
def test_malformed_files_name_the_place(name: str, content: object, says: str, tmp_path: Path):
    with pytest.raises(UserError, match=says):
        read(written(tmp_path, name, content))


@pytest.mark.parametrize("kind", [LEACE, INLP, HardDebias, HalfSibling])
def test_a_bad_file_is_refused_when_the_method_is_made(kind: type, tmp_path: Path):
    bad = tmp_path / "p.json"
    for content in (b'[["she", "caf\xe9"]]', b'[["she", "he"]]', b'[["she", '):
        bad.write_bytes(content)
        made, problems = build(kind, {"concept": str(bad)})
        assert made is None and "p.json" in problems[0][1]


def test_files_from_any_system(tmp_path: Path):
    pairs = [["she", "he"], ["her", "him"], ["woman", "man"], ["girl", "boy"]]
    (tmp_path / "p.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(pairs, indent=1).replace("\n", "\r\n").encode())
    assert len(read(str(tmp_path / "p.json")).pairs) == 4
    rows = [{"text": f"{n}\u2028{n}", "label": n % 2} for n in range(8)]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "t.jsonl").write_text(text, encoding="utf-8")
    assert read(str(tmp_path / "t.jsonl")).texts[3] == ("3\u20283", "1")


def test_broken_json_names_the_line(tmp_path: Path):
    (tmp_path / "p.json").write_text('[["she", "he"],\n["her"')
    with pytest.raises(MalformedData, match=r"p\.json, line 2: not JSON"):
        read(str(tmp_path / "p.json"))


def test_an_unknown_name_says_what_there_is():
    assert "a path to .json pairs" in str(problem("race"))
    assert "no file" in str(problem("race.json"))
    with pytest.raises(UserError, match="no file"):
        read("race.json")


def test_too_few_words_say_how_many_and_what_to_do(tmp_path: Path):
    with pytest.raises(
        UserError, match=r"(?s)0 of its \d+ pairs are single tokens of debug.*needs 4.*rows\.jsonl"
    ) as caught:
        labelled(load("debug", device="cpu"), vectors, read("gender"))
    assert 1 <= len(str(caught.value).splitlines()) <= 5
    rows = [{"text": word, "label": int(word == "she")} for word in WORDS[:8]]
    rows += [{"text": word, "label": 1} for word in ("tapir", "gnu", "emu")]  # words that the world lacks
    with pytest.raises(UserError, match="only 1 usable texts of one label"):
        labelled(world(), vectors, read(written(tmp_path, "t.jsonl", rows)))
