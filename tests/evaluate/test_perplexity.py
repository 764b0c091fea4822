"""Perplexity: the model's own loss, window by window."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from butfor.core.errors import UserError
from butfor.data import builtin
from butfor.evaluate.perplexity import Perplexity
from butfor.lm import LM


def test_it_is_the_models_own_loss(lm: LM) -> None:
    import torch

    suite = Perplexity(limit=4, length=48)
    items = suite.items(lm)
    for item, record in zip(items, suite.measure(lm, items), strict=True):
        ids = torch.tensor([item.data["tokens"]])
        with torch.no_grad():
            loss = float(lm.model(ids, labels=ids).loss)
        assert record.metrics["nats_per_token"] == pytest.approx(loss, abs=1e-4)


def test_a_uniform_model_pays_the_log_of_its_vocabulary(uniform: LM) -> None:
    suite = Perplexity(limit=4, length=48)
    for record in suite.measure(uniform, suite.items(uniform)):
        assert record.metrics["nats_per_token"] == pytest.approx(math.log(259), abs=1e-5)
        assert record.metrics["nats_per_byte"] == pytest.approx(math.log(259), abs=1e-5)  # a token is a byte


def test_the_tokenizers_own_opening_stands_before_every_window_and_is_not_scored(opens: LM) -> None:
    import torch

    suite = Perplexity(limit=4, length=48)
    items = suite.items(opens)
    bos = opens.tokenizer.bos_token_id
    for item, record in zip(items, suite.measure(opens, items), strict=True):
        assert bos not in item.data["tokens"]
        ids = torch.tensor([[bos, *item.data["tokens"]]])
        with torch.no_grad():
            loss = float(opens.model(ids, labels=ids).loss)  # of all tokens but the opening
        assert record.metrics["nats_per_token"] == pytest.approx(loss, abs=1e-4)
        size = len(item.data["tokens"])  # a token is a byte, and the first one counts as well
        assert record.metrics["nats_per_byte"] == pytest.approx(loss, abs=1e-4)
        assert len(opens.tokenizer.decode(item.data["tokens"]).encode()) == size


def test_windows_that_do_not_fit_after_the_opening_are_refused(opens: LM, tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_text("a" * 5000)
    assert len(Perplexity(data=str(file), length=2047).items(opens)) == 2
    with pytest.raises(UserError, match="set length = 2047 or less"):
        Perplexity(data=str(file), length=2048).items(opens)


def test_windows_do_not_overlap_and_stay_inside_their_passage(lm: LM) -> None:
    items = Perplexity(length=64).items(lm)
    texts = [lm.tokenizer.decode(item.data["tokens"]) for item in items]
    for number, passage in enumerate(builtin.passages("plain_test"), 1):
        own = [text for item, text in zip(items, texts, strict=True) if item.cluster == f"plain/{number}"]
        assert passage.startswith("".join(own)) and len(passage) - len("".join(own)) < 32


def test_short_passages_count_if_they_are_all_there_is(lm: LM, tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("tiny\n\nshort one\n\n" + "a" * 70 + "\n\n" + "b" * 96 + "\n")
    items = Perplexity(data=str(file), length=64).items(lm)
    assert [(item.cluster, len(item.data["tokens"])) for item in items] == [
        ("mine/2", 9),
        ("mine/3", 64),
        ("mine/4", 64),
        ("mine/4", 32),
    ]


def test_a_text_without_a_window_is_refused_by_its_name(lm: LM, tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("tiny\n\nshort\n")
    for look in (Perplexity(data=str(file)).ready, lambda: Perplexity(data=str(file)).items(lm)):
        with pytest.raises(UserError, match=r"no passage of .*mine\.txt has 8 tokens"):
            look()


def test_wikitext_by_article(lm: LM, public) -> None:
    public("wikitext2")
    items = Perplexity(data="wikitext2", limit=50).items(lm)
    assert len(items) == 50 and len({item.cluster for item in items}) > 15
