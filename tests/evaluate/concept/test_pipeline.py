"""The three steps, on features that count words: the clause that carries a concept is found, and replaced."""

from __future__ import annotations

from itertools import product

import numpy as np

from butfor.evaluate.concept.pipeline import UNKNOWN, Pipeline, left_out

SAYS = (("The food was horrible.", "", "The food was lovely."), ("The room was ugly.", "", "The room was pretty."))
WORDS = sorted({word for said in SAYS for text in said for word in text.split()})


def features(texts) -> np.ndarray:
    return np.array([[text.split().count(word) for word in WORDS] for text in texts], dtype=np.float64)


def pipeline() -> Pipeline:
    values = np.array(list(product(range(3), repeat=2)) * 3)
    texts = [f"We went there. {SAYS[0][a]} {SAYS[1][b]}" for a, b in values]
    return Pipeline.of(texts, values, features(texts), features)


def test_the_clause_that_tells_of_a_concept_is_replaced_or_goes() -> None:
    text = "We went there. The food was lovely. The room was pretty."
    wanted = [(text, 0, 0), (text, 0, UNKNOWN), (text, 1, 0), ("We went there.", 1, 2)]
    assert pipeline().make(wanted) == [
        "We went there. The food was horrible. The room was pretty.",
        "We went there. The room was pretty.",
        "We went there. The food was lovely. The room was ugly.",
        "We went there. The room was pretty.",
    ]


def test_what_is_put_in_tells_of_its_concept_alone() -> None:
    made = pipeline()
    assert made.donors[0] == (SAYS[0][0], made.donors[0][UNKNOWN], SAYS[0][2])
    assert made.scores(["The food was horrible."])[0, 0].argmax() == 0


def test_every_clause_is_left_out_once() -> None:
    assert left_out("One here, two there. Three") == ["two there. Three", "One here. Three", "One here, two there."]
