"""The proxy: swapping a concept's coordinates does what changing the concept does, and nothing where it is off."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from butfor.core.errors import UserError
from butfor.experiment import load as plan
from butfor.finetune.proxy import CONCEPT, LABEL, SAID, SOURCE, WOULD, CausalProxy, Swaps, swapped, values
from butfor.lm.head import NAME as HEAD
from butfor.lm.head import decided, hang, judged, read
from butfor.lm.load import load
from butfor.lm.save import save
from butfor.train import task
from butfor.train.loop import TrainSettings, train
from butfor.train.method import touched
from butfor.train.standard import Standard

WORDS = {"food": ("tasty", "foul"), "room": ("cosy", "drab")}
VARIABLES = tuple(WORDS)
MODEL = "scratch:1x32,heads=2,tokens=bytes"
METHOD = CausalProxy(variables=VARIABLES, size=8)


def row(number: int, food: int, room: int) -> dict[str, Any]:
    """A text whose label counts how many of its two concepts are bad."""
    text = f"{WORDS['food'][food]} {WORDS['room'][room]} {number}"
    return {"id": str(number), "text": text, "label": food + room, "food": str(food), "room": str(room)}


ROWS = [row(number, *two) for number, two in enumerate(product((0, 1), repeat=2))] * 6
ROWS = [{**one, "id": str(number)} for number, one in enumerate(ROWS)]


def trained(method: Any, folder: Path, **settings: Any) -> Any:
    lm: Any = load(MODEL)
    given = {"steps": 40, "batch_size": 12, "length": 24, "learning_rate": 1e-2, "objective": "label", **settings}
    facts = train(lm, ROWS, method, settings=TrainSettings(**given), seed=0, folder=folder)
    assert np.isfinite(facts.final_loss)
    return lm


def right(lm: Any, size: int = 8) -> float:
    """How often a swap of coordinates is answered as the text with the concept swapped is labelled."""
    seen = dict(zip([r["text"] for r in ROWS], read(lm, [r["text"] for r in ROWS]), strict=True))
    mixed, wanted = [], []
    for one, other in product(ROWS[:8], ROWS[8:16]):
        for place, name in enumerate(VARIABLES):
            mine = seen[one["text"]].copy()
            mine[place * size : (place + 1) * size] = seen[other["text"]][place * size : (place + 1) * size]
            mixed.append(mine)
            wanted.append(one["label"] - int(one[name]) + int(other[name]))
    return float((decided(lm, np.array(mixed)).argmax(1) == wanted).mean())


def test_swapping_a_concept_s_coordinates_does_what_changing_it_does(tmp_path: Path) -> None:
    plain, proxy = trained(Standard(), tmp_path / "plain"), trained(METHOD, tmp_path / "proxy")
    assert right(proxy) > 0.95 and right(plain) < 0.8
    texts = [one["text"] for one in ROWS]
    assert (judged(proxy, texts, ["0", "1", "2"], 24).argmax(1) == [one["label"] for one in ROWS]).mean() > 0.95


def test_strength_zero_is_plain_training_bit_for_bit(tmp_path: Path) -> None:
    off = CausalProxy(variables=VARIABLES, strength=0)
    assert touched(off) == frozenset() and touched(METHOD) == {"data", "attach", "loss"}
    plain, same = trained(Standard(), tmp_path / "plain", steps=3), trained(off, tmp_path / "same", steps=3)
    assert same.fingerprint() == plain.fingerprint()


def test_a_black_box_is_learnt_instead_of_the_labels(tmp_path: Path) -> None:
    box = trained(Standard(), tmp_path / "box", steps=40)
    save(box, tmp_path / "model")
    method = CausalProxy(variables=VARIABLES, size=8, versions=2, blackbox=str(tmp_path / "model"))
    made = method.data(ROWS, np.random.default_rng(0))
    said = judged(box, [one["text"] for one in made], ["0", "1", "2"], 24)
    odds = np.exp(said) / np.exp(said).sum(1, keepdims=True)
    assert np.array([[one[f"{SAID}{n}"] for n in range(3)] for one in made]) == pytest.approx(odds, abs=1e-5)
    assert all(abs(sum(one[f"{WOULD}{n}"] for n in range(3)) - 1) < 1e-6 for one in made)
    wrong = [{**one, "label": 2 - one["label"]} for one in ROWS]  # what the rows say is not asked
    lm: Any = load(MODEL)
    settings = TrainSettings(steps=60, batch_size=12, length=24, learning_rate=1e-2, objective="label")
    train(lm, wrong, method, settings=settings, seed=0, folder=tmp_path / "proxy")
    texts = [one["text"] for one in ROWS]
    assert (judged(lm, texts, ["0", "1", "2"], 24).argmax(1) == said[::2].argmax(1)).mean() > 0.9
    assert method.rests_on and not METHOD.rests_on


def test_rows_are_drawn_as_the_equation_says() -> None:
    known = values(ROWS, VARIABLES)
    made = CausalProxy(variables=VARIABLES, versions=3).data([{**r, "row": n} for n, r in enumerate(ROWS)],
                                                             np.random.default_rng(0))  # fmt: skip
    assert len(made) == 3 * len(ROWS) and [one["row"] for one in made[::3]] == list(range(len(ROWS)))
    told = {one["text"]: own for one, own in zip(ROWS, known, strict=True)}
    for one in made:
        concept, own = one[CONCEPT], known[one["row"]]
        new = told[one["beside"][SOURCE]["text"]][concept]
        would = [*own[:concept], new, *own[concept + 1 :]]
        assert new != own[concept] and one[LABEL] == sum(int(str(value)) for value in would)
    assert {one[CONCEPT] for one in made} == {0, 1}


def test_the_nearest_text_stands_in_where_none_is_alike() -> None:
    known = [(0, 0, 0), (1, 1, 1), (1, 0, 1)]
    draws = [Swaps(known).draw(known[0], np.random.default_rng(seed)) for seed in range(40)]
    assert all(other == 2 for concept, _, other in draws if concept == 0)
    assert {source for concept, source, _ in draws if concept == 0} == {1, 2}


def test_only_a_concept_s_own_coordinates_are_swapped() -> None:
    one, other = torch.zeros(2, 7), torch.ones(2, 7)
    assert swapped(one, other, torch.tensor([0, 2]), 2).tolist() == [[1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0]]


@pytest.mark.parametrize("blackbox", ["", "debug"])
def test_its_gradient_goes_through_the_text_the_source_and_the_head(blackbox: str) -> None:
    torch.manual_seed(0)
    model, linear = torch.nn.Module(), torch.nn.Linear(6, 3)
    del linear.weight, linear.bias
    linear.bias = None
    setattr(model, HEAD, torch.nn.Sequential(torch.nn.Tanh(), linear))
    said = {f"{name}{n}": torch.rand(4).double() for name in (SAID, WOULD) for n in range(3)} if blackbox else {}
    concept, would = torch.tensor([0, 1, 1, 0]), torch.tensor([2, 0, 1, 1])
    method = CausalProxy(variables=VARIABLES, size=2, strength=0.7, blackbox=blackbox)

    def loss(own: torch.Tensor, source: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        linear.weight = weight  # type: ignore[assignment]
        batch = {"features": own, "label": torch.tensor([0, 1, 2, 0]), f"{SOURCE}.features": source, **said}
        outputs = task.read(model, batch)
        return method.loss(model, {**batch, CONCEPT: concept, LABEL: would}, outputs)  # type: ignore[arg-type]

    given = [torch.randn(*size, dtype=torch.float64, requires_grad=True) for size in ((4, 6), (4, 6), (3, 6))]
    assert torch.autograd.gradcheck(loss, given)
    slope = torch.autograd.grad(loss(*given), given[1])[0]  # of the source: the concept's own coordinates alone
    place = torch.arange(6) // 2
    assert torch.equal(slope != 0, place[None] == concept[:, None])


@pytest.mark.parametrize("variables", [(), ("food", "food")])
def test_variables_are_needed_and_differ(variables: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="variables"):
        CausalProxy(variables=variables)
    with pytest.raises(ValueError, match="nowhere"):
        CausalProxy(variables=("food",), blackbox="nowhere")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([{**ROWS[0], "food": None}], "row 0 has nothing in its column 'food'"),
        (ROWS[:1] * 3, "on every row"),
        ([{"text": "a"}], "it has: none"),
    ],
)
def test_rows_without_concepts_are_refused(rows: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        METHOD.fits(rows)


def test_a_model_with_too_few_coordinates_is_refused(tmp_path: Path) -> None:
    wide = CausalProxy(variables=VARIABLES, size=40)
    with pytest.raises(UserError, match="40 coordinates are 80"):
        trained(wide, tmp_path, steps=1)
    settings = TrainSettings(steps=1, objective="label")
    told = wide.suits(settings, ROWS, MODEL)  # by the model's name, before anything is loaded
    assert told.endswith(f"{MODEL} has 32: set size to 16 or less, or take a wider model")
    assert not METHOD.suits(settings, ROWS, MODEL) and not wide.suits(settings, ROWS, "")


def test_too_few_coordinates_are_refused_before_the_control_arm_is_trained(tmp_path: Path) -> None:
    corpus = tmp_path / "rows.jsonl"
    corpus.write_text("".join(json.dumps(one) + "\n" for one in ROWS), encoding="utf-8")
    knobs = {"method": "finetune.proxy", "variables": list(VARIABLES), "size": 40}
    spec = {"name": "wide", "model": MODEL, "seeds": [0], "budget": {"steps": 1}, "treatment": knobs,
            "train": {"corpus": str(corpus), "objective": "label"},
            "measure": [{"suite": "text.perplexity", "primary": True}]}  # fmt: skip
    with pytest.raises(UserError, match=r"treatment\.method: proxy: 2 concepts of 40 coordinates are 80"):
        plan(spec)


def test_a_black_box_of_other_classes_is_refused(tmp_path: Path) -> None:
    box: Any = load(MODEL)
    hang(box, 4, 24, 0)
    save(box, tmp_path / "box")
    method = CausalProxy(variables=VARIABLES, size=8, blackbox=str(tmp_path / "box"))
    with pytest.raises(UserError, match="knows 4 classes, and the rows have 3; give one that was trained on their"):
        method.fits(ROWS)  # before anything is loaded
    rows = [{**one, "options": list("abcd")} for one in ROWS]  # four answers, of which three are ever right
    method.fits(rows)
    settings = TrainSettings(steps=1, batch_size=2, length=24, objective="label")
    with pytest.raises(UserError, match=f"tells 4 classes apart, and the head of {MODEL} 3; give rows with all"):
        train(load(MODEL), rows, method, settings=settings, seed=0, folder=tmp_path)  # type: ignore[arg-type]
