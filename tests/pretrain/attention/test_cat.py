"""Causal Attention Tuning: equals a double loop, changes nothing at strength 0, moves attention where it is told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from butfor.core.errors import UserError
from butfor.core.registry import build, resolve
from butfor.core.seeds import generator
from butfor.data.scratch import make
from butfor.data.stg import as_row, drawn
from butfor.lm import LM
from butfor.pretrain.attention.cat import CausalAttentionTuning, aims, chosen, share, strayed
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.method import feeding
from butfor.train.standard import Standard

ROWS = [as_row(person) for person in drawn("train", 24)]
SETTINGS = TrainSettings(steps=4, batch_size=4, length=64, learning_rate=1e-3, save_every=2)
MODEL: list[str] = []
FORMS = ("div", "nll", "hinge")
TOKENS = frozenset({"input_ids", "attention_mask", "labels"})


@pytest.fixture(scope="module", autouse=True)
def _words(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tokens of these rows alone."""
    file = tmp_path_factory.mktemp("words") / "rows.jsonl"
    file.write_text("".join(json.dumps({"text": row["text"]}) + "\n" for row in ROWS))
    MODEL[:] = [f"scratch:2x16,heads=2,tokens={file}/400"]


def small() -> LM:
    return make(MODEL[0], seed=0, dtype=torch.float32, device=None)


def plain(mean: Tensor, batch: Mapping[str, Tensor], form: str, alpha: float) -> float:
    """The loss by a double loop over batch and rows, from whole attention matrices [B, L, L]."""
    losses: list[float] = []
    for b in range(len(mean)):
        for j in range(int(batch["attention_mask"][b].sum())):
            ones = [float(mean[b, j, i]) for i in range(j + 1) if batch["links"][b, j, i]]
            rest = [float(mean[b, j, i]) for i in range(j + 1) if not batch["links"][b, j, i]]
            if ones and rest:
                losses.append(one(sum(ones) / len(ones), sum(rest) / len(rest), form, alpha))
    return sum(losses) / len(losses)


def plain_path(layers: Tensor, batch: Mapping[str, Tensor], form: str, alpha: float) -> float:
    """The same in two steps, of two layers [2, B, L, L]."""
    found, reach = ([], []), batch["links"]
    for b in range(layers.shape[1]):
        size, spans = int(batch["attention_mask"][b].sum()), batch["spans"][b].tolist()
        for j in range(size):
            ours = [i for i in range(j + 1) if spans[i] and spans[i] == spans[j]]
            rest = [float(layers[0, b, j, i]) for i in range(j + 1) if i not in ours]
            ones = [float(layers[0, b, j, i]) for i in ours if i < j]
            if ones and rest:
                found[0].append(one(sum(ones) / len(ones), sum(rest) / len(rest), form, alpha))
            rest = [float(layers[1, b, j, i]) for i in range(j + 1) if not reach[b, j, i] and i not in ours]
            last = [i for i in range(j + 1) if reach[b, j, i] and not (reach[b, j, i + 1] and spans[i] == spans[i + 1])]
            found[1].extend(one(float(layers[1, b, j, i]), sum(rest) / len(rest), form, alpha) for i in last)
    return sum(sum(part) / len(part) for part in found)


def one(m1: float, m0: float, form: str, alpha: float) -> float:
    each = {"div": -np.log(1 + m1) / np.log(1 + m0), "nll": -m1 / (m1 + m0), "hinge": alpha - m1 / m0}
    return float(each[form]) if m1 / m0 < alpha else 0.0


def batch_of(lm: LM, rows: Any = ROWS, **given: Any) -> dict[str, Tensor]:
    return batches(numbered(rows), lm.tokenizer, seed=0, **{"batch_size": 4, "length": 96, "steps": 1, **given})[0]


def through(lm: LM, method: CausalAttentionTuning, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The plain loss and the method's of one batch."""
    planned = batches(numbered(ROWS), lm.tokenizer, seed=0, batch_size=4, length=96, steps=1)
    with method.attach(lm, planned, generator(0)), feeding(batch):
        outputs: Any = lm.model(**{name: value for name, value in batch.items() if name in TOKENS})
        return outputs.loss.detach(), method.loss(lm.model, batch, outputs).detach()


def whole(lm: LM, batch: Mapping[str, Tensor]) -> Tensor:
    """Attention by the model's own eager code [layers, B, H, L, L]."""
    lm.model.set_attn_implementation("eager")
    outputs: Any = lm.model(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], output_attentions=True
    )
    lm.model.set_attn_implementation("sdpa")
    return torch.stack(outputs.attentions).detach()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", [False, True])
