"""DAG-masked attention: no leak by exact zeros, spans from rows and from text, generation with a cache, errors."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest
import torch
import transformers

from butfor.core.errors import GraphError, UserError
from butfor.core.registry import build, resolve
from butfor.core.seeds import generator
from butfor.data.scratch import make
from butfor.data.stg import as_row, drawn
from butfor.lm import LM
from butfor.pretrain.attention.dag import DAG, linked, table, visible
from butfor.pretrain.attention.spans import Spans, expressions
from butfor.pretrain.attention.switch import held, remove
from butfor.scm.graph import Graph
from butfor.train.batches import batches
from butfor.train.loop import TrainSettings, train
from butfor.train.method import feeding
from butfor.train.standard import Standard

GRAPH = "Age -> Smoking -> Risk; Weight -> Risk; Hormones"
TEXT = "A person. Age: 7, Hormones: 3, Smoking: 8, Weight: 2. Well then: Risk: high"
SHAPE = "scratch:2x16,heads=2,tokens=bytes"


def model(name: str = SHAPE, dtype=torch.float64) -> LM:
    return make(name, seed=0, dtype=dtype, device=None)


def masked(method: DAG, lm: LM | None = None) -> LM:
    lm = model() if lm is None else lm
    method.model(lm, np.random.default_rng(0))
    return lm


def tokens(lm: LM, text: str) -> torch.Tensor:
    return torch.tensor([lm.tokenizer(text)["input_ids"]])


def reached(lm: LM, ids: torch.Tensor, asked: list[int]) -> torch.Tensor:
    """How much what is predicted at tokens `asked` depends on each token's embedding: [L], exact zeros included."""
    read: list[torch.Tensor] = []

    def hook(_, __, out):
        out.retain_grad()
        read.append(out)

    handle = lm.model.get_input_embeddings().register_forward_hook(hook)
    logits = lm.model(input_ids=ids).logits
    handle.remove()
    (logits[0, asked] * torch.randn(logits[0, asked].shape, dtype=logits.dtype)).sum().backward()
    return read[0].grad[0].abs().amax(-1)


def places(text: str, part: str) -> list[int]:
    """The tokens of a part; one token a byte."""
    return list(range(text.index(part), text.index(part) + len(part)))


@pytest.mark.parametrize("free", ["reads", "blind"])
@pytest.mark.parametrize("over", ["ancestors", "parents"])
@pytest.mark.parametrize("backend", ["sdpa", "eager"])
def test_nothing_but_ancestors_reaches_a_variable_by_exact_zeros(free, over, backend):
    torch.manual_seed(0)
    lm = masked(DAG(graph=GRAPH, free=free, over=over, backend=backend))
    parts = {name: places(TEXT, re.search(rf"{name}: \w+", TEXT)[0]) for name in Graph.parse(GRAPH).names}
    free_text = [at for at in range(len(TEXT)) if not any(at in part for part in parts.values())]
    graph = Graph.parse(GRAPH)
    for name, part in parts.items():
        moved = reached(lm, tokens(lm, TEXT), part)
        causes = graph.named(graph.ancestors_of(1 << graph.at(name)))
        for other, where in parts.items():
            if other not in causes:
                assert torch.all(moved[where] == 0.0), (name, other)
            elif where[0] <= part[0] and (over == "ancestors" or other == name or other in graph.parents(name)):
                assert torch.all(moved[where] > 0), (name, other)
        assert torch.all(moved[places(TEXT, "A person. ")] > 0)
        late = [at for at in free_text if at > TEXT.index("Hormones: 3")]
        assert free == "blind" or torch.all(moved[late] == 0.0)
    told = reached(lm, tokens(lm, TEXT), places(TEXT, " Well then: "))
    assert torch.all((told[parts["Hormones"]] > 0) == (free == "reads"))


def test_standard_attention_does_leak():
    lm = model()
    moved = reached(lm, tokens(lm, TEXT), places(TEXT, "Risk: high"))
    assert torch.all(moved[places(TEXT, "Hormones: 3")] > 0)


