"""WEAT: planted associations are found; order, length and scale do not matter; absent words are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from butfor.core.errors import MissingData, UserError
from butfor.data import builtin
from butfor.evaluate.bias.weat import WEAT
from butfor.evaluate.suite import Record
from butfor.lm import LM, Vectors

ALL = sorted({w for t in builtin.word_tests() for w in (*t.x, *t.y, *t.a, *t.b)})


def vectors(place: dict[str, list[float]], words: list[str] = ALL) -> Vectors:
    return Vectors("made", words, np.array([place[word] for word in words], dtype=np.float32))


def random(seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    return Vectors("random", list(ALL), rng.normal(size=(len(ALL), 5)).astype(np.float32))


def planted(strength: float) -> Vectors:
    """Male words at (1, 0), female at (0, 1); targets lean to the gender of their stereotype by `strength`."""
    place: dict[str, list[float]] = {}
    for test in builtin.word_tests():
        place |= {word: [1.0, 0.0] for word in test.a} | {word: [0.0, 1.0] for word in test.b}
        place |= {word: [1 + strength, 1 - strength] for word in test.x}
        place |= {word: [1 - strength, 1 + strength] for word in test.y}
    return vectors(place)


def run(world: Vectors | LM, **knobs: str) -> list[Record]:
    suite = WEAT(**knobs)  # type: ignore[arg-type]
    return suite.measure(world, suite.items(world))


@pytest.mark.parametrize("strength", [-1.0, -0.3, 0.0, 0.3, 1.0])
def test_a_planted_association_is_found(strength: float) -> None:
    expected = 2 * strength / np.hypot(1 + strength, 1 - strength)
    for record in run(planted(strength)):
        assert record.metrics["association"] == pytest.approx(expected, abs=1e-6)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 1000))
def test_the_order_of_words_and_the_length_of_vectors_do_not_matter(seed: int) -> None:
    world = random()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(ALL))
    scale = rng.uniform(0.1, 9, size=(len(ALL), 1)).astype(np.float32)
    other = Vectors("other", [ALL[i] for i in order], (world.matrix * scale)[order])
    one, two = ({r.item: r.metrics["association"] for r in run(w)} for w in (world, other))
    assert one == pytest.approx(two, abs=1e-5)


def test_permuting_the_attributes_changes_nothing_and_exchanging_them_turns_the_sign() -> None:
    world, suite = random(), WEAT(test="science-arts")
    items = suite.items(world)
    before = [r.metrics["association"] for r in suite.measure(world, items)]
    turned = [replace(i, data={**i.data, "a": i.data["a"][::-1], "b": i.data["b"][::-1]}) for i in items]
    assert [r.metrics["association"] for r in suite.measure(world, turned)] == pytest.approx(before)
    exchanged = [replace(i, data={**i.data, "a": i.data["b"], "b": i.data["a"]}) for i in items]
    assert [-r.metrics["association"] for r in suite.measure(world, exchanged)] == pytest.approx(before)


def test_twice_the_mean_is_the_difference_of_means() -> None:
    world = random()
    test = next(t for t in builtin.word_tests() if t.name == "math-arts")

    def cosine(one: str, two: str) -> float:
        a, b = (world.matrix[world.index(word)].astype(float) for word in (one, two))
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    def s(word: str) -> float:
        return float(np.mean([cosine(word, a) for a in test.a]) - np.mean([cosine(word, b) for b in test.b]))

    expected = np.mean([s(word) for word in test.x]) - np.mean([s(word) for word in test.y])
    found = np.mean([record.metrics["association"] for record in run(world, test="math-arts")])
    assert 2 * found == pytest.approx(expected)


def test_absent_words_are_left_out_and_named_once() -> None:
    full = random()
    keep = [i for i, word in enumerate(ALL) if word not in {"career", "uncle"}]
    world = Vectors("small", [ALL[i] for i in keep], full.matrix[keep])
    records = run(world)
    run(world)
    assert len(records) == 47 and not any(r.item.endswith("/career") for r in records)
    assert world.notes == ["bias.weat: not in the vocabulary, left out: career, uncle"]
    assert all(r.show["not in the vocabulary"] == "career, uncle" for r in records)


def test_a_vocabulary_without_a_whole_set_is_an_error() -> None:
    test = builtin.word_tests()[0]
    words = [word for word in ALL if word not in test.a]
    with pytest.raises(UserError, match="none of the words of set a"):
        WEAT().items(Vectors("tiny", words, np.ones((len(words), 2), dtype=np.float32)))


def test_erased_words_are_at_zero_and_not_at_nan() -> None:
    world = planted(0.5)
    world.matrix[:] = 0
    assert {record.metrics["association"] for record in run(world)} == {0.0}


def test_in_a_language_model_a_word_is_the_mean_of_its_pieces(lm: LM) -> None:
    import torch

    def vector(word: str) -> torch.Tensor:
        ids = lm.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
        rows = lm.model.get_input_embeddings().weight[ids].detach().double()
        return torch.nn.functional.normalize(rows.mean(0), dim=0)

    test = next(t for t in builtin.word_tests() if t.name == "science-arts")
    record = next(r for r in run(lm, test="science-arts") if r.item == "science-arts/poetry")
    male = torch.stack([vector("poetry") @ vector(word) for word in test.a]).mean()
    female = torch.stack([vector("poetry") @ vector(word) for word in test.b]).mean()
    assert record.metrics["association"] == pytest.approx(float(female - male), abs=1e-6)


def test_glove_has_the_stereotypes() -> None:
    from butfor.lm.load import load

    try:
        world = load("glove-50d")
    except MissingData as error:
        pytest.skip(str(error))
    for test in builtin.word_tests():
        assert np.mean([r.metrics["association"] for r in run(world, test=test.name)]) > 0.01
    assert world.notes == []
