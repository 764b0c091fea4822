"""The one attention function: identical to standard without a variant, three back ends that agree, restored exactly."""

from __future__ import annotations

import copy
import gc

import pytest
import torch
import transformers

from butfor.core.errors import UserError
from butfor.pretrain.attention.switch import (
    Call,
    Variant,
    attention_layers,
    held,
    install,
    remove,
    switched,
)

FAMILIES = ("llama", "smollm3", "gpt2", "qwen2", "gpt_neox", "mistral")


def tiny(family: str, dtype: torch.dtype = torch.float64, **more):
    """A random decoder of two layers; queries share key heads where the family allows it."""
    sizes = {"vocab_size": 37, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4}
    shared = {"intermediate_size": 24, "num_key_value_heads": 2, "max_position_embeddings": 64}
    made = {
        "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes, **shared, **more)),
        "smollm3": lambda: transformers.SmolLM3ForCausalLM(
            transformers.SmolLM3Config(**sizes, **shared, no_rope_layers=[0, 1], pad_token_id=0, **more)
        ),
        "gpt2": lambda: transformers.GPT2LMHeadModel(
            transformers.GPT2Config(vocab_size=37, n_embd=16, n_layer=2, n_head=4, n_positions=64, **more)
        ),
        "qwen2": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**sizes, **shared, **more)),
        "gpt_neox": lambda: transformers.GPTNeoXForCausalLM(
            transformers.GPTNeoXConfig(**sizes, intermediate_size=24, max_position_embeddings=64, **more)
        ),
        "mistral": lambda: transformers.MistralForCausalLM(
            transformers.MistralConfig(**sizes, **shared, sliding_window=4, **more)
        ),
    }
    torch.manual_seed(0)
    return made[family]().to(dtype).eval()