def test_what_a_non_ancestor_says_changes_no_bit_of_the_answer():
    lm = masked(DAG(graph=GRAPH), model(dtype=torch.float32))
    at = places(TEXT, "Risk: high")
    one, other = (lm.model(tokens(lm, TEXT.replace("Hormones: 3", f"Hormones: {n}"))).logits[0, at] for n in (3, 9))
    assert torch.equal(one, other)
    other = lm.model(tokens(lm, TEXT.replace("Age: 7", "Age: 1"))).logits[0, at]
    assert not torch.equal(one, other)


def test_a_soft_prior_lets_through_less_the_stronger_it_is():
    moved = []
    for strength in (0.0, 2.0, 8.0):
        torch.manual_seed(0)
        lm = masked(DAG(graph=GRAPH, strength=strength))
        moved.append(
            float(reached(lm, tokens(lm, TEXT), places(TEXT, "Risk: high"))[places(TEXT, "Hormones: 3")].max())
        )
    assert moved[0] > moved[1] > moved[2] > 0


def test_strength_zero_is_standard_attention_bit_for_bit():
    plain, lm = model(dtype=torch.float32), model(dtype=torch.float32)
    masked(DAG(graph=GRAPH, strength=0.0), lm)
    ids = tokens(lm, TEXT)
    assert torch.equal(lm.model(ids).logits, plain.model(ids).logits)
    assert not lm.hooked and lm.fingerprint() == plain.fingerprint()


def test_a_soft_bias_is_minus_the_strength_where_the_hard_mask_forbids():
    lm = masked(DAG(graph=GRAPH, strength=3.0, backend="eager"))
    soft = lm.model(tokens(lm, TEXT), output_attentions=True).attentions[0]
    remove(lm.model)
    masked(DAG(graph=GRAPH, backend="eager"), lm)
    hard = lm.model(tokens(lm, TEXT), output_attentions=True).attentions[0]
    remove(lm.model)
    lm.model.set_attn_implementation("eager")
    plain = lm.model(tokens(lm, TEXT), output_attentions=True).attentions[0]
    weighed = plain * torch.where(hard > 0, 1.0, torch.exp(torch.tensor(-3.0, dtype=torch.float64)))
    assert torch.allclose(soft, weighed / weighed.sum(-1, keepdim=True), atol=1e-6)
    assert torch.allclose(hard, plain * (hard > 0) / (plain * (hard > 0)).sum(-1, keepdim=True), atol=1e-6)


def test_the_rule_against_one_written_out_pair_by_pair():
    graph = Graph.parse("A -> B -> C; D; D <-> C")
    above = {"A": "A", "B": "AB", "C": "ABC", "D": "D"}
    direct = {"A": "A", "B": "AB", "C": "BC", "D": "D"}
    labels = torch.tensor([[0, 1, 0, 4, 4, 0, 2, 0, 3, 3, 0], [2, 0, 0, 1, 3, 0, 4, 1, 0, 2, 0]])
    for free, over, row in product(("reads", "blind"), ("ancestors", "parents"), (0, 1)):
        seen = visible(labels, torch.tensor(table(graph, over, free))[None], free)[row]
        names = [" ABCD"[label] for label in labels[row].tolist()]
        allowed = above if over == "ancestors" else direct
        for i, u in enumerate(names):
            for j, v in enumerate(names[: i + 1]):
                known = {name for name in names[: j + 1] if name != " "}
                if u == " ":
                    wanted = v == " " or free == "reads"
                elif v == " ":
                    wanted = free == "blind" or known <= set(allowed[u])
                else:
                    wanted = v in allowed[u]
                assert bool(seen[i, j]) == wanted, (free, over, u, v)


def test_the_last_rows_are_those_of_all():
    look = torch.tensor(table(Graph.parse(GRAPH), "ancestors", "reads"))[None]
    labels = torch.randint(0, 6, (3, 12), generator=torch.Generator().manual_seed(0))
    assert torch.equal(visible(labels, look, "reads", 4), visible(labels, look, "reads")[:, -4:])


# where the spans come from --------------------------------------------------------------------------------------------


