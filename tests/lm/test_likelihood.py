"""Windows are cut exactly, and each is scored alone, as the model's own loss would."""

from __future__ import annotations

import pytest

from butfor.core.errors import UserError
from butfor.lm import LM, nll, windows
from lm.conftest import own_logprob

TEXT = "It was a bright cold day in the harbour, and the clocks of the town were late again. " * 4


def test_windows_have_one_length_and_lose_the_tail_alone(lm: LM) -> None:
    cut = windows(lm, TEXT, 50)
    ids = lm.tokenizer(TEXT)["input_ids"]
    assert {len(window) for window in cut} == {50}
    assert [token for window in cut for token in window] == ids[: len(ids) // 50 * 50]
    assert windows(lm, "short", 50) == []


def test_nll_is_the_models_own_loss(lm: LM) -> None:
    cut = windows(lm, TEXT, 50)
    own = [-own_logprob(lm, window, 1) / 49 for window in cut]
    assert nll(lm, cut) == pytest.approx(own, abs=1e-5)
    assert nll(lm, cut, batch_tokens=60) == pytest.approx(own, abs=1e-5)


def test_whole_texts(lm: LM) -> None:
    ids = lm.tokenizer("hello there")["input_ids"]
    assert nll(lm, ["hello there"]) == pytest.approx(nll(lm, [ids]), abs=1e-6)


@pytest.mark.parametrize("length", [0, 1, 4096])
def test_a_window_that_cannot_be_scored_is_refused(lm: LM, length: int) -> None:
    with pytest.raises(UserError, match="window"):
        windows(lm, TEXT, length)


@pytest.mark.parametrize("window", [[5], [5] * 3000])
def test_a_wrong_window_is_named(lm: LM, window: list[int]) -> None:
    with pytest.raises(UserError, match="window 1 has"):
        nll(lm, [[5, 6], window])
