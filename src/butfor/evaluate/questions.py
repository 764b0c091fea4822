"""Ask questions in every way that should not matter, and record what did.

Scored    likelihood: argmax over choices of log P(choice | prompt), the choices listed in the prompt (or, for a cloze,
          as its ends, per character no correction); generation: what the model writes, read by `answers`.
Variants  1 as it is; 2 the choices listed in the other order; 3 the instruction worded otherwise (a cloze has one).
          accuracy is that of the first; `sturdy` asks that all of them be right; the flips say which one moved it.
Numbers   margin = log P(right) - log P(best wrong), nats;  p = softmax over the choices;  brier = Σ (p - 1[right])²;
          overconfidence = max p - accuracy: its mean is calibration in the large. These need likelihoods.
          chance = 1 / number of choices, 0 for open answers: the null of accuracy, item by item.
Adapted   `adapt` asks the same items another way (see `adapt`): plain, few_shot, cot, causal_cot.
Errors    of a wrong answer: "wrong format" (it cannot be read), else the first of the question's lures that it fell
          for, else "flips with wording" or "flips with order" (asked so, it was right), else "other".
Methods   where a method of inference answers in the world's place (`world.answers`), every question is asked once, as
          it is, without its answer; a record also tells calls and tokens, and holds the derivation.
Limits    An answer that cannot be read counts as wrong and as not `parsed`; it is never guessed, and it flips nothing.
          A cloze is asked as such by likelihood, plain or few_shot; with reasoning and by generation its choices are
          listed. Open questions are asked by generation whatever `by` says; an open "yesno" is one of two choices.
          A question that is longer than the model can read has no numbers, and "does not fit" as its error.
          "auto" weighs what is in memory and lets an address write, even where it would tell log-probabilities.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from butfor.core.errors import UserError
from butfor.data.adapt import (
    ROOM,
    START,
    Adaptation,
    Asked,
    Way,
    after,
    closed,
    cloze,
    examples,
    packed,
    unpacked,
    ways,
    worked,
)
from butfor.data.answers import is_right, read_answer
from butfor.data.question import Answers, Question
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.lm.asking import answer_of, is_base, is_remote, say, weigh
from butfor.lm.prompt import Prompt, plain, rendered
from butfor.lm.tokens import encode

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

By = Literal["auto", "likelihood", "generation"]
SPARE = 16  # tokens that special marks and "The answer is" may take
FLIPS: dict[Way, str] = {"reworded": "flips with wording", "reversed": "flips with order"}
SHOWN = 1500  # characters of a text in a record; of a longer one the middle is cut

ACCURACY = Metric("accuracy", "higher", "share", "share of questions answered right", "binary", null="chance")
COMMON = (
    ACCURACY,
    Metric("sturdy", "higher", "share", "share answered right in every order and wording", "binary"),
    Metric("order_flip", "lower", "share", "share whose answer changes with the order of the choices", "binary"),
    Metric(
        "wording_flip", "lower", "share", "share whose answer changes with the wording of the instruction", "binary"
    ),
    Metric("margin", "higher", "nats", "log-probability of the right choice minus that of the best wrong one"),
    Metric("brier", "lower", "", "squared distance of the probabilities of the choices from the truth"),
    Metric("overconfidence", "zero", "share", "probability of the chosen answer minus how often it is right"),
    Metric("parsed", "higher", "share", "share of written answers that could be read", "binary"),
    Metric("chance", "higher", "share", "what guessing gives"),
    Metric("calls", "lower", "", "calls of the model for an answer"),
    Metric("tokens", "lower", "", "tokens read and written for an answer"),
)


@dataclass(frozen=True, slots=True)
class Given:
    """What a world answered to one way of asking."""

    read: int | str | None  # as in `answers.read_answer`
    said: str
    asked: str  # the prompt as the world reads it
    logprobs: tuple[float, ...] = ()  # of the choices, in the question's order; () where it wrote its answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """A suite of questions. A benchmark is a final subclass: its `card`, its `questions()`, its own knobs."""

    card: ClassVar[Card]
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat")
    metrics: ClassVar[tuple[Metric, ...]] = COMMON
    chunk: ClassVar[int] = 32
    by_methods: ClassVar[bool] = True  # whether methods of inference may answer
    long: ClassVar[int] = 1  # how many times as long a question takes to read as one of some 50 tokens

    limit: Limit = None
    adapt: Adaptation = "plain"
    by: By = "auto"
    room: Annotated[int, Field(ge=1)] | None = None  # new tokens at most, where something is written; None: by `adapt`

    @property
    def cost(self) -> int:
        """How many times as long an item takes as a short question that is only weighed."""
        return 5 if self._reasons else self.long

    def questions(self) -> Iterable[Question]:
        """Every question of the set, in a fixed order; raises MissingData where the set is not here."""
        raise NotImplementedError

    def extra(self, question: Question, answered: int | str | None) -> dict[str, float]:  # noqa: ARG002
        """Metrics of the benchmark's own, from the answer to the question as it is."""
        return {}

    def ready(self) -> None:
        """The questions are here and can be read."""
        for _ in self.questions():
            break

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """The questions; under a limit every answer as often as another, in every shape."""
        return spread(list(self.stream()), self.limit, _place)

    def stream(self) -> Iterator[Item]:
        """The items one by one, all of them: nothing but what examples are taken from is held in memory."""
        sides = worked(map(closed, self.questions())) if self.adapt == "few_shot" else []
        known = {shot.id: packed(shot) for side in sides for shot in side}
        for question in map(closed, self.questions()):
            data = packed(question)
            if self.adapt == "few_shot":
                data["shots"] = [known[shot.id] for shot in examples(sides, question)]
                if not data["shots"]:
                    raise UserError(
                        f"few_shot: question {question.id} shares its cluster with all that could be its examples; "
                        "give the questions more than one cluster, or leave few_shot out"
                    )
            yield Item(question.id, question.cluster or question.id, data)

    def measure(self, world: LM | Chat, items: Sequence[Item]) -> list[Record]:
        """Ask every question in all of its ways: what is weighed at once, and what is written at once."""
        posed = [_posed(item.data) for item in items]
        if (method := getattr(world, "answers", None)) is not None:
            return self._answered(method, items, posed)
        likely = [self._weighs(world, question) for question, _ in posed]
        asked = [
            self._ways(question, shots, weighs=weighs) for (question, shots), weighs in zip(posed, likely, strict=True)
        ]
        fits = self._fitting(world, asked, likely)
        flat = [(n, way, form) for n, forms in enumerate(asked) for way, form in forms.items() if fits[n]]
        answers: list[dict[Way, Given]] = [{} for _ in items]
        for weighs, ask in ((True, self._weighed), (False, self._said)):
            part = [(n, way, form) for n, way, form in flat if likely[n] is weighs]
            found = ask(world, [(posed[n][0], form) for n, _, form in part]) if part else []
            for (n, way, _), answer in zip(part, found, strict=True):
                answers[n][way] = answer
        return [
            self._record(item, question, found) if found else _unasked(item, question, asked[n]["as it is"])
            for n, (item, (question, _), found) in enumerate(zip(items, posed, answers, strict=True))
        ]

    def _answered(
        self, answers: Answers, items: Sequence[Item], posed: Sequence[tuple[Question, Sequence[Question]]]
    ) -> list[Record]:
        """The answers of a method of inference."""
        blind = [replace(question, shots=tuple(shots)).blind() for question, shots in posed]
        records: list[Record] = []
        for item, (question, _), found in zip(items, posed, answers(blind), strict=True):
            right = is_right(found.read, question)
            metrics = {
                "accuracy": float(right),
                "chance": 1 / len(question.choices) if question.choices else 0.0,
                "parsed": float(found.read is not None),
                "calls": float(found.cost.calls),
                "tokens": float(found.cost.read + found.cost.written),
                **self.extra(question, found.read),
            }
            told = "\n".join(f"[{step.by}] {step.text}" for step in found.derivation)
            show = {"asked": cut(question.text), "right": _named(question, question.answer)}
            show |= {"said": cut(found.said or found.why), "derivation": cut(told)}
            error = "" if right else _mistake(question, found.read, {})
            records.append(Record(item.id, item.cluster, metrics, show, dict(question.group), error))
        return records

    def _weighs(self, world: LM | Chat, question: Question) -> bool:
        if not question.choices or self.by == "generation":
            return False
        return self.by == "likelihood" or not is_remote(world)

    def _ways(self, question: Question, shots: Sequence[Question], *, weighs: bool) -> dict[Way, Asked]:
        if weighs and question.cloze is not None and not self._reasons:
            return {"as it is": cloze(question, shots)}
        return ways(question, self.adapt, shots)

    def _fitting(self, world: Any, asked: Sequence[Mapping[Way, Asked]], likely: Sequence[bool]) -> list[bool]:
        """Whether the model can read each question in all of its ways, and still write what it is to write."""
        if is_remote(world) or world.context is None:
            return [True] * len(asked)
        texts = [
            _shown(world, form.prompt, scoring=True) + max(form.weighed, key=len, default="")
            for forms in asked
            for form in forms.values()
        ]
        lengths = iter(map(len, encode(world, texts)))
        room = [SPARE if weighs and not self._reasons else SPARE + self._room for weighs in likely]
        longest = [max(next(lengths) for _ in forms) for forms in asked]
        return [length + new <= world.context for length, new in zip(longest, room, strict=True)]

    @property
    def _room(self) -> int:
        return self.room or ROOM[self.adapt]

    @property
    def _reasons(self) -> bool:
        return self.adapt in ("cot", "causal_cot")

    def _weighed(self, world: Any, posed: Sequence[tuple[Question, Asked]]) -> list[Given]:
        forms = [form for _, form in posed]
        if self._reasons:
            thoughts = self._written(world, forms)
            forms = [after(form, thought, cue=is_base(world)) for form, thought in zip(forms, thoughts, strict=True)]
        scored = weigh(world, [(form.prompt, form.weighed) for form in forms])
        return [
            Given(
                form.order[s.best],
                form.listed[s.best],
                _shown(world, form.prompt, scoring=True),
                tuple(s.logprobs[form.order.index(place)] for place in range(len(form.order))),
            )
            for form, s in zip(forms, scored, strict=True)
        ]

    def _said(self, world: Any, posed: Sequence[tuple[Question, Asked]]) -> list[Given]:
        texts = self._written(world, [form for _, form in posed])
        answers: list[Given] = []
        for (question, form), said in zip(posed, texts, strict=True):
            answer = answer_of(world, said) if form.prompt.start == START else said
            read = read_answer(answer, form.listed, question.match)
            shown = _shown(world, form.prompt, scoring=False)
            answers.append(Given(form.order[read] if isinstance(read, int) else read, said, shown))
        return answers

    def _written(self, world: Any, forms: Sequence[Asked]) -> list[str]:
        return say(world, [form.prompt for form in forms], max_new_tokens=self._room)

    def _record(self, item: Item, question: Question, answers: Mapping[Way, Given]) -> Record:
        first = answers["as it is"]
        right = {way: is_right(answer.read, question) for way, answer in answers.items()}
        metrics = {
            "accuracy": float(right["as it is"]),
            "chance": 1 / len(question.choices) if question.choices else 0.0,
            **_flips(answers, right),
            **(_calibrated(question, first) if first.logprobs else {"parsed": float(first.read is not None)}),
            **self.extra(question, first.read),
        }
        show = {"asked": cut(first.asked), "right": _named(question, question.answer), "said": cut(first.said)}
        error = "" if right["as it is"] else _mistake(question, first.read, right)
        return Record(item.id, item.cluster, metrics, show, dict(question.group), error)