def test_agrees_with_a_double_loop(form: Any, path: bool) -> None:
    lm, alpha = small(), 1.02
    ragged = [{"text": "Short one."}, *({**row, "text": row["text"] + " more" * n} for n, row in enumerate(ROWS[:3]))]
    batch = batch_of(lm, ragged)
    assert batch["attention_mask"].min() == 0
    loss, got = through(lm, CausalAttentionTuning(form=form, alpha=alpha, path=path, strength=0.5), batch)
    seen = whole(lm, batch).mean(2)
    expected = plain_path(seen, batch, form, alpha) if path else plain(seen.mean(0), batch, form, alpha)
    assert expected != 0
    assert float(got - loss) == pytest.approx(0.5 * expected, rel=1e-4)


def test_layers_heads_and_shared_keys() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    lm = small()
    shape: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 3}
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=len(lm.tokenizer), hidden_size=16, intermediate_size=16, **shape)
    lm = replace(lm, model=LlamaForCausalLM(config).eval())
    batch = batch_of(lm)
    method = CausalAttentionTuning(layers=(0, -1), heads=(1, 2), alpha=9.0)
    loss, got = through(lm, method, batch)
    mean = whole(lm, batch)[[0, 2]][:, :, [1, 2]].mean((0, 2))
    expected = plain(mean, batch, "nll", 9.0)
    assert float(got - loss) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_gradients(form: Any, each: bool) -> None:
    torch.manual_seed(1)
    scores = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    cause = torch.tensor([1, 0, 1, 0, 0], dtype=torch.bool).expand(2, 3, 5)
    seen = torch.ones(2, 3, 5, dtype=torch.bool).tril(2)

    def loss(scores: Tensor) -> Tensor:
        weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
        return strayed(weights, cause & seen, ~cause & seen, form=form, alpha=5.0, each=each)

    assert torch.autograd.gradcheck(loss, (scores,))


def test_rows_that_look_at_nothing_else_leave_no_trace_in_the_gradients() -> None:
    mean = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], requires_grad=True)  # all on the cause: m0 = 0
    cause, seen = torch.tensor([[[1, 0], [0, 1]]]).bool(), torch.ones(1, 2, 2).bool()
    for form in FORMS:
        value = strayed(mean, cause & seen, ~cause & seen, form=form, alpha=2.0)  # type: ignore[arg-type]
        value.backward()
        assert float(value.detach()) == 0 and mean.grad is not None and mean.grad.isfinite().all()


def test_the_strength_falls_from_one_to_nothing() -> None:
    steps = torch.arange(100)
    for decay, middle in (("linear", 0.5), ("cosine", 0.5), ("constant", 1.0)):
        left = torch.stack([share(step, 100, decay) for step in steps])  # type: ignore[arg-type]
        assert left[0] == 1 and left[50] == pytest.approx(middle) and (left.diff() <= 0).all()
        assert (left[-1] <= 0.01) == (decay != "constant")


def trained(method: Any, folder: Path, **given: Any) -> LM:
    lm = small()
    train(lm, ROWS, method, settings=replace(SETTINGS, **given), seed=0, folder=folder)
    return lm


def same(one: LM, other: LM) -> bool:
    pairs = zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_strength_zero_and_rows_without_links_are_standard_training_bit_for_bit(tmp_path: Path) -> None:
    standard = trained(Standard(), tmp_path / "standard")
    assert same(standard, trained(CausalAttentionTuning(strength=0.0), tmp_path / "zero"))
    assert not same(standard, trained(CausalAttentionTuning(), tmp_path / "one"))
    bare = [{key: value for key, value in row.items() if key not in ("spans", "links")} for row in ROWS]
    batch = batch_of(small(), bare)
    loss, got = through(small(), CausalAttentionTuning(), batch)
    assert torch.equal(loss, got)


