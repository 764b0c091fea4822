"""Word problems: results are computed again from the words."""

from __future__ import annotations

import re

from butfor.evaluate.robust.stories import TURNED, problems

MADE = problems(40, seed=5)
GOES = (
    "gives",
    "loses",
    "get off",
    "takes away",
    "borrowed",
    "bought",
    "sold",
    "takes out",
    "spends",
    "fly away",
    "leave",
)


def solved(text: str, aside: int | None) -> int:
    """The result, sentence by sentence: a number is added, taken away where the sentence says so, or multiplied."""
    total = 0
    for sentence in re.findall(r"[^.?]+[.?]", text):
        numbers = [int(n) for n in re.findall(r"\d+", sentence) if int(n) != aside]
        if "A friend gives" not in sentence and any(word in sentence for word in GOES):
            total -= sum(numbers)
        elif re.search(r"bags with|rows|each box|days and|beds", sentence, re.IGNORECASE):
            for n in numbers:
                total = total * n if total else n
        else:
            total += sum(numbers)
    return total


def test_every_result_follows_from_the_words() -> None:
    for problem in MADE:
        given = set(problem.numbers[:-1])
        for name, told in {"base": problem.base, **problem.arms}.items():
            aside = problem.numbers[-1] if name == "irrelevant" and problem.numbers[-1] not in given else None
            if name != "irrelevant" or aside is not None:
                assert solved(told.text, aside) == told.result, told


def test_what_should_change_the_result_does_and_nothing_else() -> None:
    for problem in MADE:
        for name, told in problem.arms.items():
            assert (told.result == problem.base.result) == (name not in {"operands", "operator"}), (problem, name)
            assert told.result > 0 and told.text != problem.base.text
        numbers = {name: re.findall(r"\d+", told.text) for name, told in problem.arms.items()}
        base = re.findall(r"\d+", problem.base.text)
        assert numbers["operator"] == numbers["surface"] == base
        for name in ("operands", "operands_kept"):
            assert re.sub(r"\d+", "#", problem.arms[name].text) == re.sub(r"\d+", "#", problem.base.text)
            assert all(a != b for a, b in zip(numbers[name][:2], base[:2], strict=True))
        assert len(numbers["irrelevant"]) == len(base) + 1


def test_sums_change_as_many_digits_either_way() -> None:
    for problem in MADE:
        if problem.operation != "mul":
            for name in ("operands", "operands_kept"):
                assert all(len(n) == 2 for n in re.findall(r"\d+", problem.arms[name].text))
    assert {problem.operation for problem in MADE} == set(TURNED)
    assert problems(10, 5) == MADE[:40] and len({problem.base for problem in MADE}) > 150
