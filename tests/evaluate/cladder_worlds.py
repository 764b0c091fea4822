"""Small CLadder files of our own, and brute force over whole worlds: it shares no code with the verifier."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from butfor.evaluate.verification import Verification
from butfor.evaluate.verify_cladder import verify_cladder

GRAPHS = {
    "mediation": ("X->V2,X->Y,V2->Y", {"p(X)": 1, "p(V2 | X)": 2, "p(Y | X, V2)": 4}),
    "fork": ("X->Y,V2->Y", {"p(V2)": 1, "p(X)": 1, "p(Y | X, V2)": 4}),
    "diamondcut": ("V1->V3,V1->X,X->Y,V3->Y", {"p(V1)": 1, "p(V3 | V1)": 2, "p(X | V1)": 2, "p(Y | X, V3)": 4}),
    "diamond": ("X->V3,X->V2,V2->Y,V3->Y", {"p(X)": 1, "p(V3 | X)": 2, "p(V2 | X)": 2, "p(Y | V2, V3)": 4}),
    "collision": ("X->V3,Y->V3", {"p(Y)": 1, "p(X)": 1, "p(V3 | X, Y)": 4}),
    "IV": ("V1->X,V2->X,V1->Y,X->Y", {"p(V2)": 1, "p(V1)": 1, "p(X | V1, V2)": 4, "p(Y | V1, X)": 4}),
    "chain": ("X->V2,V2->Y", {"p(X)": 1, "p(V2 | X)": 2, "p(Y | V2)": 2}),
    "arrowhead": (
        "X->V3,V2->V3,X->Y,V2->Y,V3->Y",
        {"p(V2)": 1, "p(X)": 1, "p(V3 | X, V2)": 4, "p(Y | X, V2, V3)": 8},
    ),
    "confounding": ("V1->X,V1->Y,X->Y", {"p(V1)": 1, "p(X | V1)": 2, "p(Y | V1, X)": 4}),
    "frontdoor": ("V1->X,X->V3,V1->Y,V3->Y", {"p(V1)": 1, "p(X | V1)": 2, "p(V3 | X)": 2, "p(Y | V1, V3)": 4}),
}


@cache
def verified() -> Verification:
    """The verdicts on the five files of this machine, computed once."""
    return verify_cladder()


def random_world(name: str, number: int, seed: int) -> dict[str, Any]:
    """A world on one of the ten graphs, with probabilities in thousandths."""
    rng = np.random.default_rng(seed)
    structure, shapes = GRAPHS[name]
    params = {
        key: np.round(rng.uniform(0.05, 0.95, size), 3).reshape((2,) * (size.bit_length() - 1)).tolist()
        for key, size in shapes.items()
    }
    return {
        "model_id": number,
        "graph_id": name,
        "equation_type": "bernoulli",
        "structure": structure,
        "params": {key: [value] if isinstance(value, float) else value for key, value in params.items()},
        "groundtruth": {},
    }


def write(folder: Path, models: list[dict[str, Any]], questions: list[dict[str, Any]], part: str = "easy") -> Path:
    (folder / "test-model-meta.json").write_text(json.dumps(models), encoding="utf-8")
    file = folder / f"test-generate-{part}.json"
    file.write_text(json.dumps(questions, indent=1), encoding="utf-8")
    return file


def question(number: int, world: int, kind: str, answer: str, published: Any = 0.0, **meta: Any) -> dict[str, Any]:
    """A question of ours about a world."""
    return {
        "question_id": number,
        "question": f"Is it so, says question {number}?",
        "given_info": "",
        "answer": answer,
        "meta": {
            "query_type": kind,
            "model_id": world,
            "polarity": True,
            "groundtruth": published,
            "treatment": "X",
            "outcome": "Y",
            "given_info": {},
            **meta,
        },
    }


class Brute:
    """One world by enumeration: the joint in fractions, counterfactuals over response functions."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.parents: dict[str, list[str]] = {}
        self.one: dict[str, Any] = {}
        left = dict(params)
        while left:
            for key in list(left):
                name, above = re.fullmatch(r"p\((\w+)(?: \| (.+))?\)", key).groups()  # type: ignore[union-attr]
                causes = above.split(", ") if above else []
                if set(causes) <= set(self.parents):
                    self.parents[name], self.one[name] = causes, np.array(left.pop(key), dtype=object)
                    self.one[name] = self.one[name].reshape((2,) * len(causes))

    def entry(self, name: str, value: int, case: Mapping[str, int]) -> Fraction:
        one = Fraction(float(self.one[name][tuple(case[cause] for cause in self.parents[name])]))
        return one if value else 1 - one

    def cases(self, do: Mapping[str, int]) -> Iterator[tuple[dict[str, int], Fraction]]:
        for values in product((0, 1), repeat=len(self.parents)):
            case, weight = dict(zip(self.parents, values, strict=True)), Fraction(1)
            for name, value in case.items():
                weight *= self.entry(name, value, case) if name not in do else int(do[name] == value)
            yield case, weight

    def p(self, event: Mapping[str, int], given: Mapping[str, int] | None = None, **do: int) -> Fraction:
        seen = [(case, w) for case, w in self.cases(do) if (given or {}).items() <= case.items()]
        return sum(w for case, w in seen if event.items() <= case.items()) / sum(w for _, w in seen)

    def ate(self) -> Fraction:
        return self.p({"Y": 1}, X=1) - self.p({"Y": 1}, X=0)

    def units(self) -> Iterator[tuple[dict[str, dict[tuple[int, ...], int]], float]]:
        """Every way in which all variables may respond to their causes, answers to different causes independent."""
        choices = []
        for name, causes in self.parents.items():
            places = list(product((0, 1), repeat=len(causes)))
            options = []
            for answers in product((0, 1), repeat=len(places)):
                weight = 1.0
                for place, answer in zip(places, answers, strict=True):
                    weight *= float(self.entry(name, answer, dict(zip(causes, place, strict=True))))
                options.append((name, dict(zip(places, answers, strict=True)), weight))
            choices.append(options)
        for chosen in product(*choices):
            yield {name: answers for name, answers, _ in chosen}, float(np.prod([weight for *_, weight in chosen]))

    def respond(
        self, unit: Mapping[str, Any], do: Mapping[str, int], held: Mapping[str, int] | None = None
    ) -> dict[str, int]:
        """The values of a unit under `do`; `held` replaces what Y's mechanism reads."""
        case: dict[str, int] = {}
        for name, causes in self.parents.items():
            source = {**case, **(held or {})} if name == "Y" else case
            case[name] = do[name] if name in do else unit[name][tuple(source[cause] for cause in causes)]
        return case

    def counterfactuals(self) -> dict[str, float]:
        """ett, nde and nie by their definitions, unit by unit."""
        ett = seen = nde = nie = 0.0
        for unit, weight in self.units():
            plain, up, down = (self.respond(unit, do) for do in ({}, {"X": 1}, {"X": 0}))
            seen += weight * plain["X"]
            ett += weight * plain["X"] * (up["Y"] - down["Y"])
            between = [name for name in self.parents if name not in ("X", "Y")]
            direct = self.respond(unit, {"X": 1}, {name: down[name] for name in between})
            through = self.respond(unit, {"X": 0}, {name: up[name] for name in between})
            nde += weight * (direct["Y"] - down["Y"])
            nie += weight * (through["Y"] - down["Y"])
        return {"ett": ett / seen, "nde": nde, "nie": nie}
