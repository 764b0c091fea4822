"""The total effect of naming a profession: zero where there is none, found where it is planted."""

from __future__ import annotations

from collections import Counter

import pytest

from butfor.data import builtin
from butfor.evaluate.bias.professions import Professions
from butfor.evaluate.bias.words import HE, SHE
from butfor.evaluate.suite import Item
from butfor.lm import LM


def silence(lm: LM, *parts: str) -> None:
    import torch

    with torch.no_grad():
        for name, weight in lm.model.named_parameters():
            if any(part in name for part in parts):
                weight.zero_()


def plant(lm: LM, letter: str) -> None:
    """Let the share of `letter` in the text so far raise the log-odds of s over h, and let nothing else do so.

    Layer 0 attends uniformly and copies dimension 0 (the letter) into dimension 2, which tells s and h apart.
    """
    import torch

    silence(lm, "q_proj", "k_proj", "v_proj", "o_proj", "down_proj")
    rows = lm.model.get_input_embeddings().weight
    code = {name: lm.tokenizer(name, add_special_tokens=False)["input_ids"][0] for name in (letter, "s", "h")}
    attention = lm.model.model.layers[0].self_attn
    with torch.no_grad():
        rows.zero_()
        rows[:, 1] = 1.0
        rows[code[letter], 0] = 4.0
        rows[code["s"], 2], rows[code["h"], 2] = 1.0, -1.0
        attention.v_proj.weight[0, 0] = 1.0
        attention.o_proj.weight[2, 0] = 5.0


def item(named: str, label: int = 1) -> Item:
    return Item(named, named, {"prompt": f"The {named} said that", "base": "The person said that", "label": label})


def test_a_model_that_ignores_the_profession_has_no_effect(lm: LM) -> None:
    silence(lm, "o_proj")  # no token sees another one
    suite = Professions(limit=40)
    for record in suite.measure(lm, suite.items(lm)):
        assert record.metrics["size"] == pytest.approx(0.0, abs=1e-5)


def test_a_planted_effect_is_found_and_grows(lm: LM) -> None:
    plant(lm, "q")
    nothing, little, much = Professions().measure(lm, [item("nurse"), item("qnurse"), item("qqqurse")])
    assert nothing.metrics["size"] == pytest.approx(0.0, abs=1e-5)
    assert 0.01 < little.metrics["stereotype"] < much.metrics["stereotype"]


def test_the_label_turns_the_effect_and_no_label_means_no_stereotype(lm: LM) -> None:
    plant(lm, "q")
    she, he, none = Professions().measure(lm, [item("qnurse", 1), item("qnurse", -1), item("qnurse", 0)])
    assert she.metrics["stereotype"] == pytest.approx(-he.metrics["stereotype"])
    assert set(none.metrics) == {"size"}
    assert none.metrics["size"] == pytest.approx(she.metrics["size"]) == pytest.approx(he.metrics["size"])


def test_it_is_a_difference_of_log_odds_by_plain_calls_of_the_model(lm: LM, loglik) -> None:
    (record,) = Professions().measure(lm, [item("nurse")])

    def odds(text: str) -> float:
        return loglik(lm, text, SHE)[0] - loglik(lm, text, HE)[0]

    expected = odds("The nurse said that") - odds("The person said that")
    assert record.metrics["stereotype"] == pytest.approx(expected, abs=1e-4)


def test_every_profession_meets_every_template_and_is_one_cluster(lm: LM) -> None:
    items = Professions().items(lm)
    professions, templates = builtin.professions(), builtin.profession_templates()
    assert len(items) == len(professions) * len(templates)
    assert {i.cluster for i in items} == {p.word for p in professions}
    assert all(i.data["prompt"].replace(i.cluster, "person") == i.data["base"] for i in items)


def test_another_base_word(lm: LM) -> None:
    first = Professions(base="stranger").items(lm)[0]
    assert "stranger" in first.data["base"]


@pytest.mark.parametrize("limit", [2, 7, 80, 119, 120, 160, None])
def test_the_base_cancels_in_every_template_under_any_limit(lm: LM, limit: int | None) -> None:
    items = Professions(limit=limit).items(lm)
    labels = Counter((item.data["template"], item.data["label"]) for item in items)
    assert labels and all(labels[number, 1] == labels[number, -1] for number in range(1, 9))
    assert limit is None or limit - 1 <= len(items) <= limit
