"""CaLM: tasks as groups, and what the words of a question decide."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from butfor.data.calm import ANSWERS, FILES, QUESTIONS, TASKS, CalmRow
from butfor.evaluate.reason.calm import CaLM
from butfor.evaluate.reason.calm_gold import exact_answer, told_graph
from butfor.evaluate.reason.calm_told import as_it_is, would
from butfor.evaluate.reason.cladder import CLadder

from .scripted import contrary, mean, measured, oracle

WORLD = "Imagine only this: Rain has a direct effect on mud and the fall. Mud has a direct effect on the fall."
FORK = "Imagine: Rain has a direct effect on mud. Ice has a direct effect on mud. Ice is unobserved."


def row(task: str, facts: str, question: str, background: str = WORLD) -> CalmRow:
    return CalmRow(task, 1, background, facts, question, "yes")  # type: ignore[arg-type]


def test_the_graph_is_read_from_the_background() -> None:
    assert str(told_graph(WORLD)) == 'rain -> mud; rain -> "the fall"; mud -> "the fall"'


@pytest.mark.parametrize(
    ("facts", "background", "x", "said"),
    [
        ("by mud", WORLD, "rain", "no"),  # a mediator
        ("by rain", WORLD, "mud", "yes"),  # a confounder
        ("by ice", FORK, "rain", "no"),  # both sets are valid
    ],
)
def test_adjustment_sets(facts: str, background: str, x: str, said: str) -> None:
    y = "the fall" if background == WORLD else "mud"
    case = f"case by case according to {facts.removeprefix('by ')}"
    first = f"Method 1: We look at how {x} correlates with {y} {case}. "
    first += f"Method 2: We look directly at how {x} correlates with {y} in general."
    asked = f"To understand how {x} affects {y}, is it more correct to use the Method 1 than Method 2?"
    assert exact_answer(row("backadj", first, asked, background)) == said
    second = f"Method 1: We look directly at how {x} correlates with {y} in general. "
    second += f"Method 2: We look at this correlation {case}."
    turned = exact_answer(row("backadj", second, asked, background))
    assert turned == ("yes" if facts == "by mud" else "no")  # of two valid sets neither is the better one


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("rain affects ice", "no"),
        ("rain does not affect ice", "yes"),
        ("rain affects mud", "yes"),
        ("snow affects mud", None),
    ],
)
def test_selection_is_no_effect(asked: str, said: str | None) -> None:
    question = f"If we look at muddy days, does it mean that {asked}?"
    assert exact_answer(row("collider_bias", "The correlation is -0.1.", question, FORK)) == said


@pytest.mark.parametrize(
    ("a", "b", "c", "said"),
    [(50, 10, 30, "yes"), (50, 30, 10, "no"), (50, 20, 20, None), (80, 8, 32, None), (80, 6, 32, "yes")],
)
def test_a_correlation_has_a_sign_where_rounding_leaves_it(a: int, b: int, c: int, said: str | None) -> None:
    facts = f"The overall probability of x is {a}%. The probability of not x and y is {b}%. Of x and y it is {c}%."
    assert exact_answer(row("correlation", facts, "Is the chance of y larger when observing x?")) == said
    other = exact_answer(row("correlation", facts, "Is the chance of y smaller when observing x?"))
    assert other == {"yes": "no", "no": "yes", None: None}[said]


def test_explaining_away_compares_among_the_selected() -> None:
    facts = "P is 40%. A is 1%. B is {}%. C is 2%. D is {}%."
    asked = "If we look at them, does the chance of y increase when x?"
    found = [exact_answer(row("exp_away", facts.format(*pair), asked)) for pair in ((9, 6), (6, 9), (9, 9))]
    assert found == ["no", "yes", None]


@pytest.mark.parametrize(
    ("facts", "question", "said"),
    [
        ("rain causes mud.", "mud if rain instead of not rain", "yes"),
        ("rain causes mud.", "not mud if rain instead of not rain", "no"),
        ("rain causes not mud. rain or mud causes falls.", "falls if not rain instead of rain", "yes"),
        ("rain causes mud, and we know that mud causes not falls.", "falls if not rain instead of rain", "yes"),
        ("rain and ice causes mud.", "mud if rain instead of not rain", None),  # who knows whether there is ice
        ("rain and ice causes mud. We observed an individual is ice.", "mud if rain instead of not rain", "yes"),
        ("rain and ice causes mud. We observed an individual is not ice.", "mud if rain instead of not rain", "no"),
        ("rain causes mud and ice. mud and ice causes falls. We observed an individual is falls.",
         "falls if not mud instead of mud", "no"),  # there was ice, so there was rain: and now no mud
        ("rain causes not mud and ice. mud or ice causes falls. We observed an individual is rain.",
         "falls if not mud instead of mud", "no"),  # both are denied
        ("rain causes mud. We observed an individual is rain and an individual is not mud.",
         "mud if rain instead of not rain", None),  # no such world
        ("the wet weather causes mud.", "mud if rain instead of not rain", None),
        ("rain causes mud.", "mud if rain instead of rain", None),
    ],
)  # fmt: skip
def test_what_would_be_in_every_world_that_fits(facts: str, question: str, said: str | None) -> None:
    asked = f"Would an individual is {question}?"
    assert exact_answer(row("det-counterfactual", f"We know that {facts}", asked)) == said


def test_the_public_files_recounted(public) -> None:
    public("calm_lite")
    root = Path(os.environ["BUTFOR_DATA"]) / "calm_lite"
    questions = {q.id: q for q in CaLM().questions()}
    for task in TASKS:
        asked = [json.loads(line) for line in (root / QUESTIONS / FILES[task]).read_text().splitlines()]
        told = {
            r["index"]: r["gt_answer"] for r in map(json.loads, (root / ANSWERS / FILES[task]).read_text().splitlines())
        }
        for raw in asked:
            question = questions.pop(f"{task}-{raw['index']}")
            assert question.choices[int(question.answer)] == told[raw["index"]]
            assert all(raw[key] in question.text for key in ("background", "given_info", "question"))
            assert question.group["query"] == task
    assert not questions
    gold = Counter((q.group["query"], q.group.get("gold")) for q in CaLM().questions())
    assert sum(n for (_, held), n in gold.items() if held == "faulty") == gold["backadj", "faulty"] == 11
    assert sum(n for (_, held), n in gold.items() if held == "sound") == 2773


def test_the_ends_of_the_scale(public) -> None:
    public("calm_lite")
    suite = CaLM(part="collider_bias", limit=20, by="generation")
    right, wrong = measured(suite, oracle), measured(suite, contrary)
    assert (mean(right, "accuracy"), mean(right, "sturdy"), mean(right, "accuracy_sound")) == (1, 1, 1)
    assert (mean(wrong, "accuracy"), mean(wrong, "accuracy_sound")) == (0, 0)
    assert {r.error for r in right} == {""} and {r.error for r in wrong} == {"conditions on a collider"}
    assert {r.group["rung"] for r in right} == {"2"}


def test_ignoring_the_intervention(public) -> None:
    public("calm_lite")
    lured = [q for q in CaLM(part="det-counterfactual").questions() if q.lures]
    assert len(lured) > 300 and {kind for q in lured for kind in q.lures} == {"ignores the intervention"}
    swapped = as_it_is("Would an individual is mud if rain instead of not rain?")
    assert swapped == "Would an individual is mud if not rain instead of rain?"
    assert would("We know that rain causes mud.", swapped) is False


@pytest.mark.slow
def test_what_stands_in_cladder_too_has_the_same_answer_there(public) -> None:
    public("calm_lite")
    public("cladder")
    there = {q.text: q.answer for q in CLadder().questions()}
    shared = [q for q in CaLM().questions() if q.text in there]
    assert len(shared) == 237 and all(there[q.text] == q.answer for q in shared)
