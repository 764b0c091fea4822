"""Scores are the model's own: against its loss, on every layout, padding side, architecture and boundary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from butfor.core.errors import UserError
from butfor.lm import LM, score
from butfor.lm.forest import needed
from butfor.lm.logprobs import Work
from butfor.lm.probes import can_pack, longest_row, require_causal
from butfor.lm.tokens import tokenized
from lm.conftest import FAMILIES, ODD, own_logprob

ITEMS: list[dict[str, Any]] = [
    {"prompt": "The nurse said that", "choices": [" she", " he"]},
    {"prompt": "The nurse said that", "choices": [" they were late", " she"]},
    {"prompt": "", "choices": ["A cat.", "The dog sat down."]},
    {"prompt": "x", "choices": ["y"]},
    {"prompt": "The nurse said", "choices": [" that she was here and he was not, however long it took"]},
]


def assert_exact(lm: LM, items: list[dict[str, Any]], tolerance: float = 1e-5) -> None:
    """Each score against the model's own loss, to `tolerance` a token."""
    for choices, found in zip(tokenized(lm, items), score(lm, items), strict=True):
        for ids, value, count in zip(choices.ids, found.logprobs, found.counts, strict=True):
            assert count == len(ids) - choices.start
            assert value == pytest.approx(own_logprob(lm, ids, choices.start), abs=tolerance * count)


def test_exact_against_the_models_own_loss(lm: LM) -> None:
    assert can_pack(lm, 64)
    assert_exact(lm, ITEMS)


@pytest.mark.parametrize("kind", [kind for kind in FAMILIES if kind not in ODD])
def test_exact_on_every_architecture(kind: str, family: Callable[..., LM]) -> None:
    assert_exact(family(kind), ITEMS, 2e-5)


def test_the_layout_is_measured_not_assumed(family: Callable[..., LM]) -> None:
    assert all(can_pack(family(kind), 64) for kind in ("llama", "gpt2", "gpt_neox", "mistral", "mixtral"))
    assert not can_pack(family("bloom"), 8)  # ALiBi counts distance in the row
    assert not can_pack(family("mamba"), 8)  # a state runs through the row
    assert not can_pack(family("mistral"), 65)  # longer than its window


def test_sliding_window_is_kept(family: Callable[..., LM]) -> None:
    assert_exact(family("mistral", sliding_window=4), ITEMS, 2e-5)


MANY = [{"prompt": f"{n} nurses said to the {n * 7} engineers that", "choices": [" she was", " he"]} for n in range(60)]


def assert_alone(lm: LM, items: list[dict[str, Any]], **options: Any) -> None:
    """Each item's scores are the ones it has alone, one row at a time."""
    for item, found in zip(items, score(lm, items, **options), strict=True):
        alone = [score(lm, [{**item, "choices": [choice]}], batch_tokens=1)[0] for choice in item["choices"]]
        assert found.logprobs == pytest.approx([one.logprobs[0] for one in alone], abs=1e-4)


@pytest.mark.parametrize("batch_tokens", [512, 4096])
def test_a_row_is_no_longer_than_a_window_that_counts_in_the_row(family: Callable[..., LM], batch_tokens: int) -> None:
    """GPT-Neo's local layers look at the last 256 places of a row, and no row may be longer than its context."""
    world = family("gpt_neo")
    assert can_pack(world, 64, 4096)
    assert longest_row(world) == 256
    for choices, found in zip(tokenized(world, MANY), score(world, MANY, batch_tokens=batch_tokens), strict=True):
        for ids, value in zip(choices.ids, found.logprobs, strict=True):
            assert value == pytest.approx(own_logprob(world, ids, choices.start), abs=1e-4)


@pytest.mark.parametrize(
    ("settings", "row"),
    [
        ({"sliding_window": 99, "index_topk": 50, "vision": {"window_size": 70}}, 50),
        ({"max_window_layers": 2, "sliding_window_pattern": 6, "use_sliding_window": True, "topk_group": 4}, 256),
        ({"sliding_window": None, "attention_chunk_size": 128, "norm_topk_prob": True}, 128),
    ],
)
def test_settings_that_limit_a_row(family: Callable[..., LM], settings: dict[str, Any], row: int) -> None:
    world = family("llama")
    for key, value in settings.items():
        setattr(world.model.config, key, value)
    assert longest_row(world) == row


