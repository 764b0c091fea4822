"""Segments in no order: every order gives the same, one segment is the plain reading, a reading by hand agrees."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, permutations
from typing import Any

import pytest

from butfor.core.errors import UserError
from butfor.lm import LM
from butfor.lm.segments import Segmented, segment_logits

PARTS = ("- one\n", "- another one\n", "- a third, longer one\n")


def segmented(lm: LM, parts: tuple[str, ...]) -> Segmented:
    def ids(text: str) -> tuple[int, ...]:
        return tuple(lm.tokenizer(text)["input_ids"])

    return Segmented(ids("Which?\n"), tuple(map(ids, parts)), ids("Answer: x"))


def plain(lm: LM, text: Segmented) -> Any:
    import torch

    with torch.inference_mode():
        return lm.model(torch.tensor([text.ids])).logits[0]


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_every_order_of_the_segments_gives_the_same(family: Callable[..., LM], kind: str) -> None:
    lm = family(kind)
    lm.model.double()
    found = []
    for parts in permutations(PARTS):
        text = segmented(lm, parts)
        found.append(segment_logits(lm, text, [len(text.ids) - 2, len(text.ids) - 1]))
    assert max(float((one - found[0]).abs().max()) for one in found) < 1e-4 * float(found[0].std())
    text = segmented(lm, PARTS)
    other = plain(lm, segmented(lm, PARTS[::-1]))[-1]
    assert float((plain(lm, text)[-1] - other).abs().max()) > 0.1 * float(other.std())


@pytest.mark.parametrize("parts", [(), PARTS[:1]])
def test_one_segment_or_none_is_the_plain_reading(lm: LM, parts: tuple[str, ...]) -> None:
    text = segmented(lm, parts)
    found = segment_logits(lm, text, range(len(text.ids)))
    assert float((found - plain(lm, text)).abs().max()) < 1e-4
    assert lm.model.config._attn_implementation == "sdpa"


def test_a_model_of_one_layer_by_hand(family: Callable[..., LM]) -> None:
    """Every reader on its own, positions turned as complex numbers, keys laid out as one row."""
    import torch

    lm = family("llama", num_hidden_layers=1)
    lm.model.double()
    text = segmented(lm, PARTS)
    bounds = text.starts
    spans = [range(a, b) for a, b in pairwise(bounds)]
    layer = lm.model.model.layers[0]
    with torch.inference_mode():
        x = lm.model.model.embed_tokens(torch.tensor(text.ids))
        hidden = layer.input_layernorm(x)
        part, heads, groups = layer.self_attn, 4, 2
        q = part.q_proj(hidden).view(-1, heads, 8)
        k = part.k_proj(hidden).view(-1, groups, 8).repeat_interleave(heads // groups, 1)
        v = part.v_proj(hidden).view(-1, groups, 8).repeat_interleave(heads // groups, 1)
        rates = lm.model.model.rotary_emb.inv_freq.double()

        def turned(vector: Any, place: int) -> Any:
            return torch.complex(vector[:4], vector[4:]) * torch.polar(torch.ones(4).double(), rates * place)

        def heeded(h: int, readers: range, others: list[range]) -> list[float]:
            total = [0.0] * len(others)
            for reader in readers:
                flat = torch.stack([q[reader, h] @ k[key, h] for span in others for key in span]) / 8**0.5
                share = dict(zip([key for span in others for key in span], flat.softmax(0).tolist(), strict=True))
                for n, span in enumerate(others):
                    total[n] += sum(share[key] for key in span) / len(span)
            return total

        out = torch.zeros(len(text.ids), heads, 8, dtype=torch.double)
        for at, span in enumerate(spans):
            segment = 0 < at < len(spans) - 1
            for reader in span:
                for h in range(heads):
                    row = list(spans[0]) if at else [key for key in spans[0] if key <= reader]
                    if at:
                        others = [one for n, one in enumerate(spans[1:-1], 1) if n != at]
                        unit = span if segment else range(reader, reader + 1)
                        weights = heeded(h, unit, others)
                        for n in sorted(range(len(others)), key=weights.__getitem__):
                            row += list(others[n])
                        row += [key for key in span if key <= reader]
                    own = turned(q[reader, h], len(row) - 1)
                    scores = [(own * turned(k[key, h], n).conj()).real.sum() / 8**0.5 for n, key in enumerate(row)]
                    weight = torch.stack(scores).softmax(0)
                    out[reader, h] = sum(w * v[key, h] for w, key in zip(weight, row, strict=True))
        hidden = x + part.o_proj(out.flatten(1))
        hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        wanted = lm.model.lm_head(lm.model.model.norm(hidden))
    found = segment_logits(lm, text, range(len(text.ids)))
    assert float((found - wanted).abs().max()) < 1e-4 * float(wanted.std())


@pytest.mark.parametrize("kind", ["gpt2", "bloom", "mamba", "gemma2"])
def test_a_model_that_cannot_is_refused_and_left_as_it_was(family: Callable[..., LM], kind: str) -> None:
    lm = family(kind)
    before = lm.fingerprint()
    with pytest.raises(UserError, match="in no order"):
        segment_logits(lm, segmented(lm, PARTS), [3])
    assert lm.fingerprint() == before and not lm.hooked


def test_a_text_beyond_what_the_model_reads_is_refused(family: Callable[..., LM]) -> None:
    lm = family("mistral")  # a window of 64
    with pytest.raises(UserError, match="at most 64"):
        segment_logits(lm, segmented(lm, (*PARTS, "word " * 12)), [3])