def padded(side: str = "right"):
    ids = torch.randint(1, 37, (3, 9), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    mask[2, 3:] = 0
    return (ids, mask) if side == "right" else (ids, mask.flip(1))


def read(model, side="right", **more):
    ids, mask = padded(side)
    return model(input_ids=ids, attention_mask=mask, **more)


class Soft(Variant):
    """Distance is paid for, differently by every head."""

    def __init__(self, backend="sdpa", *, heads=4):
        self.backend, self.heads = backend, heads

    def bias(self, call: Call):
        rows = torch.arange(call.query.shape[2])[:, None] + call.key.shape[2] - call.query.shape[2]
        far = rows - torch.arange(call.key.shape[2])
        slopes = 0.1 * torch.arange(1, self.heads + 1, dtype=call.query.dtype)
        return (-slopes[:, None, None] * far)[None]


class Hard(Variant):
    """Only every third token, and oneself, is seen."""

    def __init__(self, backend="sdpa"):
        self.backend = backend

    def bias(self, call: Call):
        size = call.key.shape[2]
        rows = torch.arange(call.query.shape[2])[:, None] + size - call.query.shape[2]
        return ((torch.arange(size) % 3 == 0) | (rows == torch.arange(size)))[None, None]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("side", ["right", "left"])
def test_without_a_bias_the_bits_are_those_of_sdpa(family, side):
    model = tiny(family, torch.float32)
    assert model.config._attn_implementation == "sdpa"
    plain = read(model, side).logits
    with switched(model, Variant()):
        assert torch.equal(read(model, side).logits, plain)
    assert torch.equal(read(model, side).logits, plain)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_without_a_bias_gradients_are_the_same_bits(family):
    def gradients(model):
        ids, mask = padded()
        model(input_ids=ids, attention_mask=mask, labels=ids).loss.backward()
        return [weight.grad for weight in model.parameters()]

    plain, other = tiny(family, torch.float32), tiny(family, torch.float32)
    with switched(other, Variant()):
        pairs = zip(gradients(plain), gradients(other), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("variant", [Soft, Hard])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_the_three_back_ends_agree(family, variant, dtype, close):
    model = tiny(family, dtype)
    _, mask = padded()
    said = []
    for backend in ("sdpa", "eager", "flex"):
        with switched(model, variant(backend)), torch.no_grad():
            said.append(read(model).logits[mask.bool()])
    assert (said[0] - said[1]).abs().max() < close
    assert (said[0] - said[2]).abs().max() < close
    with torch.no_grad():
        assert (said[0] - read(model).logits[mask.bool()]).abs().max() > 1e-3


def test_the_bias_is_what_is_added_to_the_scores_before_the_softmax():
    """Against attention written out head by head, with shared key heads."""
    torch.manual_seed(0)
    layer = attention_layers(tiny("llama"))[0]
    query, key, value = (torch.randn(2, heads, 5, 4, dtype=torch.float64) for heads in (4, 2, 2))
    bias = torch.randn(2, 4, 5, 5, dtype=torch.float64)

    class Given(Variant):
        def bias(self, call):
            return bias

    from butfor.pretrain.attention.switch import HELD, attend

    for backend in ("sdpa", "eager", "flex"):
        Given.backend = backend
        setattr(layer, HELD, Given())
        out, weights = attend(layer, query, key, value, None, scaling=0.7)
        for row in range(2):
            for head in range(4):
                scores = 0.7 * query[row, head] @ key[row, head // 2].T + bias[row, head]
                seen = scores.masked_fill(torch.ones(5, 5).triu(1).bool(), -torch.inf).softmax(-1)
                assert torch.allclose(out[row, :, head], seen @ value[row, head // 2], atol=1e-12)
                assert weights is None or torch.allclose(weights[row, head], seen, atol=1e-12)


@pytest.mark.parametrize("backend", ["sdpa", "eager"])
def test_gradients_of_a_bias_are_right(backend):
    layer = attention_layers(tiny("llama"))[0]

    class Given(Variant):
        def bias(self, call):
            return self.given

    from butfor.pretrain.attention.switch import HELD, attend

    given = Given()
    given.backend = backend
    setattr(layer, HELD, given)

    def run(query, key, value, bias):
        given.given = bias
        return attend(layer, query, key, value, None, scaling=0.5)[0]

    torch.manual_seed(0)
    parts = [torch.randn(1, heads, 3, 2, dtype=torch.float64, requires_grad=True) for heads in (4, 2, 2)]
    assert torch.autograd.gradcheck(run, (*parts, torch.randn(1, 4, 3, 3, dtype=torch.float64, requires_grad=True)))


def test_eager_returns_the_weights_and_sdpa_none():
    model = tiny("llama")
    with switched(model, Soft("eager")):
        weights = read(model, output_attentions=True).attentions
    assert len(weights) == 2
    assert weights[0].shape == (3, 4, 9, 9)
    assert torch.allclose(weights[0].sum(-1), torch.ones(3, 4, 9, dtype=torch.float64))


@pytest.mark.parametrize("backend", ["sdpa", "eager", "flex"])
@pytest.mark.parametrize("family", ["llama", "gpt2", "mistral"])
def test_a_cache_gives_what_reading_at_once_gives(family, backend):
    model = tiny(family)
    ids = padded()[0]
    with switched(model, Soft(backend)), torch.no_grad():
        whole = model(input_ids=ids).logits
        past = model(input_ids=ids[:, :4], use_cache=True).past_key_values
        steps = []
        for at in range(4, 9):
            steps.append(model(input_ids=ids[:, at : at + 1], past_key_values=past, use_cache=True).logits)
        assert torch.allclose(torch.cat(steps, 1), whole[:, 4:], atol=1e-10)


def test_queries_and_keys_are_watched_without_a_copy_and_weights_come_from_them():
    class Watch(Variant):
        def __init__(self):
            self.calls = []

        def begin(self, model, inputs):
            self.calls.clear()
            self.read = inputs["input_ids"]

        def watch(self, call):
            self.calls.append(call)

    model, watch = tiny("llama"), Watch()
    truth = tiny("llama")
    truth.set_attn_implementation("eager")
    ids, mask = padded()
    with switched(model, watch):
        model(ids, attention_mask=mask)
        model(input_ids=ids, attention_mask=mask)
    assert watch.read is ids
    assert [call.layer for call in watch.calls] == [0, 1]
    weights = read(truth, output_attentions=True).attentions
    rows = [2, 5]
    for call, wanted in zip(watch.calls, weights, strict=True):
        found = call.weights(call.query[:, :, rows], call.allowed()[:, :, rows])
        assert torch.allclose(found, wanted[:, :, rows], atol=1e-6)  # the model's own softmax is float32
        assert found.requires_grad


@pytest.mark.parametrize("family", FAMILIES)
def test_a_variant_may_change_what_is_read_and_what_comes_out(family):
    class Other(Variant):
        def begin(self, model, inputs):
            return {"input_ids": (inputs["input_ids"] + 1) % 37}

        def end(self, model, outputs):
            outputs.last_hidden_state = outputs.last_hidden_state[:, -2:]

    model = tiny(family)
    ids, mask = padded()
    with switched(model, Other()):
        found = model(ids, attention_mask=mask).logits
    assert torch.equal(found, model((ids + 1) % 37, attention_mask=mask).logits[:, -2:])


def test_a_row_that_may_look_at_nothing_has_finite_gradients():
    class Blind(Variant):
        def __init__(self, backend):
            self.backend = backend

        def bias(self, call):
            return torch.zeros((1, 1, 9, 9), dtype=torch.bool)

    for backend in ("sdpa", "eager"):
        model = tiny("llama")
        with switched(model, Blind(backend)):
            read(model, labels=padded()[0]).loss.backward()
        assert all(weight.grad is None or weight.grad.isfinite().all() for weight in model.parameters())


def test_two_models_in_one_process_have_their_own_variants():
    a, b = tiny("llama"), tiny("llama")
    b.config = copy.deepcopy(b.config)
    plain = read(a).logits
    with switched(a, Soft()), switched(b, Hard()):
        soft, hard = read(a).logits, read(b).logits
    with switched(b, Soft()):
        assert torch.equal(read(b).logits, soft)
    assert not torch.equal(soft, hard)
    assert torch.equal(read(a).logits, plain)
    assert torch.equal(read(b).logits, plain)


def test_one_variant_a_layer():
    model = tiny("llama")
    variants = [Soft(), Variant()]
    with switched(model, variants):
        assert held(model) == variants
        mixed = read(model).logits
    with switched(model, Soft()):
        assert not torch.equal(read(model).logits, mixed)
    with pytest.raises(UserError, match="has 2 attention layers, and 1 variants"):
        install(model, [Variant()])
    assert held(model) == []


def test_a_variant_takes_the_output():
    class Half(Variant):
        def output(self, call, out):
            assert out.shape == (3, 9, 4, 4)
            return out / 2

    model, truth = tiny("llama"), tiny("llama")
    for layer in attention_layers(truth):
        layer.o_proj.weight.data /= 2
    with switched(model, Half()):
        assert torch.allclose(read(model).logits, read(truth).logits, atol=1e-12)


@pytest.mark.parametrize("before", ["eager", "sdpa"])
def test_removing_restores_the_model_exactly(before):
    model = tiny("llama")
    model.set_attn_implementation(before)
    attributes = [set(vars(part)) for part in model.modules()]
    plain = read(model).logits
    install(model, Soft())
    remove(model)
    remove(model)
    assert model.config._attn_implementation == before
    assert [set(vars(part)) for part in model.modules()] == attributes
    assert not model.base_model._forward_pre_hooks
    assert torch.equal(read(model).logits, plain)


def test_an_error_inside_the_context_takes_it_off():
    model = tiny("llama")
    with pytest.raises(KeyError), switched(model, Soft()):
        raise KeyError
    assert held(model) == []


def test_a_variant_with_weights_is_part_of_the_model():
    class Scaled(torch.nn.Module, Variant):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def output(self, call, out):
            return out * self.scale

    model = tiny("llama")
    names = set(dict(model.named_parameters()))
    with switched(model, Scaled()):
        assert len(set(dict(model.named_parameters())) - names) == 1
    assert set(dict(model.named_parameters())) == names


def test_what_cannot_be_switched_says_so():
    bloom = transformers.BloomForCausalLM(transformers.BloomConfig(vocab_size=9, hidden_size=8, n_layer=1, n_head=2))
    with pytest.raises(UserError, match="BloomForCausalLM computes attention in its own code"):
        install(bloom, Variant())
    config = transformers.BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    with pytest.raises(UserError, match="no causal attention layer"):
        install(transformers.BertModel(config), Variant())
    with pytest.raises(UserError, match="upcasts"):
        install(tiny("gpt2", reorder_and_upcast_attn=True), Variant())
    sinks = transformers.Gemma2Config(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=4,
        intermediate_size=8,
    )  # fmt: skip
    with pytest.raises(UserError, match="caps"):
        install(transformers.Gemma2ForCausalLM(sinks), Variant())
    gc.collect()


def test_wrong_uses_cost_one_line():
    model = tiny("llama")
    with switched(model, Variant()), pytest.raises(UserError, match="another causal attention is on this model"):
        install(model, Variant())
    with pytest.raises(UserError, match="sdpa, eager, flex, not 'fast'"):
        install(model, Soft("fast"))
    with switched(model, Soft("flex")), pytest.raises(UserError, match="gradients on CUDA only"):
        read(model)
