"""Scores against values worked out by hand, filters with their reasons, and a judge that can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import ndiff
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.core.seeds import generator
from butfor.data.counterfactual.filters import Bounds, filtered
from butfor.data.counterfactual.made import Case, Draft, Made
from butfor.data.counterfactual.page import page
from butfor.data.counterfactual.scores import aspects, distance, named, scored, summary
from butfor.data.counterfactual.trained import trained
from butfor.data.counterfactual.wordjudge import word_judge
from butfor.lm.likelihood import nll
from butfor.lm.load import load


class Words:
    """Judges by one word."""

    values = ("Negative", "Positive")

    def identity(self) -> str:
        return "words"

    def likely(self, texts: Sequence[str]) -> Any:
        return np.array([[0.2, 0.8] if "good" in text else [0.7, 0.3] for text in texts])

    def saliency(self, text: str, value: int) -> list[float]:
        raise NotImplementedError


def one(old: str, new: str, *, name: str = "0", maker: str = "m") -> Made:
    return Made.of(Case(name, old, "sentiment", "Negative", "Positive"), Draft(new), maker)


def test_flip_push_and_edit_by_hand() -> None:
    (made,) = scored([one("a bad film", "a good and long film")], judge=Words())
    assert made.scores["flip"] == 1.0 and made.scores["push"] == pytest.approx(0.5)
    assert made.scores["edit"] == pytest.approx(1.0)  # one replaced, two inserted, of three words
    assert made.scores["length"] == pytest.approx(2 / 3)


def test_the_distance_is_levenshteins() -> None:
    assert distance("a b c d", "a b c d") == 0
    assert distance("a b c d", "b c d e") == 0.5
    rng = generator(0, "words")
    for _ in range(50):
        x, y = (["abc"[int(n)] for n in rng.integers(0, 3, int(rng.integers(1, 7)))] for _ in range(2))
        table = np.zeros((len(x) + 1, len(y) + 1))
        table[:, 0], table[0] = range(len(x) + 1), range(len(y) + 1)
        for i in range(1, len(x) + 1):
            for j in range(1, len(y) + 1):
                table[i, j] = min(
                    table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (x[i - 1] != y[j - 1])
                )
        assert distance(" ".join(x), " ".join(y)) == table[-1, -1] / len(x)
        assert table[-1, -1] <= sum(line[0] in "+-" for line in ndiff(x, y))


def test_what_else_changed() -> None:
    assert named("Yes. The cast of Heat, with Al Pacino, in 1995. It was I who saw it.") == {
        "heat", "al", "pacino", "1995",
    }  # fmt: skip
    assert aspects("The cast and the soundtrack, not the plot") == {"acting", "sound", "story"}
    (made,) = scored([one("A film with Al Pacino and a plot", "A film with Al and music")])
    assert made.scores["named"] == 0.5 and made.scores["aspects"] == 1.0


def test_fluency_is_the_models_own_and_a_copy_scores_nothing() -> None:
    lm: Any = load("debug")
    same, other = scored([one("a bad film", "a bad film"), one("a bad film", "a zzz film")], lm=lm, space=lm)
    assert same.scores["fluency"] == 0 and same.scores["topic"] == pytest.approx(0, abs=1e-6)
    old, new = nll(lm, ["a bad film", "a zzz film"])
    assert other.scores["fluency"] == pytest.approx(old - new, abs=1e-6) and other.scores["topic"] > 0


def test_makers_are_compared_with_people_review_by_review() -> None:
    people = scored([one("a bad b", "a good b", name=str(n), maker="people") for n in range(30)], judge=Words())
    mine = scored([one("a bad b", "a good x" if n % 3 else "a bad b", name=str(n)) for n in range(30)], judge=Words())
    lines = {(line.maker, line.score): line for line in summary([*people, *mine], people)}
    flip = lines["m", "flip"]
    assert flip.level.estimate == pytest.approx(2 / 3) and flip.level.n == 30
    assert flip.beyond and flip.beyond.estimate == pytest.approx(-1 / 3) and flip.beyond.excludes()
    edit = lines["m", "edit"]
    assert edit.level.n == 20 and edit.beyond and edit.beyond.estimate == pytest.approx(1 / 3)  # copies are left out
    assert lines["people", "flip"].beyond is None


def test_filters_say_why() -> None:
    texts = {
        "the film was bad and so long": "the film was good and so long",
        "it was bad": "it was awful",
        "one bad film that I saw here": "good",
        "so bad": "so good so good so good so good so good",
        "a bad text": "the rewritten good text",
        "same bad": "same bad",
    }
    made = filtered(scored([one(a, b, name=str(n)) for n, (a, b) in enumerate(texts.items())], judge=Words()))
    assert [m.reasons for m in made] == [
        (), ("no flip",), ("too far", "too short"), ("too far", "too long", "repeats"), ("too far", "instruction"),
        ("unchanged",),
    ]  # fmt: skip
    twins = filtered([one("a b c", "a b d", name="1"), one("a b e", "a b d", name="2")])
    assert [m.reasons for m in twins] == [("twin",)] * 2
    (strange,) = filtered([one("a b c", "a b d").scored(fluency=-0.5)], Bounds(strange=0.4))
    assert strange.reasons == ("strange",)


def test_a_judge_learns_what_is_there_and_says_how_well() -> None:
    lm: Any = load("debug")
    rng = generator(0, "texts")
    labels = [("bad", "good")[int(rng.integers(2))] for _ in range(150)]
    texts = [f"{n} " + ("aaaa aaaa" if label == "bad" else "zzzz zzzz") for n, label in enumerate(labels)]
    found = trained(lm, texts, labels, seed=0)
    assert found.accuracy.estimate > 0.95 and found.rows == 150 and found.judge.values == ("bad", "good")
    assert found.judge.likely(["x aaaa aaaa", "x zzzz zzzz"]).argmax(1).tolist() == [0, 1]
    shuffled = trained(load("debug"), texts, rng.permutation(labels).tolist(), seed=0)  # pyright: ignore[reportArgumentType]
    assert shuffled.accuracy.low < 0.5 < shuffled.accuracy.high


@pytest.mark.parametrize(
    ("labels", "words"),
    [(["a"] * 20, "all rows are a"), (["a"] * 15 + ["b"] * 5, "only 5 rows are b"), (["a"], "but 1")],
)
def test_a_judge_of_nothing_is_refused(labels: list[str], words: str) -> None:
    lm: Any = load("debug")
    with pytest.raises(UserError, match=words):
        trained(lm, ["t"] * 20, labels, seed=0)


def test_the_page_shows_the_edit_the_prompt_and_hides_nothing() -> None:
    made = filtered(scored([one("a <bad> film", "a <good> film"), one("b", "b", name="1")], judge=Words()))
    shown = page(made, summary(made), title="T", notes=["who judged"])
    assert "<del>bad</del><ins>good</ins>" in shown and "&lt;" in shown and "<bad>" not in shown
    assert "Dropped: unchanged" in shown and "who judged" in shown and "1 of 2" in shown
    assert "http" not in shown and "<script" not in shown
    assert shown == page(made, summary(made), title="T", notes=["who judged"])


def test_a_judge_of_words_learns_what_tells_the_values_apart() -> None:
    rng = generator(0, "words")
    labels = [("bad", "good")[int(rng.integers(2))] for _ in range(200)]
    fill = [f"w{int(n)}" for n in rng.integers(0, 30, 200)]
    texts = [
        f"the {w} is {'dull' if label == 'bad' else 'not dull'} here" for w, label in zip(fill, labels, strict=True)
    ]
    found = word_judge(texts, labels, seed=0)
    assert found.accuracy.estimate > 0.95 and found.judge.values == ("bad", "good")
    assert found.judge.likely(["is dull", "is not dull"]).argmax(1).tolist() == [0, 1]
    weights = found.judge.saliency("the w1 is not dull here", 1)
    assert weights[3] == max(weights) and len(weights) == 6
    assert word_judge(texts, rng.permutation(labels).tolist(), seed=0).accuracy.low < 0.5
    assert str(word_judge(texts, labels, seed=1).judge.identity()) == str(found.judge.identity())
    twins = [f"{w} it was {said}" for w in fill for said in ("dull", "lively")]
    both = ["bad", "good"] * 200
    assert word_judge(twins, both, seed=0, groups=[str(n // 2) for n in range(400)]).accuracy.estimate == 1.0
    with pytest.raises(UserError, match="of two values"):
        word_judge(texts, ["a"] * 200, seed=0)
    with pytest.raises(UserError, match="no word stands in two texts"):
        word_judge([str(n) for n in range(40)], ["a", "b"] * 20, seed=0)
