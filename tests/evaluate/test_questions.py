"""The base of every suite of questions: each number at its known value, for worlds whose behaviour is known."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, cast, final

import pytest

from butfor.core.errors import UserError
from butfor.data.adapt import CUE, ENDING, closed, packed, unpacked, ways
from butfor.data.question import Cloze, Question
from butfor.evaluate import questions as module
from butfor.evaluate.questions import COMMON, Questions
from butfor.evaluate.suite import Card, Record
from butfor.lm import LM
from butfor.lm.load import load, models
from butfor.lm.prompt import Prompt, rendered
from butfor.lm.scoring import Scored

AB = ("It broke.", "It sang.")
OPEN = Question("open", "How many legs has a cow?", (), "4", "number")
YESNO = [Question(f"y{n}", f"Is {n} even?", ("yes", "no"), n % 2) for n in range(8)]
LETTERS = [Question(f"c{n}", f"Glass {n} fell. What then?", AB, n % 2, lures={"sings": 1}) for n in range(8)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Small(Questions):
    """A suite of the questions that it is given."""

    card: ClassVar[Card] = Card("nothing", "one half", "our own")

    asked: tuple[Question, ...] = (*YESNO, *LETTERS)

    def questions(self) -> Iterable[Question]:
        return self.asked


Says = Callable[[Prompt], str]


@dataclass
class Remote:
    """A world behind an address that answers by a rule, and counts how often it is asked."""

    rule: Says
    name: str = "remote"
    remote: bool = True
    calls: int = 0

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        assert max_new_tokens > 0
        self.calls += 1
        return [self.rule(prompt) for prompt in prompts]


def listed(prompt: Prompt) -> list[str]:
    """What stands in the prompt to choose from, as one says it, in the order of the list."""
    last = prompt.user.splitlines()[-1]
    if "one of" in last:
        return last.rpartition(": ")[2].rstrip(".").split(", ")
    return [line[0] for line in prompt.user.splitlines() if line[1:3] == ". "]


def meant(question: Question, prompt: Prompt) -> list[int]:
    """For each listed choice its place in the question."""
    if "one of" in prompt.user.splitlines()[-1]:
        return [question.choices.index(word) for word in listed(prompt)]
    return [question.choices.index(line[3:]) for line in prompt.user.splitlines() if line[1:3] == ". "]


def of(prompt: Prompt) -> Question:
    return next(q for q in (*YESNO, *LETTERS) if prompt.user.startswith(q.text))


def always(right: bool) -> Says:
    def rule(prompt: Prompt) -> str:
        question = of(prompt)
        places = meant(question, prompt)
        return listed(prompt)[places.index(cast("int", question.answer) if right else 1 - cast("int", question.answer))]

    return rule


def measured(world: Any, suite: Questions) -> list[Record]:
    return suite.measure(world, suite.items(world))


def mean(records: Sequence[Record], name: str) -> float:
    values = [record.metrics[name] for record in records if name in record.metrics]
    return sum(values) / len(values)


def test_a_world_that_is_right_and_one_that_is_wrong() -> None:
    for right in (True, False):
        records = measured(Remote(always(right)), Small())
        for record in records:
            share = float(right)
            assert record.metrics == {
                "accuracy": share,
                "chance": 0.5,
                "sturdy": share,
                "order_flip": 0.0,
                "wording_flip": 0.0,
                "parsed": 1.0,
            }
        wrong = {record.item: record.error for record in records if record.error}
        assert len(wrong) == (0 if right else 16)
        assert {name for name, error in wrong.items() if error == "sings"} == (
            set() if right else {q.id for q in LETTERS if q.answer == 0}
        )


def test_a_world_that_takes_what_stands_first() -> None:
    records = measured(Remote(lambda prompt: listed(prompt)[0]), Small(asked=tuple(YESNO)))
    assert mean(records, "accuracy") == 0.5
    assert mean(records, "sturdy") == 0.0
    assert mean(records, "order_flip") == 1.0
    assert mean(records, "wording_flip") == 0.0
    assert [record.error for record in records] == ["", "flips with order"] * 4


def test_a_world_that_goes_by_the_wording() -> None:
    records = measured(
        Remote(lambda prompt: always("Reply" in prompt.user)(prompt)), Small(asked=tuple(YESNO), by="generation")
    )
    assert mean(records, "accuracy") == 0.0
    assert mean(records, "order_flip") == 0.0
    assert mean(records, "wording_flip") == 1.0
    assert {record.error for record in records} == {"flips with wording"}


def test_what_cannot_be_read_is_wrong_and_flips_nothing() -> None:
    records = measured(Remote(lambda _: "Well, that depends."), Small())
    assert all(r.metrics == {"accuracy": 0, "chance": 0.5, "sturdy": 0, "parsed": 0} for r in records)
    assert {record.error for record in records} == {"wrong format"}


def test_all_that_is_written_is_asked_for_at_once() -> None:
    world = Remote(always(True))
    measured(world, Small())
    assert world.calls == 1


def weigher(odds: Callable[[Question, int], float]) -> Any:
    """In place of `weigh`: a log-probability for every choice, by its place in the question."""

    def weigh(_: Any, asked: Sequence[tuple[Prompt, Sequence[str]]]) -> list[Scored]:
        found: list[Scored] = []
        for prompt, choices in asked:
            question = of(prompt)
            assert [choice.strip() for choice in choices] == listed(prompt)
            found.append(Scored([odds(question, place) for place in meant(question, prompt)], [1] * len(choices)))
        return found

    return weigh


@pytest.mark.parametrize("right", [True, False])
def test_numbers_from_likelihoods(lm: LM, monkeypatch: pytest.MonkeyPatch, right: bool) -> None:
    def odds(question: Question, place: int) -> float:
        return math.log(0.7 if (place == question.answer) is right else 0.3) - 5  # of all texts a small share

    monkeypatch.setattr(module, "weigh", weigher(odds))
    for record in measured(lm, Small()):
        p = 0.7 if right else 0.3
        assert record.metrics == pytest.approx(
            {
                "accuracy": float(right),
                "chance": 0.5,
                "sturdy": float(right),
                "order_flip": 0.0,
                "wording_flip": 0.0,
                "margin": math.log(p / (1 - p)),
                "brier": 2 * (1 - p) ** 2,
                "overconfidence": 0.7 - right,
            }
        )


def test_equal_likelihoods_go_to_what_stands_first(uniform: LM) -> None:
    records = measured(uniform, Small(asked=tuple(LETTERS)))
    assert mean(records, "accuracy") == 0.5
    assert mean(records, "order_flip") == 1.0
    assert mean(records, "margin") == pytest.approx(0, abs=1e-4)
    assert mean(records, "brier") == pytest.approx(0.5, abs=1e-4)
    assert mean(records, "overconfidence") == pytest.approx(0, abs=1e-4)


def test_more_than_two_choices(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = [math.log(p) for p in (0.2, 0.5, 0.3)]
    question = Question("q", "Which?", ("one cat", "two cats", "three cats"), 2, lures={"many": 0, "few": 1})

    def weigh(_: Any, asked: Sequence[tuple[Prompt, Sequence[str]]]) -> list[Scored]:
        return [Scored([logs[place] for place in meant(question, prompt)], [1, 1, 1]) for prompt, _ in asked]

    monkeypatch.setattr(module, "weigh", weigh)
    record = measured(lm, Small(asked=(question,)))[0]
    assert record.metrics["chance"] == pytest.approx(1 / 3)
    assert record.metrics["margin"] == pytest.approx(math.log(0.3 / 0.5))
    assert record.metrics["brier"] == pytest.approx(0.2**2 + 0.5**2 + 0.7**2)
    assert record.metrics["overconfidence"] == pytest.approx(0.5)
    assert record.error == "few"
    assert (record.show["right"], record.show["said"]) == ("three cats", "two cats")


def test_a_cloze_is_scored_by_its_ends(lm: LM, loglik: Callable[..., tuple[float, int]]) -> None:
    question = replace(LETTERS[1], cloze=Cloze("The glass fell, so", (" it broke.", " it sang.")))
    record = measured(lm, Small(asked=(question,)))[0]
    ends = [loglik(lm, "The glass fell, so", end)[0] for end in (" it broke.", " it sang.")]
    assert record.metrics["margin"] == pytest.approx(ends[1] - ends[0], abs=1e-4)
    assert record.metrics["accuracy"] == float(ends[1] > ends[0])
    assert not {"sturdy", "order_flip", "wording_flip", "parsed"} & set(record.metrics)
    assert record.show["asked"] == "The glass fell, so"
    assert "A. It broke." in measured(Remote(lambda _: "B"), Small(asked=(question,)))[0].show["asked"]


def test_an_open_question_is_generated_alone() -> None:
    for by in ("auto", "likelihood"):
        right, wrong = (
            measured(Remote(lambda _, s=said: s), Small(asked=(OPEN,), by=by))[0] for said in ("The answer is 4.", "5")
        )
        assert right.metrics == {"accuracy": 1, "chance": 0, "sturdy": 1, "wording_flip": 0, "parsed": 1}
        assert (wrong.metrics["accuracy"], wrong.error) == (0, "other")


def test_an_open_yes_or_no_is_one_of_two_choices() -> None:
    question = Question("q", "Is it?", (), "No", "yesno")
    assert closed(question) == Question("q", "Is it?", ("yes", "no"), 1)
    assert measured(Remote(lambda _: "No."), Small(asked=(question,)))[0].metrics["chance"] == 0.5
    with pytest.raises(UserError, match="yes or no"):
        closed(replace(question, answer="perhaps"))


def test_an_address_writes_unless_told_otherwise() -> None:
    """By itself it is asked to write; log-probabilities are asked for only where the user says so."""
    assert "parsed" in measured(Remote(always(True)), Small())[0].metrics
    with pytest.raises(AttributeError, match="weigh"):
        measured(Remote(always(True)), Small(by="likelihood"))


def test_a_limit_keeps_the_answers_balanced() -> None:
    many = [Question(f"q{n}", f"{n}?", ("yes", "no"), int(n % 5 > 0), shape=str(n % 2)) for n in range(200)]
    suite = Small(asked=tuple(many), limit=40)
    items = suite.items(None)  # type: ignore[arg-type]
    answers = [item.data["answer"] for item in items]
    assert (len(items), sum(answers)) == (40, 20)
    assert sum(item.data["shape"] == "0" for item in items) == 20
    assert items == Small(asked=tuple(reversed(many)), limit=40).items(None)[::-1]  # type: ignore[arg-type]


def test_worked_examples_are_balanced_and_never_the_question_itself() -> None:
    suite = Small(asked=tuple(YESNO), adapt="few_shot")
    items = suite.items(None)  # type: ignore[arg-type]
    assert [item.id for item in items] == [question.id for question in YESNO]
    for item in items:
        assert sorted(shot["answer"] for shot in item.data["shots"]) == [0, 0, 1, 1]
        assert item.id not in {shot["id"] for shot in item.data["shots"]}
    backwards = Small(asked=tuple(YESNO[::-1]), adapt="few_shot").items(None)  # type: ignore[arg-type]
    assert backwards[::-1] == items
    seen: list[Prompt] = []
    measured(Remote(lambda prompt: (seen.append(prompt), "yes")[1]), suite)
    assert all(len(prompt.shots) == 4 for prompt in seen)
    assert all(answer == ("yes", "no")[int(asked.split()[1]) % 2] for asked, answer in seen[0].shots)


def test_no_worked_example_shares_the_questions_cluster() -> None:
    many = [replace(question, id=f"{n}", cluster=str(n % 6)) for n, question in enumerate(YESNO * 3)]
    cluster = {question.id: question.cluster for question in many}
    items = Small(asked=tuple(many), adapt="few_shot").items(None)  # type: ignore[arg-type]
    assert len(items) == 24
    for item in items:
        shots = [shot["id"] for shot in item.data["shots"]]
        assert len(shots) == 4 and item.cluster not in {cluster[name] for name in shots}
    alone = tuple(replace(question, cluster="one") for question in YESNO)
    with pytest.raises(UserError, match="more than one cluster"):
        Small(asked=alone, adapt="few_shot").items(None)  # type: ignore[arg-type]


def test_items_are_json_and_come_back() -> None:
    for question in (OPEN, YESNO[0], replace(LETTERS[0], cloze=Cloze("So", (" a", " b")), group={"rung": "2"})):
        assert unpacked(json.loads(json.dumps(packed(question)))) == question
    items = Small(adapt="few_shot").items(None)  # type: ignore[arg-type]
    again = [replace(item, data=json.loads(json.dumps(asdict(item)["data"]))) for item in items]
    assert Small().measure(Remote(always(True)), items) == Small().measure(Remote(always(True)), again)  # type: ignore[arg-type]


def test_ways_share_the_longest_beginning() -> None:
    for question in (YESNO[0], LETTERS[0], OPEN):
        for adapt in ("plain", "few_shot", "cot", "causal_cot"):
            forms = ways(question, adapt)
            texts = [form.prompt.user for form in forms.values()]
            assert len(set(texts)) == len(texts) == (3 if question.choices else 2)
            assert all(text.startswith(question.text) for text in texts)
            assert adapt != "causal_cot" or all("do()" in text for text in texts)


def test_choices_that_are_letters_of_the_text_are_not_lettered_again() -> None:
    question = Question("q", "Which is bigger?\nA) a mouse\nB) a house", ("A", "B"), 1)
    forms = ways(question, "plain")
    assert forms["as it is"].prompt.user.endswith("B) a house\nAnswer with one of: A, B.")
    assert forms["reversed"].weighed == (" B", " A")
    record = measured(Remote(lambda _: "B. A house is bigger."), Small(asked=(question,)))[0]
    assert (record.metrics["sturdy"], record.metrics["order_flip"]) == (1.0, 0.0)


def test_reasoning_is_written_first_and_then_weighed(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    weighed: list[Prompt] = []

    def say(_: Any, prompts: Sequence[Prompt], **__: int) -> list[str]:
        return ["Two is even. The answer is yes, I think. The answer is yes." for _ in prompts]

    def weigh(_: Any, asked: Sequence[tuple[Prompt, Sequence[str]]]) -> list[Scored]:
        weighed.extend(prompt for prompt, _ in asked)
        return [Scored([-1.0 if c == " yes" else -2.0 for c in choices], [1, 1]) for _, choices in asked]

    monkeypatch.setattr(module, "say", say)
    monkeypatch.setattr(module, "weigh", weigh)
    for chat in (True, False):
        weighed.clear()
        if not chat:
            lm.tokenizer.chat_template = None
        records = measured(lm, Small(asked=tuple(YESNO), adapt="cot"))
        assert mean(records, "accuracy") == 0.5
        assert mean(records, "margin") == 0.0
        thought = "Two is even. The answer is yes, I think."
        assert {prompt.start for prompt in weighed} == {
            f"{thought}\n{ENDING}" if chat else f"{CUE} {thought}\n{ENDING}",
        }
        assert rendered(lm, weighed[0], scoring=True).endswith(ENDING)


def test_what_a_base_model_writes_after_its_first_line_is_not_its_answer(
    lm: LM, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm.tokenizer.chat_template = None
    monkeypatch.setattr(module, "say", lambda _, prompts, **__: [" yes\nIs 3 even?\nno"] * len(prompts))
    records = measured(lm, Small(asked=tuple(YESNO), by="generation"))
    assert mean(records, "parsed") == 1.0
    assert mean(records, "accuracy") == 0.5
    assert records[0].show["asked"].endswith("Answer:")


TRIMS = (
    "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] | trim }} [/]{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)
NO_SYSTEM = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "<{{ m['role'] }}>{{ m['content'].strip() }}</s>{% endfor %}{% if add_generation_prompt %}<model>\n{% endif %}"
)
HERE_NONE = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"


@pytest.mark.parametrize("template", [TRIMS, NO_SYSTEM, HERE_NONE, None])
def test_the_answer_begins_alike_under_every_template(
    lm: LM, loglik: Callable[..., tuple[float, int]], template: str | None
) -> None:
    lm.tokenizer.chat_template = template
    question = replace(LETTERS[0], text=LETTERS[0].text + "\n")  # a trailing blank that a template may trim
    record = measured(lm, Small(asked=(question,)))[0]
    assert record.show["asked"].endswith("Answer:")
    a, b = (loglik(lm, record.show["asked"], f" {letter}")[0] for letter in "AB")
    assert record.metrics["margin"] == pytest.approx(a - b, abs=1e-4)


def test_metrics_of_a_benchmark_itself() -> None:
    @final
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Own(Questions):
        card: ClassVar[Card] = Small.card

        def questions(self) -> Iterable[Question]:
            return YESNO

        def extra(self, question: Question, answered: int | str | None) -> dict[str, float]:
            return {"said_yes": float(answered == 0)} if question.id != "y0" else {}

    records = measured(Remote(lambda _: "yes"), Own())
    assert "said_yes" not in records[0].metrics
    assert mean(records, "said_yes") == 1.0


def test_what_is_shown_is_short_and_every_metric_is_declared() -> None:
    long = Question("long", "word " * 2000, ("yes", "no"), 0, group={"type": "long"}, cluster="texts")
    record = measured(Remote(lambda _: "yes " + "and so on " * 500), Small(asked=(long,)))[0]
    assert all(len(text) < 1600 for text in record.show.values())
    assert (record.group, record.cluster) == ({"type": "long"}, "texts")
    names = {metric.name for metric in COMMON}
    for metric in COMMON:
        assert not isinstance(metric.null, str) or metric.null in names


def test_too_many_choices_for_letters() -> None:
    with pytest.raises(UserError, match="27 choices"):
        ways(Question("q", "?", tuple(f"thing {n}" for n in range(27))), "plain")


def test_what_the_model_cannot_read_has_no_numbers(lm: LM) -> None:
    long = Question("long", "word " * 500, ("yes", "no"), 0)
    for suite in (Small(asked=(long, YESNO[0])), Small(asked=(long, YESNO[0]), adapt="cot", room=8)):
        unasked, asked = measured(lm, suite)
        assert (unasked.metrics, unasked.error) == ({}, "does not fit")
        assert "accuracy" in asked.metrics
    words = (lm.context or 0) - len(
        rendered(lm, Prompt("\nAnswer with one of: yes, no.", start="Answer:"), scoring=True)
    )
    near = [Question(str(n), "x" * n, ("yes", "no"), 0) for n in range(words - 50, words, 5)]
    found = [bool(record.metrics) for record in measured(lm, Small(asked=tuple(near)))]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 2


def test_cost_follows_what_is_written_and_read() -> None:
    class Wordy(Small):
        long = 3

    ways = ("plain", "few_shot", "cot", "causal_cot")
    assert [Small(adapt=adapt).cost for adapt in ways] == [1, 1, 5, 5]  # type: ignore[arg-type]
    assert [Wordy(adapt=adapt).cost for adapt in ways] == [3, 3, 5, 5]  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.skipif(not (models() / "smollm2-135m").is_dir(), reason="run: butfor fetch smollm2-135m")
def test_a_real_model_is_scored_as_by_hand() -> None:
    import torch

    lm = cast("LM", load("smollm2-135m", device="cpu"))
    records = measured(lm, Small(asked=(YESNO[3], LETTERS[2])))
    for question, record, names in ((YESNO[3], records[0], ("yes", "no")), (LETTERS[2], records[1], ("A", "B"))):
        asked = {
            "yes": f"{question.text}\nAnswer with one of: yes, no.",
            "A": f"{question.text}\nA. It broke.\nB. It sang.\nAnswer with the letter of a choice.",
        }[names[0]]
        turn: Any = [{"role": "user", "content": asked}]
        text = str(lm.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)) + "Answer:"
        logs: list[float] = []
        for name in names:
            (choice,) = lm.tokenizer.encode(f" {name}", add_special_tokens=False)
            ids = torch.tensor([lm.tokenizer.encode(text, add_special_tokens=False)])
            with torch.no_grad():
                logs.append(float(lm.model(ids).logits[0, -1].double().log_softmax(-1)[choice]))
        gold = cast("int", question.answer)
        assert record.metrics["margin"] == pytest.approx(logs[gold] - logs[1 - gold], abs=1e-3)
        assert record.metrics["accuracy"] == float(logs[gold] > logs[1 - gold])
