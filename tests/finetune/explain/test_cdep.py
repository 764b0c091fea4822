"""Contextual decomposition: all tokens bring the logit, none bring nothing, and it agrees with one written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.finetune.explain.planted import rows, slopes
from tests.train.test_masked import encoder
from torch.nn.functional import gelu, silu

from butfor.finetune.explain.cdep import CDEP, contributions
from butfor.lm.head import hang
from butfor.lm.load import load
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.task import Objective, read

METHOD = CDEP(variable="colour")
SIZE = 4
Split = tuple[torch.Tensor, torch.Tensor]  # beta, gamma


def ready(lm: Any, objective: Objective = "label") -> dict[str, Any]:
    told = [{**row, "text": row["text"] + "!" * number} for number, row in enumerate(rows(SIZE, 0.5, 0))]
    changed = METHOD.data(numbered(told), None)  # type: ignore[arg-type]
    lm.model.double()
    for name, weight in lm.model.named_parameters():  # biases start at zero, which would hide their rule
        if name.endswith("bias"):
            weight.data = torch.randn(weight.shape, generator=torch.Generator().manual_seed(len(name))).double() / 3
    if objective == "label":
        hang(lm, 3, 24, 0)
    return dict(batches(changed, lm.tokenizer, seed=0, batch_size=SIZE, length=24, steps=1, objective=objective)[0])


@pytest.mark.parametrize(("model", "objective"), [("bert", "label"), ("debug", "label"), ("debug", "text")])
def test_all_tokens_bring_the_logit_and_none_bring_nothing(model: str, objective: Objective) -> None:
    lm: Any = encoder() if model == "bert" else load("debug")
    batch = ready(lm, objective)
    whole = batch["attention_mask"] > 0
    logits = read(lm.model, batch).logits
    kept = whole if objective == "text" else torch.ones(len(whole), dtype=torch.bool)
    assert torch.allclose(contributions(lm.model, batch, whole | True)[kept], logits[kept], atol=1e-5)
    assert not contributions(lm.model, batch, whole & False).any()
    assert not any("forward" in vars(part) for part in lm.model.modules())


def linear(part: Any, split: Split) -> Split:
    beta, gamma = (half @ part.weight.T for half in split)
    if part.bias is None:
        return beta, gamma
    share = beta.abs() / (beta.abs() + gamma.abs()).clamp_min(1e-30)
    return beta + share * part.bias, gamma + (1 - share) * part.bias


def normed(part: Any, split: Split) -> Split:
    total = sum(split)
    sd = (total.var(-1, unbiased=False, keepdim=True) + part.eps).sqrt()
    beta, gamma = ((half - half.mean(-1, keepdim=True)) / sd for half in split)
    if part.weight is None:
        return beta, gamma
    beta, gamma = beta * part.weight, gamma * part.weight
    share = beta.abs() / (beta.abs() + gamma.abs()).clamp_min(1e-30)
    return beta + share * part.bias, gamma + (1 - share) * part.bias


def rms(part: Any, split: Split) -> Split:
    size = (sum(split).square().mean(-1, keepdim=True) + part.variance_epsilon).sqrt()  # type: ignore[union-attr]
    return tuple(half / size * part.weight for half in split)  # type: ignore[return-value]


def acted(act: Any, split: Split) -> Split:
    beta, gamma = split
    mine = 0.5 * act(beta) + 0.5 * (act(beta + gamma) - act(gamma))
    return mine, act(beta + gamma) - mine


def added(one: Split, other: Split) -> Split:
    return one[0] + other[0], one[1] + other[1]


def attended(weights: torch.Tensor, split: Split) -> Split:
    """[B, L, d] <- weights [B, H, L, L], values [B, L, G d / H]."""
    heads = weights.shape[1]

    def mixed(half: torch.Tensor) -> torch.Tensor:
        size = half.shape[-1] * 2 // heads if half.shape[-1] == 16 else half.shape[-1] // heads
        groups = half.reshape(*half.shape[:2], -1, size)
        values = groups.repeat_interleave(heads // groups.shape[2], 2)
        return torch.einsum("bhqk,bkhd->bqhd", weights, values).flatten(2)

    return mixed(split[0]), mixed(split[1])


def headed(model: Any, split: Split, mask: torch.Tensor) -> Split:
    def pool(half: torch.Tensor) -> torch.Tensor:
        return (half * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)

    norm, last = model.butfor_head
    return linear(last, normed(norm, (pool(split[0]).float(), pool(split[1]).float())))


def start(hidden: torch.Tensor, marked: torch.Tensor) -> Split:
    return hidden * marked[:, :, None], hidden * ~marked[:, :, None]


def test_it_agrees_with_a_bert_decomposed_by_hand() -> None:
    lm: Any = encoder()
    batch = ready(lm)
    marked, mask, model = batch["spans"] > 0, batch["attention_mask"], lm.model
    model.set_attn_implementation("eager")
    seen = model(input_ids=batch["input_ids"], attention_mask=mask, output_attentions=True, output_hidden_states=True)
    split = start(seen.hidden_states[0], marked)
    layer = model.encoder.layer[0]
    values = linear(layer.attention.self.value, split)
    mixed = linear(layer.attention.output.dense, attended(seen.attentions[0], values))
    split = normed(layer.attention.output.LayerNorm, added(mixed, split))
    inner = acted(gelu, linear(layer.intermediate.dense, split))
    split = normed(layer.output.LayerNorm, added(linear(layer.output.dense, inner), split))
    beta, gamma = headed(model, split, mask)
    assert torch.allclose(contributions(model, batch, marked), beta, atol=1e-5)
    assert torch.allclose(read(model, batch).logits, beta + gamma, atol=1e-5)


def test_it_agrees_with_a_llama_decomposed_by_hand() -> None:
    lm: Any = load("debug")
    batch = ready(lm)
    marked, mask, model = batch["spans"] > 0, batch["attention_mask"], lm.model
    found = contributions(model, batch, marked)
    model.set_attn_implementation("eager")
    seen = model.model(input_ids=batch["input_ids"], attention_mask=mask, output_attentions=True,
                       output_hidden_states=True)  # fmt: skip
    split = start(seen.hidden_states[0], marked)
    for layer, weights in zip(model.model.layers, seen.attentions, strict=True):
        values = linear(layer.self_attn.v_proj, rms(layer.input_layernorm, split))
        split = added(split, linear(layer.self_attn.o_proj, attended(weights, values)))
        inner = rms(layer.post_attention_layernorm, split)
        gate, up = acted(silu, linear(layer.mlp.gate_proj, inner)), linear(layer.mlp.up_proj, inner)
        crossed = gate[0] * up[1] + gate[1] * up[0]
        gated = gate[0] * up[0] + crossed / 2, gate[1] * up[1] + crossed / 2
        split = added(split, linear(layer.mlp.down_proj, gated))
    beta, _ = headed(model, rms(model.model.norm, split), mask)
    assert torch.allclose(found, beta, atol=1e-5)


def test_the_gradient_of_the_penalty_is_that_of_its_values() -> None:
    lm: Any = load("debug")
    batch = ready(lm, "text")  # heads work in float32

    def penalty() -> torch.Tensor:
        outputs = type("Outputs", (), {"loss": torch.zeros((), dtype=torch.float64)})
        return METHOD.loss(lm.model, batch, outputs)

    slope, rise, value = slopes(lm.model, penalty)
    assert value > 0 and slope == pytest.approx(rise, rel=0.01)


@pytest.mark.parametrize(("model", "adapt"), [("bert", "full"), ("debug", "lora")])
def test_it_trains_encoders_and_low_rank_additions(tmp_path: Path, model: str, adapt: Any) -> None:
    lm: Any = encoder() if model == "bert" else load("debug")
    settings = TrainSettings(steps=2, batch_size=4, length=24, objective="label", adapt=adapt)
    facts = train(lm, rows(12, 0.5, 0), METHOD, settings=settings, seed=0, folder=tmp_path)
    assert facts.final_loss > 0
