"""Which matrix changes, which rows, and in what type: on the debug model, and a quick look at the real ones."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.lm import LM, Vectors
from butfor.lm.load import load, models
from butfor.pretrain.embeddings import Vocabulary, tables_of, untie
from butfor.pretrain.half_sibling import HalfSibling
from butfor.pretrain.hard_debias import HardDebias
from butfor.pretrain.inlp import INLP
from butfor.pretrain.leace import LEACE

torch = pytest.importorskip("torch")
LETTERS = [[a, b] for a, b in zip(string.ascii_lowercase[::2], string.ascii_lowercase[1::2], strict=True)][:10]
ERASERS = [HardDebias, LEACE, HalfSibling, INLP]
TEXT = "the quick brown fox jumps over 13 lazy dogs; xyz!"


@pytest.fixture
def letters(tmp_path: Path) -> str:
    """A concept of the debug model's only words."""
    path = tmp_path / "letters.json"
    path.write_text(json.dumps(LETTERS))
    return str(path)


def debug(dtype: str = "float32") -> LM:
    lm = load("debug", device="cpu", dtype=dtype)
    assert isinstance(lm, LM)
    return lm


def logits(lm: LM) -> Any:
    with torch.no_grad():
        return lm.model(**lm.tokenizer(TEXT, return_tensors="pt")).logits


def weights(lm: LM) -> tuple[Any, Any]:
    model: Any = lm.model
    return model.get_input_embeddings().weight, model.get_output_embeddings().weight


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("kind", ERASERS)
def test_tied_stays_tied(kind: Any, letters: str):
    lm = debug()
    before = lm.fingerprint()
    kind(concept=letters).model(lm, rng())
    entry, head = weights(lm)
    assert entry.data_ptr() == head.data_ptr() and lm.model.config.tie_word_embeddings
    assert lm.fingerprint() != before
    assert "one matrix shared" in lm.notes[0] and "259 × 32" in lm.notes[0]


@pytest.mark.parametrize("kind", ERASERS)
@pytest.mark.parametrize("matrix", ["input", "head"])
def test_one_side_changes_and_the_other_keeps_every_bit(kind: Any, matrix: str, letters: str):
    lm, old = debug(), weights(debug())[0]
    kind(concept=letters, matrix=matrix).model(lm, rng())
    entry, head = weights(lm)
    changed, same = (entry, head) if matrix == "input" else (head, entry)
    assert torch.equal(same, old) and not torch.equal(changed, old)
    assert not lm.model.config.tie_word_embeddings
    assert "were untied" in lm.notes[0]


def test_untied_survives_saving_and_loading(letters: str, tmp_path: Path):
    lm = debug()
    LEACE(concept=letters, matrix="input").model(lm, rng())
    lm.model.save_pretrained(tmp_path / "m")
    lm.tokenizer.save_pretrained(tmp_path / "m")
    again = load(str(tmp_path / "m"), device="cpu")
    assert isinstance(again, LM)
    assert torch.equal(logits(lm), logits(again))
    assert again.fingerprint() == lm.fingerprint()


def test_untying_alone_changes_no_output():
    lm = debug()
    untie(lm)
    assert torch.equal(logits(lm), logits(debug()))
    entry, head = weights(lm)
    assert entry.data_ptr() != head.data_ptr()


def test_both_matrices_of_an_untied_model_get_erasers_of_their_own(letters: str):
    lm = debug()
    untie(lm)
    with torch.no_grad():
        weights(lm)[1].mul_(2.0)
    old = [weight.clone() for weight in weights(lm)]
    LEACE(concept=letters).model(lm, rng())
    assert all(not torch.equal(new, was) for new, was in zip(weights(lm), old, strict=True))
    assert torch.allclose(2 * weights(lm)[0], weights(lm)[1], atol=1e-5)
    assert len(lm.notes) == 2 and "not tied before" in lm.notes[0]


@pytest.mark.parametrize("kind", [HardDebias, LEACE, INLP])
def test_a_concept_that_makes_no_difference_leaves_the_logits(kind: Any, letters: str):
    lm = debug()
    tokens = [form for pair in LETTERS for letter in pair for form in (letter, letter.upper())]
    with torch.no_grad():
        weights(lm)[0][lm.tokenizer.convert_tokens_to_ids(tokens)] = 0.5
    before = logits(lm)
    kind(concept=letters).model(lm, rng())
    assert torch.equal(logits(lm), before)
    assert "did not change" in lm.notes[0]


def test_an_infinite_ridge_leaves_the_logits(letters: str):
    lm = debug()
    HalfSibling(concept=letters, ridge=1e15).model(lm, rng())
    assert torch.allclose(logits(lm), logits(debug()), atol=1e-5)


def test_special_and_definitional_rows_do_not_change(letters: str):
    lm = debug()
    old = weights(lm)[0].clone()
    LEACE(concept=letters).model(lm, rng())
    same = torch.nonzero((weights(lm)[0] == old).all(dim=1)).flatten().tolist()
    assert lm.tokenizer.convert_ids_to_tokens(same) == [
        "<pad>",
        "<bos>",
        "<eos>",
        *sorted(form for pair in LETTERS for letter in pair for form in (letter, letter.upper())),
    ]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_the_type_is_kept_and_rounded_once(dtype: str, letters: str):
    lm, exact = debug(dtype), debug(dtype)
    exact.model.double()
    for world in (lm, exact):
        LEACE(concept=letters).model(world, rng())
    assert weights(lm)[0].dtype == getattr(torch, dtype)
    assert torch.equal(weights(lm)[0], weights(exact)[0].to(getattr(torch, dtype)))
    assert dtype in lm.notes[0]


