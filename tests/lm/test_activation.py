"""Setting a site to what it is changes no bit; setting the last stream to another text's gives that text's logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from butfor.core.errors import UnknownSite, UserError
from butfor.lm import LM, Site, do, read, score, sites
from lm.conftest import FAMILIES, ODD

NO_MODULE = {"opt": {"mlp"}}  # its layers call two bare projections
ATTENTIVE = [kind for kind in FAMILIES if kind not in ("mamba", *ODD)]


def logits(lm: LM, text: str) -> Any:
    import torch

    with torch.inference_mode():
        return lm.model(torch.tensor([lm.tokenizer(text)["input_ids"]])).logits[0]  # [T, V]


def hooks(lm: LM) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in lm.model.modules())


@pytest.mark.parametrize("kind", ATTENTIVE)
def test_every_site_set_to_itself_changes_no_bit(kind: str, family: Callable[..., LM]) -> None:
    lm = family(kind)
    before = logits(lm, "hello")
    own = read(lm, "hello", sites(lm))
    assert {site.kind for site in own} == {"resid_in", "resid", "attn", "mlp", "head"} - NO_MODULE.get(kind, set())
    with do(lm, own):
        assert logits(lm, "hello").equal(before)


@pytest.mark.parametrize("kind", ATTENTIVE)
def test_the_last_stream_carries_everything(kind: str, family: Callable[..., LM]) -> None:
    lm = family(kind)
    last = Site(1, "resid")
    with do(lm, read(lm, "jelly", [last])):
        assert logits(lm, "hello").equal(logits_outside := logits(lm, "jelly"))
    assert logits_outside.equal(logits(lm, "jelly"))


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gpt_neox", "phi", "falcon"])
def test_parts_add_up_to_the_stream(kind: str, family: Callable[..., LM]) -> None:
    lm = family(kind)
    parts = read(lm, "hello", [Site(1, name) for name in ("resid_in", "attn", "mlp", "resid")])
    start, attn, mlp, end = parts.values()
    assert (start + attn + mlp).sub(end).abs().max() < 1e-4 * end.abs().max()


def test_heads_are_the_projections_input(lm: LM) -> None:
    import torch

    heads = read(lm, "hello", [Site(0, "head", head) for head in range(4)])
    projected = torch.cat(list(heads.values()), -1) @ lm.model.model.layers[0].self_attn.o_proj.weight.T
    assert torch.allclose(projected, read(lm, "hello", [Site(0, "attn")])[Site(0, "attn")], atol=1e-5)


def test_only_the_addressed_positions_change(lm: LM) -> None:
    whole = Site(0, "resid")
    before = read(lm, "hello", [whole])[whole]
    with do(lm, {Site(0, "resid", positions=(1, -1)): 7.0}):
        after = read(lm, "hello", [whole])[whole]
    assert after[[0, 2, 3]].equal(before[[0, 2, 3]])
    assert (after[[1, 4]] == 7).all()


def test_a_function_sees_the_current_value_and_blocks_nest(lm: LM) -> None:
    site = Site(0, "mlp")
    before = read(lm, "hello", [site])[site]
    with do(lm, {site: lambda h: h + 1}):
        with do(lm, {site: lambda h: h * 2}):
            assert read(lm, "hello", [site])[site].equal((before + 1) * 2)
        assert read(lm, "hello", [site])[site].equal(before + 1)
    assert hooks(lm) == 0


def test_hooks_are_gone_after_an_exception(lm: LM) -> None:
    with pytest.raises(RuntimeError, match="on purpose"), do(lm, {Site(0, "resid"): 0.0}):
        raise RuntimeError("on purpose")
    with pytest.raises(UnknownSite), do(lm, {Site(0, "resid"): 0.0, Site(9, "resid"): 0.0}):
        pass
    with pytest.raises(UnknownSite):
        read(lm, "hello", [Site(0, "resid", positions=(9,))])
    assert hooks(lm) == 0


def test_scores_under_an_intervention(lm: LM) -> None:
    """With every head of the first layer off, a score is what the model says with that projection's weights at zero."""
    import torch

    items = [{"prompt": "The nurse said that", "choices": [" she", " he was"]}, {"prompt": "a", "choices": ["b"]}]
    with do(lm, {Site(0, "head", head): 0.0 for head in range(4)}):
        found = score(lm, items)
    with torch.no_grad():
        lm.model.model.layers[0].self_attn.o_proj.weight.zero_()
    for one, other in zip(found, score(lm, items), strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


@pytest.mark.parametrize("positions", [(-1,), (0,), (2, -2)])
def test_an_intervention_counts_positions_in_each_text_alone(lm: LM, positions: tuple[int, ...]) -> None:
    """Prompts of several lengths, one the beginning of another, choices of several lengths: as each alone."""
    site = Site(1, "resid", positions=positions)
    value = read(lm, "The engineer said that", [site])
    items = [
        {"prompt": "The nurse said that", "choices": ["s", "h"]},
        {"prompt": "The nurse said that he and she", "choices": ["s", "he"]},
        {"prompt": "The old schoolteacher from the village said that", "choices": ["s", "h"]},
    ]
    with do(lm, value):
        together = score(lm, items)
        alone = [score(lm, [{**item, "choices": [choice]}])[0] for item in items for choice in item["choices"]]
    assert [one for found in together for one in found.logprobs] == pytest.approx(
        [found.logprobs[0] for found in alone], abs=1e-4
    )


def test_the_first_score_may_be_under_an_intervention(lm: LM) -> None:
    items = [{"prompt": "The nurse said that", "choices": ["s", "h"]}]
    with do(lm, {Site(1, "resid", positions=(12,)): 0.0}):
        score(lm, items)
    assert hooks(lm) == 0


def test_gradients_flow_through_a_value(lm: LM) -> None:
    import torch

    site = Site(0, "resid", positions=(-1,))
    value = torch.zeros(32, requires_grad=True)
    with do(lm, {site: value * read(lm, "jelly", [site])[site]}):
        lm.model(torch.tensor([lm.tokenizer("hello")["input_ids"]])).logits[0, -1, 0].backward()
    assert value.grad is not None
    assert value.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("site", "words"),
    [
        (Site(7, "resid"), "layers 0 to 1; nearest: resid"),
        (Site(-1, "resid"), "layers 0 to 1"),
        (Site(0, "residual"), "did you mean 'resid'"),
        (Site(0, "head"), "give head=0 to 3"),
        (Site(0, "head", 4), "heads 0 to 3"),
        (Site(0, "mlp", 1), "only head sites have one"),
        (Site(0, "mlp", positions=(5,)), "the text has 5 tokens"),
    ],
)
def test_an_unknown_site_fails_loudly(lm: LM, site: Site, words: str) -> None:
    with pytest.raises(UnknownSite, match=words):
        read(lm, "hello", [site])


