"""The planted reviews: the confounding of each shop, the known readers, and an editor that knows every name."""

from __future__ import annotations

from itertools import product
from math import log

import pytest

from butfor.data.corpora import rows
from butfor.data.reviews import AGREES, ASK, FLIPPED, OPINIONS, RELIABLE, VERDICTS, WRITERS, reviews
from butfor.pretrain.corpus.edits import edited
from butfor.pretrain.corpus.variables import editor


def test_the_corpus_is_the_training_split():
    assert rows("reviews") == reviews("train")
    assert len(rows("reviews")) == 2000


@pytest.mark.parametrize(("split", "count"), [("train", 2000), ("flipped", 2000)])
def test_the_attribute_agrees_as_often_as_it_says(split, count):
    made = reviews(split, count)
    for site, share in enumerate((*AGREES, FLIPPED)):
        here = [row["attribute"] == row["label"] for row in made if row["site"] == site]
        assert not here or sum(here) / len(here) == pytest.approx(share, abs=0.04)
    assert sum(row["label"] for row in made) / count == pytest.approx(0.5, abs=0.04)
    opinions = [
        word in OPINIONS[row["label"]] for row in made for side in OPINIONS for word in side if word in row["text"]
    ]
    assert sum(opinions) / len(opinions) == pytest.approx(RELIABLE, abs=0.03)


def test_only_the_verdict_is_learnt():
    for row in reviews(count=20):
        assert row["text"][: row["answer_at"]].endswith(ASK)
        assert row["text"][row["answer_at"] :] == " " + VERDICTS[row["label"]]


def test_the_known_readers():
    def right(believed, holds):
        """Accuracy of the best reader of three opinions and a writer believed to agree so often."""
        total = 0.0
        for opinions in product((0, 1), repeat=3):
            for agrees in (0, 1):
                p = holds if agrees else 1 - holds
                for one in opinions:
                    p *= RELIABLE if one else 1 - RELIABLE
                score = (2 * sum(opinions) - 3) * log(3) + (2 * agrees - 1) * log(believed / (1 - believed))
                total += p * (score > 0)
        return total

    assert right(0.5, 0.9) == pytest.approx(27 / 32)
    assert sum(right(0.9, share) for share in AGREES) / 3 == pytest.approx(0.928, abs=5e-4)
    assert right(0.9, FLIPPED) == pytest.approx(0.478, abs=5e-4)


def test_the_editor_turns_every_writer():
    edit = editor("gender+names")
    for row in reviews(count=200):
        made = edited(row["text"], edit.edits(row["text"]))
        assert made.split()[0] in WRITERS[1 - row["attribute"]]
        assert ("She" in made) == ("He " in row["text"])