def test_the_mean_row_and_covariance_are_those_of_numpy():
    (table,), _ = tables_of(debug(), "tied")
    rows = table.read(table.text)
    vocabulary = Vocabulary(table, centred=True)
    assert np.allclose(vocabulary.mean, rows.mean(axis=0))
    assert np.allclose(vocabulary.covariance, np.cov(rows.T, bias=True))
    assert np.array_equal(Vocabulary(table, centred=False).origin, np.zeros(32))


def test_labelled_text_works_on_any_tokenizer(tmp_path: Path):
    path, draw = tmp_path / "rows.jsonl", rng()
    rows = [{"text": "".join(draw.choice(list("aeiou" if i % 2 else "kptrs"), 8)), "label": i % 2} for i in range(80)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lm = debug()
    LEACE(concept=str(path), keep="none").model(lm, rng())
    matrix = weights(lm)[0].detach().double().numpy()
    means = [
        np.mean([matrix[lm.tokenizer(r["text"])["input_ids"]].mean(axis=0) for r in rows if r["label"] == k], axis=0)
        for k in (0, 1)
    ]
    assert np.abs(means[0] - means[1]).max() < 1e-6
    assert "80 of 80 texts" in lm.notes[0]


def test_too_few_words_change_nothing():
    lm = debug()
    before = lm.fingerprint()
    with pytest.raises(UserError, match="single tokens of debug"):
        LEACE(matrix="input").model(lm, rng())
    assert lm.fingerprint() == before and lm.model.config.tie_word_embeddings and not lm.notes


def real(name: str, **settings: Any) -> Any:
    if not (models() / name).is_dir():
        pytest.skip(f"{name} is not here; run: butfor fetch {name}")
    return load(name, **settings)


def test_smollm2_loses_gender_on_held_out_words():
    lm = real("smollm2-135m", device="cpu", dtype="bfloat16")
    LEACE().check(LEACE().model(lm, rng()), rng())
    edit, note = lm.notes
    assert "(49152 × 576, bfloat16)" in edit and "30 of 44 pairs" in edit and "rank 1 of 576" in edit
    before, after = (float(note.split(word)[0].split()[-1]) for word in (" before", " after"))
    assert before > 0.9 and after < before - 0.1


def test_glove_loses_gender_on_held_out_words():
    vectors = real("glove-50d")
    with pytest.raises(UserError, match="have no output head"):
        LEACE(matrix="head").model(vectors, rng())
    HardDebias().check(HardDebias().model(vectors, rng()), rng())
    edit, note = vectors.notes
    assert "(400000 × 50, float32)" in edit and "44 of 44 pairs" in edit
    before, after = (float(note.split(word)[0].split()[-1]) for word in (" before", " after"))
    assert before > 0.85 and after < before - 0.15
    pair = vectors.matrix[[vectors.index("she"), vectors.index("he")]].astype(np.float64)
    for word in ("nurse", "engineer", "table"):
        near = np.linalg.norm(pair - vectors.matrix[vectors.index(word)], axis=1)
        assert abs(near[0] - near[1]) < 1e-5


def test_an_encoder_has_no_head():
    lm = real("minilm", device="cpu")
    with pytest.raises(UserError, match="has no output head"):
        HardDebias(matrix="head").model(lm, rng())
    HardDebias().model(lm, rng())
    assert "the input embedding matrix" in lm.notes[0]


@pytest.mark.parametrize("kind", ERASERS)
def test_the_probe_reads_what_was_before_the_edit(kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from butfor.pretrain import embeddings

    calls: list[int] = []
    real_probe = embeddings.held_out
    monkeypatch.setattr(
        embeddings, "held_out", lambda data, *rest: calls.append(len(data.x)) or real_probe(data, *rest)
    )
    words = [f"{side}{n}" for n in range(40) for side in "fm"]
    matrix = rng().normal(size=(80, 16)).astype(np.float32)
    matrix[::2, 0], matrix[1::2, 0] = 3, -3
    vectors = Vectors("planted", words, matrix)
    path = tmp_path / "p.json"
    path.write_text(json.dumps([[f"f{n}", f"m{n}"] for n in range(40)]))
    method = kind(concept=str(path), keep="none")  # the concept's own words lose it
    method.model(vectors, rng())
    assert not calls and len(vectors.notes) == 1 and "accuracy" not in vectors.notes[0]
    edited = vectors.matrix.copy()
    method.check(vectors, rng())
    assert calls == [80] and np.array_equal(vectors.matrix, edited)
    before, after = (float(vectors.notes[1].split(word)[0].split()[-1]) for word in (" before", " after"))
    assert before > 0.95 and after < before
    method.check(vectors, rng())
    assert len(vectors.notes) == 2  # said once


def test_both_matrices_of_an_untied_model_are_probed(letters: str):
    lm = debug()
    untie(lm)
    method = LEACE(concept=letters)
    method.check(method.model(lm, rng()), rng())
    assert [note.partition(":")[0] for note in lm.notes] == ["leace"] * 4
    assert "input embedding" in lm.notes[2] and "output matrix" in lm.notes[3]


def test_what_waits_for_a_probe_goes_with_its_world(letters: str):
    import gc
    import weakref

    lm = debug()
    LEACE(concept=letters).model(lm, rng())
    gone = weakref.ref(lm.model.get_input_embeddings().weight)
    del lm
    gc.collect()
    assert gone() is None
