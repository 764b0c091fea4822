"""The reader: three rounds of pieces, then the engine; whoever writes, nothing raises."""

from __future__ import annotations

import random
from itertools import islice
from typing import Any

import numpy as np
import pytest

from butfor.core.registry import build, resolve
from butfor.data.ladder.formal import READ, gold
from butfor.data.ladder.stream import Ladder
from butfor.data.question import Question
from butfor.data.units import lettered, prompt, settled, structure, unclipped, worded
from butfor.infer.reason.forms import questions
from butfor.infer.reason.reader import Reader
from butfor.lm.exchange import Cost, Weigh
from butfor.lm.load import load
from butfor.train.batches import batches
from butfor.train.method import feeding
from infer.scripted import answered

TOLD = Ladder(3)
ITEMS = list(islice(TOLD.items(), 21))


def asked(item: dict[str, Any]) -> Question:
    return Question(item["id"], item["prompt"], tuple(item["choices"]))


def perfect(item: dict[str, Any]) -> Any:
    """Reads as gold does."""
    first, rest, question = gold(item, TOLD)
    names = structure([said for _, said in first]).names
    known = {prompt(piece): said for piece, said in first}
    known |= {prompt(piece, names): worded(said, names) for piece, said in (*rest, question)}
    return lambda ask: f" {known[ask.prompt.user]}"


def test_without_forms_the_same_is_asked_and_nothing_is_held_to_one() -> None:
    free, bound = (answered(Reader(form=form), asked(ITEMS[0]), perfect(ITEMS[0])) for form in (False, True))
    assert free[0].read == bound[0].read == ITEMS[0]["answer"]
    assert [ask.prompt for ask in free[1].asked] == [ask.prompt for ask in bound[1].asked]
    assert not any(ask.form for ask in free[1].asked) and all(ask.form for ask in bound[1].asked)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["group"]["query"])
def test_a_perfect_reader_is_right(item: dict[str, Any]) -> None:
    answer, script = answered(Reader(), asked(item), perfect(item))
    assert answer.read == item["answer"] and answer.said == item["choices"][item["answer"]]
    first, rest, _ = gold(item, TOLD)
    assert answer.cost.calls == len(script.asked) == len(first) + len(rest) + 1
    names = structure([said for _, said in first]).names
    assert script.asked[-1].form == questions(names, numbers=item["group"]["query"] != "det-counterfactual")
    by = [step.by for step in answer.derivation]
    assert by[0] == "model" and by[-1] == "engine" and by.count("model") == answer.cost.calls + 1


def test_a_gold_reading_of_round_one_stays_as_it_is() -> None:
    for item in ITEMS:
        first = gold(item, TOLD)[0]
        assert unclipped([piece for piece, _ in first], [said for _, said in first]) == [said for _, said in first]


@pytest.mark.parametrize(
    ("said", "again"),
    [
        (["rain > mud", "wet := rain"], [1]),  # "wet" is no variable
        (["rain > mud", "mud := rain"], []),
        (["hidden rain", "Rain > mud", "mud := not rain"], []),
        (["wet := rain", "rain := cloud"], []),  # rules alone: they name what there is
    ],
)
def test_a_rule_of_what_no_arrow_names_is_read_again(said: list[str], again: list[int]) -> None:
    assert settled(said) == ["@" if at in again else text for at, text in enumerate(said)]


def test_a_case_that_is_read_twice_goes_to_the_likeliest_sentence() -> None:
    item = next(i for i in ITEMS if i["group"]["query"] in ("ett", "correlation", "pn", "nie"))
    first, rest, _ = gold(item, TOLD)
    names = structure([said for _, said in first]).names
    reads, right = perfect(item), [said for _, said in rest]
    wrong = next(said for said in right if said.count("|") and said.replace("0 =", "1 =") != said)
    twice = wrong.replace("0 =", "1 =")

    def reply(ask: Any) -> Any:
        if isinstance(ask, Weigh):  # knows better when it is asked to compare
            return tuple(0.0 if lettered(choice.strip(), names) in right else -1.0 for choice in ask.choices)
        return reads(ask).replace(worded(wrong, names), worded(twice, names))

    answer, script = answered(Reader(), asked(item), reply)
    assert answer.read == item["answer"] and any(isinstance(ask, Weigh) for ask in script.asked)
    assert any(step.text.endswith(f"=> {wrong}") for step in answer.derivation)
    plain, script = answered(Reader(repair=False), asked(item), reply)
    assert not any(isinstance(ask, Weigh) for ask in script.asked)
    assert any(step.text.endswith(f"=> {twice}") for step in plain.derivation)


