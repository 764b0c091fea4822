"""The method: rows keep their numbers, marks move with the text, no listed word is standard training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from butfor.core.errors import UserError
from butfor.core.registry import build, resolve
from butfor.lm.load import load
from butfor.pretrain.corpus.edits import Edit, carried, edited
from butfor.pretrain.corpus.substitute import Substitute
from butfor.pretrain.swap import Swap
from butfor.train.batches import batches, numbered
from butfor.train.method import touched

ROWS = [{"text": f"She has {n} cats."} for n in range(30)] + [{"text": "It rains."}]


@pytest.mark.parametrize("mode", ["add", "replace", "half"])
def test_gender_is_the_swap_row_for_row(mode):
    mine = Substitute(mode=mode).data(numbered(ROWS), np.random.default_rng(0))
    assert mine == Swap(mode=mode).data(numbered(ROWS), np.random.default_rng(0))


def test_without_a_listed_word_nothing_is_touched():
    rows = numbered(ROWS)
    for mode in ("add", "replace", "half"):
        assert Substitute(variable="religion", mode=mode).data(rows, np.random.default_rng(0)) == rows
    assert touched(Substitute()) == {"data"}


def test_marks_move_with_the_text():
    row = {
        "text": "The woman saw her. Answer: she",
        "spans": [[4, 9, "who"], [14, 17]],
        "links": [[0, 1]],
        "answer_at": 27,
    }
    made = Substitute(mode="replace").data(numbered([row]), np.random.default_rng(0))[0]
    text = made["text"]
    assert text == "The man saw him. Answer: he"
    assert [text[a:b] for a, b, *_ in made["spans"]] == ["man", "him"]
    assert made["spans"][0][2] == "who"
    assert text[made["answer_at"] :] == "he"
    assert made["links"] == [[0, 1]]
    batches([made], load("debug").tokenizer, seed=0, batch_size=1, length=32, steps=1)  # the marks are read


@given(st.data())
def test_marks_always_fit_their_text(data):
    text = "abcdefghij" * 3
    cuts = sorted(data.draw(st.sets(st.integers(0, 30), min_size=2, max_size=8)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    edits = [Edit(a, text[a:b], data.draw(st.text("xyz", min_size=1, max_size=5)), "") for a, b in pairs]
    start = data.draw(st.integers(0, 28))
    stop = data.draw(st.integers(start + 1, 30))
    row = carried({"text": text, "spans": [[start, stop]], "answer_at": start}, edits)
    (a, b), new = row["spans"][0], edited(text, edits)
    assert 0 <= a < b <= len(new)
    assert a <= row["answer_at"] <= b
    if not any(edit.start < stop and start < edit.stop for edit in edits):
        assert new[a:b] == text[start:stop]


def test_knobs():
    made, problems = build(resolve("method", "pretrain.corpus.substitute"), {"variable": "age", "side": "young:old"})
    assert not problems
    assert made == Substitute(variable="age", side="young:old")
    assert "did you mean" in build(Substitute, {"variable": "gendre"})[1][0][1]


def test_what_the_user_wrote_is_part_of_the_runs_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    pairs, function = tmp_path / "w.csv", tmp_path / "my_words_of_a_test.py"
    for variable, file, texts in (
        (f"gender+{pairs}", pairs, ("cat,dog\n", "cat,cow\n")),
        ("my_words_of_a_test:louder", function, ("def louder(text): return text.upper()\n", "louder = str.lower\n")),
    ):
        file.write_text(texts[0], encoding="utf-8")
        method = Substitute(variable=variable)
        before = method.rests_on
        file.write_text(texts[1], encoding="utf-8")
        assert before and method.rests_on != before
    assert not Substitute(variable="gender+names").rests_on


def test_a_corpus_in_which_nothing_would_change_is_refused_in_one_line(tmp_path):
    own = tmp_path / "map.json"
    own.write_text('[["zzqx", "qqzx"]]', encoding="utf-8")
    rows = [{"id": f"plain/{n}", **row} for n, row in enumerate(ROWS, 1)]
    for method, words in (
        (Substitute(variable=str(own)), "map.json"),
        (Substitute(side="male:female"), r"gender \(male:female\)"),
        (Substitute(variable="religion+age"), r"religion\+age"),
    ):
        told = rf"no word of .*{words} that would change occurs in the 31 rows of the corpus \(the first: plain/1\)"
        with pytest.raises(UserError, match=told) as error:
            method.fits(rows)
        assert "\n" not in str(error.value)
    Substitute().fits(rows[::-1])  # one row with a word is enough
    Swap().fits(rows)
    with pytest.raises(UserError, match="no word of gender that would change"):
        Swap().fits(rows[-1:])
    Swap(names=(("rains", "snows"),)).fits(rows[-1:])