def test_a_model_without_such_sites_says_so(family: Callable[..., LM]) -> None:
    lm = family("mamba")
    assert {site.kind for site in sites(lm)} == {"resid_in", "resid"}
    with pytest.raises(UnknownSite, match=r"it has resid\[0\], resid_in\[0\]"):
        read(lm, "hello", [Site(0, "attn")])


def test_a_value_of_the_wrong_shape(lm: LM) -> None:
    import torch

    wrong = do(lm, {Site(0, "resid"): torch.zeros(3)})
    with pytest.raises(UserError, match=r"shape \[3\] does not fit the activation \[1, 5, 32\]"), wrong:
        logits(lm, "hello")


@pytest.mark.parametrize(
    "values",
    [
        [Site(0, "mlp")],
        {"mlp": 0},
        {Site(0, "mlp"): None},
        {Site(0, "mlp"): "abc"},
        {Site(0, "mlp"): lambda _: None},
    ],
)
def test_a_wrong_value_names_the_right_one(lm: LM, values: Any) -> None:
    with pytest.raises(UserError, match=r"Site\(0, 'mlp'\)|mlp\[0\]: a value is") as caught, do(lm, values):
        logits(lm, "hello")
    assert len(str(caught.value).splitlines()) == 1
    assert hooks(lm) == 0


@pytest.mark.parametrize(
    "written",
    [
        {"layer": "0"},
        {"layer": 1.0},
        {"kind": 3},
        {"head": "1"},
        {"positions": ()},
        {"positions": (1.5,)},
        {"positions": 3},
        {"positions": [1]},
    ],
)
def test_a_site_that_is_none_is_refused_when_written(written: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="written") as caught:
        Site(**{"layer": 0, "kind": "mlp", **written})
    assert len(str(caught.value).splitlines()) == 1


def test_sites_to_read_are_a_list(lm: LM) -> None:
    with pytest.raises(UserError, match="sites: give a list"):
        read(lm, "hello", Site(0, "mlp"))  # type: ignore[arg-type]


def test_an_encoder_has_sites_too(family: Callable[..., LM]) -> None:
    lm = family("bert")
    found = read(lm, "hello", [Site(1, "resid"), Site(1, "attn"), Site(1, "head", 2)])
    assert [tuple(value.shape) for value in found.values()] == [(5, 8), (5, 32), (5, 32)]