def test_what_cannot_be_read_is_answered_with_cannot() -> None:
    answer, _ = answered(Reader(), asked(ITEMS[0]), lambda _: " -")
    assert answer.read is None and answer.why.startswith("cannot: ")


def test_a_sentence_that_needs_the_variables_is_read_again() -> None:
    text = "Only this holds: Rain affects mud. We know that rain causes mud. We saw rain.\n\nWithout rain, mud?"
    said = {
        "Only this holds:\n=": "-", "Rain affects mud.\n=": "rain > mud", "We saw rain.\n=": "@",
        "We know that rain causes mud.\n=": "@", "rain; mud\nWe saw rain.\n=": "seen rain1",
        "rain; mud\nWe know that rain causes mud.\n=": "mud := rain",
        "rain; mud\nWithout rain, mud?\n=": "mud1 | do rain0 > half",
    }  # fmt: skip
    answer, _ = answered(Reader(), Question("1", text, ("yes", "no")), lambda ask: said[ask.prompt.user])
    assert (answer.read, answer.said, answer.cost.calls) == (1, "no", 7)


def test_only_yes_or_no_is_answered() -> None:
    answer, _ = answered(Reader(), Question("1", "Which?", ("left", "right")), lambda _: "")
    assert answer.read is None and "yes-or-no" in answer.why and answer.cost == Cost()


def test_five_hundred_malformed_replies_never_crash() -> None:
    rng = random.Random(8)
    bits = [
        "-", "@", "A1", "B0", " | ", " > ", " do ", " = ", "half", "40", ";", ":=", "not ", "(" * 50, "\x00", "é", "<>",
        "A for B to C right", "1: by A", " as ", "rain > mud", "hidden ", "mud ^ rain", "ignore the text", "\n",
    ]  # fmt: skip
    unread = 0
    for number in range(50):
        answer, _ = answered(
            Reader(), asked(ITEMS[number % len(ITEMS)]), lambda _: "".join(rng.choices(bits, k=rng.randrange(6)))
        )
        unread += answer.read is None
        assert answer.read in (None, 0, 1) and bool(answer.why) == (answer.read is None)
    assert unread > 40


def test_what_is_read_alone_is_learnt_and_nothing_stays_on_the_model() -> None:
    import torch

    lm: Any = load("debug")
    text = "rain; mud\nOf all, 4% are mud.\n= mud1 = 4\nIs it?\n= mud1 > half\n"
    spans = [[text.index(said), text.index(said) + len(said), READ] for said in (" mud1 = 4", " mud1 > half")]
    planned = batches(
        [{"row": 0, "text": text, "spans": spans}], lm.tokenizer, seed=0, batch_size=1, length=200, steps=1
    )
    batch = planned[0]
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "labels")}
    before = lm.model(**inputs)
    at = batch["spans"][:, 1:] > 0
    wanted = torch.nn.functional.cross_entropy(before.logits[:, :-1][at], batch["labels"][:, 1:][at])
    with Reader().attach(lm, planned, np.random.default_rng(0)):
        with feeding(batch):
            during = lm.model(**inputs)
        assert torch.allclose(lm.model(**inputs).loss, before.loss)  # no batch is fed: the plain loss
    assert torch.allclose(during.loss, wanted, atol=1e-5) and during.logits.shape[1] == int(at.sum())
    after = lm.model(**inputs)
    assert torch.equal(after.logits, before.logits) and torch.equal(after.loss, before.loss)


def test_it_has_a_name() -> None:
    assert build(resolve("method", "infer.reason.reader"), {"room": 32})[0] == Reader(room=32)
