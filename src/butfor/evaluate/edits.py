"""What does one edit of a prompt do to the answer, beyond what any edit of its size does?

Equation  y(text) = log P(first choice | text) - log P(second | text)
          effect = sign · (y(changed) - y(base));   placebo = sign · (y(placebo) - y(base)), the placebo being a
          paraphrase edited at the same places and by as many words (`data.paraphrase`);   reported: effect - placebo
          size, placebo_size: the same without a sign;   flip, placebo_flip: does the preferred choice change?
          match = words that the placebo edits / words that the edit does: 1 where they are the same size
Scored    by likelihood wherever the world tells it (`by = "generation"`: nowhere), else by what the world writes: then
          only the flips are known.
By words  A raw prompt is put as a question of which choice comes next; to any other "Answer with one of: …" is added,
          unless it says "Answer with" itself. An answer that cannot be read has no flip, and is not `parsed`.
Limits    An edit without a placebo has an effect but no difference to one: it is left out of the net, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from butfor.data import paraphrase
from butfor.data.answers import read_answer
from butfor.evaluate.questions import By, cut
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.lm.asking import answer_of, say, weigh, weighs
from butfor.lm.prompt import Prompt, plain

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

ROOM = 48  # new tokens of a written answer
SHOWN = 600  # characters of a text in a record; of a longer one the middle is cut
ARMS = ("base", "changed", "placebo")


@dataclass(frozen=True, slots=True)
class Edit:
    """One intervention on a prompt, with the placebo that goes with it."""

    id: str
    base: Prompt
    changed: Prompt
    placebo: Prompt | None
    choices: tuple[str, str]  # the effect is on the log-odds of the first over the second
    sign: int = 1  # +1: the edit is expected to raise them, -1: to lower them, 0: no direction is expected
    cluster: str = ""
    group: Mapping[str, str] = field(default_factory=dict)
    shape: str = ""  # stratum of `limit`


EFFECT = Metric(
    "effect", "zero", "nats", "how far the edit moves the log-odds in the expected direction", null="placebo"
)
EDITED = (
    EFFECT,
    Metric("size", "lower", "nats", "how far it moves them in either direction", null="placebo_size"),
    Metric("flip", "lower", "share", "share whose preferred choice changes", "binary", null="placebo_flip"),
    Metric("placebo", "zero", "nats", "the effect of a paraphrase edited at the same places by as many words"),
    Metric("placebo_size", "lower", "nats", "the size of the placebo's effect"),
    Metric("placebo_flip", "lower", "share", "share whose preferred choice changes with the placebo", "binary"),
    Metric("unmatched", "lower", "share", "share of edits that have no placebo", "binary"),
    Metric("match", "higher", "ratio", "words that the placebo edits, to those that the edit does"),
    Metric("parsed", "higher", "share", "share of edits whose written answers could all be read", "binary"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """A suite of edits. A benchmark is a final subclass: its `card`, its `edits()`, its own knobs."""

    card: ClassVar[Card]
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat")
    metrics: ClassVar[tuple[Metric, ...]] = EDITED
    chunk: ClassVar[int] = 32

    limit: Limit = None
    by: By = "auto"

    def edits(self) -> Iterable[Edit]:
        """Every edit of the set, in a fixed order; raises MissingData where the set is not here."""
        raise NotImplementedError

    def ready(self) -> None:
        """The edits are here and can be read."""
        for _ in self.edits():
            break

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """One item an edit; under a limit every direction as often as another, in every shape."""
        made = [Item(edit.id, edit.cluster or edit.id, asdict(edit)) for edit in self.edits()]
        return spread(made, self.limit, _place)

    def measure(self, world: LM | Chat, items: Sequence[Item]) -> list[Record]:
        """Every distinct prompt of the chunk once."""
        edits = [_unpacked(item.data) for item in items]
        if weighs(world, self.by):
            odds = log_odds(world, [(prompt, edit.choices) for edit in edits for prompt in _arms(edit).values()])
            return [self._more(edit, _weighed(edit, odds), _likelier(edit, odds)) for edit in edits]
        chosen = choices_made(world, [(prompt, edit.choices) for edit in edits for prompt in _arms(edit).values()])
        return [self._more(edit, _said(edit, chosen), _read(edit, chosen)) for edit in edits]

    def extra(self, edit: Edit, answers: Mapping[str, int | None]) -> dict[str, float]:  # noqa: ARG002
        """More metrics of an edit, from the place of the choice that was preferred in each arm (None: not read)."""
        return {}

    def _more(self, edit: Edit, record: Record, answers: Mapping[str, int | None]) -> Record:
        return replace(record, metrics={**record.metrics, **self.extra(edit, answers)})


Asked = tuple[Prompt, tuple[str, str]]


def log_odds(world: LM | Chat, asked: Iterable[Asked]) -> dict[Asked, float]:
    """log P(first) - log P(second) of every distinct prompt with its choices, in one call."""
    distinct = list(dict.fromkeys(asked))
    scored = weigh(world, distinct)
    return {key: s.logprobs[0] - s.logprobs[1] for key, s in zip(distinct, scored, strict=True)}


def choices_made(world: LM | Chat, asked: Iterable[Asked], room: int = ROOM) -> dict[Asked, tuple[int | None, str]]:
    """Which of the two choices the world writes, by its place, None where it cannot be read; and what it wrote."""
    distinct = list(dict.fromkeys(asked))
    said = say(world, [as_question(prompt, choices) for prompt, choices in distinct], max_new_tokens=room)
    found: dict[Asked, tuple[int | None, str]] = {}
    for (prompt, choices), text in zip(distinct, said, strict=True):
        read = read_answer(answer_of(world, text), [choice.strip() for choice in choices], "choice")
        found[prompt, choices] = (read if isinstance(read, int) else None, text)
    return found


def as_question(prompt: Prompt, choices: Sequence[str]) -> Prompt:
    """The prompt as a question that is answered by writing one of the choices."""
    how = f"Answer with one of: {', '.join(choice.strip() for choice in choices)}."
    if prompt.raw:
        return Prompt(f"{prompt.user.rstrip()} …\n\nWhich comes next in this text? {how}", start="Answer:")
    return prompt if "Answer with" in prompt.user else replace(prompt, user=f"{prompt.user}\n{how}")


def _arms(edit: Edit) -> dict[str, Prompt]:
    arms = {"base": edit.base, "changed": edit.changed}
    return {**arms, "placebo": edit.placebo} if edit.placebo else arms


def _likelier(edit: Edit, odds: Mapping[Asked, float]) -> dict[str, int | None]:
    return {arm: int(odds[prompt, edit.choices] <= 0) for arm, prompt in _arms(edit).items()}


def _read(edit: Edit, chosen: Mapping[Asked, tuple[int | None, str]]) -> dict[str, int | None]:
    return {arm: chosen[prompt, edit.choices][0] for arm, prompt in _arms(edit).items()}


def _weighed(edit: Edit, odds: Mapping[Asked, float]) -> Record:
    y = {arm: odds[prompt, edit.choices] for arm, prompt in _arms(edit).items()}
    metrics: dict[str, float] = {}
    for arm, effect, size, flip in (
        ("changed", "effect", "size", "flip"),
        ("placebo", "placebo", "placebo_size", "placebo_flip"),
    ):
        if arm in y:
            moved = y[arm] - y["base"]
            metrics |= {effect: edit.sign * moved} if edit.sign else {}
            metrics |= {size: abs(moved), flip: float((y[arm] > 0) != (y["base"] > 0))}
    first, second = (choice.strip() for choice in edit.choices)
    return _record(
        edit, metrics, {f"log-odds of {first} over {second}, {arm}": f"{odd:+.2f}" for arm, odd in y.items()}
    )


def _said(edit: Edit, chosen: Mapping[Asked, tuple[int | None, str]]) -> Record:
    answers = {arm: chosen[prompt, edit.choices] for arm, prompt in _arms(edit).items()}
    read = _read(edit, chosen)
    metrics = {"parsed": float(all(place is not None for place in read.values()))}
    for arm, flip in (("changed", "flip"), ("placebo", "placebo_flip")):
        if read["base"] is not None and read.get(arm) is not None:
            metrics[flip] = float(read[arm] != read["base"])
    return _record(edit, metrics, {f"said, {arm}": cut(text.strip(), SHOWN) for arm, (_, text) in answers.items()})


def _record(edit: Edit, metrics: dict[str, float], told: dict[str, str]) -> Record:
    texts = {arm: plain(prompt) for arm, prompt in _arms(edit).items()}
    metrics["unmatched"] = float(edit.placebo is None)
    if edit.placebo and (size := paraphrase.size(texts["base"], texts["changed"])):
        metrics["match"] = paraphrase.size(texts["base"], texts["placebo"]) / size
    show = {arm: cut(text, SHOWN) for arm, text in texts.items()} | told
    return Record(edit.id, edit.cluster or edit.id, metrics, show, dict(edit.group))


def _place(item: Item) -> tuple[str, str]:
    shape, sign = item.data["shape"], item.data["sign"]
    return (shape, f"{sign}") if sign else (f"{shape} without a direction", "")


def _unpacked(data: Mapping[str, Any]) -> Edit:
    """The edit of an item's data, which may have been written as JSON and read again."""
    arms = {arm: _prompt(data[arm]) if data[arm] else None for arm in ARMS}
    return Edit(**{**data, **arms, "choices": tuple(data["choices"])})


def _prompt(data: Mapping[str, Any]) -> Prompt:
    return Prompt(**{**data, "shots": tuple((asked, answered) for asked, answered in data["shots"])})
