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
    assert exact_answer(row("det-counterfactual", facts, asked)) is None


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
    assert sum(n for (_, held), n in gold.items() if held == "sound") == 1693


def test_the_ends_of_the_scale(public) -> None:
    public("calm_lite")
    suite = CaLM(part="collider_bias", limit=20, by="generation")
    right, wrong = measured(suite, oracle), measured(suite, contrary)
    assert (mean(right, "accuracy"), mean(right, "sturdy"), mean(right, "accuracy_sound")) == (1, 1, 1)
    assert (mean(wrong, "accuracy"), mean(wrong, "accuracy_sound")) == (0, 0)
    assert {r.error for r in right} == {""} and {r.error for r in wrong} == {"conditions on a collider"}
    assert {r.group["rung"] for r in right} == {"2"}
