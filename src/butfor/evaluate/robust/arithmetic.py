"""Does the answer to a word problem change when it should, and only then?

Idea      The answer should follow the operands and the operation, and nothing else of the text. Change the operands so
          that the result changes (their total effect) and so that it stays the same (their direct effect, past the
          result); change the operation, and reword the text as much as that takes.
Equation  r = argmax over the candidates of P(answer | text), g the right answer; ' after the intervention
          change = 1[r' ≠ r];   shift = ½ (|log P(g) / P'(g)| + |log P'(g') / P(g')|), nats; P sums to 1 over candidates
          operands - operands_kept and operator - wording are what the answer owes to the result.
At limits an exact solver has change 1 under operands and operator, 0 elsewhere. One that only sees which numbers stand
          there reacts to operands and operands_kept alike. One that always says the same never changes.
Source    interventions after Stolfo et al. 2023 (A Causal Framework to Quantify the Robustness of Mathematical
          Reasoning); the relative change of probability on a log scale, so that one sure answer does not decide a mean.
          Stories, numbers and code our own.
Limits    Candidates are the numbers at play in a problem's texts: right answers, operands, results of the other
          operations and near misses, the same for all of its texts. By generation any number can be said, an answer
          that cannot be read changes nothing, and there are no shifts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING, Annotated, ClassVar, final

from pydantic import Field

from butfor.data.answers import read_answer
from butfor.data.paraphrase import placebo
from butfor.evaluate.questions import By
from butfor.evaluate.robust.stories import RESULT, TURNED, Problem, Told, problems
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.lm import asking
from butfor.lm.prompt import Prompt

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

HOW, START = "Answer with a number and nothing else.", "The answer is"
ROOM = 64  # new tokens for an answer
ABOUT = {
    "operands": "the operands change, and with them the result",
    "operands_kept": "the operands change, but the result does not",
    "operator": "the operation changes, and with it the result",
    "wording": "the text is reworded where the operation would change",
    "surface": "another story is told with the same operation and numbers",
    "irrelevant": "a sentence with a number that does not matter is put in",
}
FOLLOW = ("operands", "operator")  # the answer should change
NULL = {"operands": "operands_kept", "operator": "wording"}


@dataclass(frozen=True, slots=True)
class Answered:
    """What a world answers to one text."""

    number: str | None  # None: what was written cannot be read
    probs: Mapping[int, float] | None  # log-probabilities over the candidates; None: the world tells none


def _metrics() -> tuple[Metric, ...]:
    changes = [
        Metric(
            name,
            "higher" if name in FOLLOW else "lower",
            "share",
            f"share of answers that change when {about}",
            "binary",
            null=NULL.get(name),
        )
        for name, about in ABOUT.items()
    ]
    shifts = [
        Metric(
            f"{name}_shift",
            "higher" if name in FOLLOW else "lower",
            "nats",
            f"change of the right answers' log-probabilities when {about}",
            null=f"{NULL[name]}_shift" if name in NULL else None,
        )
        for name, about in ABOUT.items()
    ]
    return (
        Metric("accuracy", "higher", "share", "share of problems answered right", "binary", null="chance"),
        *changes,
        *shifts,
        Metric("sturdy", "higher", "share", "share answered right in every wording that keeps the result", "binary"),
        Metric("parsed", "higher", "share", "share of written answers that could be read"),
        Metric("chance", "higher", "share", "what guessing among the candidates gives"),
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """Effects of the operands, the operation and the surface of a word problem on its answer. `count` problems of each
    of four operations."""

    card: ClassVar[Card] = Card(
        measures="whether the answer to a word problem follows its operands and its operation, and nothing else",
        chance="guessing among the candidate numbers: 1 / their number for accuracy; one answer for all problems: "
        "every change is 0",
        source="stories of our own; measures after Stolfo et al. 2023",
        faults=(
            "eleven stories in plain wording: easier than school problems",
            "paraphrases are made by rule; they may sound a little stiff",
        ),
        published=(
            "robustness does not grow steadily with size; GPT-3 Davinci is far more robust and more sensitive than "
            "smaller GPT models (Stolfo et al. 2023; not checked by us)",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat")
    metrics: ClassVar[tuple[Metric, ...]] = _metrics()
    chunk: ClassVar[int] = 32

    limit: Limit = None
    seed: int = 0
    count: Annotated[int, Field(ge=1, le=10_000)] = 40
    by: By = "auto"

    @property
    def cost(self) -> int:
        """How many times as long an item takes as a question that is weighed once."""
        return 10 if self.by == "generation" else 5

    def ready(self) -> None:
        """The stories are part of the package."""

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """One item a problem, with all its texts."""
        items = [
            Item(
                problem.id,
                f"{problem.operation}/{problem.story}",
                {
                    "operation": problem.operation,
                    "texts": {name: [told.text, told.result] for name, told in _texts(problem).items()},
                    "candidates": candidates(problem),
                    "lures": lures(problem),
                },
            )
            for problem in problems(self.count, self.seed)
        ]
        return spread(items, self.limit, lambda item: ("", item.data["operation"]))

    def measure(self, world: LM | Chat, items: Sequence[Item]) -> list[Record]:
        """Every text of every problem, once."""
        asked = [(text, item.data["candidates"]) for item in items for text, _ in item.data["texts"].values()]
        answers = iter(self._answers(world, asked))
        return [_record(item, {name: next(answers) for name in item.data["texts"]}) for item in items]

    def _answers(self, world: LM | Chat, asked: Sequence[tuple[str, Sequence[int]]]) -> list[Answered]:
        prompts = [Prompt(f"{text}\n{HOW}", start=START) for text, _ in asked]
        if not asking.weighs(world, self.by):
            said = asking.say(world, prompts, max_new_tokens=ROOM)
            return [Answered(_read(asking.answer_of(world, text)), None) for text in said]
        choices = [[f" {number}." for number in numbers] for _, numbers in asked]
        scored = asking.weigh(world, list(zip(prompts, choices, strict=True)))
        return [
            Answered(str(numbers[s.best]), _normalised(numbers, s.logprobs))
            for (_, numbers), s in zip(asked, scored, strict=True)
        ]


def candidates(problem: Problem) -> list[int]:
    """The numbers that an answer may be led to, in order: the same for every text of the problem."""
    results = {problem.base.result, *(told.result for told in problem.arms.values())}
    near = {result + by for result in results for by in (-10, -1, 1, 10)}
    return sorted(number for number in {*results, *near, *problem.numbers, *lures(problem).values()} if number > 0)


def lures(problem: Problem) -> dict[str, int]:
    """Mistakes and the answers that they give to the problem as it is."""
    first, second = problem.numbers[:2]
    wrong = RESULT[TURNED[problem.operation]](problem.numbers)
    return {
        "wrong operation": wrong,
        "repeats the first number": first,
        "repeats the second number": second,
        **({"leaves out a step": first + second} if problem.operation == "two" else {}),
    }


def _texts(problem: Problem) -> dict[str, Told]:
    """The problem and all its interventions; the paraphrase is absent where no rule makes one."""
    base, turned = problem.base, problem.arms["operator"]
    reworded = placebo(base.text, turned.text)
    same = {"wording": Told(reworded, base.result)} if reworded is not None else {}
    return {"base": base, **problem.arms, **same}


def _read(said: str) -> str | None:
    read = read_answer(said, (), "number")
    return read if isinstance(read, str) else None


def _normalised(numbers: Sequence[int], logprobs: Sequence[float]) -> dict[int, float]:
    peak = max(logprobs)
    total = peak + log(sum(exp(value - peak) for value in logprobs))
    return {number: value - total for number, value in zip(numbers, logprobs, strict=True)}


def _record(item: Item, answers: Mapping[str, Answered]) -> Record:
    texts, base = item.data["texts"], answers["base"]
    right = {name: answer.number == str(texts[name][1]) for name, answer in answers.items()}
    metrics = {"accuracy": float(right["base"]), "chance": 1 / len(item.data["candidates"])}
    if base.probs is None:
        metrics["chance"] = 0.0
        metrics["parsed"] = sum(answer.number is not None for answer in answers.values()) / len(answers)
    metrics["sturdy"] = float(all(right[name] for name in texts if texts[name][1] == texts["base"][1]))
    for name in (name for name in ABOUT if name in answers):
        after = answers[name]
        if base.number is not None and after.number is not None:
            metrics[name] = float(base.number != after.number)
        if base.probs is not None and after.probs is not None:
            metrics[f"{name}_shift"] = _shift(base.probs, after.probs, texts["base"][1], texts[name][1])
    show = {
        "problem": texts["base"][0],
        "right": str(texts["base"][1]),
        "said": _shown(base),
        **{name: f"{texts[name][0]} → {_shown(answers[name])}" for name in ABOUT if name in answers},
    }
    group = {"type": item.data["operation"]}
    return Record(item.id, item.cluster, metrics, show, group, "" if right["base"] else _mistake(item, base))


def _shown(answer: Answered) -> str:
    return "(cannot be read)" if answer.number is None else answer.number


def _shift(before: Mapping[int, float], after: Mapping[int, float], right: int, then: int) -> float:
    """½ (|log P(g) / P'(g)| + |log P'(g') / P(g')|)."""
    return (abs(before[right] - after[right]) + abs(after[then] - before[then])) / 2


def _mistake(item: Item, answer: Answered) -> str:
    """What kind of mistake a wrong answer is."""
    if answer.number is None:
        return "wrong format"
    found = [kind for kind, number in item.data["lures"].items() if answer.number == str(number)]
    near = [str(item.data["texts"]["base"][1] + by) for by in (-10, -1, 1, 10)]
    return found[0] if found else "arithmetic" if answer.number in near else "other"