def spans(lm: LM, graph: str, **given: str) -> Spans:
    return Spans(lm.tokenizer, expressions(Graph.parse(graph).names, given))


def test_a_variable_is_found_by_its_name_up_to_the_next_comma():
    lm = model()
    labels = spans(lm, "Smoking; Weight; Risk", Risk="Answer:.*").labels(
        lm.tokenizer("Hi. Smoking: 8, Weight: 12, Answer: High")["input_ids"]
    )
    assert "".join(map(str, labels)) == "0000" + "1" * 10 + "00" + "2" * 10 + "00" + "3" * 12


def test_of_two_spans_the_later_one_counts():
    lm = model()
    labels = spans(lm, "a; b", a="x.*", b="y").labels(lm.tokenizer("ox y z")["input_ids"])
    assert labels == (0, 1, 1, 2, 1, 1)


@pytest.mark.parametrize("text", ["Größe: 日本 und mehr, Rest", "Größe: 😀", "  Größe: a"])
def test_characters_of_several_bytes_are_marked_whole(text):
    lm = model()
    encoded = lm.tokenizer(text, return_offsets_mapping=True)
    start, stop = re.search(r"Größe[^,]*", text).span()
    wanted = tuple(int(a < stop and b > start) for a, b in encoded["offset_mapping"])
    assert spans(lm, "Größe").labels(encoded["input_ids"]) == wanted


def test_tokens_of_a_trained_vocabulary_and_special_ones():
    lm = model("scratch:2x16,heads=2,tokens=stg/400")
    row = as_row(drawn("train", 1)[0])
    encoded = lm.tokenizer(row["text"], return_offsets_mapping=True)
    labels = spans(lm, "Smoking").labels([lm.tokenizer.bos_token_id, *encoded["input_ids"], lm.tokenizer.pad_token_id])
    (start, stop, _), *_ = (span for span in row["spans"] if span[2] == "Smoking")
    wanted = [int(a < stop and b > start) for a, b in encoded["offset_mapping"]]
    assert labels == (0, *wanted, 0)


def game(**more) -> DAG:
    graph = (
        'Smoking, Weight, Exercise -> Risk; "Yellow fingers"; "Clothing size"; Hormones; "Room size"; "Certain gene"'
    )
    return DAG(graph=graph, variables={"Risk": "Answer:.*"}, **more)


def planned(lm: LM, rows: list, **more):
    return batches(rows, lm.tokenizer, seed=0, batch_size=3, length=400, steps=2, **more)


def test_spans_of_rows_and_of_text_agree_and_the_notes_say_so():
    lm = model("scratch:2x16,heads=2,tokens=stg/400")
    plan = planned(lm, [as_row(person) for person in drawn("train", 6)])
    method = game()
    masked(method, lm)
    with method.attach(lm, plan, generator(0, "a")):
        batch = plan[0]
        with feeding(batch):
            trained = lm.model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        from_rows = held(lm.model)[0].reading.labels
    read = lm.model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    assert torch.equal(held(lm.model)[0].reading.labels * batch["attention_mask"], from_rows)
    assert torch.equal(read[batch["attention_mask"].bool()], trained[batch["attention_mask"].bool()])
    assert "100.0% of the rows' spans" in lm.notes[-1]


def test_links_of_rows_are_the_graph():
    lm = model("scratch:2x16,heads=2,tokens=stg/400")
    rows = [as_row(person) for person in drawn("train", 6)]
    plan, method = planned(lm, rows), DAG(graph="links", variables={"Risk": "Answer:.*"})
    masked(method, lm)
    said = []
    with method.attach(lm, plan, generator(0, "a")):
        batch = plan[0]
        real = batch["attention_mask"].bool()
        for feed in (batch, {**batch, "input_ids": batch["input_ids"][:0]}):  # by the rows' links, by the text
            with feeding(feed):
                said.append(lm.model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[real])
    remove(lm.model)
    method = game()
    masked(method, lm)
    said.append(lm.model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[real])
    assert torch.equal(said[0], said[1])
    assert torch.equal(said[0], said[2])


