"""Greedy text is transformers' own; a sample belongs to its prompt and seed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from butfor.core.errors import UserError
from butfor.lm import LM, Site, do, generate

PROMPTS = ["a", "The nurse said that", "", "It was a bright cold day in the harbour", "a"]


def alone(lm: LM, prompt: str, room: int) -> str:
    """One prompt through `model.generate`, no padding."""
    import torch

    ids = lm.tokenizer(prompt)["input_ids"] or [lm.tokenizer.bos_token_id]
    row = torch.tensor([ids])
    out = lm.model.generate(row, attention_mask=torch.ones_like(row), do_sample=False, max_new_tokens=room)
    return lm.tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True)


@pytest.mark.parametrize("batch_tokens", [1, 60, 4096])
def test_greedy_is_transformers_own(lm: LM, batch_tokens: int) -> None:
    made = generate(lm, PROMPTS, max_new_tokens=12, batch_tokens=batch_tokens)
    assert made == [alone(lm, prompt, 12) for prompt in PROMPTS]


def test_a_sample_does_not_depend_on_its_neighbours(lm: LM) -> None:
    together = generate(lm, PROMPTS, max_new_tokens=10, temperature=1.0, seed=3)
    assert together == generate(lm, PROMPTS, max_new_tokens=10, temperature=1.0, seed=3)
    for prompt, text in list(zip(PROMPTS, together, strict=True))[:4]:
        assert generate(lm, [prompt], max_new_tokens=10, temperature=1.0, seed=3) == [text]
    assert together[0] != together[4]  # the same prompt twice is two draws
    assert together != generate(lm, PROMPTS, max_new_tokens=10, temperature=1.0, seed=4)


def test_sampling_leaves_the_global_state_alone(lm: LM) -> None:
    import torch

    before = torch.random.get_rng_state()
    generate(lm, ["a"], max_new_tokens=2, temperature=1.0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_samples_follow_the_models_distribution(lm: LM) -> None:
    """400 first tokens against softmax(logits / T), within four standard errors."""
    import torch

    texts = generate(lm, ["ab"] * 400, max_new_tokens=1, temperature=0.5)
    with torch.inference_mode():
        expected = (lm.model(torch.tensor([lm.tokenizer("ab")["input_ids"]])).logits[0, -1] / 0.5).softmax(-1)
    wanted: Counter[str] = Counter()  # several tokens may read the same: bytes that are no character
    for token, share in enumerate(expected.tolist()):
        wanted[lm.tokenizer.decode([token], skip_special_tokens=True)] += share
    seen = Counter(texts)
    for text, share in wanted.most_common(5):
        assert seen[text] / 400 == pytest.approx(share, abs=4 * (0.25 / 400) ** 0.5)


def test_a_low_temperature_is_greedy(lm: LM) -> None:
    assert generate(lm, PROMPTS, max_new_tokens=6, temperature=1e-6) == generate(lm, PROMPTS, max_new_tokens=6)


def test_it_stops_at_the_end_of_text(lm: LM) -> None:
    full = generate(lm, ["a"], max_new_tokens=12)[0]
    mark = next(letter for letter in full[1:] if letter.isascii() and letter != full[0])
    lm.model.generation_config.eos_token_id = lm.tokenizer(mark)["input_ids"][0]
    stopped = generate(lm, ["a", "a longer prompt"], max_new_tokens=12)[0]
    assert stopped == full[: full.index(mark)]


@pytest.mark.parametrize(
    "setting", [{"repetition_penalty": 5.0}, {"num_beams": 3}, {"min_new_tokens": 12}, {"no_repeat_ngram_size": 1}]
)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_models_generation_settings_do_not_count(lm: LM, setting: dict[str, float], temperature: float) -> None:
    lm.model.generation_config.eos_token_id = lm.tokenizer("e")["input_ids"][0]
    plain = generate(lm, PROMPTS, max_new_tokens=12, temperature=temperature)
    lm.model.generation_config.update(**setting)
    kept = lm.model.generation_config
    assert generate(lm, PROMPTS, max_new_tokens=12, temperature=temperature) == plain
    assert lm.model.generation_config is kept


def test_an_intervention_does_not_depend_on_a_prompts_neighbours(lm: LM) -> None:
    with do(lm, {Site(0, "resid", positions=(0,)): 0.0}):
        together = generate(lm, PROMPTS, max_new_tokens=8)
        assert together == [generate(lm, [prompt], max_new_tokens=8)[0] for prompt in PROMPTS]


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        ("abc", r"prompts: give a list, as in \['a text'\], not 'abc'"),
        ([3], "number 0 must be a text"),
        (None, "a list"),
    ],
)
def test_prompts_are_a_list_of_texts(lm: LM, prompts: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        generate(lm, prompts, max_new_tokens=2)


def test_what_cannot_be_generated(lm: LM) -> None:
    with pytest.raises(UserError, match="prompt 1 has 2040 tokens"):
        generate(lm, ["a", "b" * 2040], max_new_tokens=9)
    with pytest.raises(UserError, match="temperature"):
        generate(lm, ["a"], max_new_tokens=9, temperature=-1.0)
    assert generate(lm, [], max_new_tokens=9) == []


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_text_ends_where_it_says_stop(lm: LM, temperature: float) -> None:
    whole = generate(lm, PROMPTS, max_new_tokens=12, temperature=temperature)
    stop = whole[0][2:4]
    cut = generate(lm, PROMPTS, max_new_tokens=12, temperature=temperature, stop=stop)
    assert cut == [text.partition(stop)[0] for text in whole]
    assert cut[0] == whole[0][:2] != whole[0]
