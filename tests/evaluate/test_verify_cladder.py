"""The recomputation of CLadder's answers, against brute force and against worlds whose answers are plain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MissingData
from butfor.data.cladder import FILES, META, CladderRow, cladder, worlds
from butfor.evaluate.sums import summed
from butfor.evaluate.verify_cladder import Exact, parts, verify_cladder

from .cladder_worlds import GRAPHS, Brute, question, random_world, verified, write

NAMES = list(GRAPHS)
MEDIATORS = {"mediation": ["V2"], "chain": ["V2"], "diamond": ["V2", "V3"], "arrowhead": ["V3"], "frontdoor": ["V3"]}


def rows_of(folder: Path, world: dict[str, Any], **kinds: dict[str, Any]) -> dict[str, CladderRow]:
    made = [
        question(number, world["model_id"], kind, "yes", **meta) for number, (kind, meta) in enumerate(kinds.items())
    ]
    return {row.kind: row for row in cladder(write(folder, [world], made))}


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_those_of_brute_force(name: str, tmp_path: Path) -> None:
    mediators = {"mediators": MEDIATORS.get(name, [])}
    exact = Exact()
    for seed in range(3):
        world = random_world(name, 1, seed)
        brute = Brute(world["params"])
        kinds: dict[str, dict[str, Any]] = {"marginal": {}, "correlation": {}, "ate": {}}
        truth = {
            "marginal": brute.p({"Y": 1}),
            "correlation": brute.p({"Y": 1}, {"X": 1}) - brute.p({"Y": 1}, {"X": 0}),
            "ate": brute.ate(),
        }
        if name == "collision":
            kinds["exp_away"] = {"collider": "V3"}
            truth["exp_away"] = brute.p({"Y": 1}, {"X": 1, "V3": 1}) - brute.p({"Y": 1}, {"V3": 1})
        elif name != "arrowhead" or seed == 0:  # 8,192 units
            kinds |= {"ett": {}} | ({"nde": mediators, "nie": mediators} if name in MEDIATORS else {})
            found = brute.counterfactuals()
            truth |= {kind: found[kind] for kind in kinds if kind in found}
        rows = rows_of(tmp_path, world, **kinds)
        for kind, row in rows.items():
            assert exact.number(row) == pytest.approx(float(truth[kind]), abs=1e-12), kind
            assert sum(part.value for part in parts(row)) == pytest.approx(float(truth[kind]), abs=1e-12), kind


def test_every_sum_of_the_authors_worlds_is_brute_force(public) -> None:
    public("cladder")
    known, exact = worlds(), Exact()
    from butfor.data.find import find

    params = {world["model_id"]: world["params"] for world in json.loads(find("cladder", META).read_text())}
    for number, world in known.items():
        model, brute = exact.model(world), Brute(params[number])
        assert model.p({"Y": 1}) == pytest.approx(float(brute.p({"Y": 1})), abs=1e-12)
        assert model.ate("X", "Y") == pytest.approx(float(brute.ate()), abs=1e-12)
        if not world.deterministic:
            for x in (0, 1):
                assert model.p({"Y": 1}, {"X": x}) == pytest.approx(float(brute.p({"Y": 1}, {"X": x})), abs=1e-12)


def test_every_enumeration_comes_to_the_number(public) -> None:
    public("cladder")
    known, exact = worlds(), Exact()
    for part in FILES:
        for row in cladder(part=part, known=known):
            if row.kind != "backadj":
                assert sum(p.value for p in parts(row)) == pytest.approx(exact.number(row), abs=1e-12), row.where


def test_agreement_of_the_authors_files(public) -> None:
    public("cladder")
    found = verified()
    counted = {count.kind: (count.n, count.agree, count.wrong, count.zero, count.off) for count in found.counts()}
    assert counted == {
        "marginal": (644, 636, 8, 0, 452),
        "correlation": (644, 570, 6, 68, 0),
        "exp_away": (68, 68, 0, 0, 0),
        "ate": (576, 569, 7, 0, 92),
        "backadj": (644, 610, 34, 0, 0),
        "collider_bias": (68, 68, 0, 0, 0),
        "ett": (496, 489, 7, 0, 92),
        "nde": (184, 184, 0, 0, 92),
        "nie": (328, 316, 12, 0, 92),
        "det-counterfactual": (512, 512, 0, 0, 0),
        "all": (4164, 4022, 74, 68, 820),
    }
    assert {verdict.gold for verdict in found.verdicts if verdict.state == "zero"} == {"no"}
    assert any("820 of them come out" in note for note in found.notes)
    assert json.loads(json.dumps(found.as_dict()))["verdicts"][0]["kind"] == "marginal"


# what each yes and no means, on worlds whose answer is plain ----------------------------------------------------------

UP = {"p(X)": [0.5], "p(V2 | X)": [0.2, 0.8], "p(Y | X, V2)": [[0.1, 0.4], [0.3, 0.6]]}  # all effects of X are positive


XOR = [[0, 1], [1, 0]]


def world_of(params: dict[str, Any], structure: str = "X->V2,X->Y,V2->Y", **more: Any) -> dict[str, Any]:
    return {
        "model_id": 1,
        "graph_id": "g",
        "structure": structure,
        "params": params,
        "equation_type": "bernoulli",
        **more,
    }


@pytest.mark.parametrize("kind", ["marginal", "correlation", "ate", "ett", "nde", "nie"])
@pytest.mark.parametrize("polarity", [True, False])
@pytest.mark.parametrize("gold", ["yes", "no"])
def test_the_sign_and_the_polarity_decide(kind: str, polarity: bool, gold: str, tmp_path: Path) -> None:
    asked = question(1, 1, kind, gold, polarity=polarity, mediators=["V2"])
    row = cladder(write(tmp_path, [world_of(UP)], [asked]))[0]
    verdict = Exact().verdict(row)
    positive = kind not in ("ett", "marginal")  # ett asks about the untreated; P(Y=1) is below a half here
    assert verdict.ours == ("yes" if positive == polarity else "no")
    assert verdict.state == ("agree" if verdict.ours == gold else "wrong")
    assert bool(verdict.enumeration) == (verdict.state == "wrong")


@pytest.mark.parametrize(
    ("structure", "params", "methods", "ours"),
    [
        ("V1->X,V1->Y,X->Y", {"p(V1)": 0.5, "p(X | V1)": [0.1, 0.9], "p(Y | V1, X)": XOR}, [["V1"], []], "yes"),
        ("V1->X,V1->Y,X->Y", {"p(V1)": 0.5, "p(X | V1)": [0.1, 0.9], "p(Y | V1, X)": XOR}, [[], ["V1"]], "no"),
        ("X->V2,X->Y,V2->Y", UP, [["V2"], []], "no"),
        ("X->V2,X->Y,V2->Y", UP, [[], ["V2"]], "yes"),
        ("X->Y,V2->Y", {"p(V2)": 0.5, "p(X)": 0.5, "p(Y | X, V2)": XOR}, [[], ["V2"]], "no"),
        ("X->Y,V2->Y", {"p(V2)": 0.5, "p(X)": 0.5, "p(Y | X, V2)": XOR}, [["V2"], []], "no"),
    ],
)  # fmt: skip
def test_the_back_door_criterion(structure: str, params: Any, methods: Any, ours: str, tmp_path: Path) -> None:
    asked = question(1, 1, "backadj", "yes", [], given_info=methods)
    verdict = Exact().verdict(cladder(write(tmp_path, [world_of(params, structure)], [asked]))[0])
    assert verdict.ours == ours
    if ours == "no":
        assert len(verdict.enumeration) == 2
        assert all("valid" in line for line in verdict.enumeration)


@pytest.mark.parametrize(("polarity", "ours"), [(True, "no"), (False, "yes")])
def test_a_collider_makes_no_effect(polarity: bool, ours: str, tmp_path: Path) -> None:
    asked = question(1, 1, "collider_bias", ours, "no", polarity=polarity, collider="V3")
    verdict = Exact().verdict(cladder(write(tmp_path, [random_world("collision", 1, 0)], [asked]))[0])
    assert (verdict.ours, verdict.state, verdict.exact) == (ours, "agree", pytest.approx(0, abs=1e-15))


@pytest.mark.parametrize(("gold", "state"), [("no", "zero"), ("yes", "wrong")])
def test_a_zero_is_counted_apart(gold: str, state: str, tmp_path: Path) -> None:
    asked = question(1, 1, "correlation", gold)
    verdict = Exact().verdict(cladder(write(tmp_path, [random_world("collision", 1, 0)], [asked]))[0])
    assert (verdict.ours, verdict.state) == ("no", state)


@pytest.mark.parametrize(
    ("published", "gold", "why"), [(0.0015, "no", "rounds to 0.00"), (-0.3, "no", "rounds"), (9, "yes", "")]
)
def test_what_rounds_to_nothing(published: float, gold: str, why: str, tmp_path: Path) -> None:
    params = {"p(X)": [0.5], "p(V2 | X)": [0.5, 0.5], "p(Y | X, V2)": [[0.1, 0.4], [0.101, 0.402]]}
    asked = question(1, 1, "ate", gold, published)
    verdict = Exact().verdict(cladder(write(tmp_path, [world_of(params)], [asked]))[0])
    assert verdict.exact == pytest.approx(0.0015)
    assert why in verdict.why
    assert verdict.off == (published != 0.0015)
    found = verify_cladder([tmp_path])
    assert found.readings[0].wrong == (gold == "yes")


@pytest.mark.parametrize(("action", "polarity", "value"), [(0, 1, 0), (0, 0, 1), (1, 1, 1), (1, 0, 0)])
def test_a_deterministic_counterfactual(action: int, polarity: int, value: int, tmp_path: Path) -> None:
    params = {"p(V2)": 0.3, "p(X)": 0.6, "p(Y | X, V2)": [[0, 1], [1, 1]]}  # Y = X or V2
    world = world_of(params, "X->Y,V2->Y", equation_type="deterministic")
    meta = {"action": action, "polarity": polarity, "given_info": {"V2": 0}}
    verdict = Exact().verdict(
        cladder(write(tmp_path, [world], [question(1, 1, "det-counterfactual", "yes", 1, **meta)]))[0]
    )
    assert verdict.exact == value
    assert verdict.ours == ("yes" if value else "no")


def test_the_number_of_independent_causes_is_told(tmp_path: Path) -> None:
    params = {"p(V1)": 0.5, "p(X | V1)": [0.1, 0.9], "p(Y | V1, X)": [[0.9, 0.2], [0.2, 0.9]]}
    naive = 0.25 * (0.9 + 0.2 + 0.2 + 0.9)  # V1 and X as if they were independent: P(X=1) is a half
    asked = [question(1, 1, "marginal", "yes", naive), question(2, 1, "marginal", "yes", 0.3)]
    write(tmp_path, [world_of(params, "V1->X,V1->Y,X->Y")], asked)
    found = verify_cladder([tmp_path])
    assert found.verdicts[0].exact == pytest.approx(0.5 * (0.9 * 0.9 + 0.1 * 0.2) + 0.5 * (0.1 * 0.2 + 0.9 * 0.9))
    assert [verdict.off for verdict in found.verdicts] == [True, True]
    assert any("2 published numbers are not the exact ones; 1 of them" in note for note in found.notes)


def test_what_a_question_states_is_compared(tmp_path: Path) -> None:
    right = {"p(Y | X)": [0.16, 0.54], "P(X)": 0.5, "P(Y=1, X=0)": 0.08, "p(V2)": [0.5], "odd": 3}
    wrong = [{"p(Y | X)": [0.16, 0.55]}, {"P(Y = 1 | X = 1, V2 = 1) - P(Y = 1 | X = 0, V2 = 1)": 0.3}]
    stated = [right, *wrong, {"odd": 3}]
    made = [question(n, 1, "ate", "yes", given_info=given) for n, given in enumerate(stated)]
    rows = cladder(write(tmp_path, [world_of(UP)], made))
    assert [Exact().misstated(row) for row in rows] == [False, True, True, None]
    assert any(note.startswith("2 of 3 questions") for note in verify_cladder([tmp_path]).notes)


def test_files_and_folders(tmp_path: Path) -> None:
    world = world_of(UP)
    write(tmp_path, [world], [question(1, 1, "ate", "yes")])
    hard = write(tmp_path, [world], [question(1, 1, "ate", "no")], "hard")
    assert verify_cladder([tmp_path]).files == ("test-generate-easy.json", "test-generate-hard.json")
    assert verify_cladder([hard]).total.wrong == 1
    renamed = hard.rename(tmp_path / "mine.json")
    assert verify_cladder([renamed]).files == ("mine.json",)
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "none.json"):
        with pytest.raises(MissingData):
            verify_cladder([path])
    (tmp_path / META).unlink()
    with pytest.raises(MissingData, match="test-model-meta"):
        verify_cladder([renamed])


def test_an_impossible_event_is_an_empty_sum(tmp_path: Path) -> None:
    world = world_of({"p(X)": 1, "p(Y | X)": [0.5, 0.5]}, "X->Y")
    row = cladder(write(tmp_path, [world], [question(1, 1, "ate", "yes")]))[0]
    nothing = summed(row.world, "P(X=0)", {"X": 0})
    assert nothing.value == 0
    assert "no such case" in nothing.lines()[0]


def test_a_condition_of_probability_zero_is_unread(tmp_path: Path) -> None:
    world = world_of({"p(X)": 1, "p(Y | X)": [0.5, 0.6]}, "X->Y")
    made = [question(1, 1, "correlation", "yes"), question(2, 1, "ate", "yes", given_info={"p(Y | X)": [0.5, 0.6]})]
    write(tmp_path, [world], made)
    found = verify_cladder([tmp_path])
    assert [(verdict.kind, verdict.state) for verdict in found.verdicts] == [
        ("correlation", "unread"),
        ("ate", "agree"),
    ]
    assert "probability zero" in found.unread[0].why


@pytest.mark.parametrize("stated", ["much", [[0.1]], None, {"a": 1}])
def test_what_is_stated_in_another_form_is_not_compared(stated: Any, tmp_path: Path) -> None:
    made = [question(1, 1, "ate", "yes", given_info={"p(Y | X)": stated, "P(Y=1) - P(Y=0)": stated})]
    assert Exact().misstated(cladder(write(tmp_path, [world_of(UP)], made))[0]) is None