def test_each_row_has_its_own_links():
    """The same text with a link and without one: only the linked cause is looked at."""
    lm = model()
    text = "A: 1, B: 2, C: 3"
    marks = [[0, 4, "A"], [6, 10, "B"], [12, 16, "C"]]
    rows = [{"text": text, "spans": marks, "links": links} for links in ([[0, 1], [1, 2]], [[0, 2]])]
    plan = batches(rows, lm.tokenizer, seed=0, batch_size=2, length=64, steps=1)
    for over, wanted in (("ancestors", ["ABC", "AC"]), ("parents", ["BC", "AC"])):
        method = DAG(graph="links", over=over)
        lm = masked(method)
        with method.attach(lm, plan, generator(0, "a")), feeding(plan[0]):
            lm.model(plan[0]["input_ids"])
        look = visible(held(lm.model)[0].reading.labels, held(lm.model)[0].reading.table, "reads")
        for line, place in enumerate(plan.plan[0]):
            seen = {name for name, at in (("A", 0), ("B", 6), ("C", 12)) if look[line, 15, at]}
            assert seen == set(wanted[place[0]])


def test_a_text_read_at_once_knows_what_is_being_named_and_no_value_of_it():
    """The limit that the method states: at "Ag" the mask is that of the name that follows, when it does follow."""
    lm = masked(DAG(graph="Risk -> Agent; Age"))

    def said(text: str, upto: str) -> torch.Tensor:
        with torch.no_grad():
            return lm.model(tokens(lm, text)).logits[0, : len(upto)]

    begun = "Risk: 1, Ag"
    assert not torch.allclose(said(f"{begun}e: 7", begun), said(f"{begun}ent: 7", begun))
    assert torch.equal(said("Risk: 1, Age: 7", begun + "e: "), said("Risk: 1, Age: 3", begun + "e: "))


def test_in_the_recipe_what_is_scored_decides_no_mask_before_it():
    from butfor.core.read import recipes
    from butfor.data.stg import RISKS, asked
    from butfor.experiment import load

    experiment = load("attention")
    assert "attention" in recipes()
    method = experiment.method(experiment.arms["dag"])
    name = "scratch:1x16,heads=1,tokens=stg/400"
    found = held(masked(method, model(name, torch.float32)).model)[0]
    tokenizer = found.tokenizer
    for person in drawn("ood", 20):
        before = tokenizer(asked(person.values))["input_ids"]
        alone = found.spans.labels(before)
        assert alone[-1] == 1 + found.graph.index["Risk"]
        for risk in RISKS:
            ids = tokenizer(f"{asked(person.values)} {risk}")["input_ids"]
            assert ids[: len(before)] == before and found.spans.labels(ids)[: len(before)] == alone


