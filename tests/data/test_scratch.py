"""Models from scratch: the name says all of the shape, the seed all of the weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from butfor.core.errors import UserError
from butfor.lm import LM
from butfor.lm.load import load


def made(name: str, seed: int = 0) -> LM:
    return cast(LM, load(name, seed=seed))


def test_a_seed_decides_the_weights_and_nothing_else() -> None:
    one, again, other = made("scratch:1x32"), made("scratch:1x32"), made("scratch:1x32", seed=1)
    assert one.fingerprint() == again.fingerprint() != other.fingerprint()
    assert one.tokenizer_fingerprint() == other.tokenizer_fingerprint()
    before = torch.random.get_rng_state()
    made("scratch:1x32", seed=5)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_name_says_the_shape() -> None:
    config: Any = made("scratch:3x48,heads=4,mlp=64,context=99").model.config
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (3, 48, 4)
    assert (config.intermediate_size, config.max_position_embeddings, config.vocab_size) == (64, 99, 259)
    assert made("scratch:1x32").model.config.tie_word_embeddings  # type: ignore[attr-defined]


def test_a_bpe_of_a_corpus_gives_its_texts_back(tmp_path: Path) -> None:
    corpus = tmp_path / "c.txt"
    corpus.write_text("the cat sat on the mat\n\nthe dog sat on the log 10 times: é 日本\n", encoding="utf-8")
    tokenizer: Any = made(f"scratch:1x32,tokens={corpus}/280").tokenizer
    text = "the cat sat on the log: 日本"
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text and len(ids) < len(text.encode())
    assert len(tokenizer) <= 280


def test_the_first_weights_are_as_wide_as_asked() -> None:
    for name, spread in (("scratch:2x32", 0.02), ("scratch:2x32,init=0.1", 0.1)):
        model: Any = made(name).model
        assert abs(float(model.model.layers[0].mlp.up_proj.weight.detach().std()) / spread - 1) < 0.05


def test_arms_with_seeds_of_their_own_start_from_weights_of_their_own(tmp_path: Path) -> None:
    from butfor.experiment import run

    table: dict[str, Any] = {
        "name": "own",
        "model": "scratch:1x32",
        "seeds": [0],
        "seeding": "own",
        "keep": "records",
        "treatment": {"method": "standard"},
        "measure": [{"suite": "bias.professions", "primary": True, "limit": 4}],
    }
    rows = json.loads((run(table, out=tmp_path).path / "diff.json").read_text(encoding="utf-8"))["rows"]
    assert [row["declared"] for row in rows if row["key"] == "start (seed 0)"] == [True]


def test_without_positions_only_what_stands_before_matters() -> None:
    for positions, moves in (("none", False), ("rotary", True)):
        model: Any = made(f"scratch:2x32,positions={positions}").model
        ids = torch.tensor([[5, 6, 7, 8]])
        plain = model(ids, position_ids=torch.tensor([[0, 1, 2, 3]])).logits
        spread = model(ids, position_ids=torch.tensor([[0, 7, 9, 40]])).logits
        assert torch.allclose(plain, spread, atol=1e-6) is not moves


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("scratch:", "describes no model"),
        ("scratch:4", "describes no model"),
        ("scratch:0x32", "do not share"),
        ("scratch:2x30,heads=4", "do not share a width of 30"),
        ("scratch:2x32,head=4", "did you mean 'heads'"),
        ("scratch:2x32,heads=four", "a whole number"),
        ("scratch:2x32,init=2", "above 0, at most 1"),
        ("scratch:2x32,init=0", "above 0, at most 1"),
        ("scratch:2x32,positions=rotray", "did you mean 'rotary'"),
        ("scratch:2x32,tokens=plain/7", "260 to 65536"),
        ("scratch:2x32,tokens=nothing", "nothing"),
        ("scratch:2x32,tokens=planes/512", "corpus"),
        ("scratch:2x32,tokens=debug", "no tokenizer to borrow"),
        ("scratch:2x32,tokens=analyst", "no tokenizer to borrow"),
        ("scratch:2x32,tokens=scratch:1x32", "no tokenizer to borrow"),
        ("analyst:two", "analyst"),
    ],
)
def test_a_name_that_makes_no_model_is_refused_before_torch(name: str, said: str) -> None:
    from butfor.lm.load import check

    with pytest.raises(UserError) as caught:
        check(name)
    assert said in str(caught.value)