def test_packing_is_tried_at_the_length_that_comes(family: Callable[..., LM]) -> None:
    """A limit by place in the row that no setting names is found by trying rows as long as the real ones."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    world = family("llama")
    sdpa = ALL_ATTENTION_FUNCTIONS["sdpa"]

    def near(module: Any, query: Any, key: Any, value: Any, mask: Any, **options: Any) -> Any:
        import torch

        places = torch.arange(key.shape[2])
        if mask is not None:
            mask = mask.masked_fill(
                places[None, :] < places[-query.shape[2] :, None] - 100, torch.finfo(mask.dtype).min
            )
        return sdpa(module, query, key, value, mask, **options)

    near.__module__ = "transformers.of_its_own"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(type(ALL_ATTENTION_FUNCTIONS)._global_mapping, "sdpa", near)
        assert can_pack(world, 20, 60)
        assert not can_pack(world, 20, 250)


def test_the_best_few_keys_are_a_rows_own(family: Callable[..., LM]) -> None:
    assert_alone(family("doge"), MANY[:12])


LONGROPE: dict[str, Any] = {
    "rope_type": "longrope",
    "short_factor": [1.0] * 4,
    "long_factor": [8.0] * 4,
    "rope_theta": 10000.0,
    "original_max_position_embeddings": 48,
}


def test_frequencies_that_switch_with_the_length_are_a_texts_own(family: Callable[..., LM]) -> None:
    world = family("phi3", original_max_position_embeddings=48, rope_parameters=LONGROPE)
    items = [*MANY[:3], {"prompt": "word " * 16, "choices": [" she", " he was", " he was late"]}]
    assert_alone(world, items)


def test_frequencies_of_the_last_text_are_forgotten(family: Callable[..., LM]) -> None:
    import torch

    world = family("llama", max_position_embeddings=24, rope_parameters={"rope_type": "dynamic", "factor": 8.0})
    items = [{"prompt": "x" * 20, "choices": ["yyyy"]}]
    before = score(world, items)
    world.model(torch.arange(5, 65)[None])
    assert score(world, items) == before


def test_a_model_that_looks_ahead_is_refused(family: Callable[..., LM]) -> None:
    world = family("xlnet")
    assert not world.is_encoder
    with pytest.raises(UserError, match="looks ahead"):
        score(world, ITEMS)


@pytest.mark.parametrize("kind", FAMILIES)
def test_looking_ahead_is_tried_once_and_finds_no_decoder(kind: str, family: Callable[..., LM]) -> None:
    world = family(kind)
    require_causal(world)
    world.model.forward = None  # type: ignore[method-assign]
    require_causal(world)


def test_eager_attention_is_packed_too(family: Callable[..., LM]) -> None:
    world = family("llama")
    world.model.set_attn_implementation("eager")
    assert can_pack(world, 64)
    assert_exact(world, ITEMS)


def test_double_precision_stays_double(lm: LM) -> None:
    import torch

    lm.model.double()
    for choices, found in zip(tokenized(lm, ITEMS), score(lm, ITEMS), strict=True):
        for ids, value in zip(choices.ids, found.logprobs, strict=True):
            with torch.no_grad():
                every = lm.model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)  # its loss would round to float32
            own = every[torch.arange(len(ids) - 1), torch.tensor(ids[1:])][choices.start - 1 :].sum()
            assert value == pytest.approx(float(own), abs=1e-9)


def test_half_precision_is_packed_and_close(lm: LM) -> None:
    import torch

    exact = score(lm, ITEMS)
    lm.model.to(torch.bfloat16)
    assert can_pack(lm, 64)
    for one, other in zip(score(lm, ITEMS), exact, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, rel=0.05, abs=0.5)


def test_training_goes_on_after_scoring(lm: LM) -> None:
    import torch

    score(lm, ITEMS)
    lm.model.train()
    row = torch.tensor([[5, 6, 7]])
    lm.model(row, labels=row).loss.backward()
    assert lm.model.lm_head.weight.grad is not None


def test_both_layouts_agree(lm: LM) -> None:
    packed = score(lm, ITEMS)
    handle = lm.model.register_forward_hook(lambda *_: None)
    try:
        assert not can_pack(lm, 64)
        plain = score(lm, ITEMS)
    finally:
        handle.remove()
    for one, other in zip(packed, plain, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


@pytest.mark.parametrize("batch_tokens", [1, 7, 40, 10_000])
def test_the_size_of_a_batch_changes_nothing(lm: LM, batch_tokens: int) -> None:
    for one, other in zip(score(lm, ITEMS), score(lm, ITEMS, batch_tokens=batch_tokens), strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def test_padding_side_changes_no_bit(lm: LM) -> None:
    results = []
    for side in ("left", "right"):
        lm.tokenizer.padding_side = side
        results.append(score(lm, ITEMS))
    assert results[0] == results[1]


def test_same_call_same_bytes(lm: LM) -> None:
    assert score(lm, ITEMS) == score(lm, ITEMS)


def test_an_items_score_does_not_depend_on_its_neighbours(lm: LM) -> None:
    together = score(lm, ITEMS)
    for number, item in enumerate(ITEMS):
        assert score(lm, [item])[0].logprobs == pytest.approx(together[number].logprobs, abs=1e-4)


def test_no_token_goes_through_the_layers_twice(lm: LM) -> None:
    items = ITEMS * 5
    work = Work()
    score(lm, items, batch_tokens=10_000, work=work)
    contexts = [ids[:-1] for choices in tokenized(lm, items) for ids in choices.ids]
    assert work.tokens == needed(contexts) < sum(map(len, contexts)) / 5


def test_one_token_choices_cost_the_prompt_alone(merging: LM) -> None:
    work = Work()
    found = score(merging, [{"prompt": "The", "choices": ["!", "?", "."]}], work=work)
    prompt = len(merging.tokenizer("The")["input_ids"])
    assert (found[0].counts, work.tokens, work.logits) == ([1, 1, 1], prompt, 1)


def test_probabilities_of_all_tokens_sum_to_one(lm: LM) -> None:
    letters = [chr(code) for code in range(1, 128)]
    import math

    total = sum(math.exp(value) for value in score(lm, [{"prompt": "ab", "choices": letters}])[0].logprobs)
    assert 0 < total < 1


def test_dropout_is_off_and_the_models_mode_comes_back(family: Callable[..., LM]) -> None:
    world = family("gpt2", attn_pdrop=0.5, embd_pdrop=0.5)
    calm = score(world, ITEMS)
    world.model.train()
    assert score(world, ITEMS) == calm
    assert world.model.training


def test_best_is_the_likeliest_choice(lm: LM) -> None:
    for found in score(lm, ITEMS):
        assert found.logprobs[found.best] == max(found.logprobs)


def test_nothing_to_score(lm: LM) -> None:
    assert score(lm, []) == []


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"prompt": "a", "choices": [""]}, "item 1: a choice must be"),
        ({"prompt": "a", "choices": []}, "item 1: 'choices' must be"),
        ({"prompt": "a", "choices": "b"}, "item 1: 'choices' must be"),
        ("x", "item 1: give {"),
        ({"prompt": "a\ud800", "choices": ["b"]}, "item 1: character 1 is .*half of a character"),
        ({"prompt": None, "choices": ["b"]}, "item 1: 'prompt' must be"),
        ({"prompt": "a" * 2048, "choices": ["b"]}, "item 1 has 2049 tokens, but debug reads at most 2048"),
    ],
)
def test_a_wrong_item_is_named(lm: LM, item: Any, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        score(lm, [{"prompt": "a", "choices": ["b"]}, item])
    assert len(str(caught.value).splitlines()) <= 5


def test_items_may_come_from_a_generator(lm: LM) -> None:
    assert score(lm, (item for item in ITEMS)) == score(lm, ITEMS)


@pytest.mark.parametrize("items", ["x", None, ITEMS[0], 3])
def test_items_are_a_list(lm: LM, items: Any) -> None:
    with pytest.raises(UserError, match=r"items: give a list, as in \[\{'prompt'"):
        score(lm, items)


def test_an_encoder_has_no_scores(family: Callable[..., LM]) -> None:
    with pytest.raises(UserError, match="encoder"):
        score(family("bert"), ITEMS)


@pytest.mark.parametrize("kind", [kind for kind in FAMILIES if kind not in ("bloom", "mamba", *ODD)])
def test_a_long_common_beginning_is_computed_once(kind: str, family: Callable[..., LM]) -> None:
    world = family(kind)
    start = "Some examples stand before each question. "
    items = [{"prompt": start + f"Question {number}: is it", "choices": [" so", " not"]} for number in range(6)]
    work = Work()
    found = score(world, items, batch_tokens=40, work=work)
    assert work.tokens < 6 * (len(start) + 16)
    for choices, one in zip(tokenized(world, items), found, strict=True):
        for ids, value in zip(choices.ids, one.logprobs, strict=True):
            assert value == pytest.approx(own_logprob(world, ids, choices.start), abs=1e-4)
