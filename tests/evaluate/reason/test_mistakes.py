"""Mistakes on CLadder's worlds: small worlds of ours in which each mistake is known by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from butfor.data.cladder import CladderRow, cladder
from butfor.evaluate.reason.mistakes import mistakes
from butfor.evaluate.verify_cladder import Exact

from ..cladder_worlds import question, write  # noqa: TID252

# V1 makes X and Y likely; X itself makes Y a little less likely: seen together, X and Y rise; done, X lowers Y
CONFOUNDED = {
    "model_id": 1, "graph_id": "confounding", "equation_type": "bernoulli", "structure": "V1->X,V1->Y,X->Y",
    "params": {"p(V1)": [0.5], "p(X | V1)": [0.1, 0.9], "p(Y | V1, X)": [[0.2, 0.1], [0.9, 0.8]]}, "groundtruth": {},
}  # fmt: skip
# X raises V2, V2 lowers Y, X raises Y by more
MEDIATED = {
    "model_id": 2, "graph_id": "mediation", "equation_type": "bernoulli", "structure": "X->V2,X->Y,V2->Y",
    "params": {"p(X)": [0.9], "p(V2 | X)": [0.2, 0.8], "p(Y | X, V2)": [[0.3, 0.1], [0.9, 0.7]]}, "groundtruth": {},
}  # fmt: skip
COLLIDER = {
    "model_id": 3, "graph_id": "collision", "equation_type": "bernoulli", "structure": "X->V3,Y->V3",
    "params": {"p(X)": [0.5], "p(Y)": [0.5], "p(V3 | X, Y)": [[0.1, 0.9], [0.9, 0.95]]}, "groundtruth": {},
}  # fmt: skip
CERTAIN = {
    "model_id": 4, "graph_id": "chain", "equation_type": "deterministic", "structure": "X->V2,V2->Y",
    "params": {"p(X)": [0.5], "p(V2 | X)": [0, 1], "p(Y | V2)": [0, 1]}, "groundtruth": {},
}  # fmt: skip


def row(folder: Path, world: int, kind: str, answer: str, **meta: Any) -> CladderRow:
    file = write(folder, [CONFOUNDED, MEDIATED, COLLIDER, CERTAIN], [question(1, world, kind, answer, **meta)])
    return cladder(file)[0]


@pytest.mark.parametrize(
    ("world", "kind", "answer", "meta", "found"),
    [
        (1, "ate", "no", {}, ["ignores the intervention"]),  # "does it rise?"
        (1, "ate", "yes", {"polarity": False}, ["ignores the intervention"]),
        (1, "ett", "yes", {}, ["ignores the intervention"]),  # "more likely, had X not been?"
        (1, "ett", "no", {"polarity": False}, ["ignores the intervention"]),
        (1, "correlation", "yes", {}, ["wrong rung"]),
        (2, "ate", "yes", {}, []),
        (2, "nie", "no", {"mediators": ["V2"]}, ["takes the total effect", "takes the other path"]),
        (2, "nde", "yes", {"mediators": ["V2"]}, ["takes the other path"]),
        (2, "marginal", "yes", {}, ["arithmetic"]),  # 0.9 × 0.74 + 0.1 × 0.26 > 0.5 = their mean
        (3, "collider_bias", "no", {"collider": "V3"}, ["conditions on a collider"]),
        (3, "collider_bias", "yes", {"collider": "V3", "polarity": False}, ["conditions on a collider"]),
        (3, "exp_away", "yes", {"collider": "V3", "polarity": False}, ["ignores what is given"]),
        (3, "exp_away", "no", {"collider": "V3"}, []),
        (4, "det-counterfactual", "yes", {"action": 1, "polarity": 1}, ["ignores the intervention"]),
        (1, "backadj", "yes", {"given_info": [["V1"], []]}, ["leaves a confounder open"]),
        (1, "backadj", "no", {"given_info": [[], ["V1"]]}, ["leaves a confounder open"]),
        (2, "backadj", "no", {"given_info": [["V2"], []]}, ["adjusts for a mediator"]),
        (3, "backadj", "no", {"given_info": [["V3"], []]}, ["conditions on a collider"]),
        (2, "backadj", "no", {"given_info": [[], ["V2"]]}, []),  # a wrong answer for which there is no name
    ],
)
def test_each_mistake_by_hand(
    tmp_path: Path, world: int, kind: str, answer: str, meta: dict[str, Any], found: list[str]
) -> None:
    assert mistakes(row(tmp_path, world, kind, answer, **meta), Exact()) == found


def test_ignoring_the_intervention_is_the_sign_of_the_numbers_in_the_text(public) -> None:
    """An independent recount: published P(Y=1 | X=1) - P(Y=1 | X=0) against the gold answer of every ate question."""
    public("cladder")
    root = Path(os.environ["BUTFOR_DATA"]) / "cladder"
    worlds = {w["model_id"]: w["groundtruth"] for w in json.loads((root / "test-model-meta.json").read_text())}
    raw = {q["question_id"]: q for q in json.loads((root / "test-generate-hard.json").read_text())}
    exact, seen = Exact(), 0
    for found in cladder(part="hard"):
        told = worlds[raw[found.id]["meta"]["model_id"]]
        if found.kind != "ate" or found.world.name == "arrowhead":  # its published P(Y | X) is not the exact one
            continue
        rises = told["P(Y=1 | X=1)"] > told["P(Y=1 | X=0)"]
        lured = ("yes" if rises == found.polarity else "no") != found.answer
        assert mistakes(found, exact) == (["ignores the intervention"] if lured else [])
        seen += lured
    assert seen > 5