def _posed(data: Mapping[str, Any]) -> tuple[Question, list[Question]]:
    """The question of an item, and its worked examples."""
    own = {key: value for key, value in data.items() if key != "shots"}
    return unpacked(own), [unpacked(shot) for shot in data.get("shots", ())]


def _unasked(item: Item, question: Question, form: Asked) -> Record:
    show = {"asked": cut(form.prompt.user), "right": _named(question, question.answer), "said": ""}
    return Record(item.id, item.cluster, {}, show, dict(question.group), "does not fit")


def _shown(world: Any, prompt: Prompt, *, scoring: bool) -> str:
    """The text as the world reads it; behind an address its template is not known, and the parts stand plain."""
    if is_remote(world):
        return plain(prompt if scoring else replace(prompt, start=""))
    return rendered(world, prompt, scoring=scoring)


def _place(item: Item) -> tuple[str, str]:
    """The stratum is the shape; its sides are the answers, so that each comes as often as another."""
    return str(item.data["shape"]), str(item.data["answer"]) if item.data["choices"] else ""


def _flips(answers: Mapping[Way, Given], right: Mapping[Way, bool]) -> dict[str, float]:
    """What the order and the wording moved, where there are several ways of asking."""
    found = {"sturdy": float(all(right.values()))} if len(answers) > 1 else {}
    before = answers["as it is"].read
    for name, way in (("order_flip", "reversed"), ("wording_flip", "reworded")):
        if way in answers and before is not None and answers[way].read is not None:
            found[name] = float(answers[way].read != before)
    return found


def _calibrated(question: Question, answer: Given) -> dict[str, float]:
    """What the log-probabilities of the choices tell."""
    gold, top = int(question.answer), max(answer.logprobs)
    weights = [exp(value - top) for value in answer.logprobs]
    p = [weight / sum(weights) for weight in weights]
    wrong = [value for place, value in enumerate(answer.logprobs) if place != gold]
    return {
        "margin": answer.logprobs[gold] - max(wrong),
        "brier": sum((value - (place == gold)) ** 2 for place, value in enumerate(p)),
        "overconfidence": max(p) - (answer.read == gold),
    }


def _mistake(question: Question, read: int | str | None, right: Mapping[Way, bool]) -> str:
    if read is None:
        return "wrong format"
    lured = [kind for kind, place in question.lures.items() if place == read]
    flips = [told for way, told in FLIPS.items() if right.get(way)]
    return next(iter(lured + flips), "other")


def _named(question: Question, answer: int | str) -> str:
    return question.choices[answer] if isinstance(answer, int) and question.choices else str(answer)


def cut(text: str, most: int = SHOWN) -> str:
    """The text, its middle left out where it is long."""
    return text if len(text) <= most else f"{text[: most // 2]} […] {text[-most // 2 :]}"
