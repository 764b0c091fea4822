"""The in-context task, against a plain loop and exact enumeration; its corpora and the disentangled transformer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.data.corpora import rows
from butfor.data.in_context import (
    ALPHA,
    LENGTH,
    LETTERS,
    ROOT,
    best,
    draws,
    filled,
    frequencies,
    marked,
    parents,
    replanted,
    told,
)
from butfor.lm.load import load


def test_a_text_is_filled_along_its_graph() -> None:
    drawn, tree = draws("test", 40), parents("tree")
    letters = filled(drawn, tree)
    for n in range(40):
        found: list[int] = []
        for at in range(LENGTH + 1):
            law = np.full(4, 0.25) if tree[at] == ROOT else drawn.laws[n, found[tree[at]]]
            found.append(min(int(np.searchsorted(law.cumsum(), drawn.uniform[n, at])), 3))
        assert found == letters[n].tolist()
    assert [len(text) for text in told(letters)] == [LENGTH + 1] * 40
    assert (draws("test", 10).laws == drawn.laws[:10]).all() and not (draws("dev", 10).laws == drawn.laws[:10]).all()


@pytest.mark.parametrize("graph", ["tree", "chain", "lag"])
def test_parents_come_before_and_the_last_letter_is_free(graph: Any) -> None:
    found = parents(graph)
    assert (found < np.arange(LENGTH + 1)).all()
    assert np.flatnonzero(found == ROOT).tolist() == [0, LENGTH - 1] and found[LENGTH] == LENGTH - 1
    if graph != "tree":
        assert found[5] == 5 - {"chain": 1, "lag": 2}[graph]
    assert (parents("tree", 1) != parents("tree")).any()


def test_the_best_guess_is_the_mean_of_the_posterior() -> None:
    drawn, tree = draws("test", 3), parents("tree")
    letters = filled(drawn, tree)
    rng = np.random.default_rng(0)
    laws = rng.dirichlet([ALPHA] * 4, size=(200_000, 4))  # from the prior, weighed by how likely they make the text
    for n in range(3):
        edges = [(letters[n, tree[at]], letters[n, at]) for at in range(LENGTH) if tree[at] != ROOT]
        weight = np.prod([laws[:, a, b] for a, b in edges], axis=0)
        wanted = weight @ laws[:, letters[n, LENGTH - 1]] / weight.sum()
        assert 1 / ((weight / weight.sum()) ** 2).sum() > 500  # enough of them count
        assert best(letters, tree)[n] == pytest.approx(wanted, abs=0.03)


def test_knowing_the_graph_pays() -> None:
    drawn, tree = draws("dev", 500), parents("tree")
    letters = filled(drawn, tree)
    law = drawn.laws[np.arange(500), letters[:, LENGTH - 1]]
    losses = [-(law * np.log(guess)).sum(1).mean() for guess in (best(letters, tree), frequencies(letters))]
    other = -(law * np.log(best(letters, parents("tree", 1)))).sum(1).mean()
    assert losses[0] < losses[1] - 0.2 and losses[0] < other - 0.2


def test_the_corpora_and_the_same_text_under_another_graph() -> None:
    own = rows("in-context")
    assert all(set(row["text"]) <= set(LETTERS) and row["answer_at"] == LENGTH for row in own)
    given = [own[3], own[2]]
    twins = replanted(given, parents("tree"))
    assert [row["id"] for row in twins] == [row["id"] for row in given]
    assert twins[0]["text"] == told(filled(draws("train", 6), parents("tree")))[3] != given[0]["text"]
    planted = rows("in-context-tree")
    assert planted == marked() and all(len(row["links"]) == LENGTH - 2 for row in planted)
    with pytest.raises(UserError, match="have no law"):
        replanted([{"text": "abc"}], parents("tree"))


def test_a_disentangled_transformer_is_its_equation() -> None:
    import torch

    lm: Any = load("disentangled:2,heads=2,context=6", seed=1)
    ids = torch.tensor(lm.tokenizer(["abcd", "ddca"])["input_ids"])
    assert ids.tolist() == [[3, 4, 5, 6], [6, 6, 5, 3]]
    with torch.no_grad():
        stream = torch.cat([torch.eye(7)[ids], torch.eye(6)[:4].expand(2, 4, 6)], -1)
        for heads in lm.model.model.layers:
            parts = [stream]
            for head in heads:
                scores = stream @ head.table @ stream.transpose(1, 2)
                parts.append(scores.masked_fill(torch.ones(4, 4).triu(1).bool(), -1e30).softmax(-1) @ stream)
            stream = torch.cat(parts, -1)
        wanted = stream @ lm.model.head.weight.T
        out = lm.model(ids, labels=ids)
    assert torch.allclose(out.logits, wanted, atol=1e-6)
    assert float(out.loss) == pytest.approx(
        float(torch.nn.functional.cross_entropy(wanted[:, :-1].flatten(0, 1), ids[:, 1:].flatten()))
    )
    assert not lm.hooked and not lm.is_encoder and lm.context == 6
    other: Any = load("disentangled:2,heads=2,context=6", seed=2)
    assert other.fingerprint() != lm.fingerprint() == load("disentangled:2,heads=2,context=6", seed=1).fingerprint()


def test_padding_changes_nothing() -> None:
    import torch

    lm: Any = load("disentangled:1")
    with torch.no_grad():
        alone = lm.model(torch.tensor([[3, 4]])).logits
        padded = lm.model(torch.tensor([[3, 4, 0]]), attention_mask=torch.tensor([[1, 1, 0]])).logits
    assert torch.allclose(alone, padded[:, :2], atol=1e-7)


def test_a_character_that_is_no_letter_costs_one_line() -> None:
    lm: Any = load("disentangled:1")
    read = lm.tokenizer(["abcd", "abxd"], return_tensors="pt")
    with pytest.raises(UserError, match="none of this model's letters") as caught:
        lm.model(**{key: read[key] for key in ("input_ids", "attention_mask")})
    assert "\n" not in str(caught.value)
    lm.model(input_ids=read["input_ids"][:1], attention_mask=read["attention_mask"][:1])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("disentangled:x", "describes no model"),
        ("disentangled:2,head=2", "did you mean 'heads'"),
        ("disentangled:2,heads=0", "heads is a whole number"),
        ("disentangled:2,letters=aa", "letters differ"),
        ("disentangled:9,heads=3", "wider than"),
    ],
)
def test_a_name_that_means_nothing_says_what_would(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        load(name)
    assert "\n" not in str(caught.value)