# generation, padding, training ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [SHAPE, "scratch:2x16,heads=2,tokens=bytes,positions=none"])
def test_generation_with_and_without_a_cache_agree(shape):
    """Also where a new token changes what earlier ones tell of: "Ris" is free text until "k" stands there."""
    lm = masked(DAG(graph="Age -> Risk; Hormones", variables={"Risk": "Risk.*"}), model(shape))
    prompts = ["Age: 3, Hormones: 9, Ris", "Hormones: 4, Age: 2, Ri"]
    wide = max(map(len, prompts))
    ids = torch.cat([tokens(lm, prompt.rjust(wide, "\0")) for prompt in prompts])
    mask = torch.tensor([[0] * (wide - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    forced = tokens(lm, "sk: 12")[0].tolist()

    def said(cache: bool):
        """Feed the same continuation step by step: logits of every step."""
        past, found, whole, seen = None, [], ids, mask
        for token in [None, *forced]:
            if token is not None:
                new = torch.full((2, 1), token)
                whole, seen = torch.cat([whole, new], 1), torch.cat([seen, torch.ones_like(new)], 1)
            fed = whole if past is None else whole[:, -1:]
            at = (seen.cumsum(1) - 1).clamp(min=0)[:, -fed.shape[1] :]
            out = lm.model(fed, attention_mask=seen, position_ids=at, past_key_values=past, use_cache=cache)
            assert out.logits.shape[1] == fed.shape[1]
            past = out.past_key_values if cache else None
            found.append(out.logits[:, -1])
        return torch.stack(found)

    with torch.no_grad():
        assert torch.allclose(said(True), said(False), atol=1e-10)
        settings = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
        cached, plain = (
            lm.model.generate(ids, attention_mask=mask, use_cache=use, **settings) for use in (True, False)
        )
    assert torch.equal(cached, plain)


def test_padding_on_either_side_changes_nothing():
    lm = masked(DAG(graph=GRAPH))
    ids = tokens(lm, TEXT)
    pad = torch.zeros((1, 5), dtype=torch.long)
    alone = lm.model(ids).logits
    there = torch.ones_like(ids)
    right = lm.model(torch.cat([ids, pad], 1), attention_mask=torch.cat([there, pad], 1)).logits[:, :-5]
    mask = torch.cat([pad, there], 1)
    at = (mask.cumsum(1) - 1).clamp(min=0)
    left = lm.model(torch.cat([pad, ids], 1), attention_mask=mask, position_ids=at).logits[:, 5:]
    assert torch.allclose(right, alone, atol=1e-10)
    assert torch.allclose(left, alone, atol=1e-10)


def test_a_window_and_shared_key_heads():
    torch.manual_seed(0)
    lm = model()
    config = transformers.MistralConfig(
        vocab_size=len(lm.tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=24, sliding_window=8, max_position_embeddings=128,
    )  # fmt: skip
    lm = LM("mistral", transformers.MistralForCausalLM(config).double().eval(), lm.tokenizer)
    masked(DAG(graph="A; B -> C"), lm)
    text = "A: 1, B: 2, C: 3"
    torch.manual_seed(0)
    moved = reached(lm, tokens(lm, text), places(text, "C: 3"))
    assert torch.all(moved[places(text, "A: 1")] == 0) and torch.all(moved[places(text, "B: 2")] > 0)
    ids = tokens(lm, text)
    with torch.no_grad():
        past = lm.model(ids[:, :14], use_cache=True).past_key_values
        steps = [lm.model(ids[:, at : at + 1], past_key_values=past).logits for at in (14, 15)]
        assert torch.allclose(torch.cat(steps, 1), lm.model(ids).logits[:, 14:], atol=1e-10)


def settings(**more) -> TrainSettings:
    return TrainSettings(**{"steps": 4, "batch_size": 3, "length": 300, "learning_rate": 1e-3, "save_every": 2, **more})


def test_strength_zero_trains_as_standard_does_bit_for_bit(tmp_path):
    rows = [as_row(person) for person in drawn("train", 9)]
    ends = []
    for number, method in enumerate((Standard(), game(strength=0.0))):
        lm = model(dtype=torch.float32)
        method.model(lm, np.random.default_rng(0))
        train(lm, rows, method, settings=settings(), seed=0, folder=tmp_path / str(number))
        remove(lm.model)
        ends.append(lm.fingerprint())
    assert ends[0] == ends[1]


def test_training_goes_on_where_it_stopped(tmp_path):
    rows = [as_row(person) for person in drawn("train", 9)]

    def run(folder: str, stop: int | None) -> str:
        lm = masked(game(), model(dtype=torch.float32))

        def progress(step, total, loss):
            if step == stop:
                raise KeyboardInterrupt

        train(lm, rows, game(), settings=settings(), seed=0, folder=tmp_path / folder, progress=progress)
        remove(lm.model)
        return lm.fingerprint()

    whole = run("whole", None)
    with pytest.raises(KeyboardInterrupt):
        run("cut", 3)
    assert run("cut", None) == whole


def test_a_mask_in_place_of_the_last_row_only_answers_by_causes(tmp_path):
    """Trained where company agrees with cause, the mask's model cannot have used the company."""
    lm = masked(game(), model("scratch:1x16,heads=2,tokens=stg/400", torch.float32))
    rows = [as_row(person) for person in drawn("train", 9)]
    train(lm, rows, game(), settings=settings(), seed=0, folder=tmp_path)
    person = drawn("iid", 1)[0]
    text = as_row(person)["text"].removesuffix(person.risk).strip()
    other = text.replace(f"Hormones: {person.values['Hormones']}", "Hormones: 5")
    assert text != other or person.values["Hormones"] == 5
    assert torch.equal(*(lm.model(tokens(lm, each)).logits[0, -1] for each in (text, other)))


# what is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knobs", "problem"),
    [
        ({"graph": "A -> B -> A"}, "graph: the graph has a cycle: A -> B -> A"),
        ({"graph": "A -- B"}, "a causal graph says which way"),
        ({"graph": "A ->"}, "a name is missing"),
        ({"graph": ""}, 'is empty; write "A -> B; C"'),
        ({"graph": "A -> B", "variables": {"C": "c"}}, "variables: 'C' is not in the graph"),
        ({"graph": "A -> B", "variables": {"B": "(b"}}, r"variables: B = '\(b' is no regular expression"),
        ({"graph": "A -> B", "variables": {"B": "b*"}}, "also fits where nothing stands"),
        ({"graph": "A -> B", "strength": -1.0}, "a number from 0 to 1000, not -1.0"),
        ({"graph": "A -> B", "strength": "soft"}, "hard"),
        ({"graph": "A -> B", "backend": "flash"}, "sdpa"),
        ({"graph": "A -> B", "over": "children"}, "ancestors"),
        ({}, "is required"),
    ],
)
def test_wrong_knobs_cost_one_clear_line(knobs, problem):
    made, problems = build(resolve("method", "pretrain.attention.dag"), knobs)
    assert made is None
    assert re.search(problem, problems[0][1])
    assert "\n" not in problems[0][1]


def test_spans_that_the_graph_or_the_text_does_not_know():
    lm = model()
    plan = planned(lm, [as_row(person) for person in drawn("train", 3)])
    for method, problem in (
        (DAG(graph="Smoking -> Risk; Hormone"), "spans of 'Certain gene', which is not in the graph"),
        (DAG(graph=game().graph), "would find 2.% of the rows' tokens of 'Risk'"),
    ):
        masked(method, lm)
        with pytest.raises(UserError, match=problem):
            method.attach(lm, plan, generator(0, "a"))
        remove(lm.model)


def test_rows_that_do_not_fit_are_refused_before_anything_is_loaded():
    people = [as_row(person) for person in drawn("train", 3)]
    DAG(graph=game().graph).fits(people)
    DAG(graph="A -> B", strength=0).fits(people)
    with pytest.raises(UserError, match="spans of 'Certain gene', which is not in the graph"):
        DAG(graph="Smoking -> Risk").fits(people)
    with pytest.raises(UserError, match="no row has links"):
        DAG(graph="links").fits([{"text": "a"}])
    spans = [[0, 1, "A"], [2, 3, "B"]]
    with pytest.raises(GraphError, match="cycle"):
        DAG(graph="links").fits([{"spans": spans, "links": [[0, 1], [1, 0]]}])


def test_links_that_are_no_graph():
    spans = [[0, 1, "A"], [2, 3, "B"]]
    with pytest.raises(GraphError, match="cycle"):
        linked([{"spans": spans, "links": [[0, 1]]}, {"spans": spans, "links": [[1, 0]]}])
    with pytest.raises(UserError, match=r"row 1 .counted from 1.: a link of a DAG mask joins spans with names"):
        linked([{"spans": [[0, 1], [2, 3, "B"]], "links": [[0, 1]]}])
    with pytest.raises(UserError, match="no row has links"):
        linked([{"text": "a"}])


def test_embeddings_and_foreign_caches_are_refused():
    lm = masked(DAG(graph=GRAPH))
    with pytest.raises(UserError, match="reads input_ids"):
        lm.model(inputs_embeds=torch.zeros((1, 3, 16), dtype=torch.float64))
    plain = model()
    past = plain.model(tokens(lm, "Age: 7"), use_cache=True).past_key_values
    with pytest.raises(UserError, match="not filled under the DAG mask"):
        lm.model(tokens(lm, ","), past_key_values=past)