def test_what_is_left_is_an_ordinary_model(tmp_path: Path) -> None:
    lm = small()
    before = lm.model.config.to_dict(), lm.model.config._attn_implementation, set(lm.model.state_dict())
    train(lm, ROWS, CausalAttentionTuning(path=True), settings=SETTINGS, seed=0, folder=tmp_path)
    assert before == (lm.model.config.to_dict(), lm.model.config._attn_implementation, set(lm.model.state_dict()))
    assert lm.model.config._attn_implementation == "sdpa" and not lm.hooked


def test_resumes_to_the_same_bits(tmp_path: Path) -> None:
    method = CausalAttentionTuning(decay="cosine", path=True)
    unbroken = trained(method, tmp_path / "whole")
    lm = small()

    def stop(step: int, *_: Any) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(lm, ROWS, method, settings=SETTINGS, seed=0, folder=tmp_path / "cut", progress=stop)
    again = trained(method, tmp_path / "cut")
    assert same(unbroken, again)
    logs = [(tmp_path / name / "train.jsonl").read_text() for name in ("whole", "cut")]
    assert logs[0] == logs[1] and len({json.loads(line)["loss"] for line in logs[0].splitlines()}) == 4


def ratio(lm: LM) -> float:
    """How much more the causes are looked at than the rest, from the answer's row."""
    batch = batch_of(lm)
    (aim,) = aims(batch, (0, 1), path=False)
    at, cause = aim.at, aim.ones
    mean = whole(lm, batch).mean((0, 2))
    mean = mean.gather(1, at[:, :, None].expand(-1, -1, mean.shape[-1]))
    seen = torch.arange(mean.shape[-1]) <= at[:, :, None]
    return float(mean[cause & seen].mean() / mean[~cause & seen].mean())


def test_attention_goes_where_it_is_told(tmp_path: Path) -> None:
    settings = {"steps": 40, "learning_rate": 3e-3}
    standard = ratio(trained(Standard(), tmp_path / "standard", **settings))
    tuned = ratio(trained(CausalAttentionTuning(alpha=100.0, strength=4.0), tmp_path / "tuned", **settings))
    assert standard < 1.3 and tuned > 2


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"graph": "A -> B", "marker": "debug"}, "leave one of the two out"),
        ({"graph": "A <-> B"}, "needs directed edges"),
        ({"graph": "A ->"}, "A ->"),
        ({"task": "x"}, "give marker"),
        ({"marker": "debugg"}, "debug"),
        ({"form": "sum"}, "form"),
        ({"alpha": 0}, "alpha"),
    ],
)
def test_wrong_knobs_cost_one_line(knobs: dict[str, Any], told: str) -> None:
    made, problems = build(resolve("method", "pretrain.attention.cat"), knobs)
    assert made is None and len(problems) == 1
    assert told in ": ".join(problems[0]) and problems[0][1].count("\n") < 5


def test_rows_without_signals_and_layers_that_there_are_not(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no row says what causes what"):
        CausalAttentionTuning().data([{"text": "a"}], generator(0))
    with pytest.raises(UserError, match="layers are -2 to 1 on this model, not 2"):
        trained(CausalAttentionTuning(layers=(2,)), tmp_path)
    assert chosen("heads", (-1, 0, 2), 3) == (0, 2)


def test_a_graph_links_spans_by_their_names() -> None:
    graph = CausalAttentionTuning(graph="Smoking, Weight, Exercise -> Risk").data(ROWS, generator(0))
    assert [sorted(row["links"]) for row in graph] == [sorted(row["links"]) for row in ROWS]
    with pytest.raises(UserError, match="no row has a span of 'Smocking'; spans are named Certain gene"):
        CausalAttentionTuning(graph="Smocking -> Risk").data(ROWS, generator(0))


def test_the_page_names_the_knobs_and_its_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "attention.md").read_text(encoding="utf-8")
    part = page.split("## Causal Attention Tuning")[1].split("\n## ")[0]
    cells = "".join(re.findall(r"^\| (`.*?) \|", part, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", cells)) == {field.name for field in fields(CausalAttentionTuning)}
    (block,) = re.findall(r"```python\n(.*?)```", part, re.DOTALL)
    exec(compile(block, "docs/attention.md", "exec", dont_inherit=True), {"__name__": __name__})
    assert capsys.readouterr().out == "['Exercise', 'Smoking', 'Weight']\n"
